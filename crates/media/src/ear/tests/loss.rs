//! Packets that do not come, come too late, twice or damaged.

use super::*;

#[test]
fn a_lost_packet_is_concealed_and_the_others_are_as_they_were_sent() {
    for (signal, rough) in [(tone as Signal, 7600), (voice, 9000)] {
        let mut world = World::new(Rate::Narrow, 20);
        world.talk(0, 500, 20, signal, |n| (n % 25 != 20).then_some(0));
        world.run(9_900_000);
        let counters = world.ear.counters();
        assert_eq!((counters.lost, counters.late), (20 - 1, 0), "{counters:?}");
        assert_eq!(counters.concealed, counters.lost * 20);
        assert_eq!(world.count(Kind::Concealed), 19);
        let quality = segments(&world.out, &reference(signal, 80_000), 0, 240);
        let concealed = world.kinds.iter().map(|kind| *kind == Kind::Concealed);
        // The first 5 ms after a loss are a mix.
        let mut after = false;
        let whole = quality.iter().zip(concealed).skip(3).filter(|(_, concealed)| {
            let was = std::mem::replace(&mut after, *concealed);
            !was && !concealed
        });
        let whole: Vec<Option<f64>> = whole.map(|(quality, _)| *quality).collect();
        let (worst, _) = judge(&whole);
        assert!(worst > 30.0, "{worst}");
        assert!(roughness(&world.out) < rough, "{}", roughness(&world.out));
    }
}

#[test]
fn a_lost_part_of_a_tone_is_the_tone() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 100, 20, tone, |n| (n % 10 != 5).then_some(0));
    world.run(1_900_000);
    let (worst, _) = judge(&segments(&world.out, &reference(tone, 16_000), 0, 240)[3..]);
    assert!(worst > 14.0, "it fades by a fifth in each 10 ms: {worst}");
}

#[test]
fn concealed_sound_fades_to_silence() {
    let mut world = World::new(Rate::Narrow, 10);
    world.talk(0, 50, 20, tone, |_| Some(0));
    world.run(1_300_000);
    let last = world.kinds.iter().rposition(|kind| *kind == Kind::Speech).unwrap();
    let gap = &world.out[(last + 1) * 80..];
    assert!(level(&gap[..80]) > -13.0, "{}", level(&gap[..80]));
    assert!(level(&gap[400..480]) < level(&gap[80..160]) - 9.0);
    assert!(gap[480..].iter().all(|sample| *sample == 0));
    let kinds = &world.kinds[last + 1..];
    assert!(kinds[..6].iter().all(|kind| *kind == Kind::Concealed), "{kinds:?}");
    assert!(kinds[6..].iter().all(|kind| *kind == Kind::Silence), "{kinds:?}");
    assert!(roughness(&world.out) < 7600, "{}", roughness(&world.out));
}

#[test]
fn late_and_doubled_packets_are_dropped_and_counted() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 200, 20, tone, |n| Some(if n % 50 == 30 { 400_000 } else { 0 }));
    for n in (5..195).step_by(20) {
        let doubled = alaw(n, u32::from(n) * 160, 20, tone);
        world.send(i64::from(n) * 20_000 + i64::from(n % 40) * 2_000, doubled);
    }
    world.run(3_900_000);
    let counters = world.ear.counters();
    assert_eq!(
        (counters.late, counters.doubled, counters.lost),
        (3, 10, 1),
        "{counters:?}"
    );
}

#[test]
fn packets_out_of_order_within_the_delay_are_put_in_order() {
    let mut world = World::new(Rate::Narrow, 20);
    // First the ear learns that packets come late.
    let swap = |n: usize| Some(if n % 4 == 2 { 45_000 } else { 0 });
    world.talk(0, 500, 20, voice, swap);
    world.run(9_900_000);
    let counters = world.ear.counters();
    assert!(counters.late + counters.lost <= 2, "{counters:?}");
    assert!((40..=80).contains(&counters.delay), "{counters:?}");
    let (_, bad) = judge(&segments(
        &world.out[8000..],
        &reference(voice, 80_000)[8000..],
        240,
        320,
    ));
    assert!(bad <= 10, "{bad}");
}

#[test]
fn packets_of_a_wrong_length_and_of_unknown_types_are_counted_and_concealed() {
    let mut world = World::new(Rate::Narrow, 20);
    for n in 0..100u16 {
        let mut packet = alaw(n, u32::from(n) * 160, 20, tone);
        match n % 20 {
            5 => packet.payload.clear(),
            10 => packet.number = 77,
            // L16 of an odd number of octets.
            15 => (packet.number, packet.timestamp) = (L16, u32::from(n) * 320 + 1),
            _ => {}
        }
        if n % 20 == 15 {
            packet.payload.push(0);
        }
        world.send(i64::from(n) * 20_000, packet);
    }
    world.run(1_950_000);
    let counters = world.ear.counters();
    assert_eq!(counters.malformed, 15, "{counters:?}");
    assert_eq!(counters.late, 0, "{counters:?}");
    assert!(counters.concealed >= 15 * 20 - 20, "{counters:?}");
    assert!(roughness(&world.out) < 8500, "{}", roughness(&world.out));
}

#[test]
fn eight_seconds_without_packets_and_a_burst_of_them_all() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 1000, 20, voice, |n| {
        let sent = n as i64 * 20_000;
        Some((11_000_000 - sent).max(0) * i64::from(sent >= 3_000_000))
    });
    world.run(19_900_000);
    let counters = world.ear.counters();
    assert_eq!(counters.lost, 0, "{counters:?}");
    assert!((380..=400).contains(&counters.late), "{counters:?}");
    assert!(counters.delay < 60, "{counters:?}");
    let heard = world.kinds.iter().rposition(|kind| *kind != Kind::Speech).unwrap();
    let back = (heard + 1) as i64 * 20_000 + 5_000;
    assert!(back - 11_000_000 <= 60_000, "{back}");
    // From then on all is as it was sent.
    let from = (heard + 2) * 160;
    let (worst, _) = judge(&segments(&world.out[from..], &reference(voice, 160_000)[from - 800..], 800, 800)[10..]);
    assert!(worst > 30.0, "{worst}");
    assert!(world.ear.octets() < 48 * 1024, "{}", world.ear.octets());
}

#[test]
fn a_way_that_becomes_longer_is_followed_and_one_that_becomes_shorter_too() {
    let mut world = World::new(Rate::Narrow, 20);
    world.talk(0, 2000, 20, voice, |n| {
        Some(if (500..1000).contains(&n) { 150_000 } else { 10_000 })
    });
    world.run(9_900_000);
    assert!(world.ear.counters().delay <= 26);
    world.run(19_900_000);
    let longer = world.ear.counters();
    assert!(longer.late <= 8 && longer.lost == 0, "{longer:?}");
    world.run(39_000_000);
    let shorter = world.ear.counters();
    assert!(shorter.delay <= 60, "{shorter:?}");
    assert!(shorter.late - longer.late <= 8, "{shorter:?}");
}

#[test]
fn what_waits_is_bounded_in_packets_and_octets() {
    for config in [
        Config {
            packets: 30,
            ..Config::default()
        },
        Config {
            octets: 30 * 160,
            ..Config::default()
        },
    ] {
        let mut ear = Ear::with(config, &payloads(), Rate::Narrow);
        for n in 0..1000u16 {
            ear.put(micros(0), heard(&alaw(n, u32::from(n) * 160, 20, tone)));
            assert!(ear.counters().waiting <= 30);
        }
        let counters = ear.counters();
        assert_eq!((counters.waiting, counters.late, counters.lost), (30, 970, 0));
    }
}
