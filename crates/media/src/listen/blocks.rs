//! Cuts sound into blocks of 20 ms, and says of each whether it is silence, a pure tone, or other sound.

use super::activity::power;

/// Samples of a block.
const LENGTH: usize = 160;
/// Milliseconds of a block.
pub(super) const MILLIS: u32 = 20;
/// Mean square below which a block is silence: -48 dBov, 12 dB below the softest tone that counts.
const QUIET: u32 = 17_000;
/// Share of a block's power that a tone must have. Two tones that differ by 8 dB have less in either.
const PURE: f32 = 0.9;

/// A block, with its mean square.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// Silence, or noise that is faint.
    Quiet(u32),
    /// One pure tone.
    Tone {
        /// Its frequency.
        hertz: f32,
        /// The mean square.
        power: u32,
    },
    /// Anything else.
    Other(u32),
}

impl Block {
    /// The mean square.
    pub(super) fn power(self) -> u32 {
        match self {
            Block::Quiet(power) | Block::Other(power) | Block::Tone { power, .. } => power,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Blocks {
    held: [i16; LENGTH],
    length: usize,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks {
            held: [0; LENGTH],
            length: 0,
        }
    }
}

impl Blocks {
    /// Gives each block that is whole to `take`.
    pub(super) fn cut(&mut self, mut pcm: &[i16], mut take: impl FnMut(Block)) {
        while !pcm.is_empty() {
            let (now, rest) = pcm.split_at(pcm.len().min(LENGTH - self.length));
            self.held[self.length..self.length + now.len()].copy_from_slice(now);
            self.length += now.len();
            pcm = rest;
            if self.length == LENGTH {
                self.length = 0;
                take(judge(&self.held));
            }
        }
    }
}

fn judge(pcm: &[i16; LENGTH]) -> Block {
    let power = power(pcm);
    if power < QUIET {
        return Block::Quiet(power);
    }
    let cosine = frequency(pcm);
    if cosine.abs() >= 1.0 {
        return Block::Other(power);
    }
    // A Goertzel filter at that frequency.
    let (mut last, mut before) = (0.0f32, 0.0f32);
    for sample in pcm {
        let next = f32::from(*sample) + 2.0 * cosine * last - before;
        (before, last) = (last, next);
    }
    let found = last * last + before * before - 2.0 * cosine * last * before;
    let share = 2.0 * found / (LENGTH as f32 * LENGTH as f32 * power as f32);
    if share < PURE {
        return Block::Other(power);
    }
    let hertz = cosine.acos() * 8000.0 / std::f32::consts::TAU;
    Block::Tone { hertz, power }
}

/// The cosine of the step of one tone: of each three samples of a tone the outer two sum up to the middle one times
/// twice the cosine. Fitted by total least squares, which white noise does not bend.
fn frequency(pcm: &[i16; LENGTH]) -> f32 {
    let (mut outer, mut middle, mut both) = (0.0f32, 0.0f32, 0.0f32);
    for three in pcm.windows(3) {
        let sum = f32::from(three[0]) + f32::from(three[2]);
        let mid = f32::from(three[1]);
        outer += sum * sum;
        middle += mid * mid;
        both += sum * mid;
    }
    // The noise of the sum has twice the power of one sample's: both are brought to one scale.
    let (outer, both) = (outer / 2.0, both / std::f32::consts::SQRT_2);
    if both == 0.0 {
        return 0.0;
    }
    let apart = outer - middle;
    let slope = (apart + (apart * apart + 4.0 * both * both).sqrt()) / (2.0 * both);
    slope / std::f32::consts::SQRT_2
}
