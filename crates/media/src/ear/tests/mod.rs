//! An ear on a clock of its own: a sender with its clock, a network between, and a consumer that pulls.

mod drift;
mod loss;
mod networks;
mod opus;
mod pauses;
mod random;
mod steady;

use std::{collections::BTreeMap, time::Duration};

use audio_codec_algorithms::{decode_alaw, encode_alaw};

use super::*;

/// Payload types of the tests.
const PCMU: u8 = 0;
const PCMA: u8 = 8;
const CN: u8 = 13;
const L16: u8 = 96;

fn payloads() -> Vec<Payload> {
    let row = |number, codec: &str, clock_rate| Payload {
        number,
        codec: codec.into(),
        clock_rate,
        channels: 1,
        fmtp: None,
    };
    vec![
        row(PCMU, "PCMU", 8000),
        row(PCMA, "PCMA", 8000),
        row(CN, "CN", 8000),
        row(L16, "L16", 16_000),
    ]
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(1_800_000_000_000_000 + micros as u64)
}

/// A sample of the signal at a time in seconds.
type Signal = fn(f64) -> f64;

/// 1 kHz at -9 dBov.
fn tone(t: f64) -> f64 {
    (t * 1000.0 * std::f64::consts::TAU).sin() * 11_600.0
}

/// Like a voice: harmonics of a pitch that wanders from 90 to 150 Hz, syllables four times a second.
fn voice(t: f64) -> f64 {
    let tau = std::f64::consts::TAU;
    let phase = tau * (120.0 * t - 30.0 / (tau * 0.7) * (tau * 0.7 * t).cos());
    let harmonics: f64 = (1..=12).map(|n| (phase * f64::from(n)).sin() / f64::from(n)).sum();
    let syllable = 0.55 - 0.45 * (tau * 4.0 * t).cos();
    harmonics * syllable * 5000.0
}

/// A packet on its way.
#[derive(Clone, Debug)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    number: u8,
    payload: Vec<u8>,
}

/// A world of one sender, one network and one consumer. Times are in microseconds.
struct World {
    ear: Ear,
    now: i64,
    /// When the next pull is.
    pull: i64,
    millis: u32,
    /// What is on its way, by its arrival.
    wire: BTreeMap<(i64, usize), Packet>,
    sent: usize,
    out: Vec<i16>,
    kinds: Vec<Kind>,
}

impl World {
    fn new(rate: Rate, millis: u32) -> World {
        World::with(Config::default(), rate, millis)
    }

    fn with(config: Config, rate: Rate, millis: u32) -> World {
        World {
            ear: Ear::with(config, &payloads(), rate),
            now: 0,
            pull: 5_000,
            millis,
            wire: BTreeMap::new(),
            sent: 0,
            out: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// A packet that arrives then.
    fn send(&mut self, arrival: i64, packet: Packet) {
        self.wire.insert((arrival, self.sent), packet);
        self.sent += 1;
    }

    /// Sends `count` packets of `ptime` milliseconds, the first at `from`, each `delay(n)` on its way; `None`: lost.
    fn talk(&mut self, from: i64, count: usize, ptime: u32, signal: Signal, delay: impl Fn(usize) -> Option<i64>) {
        for n in 0..count {
            let at = from + n as i64 * i64::from(ptime) * 1000;
            if let Some(delay) = delay(n) {
                let packet = alaw(n as u16, (n as u32) * ptime * 8, ptime, signal);
                self.send(at + delay, packet);
            }
        }
    }

    /// Lets all happen until then.
    fn run(&mut self, until: i64) {
        while self.pull <= until {
            while let Some(first) = self.wire.first_entry() {
                let arrival = first.key().0;
                if arrival > self.pull {
                    break;
                }
                let packet = first.remove();
                self.ear.put(micros(arrival), heard(&packet));
            }
            self.now = self.pull;
            let before = self.out.len();
            let kind = self.ear.pull(micros(self.now), self.millis, &mut self.out);
            self.kinds.push(kind);
            assert_eq!(self.out.len() - before, self.ear.rate().samples(self.millis));
            self.pull += i64::from(self.millis) * 1000;
        }
    }

    fn count(&self, kind: Kind) -> usize {
        self.kinds.iter().filter(|other| **other == kind).count()
    }
}

fn heard(packet: &Packet) -> Heard<'_> {
    Heard {
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
        number: packet.number,
        payload: &packet.payload,
    }
}

/// A packet of A-law.
fn alaw(sequence: u16, timestamp: u32, ptime: u32, signal: Signal) -> Packet {
    let first = f64::from(timestamp) / 8000.0;
    let samples = (0..ptime * 8).map(|n| signal(first + f64::from(n) / 8000.0) as i16);
    Packet {
        sequence,
        timestamp,
        marker: sequence == 0,
        number: PCMA,
        payload: samples.map(encode_alaw).collect(),
    }
}

/// The signal as A-law carries it.
fn reference(signal: Signal, samples: usize) -> Vec<i16> {
    let sample = |n: usize| decode_alaw(encode_alaw(signal(n as f64 / 8000.0) as i16));
    (0..samples).map(sample).collect()
}

/// The signal as it is before any codec.
fn plain(signal: Signal, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| signal(n as f64 / 8000.0) as i16).collect()
}

/// Signal to noise in decibels of each 20 ms of `heard` beside the part of the reference that fits best: that one is
/// looked for at most `within` samples from where the one before was found, at first at a delay of `from` samples, and
/// farther away where it is not found. `None` for silence.
fn segments(heard: &[i16], reference: &[i16], from: usize, within: usize) -> Vec<Option<f64>> {
    const LENGTH: usize = 160;
    let mut shift = from as i64;
    let quality = |(n, part): (usize, &[i16])| {
        let energy: f64 = part.iter().map(|s| f64::from(*s).powi(2)).sum();
        if energy / (LENGTH as f64) < 10_000.0 {
            return None;
        }
        let noise = |shift: i64| -> f64 {
            let start = usize::try_from((n * LENGTH) as i64 - shift).ok();
            let other = start.and_then(|start| reference.get(start..start + LENGTH));
            other.map_or(f64::MAX, |other| {
                let pairs = part.iter().zip(other);
                pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
            })
        };
        // The same place as before, if it fits as well as another one.
        let key = |at: &i64| (noise(*at), (at - shift).abs());
        let better = |a: &i64, b: &i64| {
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        };
        let look = |within: i64| (shift - within..=shift + within).min_by(better).unwrap_or(shift);
        let quality = |noise: f64| 10.0 * (energy / noise.max(1.0)).log10();
        let mut found = look(within as i64);
        if quality(noise(found)) < 20.0 {
            found = look(2_000);
        }
        let quality = quality(noise(found));
        // A part that is not of the reference says nothing of where the next one is.
        if quality > 20.0 {
            shift = found;
        }
        Some(quality)
    };
    heard.chunks_exact(LENGTH).enumerate().map(quality).collect()
}

/// The worst of these, and how many are below 30 dB.
fn judge(segments: &[Option<f64>]) -> (f64, usize) {
    let heard = || segments.iter().flatten().copied();
    (
        heard().fold(f64::MAX, f64::min),
        heard().filter(|quality| *quality < 30.0).count(),
    )
}

/// The greatest second difference: a click is a large one.
fn roughness(pcm: &[i16]) -> i32 {
    let second = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
    pcm.windows(3).map(second).max().unwrap_or(0)
}

/// The level in dBov (0 is a square wave as loud as can be).
fn level(pcm: &[i16]) -> f64 {
    let energy: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
    10.0 * (energy / pcm.len() as f64 / 32768f64.powi(2)).max(1e-12).log10()
}
