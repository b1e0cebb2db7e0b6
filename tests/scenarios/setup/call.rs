//! Two phones call each other: each outcome of such a call.

use media::SdpDirection;
use switch::{Disposition, EndedBy, Input};
use tests::{Stage, world::EPOCH};

#[test]
fn two_phones_talk_and_the_caller_hangs_up() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").hears_ringing();
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(10.0);
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    let cdr = stage.record();
    assert_eq!(
        (cdr.disposition, cdr.ended_by, cdr.to.as_str()),
        (Disposition::Answered, EndedBy::Caller, "102")
    );
    assert_eq!((cdr.open.from.as_str(), cdr.open.dialed.as_str()), ("101", "102"));
    let talk = cdr.ended_at - cdr.answered_at.unwrap();
    assert!((9_900_000..10_200_000).contains(&talk), "{talk}");
    stage.clears();
}

#[test]
fn the_callee_hangs_up() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks().hangs_up().ends_with(200);
    alice.ends_with(200);
    assert_eq!(stage.record().ended_by, EndedBy::Callee);
    stage.clears();
}

#[test]
fn failures_reach_the_caller_as_the_callee_s_own() {
    for (code, disposition) in [
        (486, Disposition::Busy),
        (600, Disposition::Busy),
        (603, Disposition::Rejected),
        (480, Disposition::NoAnswer),
        (500, Disposition::Failed),
    ] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        bob.feels(|mood| mood.refuses = Some(code));
        alice.calls("102").ends_with(code);
        let cdr = stage.record();
        assert_eq!((cdr.disposition, cdr.sip_code), (disposition, code));
        stage.clears();
    }
}

#[test]
fn an_unknown_number_is_404_and_an_absent_or_silent_phone_480() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    stage.unregistered("102");
    let bob = stage.phone("103");
    alice.calls("999").ends_with(404);
    alice.calls("102").ends_with(480);
    alice.calls("103");
    bob.rings();
    alice.ends_with(480);
    bob.ends_with(487);
    stage.clears();
}

#[test]
fn the_caller_gives_up() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").hears_ringing().hangs_up().ends_with(487);
    bob.ends_with(487);
    assert_eq!(stage.record().disposition, Disposition::Cancelled);
    stage.clears();
}

#[test]
fn hold_and_resume_go_through() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers();
    alice.talks().holds().hears(SdpDirection::RecvOnly);
    bob.hears(SdpDirection::SendOnly);
    alice.resumes();
    bob.hears(SdpDirection::SendRecv);
    bob.holds();
    alice.hears(SdpDirection::SendOnly);
    bob.resumes().hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn all_phones_ring_and_the_first_to_answer_wins() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let (desk, kitchen, mobile) = (stage.phone("102"), stage.phone("102"), stage.phone("102"));
    alice.calls("102");
    desk.rings();
    kitchen.rings();
    mobile.rings();
    kitchen.answers().talks();
    alice.talks();
    desk.ends_with(487);
    mobile.ends_with(487);
    alice.hangs_up();
    kitchen.ends_with(200);
    stage.clears();
}

#[test]
fn a_wall_clock_that_is_set_makes_no_call_shorter() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks();
    let before = EPOCH - 3_600_000_000;
    stage.with(|world| world.handle(Input::Clock { unix_micros: before }));
    stage.pass(10.0);
    alice.hangs_up().ends_with(200);
    let cdr = stage.record();
    let talk = cdr.ended_at - cdr.answered_at.unwrap();
    assert!((9_900_000..10_200_000).contains(&talk), "{talk}");
    assert!(cdr.open.started_at <= cdr.answered_at.unwrap());
    stage.clears();
}
