//! Any packets at any time, pulled now and then.
#![no_main]

use std::time::Duration;

use media::{
    Payload,
    ear::{Config, Ear, Heard},
    sound::Rate,
};

const CODECS: [(u8, &str, u32, u8); 6] = [
    (0, "PCMU", 8000, 1),
    (8, "PCMA", 8000, 1),
    (9, "G722", 8000, 1),
    (13, "CN", 8000, 1),
    (96, "L16", 16_000, 1),
    (111, "OPUS", 48_000, 2),
];

/// A packet's number and time stamp beside those of the one before, its payload type, flags, and milliseconds since then.
type Step = (i16, i32, u8, u8, u16, Vec<u8>);

libfuzzer_sys::fuzz_target!(|input: (u8, Vec<Step>)| {
    let (rate, steps) = input;
    let rate = Rate::ALL[usize::from(rate) % 3];
    let payloads = CODECS.map(|(number, codec, clock_rate, channels)| Payload {
        number,
        codec: codec.into(),
        clock_rate,
        channels,
        fmtp: None,
    });
    let config = Config::default();
    let mut ear = Ear::with(config, &payloads, rate);
    let mut now = Duration::from_secs(1_800_000_000);
    let (mut sequence, mut timestamp) = (0u16, 0u32);
    let mut out = Vec::new();
    for (number_step, time_step, kind, flags, millis, payload) in steps {
        sequence = sequence.wrapping_add_signed(if flags & 1 == 0 { 1 } else { number_step });
        timestamp = timestamp.wrapping_add_signed(if flags & 2 == 0 { 160 } else { time_step });
        if flags & 4 == 0 {
            let number = CODECS[usize::from(kind) % CODECS.len()].0;
            let marker = flags & 8 != 0;
            ear.put(now, Heard { sequence, timestamp, marker, number, payload: &payload });
        } else {
            ear.put_event(now, sequence, timestamp);
        }
        if flags & 0xf0 == 0xf0 {
            ear.reset();
        }
        for _ in 0..u32::from(millis % 1000) / 20 {
            now += Duration::from_millis(20);
            out.clear();
            ear.pull(now, 20, &mut out);
            assert_eq!(out.len(), rate.samples(20));
        }
        let counted = ear.counters();
        let sum = counted.played + counted.late + counted.doubled + counted.malformed + counted.waiting;
        assert_eq!(counted.packets, sum);
        assert!(counted.waiting <= config.packets as u64);
    }
});
