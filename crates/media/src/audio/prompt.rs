//! Prompts: WAV files, 8 kHz mono, of 16-bit linear or G.711 samples. Other rates are refused, not resampled.

use std::io::Cursor;

use thiserror::Error;

use super::{Clip, RATE};
use crate::codec::g711::Law;

/// The octets of a file, at most.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// The file is no prompt.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptError {
    /// Not RIFF/WAVE, or damaged.
    #[error("not a WAV file: {0}")]
    NotWav(String),
    /// A WAV file, but of another kind.
    #[error("{found}; a prompt is 8000 Hz, mono, 16-bit PCM or G.711")]
    Unsupported {
        /// The kind of WAV file that was found.
        found: String,
    },
    /// Larger than [`MAX_FILE`].
    #[error("larger than {MAX_FILE} octets")]
    TooLarge,
}

/// Whether a prompt may have that name: a relative path of letters, digits, `_`, `-` and inner dots. The name has
/// no `.wav`: the reader of the file adds it.
pub fn is_name(name: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty() && !p.starts_with('.') && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    name.len() <= 128 && name.split('/').all(part)
}

/// Reads a WAV file.
pub fn decode(file: &[u8]) -> Result<Clip, PromptError> {
    if file.len() > MAX_FILE {
        return Err(PromptError::TooLarge);
    }
    if let Some((law, channels, rate, data)) = g711_data(file) {
        return match (channels, rate) {
            (1, RATE) => Ok(Clip::from_law(law, data)),
            _ => Err(PromptError::Unsupported {
                found: format!("G.711 at {rate} Hz, {channels} channels"),
            }),
        };
    }
    let reader = hound::WavReader::new(Cursor::new(file)).map_err(|e| PromptError::NotWav(e.to_string()))?;
    let spec = reader.spec();
    let linear = spec.bits_per_sample == 16 && spec.sample_format == hound::SampleFormat::Int;
    if spec.channels != 1 || spec.sample_rate != RATE || !linear {
        let kind = if spec.sample_format == hound::SampleFormat::Int {
            "PCM"
        } else {
            "float"
        };
        let found = format!(
            "{}-bit {kind} at {} Hz, {} channels",
            spec.bits_per_sample, spec.sample_rate, spec.channels
        );
        return Err(PromptError::Unsupported { found });
    }
    let samples: Result<Vec<i16>, _> = reader.into_samples().collect();
    Ok(Clip::from_linear(
        &samples.map_err(|e| PromptError::NotWav(e.to_string()))?,
    ))
}

/// The samples of a WAV file in format 6 (A-law) or 7 (µ-law), which `hound` does not read.
fn g711_data(file: &[u8]) -> Option<(Law, u16, u32, &[u8])> {
    let rest = file.strip_prefix(b"RIFF")?.get(4..)?;
    let mut rest = rest.strip_prefix(b"WAVE")?;
    let mut format = None;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        match &head[..4] {
            b"fmt " => {
                let fields = body.get(..8)?;
                let law = match u16::from_le_bytes([fields[0], fields[1]]) {
                    6 => Law::Pcma,
                    7 => Law::Pcmu,
                    _ => return None,
                };
                let channels = u16::from_le_bytes([fields[2], fields[3]]);
                format = Some((
                    law,
                    channels,
                    u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]),
                ));
            }
            // A file still being written, or cut short, plays as far as it goes.
            b"data" => return format.map(|(law, c, r)| (law, c, r, &body[..length.min(body.len())])),
            _ => {}
        }
        rest = body.get(length.checked_add(length % 2)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(channels: u16, sample_rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels,
            sample_rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        samples.iter().for_each(|s| writer.write_sample(*s).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }

    fn g711(format: u16, rate: u32, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x12\0\0\0".to_vec();
        file.extend(format.to_le_bytes());
        file.extend(1u16.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([1, 0, 8, 0, 0, 0]);
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn linear_and_both_laws_are_read() {
        let samples = [0, 1000, -1000, i16::MAX, i16::MIN];
        assert_eq!(decode(&wav(1, 8000, &samples)), Ok(Clip::from_linear(&samples)));
        let encoded: Vec<u8> = samples
            .iter()
            .map(|s| audio_codec_algorithms::encode_alaw(*s))
            .collect();
        assert_eq!(decode(&g711(6, 8000, &encoded)).unwrap().encoded(Law::Pcma), encoded);
        assert_eq!(decode(&g711(7, 8000, &encoded)).unwrap().encoded(Law::Pcmu), encoded);
    }

    #[test]
    fn what_would_need_resampling_is_refused_in_words() {
        let told = |file: &[u8]| decode(file).unwrap_err().to_string();
        assert_eq!(
            told(&wav(1, 44_100, &[0; 4])),
            "16-bit PCM at 44100 Hz, 1 channels; a prompt is 8000 Hz, mono, 16-bit PCM or G.711"
        );
        assert!(told(&wav(2, 8000, &[0; 4])).contains("2 channels"));
        assert!(told(&g711(6, 16_000, &[0; 4])).contains("16000 Hz"));
        assert!(told(b"not a wave").starts_with("not a WAV file"));
        assert_eq!(decode(&vec![0; MAX_FILE + 1]), Err(PromptError::TooLarge));
    }

    #[test]
    fn damaged_files_never_panic() {
        for file in [wav(1, 8000, &[1; 50]), g711(7, 8000, &[1; 50])] {
            for cut in 0..file.len() {
                let _ = decode(&file[..cut]);
                let mut bent = file.clone();
                bent[cut] = 0xff;
                let _ = decode(&bent);
            }
        }
    }

    #[test]
    fn names_stay_below_their_folder() {
        assert!(["welcome", "en/digits/1", "a-b_c.d"].iter().all(|n| is_name(n)));
        assert!(
            !["", "/etc/x", "../x", "a/../b", "a//b", ".hidden", "a b", "a\\b", "a\0"]
                .iter()
                .any(|n| is_name(n))
        );
    }
}
