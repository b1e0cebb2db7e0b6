//! Brings quiet and loud voices to one level.

/// The level that voices are brought to, in dBov: that of a telephone speech sample (ITU-T P.56, -26 dBov).
const TARGET: f32 = -26.0;
/// The most that a voice is made quieter or louder, in dB.
const LEAST: f32 = -20.0;
const MOST: f32 = 24.0;
/// How fast, in dB a millisecond.
const UP: f32 = 0.012;
const DOWN: f32 = 0.04;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Leveller {
    /// Mean square of the voice while somebody speaks; 0 before the first word.
    power: f32,
    /// In dB.
    gain: f32,
}

impl Leveller {
    /// Takes in a frame of speech of that mean square.
    pub(super) fn speech(&mut self, power: u32, millis: u32) {
        let power = power as f32;
        if self.power == 0.0 {
            self.power = power;
        }
        // Syllables count, the gaps between them hardly do.
        let pace = if power > self.power { 0.025 } else { 0.003 };
        self.power += (power - self.power) * (pace * millis as f32).min(1.0);
        let level = 10.0 * (self.power / (1u32 << 30) as f32).max(1e-9).log10();
        let wanted = (TARGET - level).clamp(LEAST, MOST);
        let step = (wanted - self.gain).clamp(-DOWN * millis as f32, UP * millis as f32);
        self.gain += step;
    }

    /// The factor to multiply with.
    pub(super) fn factor(&self) -> f32 {
        factor(self.gain)
    }
}

/// The factor of a gain in dB.
pub(super) fn factor(gain: f32) -> f32 {
    10f32.powf(gain / 20.0)
}
