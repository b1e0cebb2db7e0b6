//! A call waits in a slot, and a phone takes it.

use media::Source;
use switch::{Began, CauseCode, Event, LinkKind, Unparked};
use tests::{Actor, Phase, Stage};

use super::{parked, record_of, records, team, was_answered_elsewhere, with_config};

/// 101 has called 102, which parks the call by a transfer to this number. The third phone is 103.
pub(super) fn parks_at(stage: &Stage, number: &str) -> (Actor, Actor, Actor) {
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    bob.transfers_to(number).is_notified_at_last(200).ends_with(200);
    stage.pass(0.5);
    (alice, bob, carol)
}

/// The slots whose lamps are lit, with the parties that wait there.
fn lamps(stage: &Stage) -> Vec<(String, &'static str, String)> {
    let slots = (701..=720).map(|slot| slot.to_string());
    let lit = slots.flat_map(|slot| {
        let lines = stage.with(|world| world.switch.lines(&slot));
        lines
            .into_iter()
            .map(move |(_, state, with)| (slot.clone(), state, with))
    });
    lit.collect()
}

#[test]
fn a_phone_parks_its_call_by_a_transfer_and_another_takes_it_by_the_slot() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    stage.is_alone(&alice);
    assert!(stage.played().contains(&Source::Music("default".into())));
    assert_eq!(lamps(&stage), [("701".to_owned(), "held", "101".to_owned())]);
    carol.calls("701").talks();
    stage.hear_each_other(&alice, &carol);
    assert_eq!(lamps(&stage), []);
    assert_eq!(parked(&stage), []);
    stage.ends(&carol, &alice);
    assert_eq!(records(&stage).len(), 3, "one record a call");
}

#[test]
fn the_api_and_its_events_tell_of_parked_calls() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    let call = &parked(&stage)[0];
    assert_eq!(
        (
            call.slot.as_str(),
            call.number.as_str(),
            call.name.as_str(),
            call.parked_by.as_str()
        ),
        ("701", "101", "Person 101", "102")
    );
    assert_eq!(call.returns_at - call.since, 120_000_000);
    let live = stage.calls();
    assert_eq!(live.iter().filter(|live| live.id == call.call).count(), 1);
    assert_eq!(stage.with(|world| world.stats().services.parked), 1);
    carol.calls("701").talks();
    let told = stage.with(|world| {
        let events = world.events.iter().filter_map(|event| match event {
            Event::ParkedAdded(parked) => Some((parked.slot.clone(), None)),
            Event::ParkedRemoved { parked, why } => Some((parked.slot.clone(), Some(*why))),
            _ => None,
        });
        events.collect::<Vec<_>>()
    });
    assert_eq!(told, [("701".into(), None), ("701".into(), Some(Unparked::Retrieved))]);
    stage.ends(&alice, &carol);
}

#[test]
fn records_tell_where_the_call_was_and_who_took_it() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    stage.pass(10.0);
    carol.calls("701").talks();
    stage.pass(5.0);
    stage.ends(&alice, &carol);
    let call = record_of(&stage, "70");
    let told = call
        .segments
        .iter()
        .map(|one| (one.party.as_str(), one.with.as_str(), one.why));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("101", "", Began::Started),
            ("101", "park 701", Began::Answered),
            ("101", "103", Began::Replaced)
        ]
    );
    assert_eq!((call.to.as_str(), call.cause), ("103", CauseCode::CallerHungUp));
    let taken = record_of(&stage, "701");
    assert_eq!(taken.cause, CauseCode::CallJoined);
    assert!(
        call.links
            .iter()
            .any(|link| (link.call, link.how) == (taken.open.call_id, LinkKind::JoinedBy))
    );
}

#[test]
fn each_call_gets_a_slot_of_its_own() {
    let stage = team();
    let (alice, bob, carol) = parks_at(&stage, "705");
    assert_eq!(parked(&stage)[0].slot, "705");
    // Another call that is sent to the same slot waits in the first free one.
    let dave = stage.phone("104");
    dave.calls("102");
    bob.rings().answers().talks();
    dave.talks();
    bob.transfers_to("705").ends_with(200);
    let slots = parked(&stage).into_iter().map(|call| (call.slot, call.number));
    assert_eq!(
        slots.collect::<Vec<_>>(),
        [
            ("701".to_owned(), "104".to_owned()),
            ("705".to_owned(), "101".to_owned())
        ]
    );
    carol.calls("701").talks();
    stage.hear_each_other(&dave, &carol);
    bob.calls("705").talks();
    stage.hear_each_other(&alice, &bob);
    alice.hangs_up();
    bob.ends_with(200);
    stage.ends(&dave, &carol);
}

#[test]
fn the_number_of_an_extension_is_no_slot() {
    let stage = team();
    stage.phone("701");
    let (alice, _bob, carol) = parks_at(&stage, "70");
    assert_eq!(parked(&stage)[0].slot, "702");
    carol.calls("702").talks();
    stage.ends(&alice, &carol);
}

#[test]
fn where_all_slots_are_in_use_the_party_goes_back_to_the_phone_that_sent_it() {
    let stage = with_config(|config| config.limits.services.parking.slots = (701, 701));
    let (alice, bob, carol) = parks_at(&stage, "70");
    let dave = stage.phone("104");
    dave.calls("102");
    bob.rings().answers().talks();
    dave.talks();
    bob.transfers_to("70").is_notified_at_last(486);
    stage.hear_each_other(&dave, &bob);
    dave.hangs_up();
    bob.ends_with(200);
    // The same for a phone that calls.
    bob.calls("70").ends_with(486);
    assert!(records(&stage).iter().any(|cdr| cdr.cause == CauseCode::ParkFull));
    carol.calls("701").talks();
    stage.ends(&alice, &carol);
}

#[test]
fn a_phone_calls_the_slot_hears_which_it_is_and_transfers_its_call_there() {
    let stage = team();
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    let (first, _) = (bob.line(), alice.line());
    first.holds();
    bob.calls("70").talks();
    let second = bob.line();
    stage.pass(1.0);
    let digits = ["digits/7", "digits/0", "digits/1"].map(str::to_owned).to_vec();
    assert!(stage.played().contains(&Source::Prompts(digits)));
    assert_eq!(parked(&stage)[0].number, "102");
    bob.transfers(&first, &second);
    first.ends_with(200);
    second.ends_with(200);
    stage.pass(1.0);
    let call = &parked(&stage)[0];
    assert_eq!(
        (call.slot.as_str(), call.number.as_str(), call.parked_by.as_str()),
        ("701", "101", "102")
    );
    assert_eq!(lamps(&stage), [("701".to_owned(), "held", "101".to_owned())]);
    carol.calls("701").talks();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_lamp_s_ids_take_the_parked_call_and_do_not_replace_its_party() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    carol.picks_up(&alice).talks();
    assert_eq!(alice.phase(), Some(Phase::Up));
    stage.hear_each_other(&alice, &carol);
    assert_eq!(parked(&stage), []);
    stage.ends(&alice, &carol);
}

#[test]
fn of_two_that_take_a_parked_call_at_once_one_gets_it() {
    let stage = team();
    let (alice, bob, carol) = parks_at(&stage, "70");
    carol.with(|phone| phone.call("701"));
    bob.with(|phone| phone.call("701"));
    stage.pass(2.0);
    let (wins, loses) = if carol.phase() == Some(Phase::Up) {
        (carol, bob)
    } else {
        (bob, carol)
    };
    loses.ends_with(480);
    stage.hear_each_other(&alice, &wins);
    stage.ends(&alice, &wins);
}

#[test]
fn an_empty_slot_is_nothing_to_take() {
    let stage = team();
    let carol = stage.phone("103");
    carol.calls("702").ends_with(480);
    assert_eq!(record_of(&stage, "702").cause, CauseCode::PickupNothing);
}

#[test]
fn a_call_is_taken_while_it_returns() {
    let stage = team();
    let (alice, bob, carol) = parks_at(&stage, "70");
    stage.pass(121.0);
    bob.rings();
    carol.calls("701").talks();
    bob.ends_with(487);
    assert!(was_answered_elsewhere(&bob));
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_call_that_returns_is_picked_up_at_the_phone_that_rings() {
    let stage = team();
    let (alice, bob, carol) = parks_at(&stage, "70");
    stage.pass(121.0);
    bob.rings();
    carol.calls("**102").talks();
    bob.ends_with(487);
    stage.hear_each_other(&alice, &carol);
    assert_eq!(parked(&stage), []);
    stage.ends(&alice, &carol);
}

#[test]
fn the_script_goes_on_when_the_conversation_is_over() {
    let stage = Stage::plan(
        r#"fn on_call(caller) {
            if caller.dialed == "701" { caller.pickup("701"); return; }
            if caller.dialed == "104" { caller.dial("104"); return; }
            let r = caller.park(#{ timeout: 20, ring: 10, music: "jazz" });
            if r.status == "retrieved" && r.slot == "701" && r.by == "103" && r.talk > 4.0 { caller.dial("104"); }
        }"#,
    );
    let (alice, carol, dave) = (stage.phone("101"), stage.phone("103"), stage.phone("104"));
    alice.calls("70").talks();
    assert_eq!(parked(&stage)[0].returns_at - parked(&stage)[0].since, 20_000_000);
    carol.calls("701").talks();
    stage.pass(5.0);
    carol.hangs_up().ends_with(200);
    dave.rings().answers().talks();
    stage.hear_each_other(&alice, &dave);
    stage.ends(&alice, &dave);
}

#[test]
fn without_music_the_party_hears_a_tone_now_and_then() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.park(#{ music: "missing" }); }"#);
    let alice = stage.phone("101");
    alice.calls("70").talks();
    stage.pass(5.0);
    let played = stage.played();
    assert!(matches!(played.last(), Some(Source::Tone(_))), "{played:?}");
    alice.hangs_up().ends_with(200);
    stage.clears();
}
