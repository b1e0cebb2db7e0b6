//! The state that the switch still holds.

use tests::world::EPOCH;

use crate::life::{Life, OUTSIDE};

/// The switch and what is around it hold nothing of any call, and each call has one record.
pub fn nothing_is_left(life: &mut Life) {
    life.world.expect_nothing_left();
}

/// The switch and the store have the same bindings.
pub fn bindings_are_on_disk(life: &mut Life) {
    let bound = life.world.stats().registrations;
    assert_eq!(
        bound,
        life.world.bindings.len() as u64,
        "bindings in memory and on disk"
    );
}

/// No binding is older than it may be.
pub fn bindings_end_in_time(life: &mut Life) {
    let unix = EPOCH + i64::try_from(life.world.now.as_micros()).unwrap();
    for binding in life.world.bindings.values() {
        assert!(binding.expires_at >= unix, "{} is bound for too long", binding.contact);
    }
}

/// A leg of which the media engine heard nothing more is closed in time.
pub fn silent_calls_are_closed(life: &mut Life) {
    let now = life.world.now;
    let due = life.seen.silent.iter().filter(|(_, by)| *by <= now);
    for (port, _) in due {
        let open = life.world.ports.contains(port);
        assert!(!open, "nothing is heard on {port:?}, and its call goes on");
    }
    life.seen.silent.retain(|(_, by)| *by > now);
}

/// Soon after the record of a call was written, nothing of the call is left. A CANCEL to an address where nobody
/// answers may take longer.
pub fn closed_calls_are_gone(life: &mut Life) {
    for call in life.list_calls() {
        let mut legs = call.legs.iter();
        let far = !call.legs.is_empty() && legs.all(|leg| leg.remote.starts_with(OUTSIDE));
        let closed = life.seen.closed_before_pause.contains(&call.id);
        assert!(far || !closed, "the record is closed, the call goes on: {call:?}");
    }
}
