//! The decoders of a peer's payload types. A decoder is made when a packet of its type comes for the first time.

use super::{noise::Noise, store::Content};
use crate::{
    Payload,
    codec::{self, Decoder, Kind, Malformed},
    sound::{Rate, Resampler},
};

/// An Opus packet of so few octets tells that nothing is sent for a time (RFC 7587 section 3.1.3).
const PAUSE_OCTETS: usize = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct Coders {
    all: Vec<Coder>,
    rate: Rate,
    /// What was decoded, before it is resampled.
    decoded: Vec<i16>,
}

#[derive(Debug)]
struct Coder {
    payload: Payload,
    role: Role,
}

#[derive(Debug)]
enum Role {
    /// No packet has come.
    Fresh,
    Sound(Box<Sound>),
    Noise(Box<Noise>),
    /// Tandem cannot decode it.
    Unknown,
}

#[derive(Debug)]
struct Sound {
    decoder: Decoder,
    resampler: Option<Resampler>,
}

impl Coders {
    /// For the payload types that a peer may send, and the rate that is played.
    pub(super) fn new(payloads: &[Payload], rate: Rate) -> Coders {
        let all = payloads.iter().map(|payload| Coder {
            payload: payload.clone(),
            role: Role::Fresh,
        });
        Coders {
            all: all.collect(),
            rate,
            decoded: Vec::new(),
        }
    }

    /// What a packet holds, and its clock. [`Content::Broken`]: its length is wrong. `None`: Tandem does not decode this
    /// payload type.
    pub(super) fn read(&mut self, number: u8, payload: &[u8]) -> Option<(Content, u32)> {
        let index = self.all.iter().position(|coder| coder.payload.number == number)?;
        let rate = self.rate;
        let coder = self.all.get_mut(index)?;
        let clock = coder.payload.clock_rate;
        if matches!(coder.role, Role::Fresh) {
            coder.role = Role::of(&coder.payload, rate);
        }
        let content = match &coder.role {
            Role::Sound(sound) => match sound.decoder.samples(payload) {
                Some(samples) if samples > 0 => Content::Sound {
                    coder: index,
                    samples: convert(samples, sound.decoder.rate(), rate),
                },
                Some(_) | None => Content::Broken,
            },
            Role::Noise(_) if payload.is_empty() => Content::Broken,
            Role::Noise(_) => Content::Noise { coder: index },
            Role::Fresh | Role::Unknown => return None,
        };
        Some((content, clock))
    }

    /// Appends the sound of a packet.
    pub(super) fn decode(&mut self, coder: usize, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        let sound = sound(&mut self.all, coder).ok_or(Malformed)?;
        let Some(resampler) = &mut sound.resampler else {
            return sound.decoder.decode(payload, out);
        };
        self.decoded.clear();
        sound.decoder.decode(payload, &mut self.decoded)?;
        resampler.process(&self.decoded, out);
        Ok(())
    }

    /// Whether the codec conceals losses by itself.
    pub(super) fn conceals(&self, coder: usize) -> bool {
        self.all.get(coder).is_some_and(|coder| match &coder.role {
            Role::Sound(sound) => sound.decoder.conceals(),
            Role::Fresh | Role::Noise(_) | Role::Unknown => false,
        })
    }

    /// Whether a packet tells that its sender pauses, and the codec makes the noise for the pause by itself.
    pub(super) fn pauses(&self, coder: usize, payload: &[u8]) -> bool {
        self.conceals(coder) && payload.len() <= PAUSE_OCTETS
    }

    /// Appends about `samples` samples that the codec makes itself: for what was lost before `next`, or for a pause.
    pub(super) fn conceal(&mut self, coder: usize, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        let Some(sound) = sound(&mut self.all, coder) else {
            return out.resize(out.len() + samples, 0);
        };
        let own = sound.decoder.rate();
        // Opus makes sound in steps of 2.5 ms.
        let step = own.samples(5) / 2;
        let wanted = convert(samples, self.rate, own).div_ceil(step) * step;
        let Some(resampler) = &mut sound.resampler else {
            return sound.decoder.conceal(wanted, next, out);
        };
        self.decoded.clear();
        sound.decoder.conceal(wanted, next, &mut self.decoded);
        resampler.process(&self.decoded, out);
    }

    /// The peer describes its noise.
    pub(super) fn describe(&mut self, coder: usize, payload: &[u8]) {
        if let Some(noise) = noise(&mut self.all, coder) {
            noise.describe(payload);
        }
    }

    /// Appends comfort noise.
    pub(super) fn noise(&mut self, coder: usize, samples: usize, out: &mut Vec<i16>) {
        match noise(&mut self.all, coder) {
            Some(noise) => noise.make(samples, out),
            None => out.resize(out.len() + samples, 0),
        }
    }

    /// Another source begins: all decoders begin anew.
    pub(super) fn reset(&mut self) {
        for coder in &mut self.all {
            coder.role = Role::Fresh;
        }
    }

    /// Octets on the heap, without what decoders keep there.
    pub(super) fn octets(&self) -> usize {
        let made = self.all.iter().map(|coder| match &coder.role {
            Role::Sound(_) => size_of::<Sound>(),
            Role::Noise(noise) => size_of::<Noise>() + noise.octets(),
            Role::Fresh | Role::Unknown => 0,
        });
        self.all.capacity() * size_of::<Coder>() + made.sum::<usize>() + self.decoded.capacity() * size_of::<i16>()
    }
}

fn sound(all: &mut [Coder], coder: usize) -> Option<&mut Sound> {
    match &mut all.get_mut(coder)?.role {
        Role::Sound(sound) => Some(sound),
        Role::Fresh | Role::Noise(_) | Role::Unknown => None,
    }
}

fn noise(all: &mut [Coder], coder: usize) -> Option<&mut Noise> {
    match &mut all.get_mut(coder)?.role {
        Role::Noise(noise) => Some(noise),
        Role::Fresh | Role::Sound(_) | Role::Unknown => None,
    }
}

impl Role {
    fn of(payload: &Payload, rate: Rate) -> Role {
        match codec::kind(&payload.codec) {
            Kind::Noise => Role::Noise(Box::new(Noise::new(payload, rate))),
            Kind::Event | Kind::Referring => Role::Unknown,
            Kind::Audio => Decoder::at(payload, rate).map_or(Role::Unknown, |decoder| {
                let resampler = (decoder.rate() != rate).then(|| Resampler::new(decoder.rate(), rate));
                Role::Sound(Box::new(Sound { decoder, resampler }))
            }),
        }
    }
}

/// The same time in samples of another rate.
fn convert(samples: usize, from: Rate, to: Rate) -> usize {
    let hertz = |rate: Rate| rate.hertz() as usize;
    samples * hertz(to) / hertz(from)
}
