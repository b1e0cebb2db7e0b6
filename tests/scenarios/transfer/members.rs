//! REFER by a member of a conference (RFC 4579): whom it names is invited, moved or removed.

use sip::{Builder, HeaderName, Method};
use switch::LinkKind;
use tests::{Actor, Settings, Stage};

use super::{connect, records};

/// 101 and 102 are in the conference 900.
fn meeting() -> (Stage, Actor, Actor) {
    let stage = Stage::new(Settings {
        plan: r#"fn on_call(caller) {
            if caller.dialed == "900" { caller.conference("sales"); }
            else if caller.dialed == "901" { caller.conference("board"); }
            else { caller.dial(caller.dialed, #{ timeout: 20 }); }
        }"#
        .into(),
        ..Settings::default()
    });
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for phone in [&alice, &bob] {
        phone.calls("900").talks();
        stage.pass(0.5);
    }
    (stage, alice.line(), bob.line())
}

fn members(stage: &Stage, room: &str) -> Vec<String> {
    stage.pass(0.5);
    let rooms = stage.conferences();
    let room = rooms.iter().find(|one| one.room == room);
    let members = room.into_iter().flat_map(|room| &room.members);
    members.map(|member| member.number.clone()).collect()
}

fn refers(actor: &Actor, to: &str) -> u16 {
    let answer = actor.refers(|refer: Builder| refer.header(HeaderName::ReferTo, format!("<{to}>")));
    answer.status().unwrap().code()
}

fn hang_up(stage: &Stage, phones: &[&Actor]) {
    for phone in phones {
        phone.hangs_up().ends_with(200);
    }
    stage.clears();
}

#[test]
fn an_extension_that_a_member_names_is_rung_and_enters_the_conference() {
    let (stage, alice, bob) = meeting();
    let carol = stage.phone("103");
    assert_eq!(refers(&alice, "sip:103@tandem.local"), 202);
    carol.rings();
    assert_eq!(
        carol.call(tests::phone::PhoneCall::number),
        "900",
        "it shows the conference"
    );
    alice.is_notified(180);
    carol.answers().talks();
    alice.is_notified_at_last(200);
    assert_eq!(members(&stage, "sales"), ["101", "102", "103"]);
    hang_up(&stage, &[&carol, &alice, &bob]);
    assert_eq!(records(&stage), 3, "one record a call");
}

#[test]
fn who_is_invited_and_does_not_come_leaves_the_conference_as_it_was() {
    for code in [486, 603] {
        let (stage, alice, bob) = meeting();
        let carol = stage.phone("103");
        carol.feels(|mood| mood.refuses = Some(code));
        assert_eq!(refers(&alice, "sip:103@tandem.local"), 202);
        alice.is_notified_at_last(code);
        // Without a phone, likewise.
        stage.unregistered("104");
        assert_eq!(refers(&alice, "sip:104@tandem.local"), 202);
        stage.pass(1.0);
        assert_eq!(
            alice.notices().last().map(|notice| (notice.code, notice.is_last())),
            Some((480, true))
        );
        assert_eq!(members(&stage, "sales"), ["101", "102"]);
        hang_up(&stage, &[&alice, &bob]);
    }
}

#[test]
fn the_member_that_invites_may_leave_before_the_answer() {
    let (stage, alice, bob) = meeting();
    let carol = stage.phone("103");
    assert_eq!(refers(&alice, "sip:103@tandem.local"), 202);
    carol.rings();
    alice.hangs_up().ends_with(200);
    carol.answers().talks();
    assert_eq!(members(&stage, "sales"), ["102", "103"]);
    hang_up(&stage, &[&carol, &bob]);
}

#[test]
fn a_number_of_the_dialplan_moves_the_member_itself() {
    let (stage, alice, bob) = meeting();
    assert_eq!(refers(&alice, "sip:901@tandem.local"), 202);
    alice.is_notified_at_last(200);
    assert_eq!(members(&stage, "board"), ["101"]);
    assert_eq!(members(&stage, "sales"), ["102"]);
    hang_up(&stage, &[&alice, &bob]);
    assert_eq!(records(&stage), 3);
}

#[test]
fn another_call_of_the_member_is_merged_into_the_conference() {
    for member_calls in [true, false] {
        let (stage, alice, bob) = meeting();
        let carol = stage.phone("103");
        let (second, carol) = if member_calls {
            connect(&alice.on_any(), "103", &carol)
        } else {
            let (carol, second) = connect(&carol, "101", &alice.on_any());
            (second, carol)
        };
        alice.transfers(&alice, &second).is_notified_at_last(200);
        second.ends_with(200);
        assert_eq!(members(&stage, "sales"), ["101", "102", "103"]);
        hang_up(&stage, &[&carol, &alice, &bob]);
        assert_eq!(records(&stage), 4);
        let linked = stage.with(|world| {
            let links = world.cdrs.iter().flat_map(|cdr| cdr.links.iter().map(|link| link.how));
            links.collect::<Vec<_>>()
        });
        assert!(
            linked.contains(&LinkKind::TransferredTo) && linked.contains(&LinkKind::TransferredFrom),
            "{linked:?}"
        );
    }
}

#[test]
fn a_member_removes_itself_and_whom_it_has_invited() {
    let (stage, alice, bob) = meeting();
    let carol = stage.phone("103");
    assert_eq!(refers(&alice, "sip:103@tandem.local"), 202);
    carol.rings().answers().talks();
    alice.is_notified_at_last(200);
    for (asker, to, code) in [
        (&bob, "sip:103@tandem.local;method=BYE", 403),
        (&bob, "sip:101@tandem.local;method=BYE", 403),
        (&bob, "sip:104@tandem.local;method=BYE", 404),
        (&alice, "sip:103@tandem.local;method=BYE", 202),
    ] {
        assert_eq!(refers(asker, to), code, "{to}");
    }
    carol.ends_with(200);
    assert_eq!(members(&stage, "sales"), ["101", "102"]);
    assert_eq!(refers(&bob, "sip:102@tandem.local;method=BYE"), 202);
    bob.ends_with(200);
    assert_eq!(members(&stage, "sales"), ["101"]);
    hang_up(&stage, &[&alice]);
}

#[test]
fn what_a_member_may_not_ask_for_is_refused() {
    let (stage, alice, bob) = meeting();
    let (carol, dave) = (stage.phone("103"), stage.phone("104"));
    let (carol, dave) = connect(&carol, "104", &dave);
    assert_eq!(refers(&alice, "sip:103@elsewhere.example"), 404);
    assert_eq!(refers(&alice, "mailto:carol@example.com"), 404);
    // The call of others.
    let dialog = carol.dialog().replace(';', "%3B").replace('=', "%3D");
    assert_eq!(refers(&alice, &format!("sip:104@tandem.local?Replaces={dialog}")), 403);
    assert_eq!(
        refers(&alice, "sip:104@tandem.local?Replaces=none%3Bto-tag%3D1%3Bfrom-tag%3D2"),
        202
    );
    alice.is_notified_at_last(481);
    stage.hear_each_other(&carol, &dave);
    assert_eq!(alice.got(Method::Bye), 0);
    stage.commands(switch::Command::ListCalls).unwrap();
    carol.hangs_up().ends_with(200);
    dave.ends_with(200);
    hang_up(&stage, &[&alice, &bob]);
}
