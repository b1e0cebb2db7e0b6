//! Token buckets.

use std::time::Duration;

use sip::Instant;

use crate::config::Rate;

/// A token bucket: 16 bytes, no float, no drift. Counts millionths of tokens, so one microsecond is worth `per_second`
/// of them.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Bucket {
    micro_tokens: u64,
    filled: Instant,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self {
            micro_tokens: u64::from(rate.burst) * TOKEN,
            filled: now,
        }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let micros = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = micros.saturating_mul(u64::from(rate.per_second));
        self.micro_tokens = self
            .micro_tokens
            .saturating_add(gained)
            .min(u64::from(rate.burst) * TOKEN);
        self.filled = self.filled.max(now);
    }

    /// Takes a token if more than `reserve` whole tokens are left.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant, reserve: u32) -> bool {
        self.refill(rate, now);
        let enough = self.micro_tokens >= (u64::from(reserve) + 1) * TOKEN;
        if enough {
            self.micro_tokens -= TOKEN;
        }
        enough
    }

    /// Returns a token that was taken without need.
    pub(crate) fn give_back(&mut self) {
        self.micro_tokens = self.micro_tokens.saturating_add(TOKEN);
    }

    /// Whether there is a token, without taking it.
    pub(crate) fn has(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        self.micro_tokens >= TOKEN
    }

    /// How long until there is a token; a day if there will never be one.
    pub(crate) fn wait(&self, rate: Rate) -> Duration {
        let missing = TOKEN.saturating_sub(self.micro_tokens);
        match missing.div_ceil(u64::from(rate.per_second).max(1)) {
            _ if rate.per_second == 0 => Duration::from_secs(86_400),
            micros => Duration::from_micros(micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut now = Instant::ZERO;
        let mut bucket = Bucket::full(rate, now);
        assert_eq!((0..5).filter(|_| bucket.take(rate, now, 0)).count(), 3);
        assert_eq!(bucket.wait(rate), Duration::from_millis(100));
        now += Duration::from_millis(99);
        assert!(!bucket.take(rate, now, 0));
        now += Duration::from_millis(1);
        assert!(bucket.take(rate, now, 0) && !bucket.take(rate, now, 0));
        now += Duration::from_secs(1_000_000_000);
        assert_eq!(
            (0..5).filter(|_| bucket.take(rate, now, 0)).count(),
            3,
            "never more than the burst"
        );
    }

    #[test]
    fn a_reserve_is_left_for_others() {
        let rate = Rate {
            per_second: 0,
            burst: 10,
        };
        let mut bucket = Bucket::full(rate, Instant::ZERO);
        assert_eq!((0..20).filter(|_| bucket.take(rate, Instant::ZERO, 4)).count(), 6);
        assert_eq!((0..20).filter(|_| bucket.take(rate, Instant::ZERO, 0)).count(), 4);
        assert_eq!(bucket.wait(rate), Duration::from_secs(86_400));
    }

    #[test]
    fn no_tokens_come_back_while_time_stands_still_or_goes_back() {
        let rate = Rate::per_second(1);
        let later = Instant::from_micros(5_000_000);
        let mut bucket = Bucket::full(rate, later);
        assert!(bucket.take(rate, later, 0));
        assert!(!bucket.take(rate, Instant::ZERO, 0) && !bucket.take(rate, later, 0));
    }
}
