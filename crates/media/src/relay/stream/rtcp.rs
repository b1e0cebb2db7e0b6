//! RTCP (RFC 3550 section 6). A report is passed on between bridged legs, with the SSRC, numbers and time stamps that
//! the receiver knows. Tandem makes reports of its own where Tandem itself is heard. Names (SDES) never cross a bridge.
//! A BYE does not cross either, because the stream to the other leg goes on.

use std::{net::SocketAddr, time::Duration};

use super::{Stream, incoming::Incoming};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
/// Seconds from NTP's epoch to Unix's.
const NTP: u64 = 2_208_988_800;
const BLOCK: usize = 24;

/// The first report of a compound packet.
#[derive(Debug)]
pub(in crate::relay) struct Report<'a> {
    ssrc: u32,
    /// NTP time, RTP time stamp, packets, octets.
    sender: Option<&'a [u8]>,
    blocks: &'a [u8],
}

impl Report<'_> {
    /// Checks a compound packet as RFC 3550 appendix A.2 does.
    pub(in crate::relay) fn parse(bytes: &[u8]) -> Option<Report<'_>> {
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

    /// Notes when the sender of a stream has last reported on it.
    pub(in crate::relay) fn note(&self, now: Duration, incoming: &mut Incoming) {
        if let (Some(sender), true) = (self.sender, incoming.ssrc == Some(self.ssrc)) {
            // The middle 32 bits of its NTP time.
            incoming.last_report = word(sender, 2).map(|ntp| (ntp, now));
        }
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

/// Passes a report of `stream`'s peer on to the peer of `peer`, with the numbers that the receiver knows.
pub(in crate::relay) fn pass_on<F>(report: &Report<'_>, stream: &Stream, peer: &mut Stream, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(to) = peer.rtcp_destination() else { return };
    let (heard, sent) = (&peer.egress.out, &stream.egress.out);
    let mut packet = Writer::new();
    // The receiver knows the sender's stream under the SSRC and clock of the outgoing stream, if it hears the sender
    // now.
    let sender = report
        .sender
        .filter(|_| heard.source == Some((stream.id.slot, report.ssrc)));
    let source = sent.source.filter(|(source, _)| *source == peer.id.slot);
    let block = source.and_then(|(_, source)| Some((report.about(sent.ssrc)?, source)));
    let kind = if sender.is_some() {
        SENDER_REPORT
    } else {
        RECEIVER_REPORT
    };
    let words = 1 + sender.map_or(0, |_| 5) + block.map_or(0, |_| 6);
    packet.head(kind, u8::from(block.is_some()), words);
    packet.word(heard.ssrc);
    if let Some(sender) = sender {
        packet.put(&sender[..8]);
        packet.word(word(sender, 8).unwrap_or(0).wrapping_add(heard.timestamp_shift));
        packet.put(&sender[12..20]);
    }
    if let Some((block, source)) = block {
        packet.word(source);
        packet.put(&block[4..8]);
        let highest = word(block, 8).unwrap_or(0);
        packet.word((highest & 0xffff_0000) | u32::from((highest as u16).wrapping_sub(sent.sequence_shift)));
        packet.put(&block[12..24]);
    }
    packet.send(peer, to, out);
}

/// Sends a report on the stream that Tandem makes and on the stream that it hears.
pub(in crate::relay) fn make<F>(now: Duration, stream: &mut Stream, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(to) = stream.rtcp_destination() else { return };
    let (sent, incoming) = (&stream.egress.out, &mut stream.ingress.incoming);
    let heard = incoming.ssrc;
    let mut packet = Writer::new();
    let sending = sent.packets > 0;
    let kind = if sending { SENDER_REPORT } else { RECEIVER_REPORT };
    packet.head(
        kind,
        u8::from(heard.is_some()),
        1 + if sending { 5 } else { 0 } + heard.map_or(0, |_| 6),
    );
    packet.word(sent.ssrc);
    if sending {
        packet.word((now.as_secs() + NTP) as u32);
        packet.word(fraction(now));
        packet.word(sent.timestamp_at(now, crate::audio::RATE));
        packet.word(sent.packets);
        packet.word(sent.octets);
    }
    if let Some(ssrc) = heard {
        let quality = incoming.quality();
        packet.word(ssrc);
        packet.word(u32::from(quality.fraction_lost) << 24 | quality.lost);
        packet.word(quality.highest);
        packet.word(quality.jitter);
        let (report, since) = incoming.last_report.map_or((0, 0), |(report, at)| {
            let since = now.saturating_sub(at);
            // In units of 1/65536 s.
            (report, (since.as_secs() as u32) << 16 | fraction(since) >> 16)
        });
        packet.word(report);
        packet.word(since);
    }
    packet.send(stream, to, out);
}

/// The part of a second in units of 2^-32 s.
fn fraction(time: Duration) -> u32 {
    ((u64::from(time.subsec_nanos()) << 32) / 1_000_000_000) as u32
}

/// A compound packet of one report and one name (72 octets at most), with room for what a guard adds.
struct Writer {
    buffer: [u8; 128],
    length: usize,
}

impl Writer {
    fn new() -> Writer {
        Writer {
            buffer: [0; 128],
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
    fn name(&mut self, ssrc: u32) {
        self.head(SDES, 1, 4);
        self.word(ssrc);
        self.put(&[1, 8]);
        let hex = |n: u32| b"0123456789abcdef"[(n & 0xf) as usize];
        let name: [u8; 8] = std::array::from_fn(|i| hex(ssrc >> (4 * i)));
        self.put(&name);
        self.put(&[0, 0]);
    }

    /// Names the source, seals the packet and sends it to the leg's peer.
    fn send<F>(mut self, stream: &mut Stream, to: SocketAddr, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        self.name(stream.egress.out.ssrc);
        if !stream.may_send(to) {
            return;
        }
        if let Some(packet) = stream.guard.seal_rtcp(&mut self.buffer, self.length) {
            out(stream.local_port + 1, to, packet);
        }
    }
}
