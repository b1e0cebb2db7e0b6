//! RTCP (RFC 3550 section 6). Each leg is an RTP session of its own, with two members: the peer and Tandem.
//!
//! # The rule
//!
//! Reports (SR, RR) end at Tandem, and Tandem makes reports of its own on every leg, also on a relayed one. So what a
//! phone reads is true of its own way: the round trip to Tandem, and what was lost between the two. A phone still
//! learns of packets that were lost before they came to Tandem, since a relayed stream keeps the gaps in its numbers.
//! (A translator would pass reports on, RFC 3550 section 7.2. A back-to-back user agent that puts tones, prompts, other
//! phones and other codecs on the same stream has no single report to pass.)
//!
//! | packet | what becomes of it |
//! |---|---|
//! | SR, RR | read; ours go to the peer every few seconds |
//! | SDES | dropped: names do not cross a bridge. Ours says nothing of the phone |
//! | BYE | dropped: the stream to the other leg goes on. Ours is sent when the leg closes |
//! | RTPFB, PSFB (feedback) | passed to the source of a relayed stream, in the numbers that the source knows |
//! | XR | VoIP metrics are read, the rest is skipped |
//! | APP, unknown | dropped |
//!
//! # Files
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | when reports are due, and what they say | all of [`Reports`] |
//! | `reader.rs` | packets from the network | none |
//! | `writer.rs` | packets to the network | none |
//! | `incoming.rs` | the peer's stream, counted | all of `Incoming` |
//! | `reported.rs` | what the peer reports of our stream | all of `Reported` |
//! | `feedback.rs` | feedback that crosses a bridge | none |
//! | `measure.rs` | the quality of both ways, for signalling | `Reports::measured` |
//! | `mean.rs` | a mean of samples | all of `Mean` |

pub(in crate::relay) mod feedback;
pub(in crate::relay) mod incoming;
mod mean;
pub(in crate::relay) mod measure;
pub(in crate::relay) mod reader;
mod reported;
mod writer;

use std::{net::SocketAddr, time::Duration};

use self::{
    reader::{Blocks, Compound, Packet, Voip},
    reported::Reported,
    writer::{OWN, RECEIVER_REPORT, SENDER_REPORT, Writer},
};
use super::Stream;

/// Farewells that wait to be sent; the legs of a burst beyond leave without one.
pub(in crate::relay) const MAX_FAREWELLS: usize = 4096;

/// A leg's reports.
#[derive(Debug, Default)]
pub(in crate::relay) struct Reports {
    reported: Reported,
    /// Packets that had been sent at the last report of ours, and at the one before.
    sent: [u32; 2],
    /// Whether an RTCP packet was ever sent.
    spoke: bool,
    /// Packets received and sent when the quality was told last.
    measured: [u64; 2],
}

/// The last RTCP packet of a leg that is no more.
#[derive(Debug)]
pub(in crate::relay) struct Farewell {
    pub(in crate::relay) port: u16,
    pub(in crate::relay) to: SocketAddr,
    buffer: [u8; OWN],
    length: usize,
}

impl Farewell {
    /// The octets to be sent.
    pub(in crate::relay) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// Until the next report (RFC 3550 section 6.3.1): half of the minimum before the first, and then by chance 0.5 to 1.5
/// times the minimum, divided by e - 1.5. The bandwidth of a session of two members never asks for longer: a report of
/// 150 octets every 5 s is under 5 % of the slowest codec. Never less than 100 ms.
pub(in crate::relay) fn interval(minimum: Duration, first: bool, chance: u32) -> Duration {
    let minimum = if first { minimum / 2 } else { minimum };
    let part = 0.5 + f64::from(chance) / f64::from(u32::MAX);
    let next = minimum.mul_f64(part / (std::f64::consts::E - 1.5));
    next.max(Duration::from_millis(100))
}

/// Takes what the peer reports.
pub(in crate::relay) fn take(stream: &mut Stream, now: Duration, compound: Compound<'_>) {
    for packet in compound.packets() {
        match packet {
            Packet::Sender { ssrc, ntp, blocks } => {
                stream.ingress.incoming.reported(now, ssrc, ntp);
                take_blocks(stream, now, blocks);
            }
            Packet::Receiver { blocks } => take_blocks(stream, now, blocks),
            Packet::Extended(blocks) => {
                if let Some(voip) = Voip::about(stream.egress.out.ssrc, blocks) {
                    stream.reports.reported.note_voip(voip);
                }
            }
            Packet::Feedback(_) | Packet::Other => {}
        }
    }
}

fn take_blocks(stream: &mut Stream, now: Duration, blocks: Blocks<'_>) {
    let out = &stream.egress.out;
    if let Some(block) = blocks.about(out.ssrc) {
        stream.reports.reported.note(now, block, out);
        let loss = stream.reports.loss();
        if let (Some(voice), Some(loss)) = (&mut stream.egress.voice, loss) {
            voice.set_loss(loss);
        }
    }
}

impl Reports {
    /// The share of our packets in percent that the peer is expected to lose; `None` where it does not report.
    pub(in crate::relay) fn loss(&self) -> Option<u8> {
        self.reported.loss()
    }
}

/// Sends a report on the stream to the peer and on the stream from the peer. A leg on which no packet ever went
/// either way has nothing to report.
pub(in crate::relay) fn report<F>(stream: &mut Stream, now: Duration, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(to) = stream.rtcp_destination() else { return };
    if stream.egress.out.packets == 0 && stream.ingress.incoming.ssrc.is_none() {
        return;
    }
    let mut buffer = [0; OWN];
    let mut writer = Writer::new(&mut buffer);
    write_report(stream, now, &mut writer);
    writer.send(stream, to, out);
    stream.reports.spoke = true;
}

/// The last packet of the leg: a report and a BYE (RFC 3550 section 6.6). A leg that never sent anything leaves
/// without one (section 6.3.7).
pub(in crate::relay) fn farewell(stream: &mut Stream, now: Duration) -> Option<Farewell> {
    let to = stream.rtcp_destination()?;
    if (stream.egress.out.packets == 0 && !stream.reports.spoke) || !stream.may_send(to) {
        return None;
    }
    let mut farewell = Farewell {
        port: stream.rtcp_port(),
        to,
        buffer: [0; OWN],
        length: 0,
    };
    let mut writer = Writer::new(&mut farewell.buffer);
    write_report(stream, now, &mut writer);
    writer.bye(stream.egress.out.ssrc);
    farewell.length = writer.seal(stream)?.len();
    Some(farewell)
}

/// A report and our name.
fn write_report(stream: &mut Stream, now: Duration, writer: &mut Writer<'_>) {
    let sent = &stream.egress.out;
    // RFC 3550 section 6.4: who has sent since the last report of ours, or since the one before, is a sender.
    let sending = sent.packets != stream.reports.sent[1];
    stream.reports.sent = [sent.packets, stream.reports.sent[0]];
    let heard = stream.ingress.incoming.report();
    let kind = if sending { SENDER_REPORT } else { RECEIVER_REPORT };
    let words = 1 + if sending { 5 } else { 0 } + if heard.is_some() { 6 } else { 0 };
    writer.head(kind, u8::from(heard.is_some()), words);
    writer.word(sent.ssrc);
    if sending {
        let [seconds, fraction] = writer::ntp(now);
        writer.word(seconds);
        writer.word(fraction);
        writer.word(sent.timestamp_at(now));
        writer.word(sent.packets);
        writer.word(sent.octets);
    }
    if let Some((ssrc, figures)) = heard {
        let (last, since) = stream.ingress.incoming.last_report(now);
        writer.word(ssrc);
        writer.word(u32::from(figures.fraction_lost) << 24 | figures.lost);
        writer.word(figures.highest);
        writer.word(figures.jitter);
        writer.word(last);
        writer.word(since);
    }
    writer.name(sent.ssrc);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_spread_as_the_rfc_asks() {
        let seconds = |first, chance| interval(Duration::from_secs(5), first, chance).as_secs_f64();
        for (first, chance, expected) in [
            (false, 0, 2.052),
            (false, u32::MAX / 2, 4.104),
            (false, u32::MAX, 6.156),
            (true, 0, 1.026),
            (true, u32::MAX, 3.078),
        ] {
            let got = seconds(first, chance);
            assert!((got - expected).abs() < 0.001, "{first} {chance}: {got}");
        }
        assert_eq!(interval(Duration::ZERO, false, 7), Duration::from_millis(100));
    }
}
