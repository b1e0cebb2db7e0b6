//! The sums of all that everybody may hear, one for each rate, and each sum resampled once to each other rate.

use super::{floor::Floor, limiter::Limiter, members::Rule};
use crate::sound::{Rate, Resampler};

/// From one rate to another, for all.
#[derive(Debug, Default)]
struct Crossing {
    resampler: Option<Resampler>,
    out: Vec<i16>,
    /// The last tick that it worked in, plus 1.
    ran: u64,
    /// Its filter holds silence.
    clean: bool,
}

/// What is said at one rate.
#[derive(Debug, Default)]
pub(super) struct Bus {
    pub(super) sum: Vec<i32>,
    /// Somebody speaks at this rate.
    pub(super) live: bool,
    /// The resamplers still hold sound of the tick before.
    pub(super) tail: bool,
    limiter: Limiter,
    limited: Vec<i16>,
    crossings: [Crossing; 3],
}

impl Bus {
    /// Whether there is anything to resample.
    pub(super) fn sounds(&self) -> bool {
        self.live || self.tail
    }

    /// The resampler to another rate, as it was before this tick: a listener who needs one alone goes on from its state.
    pub(super) fn resampler(&self, to: Rate) -> Option<&Resampler> {
        self.crossings[to as usize].resampler.as_ref()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Buses {
    pub(super) by_rate: [Bus; 3],
}

impl Buses {
    /// Sums the voices of a tick that are for all.
    pub(super) fn sum(&mut self, floor: &Floor, millis: u32) {
        for (bus, rate) in self.by_rate.iter_mut().zip(Rate::ALL) {
            bus.tail = bus.live;
            bus.live = false;
            bus.limited.clear();
            let mut voices = floor
                .voices
                .iter()
                .filter(|voice| voice.rate == rate && voice.heard_by == Rule::All);
            let Some(first) = voices.next() else { continue };
            bus.live = true;
            bus.sum.clear();
            bus.sum.extend_from_slice(floor.samples(first));
            for voice in voices {
                add(&mut bus.sum, floor.samples(voice));
            }
        }
        for (bus, rate) in self.by_rate.iter_mut().zip(Rate::ALL) {
            if !bus.live && bus.tail {
                bus.sum.clear();
                bus.sum.resize(rate.samples(millis), 0);
            }
        }
    }

    /// What is said at one rate, at another. Resampled at the first call of a tick.
    pub(super) fn cross(&mut self, from: Rate, to: Rate, millis: u32, tick: u64) -> &[i16] {
        let bus = &mut self.by_rate[from as usize];
        if bus.limited.is_empty() {
            bus.limiter.limit(&bus.sum, millis, &mut bus.limited);
        }
        let crossing = &mut bus.crossings[to as usize];
        if crossing.ran != tick + 1 {
            crossing.out.clear();
            if crossing.ran != tick && !crossing.clean {
                // What its filter holds was said long ago.
                crossing.resampler = None;
            }
            crossing.clean = !bus.live;
            let resampler = crossing.resampler.get_or_insert_with(|| Resampler::new(from, to));
            resampler.process(&bus.limited, &mut crossing.out);
            crossing.out.resize(to.samples(millis), 0);
            crossing.ran = tick + 1;
        }
        &crossing.out
    }
}

/// Adds samples to a sum.
pub(super) fn add(sum: &mut [i32], samples: &[i32]) {
    for (sum, sample) in sum.iter_mut().zip(samples) {
        *sum += sample;
    }
}
