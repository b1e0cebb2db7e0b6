//! The two RTP streams of a leg: what its receiver sees as one unbroken stream, and what is counted of its sender's.

use std::time::Duration;

/// How the next relayed packet joins the stream.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Join {
    /// As the one before.
    #[default]
    Same,
    /// Packets were put in between: number on, the clock is the same.
    Sequence,
    /// There was a gap or another source: number on, and set the clock by the time that has passed.
    Anew,
}

/// The stream to a leg's peer: one SSRC for the life of the leg, whoever is heard on it (RFC 3550 section 5.1).
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) ssrc: u32,
    /// The last number and time stamp sent, and when.
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    at: Duration,
    started: bool,
    /// Which leg's stream is relayed: slot and SSRC.
    pub(super) source: Option<(u32, u32)>,
    pub(super) sequence_shift: u16,
    pub(super) timestamp_shift: u32,
    pub(super) join: Join,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// Where a packet stands in the stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// The first after a switch (RFC 3551 section 4.1).
    pub(super) first: bool,
}

/// A packet's place in its sender's stream.
#[derive(Copy, Clone, Debug)]
pub(super) struct Origin {
    pub(super) slot: u32,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) clock: u32,
    /// Events keep their start's time stamp (RFC 4733 section 2.5.1.1): they do not move the clock.
    pub(super) event: bool,
}

impl Outgoing {
    /// A stream that begins at numbers nobody can guess (RFC 3550 section 5.1).
    pub(super) fn new(random: u64) -> Outgoing {
        Outgoing {
            ssrc: (random >> 32) as u32,
            sequence: random as u16 & 0x7fff,
            timestamp: (random >> 16) as u32,
            at: Duration::ZERO,
            started: false,
            source: None,
            sequence_shift: 0,
            timestamp_shift: 0,
            join: Join::Same,
            packets: 0,
            octets: 0,
        }
    }

    /// At least this much continuity is lost before the next relayed packet.
    pub(super) fn interrupt(&mut self, join: Join) {
        self.join = self.join.max(join);
    }

    /// The place of a relayed packet.
    pub(super) fn relay(&mut self, now: Duration, origin: Origin, frame: u32) -> Place {
        let switched = self.source != Some((origin.slot, origin.ssrc));
        let join = if switched { Join::Anew } else { self.join };
        match join {
            Join::Same => {}
            Join::Sequence => self.sequence_shift = self.sequence.wrapping_add(1).wrapping_sub(origin.sequence),
            Join::Anew => {
                let next = self.following(now, origin.clock, frame);
                self.sequence_shift = next.sequence.wrapping_sub(origin.sequence);
                self.timestamp_shift = next.timestamp.wrapping_sub(origin.timestamp);
                self.source = Some((origin.slot, origin.ssrc));
            }
        }
        self.join = Join::Same;
        let place = Place {
            sequence: origin.sequence.wrapping_add(self.sequence_shift),
            timestamp: origin.timestamp.wrapping_add(self.timestamp_shift),
            first: join == Join::Anew,
        };
        self.sent(now, place, origin.event);
        place
    }

    /// The place of the next packet that Tandem makes after what was sent before.
    pub(super) fn following(&self, now: Duration, clock: u32, frame: u32) -> Place {
        if !self.started {
            return Place {
                sequence: self.sequence,
                timestamp: self.timestamp,
                first: true,
            };
        }
        let passed = now.saturating_sub(self.at).as_millis() as u64 * u64::from(clock) / 1000;
        Place {
            sequence: self.sequence.wrapping_add(1),
            timestamp: self.timestamp.wrapping_add((passed as u32).max(frame)),
            first: true,
        }
    }

    /// A packet went out there.
    pub(super) fn sent(&mut self, now: Duration, place: Place, event: bool) {
        let ahead = place.sequence.wrapping_sub(self.sequence) as i16 > 0;
        if !self.started || ahead {
            self.sequence = place.sequence;
            if !event || !self.started {
                self.timestamp = place.timestamp;
                self.at = now;
            }
            self.started = true;
        }
    }

    /// For sender reports.
    pub(super) fn count(&mut self, payload: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload as u32);
    }

    /// The time stamp this moment has, for a sender report (RFC 3550 section 6.4.1).
    pub(super) fn timestamp_at(&self, now: Duration, clock: u32) -> u32 {
        let passed = now.saturating_sub(self.at).as_millis() as u64 * u64::from(clock) / 1000;
        self.timestamp.wrapping_add(passed as u32)
    }
}

/// What has come from a leg's peer (RFC 3550 appendix A.1, A.3 and A.8).
#[derive(Debug, Default)]
pub(super) struct Incoming {
    pub(super) ssrc: Option<u32>,
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
    pub(super) last_report: Option<(u32, Duration)>,
}

/// One report block's contents, without its SSRC and without LSR and DLSR.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Quality {
    pub(super) fraction_lost: u8,
    pub(super) lost: u32,
    pub(super) highest: u32,
    pub(super) jitter: u32,
}

impl Incoming {
    /// Counts one packet.
    pub(super) fn packet(&mut self, now: Duration, ssrc: u32, sequence: u16, timestamp: u32, clock: u32) {
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

    /// What to report since the last report.
    pub(super) fn quality(&mut self) -> Quality {
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

    fn origin(ssrc: u32, sequence: u16, timestamp: u32) -> Origin {
        Origin {
            slot: 1,
            ssrc,
            sequence,
            timestamp,
            clock: 8000,
            event: false,
        }
    }

    #[test]
    fn another_source_continues_the_same_stream() {
        let mut out = Outgoing::new(0x1234_5678_9abc_def0);
        let first = out.relay(ms(0), origin(7, 65_535, u32::MAX), 160);
        let second = out.relay(ms(20), origin(7, 0, 159), 160);
        assert!(first.first && !second.first);
        assert_eq!(second.sequence.wrapping_sub(first.sequence), 1);
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 160);
        let other = out.relay(ms(120), origin(9, 500, 77), 160);
        assert_eq!(
            (
                other.sequence.wrapping_sub(second.sequence),
                other.timestamp.wrapping_sub(second.timestamp)
            ),
            (1, 800)
        );
        assert!(other.first);
    }

    #[test]
    fn loss_and_disorder_pass_through() {
        let mut out = Outgoing::new(1);
        let places = [10, 12, 11, 14].map(|n| out.relay(ms(0), origin(7, n, u32::from(n) * 160), 160).sequence);
        assert_eq!(places.map(|p| p.wrapping_sub(places[0])), [0, 2, 1, 4]);
        assert_eq!(out.following(ms(0), 8000, 160).sequence, places[3].wrapping_add(1));
    }

    #[test]
    fn packets_put_in_between_only_shift_the_numbers() {
        let mut out = Outgoing::new(1);
        let before = out.relay(ms(0), origin(7, 10, 1600), 160);
        let between = out.following(ms(20), 8000, 160);
        out.sent(ms(20), between, true);
        out.interrupt(Join::Sequence);
        let after = out.relay(ms(100), origin(7, 15, 2400), 160);
        assert_eq!(
            (
                after.sequence.wrapping_sub(before.sequence),
                after.timestamp.wrapping_sub(before.timestamp)
            ),
            (2, 800)
        );
        assert!(!after.first);
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
        assert_eq!(incoming.quality().lost, 0, "a new source begins anew");
    }
}
