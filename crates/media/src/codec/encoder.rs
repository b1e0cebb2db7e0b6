//! Linear sound to payloads.

use super::{Coding, g711::Law, g722, l16, row};
use crate::{Payload, sound::Rate};

/// Encodes one stream in one codec.
#[derive(Debug)]
pub struct Encoder {
    coder: Coder,
    rate: Rate,
}

#[derive(Debug)]
enum Coder {
    G711(Law),
    G722(g722::Encoder),
    L16,
}

impl Encoder {
    /// An encoder for a codec as the peer describes it, of packets of `ptime` milliseconds. `None`: Tandem cannot encode
    /// it.
    pub fn new(payload: &Payload, ptime: u32) -> Option<Encoder> {
        Encoder::at(payload, ptime, Rate::Full)
    }

    /// An encoder that is given sound at `given`, where the codec can take that rate; all others keep their own, see
    /// [`Encoder::rate`].
    pub fn at(payload: &Payload, ptime: u32, given: Rate) -> Option<Encoder> {
        let _ = ptime;
        let (coder, rate) = match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
            Coding::G711(law) => (Coder::G711(law), Rate::Narrow),
            Coding::G722 => {
                let rate = given.min(Rate::Wide);
                (Coder::G722(g722::Encoder::new(rate)), rate)
            }
            Coding::L16(rate) => (Coder::L16, rate),
        };
        Some(Encoder { coder, rate })
    }

    /// The rate of the sound that [`Encoder::encode`] takes.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Encodes one packet of `ptime` milliseconds into `out`. Returns its octets; 0: nothing is to be sent (DTX).
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        match &mut self.coder {
            Coder::G722(g722) => g722.encode(pcm, out),
            Coder::G711(law) => law.encode(pcm, out),
            Coder::L16 => l16::encode(pcm, out),
        }
    }
}
