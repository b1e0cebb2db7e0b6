//! Sound in memory: tones, and pieces of files. All legs that hear a clip share it.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Clip`]: linear sound | all of [`Clip`] |
//! | `tone.rs` | makes a clip from a tone plan | none |
//! | `country.rs` | [`Country`]: the tones of networks | all of [`Country`] |
//! | `prompt.rs` | names of sound files | none |
//! | `cache.rs` | [`Cache`]: keeps clips up to a number of octets | all of [`Cache`] |

mod cache;
mod country;
pub mod prompt;
pub mod tone;

pub use cache::Cache;
pub use country::Country;

/// Samples a second of tones.
pub use crate::codec::g711::RATE;
use crate::sound::Rate;

/// Linear sound, mono.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    rate: Rate,
    pcm: Box<[i16]>,
}

impl Clip {
    /// Sound at that rate.
    pub fn new(rate: Rate, pcm: impl Into<Box<[i16]>>) -> Clip {
        Clip { rate, pcm: pcm.into() }
    }

    /// Sound at 8 kHz.
    pub fn from_linear(samples: &[i16]) -> Clip {
        Clip::new(Rate::Narrow, samples)
    }

    /// Samples a second.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The samples.
    pub fn pcm(&self) -> &[i16] {
        &self.pcm
    }

    /// Octets held.
    pub fn size(&self) -> usize {
        2 * self.pcm.len()
    }
}
