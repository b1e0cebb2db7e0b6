//! Numbers and time stamps of the RTP stream to a leg's peer. The peer sees one unbroken stream, from whichever source
//! its packets come.

use std::time::Duration;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

/// How the next relayed packet joins the stream.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::relay) enum Join {
    /// Like the packet before.
    #[default]
    Same,
    /// Packets were put in between: the numbers go on, the clock is the same.
    Sequence,
    /// There was a gap or another source: the numbers go on, and the clock is set by the time that has passed.
    Anew,
}

/// The stream to a leg's peer: one SSRC for the life of the leg, from whichever source its audio comes (RFC 3550
/// section 5.1).
#[derive(Debug)]
pub(in crate::relay) struct Outgoing {
    pub(in crate::relay) ssrc: u32,
    /// The last number and time stamp sent, and when.
    pub(in crate::relay) sequence: u16,
    pub(in crate::relay) timestamp: u32,
    at: Duration,
    started: bool,
    /// The RTP clock of the last packet that moved the clock.
    pub(in crate::relay) clock: u32,
    /// The payload type of the last packet.
    pub(in crate::relay) number: Option<u8>,
    /// Numbers used since the beginning, with those left out because their packets had not come.
    pub(in crate::relay) numbers: u32,
    /// Which leg's stream is relayed: slot and SSRC.
    pub(in crate::relay) source: Option<(u32, u32)>,
    pub(in crate::relay) sequence_shift: u16,
    pub(in crate::relay) timestamp_shift: u32,
    pub(in crate::relay) join: Join,
    pub(in crate::relay) packets: u32,
    pub(in crate::relay) octets: u32,
}

/// Where a packet stands in the stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Position {
    pub(in crate::relay) sequence: u16,
    pub(in crate::relay) timestamp: u32,
    /// The clock of its time stamp, in hertz.
    pub(in crate::relay) clock: u32,
    /// The first after a switch (RFC 3551 section 4.1).
    pub(in crate::relay) first: bool,
}

/// A packet's position in its sender's stream.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Origin {
    pub(in crate::relay) slot: u32,
    pub(in crate::relay) ssrc: u32,
    pub(in crate::relay) sequence: u16,
    pub(in crate::relay) timestamp: u32,
    pub(in crate::relay) clock: u32,
    /// Events keep their start's time stamp (RFC 4733 section 2.5.1.1): they do not move the clock.
    pub(in crate::relay) event: bool,
}

impl Outgoing {
    /// A stream that begins at numbers that cannot be guessed (RFC 3550 section 5.1). Each number is drawn by itself:
    /// it tells nothing of the other numbers, nor of the numbers of another leg.
    pub(in crate::relay) fn new(random: &mut ChaCha8Rng) -> Outgoing {
        Outgoing {
            ssrc: random.next_u32(),
            sequence: random.next_u32() as u16 & 0x7fff,
            timestamp: random.next_u32(),
            at: Duration::ZERO,
            started: false,
            clock: 0,
            number: None,
            numbers: 0,
            source: None,
            sequence_shift: 0,
            timestamp_shift: 0,
            join: Join::Same,
            packets: 0,
            octets: 0,
        }
    }

    /// At least this much continuity is lost before the next relayed packet.
    pub(in crate::relay) fn interrupt(&mut self, join: Join) {
        self.join = self.join.max(join);
    }

    /// The position of a relayed packet.
    pub(in crate::relay) fn relay(&mut self, now: Duration, origin: Origin, frame: u32) -> Position {
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
        let position = Position {
            sequence: origin.sequence.wrapping_add(self.sequence_shift),
            timestamp: origin.timestamp.wrapping_add(self.timestamp_shift),
            clock: origin.clock,
            first: join == Join::Anew,
        };
        self.sent(now, position, origin.event);
        position
    }

    /// The position of the next packet that Tandem makes after what was sent before.
    pub(in crate::relay) fn following(&self, now: Duration, clock: u32, frame: u32) -> Position {
        if !self.started {
            return Position {
                sequence: self.sequence,
                timestamp: self.timestamp,
                clock,
                first: true,
            };
        }
        let passed = now.saturating_sub(self.at).as_millis() as u64 * u64::from(clock) / 1000;
        Position {
            sequence: self.sequence.wrapping_add(1),
            timestamp: self.timestamp.wrapping_add((passed as u32).max(frame)),
            clock,
            first: true,
        }
    }

    /// A packet went out there.
    pub(in crate::relay) fn sent(&mut self, now: Duration, position: Position, event: bool) {
        let ahead = position.sequence.wrapping_sub(self.sequence) as i16;
        if !self.started || ahead > 0 {
            self.sequence = position.sequence;
            self.numbers = self.numbers.wrapping_add(if self.started { ahead as u32 } else { 1 });
            if !event || !self.started {
                self.timestamp = position.timestamp;
                self.clock = position.clock;
                self.at = now;
            }
            self.started = true;
        }
    }

    /// A packet of that payload type and length was sent.
    pub(in crate::relay) fn count(&mut self, number: u8, payload: usize) {
        self.number = Some(number);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload as u32);
    }

    /// The time stamp this moment has, for a sender report (RFC 3550 section 6.4.1).
    pub(in crate::relay) fn timestamp_at(&self, now: Duration) -> u32 {
        let passed = now.saturating_sub(self.at).as_micros() as u64 * u64::from(self.clock) / 1_000_000;
        self.timestamp.wrapping_add(passed as u32)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn outgoing() -> Outgoing {
        Outgoing::new(&mut ChaCha8Rng::from_seed([7; 32]))
    }

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
        let mut out = outgoing();
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
        let mut out = outgoing();
        let places = [10, 12, 11, 14].map(|n| out.relay(ms(0), origin(7, n, u32::from(n) * 160), 160).sequence);
        assert_eq!(places.map(|p| p.wrapping_sub(places[0])), [0, 2, 1, 4]);
        assert_eq!(out.following(ms(0), 8000, 160).sequence, places[3].wrapping_add(1));
    }

    #[test]
    fn packets_put_in_between_only_shift_the_numbers() {
        let mut out = outgoing();
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
}
