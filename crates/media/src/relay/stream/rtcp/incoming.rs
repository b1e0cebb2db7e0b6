//! Counts the RTP stream from a leg's peer, for reports (RFC 3550 section 6.4) and for the quality of the leg.

use std::time::Duration;

use super::{super::outgoing::Origin, mean::Mean};

/// A number further ahead than this is not taken for a loss before the next one follows it (RFC 3550 appendix A.1).
const MAX_DROPOUT: u16 = 3000;
/// A number further behind than this is not taken for a late packet.
const MAX_MISORDER: u16 = 100;

/// The stream from a leg's peer, counted as in RFC 3550 appendix A.1, A.3 and A.8.
#[derive(Debug, Default)]
pub(in crate::relay) struct Incoming {
    pub(in crate::relay) ssrc: Option<u32>,
    /// The RTP clock of its sound, and the payload type of the last packet.
    clock: u32,
    number: u8,
    base: u16,
    highest: u16,
    /// The number that would confirm that the peer counts anew.
    bad: Option<u16>,
    cycles: u32,
    received: u32,
    /// Runs of missing numbers.
    gaps: u32,
    transit: i64,
    /// Times 16.
    jitter: u32,
    /// Expected and received when we reported last.
    before: (u32, u32),
    /// The middle of the last sender report's NTP time, and when it came.
    last: Option<(u32, Duration)>,
    /// What was counted of streams before, and the jitter from time to time in microseconds.
    earlier: (Totals, Mean),
    /// Packets that came too late, and packets that came twice, as counted by what decoded them and is gone.
    missed: [u64; 2],
}

/// The packets of a leg since it opened, whichever streams they came in.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) received: u64,
    pub(super) lost: u64,
    /// Runs of lost packets.
    pub(super) gaps: u64,
}

/// One report block's contents, without its SSRC and without LSR and DLSR.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Figures {
    pub(in crate::relay) fraction_lost: u8,
    pub(in crate::relay) lost: u32,
    pub(in crate::relay) highest: u32,
    pub(in crate::relay) jitter: u32,
}

impl Incoming {
    /// Counts one packet, of that payload type.
    pub(in crate::relay) fn packet(&mut self, now: Duration, origin: &Origin, number: u8) {
        let arrival = (now.as_micros() as u64 as i64).wrapping_mul(i64::from(origin.clock)) / 1_000_000;
        let transit = arrival.wrapping_sub(i64::from(origin.timestamp));
        let sequence = origin.sequence;
        let ahead = sequence.wrapping_sub(self.highest);
        self.number = number;
        if self.ssrc != Some(origin.ssrc) {
            self.begin(origin, transit);
        } else if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.gaps = self.gaps.saturating_add(u32::from(ahead > 1));
            self.highest = sequence;
            self.bad = None;
            self.arrived(transit, origin);
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.bad == Some(sequence) {
                self.restart(sequence, transit);
            } else {
                // A mistake, or the peer counts anew: the next packet tells.
                self.bad = Some(sequence.wrapping_add(1));
                return;
            }
        } else {
            // Late: it fills a gap.
            self.gaps = self.gaps.saturating_sub(1);
            self.arrived(transit, origin);
        }
        self.received = self.received.wrapping_add(1);
    }

    /// The jitter (appendix A.8). Events keep the time stamp of their beginning (RFC 4733 section 2.5.1.1), so that
    /// they say nothing of it. A difference of a second and more is a clock that was set anew.
    fn arrived(&mut self, transit: i64, origin: &Origin) {
        if origin.event {
            return;
        }
        if self.clock != origin.clock {
            return self.other_clock(transit, origin.clock);
        }
        // Time stamps wrap at 32 bits: the difference is what counts, and it is small.
        let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        if difference < origin.clock {
            let jitter = i64::from(self.jitter);
            let next = jitter + i64::from(difference) - ((jitter + 8) >> 4);
            self.jitter = next.clamp(0, i64::from(u32::MAX >> 4)) as u32;
        }
    }

    /// The source goes on with another codec, whose clock is another (RFC 7160).
    #[cold]
    fn other_clock(&mut self, transit: i64, clock: u32) {
        let jitter = u64::from(self.jitter) * u64::from(clock) / u64::from(self.clock.max(1));
        self.jitter = u32::try_from(jitter).unwrap_or(u32::MAX >> 4);
        (self.clock, self.transit) = (clock, transit);
    }

    /// Another source: the counts of the report begin at zero.
    #[cold]
    fn begin(&mut self, origin: &Origin, transit: i64) {
        let earlier = (self.totals(), self.earlier.1);
        *self = Incoming {
            ssrc: Some(origin.ssrc),
            clock: origin.clock,
            number: self.number,
            earlier,
            base: origin.sequence,
            highest: origin.sequence,
            transit,
            ..Self::default()
        };
    }

    /// The same source counts anew.
    #[cold]
    fn restart(&mut self, sequence: u16, transit: i64) {
        self.earlier.0 = self.totals();
        (self.base, self.highest, self.transit) = (sequence, sequence, transit);
        (self.cycles, self.received, self.gaps) = (0, 0, 0);
        (self.before, self.bad) = ((0, 0), None);
    }

    /// Notes when the sender of the stream has last reported on it.
    pub(in crate::relay) fn reported(&mut self, now: Duration, ssrc: u32, ntp: u32) {
        if self.ssrc == Some(ssrc) {
            self.last = Some((ntp, now));
        }
    }

    /// LSR and DLSR: the last sender report, and the time since then in units of 2^-16 s; 0 where there was none.
    pub(in crate::relay) fn last_report(&self, now: Duration) -> (u32, u32) {
        self.last.map_or((0, 0), |(ntp, at)| {
            let since = now.saturating_sub(at).as_micros() as u64;
            (ntp, u32::try_from((since << 16) / 1_000_000).unwrap_or(u32::MAX))
        })
    }

    fn highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u32 {
        self.highest().wrapping_sub(u32::from(self.base)).wrapping_add(1)
    }

    /// The source and its figures since the last report; `None` where nothing was heard since.
    pub(in crate::relay) fn report(&mut self) -> Option<(u32, Figures)> {
        let ssrc = self.ssrc?;
        let expected = self.expected();
        let lost = i64::from(expected) - i64::from(self.received);
        let (expected_before, received_before) = std::mem::replace(&mut self.before, (expected, self.received));
        let new = expected.wrapping_sub(expected_before);
        let arrived = self.received.wrapping_sub(received_before);
        if arrived == 0 {
            return None;
        }
        let missing = i64::from(new) - i64::from(arrived);
        let fraction_lost = if new == 0 || missing <= 0 {
            0
        } else {
            ((missing << 8) / i64::from(new)).min(255) as u8
        };
        let figures = Figures {
            fraction_lost,
            // 24 bits, signed (RFC 3550 section 6.4.1).
            lost: lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff,
            highest: self.highest(),
            jitter: self.jitter >> 4,
        };
        Some((ssrc, figures))
    }

    /// All packets of the leg.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.earlier.0;
        if self.ssrc.is_some() {
            totals.received += u64::from(self.received);
            totals.lost += u64::from(self.expected().saturating_sub(self.received));
            totals.gaps += u64::from(self.gaps);
        }
        totals
    }

    /// Counts late and doubled packets.
    pub(in crate::relay) fn missed(&mut self, [late, doubled]: [u64; 2]) {
        self.missed[0] += late;
        self.missed[1] += doubled;
    }

    /// What [`Incoming::missed`] has counted.
    pub(in crate::relay) fn missed_earlier(&self) -> [u64; 2] {
        self.missed
    }

    /// The payload type of the last packet.
    pub(super) fn number(&self) -> Option<u8> {
        self.ssrc.map(|_| self.number)
    }

    fn jitter_now(&self) -> u32 {
        let micros = u64::from(self.jitter >> 4) * 1_000_000 / u64::from(self.clock.max(1));
        u32::try_from(micros).unwrap_or(u32::MAX)
    }

    /// The mean jitter in microseconds, of the samples so far; without one as it is now.
    pub(super) fn jitter(&self) -> u32 {
        self.earlier.1.get().unwrap_or_else(|| self.jitter_now())
    }

    /// Takes a sample of the jitter.
    pub(super) fn sample(&mut self) {
        if self.ssrc.is_some() {
            let now = self.jitter_now().into();
            self.earlier.1.add(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(1_000_000 + ms)
    }

    /// A packet of `ssrc` that comes at `at` milliseconds.
    fn hear(incoming: &mut Incoming, at: u64, ssrc: u32, sequence: u16, timestamp: u32) {
        let origin = Origin {
            slot: 0,
            ssrc,
            sequence,
            timestamp,
            clock: 8000,
            event: false,
        };
        incoming.packet(ms(at), &origin, 0);
    }

    /// Packets of 20 ms with these numbers, in time.
    fn heard(numbers: &[u16]) -> Incoming {
        let mut incoming = Incoming::default();
        for (i, number) in numbers.iter().enumerate() {
            let i = i as u32;
            hear(&mut incoming, u64::from(20 * i), 7, *number, 160 * i);
        }
        incoming
    }

    #[test]
    fn losses_and_wraps_are_counted_as_the_rfc_does() {
        let mut incoming = heard(&[65_534, 65_535, 0, 2, 3]);
        let figures = Figures {
            fraction_lost: 42,
            lost: 1,
            highest: 65_539,
            jitter: 0,
        };
        assert_eq!(incoming.report(), Some((7, figures)));
        assert_eq!(incoming.report(), None, "nothing new");
        hear(&mut incoming, 200, 8, 1, 0);
        assert_eq!(incoming.report().unwrap().1.lost, 0, "a new source begins at zero");
        let totals = Totals {
            received: 6,
            lost: 1,
            gaps: 1,
        };
        assert_eq!(incoming.totals(), totals, "the leg's totals go on");
    }

    #[test]
    fn a_jump_of_the_numbers_is_believed_when_the_next_packet_follows_it() {
        let mut incoming = heard(&[10, 11, 40_000, 12, 13]);
        assert_eq!(
            incoming.report().unwrap().1,
            Figures {
                fraction_lost: 0,
                lost: 0,
                highest: 13,
                jitter: 0
            }
        );
        for number in [40_000, 40_001, 40_002] {
            hear(&mut incoming, 300, 7, number, 2400);
        }
        let figures = incoming.report().unwrap().1;
        assert_eq!((figures.lost, figures.highest), (0, 40_002));
        assert_eq!(incoming.totals().received, 6);
    }

    #[test]
    fn late_packets_and_doubled_ones_are_no_loss() {
        let mut incoming = heard(&[1, 3, 2, 4, 4, 5]);
        assert_eq!(incoming.report().unwrap().1.lost, 0xff_ffff, "one came twice");
        let Totals { received, lost, gaps } = incoming.totals();
        assert_eq!((received, lost, gaps), (6, 0, 0));
    }

    #[test]
    fn jitter_grows_and_fades_as_the_rfc_does() {
        let mut incoming = Incoming::default();
        for i in 0..200u32 {
            let late = if i % 2 == 1 { 5 } else { 0 };
            hear(&mut incoming, u64::from(20 * i + late), 7, i as u16, 160 * i);
        }
        // Each difference is 5 ms, 40 units of the clock.
        assert_eq!(incoming.report().unwrap().1.jitter, 39);
        assert_eq!(incoming.jitter(), 4_875);
        // A pause in which the time stamps stand still is no jitter.
        hear(&mut incoming, 60_000, 7, 200, 32_000);
        assert!(incoming.report().unwrap().1.jitter < 40);
    }

    #[test]
    fn events_with_one_time_stamp_are_no_jitter() {
        let mut incoming = heard(&[1, 2, 3]);
        for i in 0..8u64 {
            let origin = Origin {
                slot: 0,
                ssrc: 7,
                sequence: 4 + i as u16,
                timestamp: 480,
                clock: 8000,
                event: true,
            };
            incoming.packet(ms(60 + 20 * i), &origin, 101);
        }
        let figures = incoming.report().unwrap().1;
        assert_eq!((figures.jitter, figures.lost), (0, 0));
    }
}
