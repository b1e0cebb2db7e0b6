//! Feedback (RFC 4585 section 6, RFC 5104) that crosses a bridge: what the receiver of a relayed stream asks of its
//! source, under the SSRC and with the sequence numbers that the source knows. Feedback on a stream that Tandem makes
//! ends here, and so does a message that this table does not know, since it may hold numbers that mean something else
//! at the other leg.
//!
//! | message | what is changed in it |
//! |---|---|
//! | generic NACK (RFC 4585 6.2.1) | the SSRC of the stream; sequence numbers |
//! | PLI, SLI (RFC 4585 6.3.1, 6.3.2) | the SSRC of the stream |
//! | FIR, TSTR, TSTN, TMMBR, TMMBN (RFC 5104 4) | the SSRC in each entry; entries on other streams are left out |
//! | REMB (draft-alvestrand-rmcat-remb-03) | the list of SSRCs |

use std::net::SocketAddr;

use super::{
    super::Stream,
    reader::{Compound, Feedback, Packet, word},
    writer::{RECEIVER_REPORT, Writer},
};

const TRANSPORT: u8 = 205;
const PAYLOAD: u8 = 206;
// FMT of RTPFB.
const NACK: u8 = 1;
const RATE_REQUEST: u8 = 3;
const RATE_NOTICE: u8 = 4;
// FMT of PSFB.
const PICTURE_LOSS: u8 = 1;
const SLICE_LOSS: u8 = 2;
const INTRA_REQUEST: u8 = 4;
const TRADE_OFF_REQUEST: u8 = 5;
const TRADE_OFF_NOTICE: u8 = 6;
const APPLICATION: u8 = 15;

/// The stream that a receiver gets, and the source that it is relayed from.
#[derive(Copy, Clone)]
struct Mapped {
    /// As the receiver knows it.
    ours: u32,
    /// As its source knows it.
    source: u32,
    /// What was added to the source's sequence numbers.
    shift: u16,
}

/// The head of a message.
#[derive(Copy, Clone)]
struct Head {
    kind: u8,
    format: u8,
    sender: u32,
}

impl Head {
    fn write(self, writer: &mut Writer<'_>, media: u32, control: usize) {
        writer.head(self.kind, self.format, 2 + (control / 4) as u16);
        writer.word(self.sender);
        writer.word(media);
    }
}

/// Passes the feedback of `stream`'s peer on to the peer of `peer`, the source of what it hears.
pub(in crate::relay) fn pass<F>(
    compound: Compound<'_>,
    stream: &Stream,
    peer: &mut Stream,
    buffer: &mut [u8],
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let sent = &stream.egress.out;
    let Some((_, source)) = sent.source.filter(|(slot, _)| *slot == peer.id.slot) else {
        return;
    };
    let mapped = Mapped {
        ours: sent.ssrc,
        source,
        shift: sent.sequence_shift,
    };
    let Some(to) = peer.rtcp_destination() else { return };
    let sender = peer.egress.out.ssrc;
    for packet in compound.packets() {
        let Packet::Feedback(feedback) = packet else { continue };
        let mut writer = Writer::new(buffer);
        // RFC 4585 section 3.1: a report and a name come first.
        writer.head(RECEIVER_REPORT, 0, 1);
        writer.word(sender);
        writer.name(sender);
        if write(&mut writer, sender, mapped, feedback) {
            writer.send(peer, to, out);
            peer.reports.spoke = true;
        }
    }
}

/// Writes the feedback as its receiver must read it; `false` where it does not cross.
fn write(writer: &mut Writer<'_>, sender: u32, mapped: Mapped, feedback: Feedback<'_>) -> bool {
    let Feedback {
        payload,
        format,
        media,
        control,
    } = feedback;
    let kind = if payload { PAYLOAD } else { TRANSPORT };
    let head = Head { kind, format, sender };
    let is_about = media == mapped.ours;
    match (payload, format) {
        (false, NACK) => {
            head.write(writer, mapped.source, control.len());
            for entry in control.chunks_exact(4) {
                let number = u16::from_be_bytes([entry[0], entry[1]]).wrapping_sub(mapped.shift);
                writer.put(&number.to_be_bytes());
                writer.put(&entry[2..]);
            }
            is_about && !control.is_empty()
        }
        (true, PICTURE_LOSS | SLICE_LOSS) => {
            head.write(writer, mapped.source, control.len());
            writer.put(control);
            is_about
        }
        (false, RATE_REQUEST | RATE_NOTICE) | (true, INTRA_REQUEST | TRADE_OFF_REQUEST | TRADE_OFF_NOTICE) => {
            entries(writer, head, mapped, control)
        }
        (true, APPLICATION) => estimate(writer, head, mapped, control),
        _ => false,
    }
}

/// Entries of two words, of which the first is the SSRC of a stream.
fn entries(writer: &mut Writer<'_>, head: Head, mapped: Mapped, control: &[u8]) -> bool {
    let ours = || {
        control
            .chunks_exact(8)
            .filter(|entry| word(entry, 0) == Some(mapped.ours))
    };
    let count = ours().count();
    // RFC 5104 section 4.2.1.2: the SSRC of the media source is not used, and is 0.
    head.write(writer, 0, 8 * count);
    for entry in ours() {
        writer.word(mapped.source);
        writer.put(&entry[4..]);
    }
    count > 0
}

/// The receiver's estimate of what the way can carry.
fn estimate(writer: &mut Writer<'_>, head: Head, mapped: Mapped, control: &[u8]) -> bool {
    let Some((b"REMB", [count, rest @ ..])) = control.split_first_chunk::<4>() else {
        return false;
    };
    let Some((rate, streams)) = rest.split_first_chunk::<3>() else {
        return false;
    };
    let mut streams = streams.chunks_exact(4).take(usize::from(*count));
    head.write(writer, 0, 12);
    writer.put(b"REMB");
    writer.put(&[1]);
    writer.put(rate);
    writer.word(mapped.source);
    streams.any(|stream| word(stream, 0) == Some(mapped.ours))
}
