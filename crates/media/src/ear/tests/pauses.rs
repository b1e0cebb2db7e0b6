//! Pauses of the sender: silence suppression, comfort noise, keys.

use super::*;

/// Spurts of 50 packets with pauses of a second between; `pause` gives the packets of a pause, from the number and time
/// stamp that follow the spurt on, and how many numbers it has used.
fn spurts(world: &mut World, pause: impl Fn(&mut World, i64, u16, u32) -> u16) {
    let (mut sequence, mut timestamp, mut at) = (0u16, 0u32, 0);
    for _ in 0..10 {
        for n in 0..50 {
            let mut packet = alaw(sequence, timestamp, 20, tone);
            packet.marker = n == 0;
            world.send(at, packet);
            sequence += 1;
            timestamp += 160;
            at += 20_000;
        }
        sequence += pause(world, at, sequence, timestamp);
        timestamp += 8000;
        at += 1_000_000;
    }
}

#[test]
fn a_pause_is_no_loss() {
    let mut world = World::new(Rate::Narrow, 20);
    spurts(&mut world, |_, _, _, _| 0);
    world.run(19_900_000);
    let counters = world.ear.counters();
    assert_eq!(
        (counters.lost, counters.late, counters.malformed),
        (0, 0, 0),
        "{counters:?}"
    );
    assert!(counters.concealed <= 60, "the last pause has no end yet: {counters:?}");
    assert_eq!(counters.played, 500);
    assert!(counters.delay <= 26, "{counters:?}");
    assert!(
        (480..=520).contains(&world.count(Kind::Speech)),
        "{}",
        world.count(Kind::Speech)
    );
    assert!(roughness(&world.out) < 8000, "{}", roughness(&world.out));
}

#[test]
fn comfort_noise_is_heard_at_the_level_that_the_peer_says() {
    for dbov in [30u8, 50, 65] {
        for spectrum in [&[][..], &[200, 90, 140]] {
            let mut world = World::new(Rate::Narrow, 20);
            spurts(&mut world, |world, at, sequence, timestamp| {
                let mut payload = vec![dbov];
                payload.extend_from_slice(spectrum);
                let noise = Packet {
                    sequence,
                    timestamp,
                    marker: false,
                    number: CN,
                    payload,
                };
                world.send(at, noise);
                1
            });
            world.run(19_900_000);
            let counters = world.ear.counters();
            assert_eq!(
                (counters.lost, counters.late, counters.concealed),
                (0, 0, 0),
                "{counters:?}"
            );
            assert_eq!(world.count(Kind::Concealed), 0);
            // The pause from 1 to 2 s, without its beginning and end.
            let noise = level(&world.out[9_600..15_000]);
            assert!(
                (noise + f64::from(dbov)).abs() < 1.0,
                "{noise} for -{dbov} {spectrum:?}"
            );
            assert!(
                roughness(&world.out) < 8500 + 200 * i32::from(dbov == 30) * 40,
                "{}",
                roughness(&world.out)
            );
        }
    }
}

#[test]
fn comfort_noise_is_heard_at_each_rate() {
    for rate in Rate::ALL {
        let mut ear = Ear::new(&payloads(), rate);
        ear.put(micros(0), heard(&alaw(0, 0, 20, tone)));
        let noise = Packet {
            sequence: 1,
            timestamp: 160,
            marker: false,
            number: CN,
            payload: vec![40],
        };
        ear.put(micros(20_000), heard(&noise));
        let mut out = Vec::new();
        for n in 1..200 {
            ear.pull(micros(n * 20_000 + 7_000), 20, &mut out);
        }
        let loudness = level(&out[rate.samples(500)..]);
        assert!((loudness + 40.0).abs() < 1.5, "{rate:?}: {loudness}");
    }
}

#[test]
fn nothing_is_heard_while_a_key_is_pressed_and_its_packets_are_not_lost() {
    let mut ear = Ear::new(&payloads(), Rate::Narrow);
    let mut out = Vec::new();
    let mut kinds = Vec::new();
    for n in 0..150u16 {
        let at = i64::from(n) * 20_000;
        let timestamp = u32::from(n) * 160;
        if (50..60).contains(&n) {
            ear.put_event(micros(at), n, 50 * 160);
        } else {
            ear.put(micros(at), heard(&alaw(n, timestamp, 20, tone)));
        }
        kinds.push(ear.pull(micros(at + 10_000), 20, &mut out));
    }
    let counters = ear.counters();
    assert_eq!(
        (counters.lost, counters.late, counters.concealed, counters.packets),
        (0, 0, 0, 140),
        "{counters:?}"
    );
    let silent: Vec<usize> = (0..150).filter(|n| kinds[*n] == Kind::Silence).collect();
    assert!((9..=11).contains(&silent.len()), "{silent:?}");
    for n in &silent[1..] {
        assert!(out[n * 160..(n + 1) * 160].iter().all(|sample| *sample == 0));
    }
    assert!(kinds.iter().all(|kind| *kind != Kind::Concealed));
    assert!(roughness(&out) < 8000, "{}", roughness(&out));
}

#[test]
fn before_the_first_packet_there_is_nothing() {
    let mut ear = Ear::new(&payloads(), Rate::Wide);
    let mut out = vec![7];
    assert_eq!(ear.pull(micros(0), 20, &mut out), Kind::Nothing);
    assert_eq!(out.len(), 321, "appended");
    assert!(out[1..].iter().all(|sample| *sample == 0));
}
