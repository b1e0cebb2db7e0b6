//! A parked call returns to the phone that parked it, or ends in its slot.

use switch::{Began, CauseCode, Command, Event, Unparked};
use tests::{Phase, Stage};

use super::{park::parks_at, parked, record_of, requests, team, with_config};

/// What became of the parked calls.
fn unparked(stage: &Stage) -> Vec<Unparked> {
    stage.with(|world| {
        let events = world.events.iter().filter_map(|event| match event {
            Event::ParkedRemoved { why, .. } => Some(*why),
            _ => None,
        });
        events.collect()
    })
}

#[test]
fn a_call_that_no_phone_takes_returns_to_the_phone_that_parked_it() {
    let stage = team();
    let (alice, bob, _) = parks_at(&stage, "70");
    stage.pass(115.0);
    assert_eq!(bob.phase(), Some(Phase::Over(200)));
    stage.pass(6.0);
    bob.rings();
    assert_eq!(bob.call(tests::phone::PhoneCall::number), "101");
    let invite = requests(&bob, &sip::Method::Invite).pop().unwrap();
    let name = invite.from().unwrap().display_name().map(|name| name.into_owned());
    assert_eq!(name.as_deref(), Some("Park 701: Person 101"));
    bob.answers().talks();
    stage.hear_each_other(&alice, &bob);
    assert_eq!(parked(&stage), []);
    assert_eq!(unparked(&stage), [Unparked::Returned]);
    stage.ends(&alice, &bob);
    let record = record_of(&stage, "70");
    assert_eq!(record.to, "102");
    assert_eq!(record.segments.last().unwrap().why, Began::Answered);
}

#[test]
fn if_the_phone_that_parked_it_does_not_answer_the_dialplan_goes_on() {
    let stage = team();
    // 104 calls 102, which parks the call; 101 is the reception.
    let (dave, bob, alice) = (stage.phone("104"), stage.phone("102"), stage.phone("101"));
    dave.calls("102");
    bob.rings().answers().talks();
    dave.talks();
    bob.transfers_to("70").ends_with(200);
    stage.pass(121.0);
    bob.rings();
    stage.pass(30.0);
    bob.ends_with(487);
    alice.rings().answers().talks();
    stage.hear_each_other(&dave, &alice);
    assert_eq!(unparked(&stage), [Unparked::Timeout]);
    stage.ends(&dave, &alice);
}

#[test]
fn if_the_phone_that_parked_it_is_busy_or_away_the_dialplan_goes_on() {
    for is_away in [false, true] {
        let stage = team();
        let (dave, bob, alice) = (stage.phone("104"), stage.phone("102"), stage.phone("101"));
        dave.calls("102");
        bob.rings().answers().talks();
        dave.talks();
        bob.transfers_to("70").ends_with(200);
        if is_away {
            bob.registers(0);
        } else {
            bob.feels(|mood| mood.refuses = Some(486));
        }
        stage.pass(121.0);
        alice.rings().answers().talks();
        stage.hear_each_other(&dave, &alice);
        stage.ends(&dave, &alice);
    }
}

#[test]
fn a_party_that_hangs_up_frees_its_slot() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    alice.hangs_up().ends_with(200);
    assert_eq!(parked(&stage), []);
    assert_eq!(unparked(&stage), [Unparked::Ended]);
    carol.calls("701").ends_with(480);
    assert_eq!(record_of(&stage, "70").cause, CauseCode::CallerHungUp);
    stage.clears();
}

#[test]
fn a_party_that_hangs_up_while_its_call_returns_stops_the_ringing() {
    let stage = team();
    let (alice, bob, _) = parks_at(&stage, "70");
    stage.pass(121.0);
    bob.rings();
    alice.hangs_up().ends_with(200);
    bob.ends_with(487);
    assert_eq!(unparked(&stage), [Unparked::Ended]);
    stage.clears();
}

#[test]
fn the_admin_api_ends_a_parked_call() {
    let stage = team();
    let (alice, ..) = parks_at(&stage, "70");
    let call = parked(&stage)[0].call;
    stage.commands(Command::HangUp(call)).unwrap();
    alice.ends_with(200);
    assert_eq!(parked(&stage), []);
    stage.clears();
}

#[test]
fn a_hang_up_meets_the_phone_that_takes_the_call() {
    for hang_up_first in [true, false] {
        for gap in [0.0, 0.004, 0.008, 0.02, 0.05] {
            let stage = team();
            let (alice, _bob, carol) = parks_at(&stage, "70");
            let hangs_up = || alice.with(|phone| phone.hang_up(0));
            let takes = || {
                carol.with(|phone| phone.call("701"));
            };
            if hang_up_first {
                hangs_up();
                stage.pass(gap);
                takes();
            } else {
                takes();
                stage.pass(gap);
                hangs_up();
            }
            stage.pass(5.0);
            for phone in [&alice, &carol] {
                assert!(matches!(phone.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
            }
            assert_eq!(parked(&stage), []);
            stage.clears();
        }
    }
}

#[test]
fn the_answer_of_the_phone_that_parked_it_meets_the_phone_that_takes_the_call() {
    for gap in [0.0, 0.004, 0.008, 0.02] {
        let stage = team();
        let (alice, bob, carol) = parks_at(&stage, "70");
        stage.pass(121.0);
        bob.rings();
        let call = bob.latest();
        bob.with(|phone| phone.answer(call));
        stage.pass(gap);
        carol.with(|phone| phone.call("701"));
        stage.pass(3.0);
        let winner = if carol.phase() == Some(Phase::Up) { &carol } else { &bob };
        stage.hear_each_other(&alice, winner);
        stage.ends(&alice, winner);
    }
}

#[test]
fn after_a_restart_every_slot_is_free() {
    let stage = team();
    let (alice, _bob, carol) = parks_at(&stage, "70");
    stage.with(|world| world.restart(&super::settings()));
    assert_eq!(parked(&stage), []);
    carol.registers(3_600);
    carol.calls("701").ends_with(480);
    let _ = alice;
}

#[test]
fn a_shorter_time_is_a_setting() {
    let stage = with_config(|config| config.limits.services.parking.timeout = std::time::Duration::from_secs(10));
    let (alice, bob, _) = parks_at(&stage, "70");
    stage.pass(10.0);
    bob.rings().answers().talks();
    stage.ends(&bob, &alice);
}
