//! The two laws of ITU-T G.711, and the tables between them.

use std::sync::LazyLock;

use audio_codec_algorithms::{
    convert_alaw_to_ulaw, convert_ulaw_to_alaw, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw,
};

/// Samples a second, each an octet.
pub const RATE: u32 = 8000;

/// A G.711 law.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law, payload type 0.
    Pcmu,
    /// A-law, payload type 8.
    Pcma,
}

static TO_PCMA: LazyLock<[u8; 256]> = LazyLock::new(|| std::array::from_fn(|b| convert_ulaw_to_alaw(b as u8)));
static TO_PCMU: LazyLock<[u8; 256]> = LazyLock::new(|| std::array::from_fn(|b| convert_alaw_to_ulaw(b as u8)));

static PCMA: LazyLock<[i16; 256]> = LazyLock::new(|| std::array::from_fn(|b| decode_alaw(b as u8)));
static PCMU: LazyLock<[i16; 256]> = LazyLock::new(|| std::array::from_fn(|b| decode_ulaw(b as u8)));

impl Law {
    /// The rtpmap name.
    pub const fn name(self) -> &'static str {
        match self {
            Law::Pcmu => "PCMU",
            Law::Pcma => "PCMA",
        }
    }

    /// The other one.
    pub const fn other(self) -> Law {
        match self {
            Law::Pcmu => Law::Pcma,
            Law::Pcma => Law::Pcmu,
        }
    }

    /// The octet of the other law for each of this one (G.711 tables 3 and 4).
    pub fn to_other(self) -> &'static [u8; 256] {
        match self {
            Law::Pcmu => &TO_PCMA,
            Law::Pcma => &TO_PCMU,
        }
    }

    /// Appends the samples of a payload.
    pub fn decode(self, payload: &[u8], out: &mut Vec<i16>) {
        let table: &[i16; 256] = match self {
            Law::Pcmu => &PCMU,
            Law::Pcma => &PCMA,
        };
        out.extend(payload.iter().map(|octet| table[usize::from(*octet)]));
    }

    /// Writes as many samples as there is room for. Returns the octets.
    pub fn encode(self, pcm: &[i16], out: &mut [u8]) -> usize {
        let pairs = out.iter_mut().zip(pcm);
        match self {
            Law::Pcmu => pairs.for_each(|(octet, sample)| *octet = encode_ulaw(*sample)),
            Law::Pcma => pairs.for_each(|(octet, sample)| *octet = encode_alaw(*sample)),
        }
        out.len().min(pcm.len())
    }

    /// The octet that encodes a sample of zero.
    pub fn silence(self) -> u8 {
        match self {
            Law::Pcmu => 0xff,
            Law::Pcma => 0xd5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_nearly_the_same() {
        for byte in 0..=255u8 {
            let there = Law::Pcma.to_other()[usize::from(byte)];
            let back = Law::Pcmu.to_other()[usize::from(there)];
            let (a, b) = (
                audio_codec_algorithms::decode_alaw(byte),
                audio_codec_algorithms::decode_alaw(back),
            );
            assert!(
                (i32::from(a) - i32::from(b)).abs() <= i32::from(a).abs() / 16 + 16,
                "{byte}: {a} {b}"
            );
        }
    }

    #[test]
    fn silence_is_silent() {
        assert_eq!(audio_codec_algorithms::decode_ulaw(Law::Pcmu.silence()), 0);
        assert!(audio_codec_algorithms::decode_alaw(Law::Pcma.silence()).abs() <= 8);
    }
}
