//! Linear sound to payloads.

use super::{Coding, g711::Law, g722, l16, opus, row};
use crate::{Payload, sound::Rate};

/// Milliseconds of a packet, at most (RFC 3551 section 4.2).
const MAX_PTIME: u32 = 200;
/// Octets of a payload, at most: with its headers it fits one Ethernet frame, so that IP need not cut it.
pub const MAX_OCTETS: usize = 1400;

/// Encodes one stream in one codec.
#[derive(Debug)]
pub struct Encoder {
    coder: Coder,
    rate: Rate,
    ptime: u32,
}

#[derive(Debug)]
enum Coder {
    G711(Law),
    G722(Box<g722::Encoder>),
    L16,
    Opus(opus::Encoder),
}

/// The rate of the sound, and the milliseconds in a packet, of the encoder that [`Encoder::at`] would make: what was asked
/// for, or the next shorter that the codec has and that fits [`MAX_OCTETS`]. Opus has 10, 20, 40, 60, 80, 100 and 120, so
/// that 30 becomes 20.
pub fn plan(payload: &Payload, ptime: u32, given: Rate) -> Option<(Rate, u32)> {
    let ptime = ptime.clamp(1, MAX_PTIME);
    let (rate, octets) = match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
        Coding::G711(_) => (Rate::Narrow, 8),
        Coding::G722 => (given.min(Rate::Wide), 8),
        Coding::L16(rate) => (rate, 2 * rate.samples(1)),
        Coding::Opus => {
            let said = opus::Parameters::read(payload.fmtp.as_deref());
            return Some((given, opus::ptime(ptime, &said)));
        }
    };
    let most = MAX_OCTETS / octets / 10 * 10;
    Some((rate, ptime.min(most as u32)))
}

impl Encoder {
    /// An encoder for a codec as the peer describes it in its `a=fmtp`, of packets of `ptime` milliseconds (see
    /// [`Encoder::ptime`]), at the codec's own rate; Opus at the rate that holds what the peer can play. `None`: Tandem
    /// cannot encode it.
    pub fn new(payload: &Payload, ptime: u32) -> Option<Encoder> {
        let own = opus::Parameters::read(payload.fmtp.as_deref()).playback_rate();
        match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
            Coding::Opus => Encoder::at(payload, ptime, own),
            Coding::G711(_) | Coding::G722 | Coding::L16(_) => Encoder::at(payload, ptime, Rate::Full),
        }
    }

    /// An encoder that is given sound at `given`, where the codec can take that rate (Opus, and G.722 at 8 kHz); all
    /// others keep their own, see [`Encoder::rate`].
    pub fn at(payload: &Payload, ptime: u32, given: Rate) -> Option<Encoder> {
        let (rate, ptime) = plan(payload, ptime, given)?;
        let coder = match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
            Coding::G711(law) => Coder::G711(law),
            Coding::G722 => Coder::G722(Box::new(g722::Encoder::new(rate))),
            Coding::L16(_) => Coder::L16,
            Coding::Opus => {
                let said = opus::Parameters::read(payload.fmtp.as_deref());
                Coder::Opus(opus::Encoder::new(rate, &said)?)
            }
        };
        Some(Encoder { coder, rate, ptime })
    }

    /// The rate of the sound that [`Encoder::encode`] takes.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Milliseconds of the packets that it makes ([`plan`]).
    pub fn ptime(&self) -> u32 {
        self.ptime
    }

    /// Samples of one packet: [`Encoder::ptime`] at [`Encoder::rate`].
    pub fn samples(&self) -> usize {
        self.rate.samples(self.ptime)
    }

    /// The share of packets in percent that the peer reports as lost. Opus makes its forward error correction for it,
    /// where the peer takes any; all others know no such thing.
    pub fn set_loss(&mut self, percent: u8) {
        match &mut self.coder {
            Coder::Opus(opus) => opus.set_loss(percent),
            Coder::G711(_) | Coder::G722(_) | Coder::L16 => {}
        }
    }

    /// An encoder that goes on from the state of this one. `None`: its codec does not tell its state.
    pub fn continued(&self) -> Option<Encoder> {
        let coder = match &self.coder {
            Coder::G711(law) => Coder::G711(*law),
            Coder::G722(g722) => Coder::G722(g722.clone()),
            Coder::L16 => Coder::L16,
            Coder::Opus(_) => return None,
        };
        let Encoder { rate, ptime, .. } = *self;
        Some(Encoder { coder, rate, ptime })
    }

    /// Whether a packet of lasting silence can be sent again in place of the next one. An Opus packet can be decoded
    /// without the one before (RFC 6716 section 2.1.7), and costs much to make; for all others this is not so.
    pub fn repeats_silence(&self) -> bool {
        match &self.coder {
            Coder::Opus(_) => true,
            Coder::G711(_) | Coder::G722(_) | Coder::L16 => false,
        }
    }

    /// Encodes one packet: [`Encoder::samples`] samples into `out`, which has room for [`MAX_OCTETS`]. Returns its octets;
    /// 0: nothing is to be sent (DTX).
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        match &mut self.coder {
            Coder::G711(law) => law.encode(pcm, out),
            Coder::G722(g722) => g722.encode(pcm, out),
            Coder::L16 => l16::encode(pcm, out),
            Coder::Opus(opus) => opus.encode(pcm, out),
        }
    }
}
