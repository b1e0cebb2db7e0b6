//! Tones as files, and whether one is heard.

use std::{f64::consts::TAU, fs, path::Path};

/// Samples a second.
pub const RATE: usize = 8_000;

/// What the dial tone is made of, in hertz.
pub const DIAL: f64 = 425.0;

/// So many seconds of a tone.
pub fn pcm(hertz: f64, seconds: usize) -> Vec<i16> {
    let samples = 0..RATE * seconds;
    samples
        .map(|at| (12_000.0 * (TAU * hertz * at as f64 / RATE as f64).sin()) as i16)
        .collect()
}

/// Writes a minute and a half of a tone: 8 kHz, mono, 16 bit.
pub fn write(path: &Path, hertz: f64) {
    fs::write(path, wav(&pcm(hertz, 90))).unwrap();
}

/// A WAV file of these samples.
pub fn wav(pcm: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = pcm.iter().copied().flat_map(i16::to_le_bytes).collect();
    let mut file = Vec::with_capacity(44 + data.len());
    let field = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    file.extend(b"RIFF");
    field(&mut file, 36 + data.len() as u32);
    file.extend(b"WAVEfmt ");
    field(&mut file, 16);
    file.extend([1, 0, 1, 0]);
    field(&mut file, RATE as u32);
    field(&mut file, 2 * RATE as u32);
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    field(&mut file, data.len() as u32);
    file.extend(data);
    file
}

/// 16-bit samples of raw bytes.
pub fn samples(bytes: &[u8]) -> Vec<f64> {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect()
}

/// The share of the power that is at a frequency (Goertzel), from 0 to 1; 0 for silence.
pub fn share(samples: &[f64], hertz: f64) -> f64 {
    let k = 2.0 * (TAU * hertz / RATE as f64).cos();
    let (one, two) = samples
        .iter()
        .fold((0.0, 0.0), |(one, two), &sample| (sample + k * one - two, one));
    let power = one * one + two * two - k * one * two;
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy == 0.0 {
        0.0
    } else {
        2.0 * power / (samples.len() as f64 * energy)
    }
}

/// The loudness: the root of the mean square.
pub fn level(samples: &[f64]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    (samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn a_tone_is_told_from_another_tone_and_from_silence() {
    let tone: Vec<f64> = (0..RATE)
        .map(|at| (TAU * 440.0 * at as f64 / RATE as f64).sin())
        .collect();
    assert!(share(&tone, 440.0) > 0.99 && share(&tone, 1000.0) < 0.01);
    assert_eq!(share(&[0.0; 800], 440.0), 0.0);
    assert!(level(&tone) > 0.7 && level(&[]) == 0.0);
}
