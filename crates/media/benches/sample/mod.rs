//! Sound for benchmarks, and the CPU time that they take.

use std::{f64::consts::TAU, fs};

use media::sound::Rate;

/// Syllables of a voice: pulses through three resonances that move, hissing, and pauses.
pub fn speech(rate: Rate, seconds: u32) -> Vec<i16> {
    let hertz = f64::from(rate.hertz());
    let mut noise = 1u32;
    let mut phase = 0.0f64;
    let mut resonances = [[0.0f64; 2]; 3];
    let sample = |n: usize| {
        let at = n as f64 / hertz;
        let syllable = (at * 4.0).floor();
        let within = at * 4.0 - syllable;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = f64::from((noise >> 8) as i32 - (1 << 23)) / f64::from(1 << 23);
        phase += (110.0 + 25.0 * (TAU * 0.7 * at).sin()) / hertz;
        let pulse = if phase >= 1.0 { hertz / 400.0 } else { 0.0 };
        phase = phase.fract();
        let kind = syllable as u32 % 7;
        let excitation = match kind {
            6 => 0.0,
            2 | 5 if within < 0.4 => 0.6 * hiss,
            _ => pulse + 0.02 * hiss,
        };
        let loud = excitation * (TAU / 2.0 * within).sin();
        let vowel = [
            [700.0, 1200.0, 2600.0],
            [300.0, 2200.0, 3000.0],
            [500.0, 900.0, 2400.0],
            [400.0, 1700.0, 2500.0],
        ][syllable as usize % 4];
        let mut sum = 0.0;
        for (state, centre) in resonances.iter_mut().zip(vowel) {
            let (radius, angle) = ((-TAU / 2.0 * 120.0 / hertz).exp(), TAU * centre / hertz);
            let next = loud + 2.0 * radius * angle.cos() * state[0] - radius * radius * state[1];
            *state = [next, state[0]];
            sum += next * (1.0 - radius) * 4.0;
        }
        (sum * 4000.0) as i16
    };
    (0..rate.samples(seconds * 1000)).map(sample).collect()
}

/// CPU seconds of this process.
pub fn cpu() -> f64 {
    let times = fs::read_to_string("/proc/self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
