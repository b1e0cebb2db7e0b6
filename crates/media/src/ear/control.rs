//! How long packets wait, and whether that should change.
//!
//! The *wait* of a packet is the time from its arrival, had it not been delayed, to the pull that needs it. It can change
//! only by whole pulls; the rest of the delay are samples that were decoded and are left over when the pull is full.

use std::time::Duration;

use super::Config;

/// Between the wait and what packets need, in microseconds: the clock of the consumer is not exact.
const GUARD: i64 = 2_000;
/// The wait may be so much out of its limits, in microseconds, before it is changed.
const SLACK: i64 = 3_000;
/// Between two changes, in microseconds: so speech is played by 25 % slower at most, and by 10 % faster.
const LENGTHEN_EVERY: i64 = 40_000;
const SHORTEN_EVERY: i64 = 100_000;
/// Pulls' clock: so much later than it should be, in microseconds, and the pull clock begins anew.
const STOPPED: i64 = 300_000;
/// The part of a pull's lateness that the clock follows.
const FOLLOWED: i64 = 32;
/// Packets that are looked at before the wait is shortened, and microseconds before what is left over is.
const LOOKED_AT: u32 = 5;
const LEFT_OVER: i64 = 1_000_000;
/// With so many microseconds too much, sound is made shorter wherever it is the least alike.
const PRESSING: f32 = 80_000.0;

/// How alike sound must be for a change of its length; the second where it is urgent.
const ALIKE: [f32; 2] = [0.85, 0.4];

/// The steady clock of the consumer, in microseconds, without the small delays of each of its pulls.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct PullClock(Option<i64>);

impl PullClock {
    /// The time of this pull, which is `millis` after the one before.
    pub(super) fn tick(&mut self, now: Duration, millis: u32) -> i64 {
        let now = micros(now);
        let expected = self.0.map_or(now, |before| before + i64::from(millis) * 1000);
        let late = now - expected;
        // A pull comes later than it should, never earlier.
        let at = if (0..STOPPED).contains(&late) {
            expected + late / FOLLOWED
        } else {
            now
        };
        self.0 = Some(at);
        at
    }
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The limits of the wait of a packet that was not delayed, in microseconds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// With less than this, packets come too late.
    pub(super) least: i64,
    /// More than this is no use.
    pub(super) most: i64,
    /// More than this is never kept.
    pub(super) never: i64,
}

impl Limits {
    /// For packets of which all but few come within `spread`, and pulls of `millis`.
    pub(super) fn new(config: &Config, spread: i64, millis: u32) -> Limits {
        let pull = i64::from(millis) * 1000;
        let [least, most] = [config.least, config.most].map(micros);
        let wanted = (spread + GUARD)
            .max(least - pull + GUARD)
            .min(most.max(least) - pull)
            .max(GUARD);
        Limits {
            least: wanted,
            most: wanted + pull + SLACK,
            never: most.max(least),
        }
    }
}

/// What to do about the wait.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Change {
    Nothing,
    /// Play slower: put in about so many microseconds, where the sound is that much alike.
    Lengthen(i64, f32),
    /// Play faster: leave out about so many microseconds. With the sound of the next packet, if this one's is too short.
    Shorten(i64, f32),
    /// Leave out at most so many microseconds of what is left over.
    Trim(i64, f32),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Control {
    /// When the length was changed last, or tried to be.
    changed: i64,
    /// The wait of the packet that this pull has needed.
    wait: Option<i64>,
    /// The least wait of the last packets, and how many these are.
    least: i64,
    packets: u32,
    /// The least that was left over since a time.
    left: i64,
    since: i64,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            changed: 0,
            wait: None,
            least: i64::MAX,
            packets: 0,
            left: i64::MAX,
            since: 0,
        }
    }
}

impl Control {
    /// A packet was needed.
    pub(super) fn needed(&mut self, wait: i64) {
        self.wait = Some(self.wait.map_or(wait, |other| other.min(wait)));
        self.least = self.least.min(wait);
        self.packets += 1;
    }

    /// Sound goes on after a gap, or its length was changed: what was seen before says nothing any more.
    pub(super) fn restart(&mut self, at: i64) {
        *self = Control {
            changed: self.changed,
            since: at,
            ..Control::default()
        };
    }

    /// The least wait of enough packets in a row.
    fn least(&mut self) -> Option<i64> {
        (self.packets >= LOOKED_AT).then(|| {
            self.packets = 0;
            std::mem::replace(&mut self.least, i64::MAX)
        })
    }

    /// The pull at `at` is full, and so many microseconds are left over.
    pub(super) fn decide(&mut self, at: i64, limits: &Limits, left: i64) -> Change {
        self.left = self.left.min(left);
        let since_change = at - self.changed;
        let change = if let Some(wait) = self.wait.take().filter(|wait| *wait < limits.least - SLACK) {
            let is_urgent = wait < GUARD;
            if !is_urgent && since_change < LENGTHEN_EVERY {
                return Change::Nothing;
            }
            Change::Lengthen(limits.most - SLACK - limits.least - left, ALIKE[usize::from(is_urgent)])
        } else if since_change >= SHORTEN_EVERY
            && let Some(least) = self.least().filter(|least| *least > limits.most)
        {
            // The longer all is delayed, the less must the pieces be alike.
            let pressure = ((least - limits.most) as f32 / PRESSING).min(1.0);
            Change::Shorten(least - limits.least, ALIKE[0] + (ALIKE[1] - ALIKE[0]) * pressure)
        } else if at - self.since > LEFT_OVER {
            let spare = std::mem::replace(&mut self.left, i64::MAX);
            self.since = at;
            if spare < 2 * SLACK {
                return Change::Nothing;
            }
            Change::Trim(spare, ALIKE[0])
        } else {
            return Change::Nothing;
        };
        self.changed = at;
        change
    }
}
