//! Peers that have no codec in common: their sound is decoded, and encoded again.

use super::{
    talking::{Talker, decoded, payload, share, talk, with},
    *,
};

/// A and B, bridged, with these codecs and packet lengths.
fn apart(a: (&[Payload], u16), b: (&[Payload], u16)) -> World {
    let mut w = World::new();
    w.leg(1, AT_A, with(A, a.0, a.1));
    w.leg(2, AT_B, with(B, b.0, b.1));
    w.command(Command::Bridge(id(1), id(2)));
    w
}

#[test]
fn a_tone_is_heard_in_the_other_codec_in_unbroken_packets() {
    let kinds = [("L16", 8000), ("L16", 16_000), ("PCMA", 8000)];
    for (n, (codec, clock)) in kinds.into_iter().enumerate() {
        for (m, (other, other_clock)) in kinds.into_iter().enumerate() {
            if n == m {
                continue;
            }
            for (ptime, other_ptime) in [(20, 20), (10, 60), (30, 20), (40, 10), (20, 30), (40, 20)] {
                // Linear samples of 60 ms do not fit a packet.
                let other_ptime = if other == "L16" {
                    other_ptime.min(40)
                } else {
                    other_ptime
                };
                let (a, b) = (payload(96, codec, clock), payload(100, other, other_clock));
                let mut w = apart(
                    (std::slice::from_ref(&a), ptime),
                    (std::slice::from_ref(&b), other_ptime),
                );
                let mut talker = Talker::new(a, 600.0, ptime.into());
                let sent = talk(&mut w, (AT_A, A), &mut talker, 1200);
                let told = format!("{codec}/{clock} of {ptime} ms to {other}/{other_clock} of {other_ptime} ms");
                assert!(
                    sent.len() as u32 >= 1000 / u32::from(other_ptime),
                    "{told}: {}",
                    sent.len()
                );
                for pair in sent.windows(2) {
                    assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{told}");
                    let ticks = u32::from(other_ptime) * other_clock / 1000;
                    assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(ticks), "{told}");
                    assert!(!pair[1].marker && pair[1].to == at(B), "{told}");
                }
                let (sound, rate) = decoded(&sent, &b);
                let settled = &sound[rate.samples(200)..];
                assert!(
                    share(settled, rate, 600.0) > 0.9,
                    "{told}: {}",
                    share(settled, rate, 600.0)
                );
            }
        }
    }
}

#[test]
fn what_both_have_is_copied_and_changes_in_mid_stream_are_followed() {
    let (wide, law) = (payload(96, "L16", 16_000), payload(0, "PCMU", 8000));
    let mut w = apart((&[wide.clone(), law.clone()], 20), (std::slice::from_ref(&law), 20));
    let mut talker = Talker::new(law.clone(), 600.0, 20);
    let copied = talk(&mut w, (AT_A, A), &mut talker, 100);
    assert_eq!((copied.len(), w.relay.groups.len()), (5, 0), "nothing is decoded");
    let mut other = Talker::new(wide, 600.0, 20);
    (other.said, other.sequence) = (talker.said, talker.sequence);
    let mut sent = talk(&mut w, (AT_A, A), &mut other, 400);
    assert_eq!(w.relay.groups.len(), 1);
    (talker.said, talker.sequence) = (other.said, other.sequence);
    sent.extend(talk(&mut w, (AT_A, A), &mut talker, 400));
    assert!(sent.len() >= 38, "{}", sent.len());
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
    }
    // Copied packets take the line at once: no packet of ours comes between.
    assert!(
        sent[sent.len() - 18..]
            .windows(2)
            .all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 160)
    );
}

#[test]
fn keys_cross_to_another_clock_with_their_duration() {
    let a = [payload(96, "L16", 16_000), payload(97, "TELEPHONE-EVENT", 16_000)];
    let b = [payload(0, "PCMU", 8000), payload(101, "TELEPHONE-EVENT", 8000)];
    let mut w = apart((&a, 20), (&b, 20));
    let mut talker = Talker::new(a[0].clone(), 600.0, 20);
    talk(&mut w, (AT_A, A), &mut talker, 300);
    let start = talker.timestamp();
    let mut sent = Vec::new();
    for n in 1..=8u16 {
        let ended = n >= 6;
        let [high, low] = (320 * n.min(6)).to_be_bytes();
        let packet = rtp(
            97,
            talker.sequence,
            start,
            77,
            &[7, if ended { 0x8a } else { 10 }, high, low],
        );
        talker.sequence = talker.sequence.wrapping_add(1);
        w.raw(AT_A, A, &packet);
        sent.append(&mut w.sent);
        sent.extend(w.pass(20));
    }
    let keys: Vec<&Sent> = sent.iter().filter(|packet| packet.number == 101).collect();
    let durations: Vec<u16> = keys
        .iter()
        .map(|key| u16::from_be_bytes([key.payload[2], key.payload[3]]))
        .collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 960, 960, 960]);
    assert!(
        keys.iter()
            .all(|key| key.timestamp == keys[0].timestamp && key.payload[0] == 7)
    );
    assert!(keys[0].marker && keys[1..].iter().all(|key| !key.marker));
    let pressed = sent.iter().position(|packet| packet.number == 101).unwrap();
    let last = sent
        .iter()
        .rposition(|packet| packet.number == 101 && packet.payload[1] & 0x80 == 0)
        .unwrap();
    assert!(
        sent[pressed..=last].iter().all(|packet| packet.number == 101),
        "no sound while the key is pressed"
    );
    let digit = Event::Dtmf {
        media: id(1),
        digit: '7',
    };
    assert_eq!(w.events().into_iter().filter(|event| *event == digit).count(), 1);
    (talker.said, talker.ptime) = (talker.said + 160, 20);
    let after = talk(&mut w, (AT_A, A), &mut talker, 200);
    assert!(
        after.iter().filter(|packet| packet.number == 0).count() >= 8,
        "then the sound goes on"
    );
    for pair in sent.iter().chain(&after).collect::<Vec<_>>().windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
    }
}

#[test]
fn a_key_longer_than_the_field_goes_on_in_segments() {
    let a = [payload(0, "PCMU", 8000), payload(101, "TELEPHONE-EVENT", 8000)];
    let b = [payload(96, "L16", 48_000), payload(97, "TELEPHONE-EVENT", 48_000)];
    let mut w = apart((&a, 20), (&b, 10));
    let mut seen = Vec::new();
    for (n, duration) in [(1u16, 8000u16), (2, 10_922), (3, 10_924), (4, 24_000)] {
        let [high, low] = duration.to_be_bytes();
        for packet in w.rtp(AT_A, A, 101, n, 160, 77, &[1, 10, high, low]) {
            seen.push((
                packet.timestamp,
                u16::from_be_bytes([packet.payload[2], packet.payload[3]]),
            ));
        }
    }
    let start = seen[0].0;
    let seen: Vec<(u32, u16)> = seen
        .into_iter()
        .map(|(at, time)| (at.wrapping_sub(start), time))
        .collect();
    assert_eq!(seen, [(0, 48_000), (0, 65_532), (65_535, 9), (131_070, 12_930)]);
}

#[test]
fn hold_silences_the_other_side_and_after_it_the_sound_goes_on() {
    let (a, b) = (payload(96, "L16", 16_000), payload(0, "PCMU", 8000));
    let mut w = apart((std::slice::from_ref(&a), 20), (std::slice::from_ref(&b), 20));
    let mut talker = Talker::new(a.clone(), 600.0, 20);
    assert!(talk(&mut w, (AT_A, A), &mut talker, 400).len() > 15);
    let held = Remote {
        direction: Direction {
            send: true,
            receive: false,
        },
        ..with(A, std::slice::from_ref(&a), 20)
    };
    w.update(1, held, false);
    talk(&mut w, (AT_A, A), &mut talker, 300);
    assert!(talk(&mut w, (AT_A, A), &mut talker, 2000).is_empty());
    assert_eq!(w.relay.groups.first(), None, "nothing is to be done");
    w.update(1, with(A, std::slice::from_ref(&a), 20), false);
    assert!(talk(&mut w, (AT_A, A), &mut talker, 400).len() > 15);
    w.command(Command::Unbridge(id(1)));
    assert_eq!(w.relay.groups.len(), 0);
    assert!(talk(&mut w, (AT_A, A), &mut talker, 200).is_empty());
}

#[test]
fn after_a_long_silence_the_first_words_are_heard() {
    let b = payload(96, "L16", 16_000);
    let opus = Payload {
        channels: 2,
        ..payload(111, "OPUS", 48_000)
    };
    let gaps = [100u32, 300, 900, 1100, 3_000, 60_000];
    let law = payload(0, "PCMU", 8000);
    for (a, gap) in gaps
        .into_iter()
        .flat_map(|gap| [(law.clone(), gap), (opus.clone(), gap)])
    {
        let mut w = apart((std::slice::from_ref(&a), 20), (std::slice::from_ref(&b), 20));
        let mut talker = Talker::new(a.clone(), 600.0, 20);
        talk(&mut w, (AT_A, A), &mut talker, 240);
        w.pass(u64::from(gap));
        talker.said += gap;
        talker.sequence = talker.sequence.wrapping_add((gap / 20) as u16);
        let sent = talk(&mut w, (AT_A, A), &mut talker, 240);
        let (sound, rate) = decoded(&sent, &b);
        let heard = sound
            .chunks(rate.samples(20))
            .filter(|frame| share(frame, rate, 600.0) > 0.5)
            .count();
        assert!(heard >= 8, "{heard} frames of 12 of {} after {gap} ms", a.codec);
    }
}

#[test]
fn legs_that_hear_nothing_or_music_have_no_encoder() {
    let (a, b) = (payload(0, "PCMU", 8000), payload(96, "L16", 16_000));
    let mut w = apart((std::slice::from_ref(&a), 20), (std::slice::from_ref(&b), 20));
    let encodes = |w: &mut World| w.relay.streams.get(2).unwrap().egress.voice.is_some();
    let mut talker = Talker::new(a.clone(), 600.0, 20);
    talk(&mut w, (AT_A, A), &mut talker, 240);
    assert!(encodes(&mut w));
    w.pass(1500);
    assert!(!encodes(&mut w), "nobody talks");
    talker.said += 1500;
    assert!(talk(&mut w, (AT_A, A), &mut talker, 240).len() >= 8);
    assert!(encodes(&mut w));
    w.command(super::playing::play(2, Source::Music("hold".into()), true));
    assert!(!encodes(&mut w), "music is encoded for all");
    talk(&mut w, (AT_A, A), &mut talker, 240);
    assert!(!encodes(&mut w));
}
