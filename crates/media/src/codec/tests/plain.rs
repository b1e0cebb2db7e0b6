//! G.711, G.722 and linear samples.

use super::*;

#[test]
fn linear_samples_and_both_laws_come_back_as_they_were() {
    let pcm: Vec<i16> = (-80..80).map(|n| n * 400).collect();
    for (name, clock, step) in [
        ("PCMU", 8000, 512),
        ("PCMA", 8000, 512),
        ("L16", 8000, 0),
        ("L16", 48_000, 0),
    ] {
        let payload = payload(name, clock);
        let mut encoder = Encoder::new(&payload, 20).unwrap();
        let mut decoder = Decoder::new(&payload).unwrap();
        let mut octets = [0; 320];
        let length = encoder.encode(&pcm, &mut octets);
        assert_eq!(decoder.samples(&octets[..length]), Some(160));
        let mut out = vec![7];
        decoder.decode(&octets[..length], &mut out).unwrap();
        assert_eq!((out[0], out.len()), (7, 161));
        for (heard, said) in out[1..].iter().zip(&pcm) {
            assert!(
                (i32::from(*heard) - i32::from(*said)).abs() <= step,
                "{name}: {said} {heard}"
            );
        }
    }
    assert!(Decoder::new(&payload("L16", 44_100)).is_none() && Encoder::new(&payload("G729", 8000), 20).is_none());
}

#[test]
fn linear_samples_are_in_network_byte_order() {
    let linear = payload("L16", 16_000);
    let mut octets = [0; 4];
    assert_eq!(Encoder::new(&linear, 20).unwrap().encode(&[0x1234, -2], &mut octets), 4);
    assert_eq!(octets, [0x12, 0x34, 0xff, 0xfe]);
}

/// Noise and a square wave, from integers alone.
fn raw(samples: u32) -> Vec<i16> {
    let mut noise = 1u32;
    let sample = |n: u32| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let square = if (n / 23).is_multiple_of(2) { 6000 } else { -6000 };
        let loud = if (n / 4000).is_multiple_of(2) { 1 } else { 4 };
        (((noise >> 16) as i16) / 8 + square) / 4 * loud
    };
    (0..samples).map(sample).collect()
}

#[test]
fn g722_gives_the_bits_of_the_reference() {
    let pcm = raw(32_000);
    let mut octets = vec![0; 16_000];
    let mut encoder = Encoder::new(&payload("G722", 8000), 20).unwrap();
    for (pcm, octets) in pcm.chunks(320).zip(octets.chunks_mut(160)) {
        assert_eq!(encoder.encode(pcm, octets), 160);
    }
    let mut decoder = Decoder::new(&payload("G722", 8000)).unwrap();
    let mut out = Vec::new();
    for packet in octets.chunks(160) {
        decoder.decode(packet, &mut out).unwrap();
    }
    // As FFmpeg's encoder and decoder give them.
    let said = fingerprint(octets.iter().copied());
    let heard = fingerprint(out.iter().flat_map(|sample| sample.to_le_bytes()));
    assert_eq!(
        (said, heard),
        (0xa35f_86bf_d7b9_1aaa, 0x0a8d_7520_f9f1_86ee),
        "{said:#x} {heard:#x}"
    );
}

#[test]
fn g722_keeps_the_wide_band_and_works_at_8_khz_too() {
    let g722 = payload("G722", 8000);
    // Through both filter banks the sound is late by 22 samples.
    let pcm = voice(Rate::Wide, 32_000);
    let wide = through(
        &mut Encoder::new(&g722, 20).unwrap(),
        &mut Decoder::new(&g722).unwrap(),
        &pcm,
        20,
    );
    assert_eq!(delay(&pcm[..16_000], &wide, 64), 22);
    let heard = segmental(Rate::Wide, &pcm, &wide, 22);
    assert!(heard > 25.0, "{heard}");
    for (hertz, at_least) in [(300.0, 0.999), (1000.0, 0.999), (3400.0, 0.998), (6800.0, 0.98)] {
        let pcm = tone(Rate::Wide, hertz, 8000.0, 16_000);
        let wide = through(
            &mut Encoder::new(&g722, 20).unwrap(),
            &mut Decoder::new(&g722).unwrap(),
            &pcm,
            20,
        );
        let (pure, loss) = (
            purity(Rate::Wide, &wide[1600..], hertz),
            level(&wide[1600..]) - level(&pcm),
        );
        assert!(pure > at_least && loss.abs() < 0.5, "{hertz}: {pure} {loss}");
        assert!(
            sharpest(&wide[1600..]) < 2 * sharpest(&pcm).max(1000),
            "{hertz}: clicks"
        );
    }
    // The lower band alone, on either side.
    for (from, to) in [
        (Rate::Narrow, Rate::Narrow),
        (Rate::Narrow, Rate::Wide),
        (Rate::Wide, Rate::Narrow),
    ] {
        let pcm = tone(from, 1000.0, 8000.0, from.samples(1000));
        let mut encoder = Encoder::at(&g722, 20, from).unwrap();
        let mut decoder = Decoder::at(&g722, to).unwrap();
        assert_eq!((encoder.rate(), decoder.rate()), (from, to));
        let heard = through(&mut encoder, &mut decoder, &pcm, 20);
        let heard = &heard[to.samples(100)..];
        let (pure, loss) = (purity(to, heard, 1000.0), level(heard) - level(&pcm));
        assert!(pure > 0.995 && loss.abs() < 0.5, "{from:?} {to:?}: {pure} {loss}");
    }
}
