//! The decoded sound: what was played last, and what is to be played next.

use super::similar::{Search, Way, similar};
use crate::sound::Rate;

/// Milliseconds of played sound that are kept: three periods of the lowest voice and a quarter of one.
pub(super) const KEPT: u32 = 50;
/// The shortest and the longest time that is put in or left out at once, in tenths of a millisecond.
const LAGS: [usize; 2] = [25, 150];
/// How long both sounds are mixed where time is put in or left out.
const OVERLAP: u32 = 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Pcm {
    samples: Vec<i16>,
    /// The next sample to be played.
    next: usize,
    rate: Rate,
    /// The place in the stream, in samples, of what is to be decoded next.
    pub(super) end: i64,
}

impl Pcm {
    pub(super) fn new(rate: Rate) -> Pcm {
        let kept = rate.samples(KEPT);
        let mut samples = Vec::with_capacity(kept + rate.samples(60));
        samples.resize(kept, 0);
        Pcm {
            samples,
            next: kept,
            rate,
            end: 0,
        }
    }

    /// Samples that wait to be played.
    pub(super) fn pending(&self) -> usize {
        self.samples.len() - self.next
    }

    /// All sound, the kept one first. What is appended here is played.
    pub(super) fn samples(&mut self) -> &mut Vec<i16> {
        &mut self.samples
    }

    /// All sound so far, for what goes on from there.
    pub(super) fn heard(&self) -> &[i16] {
        &self.samples
    }

    /// What begins at `at` leads over, in `length` samples, to what comes after these.
    pub(super) fn merge(&mut self, at: usize, length: usize) {
        let (before, after) = self.samples.split_at_mut(at + length);
        let length_mixed = length.min(after.len());
        for (n, (old, new)) in before[at..].iter().zip(after).enumerate() {
            *new = blend(*old, *new, weight(n, length_mixed));
        }
        self.samples.drain(at..at + length);
    }

    /// Gives `samples` samples to `out`; as many must be pending.
    pub(super) fn play(&mut self, samples: usize, out: &mut Vec<i16>) {
        let to = (self.next + samples).min(self.samples.len());
        out.extend_from_slice(&self.samples[self.next..to]);
        let passed = to.saturating_sub(self.rate.samples(KEPT));
        self.samples.copy_within(passed.., 0);
        self.samples.truncate(self.samples.len() - passed);
        self.next = to - passed;
    }

    /// Octets on the heap.
    pub(super) fn octets(&self) -> usize {
        self.samples.capacity() * size_of::<i16>()
    }

    fn lags(&self, most: usize) -> [usize; 2] {
        let [least, longest] = LAGS.map(|tenths| self.rate.samples(1) * tenths / 10);
        [least, longest.min(most)]
    }

    /// Puts a piece of the sound in once more, about `wanted` samples long, where the correlation is at least `alike`.
    /// Returns its length; 0: no piece is alike, or too little is pending.
    pub(super) fn lengthen(&mut self, wanted: usize, alike: f32) -> usize {
        let (at, width) = (self.next, self.rate.samples(OVERLAP));
        let [least, longest] = self.lags(usize::MAX);
        let search = Search {
            at,
            width,
            lags: least..=longest,
            way: Way::Back,
            prefer: Some(wanted),
        };
        let Some(found) = similar(&self.samples, self.rate, &search).filter(|found| found.correlation >= alike) else {
            return 0;
        };
        let (lag, end) = (found.lag, self.samples.len());
        // From `at` on there is a fade from the sound to what was played `lag` samples before; that one goes on.
        self.samples.resize(end + lag, 0);
        self.samples.copy_within(at + width - lag..end, at + width);
        // From the end to the front: the piece before may overlap with what is written.
        for n in (0..width).rev() {
            let (old, new) = (self.samples[at + n], self.samples[at + n - lag]);
            self.samples[at + n] = blend(old, new, weight(n, width));
        }
        lag
    }

    /// Leaves out a piece of the sound, about `wanted` samples long and at most `most`, where the correlation is at least
    /// `alike`. Returns its length; 0: no piece is alike, or too little is pending.
    pub(super) fn shorten(&mut self, wanted: usize, most: usize, alike: f32) -> usize {
        let (at, width) = (self.next, self.rate.samples(OVERLAP));
        let [least, longest] = self.lags(most.min(self.pending().saturating_sub(width)));
        let search = Search {
            at,
            width,
            lags: least..=longest,
            way: Way::Ahead,
            prefer: Some(wanted),
        };
        let Some(found) = similar(&self.samples, self.rate, &search).filter(|found| found.correlation >= alike) else {
            return 0;
        };
        let lag = found.lag;
        for n in 0..width {
            let (old, new) = (self.samples[at + n], self.samples[at + lag + n]);
            self.samples[at + lag + n] = blend(old, new, weight(n, width));
        }
        let end = self.samples.len();
        self.samples.copy_within(at + lag..end, at);
        self.samples.truncate(end - lag);
        lag
    }
}

fn weight(n: usize, length: usize) -> f32 {
    (n + 1) as f32 / (length + 1) as f32
}

fn blend(old: i16, new: i16, weight: f32) -> i16 {
    (f32::from(old) * (1.0 - weight) + f32::from(new) * weight).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: Rate, from: usize, samples: usize) -> Vec<i16> {
        let step = 300.0 * std::f64::consts::TAU / f64::from(rate.hertz());
        let sample = |n: usize| ((n as f64 * step).sin() * 9000.0) as i16;
        (from..from + samples).map(sample).collect()
    }

    #[test]
    fn a_tone_of_another_length_is_a_tone_still() {
        for rate in Rate::ALL {
            let mut pcm = Pcm::new(rate);
            let mut out = Vec::new();
            pcm.samples().extend(tone(rate, 0, rate.samples(100)));
            pcm.play(rate.samples(60), &mut out);
            assert_eq!(pcm.pending(), rate.samples(40));
            let more = pcm.lengthen(rate.samples(10), 0.9);
            assert!((rate.samples(8)..=rate.samples(12)).contains(&more), "{more}");
            assert_eq!(pcm.pending(), rate.samples(40) + more);
            pcm.play(rate.samples(20), &mut out);
            let left = pcm.pending();
            let less = pcm.shorten(rate.samples(10), rate.samples(12), 0.9);
            assert!((rate.samples(8)..=rate.samples(12)).contains(&less), "{less}");
            assert_eq!(pcm.pending(), left - less);
            pcm.play(pcm.pending(), &mut out);
            assert_eq!(out.len(), rate.samples(100) + more - less);
            let step = 300.0 * std::f64::consts::TAU / f64::from(rate.hertz());
            let most = 9000.0 * (2.0 - 2.0 * step.cos()) * 1.3 + 4.0;
            let second = |w: &[i16]| i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2]);
            let roughest = out.windows(3).map(|w| second(w).abs()).max().unwrap();
            assert!(f64::from(roughest) < most, "{rate:?}: {roughest} {most}");
        }
    }

    #[test]
    fn sound_that_is_not_alike_and_sound_that_is_too_short_keep_their_length() {
        let rate = Rate::Narrow;
        let mut pcm = Pcm::new(rate);
        let mut seed = 1u32;
        let noise = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as i16
        });
        pcm.samples().extend(noise.take(800));
        pcm.play(480, &mut Vec::new());
        assert_eq!((pcm.lengthen(80, 0.8), pcm.shorten(80, 200, 0.8)), (0, 0));
        assert!(pcm.shorten(80, 200, -1.0) > 0);
        pcm.play(pcm.pending() - 40, &mut Vec::new());
        assert_eq!((pcm.lengthen(80, -1.0), pcm.shorten(80, 200, -1.0)), (0, 0));
    }
}
