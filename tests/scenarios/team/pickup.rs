//! A phone takes a call that rings elsewhere.

use sip::{HeaderName, Method};
use switch::{Began, CauseCode, Command, LinkKind};
use tests::{Actor, Stage};

use super::{group, record_of, records, team, was_answered_elsewhere};

/// 101 calls 102, which rings; 103 is there, too.
fn ringing() -> (Stage, Actor, Actor, Actor) {
    let stage = team();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    (stage, alice, bob, carol)
}

#[test]
fn a_call_that_rings_at_an_extension_is_taken_by_its_code() {
    let (stage, alice, bob, carol) = ringing();
    carol.calls("**102").talks();
    alice.talks();
    bob.ends_with(487);
    assert!(was_answered_elsewhere(&bob));
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage).len(), 2, "one record a call");
}

#[test]
fn records_tell_who_picked_up() {
    let (stage, alice, bob, carol) = ringing();
    stage.pass(2.0);
    carol.calls("**102").talks();
    bob.ends_with(487);
    stage.pass(5.0);
    stage.ends(&alice, &carol);
    let call = record_of(&stage, "102");
    let pickup = record_of(&stage, "**102");
    assert_eq!((call.to.as_str(), call.cause), ("103", CauseCode::CallerHungUp));
    let last = call.segments.last().unwrap();
    assert_eq!(
        (last.party.as_str(), last.with.as_str(), last.why),
        ("101", "103", Began::Replaced)
    );
    let links = |cdr: &switch::Cdr| cdr.links.iter().map(|link| (link.call, link.how)).collect::<Vec<_>>();
    assert_eq!(links(&call), [(pickup.open.call_id, LinkKind::JoinedBy)]);
    assert_eq!(links(&pickup), [(call.open.call_id, LinkKind::Joined)]);
    assert_eq!(pickup.cause, CauseCode::CallJoined);
}

#[test]
fn all_other_phones_of_the_call_stop_and_count_no_missed_call() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed == "600" { caller.dial(["102", "104"]); } else { caller.pickup("104"); }
        }"#,
    );
    let phones = ["101", "102", "102", "104", "103"].map(|number| stage.phone(number));
    let [alice, bob, desk, dave, carol] = &phones;
    alice.calls("600");
    for phone in [bob, desk, dave] {
        phone.rings();
    }
    carol.calls("*1").talks();
    alice.talks();
    for phone in [bob, desk, dave] {
        phone.ends_with(487);
        assert!(was_answered_elsewhere(phone));
    }
    stage.hear_each_other(alice, carol);
    stage.ends(carol, alice);
}

#[test]
fn both_are_shown_with_whom_they_talk() {
    let (stage, alice, bob, carol) = ringing();
    carol.calls("**102").talks();
    alice.talks();
    bob.ends_with(487);
    let shown = |phone: &Actor| {
        phone.with(|phone| {
            let answers = phone.received.iter().filter(|message| message.status().is_some());
            let mut ok = answers.filter(|message| message.cseq().is_ok_and(|cseq| cseq.method == Method::Invite));
            let ok = ok.rfind(|message| message.status().is_some_and(|status| status.code() == 200));
            ok.and_then(|ok| Some(ok.header(HeaderName::PAssertedIdentity)?.to_owned()))
        })
    };
    let (alice_sees, carol_sees) = (shown(&alice).unwrap_or_default(), shown(&carol).unwrap_or_default());
    assert!(alice_sees.contains("\"Person 103\" <sip:103@"), "{alice_sees}");
    assert!(carol_sees.contains("\"Person 101\" <sip:101@"), "{carol_sees}");
    stage.ends(&alice, &carol);
}

#[test]
fn of_a_group_the_call_that_has_rung_longest_is_taken() {
    let stage = team();
    let phones = ["101", "102", "103", "104", "105", "106"].map(|number| stage.phone(number));
    let [alice, bob, carol, dave, erin, frank] = &phones;
    group(&stage, "sales", &["103", "104", "105"]);
    // 106 rings first, but belongs to no group.
    bob.calls("106");
    frank.rings();
    stage.pass(1.0);
    alice.calls("105");
    erin.rings();
    stage.pass(1.0);
    let fay = stage.phone("107");
    fay.calls("104");
    dave.rings();
    carol.calls("*8").talks();
    alice.talks();
    erin.ends_with(487);
    assert!(was_answered_elsewhere(erin));
    stage.hear_each_other(alice, carol);
    alice.hangs_up();
    carol.ends_with(200);
    carol.calls("*8").talks();
    fay.talks();
    dave.ends_with(487);
    fay.hangs_up();
    carol.ends_with(200);
    frank.answers().talks();
    bob.talks();
    stage.ends(bob, frank);
}

#[test]
fn a_phone_may_take_the_call_of_another_phone_of_its_own_extension() {
    let (stage, alice, bob, _) = ringing();
    group(&stage, "bosses", &["102"]);
    let desk = stage.phone("102");
    desk.calls("**102").talks();
    alice.talks();
    bob.ends_with(487);
    stage.hear_each_other(&alice, &desk);
    stage.ends(&alice, &desk);
}

#[test]
fn where_nothing_rings_the_caller_is_told() {
    let stage = team();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    group(&stage, "sales", &["103", "102"]);
    for number in ["**102", "**999", "*8"] {
        carol.calls(number).ends_with(480);
        assert_eq!(record_of(&stage, number).cause, CauseCode::PickupNothing, "{number}");
    }
    // A call that was answered rings no longer.
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    carol.calls("**102").ends_with(480);
    // A caller that hears ringing is not what rings.
    carol.calls("**101").ends_with(480);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn the_call_of_another_group_is_not_for_the_caller() {
    let (stage, alice, bob, carol) = ringing();
    group(&stage, "bosses", &["102"]);
    carol.calls("**102").ends_with(403);
    assert_eq!(record_of(&stage, "**102").cause, CauseCode::PickupDenied);
    group(&stage, "sales", &["103"]);
    carol.calls("**102").ends_with(403);
    // By the ids that a lamp has told, neither.
    carol.picks_up_if_early(&bob).ends_with(403);
    // Without a group there is no call of the group.
    let dave = stage.phone("104");
    dave.calls("*8").ends_with(403);
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}

#[test]
fn a_lamp_may_name_the_dialog_as_the_phone_that_rings_sees_it() {
    for is_lamp_s in [true, false] {
        let (stage, alice, bob, carol) = ringing();
        let named = bob.dialog();
        let (call, tags) = named.split_once(";to-tag=").unwrap();
        let (to, from) = tags.split_once(";from-tag=").unwrap();
        // RFC 4235 4.1.2: its local tag is the tag of the phone that rings.
        let value = if is_lamp_s {
            format!("{call};to-tag={from};from-tag={to};early-only")
        } else {
            format!("{call};to-tag={to};from-tag={from};early-only")
        };
        carol.replaces(&value).talks();
        alice.talks();
        bob.ends_with(487);
        assert!(was_answered_elsewhere(&bob));
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_script_is_told_whose_call_it_has_taken() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed == "102" { caller.dial("102"); return; }
            let r = caller.pickup("102");
            log.info(`${r.status} ${r.number} ${r.name}`);
            if r.status != "answered" || r.number != "101" || r.name != "Person 101" { throw "wrong"; }
            caller.dial("104");
        }"#,
    );
    let phones = ["101", "102", "103", "104"].map(|number| stage.phone(number));
    let [alice, bob, carol, dave] = &phones;
    alice.calls("102");
    bob.rings();
    carol.calls("**").talks();
    alice.talks();
    stage.pass(1.0);
    // Its phone has left for the other call: verbs after that have no effect.
    assert!(dave.with(|phone| phone.calls.is_empty()));
    assert!(!stage.events().contains(&"failed"), "{:?}", stage.events());
    stage.ends(alice, carol);
}

#[test]
fn a_script_goes_on_where_there_was_nothing() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            let r = caller.pickup("102");
            if r.status == "nothing" { caller.dial("104"); }
        }"#,
    );
    let (carol, dave, _bob) = (stage.phone("103"), stage.phone("104"), stage.phone("102"));
    carol.calls("**");
    dave.rings().answers().talks();
    carol.talks();
    stage.ends(&carol, &dave);
}

#[test]
fn a_caller_that_was_answered_before_takes_a_call() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed == "102" { caller.dial("102"); return; }
            caller.answer();
            caller.wait(3);
            caller.pickup("102");
        }"#,
    );
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    carol.calls("**").talks();
    alice.calls("102");
    bob.rings();
    bob.ends_with(487);
    alice.talks();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&carol, &alice);
}

#[test]
fn a_call_made_over_the_api_is_taken_before_its_own_phone_answers() {
    let stage = team();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage
        .commands(Command::Originate {
            from: "102".into(),
            to: "101".into(),
        })
        .unwrap();
    bob.rings();
    carol.calls("**102").talks();
    bob.ends_with(487);
    alice.rings().answers().talks();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn without_a_codec_in_common_the_call_goes_on_ringing() {
    let (stage, alice, bob, _) = ringing();
    let dave = stage.unregistered("104");
    stage.with(|world| world.device("104", &[], switch::Transcode::Off));
    dave.feels(|mood| mood.codecs = vec!["G722"]);
    dave.registers(3_600);
    dave.calls("**102").ends_with(488);
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}
