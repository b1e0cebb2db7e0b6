//! Entry and leave, limits, events, random rooms.

use proptest::prelude::*;

use super::*;
use crate::{room::Full, service::Sound};

const NARROW: Rate = Rate::Narrow;

#[test]
fn a_full_room_refuses_the_next_and_still_changes_a_seat() {
    let mut room = Room::new(Config {
        max_seats: 3,
        ..Config::default()
    });
    room.sits(0, Seat::default(), pcma());
    room.sits(1, Seat::default(), pcma());
    room.mixer.source(1, Others::All, 0).unwrap();
    assert_eq!(room.mixer.sit(leg(2), Seat::default(), None), Err(Full(3)));
    assert_eq!(room.mixer.tap(recording(1).0, 20, NARROW), Err(Full(3)));
    assert_eq!(Full(3).to_string(), "the room is full: it has 3 seats");
    room.sits(1, Seat::default(), form("PCMU", NARROW));
    room.leaves(who(0));
    assert!(room.mixer.sit(leg(2), Seat::default(), None).is_ok());
    assert_eq!(room.mixer.len(), 3);
}

#[test]
fn a_place_that_was_left_does_nothing() {
    let mut room = Room::new(Config::default());
    let left = room.sits(0, Seat::default(), pcma());
    room.mixer.stand(left);
    let next = room.sits(1, Seat::default(), pcma());
    assert_ne!(left, next);
    room.mixer.stand(left);
    room.mixer.begin(20);
    room.mixer.say(left, &[9000; 160], NARROW);
    room.ends(20);
    assert_eq!((room.mixer.len(), room.mixer.talking()), (1, 0));
    assert_eq!(room.mixer.place(who(0)), None);
}

#[test]
fn a_leg_that_leaves_between_its_word_and_the_mix_is_heard_and_fades() {
    let mut room = Room::new(Config::default());
    room.sits(0, Seat::default(), pcma());
    room.speaks(1, Seat::default(), pcma(), tone(400.0, 5000.0));
    room.run(200);
    let place = room.mouths[&who(1)].place;
    room.mixer.begin(20);
    room.mixer.say(place, &[2000; 160], NARROW);
    room.mixer.stand(place);
    room.mouths.clear();
    room.ends(20);
    let last = room.last(who(0), NARROW, 20);
    assert!(last[10] > 1700 && last[80] > 800 && last[159].abs() < 30);
    room.run(40);
    assert_eq!(rms(room.last(who(0), NARROW, 40)), 0.0);
    assert_eq!(room.mixer.groups().count(), 1);
}

#[test]
fn entry_and_leave_are_heard_by_the_others_as_short_soft_tones() {
    for rate in Rate::ALL {
        let mut room = Room::new(Config {
            tones: true,
            ..Config::default()
        });
        room.sits(0, Seat::default(), form("X", rate));
        room.run(500);
        room.heard.clear();
        room.sits(1, Seat::default(), form("X", rate));
        room.run(500);
        let entry = room.heard[&who(0)].clone();
        assert!((1500..4000).contains(&entry.iter().copied().max().unwrap()));
        assert!(rms(&entry[rate.samples(260)..]) < 1.0, "short");
        let own = rms(&room.heard[&who(1)]);
        assert!(own < 1.0, "{rate:?}: not heard by the new one: {own}");
        room.leaves(who(1));
        room.run(500);
        let first =
            |pcm: &[i16]| peak(&pcm[..rate.samples(110)], rate, 523.25) > peak(&pcm[..rate.samples(110)], rate, 783.99);
        assert!(first(&entry) && !first(room.last(who(0), rate, 500)));
        assert!(rms(room.last(who(0), rate, 500)) > 100.0);
    }
}

#[test]
fn no_tone_tells_of_a_leg_that_only_listens() {
    let mut room = Room::new(Config {
        tones: true,
        ..Config::default()
    });
    room.sits(0, Seat::default(), pcma());
    room.run(500);
    room.heard.clear();
    let hidden = Seat {
        heard_by: Others::NoLeg,
        ..Seat::default()
    };
    room.sits(1, hidden, pcma());
    room.run(300);
    room.leaves(who(1));
    room.run(300);
    assert_eq!(rms(&room.heard[&who(0)]), 0.0);
}

#[test]
fn speech_begins_and_ends_once() {
    let mut room = Room::new(Config::default());
    let speech = tone(400.0, 4000.0);
    let wave = move |t: f64| {
        let click = (0.2..0.21).contains(&t);
        // With a pause of 300 ms, which is shorter than the hangover.
        let speaks = (0.5..1.0).contains(&t) || (1.3..2.0).contains(&t);
        if click || speaks { speech(t) } else { 0.0 }
    };
    room.speaks(0, Seat::default(), pcma(), Box::new(wave));
    room.speaks(
        1,
        Seat {
            heard_by: Others::NoLeg,
            ..Seat::default()
        },
        pcma(),
        tone(500.0, 3000.0),
    );
    let mut events = Vec::new();
    while room.millis < 3000 {
        room.tick();
        while let Some((leg, sound)) = room.mixer.poll_event() {
            events.push((room.millis, leg.slot, sound));
        }
    }
    let of = |slot| events.iter().filter(move |event| event.1 == slot).map(|event| event.2);
    assert!(of(0).eq([Sound::SpeechBegins, Sound::SpeechEnds]), "{events:?}");
    assert!(of(1).eq([Sound::SpeechBegins]), "a muted leg speaks, too");
    let begins = events.iter().find(|event| event.1 == 0).unwrap().0;
    assert!((540..=600).contains(&begins), "{begins}");
    room.leaves(who(1));
    assert_eq!(room.mixer.poll_event(), Some((leg(1), Sound::SpeechEnds)));
}

#[test]
fn frames_of_a_wrong_length_are_filled_up_or_cut() {
    let mut room = Room::new(Config::default());
    let place = room.sits(0, Seat::default(), pcma());
    room.sits(1, Seat::default(), pcma());
    for length in [0, 1, 159, 161, 5000] {
        room.mixer.begin(20);
        room.mixer.say(place, &vec![3000; length], NARROW);
        room.ends(20);
    }
    assert_eq!(room.heard[&who(1)].len(), 5 * 160);
}

#[test]
fn a_seat_is_small() {
    assert!(std::mem::size_of::<crate::room::members::Member>() < 256);
}

#[derive(Clone, Debug)]
enum Act {
    Sit(u32, Seat, Option<usize>),
    Source(u64, Others),
    Tap(u64, usize),
    Stand(u32),
    Say(Vec<(u32, i16, usize)>),
}

fn others() -> impl Strategy<Value = Others> {
    prop_oneof![
        3 => Just(Others::All),
        1 => Just(Others::NoLeg),
        2 => (0..12u32).prop_map(|slot| Others::Only(leg(slot))),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let seat = (others(), others(), any::<i8>(), any::<bool>()).prop_map(|(hears, heard_by, gain, levelled)| Seat {
        hears,
        heard_by,
        gain,
        levelled,
    });
    prop_oneof![
        3 => (0..12u32, seat, proptest::option::of(0..8usize)).prop_map(|(slot, seat, form)| Act::Sit(slot, seat, form)),
        1 => (0..3u64, others()).prop_map(|(number, to)| Act::Source(number, to)),
        1 => (0..3u64, 0..3usize).prop_map(|(number, rate)| Act::Tap(number, rate)),
        2 => (0..18u32).prop_map(Act::Stand),
        6 => proptest::collection::vec((0..18u32, any::<i16>(), 0..3usize), 0..12).prop_map(Act::Say),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Random rooms: nothing panics, and each listener is sent sound without a gap and without a doubled packet.
    #[test]
    fn groups_cover_each_listener_once(acts in proptest::collection::vec(act(), 1..80)) {
        let mut room = Room::new(Config { max_seats: 16, max_talkers: 4, tones: true, ..Config::default() });
        let forms = [
            pcma(), form("PCMU", NARROW), form("G722", Rate::Wide), form("OPUS", Rate::Full),
            ptime("PCMA", NARROW, 60), ptime("OPUS", Rate::Full, 10), ptime("PCMA", NARROW, 30), ptime("G722", Rate::Wide, 40),
        ];
        let all = |n: u32| match n {
            0..12 => who(n),
            12..15 => Who::Source(u64::from(n - 12)),
            _ => recording(u64::from(n - 15)).1,
        };
        // Since when each listener has listened in its form, and what it was sent since then.
        let mut since: BTreeMap<Who, (u64, Form, u64)> = BTreeMap::new();
        for act in acts {
            let now = room.millis;
            match act {
                Act::Sit(slot, seat, form) => {
                    let form = form.and_then(|form| forms[form].clone());
                    if room.mixer.sit(leg(slot), seat, form.clone()).is_ok() {
                        let same = since.get(&who(slot)).map(|one| &one.1) == form.as_ref();
                        match form {
                            None => drop(since.remove(&who(slot))),
                            Some(form) if !same => drop(since.insert(who(slot), (now, form, 0))),
                            Some(_) => {}
                        }
                    }
                }
                Act::Source(number, to) => drop(room.mixer.source(number, to, 0)),
                Act::Tap(number, rate) => {
                    let (id, tap) = recording(number);
                    let form = Form::linear(20, Rate::ALL[rate]);
                    let same = since.get(&tap).is_some_and(|one| one.1 == form);
                    if room.mixer.tap(id, 20, Rate::ALL[rate]).is_ok() && !same {
                        since.insert(tap, (now, form, 0));
                    }
                }
                Act::Stand(n) => {
                    if let Some(place) = room.mixer.place(all(n)) {
                        room.mixer.stand(place);
                        since.remove(&all(n));
                    }
                }
                Act::Say(said) => {
                    let millis = room.mixer.millis();
                    room.mixer.begin(millis);
                    for (n, sample, rate) in said {
                        let rate = Rate::ALL[rate];
                        if let Some(place) = room.mixer.place(all(n)) {
                            room.mixer.say(place, &vec![sample; rate.samples(millis)], rate);
                        }
                    }
                    room.ends(millis);
                    for group in room.mixer.groups() {
                        for listener in group.listeners {
                            let (_, form, sent) = since.get_mut(listener).expect("it listens");
                            prop_assert_eq!(&*form, group.form);
                            *sent += u64::from(form.ptime.max(millis));
                        }
                    }
                }
            }
            let now = room.millis;
            for (who, (begin, form, sent)) in &since {
                // From the first packet that began since, up to the last that is whole.
                let ptime = u64::from(form.ptime);
                let whole = (now / ptime * ptime).saturating_sub(begin.next_multiple_of(ptime));
                prop_assert_eq!(*sent, whole, "{:?} {:?} at {}", who, form, now);
            }
        }
    }
}
