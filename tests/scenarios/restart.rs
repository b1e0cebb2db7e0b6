//! The switch is killed and started again.

use sip::Method;
use tests::{Phase, Settings, Stage};

#[test]
fn after_a_restart_registrations_are_there_and_phones_call_again() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(5.0);
    stage.with(|world| world.restart(&Settings::default()));
    // Requests of the old call draw 481.
    alice.hangs_up().ends_with(200);
    bob.begins_change(Method::Update, None).is_answered(481);
    bob.ends_with(200);
    let interrupted = stage.with(|world| world.interrupted());
    assert_eq!(
        interrupted, 1,
        "its record is open, for the store to close at the start"
    );
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    assert_eq!(bob.phase(), Some(Phase::Over(200)));
    stage.clears();
}

#[test]
fn a_call_that_was_ringing_is_tried_again_by_its_own_retransmissions() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    stage.with(|world| world.restart(&Settings::default()));
    stage.pass(1.0);
    // The switch has forgotten the call: the caller gives up, and so does the ringing phone.
    alice.hangs_up();
    stage.pass(60.0);
    assert!(matches!(alice.phase(), Some(Phase::Over(_) | Phase::Ending)));
    bob.rejects(486);
    stage.pass(1.0);
    stage.with(|world| world.interrupted());
    stage.clears();
}
