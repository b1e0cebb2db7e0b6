//! Comfort noise (RFC 3389): what is heard while the peer sends nothing because it hears silence.

use crate::sound::{Rate, Resampler};

/// Reflection coefficients that are used of a packet; further ones are ignored, which RFC 3389 section 3 allows.
const ORDER: usize = 12;
/// Milliseconds in which the level of a new packet is reached.
const RAMP: u32 = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Noise {
    rate: Rate,
    /// The rate that the packets are for, where it is another one.
    resampler: Option<(Rate, Box<Resampler>)>,
    /// Root mean square of the excitation, now and soon.
    level: f32,
    wanted: f32,
    reflections: [f32; ORDER],
    state: [f32; ORDER + 1],
    seed: u32,
    made: Vec<i16>,
}

impl Noise {
    pub(super) fn new(rate: Rate) -> Noise {
        Noise {
            rate,
            resampler: None,
            level: 0.0,
            wanted: 0.0,
            reflections: [0.0; ORDER],
            state: [0.0; ORDER + 1],
            seed: 0x2545_f491,
            made: Vec::new(),
        }
    }

    /// A packet for the clock of its payload type. One without octets says nothing.
    pub(super) fn update(&mut self, clock: u32, payload: &[u8]) {
        let Some((level, spectrum)) = payload.split_first() else {
            return;
        };
        let rate = Rate::of(clock).unwrap_or(Rate::Narrow);
        if rate == self.rate {
            self.resampler = None;
        } else if self.resampler.as_ref().is_none_or(|(before, _)| *before != rate) {
            self.resampler = Some((rate, Box::new(Resampler::new(rate, self.rate))));
        }
        // Section 3.1: the level in -dBov, 0 to 127; 0 dBov is the mean of the loudest square wave.
        let mean = 32768.0 * 10f32.powf(-f32::from(level & 0x7f) / 20.0);
        self.reflections = [0.0; ORDER];
        let mut gain = 1.0;
        for (reflection, octet) in self.reflections.iter_mut().zip(spectrum) {
            // Section 3.2.
            *reflection = 258.0 * (f32::from(*octet) - 127.0) / 32768.0;
            *reflection = reflection.clamp(-0.999, 0.999);
            gain *= 1.0 - *reflection * *reflection;
        }
        self.wanted = mean * gain.sqrt();
    }

    /// The stream goes on without noise.
    pub(super) fn quiet(&mut self) {
        (self.level, self.wanted) = (0.0, 0.0);
        self.state = [0.0; ORDER + 1];
    }

    /// Appends noise.
    pub(super) fn make(&mut self, samples: usize, out: &mut Vec<i16>) {
        let Some((rate, mut resampler)) = self.resampler.take() else {
            return self.synthesize(samples, self.rate, out);
        };
        let mut made = std::mem::take(&mut self.made);
        made.clear();
        let end = out.len() + samples;
        let wanted = samples as u64 * u64::from(rate.hertz());
        let source = wanted.div_ceil(u64::from(self.rate.hertz())) as usize;
        self.synthesize(source, rate, &mut made);
        resampler.process(&made, out);
        out.resize(end, 0);
        self.made = made;
        self.resampler = Some((rate, resampler));
    }

    fn synthesize(&mut self, samples: usize, rate: Rate, out: &mut Vec<i16>) {
        let ramp = 1.0 / rate.samples(RAMP) as f32;
        for _ in 0..samples {
            self.level += (self.wanted - self.level) * ramp;
            // Uniform from -1 to 1 has a root mean square of the square root of a third.
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 17;
            self.seed ^= self.seed << 5;
            let uniform = self.seed as i32 as f32 / 2_147_483_648.0;
            let mut forward = uniform * 3f32.sqrt() * self.level;
            for n in (0..ORDER).rev() {
                forward -= self.reflections[n] * self.state[n];
                self.state[n + 1] = self.state[n] + self.reflections[n] * forward;
            }
            self.state[0] = forward;
            out.push(forward as i16);
        }
    }

    /// Octets on the heap.
    pub(super) fn octets(&self) -> usize {
        self.made.capacity() * size_of::<i16>() + self.resampler.as_ref().map_or(0, |_| size_of::<Resampler>() + 1024)
    }
}
