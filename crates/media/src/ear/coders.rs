//! The decoders of a peer's payload types. A decoder is made when a packet of its type comes for the first time.

use std::collections::VecDeque;

use super::{noise::Noise, store::Content};
use crate::{
    Payload,
    codec::{self, Decoder, Kind, Malformed},
    listen::activity::power,
    sound::{Rate, Resampler},
};

/// An Opus packet of so few octets tells that nothing is sent for a time (RFC 7587 section 3.1.3).
const PAUSE_OCTETS: usize = 2;
/// Packets without voice are skipped after so many milliseconds of them.
const INACTIVE: u32 = 500;
/// And they are no longer skipped than this, in milliseconds: then one is decoded, to see whether it is quiet still.
const SKIPPED: u32 = 1000;
/// The mean square of what is quiet, at most: -45 dBov. A lasting tone is no voice to an encoder, and must be heard.
const QUIET: u32 = 34_000;
/// Skipped packets that are kept, the last ones.
const KEPT: usize = 5;

/// See the module.
#[derive(Debug)]
pub(super) struct Coders {
    all: Vec<Coder>,
    rate: Rate,
    /// What was decoded, before it is resampled.
    decoded: Vec<i16>,
    /// Packets without voice are skipped.
    thrifty: bool,
    /// The last packet was skipped.
    skipped: bool,
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
    /// Samples of the quiet packets without voice since the last other one, and of those that were skipped since the last
    /// decoded one.
    inactive: usize,
    skipped: usize,
    /// The last skipped packets. They are decoded before the packet that is not skipped, so that the decoder is then in the
    /// state that the encoder expects; 100 ms are enough for that.
    kept: VecDeque<Vec<u8>>,
}

impl Sound {
    fn new(decoder: Decoder, rate: Rate) -> Sound {
        let resampler = (decoder.rate() != rate).then(|| Resampler::new(decoder.rate(), rate));
        Sound {
            decoder,
            resampler,
            inactive: 0,
            skipped: 0,
            kept: VecDeque::new(),
        }
    }

    /// Whether a packet need not be decoded where only voice is of use. It is kept then.
    fn skips(&mut self, payload: &[u8], samples: usize, rate: Rate) -> bool {
        if !self.decoder.is_inactive(payload) {
            self.inactive = 0;
            return false;
        }
        if self.inactive < rate.samples(INACTIVE) || self.skipped >= rate.samples(SKIPPED) {
            return false;
        }
        self.skipped += samples;
        let mut buffer = if self.kept.len() < KEPT {
            Vec::new()
        } else {
            self.kept.pop_front().unwrap_or_default()
        };
        buffer.clear();
        buffer.extend_from_slice(payload);
        self.kept.push_back(buffer);
        true
    }

    /// Decodes what was skipped last. Its sound is not heard.
    fn catch_up(&mut self, scratch: &mut Vec<i16>) {
        for payload in self.kept.drain(..) {
            scratch.clear();
            // A damaged packet is as good as none.
            let _ = self.decoder.decode(&payload, scratch);
        }
        self.skipped = 0;
    }

    /// What a packet sounded like.
    fn note(&mut self, payload: &[u8], sound: &[i16]) {
        let is_quiet = self.decoder.is_inactive(payload) && power(sound) <= QUIET;
        self.inactive = if is_quiet { self.inactive + sound.len() } else { 0 };
    }
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
            thrifty: false,
            skipped: false,
        }
    }

    /// With `true` packets that say that there is no voice in them are skipped from now on, once there have been none but
    /// such, and quiet ones, for half a second: their sound is silence.
    pub(super) fn set_thrifty(&mut self, thrifty: bool) {
        self.thrifty = thrifty;
        self.skipped &= thrifty;
    }

    /// Whether the last packet was skipped.
    pub(super) fn skips(&self) -> bool {
        self.skipped
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

    /// Appends the sound of a packet, which has so many samples.
    pub(super) fn decode(
        &mut self,
        coder: usize,
        payload: &[u8],
        samples: usize,
        out: &mut Vec<i16>,
    ) -> Result<(), Malformed> {
        let sound = sound(&mut self.all, coder).ok_or(Malformed)?;
        self.skipped = self.thrifty && sound.skips(payload, samples, self.rate);
        if self.skipped {
            out.resize(out.len() + samples, 0);
            return Ok(());
        }
        sound.catch_up(&mut self.decoded);
        let start = out.len();
        match &mut sound.resampler {
            None => sound.decoder.decode(payload, out)?,
            Some(resampler) => {
                self.decoded.clear();
                sound.decoder.decode(payload, &mut self.decoded)?;
                resampler.process(&self.decoded, out);
            }
        }
        if self.thrifty {
            sound.note(payload, out.get(start..).unwrap_or_default());
        }
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
        sound.catch_up(&mut self.decoded);
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
        self.skipped = false;
        for coder in &mut self.all {
            coder.role = Role::Fresh;
        }
    }

    /// Gives up the decoders: the next packet of a type makes its decoder anew.
    pub(super) fn rest(&mut self) {
        for coder in &mut self.all {
            if matches!(coder.role, Role::Sound(_)) {
                coder.role = Role::Fresh;
            }
        }
    }

    /// Decoders that are there.
    #[cfg(test)]
    pub(super) fn decoders(&self) -> usize {
        let decodes = |coder: &&Coder| matches!(coder.role, Role::Sound(_));
        self.all.iter().filter(decodes).count()
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
                Role::Sound(Box::new(Sound::new(decoder, rate)))
            }),
        }
    }
}

/// The same time in samples of another rate.
fn convert(samples: usize, from: Rate, to: Rate) -> usize {
    let hertz = |rate: Rate| rate.hertz() as usize;
    samples * hertz(to) / hertz(from)
}
