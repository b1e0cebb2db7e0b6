//! Lost packets of codecs that have no concealment of their own.

use super::*;

/// What is heard of a tone or voice whose packets at these places are lost, through G.711 at 8 kHz or linear samples.
fn heard(rate: Rate, pcm: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let linear = payload("L16", rate.hertz());
    let mut encoder = Encoder::new(&linear, 10).unwrap();
    let mut decoder = Decoder::new(&linear).unwrap();
    let (mut octets, mut out) = ([0; MAX_OCTETS], Vec::new());
    for (n, packet) in pcm.chunks_exact(encoder.samples()).enumerate() {
        let length = encoder.encode(packet, &mut octets);
        if lost(n) {
            decoder.conceal(packet.len(), None, &mut out);
        } else {
            decoder.decode(&octets[..length], &mut out).unwrap();
        }
    }
    out
}

#[test]
fn a_lost_packet_of_a_voice_is_hardly_heard() {
    for rate in Rate::ALL {
        let pcm = voice(rate, rate.samples(2000));
        let lossy = heard(rate, &pcm, |n| n % 10 == 9);
        assert_eq!(lossy.len(), pcm.len());
        let gap = |n: &usize| n / rate.samples(10) % 10 == 9;
        let [said, made] = [&pcm, &lossy].map(|pcm| (0..pcm.len()).filter(gap).map(|n| pcm[n]).collect::<Vec<_>>());
        let alike = ratio(&said, &made);
        assert!(alike > 6.0, "{rate:?}: {alike} dB");
        assert!(sharpest(&lossy) < 2 * sharpest(&pcm), "{rate:?}: a click");
    }
}

#[test]
fn a_long_gap_fades_to_silence_and_the_sound_comes_back_without_a_click() {
    for rate in Rate::ALL {
        let pcm = tone(rate, 200.0, 8000.0, rate.samples(600));
        let out = heard(rate, &pcm, |n| (20..40).contains(&n));
        let at = |millis: u32| rate.samples(millis);
        let levels = [200, 210, 220, 230, 240].map(|from| level(&out[at(from)..at(from + 10)]));
        assert!(levels[0] > level(&pcm) - 1.0, "{levels:?}");
        assert!(levels.is_sorted_by(|a, b| a >= b), "{levels:?}");
        assert!(
            out[at(260)..at(400)].iter().all(|sample| *sample == 0),
            "silent after 60 ms"
        );
        let sharp = sharpest(&pcm);
        assert!(
            sharpest(&out) < 3 * sharp + 300,
            "{rate:?}: {} of {sharp}",
            sharpest(&out)
        );
        assert_eq!(out[at(410)..], pcm[at(410)..], "as it was said, 10 ms after the gap");
    }
}

#[test]
fn a_gap_at_the_very_beginning_is_silent() {
    let mut out = Vec::new();
    Decoder::new(&payload("PCMU", 8000))
        .unwrap()
        .conceal(1000, None, &mut out);
    assert_eq!(out, vec![0; 1000]);
}
