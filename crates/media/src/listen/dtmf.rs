//! Keys as tones: ITU-T Q.23, with what ITU-T Q.24 asks of a receiver.
//!
//! The sound is cut into blocks of 12.75 ms. In each a Goertzel filter at each of the eight frequencies tells the power
//! there, and how its phase goes on from the block before tells the frequency closely. A key is pressed when two blocks in
//! a row are of that key, and 28 ms in all: 40 ms always suffice, 23 ms never do. It is let go when two blocks in a row
//! are not, and hold less than half of its tones: a break of 10 ms does not make two presses of one, a pause of 30 ms
//! does.

use std::f32::consts::{PI, TAU};

use smallvec::SmallVec;

use super::Heard;

/// Samples of a block: the width of each filter is 78 Hz.
const LENGTH: usize = 102;
/// The frequencies of the rows and of the columns.
const HERTZ: [f32; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];
/// The least power of a filter: a tone of -41 dBm0. The softest key that counts has -30, one of its tones may be 8 dB
/// below, and off by 1.5 %, which is 1.5 dB in the filter.
const LEAST: f32 = 1.07e8;
/// How much louder the low tone may be (8 dB), and the high tone (4 dB), with 1.5 dB for what one tone adds to the other's
/// filter; and before the frequencies are known, by which a filter sees less.
const LOW_LOUDER: f32 = 8.9;
const HIGH_LOUDER: f32 = 3.6;
const ROUGHLY: f32 = 2.0;
/// How far the other tones of the group are below: 8 dB.
const APART: f32 = 6.3;
/// Share of the block's power that both tones have, where the block may hold a part of them only; and of whole blocks,
/// once their frequencies are known. Speech has more beside them.
const SHARE: f32 = 0.6;
const WHOLE_SHARE: f32 = 0.82;
/// The power at twice the frequency of a tone is below this share of the tone's: a voice has harmonics.
const HARMONIC: f32 = 0.12;
/// How far the frequencies may be off: ITU-T Q.24 asks to take 1.5 %, and not to take 3.5 %; and in hertz, for noise.
const OFF: f32 = 0.015;
const OFF_HERTZ: f32 = 3.0;
/// How much that may change from block to block: a voice glides.
const GLIDE: f32 = 12.0;
/// Blocks of a key that make a press, with parts of blocks: 28 ms.
const PRESSED: f32 = 2.2;
/// Blocks in a row that are not of the key, on average less than this part of each, end a press. A break of 10 ms that is
/// spread over two blocks leaves 0.6.
const LET_GO: f32 = 0.5;

/// A block that may be of a key.
#[derive(Copy, Clone, Debug)]
struct Hit {
    row: usize,
    column: usize,
    /// Power of both tones; in a press, the most of any block.
    power: f32,
    /// The power of each tone, and what it would be if all the sound of the block were tones.
    tones: [f32; 2],
    whole: f32,
    /// The phases of both tones, in turns.
    phases: [f32; 2],
}

impl Hit {
    fn digit(self) -> char {
        KEYS[self.row][self.column]
    }

    /// How far the tones are off, in hertz, by how they go on from the block before. `None`: too far, or another key.
    fn follows(self, before: Hit) -> Option<[f32; 2]> {
        let hertz = [HERTZ[self.row], HERTZ[4 + self.column]];
        let off = [0, 1].map(|n| {
            let turns = self.phases[n] - before.phases[n] - hertz[n] * LENGTH as f32 / 8000.0;
            (turns - turns.round()) * 8000.0 / LENGTH as f32
        });
        let near = [0, 1].iter().all(|n| off[*n].abs() < hertz[*n] * OFF + OFF_HERTZ);
        (near && self.digit() == before.digit()).then_some(off)
    }

    /// Whether nothing but both tones is in the block, with what their frequencies take from what the filters see.
    fn is_pure(self, off: [f32; 2]) -> bool {
        let [low, high] = [0, 1].map(|n| {
            let turn = PI * off[n] * LENGTH as f32 / 8000.0;
            let seen = if turn.abs() < 0.01 {
                1.0
            } else {
                (turn.sin() / turn).powi(2)
            };
            self.tones[n] / seen
        });
        low <= high * LOW_LOUDER && high <= low * HIGH_LOUDER && low + high >= WHOLE_SHARE * self.whole
    }

    /// Whether both tones are as loud as in the block before, to 3 dB.
    fn is_steady(self, before: Hit) -> bool {
        [0, 1]
            .iter()
            .all(|n| (0.5..2.0).contains(&(self.tones[*n] / before.tones[*n])))
    }

    /// How much of a block holds these tones, by the power of the filters. Of tones that sound in a part of the block the
    /// filter sees that part squared.
    fn part(self, filters: &Filters) -> f32 {
        let power = filters.power(self.row) + filters.power(4 + self.column);
        (power / self.power).min(1.0).sqrt()
    }
}

/// A key that is pressed, or will be if it goes on.
#[derive(Copy, Clone, Debug)]
struct Press {
    /// The last block that was of the key, with the most power of any.
    hit: Hit,
    /// Blocks of the key, and parts of blocks.
    blocks: f32,
    /// Whole blocks of nothing else, and how far its tones are off.
    pure: u8,
    off: Option<[f32; 2]>,
    /// Blocks in a row that were not of the key, and what parts of these were.
    missed: u8,
    rest: f32,
    told: bool,
}

impl Press {
    fn released(&self) -> Heard {
        Heard::Released {
            digit: self.hit.digit(),
            millis: ((self.blocks + self.rest) * BLOCK_MILLIS).round() as u32,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dtmf {
    block: [i16; LENGTH],
    length: usize,
    press: Option<Press>,
    before: Filters,
}

impl Default for Dtmf {
    fn default() -> Self {
        Dtmf {
            block: [0; LENGTH],
            length: 0,
            press: None,
            before: Filters::default(),
        }
    }
}

const BLOCK_MILLIS: f32 = LENGTH as f32 / 8.0;

impl Dtmf {
    pub(super) fn hear(&mut self, mut pcm: &[i16], heard: &mut SmallVec<[Heard; 4]>) {
        while !pcm.is_empty() {
            let (now, rest) = pcm.split_at(pcm.len().min(LENGTH - self.length));
            self.block[self.length..self.length + now.len()].copy_from_slice(now);
            self.length += now.len();
            pcm = rest;
            if self.length == LENGTH {
                self.length = 0;
                self.judge(heard);
            }
        }
    }

    /// Whether there may be a key: one that was told of, or the first block of one.
    pub(super) fn is_pressed(&self) -> bool {
        self.press.is_some()
    }

    /// A key that was told of is let go.
    pub(super) fn end(&mut self) -> Option<Heard> {
        let press = self.press.take().filter(|press| press.told)?;
        Some(press.released())
    }

    /// Takes in a block.
    fn judge(&mut self, heard: &mut SmallVec<[Heard; 4]>) {
        let filters = Filters::of(&self.block);
        let hit = hit(&self.block, &filters);
        if let Some(mut press) = self.press.take() {
            let off = hit.and_then(|hit| hit.follows(press.hit));
            let again = hit.filter(|hit| off.is_some() || press.told && hit.digit() == press.hit.digit());
            if let Some(hit) = again {
                if let Some(off) = off.filter(|_| hit.is_steady(press.hit)) {
                    let glides = press
                        .off
                        .is_some_and(|before| (0..2).any(|n| (off[n] - before[n]).abs() > GLIDE));
                    if glides {
                        press.pure = 0;
                    }
                    press.off = Some(off);
                    let first = press.pure == 0 && press.hit.is_pure(off);
                    press.pure = press.pure.saturating_add(u8::from(first) + u8::from(hit.is_pure(off)));
                }
                press.blocks += 1.0 + f32::from(press.missed);
                press.hit = Hit {
                    power: hit.power.max(press.hit.power),
                    ..hit
                };
                (press.missed, press.rest) = (0, 0.0);
            } else {
                press.missed += 1;
                press.rest += press.hit.part(&filters);
            }
            if !press.told && press.pure >= 2 && press.blocks + press.rest >= PRESSED {
                press.told = true;
                heard.push(Heard::Pressed(press.hit.digit()));
            }
            let over = press.missed >= 2 && press.rest < LET_GO * f32::from(press.missed) || press.missed >= 4;
            let replaced = hit.is_some_and(|hit| hit.digit() != press.hit.digit());
            if press.told && (over || replaced) {
                heard.push(press.released());
            } else if press.told || press.missed == 0 {
                self.press = Some(press);
            }
        }
        if self.press.is_none() {
            self.press = hit.map(|hit| {
                // The block before may hold its begin.
                let begin = hit.part(&self.before);
                Press {
                    hit,
                    blocks: 1.0 + if begin < 0.9 { begin } else { 0.0 },
                    pure: 0,
                    off: None,
                    missed: 0,
                    rest: 0.0,
                    told: false,
                }
            });
        }
        self.before = filters;
    }
}

/// A Goertzel filter at each frequency, after a block.
#[derive(Copy, Clone, Debug, Default)]
struct Filters {
    last: [f32; 8],
    before: [f32; 8],
}

impl Filters {
    fn of(block: &[i16; LENGTH]) -> Filters {
        let factors = HERTZ.map(factor);
        let mut filters = Filters::default();
        for sample in block {
            let sample = f32::from(*sample);
            let states = filters.last.iter_mut().zip(&mut filters.before);
            for ((last, before), factor) in states.zip(factors) {
                let next = sample + factor * *last - *before;
                (*before, *last) = (*last, next);
            }
        }
        filters
    }

    fn power(&self, n: usize) -> f32 {
        let (last, before) = (self.last[n], self.before[n]);
        last * last + before * before - factor(HERTZ[n]) * last * before
    }

    /// In turns.
    fn phase(&self, n: usize) -> f32 {
        let step = TAU * HERTZ[n] / 8000.0;
        let (real, imaginary) = (self.last[n] - self.before[n] * step.cos(), self.before[n] * step.sin());
        imaginary.atan2(real) / TAU
    }

    /// The loudest of four, where the others are well below.
    fn loudest(powers: &[f32]) -> Option<usize> {
        let most = powers
            .iter()
            .copied()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (best, most) = most?;
        let clear = powers
            .iter()
            .enumerate()
            .all(|(n, power)| n == best || power * APART < most);
        (clear && most >= LEAST).then_some(best)
    }
}

/// The factor of a Goertzel filter at a frequency.
fn factor(hertz: f32) -> f32 {
    2.0 * (TAU * hertz / 8000.0).cos()
}

/// The power at one frequency.
fn filter(block: &[i16; LENGTH], hertz: f32) -> f32 {
    let factor = factor(hertz);
    let (mut last, mut before) = (0.0f32, 0.0f32);
    for sample in block {
        (before, last) = (last, f32::from(*sample) + factor * last - before);
    }
    last * last + before * before - factor * last * before
}

/// The key that a block is of, if it is.
fn hit(block: &[i16; LENGTH], filters: &Filters) -> Option<Hit> {
    let powers: [f32; 8] = std::array::from_fn(|n| filters.power(n));
    let (low, high) = powers.split_at(4);
    let (row, column) = (Filters::loudest(low)?, Filters::loudest(high)?);
    let (low, high) = (low[row], high[column]);
    let energy: f32 = block.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
    // What the filters would see if all the energy were tones.
    let whole = energy * LENGTH as f32 / 2.0;
    if low > high * LOW_LOUDER * ROUGHLY || high > low * HIGH_LOUDER * ROUGHLY || low + high < SHARE * whole {
        return None;
    }
    let (low_hertz, high_hertz) = (HERTZ[row], HERTZ[4 + column]);
    if filter(block, 2.0 * high_hertz) > HARMONIC * high {
        return None;
    }
    // Twice the low frequency may be near the high one, which then is what the filter sees.
    let near = (2.0 * low_hertz - high_hertz).abs() < 200.0;
    if !near && filter(block, 2.0 * low_hertz) > HARMONIC * low.max(high) {
        return None;
    }
    Some(Hit {
        row,
        column,
        power: low + high,
        tones: [low, high],
        whole,
        phases: [filters.phase(row), filters.phase(4 + column)],
    })
}
