//! Payloads to linear sound.

use super::{Coding, Malformed, g711::Law, g722, l16, opus, row};
use crate::{Payload, sound::Rate};

/// Sound in one packet, at most (RFC 3551 section 4.2: a receiver should accept 0 to 200 ms).
const MAX_MILLIS: u32 = 200;

/// Decodes the packets of one stream in one codec.
#[derive(Debug)]
pub struct Decoder {
    coder: Coder,
    rate: Rate,
}

#[derive(Debug)]
enum Coder {
    G711(Law),
    G722(Box<g722::Decoder>),
    L16,
    Opus(opus::Decoder),
}

impl Decoder {
    /// A decoder for a codec, at its own rate; Opus at the rate that holds what `a=fmtp` allows the peer to send. `None`:
    /// Tandem cannot decode it.
    pub fn new(payload: &Payload) -> Option<Decoder> {
        let own = opus::Parameters::read(payload.fmtp.as_deref()).playback_rate();
        match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
            Coding::Opus => Decoder::at(payload, own),
            Coding::G711(_) | Coding::G722 | Coding::L16(_) => Decoder::at(payload, Rate::Full),
        }
    }

    /// A decoder whose sound is wanted at `wanted`. Codecs that can decode to that rate do so (Opus, and G.722 to 8 kHz),
    /// which is better and cheaper than a resampler behind them; all others keep their own rate, see [`Decoder::rate`].
    pub fn at(payload: &Payload, wanted: Rate) -> Option<Decoder> {
        let (coder, rate) = match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
            Coding::G711(law) => (Coder::G711(law), Rate::Narrow),
            Coding::G722 => {
                let rate = wanted.min(Rate::Wide);
                (Coder::G722(Box::new(g722::Decoder::new(rate))), rate)
            }
            Coding::L16(rate) => (Coder::L16, rate),
            Coding::Opus => (Coder::Opus(opus::Decoder::new(wanted)?), wanted),
        };
        Some(Decoder { coder, rate })
    }

    /// The rate of the decoded sound.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// How many samples at [`Decoder::rate`] the payload holds, without decoding. `None`: malformed.
    pub fn samples(&self, payload: &[u8]) -> Option<usize> {
        let samples = match &self.coder {
            Coder::Opus(opus) => return opus.samples(payload),
            Coder::G711(_) => payload.len(),
            // RFC 3551 section 4.5.2: the RTP clock counts octets, each of which holds two samples.
            Coder::G722(_) if self.rate == Rate::Wide => 2 * payload.len(),
            Coder::G722(_) => payload.len(),
            Coder::L16 => Some(payload.len()).filter(|octets| octets % 2 == 0)? / 2,
        };
        (1..=self.rate.samples(MAX_MILLIS))
            .contains(&samples)
            .then_some(samples)
    }

    /// Appends the sound of a payload to `out`.
    ///
    /// # Errors
    /// [`Malformed`]: the payload has a wrong length or is damaged; `out` is as before.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        self.samples(payload).ok_or(Malformed)?;
        match &mut self.coder {
            Coder::G711(law) => law.decode(payload, out),
            Coder::G722(g722) => g722.decode(payload, out),
            Coder::L16 => l16::decode(payload, out),
            Coder::Opus(opus) => return opus.decode(payload, out),
        }
        Ok(())
    }

    /// Whether the payload says that its encoder heard no voice in it. Only Opus says so, and not in each packet.
    pub fn is_inactive(&self, payload: &[u8]) -> bool {
        match &self.coder {
            Coder::Opus(_) => opus::Decoder::is_inactive(payload),
            Coder::G711(_) | Coder::G722(_) | Coder::L16 => false,
        }
    }

    /// Whether the codec makes sound for lost packets by itself, in [`Decoder::conceal`].
    pub fn conceals(&self) -> bool {
        match &self.coder {
            Coder::Opus(_) => true,
            Coder::G711(_) | Coder::G722(_) | Coder::L16 => false,
        }
    }

    /// Appends exactly `samples` samples for packets that were lost. `next` is the payload of the packet right after the
    /// gap, where it is here already: Opus carries a copy of the lost packet in it (forward error correction). It is to be
    /// decoded after this all the same. Codecs that do not conceal ([`Decoder::conceals`]) give silence.
    pub fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        match &mut self.coder {
            Coder::Opus(opus) => opus.conceal(samples, next, out),
            Coder::G711(_) | Coder::G722(_) | Coder::L16 => out.resize(out.len() + samples, 0),
        }
    }
}
