//! Waiting for what other processes do: the one place where a test lets time pass, step by step and
//! with an end. Everything else in the tests runs on a clock of its own.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks. Short against anything that is waited for, long against what a look costs.
const STEP: Duration = Duration::from_millis(20);

/// Looks until there is something to see. Panics, naming what was waited for, after `limit`.
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

/// Looks again and again for as long as `span`: for what must not happen.
pub fn throughout(span: Duration, mut look: impl FnMut()) {
    let end = Instant::now() + span;
    while Instant::now() < end {
        look();
        thread::sleep(STEP);
    }
    look();
}
