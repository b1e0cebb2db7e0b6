//! RTCP that comes from the network: framing (RFC 3550 appendix A.2), reports (section 6.4), feedback (RFC 4585
//! section 6), VoIP metrics (RFC 3611 section 4.7). Borrows; copies nothing.

use std::time::Duration;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;
const BLOCK: usize = 24;
/// The block type of VoIP metrics, and its octets.
const VOIP_METRICS: (u8, usize) = (7, 36);

/// One or more RTCP packets in a datagram, each of which is whole.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Compound<'a>(&'a [u8]);

/// One packet of a compound.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) enum Packet<'a> {
    /// What a source sends, and how it hears others.
    Sender {
        ssrc: u32,
        /// The middle 32 bits of the NTP time at which it was sent.
        ntp: u32,
        blocks: Blocks<'a>,
    },
    /// How a source hears others.
    Receiver { blocks: Blocks<'a> },
    /// RFC 4585.
    Feedback(Feedback<'a>),
    /// RFC 3611: its blocks.
    Extended(&'a [u8]),
    /// SDES, BYE, APP, and what is not known: nothing of it is used, and nothing of it crosses a bridge.
    Other,
}

/// The reception report blocks of a report.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Blocks<'a>(&'a [u8]);

/// One reception report block.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Block {
    /// The share of packets that were lost since the report before, in units of 1/256.
    pub(in crate::relay) fraction: u8,
    /// Packets lost since the beginning; negative where packets came twice.
    pub(in crate::relay) lost: i32,
    /// In units of the RTP clock.
    pub(in crate::relay) jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report that was heard; 0 for none.
    pub(in crate::relay) last_report: u32,
    /// Since that report, in units of 2^-16 s.
    pub(in crate::relay) since: u32,
}

/// A feedback packet.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Feedback<'a> {
    /// Whether it is of the payload (PSFB), not of the transport (RTPFB).
    pub(in crate::relay) payload: bool,
    /// FMT.
    pub(in crate::relay) format: u8,
    /// The stream that it is about; 0 where the control information names streams.
    pub(in crate::relay) media: u32,
    /// FCI.
    pub(in crate::relay) control: &'a [u8],
}

/// What a phone says of the sound that it hears (RFC 3611 section 4.7), as far as it is used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Voip {
    /// Packets that came too late or too early to be played, in 1/256 of all.
    pub(in crate::relay) discarded: u8,
    /// What the phone and its jitter buffer add to the delay; `None` where the phone does not say.
    pub(in crate::relay) delay: Option<Duration>,
}

impl<'a> Compound<'a> {
    /// Checks the framing as RFC 3550 appendix A.2 does, except that any known type may come first (RFC 5506 section
    /// 3.4.2: reduced size).
    pub(in crate::relay) fn parse(bytes: &'a [u8]) -> Option<Compound<'a>> {
        // 200 to 207 are the types of RFC 3550, RFC 4585 and RFC 3611.
        if !matches!(bytes.get(1)?, SENDER_REPORT..=EXTENDED_REPORT) {
            return None;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = step(rest)?.1;
        }
        Some(Compound(bytes))
    }

    /// Its packets, in order.
    pub(in crate::relay) fn packets(self) -> impl Iterator<Item = Packet<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (packet, after) = step(rest)?;
            rest = after;
            Some(packet)
        })
    }
}

/// The first packet and what follows it; `None` where it is not whole.
fn step(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let (head, _) = bytes.split_first_chunk::<4>()?;
    let length = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
    let (mut body, rest) = (bytes.get(4..length)?, &bytes[length..]);
    if head[0] >> 6 != 2 {
        return None;
    }
    if head[0] & 0x20 != 0 {
        // RFC 3550 section 6.4.1: only the last packet is padded; the last octet counts the padding.
        let padding = usize::from(*body.last()?);
        if !rest.is_empty() || padding == 0 || padding % 4 != 0 {
            return None;
        }
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    Some((read(head[1], head[0] & 0x1f, body)?, rest))
}

fn read(kind: u8, count: u8, body: &[u8]) -> Option<Packet<'_>> {
    let blocks = |at: usize| Some(Blocks(body.get(at..at + usize::from(count) * BLOCK)?));
    match kind {
        SENDER_REPORT => Some(Packet::Sender {
            ssrc: word(body, 0)?,
            ntp: word(body, 6)?,
            blocks: blocks(24)?,
        }),
        RECEIVER_REPORT => Some(Packet::Receiver { blocks: blocks(4)? }),
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => Some(Packet::Feedback(Feedback {
            payload: kind == PAYLOAD_FEEDBACK,
            format: count,
            media: word(body, 4)?,
            control: body.get(8..)?,
        })),
        EXTENDED_REPORT => Some(Packet::Extended(body.get(4..)?)),
        _ => Some(Packet::Other),
    }
}

impl Blocks<'_> {
    /// The block about one source.
    pub(in crate::relay) fn about(self, ssrc: u32) -> Option<Block> {
        let block = self.0.chunks_exact(BLOCK).find(|block| word(block, 0) == Some(ssrc))?;
        Some(Block {
            fraction: *block.get(4)?,
            // 24 bits, signed (RFC 3550 section 6.4.1).
            lost: (word(block, 4)? << 8) as i32 >> 8,
            jitter: word(block, 12)?,
            last_report: word(block, 16)?,
            since: word(block, 20)?,
        })
    }
}

impl Voip {
    /// The VoIP metrics about one source among the blocks of an extended report. Other blocks are skipped.
    pub(in crate::relay) fn about(ssrc: u32, blocks: &[u8]) -> Option<Voip> {
        let mut rest = blocks;
        while let Some((head, _)) = rest.split_first_chunk::<4>() {
            let length = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
            let block = rest.get(..length)?;
            rest = &rest[length..];
            if (head[0], length) == VOIP_METRICS && word(block, 4) == Some(ssrc) {
                let millis = |at| Some(u16::from_be_bytes([*block.get(at)?, *block.get(at + 1)?]));
                let (system, buffer) = (millis(18)?, millis(30)?);
                let delay = u64::from(system).max(u64::from(buffer));
                return Some(Voip {
                    discarded: *block.get(9)?,
                    // RFC 3611 section 4.7.3: the delay of the end system has that of its jitter buffer in it; 0 and
                    // 65,535 mean that the phone does not know.
                    delay: (delay > 0 && delay < 0xffff).then_some(Duration::from_millis(delay)),
                });
            }
        }
        None
    }
}

/// The big-endian word at that octet.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> bool {
        Compound::parse(bytes).is_some()
    }

    #[test]
    fn framing_is_checked_as_the_rfc_does() {
        let report: &[u8] = &[0x80, 201, 0, 1, 0, 0, 0, 7];
        let name: &[u8] = &[0x81, 202, 0, 2, 0, 0, 0, 7, 1, 1, b'a', 0];
        let padded: &[u8] = &[0xa0, 203, 0, 1, 0, 0, 0, 4];
        let join = |parts: &[&[u8]]| parts.concat();
        for (bytes, expected) in [
            (join(&[report]), true),
            (join(&[report, name]), true),
            (join(&[report, padded]), true),
            (join(&[padded, report]), false),
            (join(&[name]), true),
            (join(&[&[0x80, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]]), true),
            (join(&[&[0x80, 206, 0, 1, 0, 0, 0, 1]]), false),
            (join(&[&[0x80, 199, 0, 0]]), false),
            (join(&[&[0x80, 208, 0, 0]]), false),
            (join(&[&[0x40, 201, 0, 1, 0, 0, 0, 7]]), false),
            (join(&[report, &[0x40, 202, 0, 0]]), false),
            (join(&[report, &[0x80]]), false),
            (join(&[&[0x81, 201, 0, 1, 0, 0, 0, 7]]), false),
            (join(&[&[0x80, 200, 0, 1, 0, 0, 0, 7]]), false),
            (join(&[&[0xa0, 201, 0, 1, 0, 0, 0, 0]]), false),
            (join(&[&[0xa0, 201, 0, 1, 0, 0, 0, 3]]), false),
            (join(&[&[0xa0, 201, 0, 1, 0, 0, 0, 8]]), false),
            (Vec::new(), false),
        ] {
            assert_eq!(whole(&bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_block_is_read_with_a_negative_loss() {
        let mut bytes = vec![0x82, 201, 0, 13, 0, 0, 0, 7];
        for words in [[5u32, 9, 9, 9, 9, 9], [6, 0x12ff_fffe, 0x1_0002, 3, 4, 5]] {
            words.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        }
        let Some(Packet::Receiver { blocks }) = Compound::parse(&bytes).unwrap().packets().next() else {
            panic!("no receiver report");
        };
        assert_eq!(
            blocks.about(6),
            Some(Block {
                fraction: 0x12,
                lost: -2,
                jitter: 3,
                last_report: 4,
                since: 5
            })
        );
        assert_eq!(blocks.about(8), None);
    }

    #[test]
    fn voip_metrics_are_found_behind_other_blocks() {
        let mut blocks = vec![4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut voip = vec![7, 0, 0, 8, 0, 0, 0, 9, 10, 26, 0, 0, 0, 0, 0, 0, 0, 40, 0, 90];
        voip.extend([0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 60, 0, 80, 0, 200]);
        blocks.extend(&voip);
        let found = Voip {
            discarded: 26,
            delay: Some(Duration::from_millis(90)),
        };
        assert_eq!(Voip::about(9, &blocks), Some(found));
        assert_eq!(Voip::about(8, &blocks), None, "about another stream");
        for cut in 0..blocks.len() {
            assert_eq!(Voip::about(9, &blocks[..cut]), None);
        }
        blocks[15] = 7;
        assert_eq!(Voip::about(9, &blocks), None, "a length that is not its own");
    }

    proptest! {
        #[test]
        fn packets_tile_what_was_parsed(bytes in prop::collection::vec(any::<u8>(), 0..64), first in 200u8..208) {
            let mut bytes = bytes;
            if bytes.len() >= 4 {
                (bytes[0], bytes[1], bytes[2]) = (bytes[0] & 0x3f | 0x80, first, 0);
                bytes[3] %= 16;
            }
            if let Some(compound) = Compound::parse(&bytes) {
                let count = compound.packets().count();
                prop_assert!(count >= 1 && count <= bytes.len() / 4);
            }
        }
    }
}
