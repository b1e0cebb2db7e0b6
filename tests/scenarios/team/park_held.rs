//! Which slot it is, as the phone that parks a call learns it; and a party on hold that is parked by a feature code.

use media::{Command, Source};
use sip::{HeaderName, Method};
use switch::{CauseCode, Config};
use tests::{Actor, Phase, Settings, Stage};

use super::{NUMBERS, parked, record_of, records, requests, team};

/// *68 parks the party that the caller has on hold, and then rings the reception, 104.
fn stage() -> Stage {
    let own = r#"
fn on_call(caller) {
    if caller.dialed == "*68" {
        let r = caller.park(#{ held: true });
        if r.status == "timeout" { caller.dial("104"); }
    } else { others(caller); }
}
"#;
    let others = NUMBERS.replace("fn on_call", "fn others");
    Stage::new(Settings {
        plan: format!("{}{others}{own}", include_str!("../../../dialplans/team.rhai")),
        config: Config::default(),
        ..Settings::default()
    })
}

/// 101 and 102 talk, and this one of the two has the other one on hold: the holder on its first line, and the party.
fn held(stage: &Stage, by_caller: bool) -> (Actor, Actor) {
    let (alice, bob) = stage.talking();
    let (holder, party) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
    holder.holds();
    stage.pass(1.0);
    (holder.line(), party.line())
}

#[test]
fn the_party_on_hold_is_parked_and_its_holder_hears_and_sees_the_slot() {
    for by_caller in [true, false] {
        let stage = stage();
        let (first, party) = held(&stage, by_caller);
        let second = first.on_any();
        second.calls("*68").talks();
        let second = second.line();
        first.ends_with(200);
        stage.pass(0.5);
        let number = if by_caller { "102" } else { "101" };
        let calls = parked(&stage);
        assert_eq!(calls.len(), 1, "{}", stage.ladder());
        let by = if by_caller { "101" } else { "102" };
        assert_eq!(
            (
                calls[0].slot.as_str(),
                calls[0].number.as_str(),
                calls[0].parked_by.as_str()
            ),
            ("701", number, by)
        );
        assert_eq!(party.music().as_deref(), Some("default"));
        // The holder hears the slot, sees it, and is hung up after that.
        let said = Source::Prompts(["7", "0", "1"].map(|digit| format!("digits/{digit}")).into());
        let port = second.port();
        let plays = |command: &Command| matches!(command, Command::Play { media, source, .. } if *media == port && *source == said);
        assert_eq!(stage.count(plays), 1, "{}", stage.ladder());
        let update = requests(&second, &Method::Update).pop().unwrap();
        let shown = update.header(HeaderName::PAssertedIdentity).unwrap();
        assert!(shown.starts_with("\"Park 701\" <sip:701@"), "{shown}");
        second.ends_with(200);
        let carol = stage.phone("103");
        carol.calls("701").talks();
        stage.hear_each_other(&party, &carol);
        stage.ends(&carol, &party);
        assert_eq!(records(&stage).len(), 3, "one record a call");
    }
}

#[test]
fn a_holder_that_hangs_up_before_it_has_heard_the_slot_leaves_the_party_parked() {
    let stage = stage();
    let (first, party) = held(&stage, false);
    let second = first.on_any();
    second.calls("*68").talks();
    let second = second.line();
    stage.pass(0.3);
    second.hangs_up().ends_with(200);
    first.ends_with(200);
    stage.pass(5.0);
    assert_eq!(parked(&stage).len(), 1);
    party.hangs_up().ends_with(200);
    stage.clears();
    assert_eq!(parked(&stage), []);
}

#[test]
fn a_party_that_hangs_up_in_the_slot_ends_the_announcement() {
    let stage = stage();
    let (first, party) = held(&stage, true);
    let second = first.on_any();
    second.calls("*68").talks();
    let second = second.line();
    first.ends_with(200);
    party.hangs_up().ends_with(200);
    second.ends_with(200);
    stage.clears();
}

#[test]
fn a_party_that_no_phone_takes_returns_to_its_holder_and_then_goes_where_the_dialplan_says() {
    let stage = stage();
    let (first, party) = held(&stage, false);
    let second = first.on_any();
    second.calls("*68").talks();
    second.ends_with(200);
    first.ends_with(200);
    stage.pass(121.0);
    let dave = stage.phone("104");
    let third = first.on_any();
    third.rings();
    stage.pass(31.0);
    third.ends_with(487);
    dave.rings().answers().talks();
    stage.hear_each_other(&party, &dave);
    stage.ends(&party, &dave);
}

#[test]
fn without_a_party_on_hold_nothing_is_parked() {
    let stage = stage();
    let (alice, bob) = stage.talking();
    let (first, carol) = (alice.line(), stage.phone("103"));
    // Not held by this phone: neither a party that talks, nor that of another phone of the extension.
    carol.calls("*68").ends_with(480);
    let second = alice.on_any();
    second.calls("*68").ends_with(480);
    bob.holds();
    alice.calls("*68");
    alice.on_any().ends_with(480);
    assert_eq!(parked(&stage), []);
    bob.resumes();
    stage.hear_each_other(&first, &bob);
    stage.ends(&first, &bob);
    assert_eq!(record_of(&stage, "*68").cause, CauseCode::ParkNothing);
}

#[test]
fn of_several_parties_on_hold_the_latest_is_parked() {
    let stage = stage();
    let (first, alice) = held(&stage, false);
    let carol = stage.phone("103");
    let second = first.on_any();
    second.calls("103");
    carol.rings().answers().talks();
    let second = second.line();
    second.talks().holds();
    let third = first.on_any();
    third.calls("*68").talks();
    second.ends_with(200);
    stage.pass(5.0);
    assert_eq!(parked(&stage)[0].number, "103");
    assert_eq!(first.phase(), Some(Phase::Up));
    first.resumes();
    stage.hear_each_other(&first, &alice);
    carol.hangs_up().ends_with(200);
    stage.ends(&first, &alice);
}

/// The texts within the calls of a phone.
fn texts(phone: &Actor) -> Vec<String> {
    let texts = requests(phone, &Method::Message);
    texts.iter().map(|text| text.body_text().into_owned()).collect()
}

#[test]
fn a_phone_that_parks_by_a_transfer_is_shown_the_slot() {
    for (allow, shown, text) in [
        ("INVITE, ACK, CANCEL, BYE, UPDATE, MESSAGE, NOTIFY", true, true),
        ("INVITE, ACK, CANCEL, BYE, NOTIFY", false, false),
    ] {
        let stage = team();
        let bob = stage.phone("102");
        bob.feels(|mood| mood.allow = allow);
        let alice = stage.phone("101");
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        bob.transfers_to("70").is_notified_at_last(200).ends_with(200);
        stage.pass(1.0);
        let update = requests(&bob, &Method::Update).pop();
        let name = update.and_then(|update| Some(update.header(HeaderName::PAssertedIdentity)?.to_owned()));
        assert_eq!(
            name.is_some_and(|name| name.starts_with("\"Park 701\" <sip:701@")),
            shown
        );
        let expected: &[&str] = if text { &["Parked at 701"] } else { &[] };
        assert_eq!(texts(&bob), expected);
        assert!(texts(&alice).is_empty());
        alice.hangs_up().ends_with(200);
        stage.clears();
    }
}
