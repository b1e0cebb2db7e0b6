//! Sound in place of lost packets: the last period of the voice is repeated and fades, in the manner of ITU-T G.711
//! Appendix I. Other than there the sound before the loss has been played, so that nothing is delayed for this.

use super::similar::{Search, Way, similar};
use crate::sound::Rate;

/// Milliseconds of the first stage, at full level: one period is repeated. Later on it is three periods, which sound less
/// like a buzzer.
const FULL: u32 = 10;
/// Milliseconds after which all is silent.
pub(super) const FADED: u32 = 60;
/// The shortest and the longest period in tenths of a millisecond (Appendix I: 200 Hz to 66 Hz; here also the double).
const PERIODS: [usize; 2] = [50, 150];
/// Milliseconds that are compared.
const COMPARED: u32 = 20;
/// Periods that are repeated in the later stage.
const REPEATED: usize = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Conceal {
    rate: Rate,
    period: usize,
    /// The last three periods.
    periods: Vec<i16>,
    /// How they end where one period is repeated, and how where three are: each leads to what comes next.
    ends: [Vec<i16>; 2],
    /// The next sample of `periods`.
    at: usize,
    /// Whether the third period leads to the first of three.
    is_wide: bool,
    /// Samples made.
    made: usize,
    /// What the repetition lacks at its begin, so that there is no step.
    step: f32,
}

impl Conceal {
    pub(super) fn new(rate: Rate) -> Conceal {
        let longest = rate.samples(1) * PERIODS[1] / 10;
        Conceal {
            rate,
            period: 0,
            periods: Vec::with_capacity(longest * REPEATED),
            ends: [(); 2].map(|()| Vec::with_capacity(longest / 4)),
            at: 0,
            is_wide: false,
            made: 0,
            step: 0.0,
        }
    }

    /// The sound to go on from; as long as [`super::pcm::KEPT`] at least.
    pub(super) fn begin(&mut self, heard: &[i16]) {
        let [shortest, longest] = PERIODS.map(|tenths| self.rate.samples(1) * tenths / 10);
        let width = self.rate.samples(COMPARED);
        let search = Search {
            at: heard.len().saturating_sub(width),
            width,
            lags: shortest..=longest,
            way: Way::Back,
            prefer: None,
        };
        let period = similar(heard, self.rate, &search).map_or(longest, |found| found.lag);
        let seam = period / 4;
        let from = heard.len() - period * REPEATED;
        self.period = period;
        self.periods.clear();
        self.periods.extend_from_slice(&heard[from..]);
        for (end, times) in self.ends.iter_mut().zip([1, REPEATED]) {
            end.clear();
            let before = heard.len() - period * times - seam;
            let both = heard[heard.len() - seam..].iter().zip(&heard[before..]);
            end.extend(both.enumerate().map(|(n, (last, before))| {
                let weight = (n + 1) as f32 / (seam + 1) as f32;
                (f32::from(*last) * (1.0 - weight) + f32::from(*before) * weight).round() as i16
            }));
        }
        self.at = period * (REPEATED - 1);
        self.is_wide = false;
        self.made = 0;
        let [last, before] = [1, period + 1].map(|back| f32::from(heard[heard.len() - back]));
        self.step = last - before;
    }

    /// Appends the next samples.
    pub(super) fn make(&mut self, samples: usize, out: &mut Vec<i16>) {
        let (full, faded) = (self.rate.samples(FULL), self.rate.samples(FADED));
        let seam = self.period / 4;
        for _ in 0..samples {
            if self.made >= faded || self.period == 0 {
                out.push(0);
                continue;
            }
            let into_end = (self.at + seam).checked_sub(self.periods.len());
            let end = &self.ends[usize::from(self.is_wide)];
            let raw = into_end.and_then(|n| end.get(n)).unwrap_or(&self.periods[self.at]);
            let lacking = self.step * (1.0 - self.made as f32 / seam as f32).max(0.0);
            let gain = match self.made.checked_sub(full) {
                Some(fading) => 1.0 - fading as f32 / (faded - full) as f32,
                None => 1.0,
            };
            out.push(((f32::from(*raw) + lacking) * gain).round() as i16);
            self.made += 1;
            self.at += 1;
            if self.at == self.periods.len() {
                self.at = if self.is_wide { 0 } else { self.period * (REPEATED - 1) };
                self.is_wide = self.made >= full;
            }
        }
    }

    /// Octets on the heap.
    pub(super) fn octets(&self) -> usize {
        let ends = self.ends.iter().map(Vec::capacity).sum::<usize>();
        (self.periods.capacity() + ends) * size_of::<i16>()
    }
}
