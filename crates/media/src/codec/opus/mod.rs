//! Opus (RFC 6716) and its RTP payload (RFC 7587).
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | `Decoder` and `Encoder` of one stream | all of both |
//! | `packet.rs` | the frames of a packet | all of `Shape` |
//! | `parameters.rs` | [`Parameters`]: what a side says in `a=fmtp` | all of [`Parameters`] |
//!
//! The codec can be asked for any of our rates: it is decoded at 8 kHz for G.711 and at 16 kHz for G.722, which is cheaper
//! and better than a resampler.

mod packet;
mod parameters;

use std::fmt;

use ropus::{Application, Bandwidth, Bitrate, Channels, DecodeMode, InbandFec};

pub use self::parameters::Parameters;
use super::Malformed;
use crate::sound::Rate;

/// How much the encoder tries, 0 to 10. From 5 to 9 the cost of a stream goes up by two thirds (3.4 to 5.7 ms a second
/// at 8 kHz), for gains that listening tests hardly find in speech.
const COMPLEXITY: u8 = 5;
/// The loss in percent that forward error correction is made for while nothing is known of the network.
const EXPECTED_LOSS: u8 = 10;
/// Milliseconds of the packets that the encoder makes.
const PTIMES: [u32; 7] = [120, 100, 80, 60, 40, 20, 10];

/// Decodes one stream to mono.
pub(super) struct Decoder {
    inner: Box<ropus::Decoder>,
    rate: Rate,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opus").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder to that rate.
    pub(super) fn new(rate: Rate) -> Option<Decoder> {
        let inner = ropus::Decoder::new(rate.hertz(), Channels::Mono).ok()?;
        Some(Decoder {
            inner: Box::new(inner),
            rate,
        })
    }

    /// Samples in that many microseconds, which are a multiple of 2.5 ms.
    fn in_micros(&self, micros: u32) -> usize {
        self.rate.hertz() as usize / 400 * micros as usize / 2500
    }

    /// Samples of a packet.
    pub(super) fn samples(&self, packet: &[u8]) -> Option<usize> {
        Some(self.in_micros(packet::shape(packet)?.duration()))
    }

    /// Whether the packet says that there is no voice in it.
    pub(super) fn is_inactive(packet: &[u8]) -> bool {
        packet::is_inactive(packet)
    }

    /// Appends the sound of a packet.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        let samples = self.samples(packet).ok_or(Malformed)?;
        self.append(packet, samples, DecodeMode::Normal, out)
    }

    fn append(&mut self, packet: &[u8], samples: usize, mode: DecodeMode, out: &mut Vec<i16>) -> Result<(), Malformed> {
        let start = out.len();
        out.resize(start + samples, 0);
        match self.inner.decode(packet, &mut out[start..], mode) {
            Ok(decoded) if decoded == samples => Ok(()),
            Ok(_) | Err(_) => {
                out.truncate(start);
                Err(Malformed)
            }
        }
    }

    /// Appends sound for a gap. Its end comes from the copy in the packet after it, if there is one.
    pub(super) fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        let end = out.len() + samples;
        let next = next.and_then(|packet| Some((packet, self.in_micros(packet::shape(packet)?.micros))));
        let next = next.filter(|(_, frame)| *frame <= samples);
        let copied = next.map_or(0, |(_, frame)| frame);
        // The decoder makes sound in pieces of 2.5 ms.
        let grain = self.in_micros(2500);
        while out.len() < end - copied {
            let piece = (end - copied - out.len())
                .next_multiple_of(grain)
                .min(self.rate.samples(20));
            if self.append(&[], piece, DecodeMode::Normal, out).is_err() {
                break;
            }
        }
        out.truncate(end - copied);
        if let Some((packet, frame)) = next {
            // Without a copy in the packet this makes sound as above.
            let _ = self.append(packet, frame, DecodeMode::Fec, out);
        }
        out.resize(end, 0);
    }
}

/// Encodes one mono stream.
pub(super) struct Encoder {
    inner: Box<ropus::Encoder>,
    rate: Rate,
    dtx: bool,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Opus");
        f.field("rate", &self.rate)
            .field("dtx", &self.dtx)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder from that rate, for a side that said this.
    pub(super) fn new(rate: Rate, said: &Parameters) -> Option<Encoder> {
        let bandwidth = said.bandwidth();
        let own = default_bitrate(rate, bandwidth, said.fec);
        let bitrate = said.max_average.map_or(own, |most| most.min(own));
        let mut builder = ropus::Encoder::builder(rate.hertz(), Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(bitrate))
            .complexity(COMPLEXITY)
            .max_bandwidth(bandwidth)
            .vbr(!said.constant)
            .dtx(said.dtx);
        if said.fec {
            builder = builder.inband_fec(InbandFec::Enabled).packet_loss_perc(EXPECTED_LOSS);
        }
        Some(Encoder {
            inner: Box::new(builder.build().ok()?),
            rate,
            dtx: said.dtx,
        })
    }

    /// The loss in percent that the peer reports.
    pub(super) fn set_loss(&mut self, percent: u8) {
        // Fails above 100 only.
        let _ = self.inner.set_packet_loss_perc(percent.min(100));
    }

    /// Encodes a packet; 0 where it need not be sent, or where the sound is of a wrong length.
    pub(super) fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        match self.inner.encode(pcm, out) {
            // RFC 7587 section 3.1.3: in silence a packet of one or two octets is left out.
            Ok(octets) if self.dtx && octets <= 2 => 0,
            Ok(octets) => octets,
            Err(_) => 0,
        }
    }
}

/// Milliseconds of a packet: the longest that is not over what is asked for, and that the side takes.
pub(super) fn ptime(asked: u32, said: &Parameters) -> u32 {
    let most = asked.min(said.max_ptime);
    PTIMES.into_iter().find(|ptime| *ptime <= most).unwrap_or(10)
}

/// Bits a second: the sweet spots of RFC 7587 section 3.1.1. With forward error correction narrow band gets a little more,
/// since the encoder leaves the copies out where they would take too much from the sound: at 16 kbit/s always.
fn default_bitrate(rate: Rate, bandwidth: Bandwidth, fec: bool) -> u32 {
    match (rate, bandwidth) {
        (Rate::Narrow, _) | (_, Bandwidth::Narrowband) if fec => 20_000,
        (Rate::Narrow, _) | (_, Bandwidth::Narrowband) => 16_000,
        (Rate::Wide, _) | (_, Bandwidth::Mediumband | Bandwidth::Wideband) => 24_000,
        (Rate::Full, Bandwidth::Superwideband | Bandwidth::Fullband | Bandwidth::Auto) => 32_000,
    }
}
