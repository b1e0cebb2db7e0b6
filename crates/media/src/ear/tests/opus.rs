//! Opus and G.722, which keep a state from packet to packet.

use super::*;
use crate::codec::{Decoder, Encoder};

const OPUS: u8 = 111;
const G722: u8 = 9;

fn payload(number: u8, codec: &str, clock_rate: u32, channels: u8, fmtp: Option<&str>) -> Payload {
    Payload {
        number,
        codec: codec.into(),
        clock_rate,
        channels,
        fmtp: fmtp.map(Into::into),
    }
}

/// The packets of so many milliseconds of a signal, encoded; time stamps at the clock of the payload type.
fn encode(payload: &Payload, ptime: u32, millis: u32, signal: Signal) -> Vec<Packet> {
    let mut encoder = Encoder::new(payload, ptime).unwrap();
    let (rate, mut out) = (encoder.rate(), vec![0; 4000]);
    let packet = |n: u32| {
        let first = n as usize * rate.samples(ptime);
        let pcm: Vec<i16> = (first..first + rate.samples(ptime))
            .map(|s| signal(s as f64 / f64::from(rate.hertz())) as i16)
            .collect();
        let octets = encoder.encode(&pcm, &mut out);
        Packet {
            sequence: n as u16,
            timestamp: n * ptime * (payload.clock_rate / 1000),
            marker: n == 0,
            number: payload.number,
            payload: out[..octets].to_vec(),
        }
    };
    (0..millis / ptime).map(packet).collect()
}

/// Plays the packets that `arrives` lets through, each when its sound is complete. Returns the sound and its kinds.
fn play(
    payload: &Payload,
    rate: Rate,
    packets: &[Packet],
    ptime: u32,
    arrives: impl Fn(usize) -> bool,
) -> (Ear, Vec<i16>, Vec<Kind>) {
    let mut ear = Ear::new(std::slice::from_ref(payload), rate);
    let (mut out, mut kinds) = (Vec::new(), Vec::new());
    let mut next = 0;
    for pull in 0..packets.len() as i64 * i64::from(ptime) / 20 {
        let now = pull * 20_000 + 7_000;
        while next < packets.len() && next as i64 * i64::from(ptime) * 1000 <= now {
            if arrives(next) {
                ear.put(micros(next as i64 * i64::from(ptime) * 1000), heard(&packets[next]));
            }
            next += 1;
        }
        kinds.push(ear.pull(micros(now), 20, &mut out));
    }
    (ear, out, kinds)
}

/// The share of a tone of 1 kHz in the sound, 0 to 1: the mean of the shares of each 20 ms (Goertzel).
fn share(pcm: &[i16], rate: Rate) -> f64 {
    let step = 1000.0 * std::f64::consts::TAU / f64::from(rate.hertz());
    let share = |pcm: &[i16]| {
        let sum = |f: fn(f64) -> f64| -> f64 {
            let parts = pcm.iter().enumerate();
            parts.map(|(n, s)| f64::from(*s) * f(n as f64 * step)).sum()
        };
        let energy: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
        2.0 * (sum(f64::sin).powi(2) + sum(f64::cos).powi(2)) / (pcm.len() as f64 * energy.max(1.0))
    };
    let parts = pcm.chunks_exact(rate.samples(20));
    let count = parts.len() as f64;
    parts.map(share).sum::<f64>() / count
}

/// The packets as the decoder alone makes them sound, the lost ones concealed by it.
fn decode(payload: &Payload, rate: Rate, packets: &[Packet], arrives: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut decoder = Decoder::at(payload, rate).unwrap();
    let mut out = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        match arrives(n) {
            true => decoder.decode(&packet.payload, &mut out).unwrap(),
            false => decoder.conceal(decoder.rate().samples(20), None, &mut out),
        }
    }
    out
}

#[test]
fn opus_and_g722_are_heard_at_each_rate_with_and_without_loss() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, Some("useinbandfec=1"));
    let g722 = payload(G722, "G722", 8000, 1, None);
    for of in [&opus, &g722] {
        let packets = encode(of, 20, 4000, tone);
        for rate in Rate::ALL {
            for lossy in [false, true] {
                let (ear, out, kinds) = play(of, rate, &packets, 20, |n| !lossy || n % 20 != 10);
                let counters = ear.counters();
                assert_eq!(counters.lost, if lossy { 10 } else { 0 }, "{counters:?}");
                assert_eq!(counters.concealed, counters.lost * 20, "{counters:?}");
                assert_eq!((counters.late, counters.malformed), (0, 0));
                let concealed = kinds.iter().filter(|kind| **kind == Kind::Concealed).count();
                assert_eq!(concealed as u64, counters.lost);
                let middle = &out[rate.samples(1000)..];
                // What the decoder makes of a loss by itself is the measure.
                let found = share(middle, rate);
                let least = match lossy && of.number == OPUS {
                    true => {
                        share(
                            &decode(of, rate, &packets, |n| n % 20 != 10)[rate.samples(1000)..],
                            rate,
                        ) - 0.01
                    }
                    false => 0.985 - f64::from(u8::from(lossy)) * 0.03,
                };
                assert!(found > least, "{} {rate:?} {lossy}: {found} {least}", of.codec);
                assert!((level(middle) + 12.0).abs() < 1.5, "{}: {}", of.codec, level(middle));
                let step = 1000.0 * std::f64::consts::TAU / f64::from(rate.hertz());
                let most = 11_600.0 * (2.0 - 2.0 * step.cos()) * 1.6 + 1000.0;
                assert!(
                    f64::from(roughness(middle)) < most,
                    "{} {rate:?}: {}",
                    of.codec,
                    roughness(middle)
                );
            }
        }
    }
}

#[test]
fn what_the_next_packet_says_of_a_lost_one_is_used() {
    let with = payload(OPUS, "OPUS", 48_000, 2, Some("useinbandfec=1"));
    let packets = encode(&with, 20, 6000, voice);
    let (_, whole, _) = play(&with, Rate::Wide, &packets, 20, |_| true);
    // The lost part is compared with what is heard without loss. The wait is below a packet, so that the packet after
    // the lost one must come early to be there in time.
    let error = |early: bool| -> f64 {
        let mut ear = Ear::new(std::slice::from_ref(&with), Rate::Wide);
        let mut out = Vec::new();
        for n in 0..packets.len() + 3 {
            let at = n as i64 * 20_000;
            let comes = n % 10 != 5 && !(early && n % 10 == 6);
            if let Some(packet) = packets.get(n).filter(|_| comes) {
                ear.put(micros(at), heard(packet));
            }
            if early && n % 10 == 5 {
                ear.put(micros(at), heard(&packets[n + 1]));
            }
            ear.pull(micros(at + 7_000), 20, &mut out);
        }
        let part = |n: usize| n * 320..(n + 1) * 320;
        let lost = (20..packets.len()).filter(|n| n % 10 == 5);
        let errors = lost.map(|n| {
            let pairs = out[part(n)].iter().zip(&whole[part(n)]);
            pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
        });
        errors.sum()
    };
    let (with_copy, without) = (error(true), error(false));
    assert!(with_copy < without * 0.5, "{with_copy} {without}");
}

#[test]
fn long_and_short_opus_packets_follow_each_other() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, None);
    for ptime in [10, 20, 40, 60, 120] {
        let packets = encode(&opus, ptime, 3600, tone);
        let (ear, out, _) = play(&opus, Rate::Full, &packets, ptime, |_| true);
        let counters = ear.counters();
        assert_eq!(
            (counters.lost, counters.late, counters.malformed),
            (0, 0, 0),
            "{ptime} {counters:?}"
        );
        assert_eq!(counters.concealed, 0, "{ptime} {counters:?}");
        let found = share(&out[Rate::Full.samples(1000)..], Rate::Full);
        assert!(found > 0.99, "{ptime}: {found}");
    }
}

#[test]
fn a_pause_of_opus_is_no_loss_and_no_click() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, None);
    let mut packets = encode(
        &opus,
        20,
        6000,
        |t| if (2.0..4.0).contains(&t) { 0.0 } else { voice(t) },
    );
    // From 2.2 s on the sender says every 400 ms that it pauses, and sends nothing between.
    let mut sequence = 0;
    for (n, packet) in packets.iter_mut().enumerate() {
        if (110..200).contains(&n) {
            packet.payload.truncate(if n % 20 == 10 { 1 } else { 0 });
        }
        packet.sequence = sequence;
        sequence += u16::from(!packet.payload.is_empty());
    }
    let (ear, out, kinds) = play(&opus, Rate::Narrow, &packets, 20, |n| !packets[n].payload.is_empty());
    let counters = ear.counters();
    assert_eq!(
        (counters.lost, counters.late, counters.malformed, counters.concealed),
        (0, 0, 0, 0),
        "{counters:?}"
    );
    assert!(kinds.iter().all(|kind| *kind != Kind::Concealed));
    let silent = kinds[115..195].iter().filter(|kind| **kind == Kind::Silence).count();
    assert!(silent > 70, "{silent}");
    assert!(level(&out[115 * 160..195 * 160]) < -50.0);
    assert!(roughness(&out) < 9000, "{}", roughness(&out));
}

#[test]
fn damaged_opus_packets_are_counted_and_concealed() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, None);
    let mut packets = encode(&opus, 20, 3000, tone);
    for (n, packet) in packets.iter_mut().enumerate().skip(20).filter(|(n, _)| n % 10 == 0) {
        match n % 30 {
            // No octets; 63 frames in a few; a length that is longer than the packet.
            0 => packet.payload.clear(),
            10 => packet.payload = vec![0xff, 63, 1, 2],
            _ => packet.payload = vec![0x02, 0xfc],
        }
    }
    let (ear, out, _) = play(&opus, Rate::Narrow, &packets, 20, |_| true);
    let counters = ear.counters();
    assert_eq!((counters.malformed, counters.lost), (13, 0), "{counters:?}");
    assert!(counters.concealed >= 12 * 20, "{counters:?}");
    let found = share(&out[8000..], Rate::Narrow);
    assert!(found > 0.8, "{found}");
}

#[test]
fn a_decoder_is_given_up_in_a_long_pause_and_what_follows_is_heard_from_its_begin() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, None);
    let all = encode(&opus, 20, 6000, tone);
    for (pause, decoders) in [(15, 1), (100, 0), (1000, 0)] {
        let mut ear = Ear::new(std::slice::from_ref(&opus), Rate::Wide);
        let mut out = Vec::new();
        // Two seconds of sound, a pause of so many packets, and two seconds more.
        for n in 0..200 + pause {
            let at = n as i64 * 20_000;
            let packet = match n {
                _ if n < 100 => Some(&all[n]),
                _ if n >= 100 + pause => Some(&all[n - pause]),
                _ => None,
            };
            if let Some(packet) = packet {
                let timestamp = n as u32 * 960;
                let marker = n == 100 + pause;
                let packet = Packet {
                    timestamp,
                    marker,
                    ..packet.clone()
                };
                ear.put(micros(at), heard(&packet));
            }
            ear.pull(micros(at + 7_000), 20, &mut out);
            if n == 99 + pause {
                assert_eq!(ear.coders.decoders(), decoders, "{pause}");
            }
        }
        let counters = ear.counters();
        assert_eq!(
            (counters.lost, counters.late, counters.malformed),
            (0, 0, 0),
            "{counters:?}"
        );
        assert!(counters.played >= 199, "{counters:?}");
        let second = Rate::Wide.samples(1000);
        let after = Rate::Wide.samples(20 * (102 + pause as u32));
        assert!(share(&out[after..after + second], Rate::Wide) > 0.98, "{pause}");
        assert!(
            (level(&out[after..after + Rate::Wide.samples(100)]) + 12.0).abs() < 1.5,
            "{pause}"
        );
    }
}

/// A little noise for three seconds, and then a voice.
fn hush_and_voice(t: f64) -> f64 {
    match t < 3.0 {
        true => ((t * 16_000.0).sin() * 43_758.5).fract() * 8.0,
        false => voice(t),
    }
}

#[test]
fn where_only_voice_is_of_use_noise_is_not_decoded_and_the_first_syllable_is_whole() {
    for fmtp in [None, Some("useinbandfec=1")] {
        let opus = payload(OPUS, "OPUS", 48_000, 2, fmtp);
        let packets = encode(&opus, 20, 4000, hush_and_voice);
        let [all, voice] = [false, true].map(|thrifty| {
            let mut ear = Ear::new(std::slice::from_ref(&opus), Rate::Wide);
            ear.set_thrifty(thrifty);
            let (mut out, mut kinds) = (Vec::new(), Vec::new());
            for (n, packet) in packets.iter().enumerate() {
                let at = n as i64 * 20_000;
                ear.put(micros(at), heard(packet));
                kinds.push(ear.pull(micros(at + 7_000), 20, &mut out));
            }
            assert_eq!((ear.counters().lost, ear.counters().malformed), (0, 0));
            (out, kinds)
        });
        let silent = |kinds: &[Kind]| kinds.iter().filter(|kind| **kind == Kind::Silence).count();
        assert!(silent(&all.1[5..]) == 0, "{:?}", all.1);
        assert!(silent(&voice.1[50..150]) >= 90, "{:?}", &voice.1[50..150]);
        assert_eq!(silent(&voice.1[154..]), 0, "{:?}", &voice.1[150..]);
        let onset = Rate::Wide.samples(3000)..Rate::Wide.samples(3240);
        let (mut sound, mut error) = (0.0, 0.0);
        for (a, b) in all.0[onset.clone()].iter().zip(&voice.0[onset]) {
            sound += f64::from(*a).powi(2);
            error += (f64::from(*a) - f64::from(*b)).powi(2);
        }
        let decibels = 10.0 * (sound / error.max(1.0)).log10();
        assert!(decibels > 25.0, "{decibels}");
    }
}

#[test]
fn where_only_voice_is_of_use_a_lasting_tone_is_heard_all_the_same() {
    let opus = payload(OPUS, "OPUS", 48_000, 2, None);
    let packets = encode(&opus, 20, 8000, |t| if t < 3.0 { hush_and_voice(t) } else { tone(t) });
    let mut ear = Ear::new(std::slice::from_ref(&opus), Rate::Wide);
    ear.set_thrifty(true);
    let (mut out, mut kinds) = (Vec::new(), Vec::new());
    for (n, packet) in packets.iter().enumerate() {
        let at = n as i64 * 20_000;
        ear.put(micros(at), heard(packet));
        kinds.push(ear.pull(micros(at + 7_000), 20, &mut out));
    }
    assert!(kinds[100..150].contains(&Kind::Silence));
    assert!(kinds[160..].iter().all(|kind| *kind == Kind::Speech), "{kinds:?}");
    assert!(share(&out[Rate::Wide.samples(3200)..], Rate::Wide) > 0.98);
}
