//! Comfort noise (RFC 3389): what is heard while the peer sends nothing because it hears silence.

use crate::{
    Payload,
    sound::{Rate, Resampler},
};

/// Reflection coefficients that are used; a decoder may leave out those of a higher order (section 3).
const ORDER: usize = 12;
/// Milliseconds in which the level of a new description is reached.
const RAMP: u32 = 20;

/// Noise as the peer describes its own. Its spectrum is for the clock of its payload type.
#[derive(Debug)]
pub(super) struct Noise {
    /// The rate that the noise is made at, and how it gets to the rate that is played.
    from: Rate,
    to: Rate,
    resampler: Option<Resampler>,
    made: Vec<i16>,
    /// Root mean square of the excitation, now and soon.
    level: f32,
    wanted: f32,
    reflections: [f32; ORDER],
    /// The delays of the lattice filter.
    delays: [f32; ORDER + 1],
    seed: u32,
}

impl Noise {
    /// Silence, until noise is described by payloads of this type.
    pub(super) fn new(payload: &Payload, to: Rate) -> Noise {
        let from = Rate::of(payload.clock_rate).unwrap_or(to);
        Noise {
            from,
            to,
            resampler: (from != to).then(|| Resampler::new(from, to)),
            made: Vec::new(),
            level: 0.0,
            wanted: 0.0,
            reflections: [0.0; ORDER],
            delays: [0.0; ORDER + 1],
            seed: 0x2545_f491,
        }
    }

    /// The peer describes its noise. A payload without octets says nothing.
    pub(super) fn describe(&mut self, payload: &[u8]) {
        let Some((level, spectrum)) = payload.split_first() else {
            return;
        };
        // Section 3.1: the level in -dBov, 0 to 127; 0 dBov is the mean of the loudest square wave.
        let mean = 32_768.0 * 10f32.powf(-f32::from(level & 0x7f) / 20.0);
        self.reflections = [0.0; ORDER];
        let mut loss = 1.0;
        for (reflection, octet) in self.reflections.iter_mut().zip(spectrum) {
            // Section 3.2; 255 is reserved.
            let value = 258.0 * (f32::from((*octet).min(254)) - 127.0) / 32_768.0;
            *reflection = value.clamp(-0.98, 0.98);
            loss *= 1.0 - *reflection * *reflection;
        }
        // The filter makes the excitation louder by as much.
        self.wanted = mean * loss.sqrt();
    }

    /// Appends noise.
    pub(super) fn make(&mut self, samples: usize, out: &mut Vec<i16>) {
        let Some(mut resampler) = self.resampler.take() else {
            return self.synthesize(samples, out);
        };
        let end = out.len() + samples;
        let [from, to] = [self.from, self.to].map(|rate| rate.hertz() as usize);
        let mut made = std::mem::take(&mut self.made);
        made.clear();
        self.synthesize((samples * from).div_ceil(to), &mut made);
        resampler.process(&made, out);
        out.resize(end, 0);
        (self.made, self.resampler) = (made, Some(resampler));
    }

    fn synthesize(&mut self, samples: usize, out: &mut Vec<i16>) {
        let ramp = 1.0 / self.from.samples(RAMP) as f32;
        out.extend((0..samples).map(|_| {
            self.level += (self.wanted - self.level) * ramp;
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Even noise from -1 to 1 has a third of the power.
            let even = (self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let mut forward = even * 3f32.sqrt() * self.level;
            for n in (0..ORDER).rev() {
                forward -= self.reflections[n] * self.delays[n];
                self.delays[n + 1] = self.delays[n] + self.reflections[n] * forward;
            }
            self.delays[0] = forward;
            forward as i16
        }));
    }

    /// Octets on the heap.
    pub(super) fn octets(&self) -> usize {
        self.made.capacity() * size_of::<i16>()
    }
}
