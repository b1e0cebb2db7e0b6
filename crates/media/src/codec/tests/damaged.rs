//! Payloads that no encoder made.

use super::*;
use proptest::prelude::*;

fn decoders() -> Vec<Decoder> {
    let mut decoders: Vec<Decoder> = [
        ("PCMU", 8000),
        ("PCMA", 8000),
        ("G722", 8000),
        ("L16", 8000),
        ("L16", 48_000),
    ]
    .into_iter()
    .map(|(name, clock)| Decoder::new(&payload(name, clock)).unwrap())
    .collect();
    decoders.extend(Rate::ALL.map(|rate| Decoder::at(&opus(""), rate).unwrap()));
    decoders.push(Decoder::at(&payload("G722", 8000), Rate::Narrow).unwrap());
    decoders
}

/// What must hold for any payload.
fn take(decoder: &mut Decoder, payload: &[u8], out: &mut Vec<i16>) {
    out.clear();
    let samples = decoder.samples(payload);
    match decoder.decode(payload, out) {
        Ok(()) => assert_eq!(Some(out.len()), samples),
        Err(Malformed) => assert!(out.is_empty()),
    }
    assert!(out.len() <= decoder.rate().samples(200));
    out.clear();
    decoder.conceal(decoder.rate().samples(10), Some(payload), out);
    assert_eq!(out.len(), decoder.rate().samples(10));
}

#[test]
fn every_length_is_told_right_or_malformed() {
    let mut out = Vec::new();
    for mut decoder in decoders() {
        for length in 0..1700 {
            take(&mut decoder, &vec![0x55; length], &mut out);
        }
    }
    let malformed = |name: &str, clock: u32, length: usize| {
        Decoder::new(&payload(name, clock))
            .unwrap()
            .samples(&vec![0; length])
            .is_none()
    };
    for (name, clock, length) in [
        ("PCMU", 8000, 0),
        ("PCMU", 8000, 1601),
        ("G722", 8000, 0),
        ("G722", 8000, 1601),
        ("L16", 16_000, 3),
        ("L16", 16_000, 6402),
    ] {
        assert!(malformed(name, clock, length), "{name} {length}");
    }
    for (name, clock, length) in [("PCMU", 8000, 1600), ("G722", 8000, 1600), ("L16", 16_000, 6400)] {
        assert!(!malformed(name, clock, length), "{name} {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_payloads_in_any_order_do_no_harm(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..12)) {
        let mut out = Vec::new();
        for mut decoder in decoders() {
            for payload in &payloads {
                take(&mut decoder, payload, &mut out);
            }
        }
    }

    #[test]
    fn damaged_opus_packets_do_no_harm(
        seed in 0usize..40,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let rate = Rate::ALL[seed % 3];
        let pcm = voice(rate, rate.samples(100));
        let mut encoder = Encoder::at(&opus("useinbandfec=1"), [10, 20, 40, 60][seed % 4], rate).unwrap();
        let mut octets = [0; MAX_OCTETS];
        let length = encoder.encode(&pcm[..encoder.samples()], &mut octets);
        let packet = &mut octets[..length];
        for (at, octet) in &damage {
            packet[at.index(length)] = *octet;
        }
        let mut out = Vec::new();
        for mut decoder in Rate::ALL.map(|rate| Decoder::at(&opus(""), rate).unwrap()) {
            take(&mut decoder, packet, &mut out);
            take(&mut decoder, &packet[..cut.index(length)], &mut out);
        }
    }
}
