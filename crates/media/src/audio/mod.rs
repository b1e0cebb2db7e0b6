//! The audio that Tandem makes: tones and prompts. A clip is encoded once for both G.711 laws, and all legs that play
//! it share it.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Clip`]: encoded audio | all of [`Clip`] |
//! | `tone.rs` | makes a clip from a tone plan | none |
//! | `prompt.rs` | makes a clip from a WAV file | none |
//! | `cache.rs` | [`Cache`]: keeps clips up to a number of octets | all of [`Cache`] |

mod cache;
pub mod prompt;
pub mod tone;

pub use cache::Cache;

use crate::codec::g711::Law;
/// Samples a second of all audio here.
pub use crate::codec::g711::RATE;

/// Encoded audio, mono, 8 kHz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    pcmu: Box<[u8]>,
    pcma: Box<[u8]>,
}

impl Clip {
    /// From linear samples.
    pub fn from_linear(samples: &[i16]) -> Clip {
        Clip {
            pcmu: samples
                .iter()
                .map(|s| audio_codec_algorithms::encode_ulaw(*s))
                .collect(),
            pcma: samples
                .iter()
                .map(|s| audio_codec_algorithms::encode_alaw(*s))
                .collect(),
        }
    }

    /// From audio that is encoded in one law already.
    pub fn from_law(law: Law, encoded: &[u8]) -> Clip {
        let other: Box<[u8]> = encoded.iter().map(|b| law.to_other()[usize::from(*b)]).collect();
        match law {
            Law::Pcmu => Clip {
                pcmu: encoded.into(),
                pcma: other,
            },
            Law::Pcma => Clip {
                pcma: encoded.into(),
                pcmu: other,
            },
        }
    }

    /// One octet a sample, in that law.
    pub fn encoded(&self, law: Law) -> &[u8] {
        match law {
            Law::Pcmu => &self.pcmu,
            Law::Pcma => &self.pcma,
        }
    }

    /// Octets held.
    pub fn size(&self) -> usize {
        self.pcmu.len() + self.pcma.len()
    }
}
