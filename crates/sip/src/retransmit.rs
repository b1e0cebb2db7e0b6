//! A 2xx to an INVITE, repeated end to end until its ACK comes (RFC 3261 13.3.1.4), and a reliable
//! provisional response, repeated until its PRACK comes (RFC 3262 section 3).

use std::time::Duration;

use bytes::Bytes;

use crate::{time::Instant, transaction::TimerConfig};

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send these bytes again.
    Retransmit(Bytes),
    /// No ACK came within 64*T1: the dialog is confirmed, but the session should be ended with
    /// BYE (13.3.1.4).
    GiveUp,
    /// Nothing before [`Accepted::next_timeout`].
    Nothing,
}

/// The repetition of one 2xx; drop it when the ACK comes.
///
/// It runs on reliable transports, too: a hop further on may be unreliable.
#[derive(Clone, Debug)]
pub struct Accepted {
    bytes: Bytes,
    interval: Duration,
    longest: Duration,
    next: Instant,
    end: Instant,
    given_up: bool,
}

impl Accepted {
    /// Starts when the 2xx `bytes` were first sent, at `now`.
    pub fn new(now: Instant, bytes: Bytes, timers: &TimerConfig) -> Self {
        Self {
            bytes,
            interval: timers.t1,
            longest: timers.t2,
            next: now + timers.t1,
            end: now + timers.l,
            given_up: false,
        }
    }

    /// As [`Accepted::new`] for a reliable provisional response: its interval doubles without limit
    /// (RFC 3262 section 3). Given up means: no PRACK came, so the INVITE should be refused with a
    /// 5xx.
    pub fn provisional(now: Instant, bytes: Bytes, timers: &TimerConfig) -> Self {
        Self {
            longest: Duration::MAX,
            ..Self::new(now, bytes, timers)
        }
    }

    /// What is due at `now`; each retransmission and the giving up are said once.
    pub fn due(&mut self, now: Instant) -> Due {
        if self.given_up {
            return Due::Nothing;
        }
        if now >= self.end {
            self.given_up = true;
            return Due::GiveUp;
        }
        if now < self.next {
            return Due::Nothing;
        }
        // "an interval that starts at T1 seconds and doubles ... until it reaches T2 seconds"
        self.interval = self.interval.saturating_mul(2).min(self.longest);
        self.next = now + self.interval;
        Due::Retransmit(self.bytes.clone())
    }

    /// When to ask again; `None` once given up.
    pub fn next_timeout(&self) -> Option<Instant> {
        (!self.given_up).then(|| self.next.min(self.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it is repeated, in milliseconds, and when it is given up.
    fn schedule(mut accepted: Accepted) -> (Vec<u64>, u64) {
        let mut times = Vec::new();
        loop {
            let at = accepted.next_timeout().unwrap();
            assert_eq!(accepted.due(Instant::from_micros(at.as_micros() - 1)), Due::Nothing);
            match accepted.due(at) {
                Due::Retransmit(_) => times.push(at.as_micros() / 1_000),
                Due::GiveUp => {
                    assert_eq!(accepted.next_timeout(), None);
                    assert_eq!(accepted.due(Instant::from_micros(99_000_000)), Due::Nothing);
                    return (times, at.as_micros() / 1_000);
                }
                Due::Nothing => panic!("woken for nothing at {at:?}"),
            }
        }
    }

    #[test]
    fn a_2xx_is_repeated_at_t1_doubling_to_t2_and_given_up_at_64_t1() {
        let timers = TimerConfig::default();
        let bytes = Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n");
        let mut accepted = Accepted::new(Instant::ZERO, bytes.clone(), &timers);
        let expected = vec![500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
        assert_eq!(schedule(accepted.clone()), (expected, 32_000));
        let Due::Retransmit(again) = accepted.due(Instant::from_micros(500_000)) else {
            panic!("not repeated")
        };
        assert_eq!(again.as_ptr(), bytes.as_ptr(), "the same bytes, not a copy");
    }

    #[test]
    fn a_reliable_provisional_response_is_repeated_at_t1_doubling() {
        let bytes = Bytes::from_static(b"SIP/2.0 183 Session Progress\r\n\r\n");
        let provisional = Accepted::provisional(Instant::ZERO, bytes, &TimerConfig::default());
        assert_eq!(
            schedule(provisional),
            (vec![500, 1_500, 3_500, 7_500, 15_500, 31_500], 32_000)
        );
    }
}
