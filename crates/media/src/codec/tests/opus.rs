//! Opus.

use super::*;
use ropus::{Application, Bitrate, Channels};

/// The packets of a stream.
fn packets(encoder: &mut Encoder, pcm: &[i16]) -> Vec<Vec<u8>> {
    let (samples, mut octets) = (encoder.samples(), [0; MAX_OCTETS]);
    let packet = |pcm| {
        let length = encoder.encode(pcm, &mut octets);
        octets[..length].to_vec()
    };
    pcm.chunks_exact(samples).map(packet).collect()
}

#[test]
fn tones_come_back_pure_at_every_rate() {
    for (rate, hertz) in [
        (Rate::Narrow, 1000.0),
        (Rate::Wide, 1000.0),
        (Rate::Full, 1000.0),
        (Rate::Full, 440.0),
    ] {
        for ptime in [10, 20, 40, 60] {
            let pcm = tone(rate, hertz, 8000.0, rate.samples(1200));
            let mut encoder = Encoder::at(&opus(""), ptime, rate).unwrap();
            let mut decoder = Decoder::at(&opus(""), rate).unwrap();
            assert_eq!((encoder.rate(), decoder.rate(), encoder.ptime()), (rate, rate, ptime));
            let heard = through(&mut encoder, &mut decoder, &pcm, ptime);
            let heard = &heard[rate.samples(200)..];
            let (pure, loss) = (purity(rate, heard, hertz), level(heard) - level(&pcm));
            assert!(
                pure > 0.99 && loss.abs() < 0.5,
                "{rate:?} {hertz} {ptime}: {pure} {loss}"
            );
        }
    }
}

#[test]
fn speech_keeps_its_shape_and_is_late_by_the_look_ahead() {
    for (rate, at_least) in [(Rate::Narrow, 6.0), (Rate::Wide, 6.0), (Rate::Full, 6.0)] {
        let pcm = voice(rate, rate.samples(2000));
        let mut decoder = Decoder::at(&opus(""), rate).unwrap();
        let heard = through(&mut Encoder::at(&opus(""), 20, rate).unwrap(), &mut decoder, &pcm, 20);
        let late = delay(&pcm[..rate.samples(1500)], &heard, rate.samples(20));
        let shape = segmental(rate, &pcm, &heard, late);
        assert!((rate.samples(4)..=rate.samples(10)).contains(&late), "{rate:?}: {late}");
        assert!(shape > at_least, "{rate:?}: {shape}");
    }
}

#[test]
fn stereo_is_heard_as_mono() {
    let [left, right] = [600.0, 1500.0].map(|hertz| tone(Rate::Full, hertz, 8000.0, 48_000));
    let pcm: Vec<i16> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
    let mut encoder = ropus::Encoder::builder(48_000, Channels::Stereo, Application::Audio)
        .bitrate(Bitrate::Bits(96_000))
        .build()
        .unwrap();
    let mut decoder = Decoder::new(&opus("")).unwrap();
    let (mut octets, mut heard) = ([0; 1500], Vec::new());
    for packet in pcm.chunks_exact(1920) {
        let length = encoder.encode(packet, &mut octets).unwrap();
        assert!(octets[0] & 4 != 0, "a stereo packet");
        decoder.decode(&octets[..length], &mut heard).unwrap();
    }
    let heard = &heard[9600..];
    let [low, high] = [600.0, 1500.0].map(|hertz| purity(Rate::Full, heard, hertz));
    assert!((low - 0.5).abs() < 0.05 && (high - 0.5).abs() < 0.05, "{low} {high}");
}

#[test]
fn packets_of_every_length_are_decoded() {
    let pcm = voice(Rate::Full, 48_000 / 25 * 3);
    for (tenths, application) in [25, 50, 100, 200, 400, 600, 800, 1000, 1200]
        .into_iter()
        .flat_map(|tenths| [(tenths, Application::RestrictedLowDelay), (tenths, Application::Voip)])
    {
        let samples = 48 * tenths / 10;
        let mut encoder = ropus::Encoder::builder(48_000, Channels::Mono, application)
            .build()
            .unwrap();
        let mut octets = [0; 1500];
        let length = encoder.encode(&pcm[..samples], &mut octets).unwrap();
        for rate in Rate::ALL {
            let mut decoder = Decoder::at(&opus(""), rate).unwrap();
            let expected = rate.hertz() as usize * tenths / 10_000;
            assert_eq!(decoder.samples(&octets[..length]), Some(expected), "{tenths}");
            let mut out = Vec::new();
            decoder.decode(&octets[..length], &mut out).unwrap();
            assert_eq!(out.len(), expected, "{tenths}");
        }
    }
    // 48 frames of 2.5 ms without a sound, and 63 of them.
    let mut decoder = Decoder::at(&opus(""), Rate::Narrow).unwrap();
    let mut out = Vec::new();
    decoder.decode(&[16 << 3 | 3, 48], &mut out).unwrap();
    assert_eq!(out.len(), 960);
    assert_eq!(decoder.decode(&[16 << 3 | 3, 63], &mut out), Err(Malformed));
    assert_eq!(out.len(), 960);
}

/// The band of a packet: 0 to 4 for narrow to full (RFC 6716 table 2).
fn band(packet: &[u8]) -> u8 {
    match packet[0] >> 3 {
        config @ 0..12 => config / 4,
        config @ 12..16 => 3 + (config - 12) / 2,
        config => [0, 2, 3, 4][usize::from((config - 16) / 4)],
    }
}

#[test]
fn the_encoder_keeps_to_what_the_peer_says() {
    let pcm = voice(Rate::Full, 96_000);
    let widest = |fmtp: &str| {
        let mut encoder = Encoder::at(&opus(fmtp), 20, Rate::Full).unwrap();
        packets(&mut encoder, &pcm).iter().map(|packet| band(packet)).max()
    };
    assert_eq!(widest("maxplaybackrate=8000"), Some(0));
    assert_eq!(widest("maxplaybackrate=16000"), Some(2));
    assert_eq!(widest("maxplaybackrate=24000"), Some(3));
    assert_eq!(widest(""), Some(4));
    // The encoder asks for the rate that is worth it.
    for (fmtp, rate) in [
        ("maxplaybackrate=8000", Rate::Narrow),
        ("maxplaybackrate=16000", Rate::Wide),
        ("", Rate::Full),
    ] {
        assert_eq!(Encoder::new(&opus(fmtp), 20).unwrap().rate(), rate);
        assert_eq!(Decoder::new(&opus(fmtp)).unwrap().rate(), rate);
    }
    let lengths = |fmtp: &str| -> Vec<usize> {
        let mut encoder = Encoder::at(&opus(fmtp), 20, Rate::Wide).unwrap();
        packets(&mut encoder, &voice(Rate::Wide, 32_000))
            .iter()
            .map(Vec::len)
            .collect()
    };
    let (free, constant) = (lengths(""), lengths("cbr=1"));
    assert!(free.iter().any(|length| *length != free[0]));
    assert!(
        constant.iter().all(|length| *length == 60),
        "24 kbit/s are 60 octets in 20 ms: {constant:?}"
    );
    let sum = |lengths: &[usize]| lengths.iter().sum::<usize>();
    let (usual, slow) = (sum(&free) * 4, sum(&lengths("maxaveragebitrate=10000")) * 4);
    assert!(usual > 14_000 && (7000..11_500).contains(&slow), "{usual} {slow} bit/s");
}

#[test]
fn silence_is_not_sent_where_the_peer_prefers_that() {
    let silence = vec![0; Rate::Wide.samples(2000)];
    let sent = |fmtp: &str| {
        let mut encoder = Encoder::at(&opus(fmtp), 20, Rate::Wide).unwrap();
        packets(&mut encoder, &silence)
            .iter()
            .filter(|packet| !packet.is_empty())
            .count()
    };
    assert_eq!(sent(""), 100);
    let few = sent("usedtx=1");
    assert!((5..25).contains(&few), "one in 400 ms, after the first 200 ms: {few}");
}

/// Decibels by which the sound made for every tenth packet, which is lost, is like what it was.
fn with_losses(fmtp: &str, use_next: bool) -> f64 {
    let rate = Rate::Wide;
    // A sweep: what was said before tells little of what is lost.
    let pcm: Vec<i16> = (0..rate.samples(6000))
        .map(|n| {
            let at = n as f64 / 16_000.0;
            let hertz = 300.0 + 150.0 * (TAU * 2.0 * at).sin() / (TAU * 2.0 * at).max(1.0);
            let loud = 0.55 - 0.45 * (TAU * 6.0 * at).cos();
            (8000.0 * loud * (TAU * hertz * at + 25.0 * (TAU * 2.0 * at).sin()).sin()) as i16
        })
        .collect();
    let packets = packets(&mut Encoder::at(&opus(fmtp), 20, rate).unwrap(), &pcm);
    let mut whole = Vec::new();
    let mut decoder = Decoder::at(&opus(""), rate).unwrap();
    packets
        .iter()
        .for_each(|packet| decoder.decode(packet, &mut whole).unwrap());
    let mut decoder = Decoder::at(&opus(""), rate).unwrap();
    let (mut heard, mut lost, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for (n, packet) in packets.iter().enumerate() {
        if n % 10 != 9 {
            decoder.decode(packet, &mut heard).unwrap();
            continue;
        }
        let next = packets.get(n + 1).filter(|_| use_next).map(Vec::as_slice);
        let start = heard.len();
        decoder.conceal(320, next, &mut heard);
        assert_eq!(heard.len(), start + 320);
        lost.extend_from_slice(&whole[start..start + 320]);
        made.extend_from_slice(&heard[start..]);
    }
    ratio(&lost, &made)
}

#[test]
fn a_lost_packet_comes_back_from_the_next_one() {
    let (alone, copied) = (
        with_losses("useinbandfec=1", false),
        with_losses("useinbandfec=1", true),
    );
    assert!(copied > alone + 3.0, "{copied} dB with the copy, {alone} dB without");
    let (without, asked) = (with_losses("", false), with_losses("", true));
    assert!(
        (without - asked).abs() < 0.01,
        "no copy where the peer takes none: {without} {asked}"
    );
}

#[test]
fn gaps_of_any_length_are_filled_and_fade() {
    for rate in Rate::ALL {
        let pcm = tone(rate, 400.0, 8000.0, rate.samples(400));
        let packets = packets(&mut Encoder::at(&opus("useinbandfec=1"), 20, rate).unwrap(), &pcm);
        for gap in [
            1,
            37,
            rate.samples(2),
            rate.samples(20),
            rate.samples(60) + 1,
            rate.samples(500),
        ] {
            for next in [
                None,
                Some(packets[15].as_slice()),
                Some([11, 63].as_slice()),
                Some([].as_slice()),
            ] {
                let mut decoder = Decoder::at(&opus(""), rate).unwrap();
                let mut heard = Vec::new();
                packets[..15]
                    .iter()
                    .for_each(|packet| decoder.decode(packet, &mut heard).unwrap());
                let start = heard.len();
                decoder.conceal(gap, next, &mut heard);
                assert_eq!(heard.len(), start + gap, "{rate:?} {gap}");
                if gap == rate.samples(500) && next.is_none() {
                    let seam = sharpest(&heard[start - 10..start + 10]);
                    assert!(seam < 2 * sharpest(&heard[start / 2..start]), "a click: {seam}");
                    assert!(level(&heard[start + rate.samples(400)..]) < level(&heard[start / 2..start]) - 20.0);
                }
            }
        }
    }
}
