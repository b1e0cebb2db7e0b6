//! Counts the RTP stream from a leg's peer, for reports (RFC 3550 section 6.4).

use std::time::Duration;

/// The stream from a leg's peer, counted as in RFC 3550 appendix A.1, A.3 and A.8.
#[derive(Debug, Default)]
pub(in crate::relay) struct Incoming {
    pub(in crate::relay) ssrc: Option<u32>,
    base: u16,
    highest: u16,
    cycles: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: i64,
    /// Times 16.
    jitter: u32,
    /// The middle of the last sender report's NTP time, and when it came.
    pub(in crate::relay) last_report: Option<(u32, Duration)>,
}

/// One report block's contents, without its SSRC and without LSR and DLSR.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Quality {
    pub(in crate::relay) fraction_lost: u8,
    pub(in crate::relay) lost: u32,
    pub(in crate::relay) highest: u32,
    pub(in crate::relay) jitter: u32,
}

impl Incoming {
    /// Counts one packet.
    pub(in crate::relay) fn packet(&mut self, now: Duration, ssrc: u32, sequence: u16, timestamp: u32, clock: u32) {
        let arrival = (now.as_micros() as u64 as i64).wrapping_mul(i64::from(clock)) / 1_000_000;
        let transit = arrival.wrapping_sub(i64::from(timestamp));
        if self.ssrc != Some(ssrc) {
            let last_report = None;
            *self = Incoming {
                ssrc: Some(ssrc),
                base: sequence,
                highest: sequence,
                transit,
                last_report,
                ..Self::default()
            };
        } else {
            let ahead = sequence.wrapping_sub(self.highest);
            if ahead != 0 && ahead < 0x8000 {
                if sequence < self.highest {
                    self.cycles = self.cycles.wrapping_add(1 << 16);
                }
                self.highest = sequence;
            }
            // Time stamps wrap at 32 bits: the difference is what counts, and it is small.
            let difference = i64::from((transit.wrapping_sub(self.transit) as i32).unsigned_abs());
            self.transit = transit;
            let jitter = i64::from(self.jitter);
            self.jitter = (jitter + difference - ((jitter + 8) >> 4)).clamp(0, i64::from(u32::MAX >> 4)) as u32;
        }
        self.received = self.received.wrapping_add(1);
    }

    /// The figures since the last report.
    pub(in crate::relay) fn quality(&mut self) -> Quality {
        let highest = self.cycles.wrapping_add(u32::from(self.highest));
        let expected = highest.wrapping_sub(u32::from(self.base)).wrapping_add(1);
        let lost = i64::from(expected) - i64::from(self.received);
        let new = expected.wrapping_sub(self.expected_before);
        let arrived = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let missing = i64::from(new) - i64::from(arrived);
        let fraction_lost = if new == 0 || missing <= 0 {
            0
        } else {
            ((missing << 8) / i64::from(new)).min(255) as u8
        };
        // 24 bits, signed (RFC 3550 section 6.4.1).
        let lost = lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        Quality {
            fraction_lost,
            lost,
            highest,
            jitter: self.jitter >> 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(1_000_000 + ms)
    }

    #[test]
    fn losses_and_wraps_are_counted_as_the_rfc_does() {
        let mut incoming = Incoming::default();
        for (i, sequence) in [65_534u16, 65_535, 0, 2, 3].into_iter().enumerate() {
            incoming.packet(ms(20 * i as u64), 7, sequence, 160 * i as u32, 8000);
        }
        let quality = incoming.quality();
        assert_eq!(
            quality,
            Quality {
                fraction_lost: 42,
                lost: 1,
                highest: 65_539,
                jitter: 0
            }
        );
        assert_eq!(incoming.quality().fraction_lost, 0, "nothing new");
        incoming.packet(ms(200), 8, 1, 0, 8000);
        assert_eq!(incoming.quality().lost, 0, "a new source begins at zero");
    }
}
