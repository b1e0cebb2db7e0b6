//! Sounds that are made, and what is heard in them.
//!
//! | file | what it tests |
//! |---|---|
//! | `keys.rs` | DTMF |
//! | `talk_off.rs` | speech and music in which no key, beep or fax is to be heard |
//! | `signals.rs` | beep, CNG, CED, and the tones of networks, which are none of these |
//! | `voice.rs` | voice activity |

mod keys;
mod signals;
mod talk_off;
mod voice;

use std::f64::consts::TAU;

use super::{Heard, Listener};
use crate::service::{Ears, Sound};

const ALL: Ears = Ears {
    digits: true,
    mute: false,
    voice: true,
    beep: true,
    fax: true,
};

/// Random numbers.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.next()
    }

    /// Nearly Gaussian, of variance 1.
    fn noise(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// The peak of a sine of that level in dBm0.
fn peak(dbm0: f64) -> f64 {
    32_768.0 * 10f64.powf((dbm0 - 3.17) / 20.0)
}

/// Sound that is being made, at 8 kHz.
#[derive(Default)]
struct Made(Vec<f64>);

impl Made {
    fn samples(millis: f64) -> usize {
        (millis * 8.0).round() as usize
    }

    fn silence(mut self, millis: f64) -> Made {
        self.0.resize(self.0.len() + Made::samples(millis), 0.0);
        self
    }

    /// Tones of frequency and level that sound together.
    fn tones(mut self, tones: &[(f64, f64)], millis: f64) -> Made {
        let start = self.0.len();
        self.0.extend((0..Made::samples(millis)).map(|n| {
            let at = (start + n) as f64 / 8000.0;
            tones
                .iter()
                .map(|(hertz, dbm0)| peak(*dbm0) * (TAU * hertz * at).sin())
                .sum::<f64>()
        }));
        self
    }

    fn tone(self, hertz: f64, dbm0: f64, millis: f64) -> Made {
        self.tones(&[(hertz, dbm0)], millis)
    }

    /// Something like speech: syllables of a voice with harmonics under two formants, and hisses.
    fn speech(mut self, millis: f64, dbm0: f64, seed: u64) -> Made {
        let mut random = Random(seed);
        let end = self.0.len() + Made::samples(millis);
        while self.0.len() < end {
            let length = Made::samples(random.between(80.0, 260.0));
            let (pitch, glide) = (random.between(85.0, 260.0), random.between(-0.25, 0.25));
            let formants = [
                (random.between(250.0, 950.0), random.between(50.0, 120.0)),
                (random.between(900.0, 2500.0), random.between(60.0, 150.0)),
                (random.between(2300.0, 3300.0), random.between(100.0, 250.0)),
            ];
            let loud = peak(dbm0 + random.between(-10.0, 4.0));
            let hiss = random.next() < 0.15;
            let mut phase = 0.0;
            for n in 0..length {
                let at = n as f64 / length as f64;
                let pitch = pitch * (1.0 + glide * at);
                phase += TAU * pitch / 8000.0;
                let voice: f64 = (1..=(3600.0 / pitch) as usize)
                    .map(|k| {
                        let hertz = pitch * k as f64;
                        let gain: f64 = formants
                            .iter()
                            .map(|(middle, width)| 1.0 / (1.0 + ((hertz - middle) / width).powi(2)))
                            .sum();
                        gain * (phase * k as f64).sin() / (k as f64).sqrt()
                    })
                    .sum();
                let sound = if hiss { random.noise() * 0.3 } else { voice };
                self.0.push(sound * loud * (std::f64::consts::PI * at).sin().sqrt());
            }
            if random.next() < 0.3 {
                let pause = random.between(30.0, 400.0);
                self = self.silence(pause);
            }
        }
        self.0.truncate(end);
        self
    }

    /// Chords of instruments, with harmonics and slow decay.
    fn music(mut self, millis: f64, seed: u64) -> Made {
        let mut random = Random(seed);
        let end = self.0.len() + Made::samples(millis);
        while self.0.len() < end {
            let length = Made::samples(random.between(90.0, 600.0));
            let notes: Vec<(f64, f64, f64)> = (0..1 + (random.next() * 4.0) as usize)
                .map(|_| {
                    let key = random.between(-24.0, 24.0).round();
                    (
                        440.0 * 2f64.powf(key / 12.0),
                        random.between(0.3, 1.0),
                        random.between(0.1, 0.7),
                    )
                })
                .collect();
            let loud = peak(random.between(-25.0, -8.0)) / notes.len() as f64;
            for n in 0..length {
                let at = n as f64 / 8000.0;
                let fade = (-2.0 * at).exp() * (n as f64 / 40.0).min(1.0);
                let sum: f64 = notes
                    .iter()
                    .map(|(hertz, strong, bright)| {
                        let harmonics = (1..=8).filter(|k| hertz * f64::from(*k) < 3600.0);
                        harmonics
                            .map(|k| strong * bright.powi(k - 1) * (TAU * hertz * f64::from(k) * at).sin())
                            .sum::<f64>()
                    })
                    .sum();
                self.0.push(sum * loud * fade);
            }
        }
        self.0.truncate(end);
        self
    }

    /// White noise over all.
    fn noise(mut self, dbm0: f64, seed: u64) -> Made {
        let mut random = Random(seed);
        let sigma = peak(dbm0) / 2f64.sqrt();
        self.0.iter_mut().for_each(|s| *s += sigma * random.noise());
        self
    }

    fn pcm(&self) -> Vec<i16> {
        self.0.iter().map(|s| *s as i16).collect()
    }

    /// What is heard, and after how many milliseconds, in pieces of so many samples.
    fn heard(&self, ears: Ears, piece: usize) -> Vec<(u32, Heard)> {
        let mut listener = Listener::new(ears);
        let mut found = Vec::new();
        for (n, pcm) in self.pcm().chunks(piece).enumerate() {
            let now = ((n + 1) * piece / 8) as u32;
            found.extend(listener.hear(pcm).into_iter().map(|heard| (now, heard)));
        }
        found
    }

    fn sounds(&self, ears: Ears) -> Vec<Sound> {
        let heard = self.heard(ears, 160);
        let sounds = heard.iter().filter_map(|(_, heard)| match heard {
            Heard::Sound(sound) => Some(*sound),
            Heard::Pressed(_) | Heard::Released { .. } => None,
        });
        sounds.collect()
    }
}
