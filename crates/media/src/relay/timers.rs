//! When something is due: a table of times, and for each leg what stands in it.

use std::{collections::BTreeSet, time::Duration};

/// The timers of a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The peer may have fallen silent.
    Watch,
    /// The next frame of a play.
    Play,
    /// A packet of a digit.
    Keys,
    /// The packets of a key may have ended.
    Held,
    /// A report to the peer (RFC 3550 section 6.2).
    Report,
    /// A report to signalling.
    Measure,
}

impl Timer {
    /// All of them.
    pub(super) const ALL: [Timer; 6] = [
        Timer::Watch,
        Timer::Play,
        Timer::Keys,
        Timer::Held,
        Timer::Report,
        Timer::Measure,
    ];
}

/// When each [`Timer`] of a leg is due.
#[derive(Debug, Default)]
pub(super) struct Due([Option<Duration>; Timer::ALL.len()]);

impl Due {
    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }
}

/// The timers of all legs.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Duration, u32, Timer)>);

impl Timers {
    /// When the first is due.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, ..)| *at)
    }

    /// Takes the first that is due. It is for the caller to [clear](Timers::fired) it at its leg.
    pub(super) fn pop(&mut self, now: Duration) -> Option<(u32, Timer)> {
        let (at, slot, timer) = self.0.first().copied().filter(|(at, ..)| *at <= now)?;
        self.0.remove(&(at, slot, timer));
        Some((slot, timer))
    }

    /// A timer that was taken is no longer due at its leg.
    pub(super) fn fired(due: &mut Due, timer: Timer) {
        due.0[timer as usize] = None;
    }

    /// Sets or clears one timer of the leg in that slot.
    pub(super) fn arm(&mut self, slot: u32, due: &mut Due, timer: Timer, at: Option<Duration>) {
        let due = &mut due.0[timer as usize];
        if *due == at {
            return;
        }
        if let Some(before) = due.take() {
            self.0.remove(&(before, slot, timer));
        }
        if let Some(at) = at {
            self.0.insert((at, slot, timer));
        }
        *due = at;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
