//! Codecs with known signals.

mod damaged;
mod opus;
mod plain;
mod table;

use std::f64::consts::TAU;

use super::*;
use crate::Payload;

/// A payload of that codec, mono.
fn payload(name: &str, clock_rate: u32) -> Payload {
    Payload {
        number: 96,
        codec: name.into(),
        clock_rate,
        channels: 1,
        fmtp: None,
    }
}

/// Opus, with what the peer says in `a=fmtp`.
fn opus(fmtp: &str) -> Payload {
    Payload {
        channels: 2,
        fmtp: Some(fmtp.into()),
        ..payload("OPUS", 48_000)
    }
}

/// A tone of that many hertz and peak.
fn tone(rate: Rate, hertz: f64, peak: f64, samples: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(rate.hertz());
    (0..samples)
        .map(|n| (peak * (step * n as f64).sin()).round() as i16)
        .collect()
}

/// A voice: harmonics of a pitch that moves, which swell and fade like syllables.
fn voice(rate: Rate, samples: usize) -> Vec<i16> {
    let parts = [
        2500.0, 3000.0, 0.0, 2500.0, 0.0, 0.0, 0.0, 1200.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 500.0,
    ];
    let sample = |n: usize| {
        let at = n as f64 / f64::from(rate.hertz());
        let pitch = TAU * 140.0 * at + 6.0 * (TAU * 1.7 * at).sin();
        let loud = 0.55 - 0.45 * (TAU * 3.0 * at).cos();
        let sum: f64 = parts
            .iter()
            .zip(1..)
            .map(|(peak, k)| peak * (pitch * f64::from(k)).sin())
            .sum();
        (loud * sum).round() as i16
    };
    (0..samples).map(sample).collect()
}

/// Decibels by which a signal is over what differs from it.
fn ratio(said: &[i16], heard: &[i16]) -> f64 {
    let signal: f64 = said.iter().map(|s| f64::from(*s).powi(2)).sum();
    let noise: f64 = said
        .iter()
        .zip(heard)
        .map(|(s, h)| (f64::from(*s) - f64::from(*h)).powi(2))
        .sum();
    10.0 * (signal / noise.max(1e-9)).log10()
}

/// Whatever a packet through the codec gives, packet by packet.
fn through(encoder: &mut Encoder, decoder: &mut Decoder, pcm: &[i16], ptime: u32) -> Vec<i16> {
    let mut octets = [0; 2000];
    let mut out = Vec::new();
    for packet in pcm.chunks_exact(encoder.rate().samples(ptime)) {
        let length = encoder.encode(packet, &mut octets);
        assert_eq!(decoder.samples(&octets[..length]), Some(decoder.rate().samples(ptime)));
        decoder.decode(&octets[..length], &mut out).unwrap();
    }
    out
}

/// Decibels by which the wanted sound is over what differs from it, a mean over pieces of 20 ms that have sound
/// (segmental SNR). The heard sound is late by so many samples.
fn segmental(rate: Rate, said: &[i16], heard: &[i16], late: usize) -> f64 {
    let piece = rate.samples(20);
    let pairs = said.chunks_exact(piece).zip(heard[late..].chunks_exact(piece));
    let loud = pairs.filter(|(said, _)| level(said) > -50.0);
    let levels: Vec<f64> = loud
        .map(|(said, heard)| ratio(said, heard).clamp(-10.0, 80.0))
        .collect();
    assert!(levels.len() > 5, "not enough sound");
    levels.iter().sum::<f64>() / levels.len() as f64
}

/// The delay in samples at which the heard sound is most like what was said.
fn delay(said: &[i16], heard: &[i16], most: usize) -> usize {
    let alike = |late: usize| -> f64 {
        said.iter()
            .zip(&heard[late..])
            .map(|(s, h)| f64::from(*s) * f64::from(*h))
            .sum()
    };
    (0..most).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap()
}

/// The level in decibels, relative to a full sine.
fn level(pcm: &[i16]) -> f64 {
    let mean = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
    10.0 * (mean / (32_768.0f64.powi(2) / 2.0)).max(1e-12).log10()
}

/// Share of the power that is at one frequency.
fn purity(rate: Rate, pcm: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / f64::from(rate.hertz());
    let (mut re, mut im, mut all) = (0.0, 0.0, 1e-9);
    for (n, sample) in pcm.iter().enumerate() {
        let (sample, at) = (f64::from(*sample), step * n as f64);
        re += sample * at.cos();
        im += sample * at.sin();
        all += sample * sample;
    }
    2.0 * (re * re + im * im) / (all * pcm.len() as f64)
}

/// The largest step from one sample to the next, where the sound turns: a click stands out of a tone by it.
fn sharpest(pcm: &[i16]) -> i32 {
    let turn = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
    pcm.windows(3).map(turn).max().unwrap_or(0)
}

/// A fingerprint (FNV-1a).
fn fingerprint(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
    })
}
