//! How many NOTIFYs a second: a token bucket that says when the next one may go.

use std::time::Duration;

use sip::Instant;

use crate::config::Rate;

/// When the next NOTIFY may go. Each NOTIFY moves `full` on by the time it takes at the average rate; a burst may run
/// ahead of that (the "generic cell rate algorithm").
#[derive(Default)]
pub(super) struct Pace {
    /// When all that was sent would have been sent at the average rate.
    full: Instant,
    /// How far ahead of that a burst may be.
    ahead: Duration,
}

impl Pace {
    /// When the next one may go.
    pub fn next(&self) -> Instant {
        let micros = self.full.as_micros();
        let ahead = u64::try_from(self.ahead.as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(micros.saturating_sub(ahead))
    }

    /// One goes now.
    pub fn take(&mut self, rate: Rate, now: Instant) {
        // A rate of zero would stop all lamps for ever: one a second is the least.
        let each = Duration::from_secs(1) / rate.per_second.max(1);
        self.ahead = each * rate.burst.saturating_sub(1);
        self.full = self.full.max(now) + each;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let rate = Rate {
            per_second: 100,
            burst: 3,
        };
        let (mut pace, mut now) = (Pace::default(), Instant::from_micros(5_000_000));
        let mut gone = Vec::new();
        for _ in 0..6 {
            now = now.max(pace.next());
            gone.push(now.as_micros() / 1_000 - 5_000);
            pace.take(rate, now);
        }
        assert_eq!(gone, [0, 0, 0, 10, 20, 30]);
    }
}
