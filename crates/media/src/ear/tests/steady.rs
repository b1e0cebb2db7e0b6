//! Without loss and jitter.

use super::*;

#[test]
fn steady_packets_are_heard_as_they_were_sent_about_a_packet_later() {
    for millis in [10, 20] {
        let mut delays = Vec::new();
        for phase in 0..20 {
            let mut world = World::new(Rate::Narrow, millis);
            world.pull = 100_000 + phase * 1000 + 500;
            world.talk(100_000, 150, 20, tone, |_| Some(0));
            world.run(100_000 + 2_900_000);
            let counters = world.ear.counters();
            assert_eq!((counters.lost, counters.late, counters.concealed), (0, 0, 0));
            assert_eq!((counters.stretched, counters.shortened), (0, 0), "{counters:?}");
            delays.push(counters.delay);
            let (worst, _) = judge(&segments(&world.out, &reference(tone, 25_000), 0, 8)[3..]);
            assert!(worst > 60.0, "{worst}");
            assert!(roughness(&world.out) < 7600, "{}", roughness(&world.out));
        }
        let mean = delays.iter().sum::<u32>() / 20;
        assert!(delays.iter().all(|delay| *delay <= 26), "{delays:?}");
        assert!(mean <= 20, "{mean} {delays:?}");
    }
}

#[test]
fn sound_comes_at_the_rate_that_is_asked_for() {
    for rate in Rate::ALL {
        let mut world = World::new(rate, 20);
        world.talk(0, 200, 20, tone, |_| Some(0));
        world.run(3_900_000);
        let middle = &world.out[rate.samples(1000)..rate.samples(3000)];
        assert!((level(middle) + 12.0).abs() < 0.5, "{rate:?}: {}", level(middle));
        let step = 1000.0 * std::f64::consts::TAU / f64::from(rate.hertz());
        // Second differences of a tone follow from its level and frequency.
        let most = 11_600.0 * (2.0 - 2.0 * step.cos()) * 1.1 + 500.0;
        assert!(f64::from(roughness(middle)) < most, "{rate:?}");
    }
}

#[test]
fn packets_of_each_length_follow_each_other_also_where_it_changes() {
    let mut world = World::new(Rate::Narrow, 20);
    let (mut timestamp, mut sequence) = (0, 65_530u16);
    for ptime in [10, 20, 30, 40, 60, 20, 10] {
        for _ in 0..2400 / ptime {
            // A packet is sent when its sound is complete.
            world.send(
                i64::from(timestamp + ptime * 8) * 125,
                alaw(sequence, timestamp, ptime, voice),
            );
            timestamp += ptime * 8;
            sequence = sequence.wrapping_add(1);
        }
    }
    world.run(7 * 2_400_000 - 100_000);
    let counters = world.ear.counters();
    assert_eq!(
        (counters.lost, counters.late, counters.malformed),
        (0, 0, 0),
        "{counters:?}"
    );
    assert!(counters.concealed <= 150, "where packets become longer: {counters:?}");
    let sent = reference(voice, 7 * 2400 * 8 + 800);
    let (_, bad) = judge(&segments(&world.out, &sent, 240, 320)[5..]);
    assert!(bad <= 20, "{bad}");
}

#[test]
fn a_codec_that_changes_in_mid_stream_makes_no_click() {
    for (other, clock) in [(PCMU, 8000), (L16, 16_000)] {
        let mut world = World::new(Rate::Narrow, 20);
        for n in 0..300u16 {
            let mut packet = alaw(n, u32::from(n) * 160, 20, tone);
            if (n / 50) % 2 == 1 {
                let first = f64::from(n) * 0.02;
                let samples = (0..clock / 50).map(|s| tone(first + f64::from(s) / f64::from(clock)) as i16);
                packet.number = other;
                packet.timestamp = u32::from(n) * clock / 50;
                packet.payload = match other {
                    PCMU => samples.map(audio_codec_algorithms::encode_ulaw).collect(),
                    _ => samples.flat_map(i16::to_be_bytes).collect(),
                };
            }
            world.send(i64::from(n) * 20_000, packet);
        }
        world.run(5_900_000);
        let counters = world.ear.counters();
        assert_eq!(
            (counters.lost, counters.late, counters.concealed),
            (0, 0, 0),
            "{counters:?}"
        );
        assert_eq!(counters.malformed, 0);
        assert!(
            roughness(&world.out[800..]) < 8500,
            "{other}: {}",
            roughness(&world.out[800..])
        );
        // A resampler shifts by parts of a sample; the level is the same.
        for part in world.out[800..].chunks_exact(160) {
            assert!((level(part) + 12.0).abs() < 1.0, "{other}: {}", level(part));
        }
        // Where it changes both sounds are mixed, which lasts for 5 ms.
        let (_, bad) = judge(&segments(&world.out, &plain(tone, 48_000), 0, 240)[3..]);
        assert!(bad <= if other == L16 { 155 } else { 12 }, "{bad}");
    }
}

#[test]
fn the_first_packets_may_come_out_of_order() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 100, 20, tone, |n| Some(if n == 0 { 21_000 } else { 0 }));
    world.pull = 25_000;
    world.run(1_900_000);
    let counters = world.ear.counters();
    assert_eq!(
        (counters.lost, counters.late, counters.packets),
        (0, 0, 95),
        "{counters:?}"
    );
}

#[test]
fn a_sender_that_begins_anew_is_followed() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 100, 20, tone, |_| Some(0));
    for n in 0..100u16 {
        let packet = alaw(n.wrapping_add(40_000), 1_000_000 + u32::from(n) * 160, 20, tone);
        world.send(2_000_000 + i64::from(n) * 20_000, packet);
    }
    world.run(3_900_000);
    let counters = world.ear.counters();
    assert!(counters.late <= 3, "{counters:?}");
    assert_eq!(counters.lost, 0);
    assert!(counters.concealed <= 60, "{counters:?}");
    assert!(counters.delay <= 46, "{counters:?}");
    assert!(roughness(&world.out) < 10_000);
}

#[test]
fn time_stamps_that_jump_are_followed_at_once() {
    for jump in [100_000u32, 100_000u32.wrapping_neg()] {
        let mut world = World::new(Rate::Narrow, 20);
        for n in 0..200u16 {
            let mut packet = alaw(n, u32::from(n) * 160, 20, tone);
            if n >= 100 {
                packet.timestamp = packet.timestamp.wrapping_add(jump);
            }
            world.send(i64::from(n) * 20_000, packet);
        }
        world.run(3_900_000);
        let counters = world.ear.counters();
        assert_eq!(
            (counters.lost, counters.late, counters.concealed),
            (0, 0, 0),
            "{counters:?}"
        );
        assert_eq!(judge(&segments(&world.out, &reference(tone, 33_000), 0, 240)[3..]).1, 0);
    }
}

#[test]
fn another_source_is_heard_after_a_reset_and_nothing_counted_is_forgotten() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 50, 20, tone, |_| Some(0));
    world.run(990_000);
    world.ear.reset();
    for n in 0..50u16 {
        let packet = alaw(9000 + n, 77_000 + u32::from(n) * 160, 20, tone);
        world.send(1_000_000 + i64::from(n) * 20_000, packet);
    }
    world.run(1_950_000);
    let counters = world.ear.counters();
    assert_eq!(counters.lost, 0);
    assert!(counters.packets >= 97 && counters.late <= 2, "{counters:?}");
    assert!(roughness(&world.out) < 10_000, "{}", roughness(&world.out));
    assert_eq!(*world.kinds.last().unwrap(), Kind::Speech);
}

#[test]
fn an_ear_is_small_and_takes_no_more_memory_with_time() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 100, 20, voice, |n| (n % 7 != 0).then_some(0));
    world.run(1_000_000);
    let warm = world.ear.octets();
    world.run(2_000_000);
    for n in 100..2000 {
        let jitter = (n * 7919 % 61) as i64 * 1000;
        world.send(n as i64 * 20_000 + jitter, alaw(n as u16, n as u32 * 160, 20, voice));
    }
    world.run(39_000_000);
    assert!(warm <= 12 * 1024, "{warm}");
    assert!(world.ear.octets() <= 16 * 1024, "{}", world.ear.octets());
}

#[test]
fn time_stamps_of_a_wrong_clock_do_no_harm() {
    // As of a sender that counts two ticks for each sample, or half of one.
    for step in [320u32, 80] {
        let mut world = World::new(Rate::Narrow, 20);
        for n in 0..300u16 {
            let mut packet = alaw(n, u32::from(n) * 160, 20, tone);
            packet.timestamp = u32::from(n) * step;
            world.send(i64::from(n) * 20_000, packet);
        }
        world.run(5_900_000);
        let counters = world.ear.counters();
        assert_eq!((counters.lost, counters.malformed), (0, 0), "{counters:?}");
        assert!(counters.late <= 3 && counters.concealed <= 120, "{step}: {counters:?}");
        assert!(counters.delay <= 60, "{step}: {counters:?}");
        let (worst, _) = judge(&segments(&world.out, &reference(tone, 49_000), 0, 240)[50..]);
        assert!(worst > 60.0, "{step}: {worst}");
        assert!(world.kinds[50..].iter().all(|kind| *kind == Kind::Speech));
    }
}

#[test]
fn a_packet_that_comes_after_the_codec_was_changed_does_not_move_the_others() {
    let mut world = World::new(Rate::Narrow, 20);
    for n in 0..100u16 {
        let mut packet = alaw(n, u32::from(n) * 160, 20, tone);
        if n >= 50 {
            (packet.number, packet.timestamp) = (L16, u32::from(n) * 320);
            packet.payload = (0..320)
                .map(|s| tone(f64::from(n) * 0.02 + f64::from(s) / 16_000.0) as i16)
                .flat_map(i16::to_be_bytes)
                .collect();
        }
        world.send(i64::from(n) * 20_000 + i64::from(n == 49) * 24_000, packet);
    }
    world.run(1_950_000);
    let counters = world.ear.counters();
    assert_eq!((counters.late, counters.lost), (0, 0), "{counters:?}");
    assert!(counters.concealed <= 40 && counters.delay <= 50, "{counters:?}");
}
