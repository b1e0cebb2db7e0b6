//! Which listeners share a packet.

use super::*;

const NARROW: Rate = Rate::Narrow;

/// Listeners and silence of each group, the largest first.
fn groups(room: &Room) -> Vec<(usize, bool)> {
    let mut found: Vec<_> = room
        .mixer
        .groups()
        .map(|group| (group.listeners.len(), group.silent))
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

#[test]
fn a_hundred_silent_listeners_of_one_codec_are_one_group() {
    let mut room = Room::new(Config::default());
    for slot in 0..100 {
        room.sits(slot, Seat::default(), form("OPUS", Rate::Full));
    }
    room.run(100);
    assert_eq!(groups(&room), [(100, true)]);
    // With one talker: the others share a packet; the talker hears nobody.
    room.speaks(100, Seat::default(), form("OPUS", Rate::Full), tone(440.0, 5000.0));
    room.run(100);
    assert_eq!(groups(&room), [(100, false), (1, true)]);
}

#[test]
fn groups_are_by_all_that_makes_a_packet_and_not_by_the_payload_number() {
    let mut room = Room::new(Config::default());
    room.source(1, NARROW, tone(440.0, 5000.0));
    let payload = |number, fmtp: Option<&str>| Payload {
        number,
        codec: "OPUS".into(),
        clock_rate: 48_000,
        channels: 2,
        fmtp: fmtp.map(Into::into),
    };
    let fec = Some("useinbandfec=1");
    for (slot, form) in [
        Form::new(&payload(96, fec), 20, Rate::Full),
        Form::new(&payload(111, fec), 20, Rate::Full),
        Form::new(&payload(96, None), 20, Rate::Full),
        Form::new(&payload(96, fec), 40, Rate::Full),
        Form::new(&payload(96, fec), 20, Rate::Wide),
        Form::new(&payload(96, fec), 15, Rate::Wide),
    ]
    .into_iter()
    .enumerate()
    {
        room.sits(slot as u32, Seat::default(), Some(form));
    }
    room.run(200);
    assert_eq!(groups(&room).len(), 4);
    assert_eq!(room.mixer.groups().map(|group| group.listeners.len()).max(), Some(2));
}

#[test]
fn talkers_have_groups_of_their_own_and_come_back_after_the_hangover() {
    let mut room = Room::new(Config::default());
    for slot in 0..97 {
        room.sits(slot, Seat::default(), pcma());
    }
    for slot in 97..100 {
        let speech = tone(300.0, 4000.0);
        let wave = move |t: f64| if t < 1.0 { speech(t) } else { 0.0 };
        room.speaks(slot, Seat::default(), pcma(), Box::new(wave));
    }
    room.run(1000);
    assert_eq!(groups(&room), [(97, false), (1, false), (1, false), (1, false)]);
    room.run(400);
    assert_eq!(groups(&room).len(), 4, "still in the hangover");
    room.run(300);
    assert_eq!(groups(&room), [(100, true)]);
}

/// In the middle of a word another encoder would be heard.
#[test]
fn who_has_spoken_joins_the_others_in_a_pause_or_after_two_seconds() {
    for (pause, joins) in [(9.0, 3500), (2.5, 3060)] {
        let mut room = Room::new(Config::default());
        let says = |from: f64, to: f64| {
            let speech = tone(300.0, 4000.0);
            Box::new(move |t: f64| if (from..to).contains(&t) { speech(t) } else { 0.0 })
        };
        room.sits(0, Seat::default(), pcma());
        room.speaks(1, Seat::default(), pcma(), says(0.0, 1.0));
        room.speaks(2, Seat::default(), pcma(), says(0.5, pause));
        room.run(600);
        while groups(&room).first() != Some(&(2, false)) && groups(&room).first() != Some(&(3, true)) {
            room.tick();
            assert!(room.millis < 9000);
        }
        assert!(room.millis.abs_diff(joins) <= 60, "{}", room.millis);
        assert!(peak(&room.heard[&who(1)][8000..16_000], NARROW, 300.0) > 3900.0);
    }
}

#[test]
fn a_stream_keeps_its_number_while_talkers_come_and_go() {
    let mut room = Room::new(Config::default());
    for slot in 0..3 {
        room.sits(slot, Seat::default(), pcma());
    }
    room.run(40);
    let shared = room.mixer.groups().next().unwrap().stream;
    room.speaks(3, Seat::default(), pcma(), tone(440.0, 3000.0));
    room.run(100);
    let streams: Vec<_> = room.mixer.groups().map(|group| group.stream).collect();
    assert!(streams.contains(&shared) && streams.len() == 2);
    // One of the listeners speaks: its new stream names the one that it was sent before, once.
    room.speaks(1, Seat::default(), pcma(), tone(600.0, 3000.0));
    room.tick();
    let before: Vec<_> = room.mixer.groups().filter_map(|group| group.before).collect();
    assert_eq!(before, [shared]);
    room.tick();
    assert!(room.mixer.groups().all(|group| group.before.is_none()));
}

#[test]
fn packets_of_every_ptime_are_due_when_they_are_whole() {
    let mut room = Room::new(Config::default());
    room.source(1, NARROW, tone(440.0, 5000.0));
    for (slot, millis) in [20, 40, 60].into_iter().enumerate() {
        room.sits(slot as u32, Seat::default(), ptime("PCMA", NARROW, millis));
    }
    assert_eq!(room.mixer.millis(), 20);
    room.run(120);
    let due: Vec<usize> = room.packets.iter().map(|(_, packets)| *packets).collect();
    assert_eq!(due, [1, 2, 2, 2, 1, 3]);
    room.sits(3, Seat::default(), ptime("PCMA", NARROW, 30));
    assert_eq!(room.mixer.millis(), 10, "30 ms is no multiple of 20");
    room.run(600);
    for slot in 0..4 {
        let heard = &room.heard[&who(slot)];
        assert!(heard.len() >= NARROW.samples(600), "{slot}");
        assert!(peak(&heard[800..], NARROW, 440.0) > 4900.0);
        assert!(jump(heard) < 2000, "no gap between packets");
    }
}

/// Whoever begins to speak in the middle of a packet hears the same as before, without its own voice, and no gap.
#[test]
fn a_long_packet_goes_on_when_its_listener_begins_to_speak() {
    for millis in [20, 40, 60, 120] {
        let mut room = Room::new(Config::default());
        room.source(1, NARROW, tone(400.0, 5000.0));
        room.sits(0, Seat::default(), ptime("PCMA", NARROW, millis));
        room.sits(1, Seat::default(), ptime("PCMA", NARROW, millis));
        room.run(340);
        let speech = tone(1100.0, 5000.0);
        let wave = move |t: f64| if t < 0.9 { speech(t) } else { 0.0 };
        room.speaks(0, Seat::default(), ptime("PCMA", NARROW, millis), Box::new(wave));
        room.run(3700);
        let heard = &room.heard[&who(0)];
        assert!(peak(&heard[2400..], NARROW, 1100.0) < 5.0, "{millis}");
        assert!(jump(&heard[160..]) <= 1600, "{millis}: {}", jump(&heard[160..]));
        assert!(peak(&room.heard[&who(1)][2400..8000], NARROW, 1100.0) > 2000.0);
        assert_eq!(groups(&room).len().max(1), 1, "{millis}: both share a packet again");
    }
}

#[test]
fn the_loudest_are_mixed_where_more_speak_than_are_allowed() {
    let mut room = Room::new(Config {
        max_talkers: 3,
        ..Config::default()
    });
    for slot in 0..8 {
        let peak = 1000.0 * f64::from(slot + 1);
        room.speaks(
            slot,
            Seat::default(),
            pcma(),
            tone(300.0 + 200.0 * f64::from(slot), peak),
        );
    }
    room.sits(9, Seat::default(), pcma());
    room.run(1000);
    assert_eq!(room.mixer.talking(), 3);
    let heard: Vec<bool> = (0..8)
        .map(|slot| room.peak(9, NARROW, 300.0 + 200.0 * f64::from(slot)) > 500.0)
        .collect();
    assert_eq!(heard, [false, false, false, false, false, true, true, true]);
    assert_eq!(groups(&room).len(), 4, "who is not mixed hears with the silent");
}
