//! What a leg's peer reports of the stream that it gets from us (RFC 3550 section 6.4.1, RFC 3611 section 4.7).

use std::time::Duration;

use super::{
    super::outgoing::Outgoing,
    mean::Mean,
    reader::{Block, Voip},
    writer,
};

/// A longer round trip is a mistake of the peer's.
const LONGEST: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub(in crate::relay) struct Reported {
    /// Whether there was any report.
    any: bool,
    /// What the last report said of all losses since it began to count.
    said: i32,
    /// The share of packets in percent that was lost of late: it rises at once, and falls by half with each report.
    recent: Option<u8>,
    /// Losses of all reports; a peer that begins to count again takes none of them back.
    total: u64,
    /// Packets that were sent until the last report, and numbers that were left out because their packets had not come
    /// to us.
    sent: u32,
    skipped: u32,
    /// Microseconds.
    jitter: Mean,
    round_trip: Mean,
    voip: Option<Voip>,
}

impl Reported {
    /// Takes a report on our stream.
    pub(in crate::relay) fn note(&mut self, now: Duration, block: Block, out: &Outgoing) {
        self.any = true;
        let percent = (u32::from(block.fraction) * 100).div_ceil(256) as u8;
        self.recent = Some(percent.max(self.recent.unwrap_or(0) / 2));
        self.total += u64::try_from(i64::from(block.lost) - i64::from(self.said.max(0))).unwrap_or(0);
        self.said = block.lost;
        self.sent = out.packets;
        self.skipped = out.numbers.wrapping_sub(out.packets);
        let clock = u64::from(out.clock.max(1));
        self.jitter.add(u64::from(block.jitter) * 1_000_000 / clock);
        if let Some(round_trip) = round_trip(now, block) {
            self.round_trip.add(round_trip.as_micros() as u64);
        }
    }

    /// The share of packets in percent that is expected to be lost; `None` without reports.
    pub(super) fn loss(&self) -> Option<u8> {
        self.recent
    }

    /// Takes VoIP metrics on our stream.
    pub(in crate::relay) fn note_voip(&mut self, voip: Voip) {
        self.voip = Some(voip);
    }

    /// The packets that arrived, those that did not, and those that the phone could not play; `None` without reports.
    /// What had not come to us is not counted: the stream that we send has gaps there, and the peer reports them.
    pub(super) fn packets(&self) -> Option<[u64; 3]> {
        let skipped = self.skipped as i32;
        let lost = self
            .total
            .saturating_sub(skipped.max(0) as u64)
            .min(u64::from(self.sent));
        let arrived = u64::from(self.sent) - lost;
        let discarded = self.voip.map_or(0, |voip| arrived * u64::from(voip.discarded) / 256);
        self.any.then_some([arrived, lost, discarded])
    }

    /// The mean interarrival jitter, microseconds.
    pub(super) fn jitter(&self) -> u32 {
        self.jitter.get().unwrap_or(0)
    }

    /// The mean round trip.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.round_trip.get()?.into()))
    }

    /// The delay within the phone, where it says so.
    pub(super) fn delay(&self) -> Option<Duration> {
        self.voip?.delay
    }
}

/// The round trip to the peer and back, without the time that our report lay there (RFC 3550 section 6.4.1). `None`
/// where the peer has heard no report of ours, or its figures make no sense.
fn round_trip(now: Duration, block: Block) -> Option<Duration> {
    if block.last_report == 0 {
        return None;
    }
    let now = writer::middle(writer::ntp(now));
    let units = now.wrapping_sub(block.last_report).wrapping_sub(block.since) as i32;
    // The peer's clock counts in steps: on a short way it may seem to answer before it was asked.
    let micros = (u64::try_from(units).unwrap_or(0) * 1_000_000) >> 16;
    let early = units < -(1 << 16);
    let round_trip = Duration::from_micros(micros);
    (!early && round_trip <= LONGEST).then_some(round_trip)
}
