//! Any descriptions of comfort noise.
#![no_main]

use media::{Payload, codec::ComfortNoise, sound::Rate};

libfuzzer_sys::fuzz_target!(|descriptions: Vec<Vec<u8>>| {
    let payload = Payload { number: 13, codec: "CN".into(), clock_rate: 8000, channels: 1, fmtp: None };
    let mut noise = ComfortNoise::new(&payload, Rate::Narrow);
    let mut out = Vec::new();
    for description in &descriptions {
        let _ = noise.describe(description);
        noise.fill(160, &mut out);
    }
    assert_eq!(out.len(), 160 * descriptions.len());
});
