//! Linear sound: mono samples of 16 bits at one of three rates.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Rate`] | none |
//! | `resample.rs` | [`Resampler`]: from one rate to another; [`Resampling`]: from rates that change | all of both |

mod resample;

pub use resample::{Resampler, Resampling};

/// Samples a second of linear sound.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// 8 kHz: the telephone band.
    Narrow,
    /// 16 kHz: wide band.
    Wide,
    /// 48 kHz: all that is heard.
    Full,
}

impl Rate {
    /// All rates, the lowest first.
    pub const ALL: [Rate; 3] = [Rate::Narrow, Rate::Wide, Rate::Full];

    /// Samples a second.
    pub const fn hertz(self) -> u32 {
        match self {
            Rate::Narrow => 8_000,
            Rate::Wide => 16_000,
            Rate::Full => 48_000,
        }
    }

    /// Samples in that many milliseconds.
    pub const fn samples(self, millis: u32) -> usize {
        self.hertz() as usize / 1000 * millis as usize
    }

    /// The rate of that many samples a second.
    pub const fn of(hertz: u32) -> Option<Rate> {
        match hertz {
            8_000 => Some(Rate::Narrow),
            16_000 => Some(Rate::Wide),
            48_000 => Some(Rate::Full),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_found_by_their_hertz() {
        for rate in Rate::ALL {
            assert_eq!(Rate::of(rate.hertz()), Some(rate));
            assert_eq!(rate.samples(1000), rate.hertz() as usize);
        }
        assert_eq!(Rate::of(44_100), None);
    }
}
