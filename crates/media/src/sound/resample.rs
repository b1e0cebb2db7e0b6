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
