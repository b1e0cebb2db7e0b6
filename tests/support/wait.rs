//! Waiting for other processes: only here a test lets real time pass, step by step and
//! with a limit. All other tests run on a simulated clock.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The time between two looks: short against the waiting time, long against the cost of a look.
const STEP: Duration = Duration::from_millis(20);

/// Looks until there is a result. Panics after `limit` with the name of the awaited result.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        thread::sleep(STEP);
    }
}

/// Looks again and again for as long as `span`: for an event that must not happen.
pub fn throughout(span: Duration, mut look: impl FnMut()) {
    let end = Instant::now() + span;
    while Instant::now() < end {
        look();
        thread::sleep(STEP);
    }
    look();
}
