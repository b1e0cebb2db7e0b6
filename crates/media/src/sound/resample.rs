//! From one [`Rate`] to another: a polyphase filter with a Kaiser window.
//!
//! The filter spans [`SPAN`] samples of the lower rate. It is flat to 85 % of the lower rate's band (3.4 kHz of 4, 6.8 of
//! 8), and stops from 112 % on. So it delays by half of its span: 2 ms where the lower rate is 8 kHz, 1 ms where it is
//! 16 kHz.

use std::{f64::consts::PI, sync::LazyLock};

use super::Rate;

/// Samples of the lower rate under the filter. A multiple of [`LANES`].
const SPAN: usize = 32;
/// Products that are summed side by side.
const LANES: usize = 8;
/// The shape of the Kaiser window: about 70 dB of stop-band attenuation.
const KAISER: f64 = 6.76;
/// The middle of the transition, of half the lower rate.
const CUT: f64 = 0.985;

/// Makes sound of one rate from sound of another. Keeps its state from one call to the next, so that a stream may come
/// in pieces of any length.
#[derive(Clone, Debug)]
pub struct Resampler {
    kind: Kind,
    /// Samples of the input that are still under the filter, the oldest first.
    held: Vec<f32>,
}

#[derive(Copy, Clone, Debug)]
enum Kind {
    Same,
    Up(&'static Filter),
    Down(&'static Filter),
}

/// The filter for one factor.
#[derive(Debug)]
struct Filter {
    factor: usize,
    /// For each of `factor` outputs a sample: its [`SPAN`] coefficients, the first for the oldest sample.
    up: Vec<f32>,
    /// `SPAN * factor` coefficients for one output.
    down: Vec<f32>,
}

static BY_2: LazyLock<Filter> = LazyLock::new(|| Filter::new(2));
static BY_3: LazyLock<Filter> = LazyLock::new(|| Filter::new(3));
static BY_6: LazyLock<Filter> = LazyLock::new(|| Filter::new(6));

impl Filter {
    fn new(factor: usize) -> Filter {
        let taps = SPAN * factor;
        let middle = (taps - 1) as f64 / 2.0;
        let mut whole: Vec<f64> = (0..taps)
            .map(|n| {
                let at = n as f64 - middle;
                let x = PI * CUT * at / factor as f64;
                let sinc = if at == 0.0 { 1.0 } else { x.sin() / x };
                sinc * bessel(KAISER * (1.0 - (at / middle).powi(2)).max(0.0).sqrt())
            })
            .collect();
        let sum: f64 = whole.iter().sum();
        whole.iter_mut().for_each(|h| *h /= sum);
        // Each phase passes a constant unchanged: no ripple at the lower rate.
        let mut up = Vec::with_capacity(taps);
        for phase in 0..factor {
            let mut taken: Vec<f64> = (0..SPAN).map(|k| whole[k * factor + phase]).collect();
            let sum: f64 = taken.iter().sum();
            taken.iter_mut().for_each(|h| *h /= sum);
            up.extend(taken.iter().rev().map(|h| *h as f32));
        }
        let down = whole.iter().rev().map(|h| *h as f32).collect();
        Filter { factor, up, down }
    }

    fn of(factor: u32) -> &'static Filter {
        match factor {
            2 => &BY_2,
            3 => &BY_3,
            _ => &BY_6,
        }
    }
}

/// The modified Bessel function of order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// Resamples sound whose rates may change from call to call: a new pair of rates begins a new stream.
#[derive(Debug, Default)]
pub struct Resampling(Option<(Rate, Rate, Resampler)>);

impl Resampling {
    /// Appends to `out` what `input` gives; see [`Resampler::process`].
    pub fn process(&mut self, input: &[i16], (from, to): (Rate, Rate), out: &mut Vec<i16>) {
        if from == to {
            self.0 = None;
            return out.extend_from_slice(input);
        }
        self.0.take_if(|(a, b, _)| (*a, *b) != (from, to));
        let (.., resampler) = self.0.get_or_insert_with(|| (from, to, Resampler::new(from, to)));
        resampler.process(input, out);
    }
}

impl Resampler {
    /// A resampler at the beginning of its stream. Where both rates are the same the sound passes unchanged.
    pub fn new(from: Rate, to: Rate) -> Resampler {
        let (from, to) = (from.hertz(), to.hertz());
        let kind = match from.cmp(&to) {
            std::cmp::Ordering::Equal => Kind::Same,
            std::cmp::Ordering::Less => Kind::Up(Filter::of(to / from)),
            std::cmp::Ordering::Greater => Kind::Down(Filter::of(from / to)),
        };
        let before = match kind {
            Kind::Same => 0,
            Kind::Up(_) => SPAN - 1,
            Kind::Down(filter) => SPAN * filter.factor - filter.factor,
        };
        Resampler {
            kind,
            held: vec![0.0; before],
        }
    }

    /// Appends to `out` what `input` gives at the other rate: exactly as much time as came in, where the lower rate has
    /// whole samples in it; a rest waits for the next call.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) {
        let (filter, window, step) = match self.kind {
            Kind::Same => return out.extend_from_slice(input),
            Kind::Up(filter) => (filter, SPAN, 1),
            Kind::Down(filter) => (filter, SPAN * filter.factor, filter.factor),
        };
        self.held.extend(input.iter().map(|s| f32::from(*s)));
        let windows = self.held.windows(window).step_by(step);
        let taken = windows.len();
        match self.kind {
            Kind::Same => {}
            Kind::Up(_) => {
                out.reserve(taken * filter.factor);
                for window in windows {
                    out.extend(filter.up.chunks_exact(SPAN).map(|phase| round(dot(window, phase))));
                }
            }
            Kind::Down(_) => out.extend(windows.map(|window| round(dot(window, &filter.down)))),
        }
        self.held.drain(..taken * step);
    }
}

/// Sums the products in [`LANES`] sums: the compiler makes vector instructions of it.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// The nearest sample. Adding and taking away this number rounds to whole numbers without a call.
fn round(sample: f32) -> i16 {
    const WHOLE: f32 = 12_582_912.0;
    ((sample + WHOLE) - WHOLE) as i16
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(rate: Rate, hertz: f64, millis: u32) -> Vec<i16> {
        let step = TAU * hertz / f64::from(rate.hertz());
        let samples = rate.samples(millis);
        (0..samples)
            .map(|n| (10_000.0 * (step * n as f64).sin()).round() as i16)
            .collect()
    }

    fn resampled(from: Rate, to: Rate, pcm: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        Resampler::new(from, to).process(pcm, &mut out);
        out
    }

    /// Decibels of the sound without its beginning, beside the tone of 10,000; and of all that is not the tone.
    fn levels(rate: Rate, pcm: &[i16], hertz: f64) -> (f64, f64) {
        let pcm = &pcm[rate.samples(100)..];
        let step = TAU * hertz / f64::from(rate.hertz());
        let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let (sample, at) = (f64::from(*sample), step * n as f64);
            re += sample * at.cos();
            im += sample * at.sin();
            all += sample * sample;
        }
        let full = 5e7 * pcm.len() as f64;
        let tone = 2.0 * (re * re + im * im) / pcm.len() as f64;
        (
            10.0 * (tone / full).log10(),
            10.0 * ((all - tone).max(1.0) / full).log10(),
        )
    }

    const PAIRS: [(Rate, Rate); 6] = [
        (Rate::Narrow, Rate::Wide),
        (Rate::Narrow, Rate::Full),
        (Rate::Wide, Rate::Full),
        (Rate::Wide, Rate::Narrow),
        (Rate::Full, Rate::Narrow),
        (Rate::Full, Rate::Wide),
    ];

    #[test]
    fn the_pass_band_is_flat_and_nothing_else_is_heard() {
        for (from, to) in PAIRS {
            let band = f64::from(from.min(to).hertz()) / 2.0;
            for share in [0.02, 0.1, 0.25, 0.5, 0.75, 0.85] {
                let hertz = (band * share / 10.0).round() * 10.0;
                let (kept, rest) = levels(to, &resampled(from, to, &tone(from, hertz, 1100)), hertz);
                assert!(
                    kept.abs() < 0.02,
                    "{from:?} {to:?}: {hertz} Hz are changed by {kept} dB"
                );
                assert!(rest < -75.0, "{from:?} {to:?}: {rest} dB beside {hertz} Hz");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_not_heard() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            let band = f64::from(to.hertz()) / 2.0;
            for share in [1.13, 1.3, 1.6, 1.9] {
                let pcm = resampled(from, to, &tone(from, band * share, 1100));
                let loud = levels(to, &pcm, 0.0).1;
                assert!(loud < -62.0, "{from:?} {to:?}: {loud} dB of {} Hz", band * share);
            }
        }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_sound() {
        for (from, to) in PAIRS {
            let pcm = tone(from, 700.0, 300);
            let whole = resampled(from, to, &pcm);
            assert_eq!(whole.len(), to.samples(300));
            let mut resampler = Resampler::new(from, to);
            let (mut out, mut rest) = (Vec::new(), pcm.as_slice());
            for length in [0, 1, 2, 5, 7, 80, 160, 333].into_iter().cycle() {
                let (piece, after) = rest.split_at(length.min(rest.len()));
                resampler.process(piece, &mut out);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            assert_eq!(out, whole, "{from:?} {to:?}");
        }
        assert_eq!(resampled(Rate::Wide, Rate::Wide, &[1, 2, 3]), [1, 2, 3]);
    }

    #[test]
    fn sound_is_late_by_half_of_the_filter_and_never_wraps() {
        for (from, to) in PAIRS {
            let mut pcm = vec![0; from.samples(100)];
            pcm[from.samples(50)] = i16::MAX;
            let out = resampled(from, to, &pcm);
            let peak = (0..out.len()).max_by_key(|n| out[*n]).unwrap() as f64 / f64::from(to.hertz());
            let expected = 0.05 + 16.0 / f64::from(from.min(to).hertz());
            assert!(
                (peak - expected).abs() < 1.5 / f64::from(from.min(to).hertz()),
                "{from:?} {to:?}: {peak}"
            );
            // A square wave of full scale goes beyond it behind any filter: it is cut there.
            let square: Vec<i16> = (0..from.samples(100))
                .map(|n| {
                    if n / from.samples(5) % 2 == 0 {
                        i16::MAX
                    } else {
                        i16::MIN
                    }
                })
                .collect();
            let out = resampled(from, to, &square);
            let flat = out[to.samples(14)..to.samples(15)]
                .iter()
                .all(|sample| *sample > 25_000);
            assert!(
                flat && out.contains(&i16::MAX) && out.contains(&i16::MIN),
                "{from:?} {to:?}"
            );
        }
    }

    #[test]
    fn a_warm_resampler_takes_no_memory() {
        let (mut resampler, mut out) = (Resampler::new(Rate::Narrow, Rate::Full), Vec::with_capacity(4000));
        let pcm = tone(Rate::Narrow, 300.0, 20);
        resampler.process(&pcm, &mut out);
        let (held, before) = (resampler.held.capacity(), out.capacity());
        for _ in 0..100 {
            out.clear();
            resampler.process(&pcm, &mut out);
        }
        assert_eq!((resampler.held.capacity(), out.capacity()), (held, before));
    }
}
