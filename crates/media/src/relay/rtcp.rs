//! RTCP (RFC 3550 section 6): reports are passed between bridged legs in each one's own terms, and made where
//! Tandem itself is heard. Names (SDES) never cross; a BYE does not either, because the stream to the other leg goes on.

use std::{net::SocketAddr, time::Duration};

use super::{
    Relay,
    address::{Announced, Match},
    leg::{Leg, Sink},
};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
/// Seconds from NTP's epoch to Unix's.
const NTP: u64 = 2_208_988_800;
const BLOCK: usize = 24;

/// The first report of a compound packet.
#[derive(Debug)]
struct Report<'a> {
    ssrc: u32,
    /// NTP time, RTP time stamp, packets, octets.
    sender: Option<&'a [u8]>,
    blocks: &'a [u8],
}

impl Report<'_> {
    /// Checks a compound packet as RFC 3550 appendix A.2 does.
    fn parse(bytes: &[u8]) -> Option<Report<'_>> {
        let mut rest = bytes;
        let mut report = None;
        while !rest.is_empty() {
            let (head, _) = rest.split_first_chunk::<4>()?;
            let length = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
            if head[0] >> 6 != 2 {
                return None;
            }
            let body = rest.get(4..length)?;
            rest = &rest[length..];
            if report.is_none() {
                let count = usize::from(head[0] & 0x1f);
                let info = match head[1] {
                    SENDER_REPORT => 20,
                    RECEIVER_REPORT => 0,
                    _ => return None,
                };
                report = Some(Report {
                    ssrc: word(body, 0)?,
                    sender: (info > 0).then_some(body.get(4..24)).flatten(),
                    blocks: body.get(4 + info..4 + info + count * BLOCK)?,
                });
            }
        }
        report
    }

    /// The block about one source.
    fn about(&self, ssrc: u32) -> Option<&[u8]> {
        self.blocks
            .chunks_exact(BLOCK)
            .find(|block| word(block, 0) == Some(ssrc))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Relay {
    pub(super) fn rtcp<F>(&mut self, now: Duration, port: u16, from: SocketAddr, bytes: &[u8], out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(report) = Report::parse(bytes) else { return };
        let Some(slot) = self
            .directory
            .find(port, from)
            .or_else(|| self.learn_rtcp(now, port, from, report.ssrc))
        else {
            if let Some(port) = self.ports.get_mut(&(port - 1)) {
                port.strangers += 1;
            }
            return;
        };
        let Some(leg) = self.leg(slot) else { return };
        leg.heard = now;
        if let (Some(sender), true) = (report.sender, leg.incoming.ssrc == Some(report.ssrc)) {
            // The middle 32 bits of its NTP time.
            leg.incoming.last_report = word(sender, 2).map(|ntp| (ntp, now));
        }
        let Sink::Peer(other) = leg.sink else { return };
        let Some((leg, peer)) = self.pair(slot, other) else {
            return;
        };
        let Some(to) = peer.rtcp_destination() else { return };
        let mut packet = Writer::new();
        // What the leg sends is known to the peer under the stream's own SSRC and clock, if it is on it now.
        let sender = report.sender.filter(|_| peer.out.source == Some((slot, report.ssrc)));
        let block = report
            .about(leg.out.ssrc)
            .filter(|_| leg.out.source.is_some_and(|(source, _)| source == other));
        let kind = if sender.is_some() {
            SENDER_REPORT
        } else {
            RECEIVER_REPORT
        };
        packet.head(
            kind,
            u8::from(block.is_some()),
            1 + sender.map_or(0, |_| 5) + block.map_or(0, |_| 6),
        );
        packet.word(peer.out.ssrc);
        if let Some(sender) = sender {
            packet.put(&sender[..8]);
            packet.word(word(sender, 8).unwrap_or(0).wrapping_add(peer.out.timestamp_shift));
            packet.put(&sender[12..20]);
        }
        if let (Some(block), Some((_, source))) = (block, leg.out.source) {
            packet.word(source);
            packet.put(&block[4..8]);
            let highest = word(block, 8).unwrap_or(0);
            packet.word((highest & 0xffff_0000) | u32::from((highest as u16).wrapping_sub(leg.out.sequence_shift)));
            packet.put(&block[12..24]);
        }
        packet.name(peer);
        let local = peer.local_port + 1;
        if peer.may_send(to) {
            out(local, to, packet.bytes());
        }
    }

    /// RTCP's source is learned where it is the signalled one, or comes from the host the leg's RTP comes from and
    /// names the same stream.
    fn learn_rtcp(&mut self, now: Duration, port: u16, from: SocketAddr, ssrc: u32) -> Option<u32> {
        let signalled = match self.candidate(now, port, from, ssrc) {
            Some(Match::Exact(slot)) => Some(slot),
            Some(Match::Address(_)) | None => None,
        };
        let slot = signalled.or_else(|| {
            self.directory
                .speaker(now, port - 1, from.ip(), ssrc)
                .filter(|slot| self.leg(*slot).is_some_and(|leg| leg.learned_rtcp.is_none()))
        })?;
        let leg = self.legs.get_mut(slot as usize)?.as_deref_mut()?;
        leg.learned_rtcp = Some(from);
        self.directory.bind(leg.id, port, from);
        self.directory.withdraw(leg.id, port, &leg.announced_rtcp);
        leg.announced_rtcp = Announced::default();
        leg.unheard = self.config.unheard;
        Some(slot)
    }
}

/// A report on the stream that Tandem makes and on the one it hears.
pub(super) fn make<F>(now: Duration, leg: &mut Leg, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(to) = leg.rtcp_destination().filter(|to| leg.may_send(*to)) else {
        return;
    };
    let heard = leg.incoming.ssrc;
    let mut packet = Writer::new();
    let sending = leg.out.packets > 0;
    let kind = if sending { SENDER_REPORT } else { RECEIVER_REPORT };
    packet.head(
        kind,
        u8::from(heard.is_some()),
        1 + if sending { 5 } else { 0 } + heard.map_or(0, |_| 6),
    );
    packet.word(leg.out.ssrc);
    if sending {
        packet.word((now.as_secs() + NTP) as u32);
        packet.word(fraction(now));
        packet.word(leg.out.timestamp_at(now, crate::audio::RATE));
        packet.word(leg.out.packets);
        packet.word(leg.out.octets);
    }
    if let Some(ssrc) = heard {
        let quality = leg.incoming.quality();
        packet.word(ssrc);
        packet.word(u32::from(quality.fraction_lost) << 24 | quality.lost);
        packet.word(quality.highest);
        packet.word(quality.jitter);
        let (report, since) = leg.incoming.last_report.map_or((0, 0), |(report, at)| {
            let since = now.saturating_sub(at);
            // In units of 1/65536 s.
            (report, (since.as_secs() as u32) << 16 | fraction(since) >> 16)
        });
        packet.word(report);
        packet.word(since);
    }
    packet.name(leg);
    out(leg.local_port + 1, to, packet.bytes());
}

/// The part of a second in units of 2^-32 s.
fn fraction(time: Duration) -> u32 {
    ((u64::from(time.subsec_nanos()) << 32) / 1_000_000_000) as u32
}

/// A compound packet of one report and one name: never longer than this.
struct Writer {
    buffer: [u8; 96],
    length: usize,
}

impl Writer {
    fn new() -> Writer {
        Writer {
            buffer: [0; 96],
            length: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }

    fn word(&mut self, word: u32) {
        self.put(&word.to_be_bytes());
    }

    fn head(&mut self, kind: u8, count: u8, words: u8) {
        self.put(&[0x80 | count, kind, 0, words]);
    }

    /// RFC 3550 section 6.1: every compound packet names its source. The name says nothing (RFC 7022).
    fn name(&mut self, leg: &Leg) {
        self.head(SDES, 1, 4);
        self.word(leg.out.ssrc);
        self.put(&[1, 8]);
        let hex = |n: u32| b"0123456789abcdef"[(n & 0xf) as usize];
        let name: [u8; 8] = std::array::from_fn(|i| hex(leg.out.ssrc >> (4 * i)));
        self.put(&name);
        self.put(&[0, 0]);
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}
