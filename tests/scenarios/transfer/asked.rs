//! What the transferor and the target of a transfer are told; REFER outside of the dialog that it is about.

use sip::{HeaderName, Message, Method};
use tests::{Actor, Phase, Stage};

use super::{connect, records, talking};

/// The statuses that a phone was told of its transfer.
fn statuses(phone: &Actor) -> Vec<u16> {
    phone.notices().iter().map(|notice| notice.code).collect()
}

#[test]
fn a_transferor_is_told_that_the_target_rings() {
    // RFC 3515 2.4.5.
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103");
    carol.rings();
    bob.is_notified(180);
    stage.pass(1.0);
    assert_eq!(statuses(&bob), [100, 180]);
    carol.answers().talks();
    bob.is_notified_at_last(200).ends_with(200);
    assert_eq!(statuses(&bob), [100, 180, 200]);
    stage.ends(&alice, &carol);
}

#[test]
fn a_transferor_that_wants_no_notify_gets_none() {
    // RFC 4488 4.
    for answered in [true, false] {
        let (stage, alice, bob, carol) = talking();
        let accepted = bob.refers(|refer| {
            refer
                .header(HeaderName::ReferTo, "<sip:103@tandem.local>")
                .header(HeaderName::Require, "norefersub")
                .header(HeaderName::ReferSub, "false")
        });
        assert_eq!(accepted.status().unwrap().code(), 202);
        assert_eq!(accepted.header(HeaderName::ReferSub), Some("false"));
        carol.rings();
        if answered {
            carol.answers().talks();
            bob.ends_with(200);
            stage.ends(&alice, &carol);
        } else {
            carol.rejects(486);
            stage.hear_each_other(&alice, &bob);
            stage.ends(&alice, &bob);
        }
        assert_eq!(bob.got(Method::Notify), 0, "\n{}", stage.ladder());
    }
}

#[test]
fn the_target_learns_who_has_transferred_the_call() {
    // RFC 3892 2.1. Tandem names the phone that it has authenticated, whatever that phone says.
    let (stage, alice, bob, carol) = talking();
    bob.refers(|refer| {
        refer
            .header(HeaderName::ReferTo, "<sip:103@tandem.local>")
            .header(HeaderName::ReferredBy, "<sip:boss@tandem.local>")
    });
    carol.rings();
    let by = carol.call(|call| call.invite.header(HeaderName::ReferredBy).map(str::to_owned));
    assert_eq!(by.as_deref(), Some("<sip:102@tandem.local>"));
    carol.answers().talks();
    bob.ends_with(200);
    stage.ends(&alice, &carol);
}

/// The Target-Dialog that names the dialog of a phone's call, as that phone sees it.
fn target_dialog(phone: &Actor) -> String {
    phone
        .dialog()
        .replace("from-tag", "local-tag")
        .replace("to-tag", "remote-tag")
}

/// A REFER outside of any dialog.
fn refers_outside(phone: &Actor, dialog: Option<&str>, sub: bool) -> Message {
    let contact = phone.with(|phone| phone.contact());
    phone.asks(Method::Refer, "sip:tandem.local", |refer| {
        let mut refer = refer
            .header(HeaderName::Contact, contact)
            .header(HeaderName::ReferTo, "<sip:103@tandem.local>");
        if let Some(dialog) = dialog {
            refer = refer.header(HeaderName::TargetDialog, dialog);
        }
        if sub {
            refer
        } else {
            refer.header(HeaderName::ReferSub, "false")
        }
    })
}

#[test]
fn a_phone_transfers_by_a_refer_outside_of_the_dialog() {
    // RFC 4538: Target-Dialog names the dialog.
    for by_caller in [false, true] {
        for sub in [false, true] {
            let (stage, alice, bob, carol) = talking();
            let (transferor, transferee) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
            let accepted = refers_outside(transferor, Some(&target_dialog(transferor)), sub);
            assert_eq!(accepted.status().unwrap().code(), 202, "\n{}", stage.ladder());
            carol.rings().answers().talks();
            transferor.ends_with(200);
            stage.hear_each_other(transferee, &carol);
            // RFC 3515 2.4.4: the NOTIFYs come in the dialog that the REFER began.
            let told = transferor.with(|phone| {
                let requests = phone.received.iter().filter(|message| message.is_request());
                let notifies = requests.filter(|message| *message.method() == Method::Notify);
                notifies.map(|notify| notify.call_id().to_owned()).collect::<Vec<_>>()
            });
            assert_eq!(told.is_empty(), !sub, "\n{}", stage.ladder());
            assert!(told.iter().all(|call_id| *call_id == accepted.call_id()), "{told:?}");
            stage.ends(transferee, &carol);
        }
    }
}

#[test]
fn a_refer_outside_of_a_dialog_is_for_a_call_of_the_sender_s() {
    let (stage, alice, bob, carol) = talking();
    let code = |phone: &Actor, dialog: Option<&str>| refers_outside(phone, dialog, true).status().unwrap().code();
    let named = target_dialog(&bob);
    assert_eq!(code(&carol, Some(&named)), 403, "a stranger that knows the tags");
    assert_eq!(code(&bob, None), 403, "it asks Tandem to call");
    assert_eq!(code(&bob, Some(&named.replace("local-tag=", "local-tag=x"))), 481);
    assert_eq!(code(&bob, Some("x")), 400);
    carol.stays_silent(1.0);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn the_conference_key_brings_all_three_together() {
    // The phone calls the conference, and sends both other parties there.
    let stage = Stage::plan(
        r#"fn on_call(caller) { if caller.dialed == "conf-900" { caller.conference("900"); } else { caller.dial(caller.dialed); } }"#,
    );
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (bob1, alice) = connect(&bob, "101", &alice);
    let (bob2, carol) = connect(&bob.on_any(), "103", &carol);
    let bob3 = bob.on_any();
    bob3.calls("conf-900").talks();
    let bob3 = bob3.line();
    for line in [&bob1, &bob2] {
        line.transfers_to("sip:conf-900@tandem.local");
        line.is_notified_at_last(200).ends_with(200);
    }
    stage.pass(1.0);
    let conferences = stage.conferences();
    let mut members: Vec<_> = conferences[0]
        .members
        .iter()
        .map(|member| member.number.clone())
        .collect();
    members.sort();
    assert_eq!(
        (conferences.len(), members),
        (1, vec!["101".into(), "102".into(), "103".into()])
    );
    for phone in [&alice, &carol, &bob3] {
        phone.hangs_up().ends_with(200);
    }
    stage.clears();
}

#[test]
fn a_call_made_over_the_api_is_transferred_by_either_party() {
    for by_first in [true, false] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        let (from, to) = ("101".to_owned(), "102".to_owned());
        stage.commands(switch::Command::Originate { from, to }).unwrap();
        alice.rings().answers().talks();
        bob.rings().answers().talks();
        stage.pass(1.0);
        let (transferor, party) = if by_first { (&alice, &bob) } else { (&bob, &alice) };
        transferor.transfers_to("103");
        carol.rings().answers().talks();
        transferor.is_notified_at_last(200).ends_with(200);
        stage.hear_each_other(party, &carol);
        stage.ends(party, &carol);
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn a_call_made_over_the_api_is_transferred_to_a_second_call() {
    for by_first in [true, false] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        let (from, to) = ("101".to_owned(), "102".to_owned());
        stage.commands(switch::Command::Originate { from, to }).unwrap();
        alice.rings().answers().talks();
        bob.rings().answers().talks();
        stage.pass(1.0);
        let (alice, bob) = (alice.line(), bob.line());
        let (transferor, party) = if by_first { (&alice, &bob) } else { (&bob, &alice) };
        let (second, carol) = connect(&transferor.on_any(), "103", &carol);
        transferor.transfers(transferor, &second).is_notified_at_last(200);
        transferor.ends_with(200);
        second.ends_with(200);
        stage.hear_each_other(party, &carol);
        stage.ends(party, &carol);
    }
}

#[test]
fn a_party_that_talks_takes_the_place_of_the_phone_that_is_rung_first() {
    // 101 talks with 102 and has asked for a call to 103 over the API. It gives that call to 102 before it picks up itself.
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (bob, first) = connect(&bob, "101", &alice);
    let (from, to) = ("101".to_owned(), "103".to_owned());
    stage.commands(switch::Command::Originate { from, to }).unwrap();
    let second = alice.rings().line();
    first.transfers(&first, &second).is_notified_at_last(200);
    carol.rings().answers().talks();
    stage.hear_each_other(&bob, &carol);
    first.ends_with_any();
    stage.ends(&bob, &carol);
}

/// A call over the API of the first phone, which is up; the second one rings.
fn rung_second() -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let (from, to) = ("101".to_owned(), "102".to_owned());
    stage.commands(switch::Command::Originate { from, to }).unwrap();
    alice.rings().answers().talks();
    bob.rings();
    (stage, alice.line(), bob, carol)
}

#[test]
fn the_phone_that_was_rung_first_transfers_the_second_one_while_that_rings() {
    // It has asked for the call over the API, and has second thoughts.
    let (stage, alice, bob, carol) = rung_second();
    alice.transfers_to("103");
    carol.stays_silent(1.0);
    bob.answers().talks();
    carol.rings().answers().talks();
    alice.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&bob, &carol);
    stage.ends(&bob, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_transfer_that_waits_for_a_phone_that_rings_fails_with_that_phone() {
    let (stage, alice, bob, carol) = rung_second();
    alice.transfers_to("103");
    alice.asks_to_transfer_to("103").is_told_of_its_refer(491);
    bob.rejects(486);
    alice.is_notified_at_last(486).ends_with(200);
    carol.stays_silent(1.0);
    stage.clears();
}

#[test]
fn a_phone_that_hangs_up_while_its_transfer_waits_ends_the_call() {
    let (stage, alice, bob, carol) = rung_second();
    alice.transfers_to("103");
    alice.hangs_up().ends_with(200);
    bob.ends_with(487);
    carol.stays_silent(1.0);
    stage.clears();
}

#[test]
fn a_call_of_the_api_whose_second_phone_rings_is_joined_with_another_call() {
    // RFC 5589 section 7.6, from either of the two dialogs.
    for by_ringing in [false, true] {
        let (stage, alice, bob, carol) = rung_second();
        let (second, carol) = connect(&alice.on_any(), "103", &carol);
        if by_ringing {
            alice.transfers(&alice, &second);
        } else {
            second.transfers(&second, &alice);
        }
        stage.pass(1.0);
        assert_eq!(bob.phase(), Some(Phase::Ringing), "{by_ringing}");
        bob.answers().talks();
        alice.ends_with(200);
        second.ends_with(200);
        stage.hear_each_other(&bob, &carol);
        stage.ends(&bob, &carol);
    }
}

#[test]
fn a_refer_with_the_method_bye_hangs_the_other_party_up() {
    for by_caller in [true, false] {
        let stage = Stage::plan(
            r#"fn on_call(caller) { caller.dial(caller.dialed); if caller.dialed == "102" { caller.dial("103"); } }"#,
        );
        let (alice, bob) = stage.talking();
        let carol = stage.phone("103");
        let (asker, party, named) = if by_caller {
            (&alice, &bob, "102")
        } else {
            (&bob, &alice, "101")
        };
        let to = |number: &str| format!("<sip:{number}@tandem.local;method=BYE>");
        let refused = asker.refers(|refer| refer.header(HeaderName::ReferTo, to("103")));
        assert_eq!(refused.status().unwrap().code(), 404, "it is not in the call");
        let taken = asker.refers(|refer| refer.header(HeaderName::ReferTo, to(named)));
        assert_eq!(taken.status().unwrap().code(), 202);
        asker.is_notified_at_last(200);
        party.ends_with(200);
        if by_caller {
            // As after any end of the callee the script goes on.
            carol.rings().answers().talks();
            stage.hear_each_other(&alice, &carol);
            stage.ends(&alice, &carol);
        } else {
            bob.ends_with(200);
            carol.stays_silent(1.0);
            stage.clears();
        }
        assert_eq!(records(&stage), 1);
    }
}

#[test]
fn the_subscription_of_a_refer_goes_on_and_ends_by_subscribe_and_only_refer_begins_one() {
    // RFC 3515 2.4.4.
    let (stage, alice, bob, carol) = talking();
    let subscribe = |event: &str, seconds: u32| {
        let answer = bob.asks_within(Method::Subscribe, |it| {
            it.header(HeaderName::Event, event).header(HeaderName::Expires, seconds)
        });
        answer.status().unwrap().code()
    };
    assert_eq!(subscribe("refer", 60), 403, "no REFER came");
    bob.transfers_to("103");
    carol.rings();
    stage.pass(1.0);
    let before = statuses(&bob).len();
    assert_eq!(subscribe("refer;id=77", 60), 403, "of another REFER");
    assert_eq!((statuses(&bob).len(), subscribe("refer", 600)), (before, 200));
    stage.pass(1.0);
    assert_eq!(statuses(&bob).last(), Some(&180), "the state is told again");
    assert_eq!(subscribe("refer", 0), 200);
    stage.pass(1.0);
    let last = bob.notices().pop().unwrap();
    assert_eq!((last.code, last.state.as_str()), (180, "terminated;reason=timeout"));
    let told = statuses(&bob).len();
    assert_eq!(subscribe("refer", 60), 403, "it is over");
    carol.answers().talks();
    bob.ends_with(200);
    assert_eq!(statuses(&bob).len(), told, "and the transfer went on");
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    // Outside of a dialog as well.
    let lamp = bob.subscribes("refer", "102", 60, |it| it);
    assert_eq!(bob.lamp(lamp, |lamp| lamp.code), Some(403));
}
