//! Comfort noise (RFC 3389): what is heard while the peer sends nothing, and its description.

use super::Malformed;
use crate::{Payload, sound::Rate};

/// Reflection coefficients that are used; a decoder may leave out those of a higher order (section 3).
const ORDER: usize = 12;
/// Level in -dBov until the peer has described its noise: hardly heard.
const QUIET: u8 = 75;
/// The share of the way to a new level that each sample goes: there in about 20 ms.
const GLIDE: f32 = 1.0 / 64.0;

/// Makes noise as the peer describes its own.
#[derive(Clone, Debug)]
pub struct ComfortNoise {
    /// Whether the coefficients are for the rate that the noise is made at.
    shaped: bool,
    reflections: [f32; ORDER],
    order: usize,
    /// The lattice filter's delays.
    delays: [f32; ORDER + 1],
    /// The excitation now, and where it goes.
    gain: f32,
    wanted: f32,
    random: u32,
}

impl ComfortNoise {
    /// Quiet noise at that rate, until the first description. The spectrum in descriptions is for the clock of `payload`
    /// (`CN`), and only the level is used where `rate` is another.
    pub fn new(payload: &Payload, rate: Rate) -> ComfortNoise {
        ComfortNoise {
            shaped: payload.clock_rate == rate.hertz(),
            reflections: [0.0; ORDER],
            order: 0,
            delays: [0.0; ORDER + 1],
            gain: 0.0,
            wanted: amplitude(QUIET),
            random: 0x2545_f491,
        }
    }

    /// Takes a description: a level, and coefficients that may follow. The noise glides to it.
    ///
    /// # Errors
    /// [`Malformed`]: the payload is empty; the noise goes on as before.
    pub fn describe(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let (level, spectrum) = payload.split_first().ok_or(Malformed)?;
        let spectrum = if self.shaped { spectrum } else { &[] };
        self.order = spectrum.len().min(ORDER);
        let mut loss = 1.0f32;
        for (reflection, octet) in self.reflections.iter_mut().zip(spectrum) {
            // Section 3.2; 255 is reserved.
            let value = f32::from(258 * (i16::from((*octet).min(254)) - 127)) / 32_768.0;
            *reflection = value.clamp(-0.98, 0.98);
            loss *= 1.0 - *reflection * *reflection;
        }
        // The filter makes the excitation louder by as much.
        self.wanted = amplitude(level & 0x7f) * loss.sqrt();
        Ok(())
    }

    /// Appends noise.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        out.extend((0..samples).map(|_| self.next()));
    }

    fn next(&mut self) -> i16 {
        self.gain += (self.wanted - self.gain) * GLIDE;
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Even noise from -1 to 1 has a third of the power.
        let even = (self.random >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let mut forward = even * 1.732_050_8 * self.gain;
        for at in (0..self.order).rev() {
            forward -= self.reflections[at] * self.delays[at];
            self.delays[at + 1] = self.delays[at] + self.reflections[at] * forward;
        }
        self.delays[0] = forward;
        forward as i16
    }
}

/// The mean amplitude of a level in -dBov; 0 is a square wave of full scale (section 3.1).
fn amplitude(level: u8) -> f32 {
    32_767.0 * 10f32.powf(-f32::from(level) / 20.0)
}

/// The level of sound in -dBov, 0 to 127, as the first octet of a description says it. Silence is 127.
pub fn level(pcm: &[i16]) -> u8 {
    let power: f32 = pcm.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    let mean = (power / pcm.len().max(1) as f32).sqrt() / 32_767.0;
    (-20.0 * mean.max(1e-9).log10()).round().clamp(0.0, 127.0) as u8
}
