//! Who hears whom.

use super::*;

const TONES: [f64; 4] = [400.0, 700.0, 1000.0, 1300.0];

fn muted() -> Seat {
    Seat {
        heard_by: Others::NoLeg,
        ..Seat::default()
    }
}

/// Four legs with four tones.
fn four(rates: [Rate; 4]) -> Room {
    let mut room = Room::new(Config::default());
    for (n, rate) in rates.into_iter().enumerate() {
        let codec = ["PCMU", "G722", "OPUS"][rate as usize];
        room.speaks(n as u32, Seat::default(), form(codec, rate), tone(TONES[n], 3000.0));
    }
    room
}

fn each_hears_three(room: &Room, rates: [Rate; 4]) {
    for (listener, rate) in rates.into_iter().enumerate() {
        for (speaker, hertz) in TONES.into_iter().enumerate() {
            let peak = room.peak(listener as u32, rate, hertz);
            if listener == speaker {
                assert!(peak < 15.0, "{listener} hears itself: {peak}");
            } else {
                assert!((2800.0..3200.0).contains(&peak), "{listener} hears {speaker}: {peak}");
            }
        }
    }
}

#[test]
fn each_of_four_hears_three_and_not_itself() {
    let rates = [Rate::Narrow; 4];
    let mut room = four(rates);
    room.run(1000);
    each_hears_three(&room, rates);
}

#[test]
fn rates_meet_in_one_room() {
    for rates in [
        [Rate::Narrow, Rate::Wide, Rate::Full, Rate::Narrow],
        [Rate::Full, Rate::Full, Rate::Wide, Rate::Narrow],
    ] {
        let mut room = four(rates);
        room.run(1000);
        each_hears_three(&room, rates);
    }
}

#[test]
fn two_wide_band_legs_hear_each_other_in_wide_band_beside_a_narrow_one() {
    let mut room = Room::new(Config::default());
    room.speaks(0, Seat::default(), form("G722", Rate::Wide), tone(5500.0, 4000.0));
    room.sits(1, Seat::default(), form("G722", Rate::Wide));
    room.sits(2, Seat::default(), pcma());
    room.run(1000);
    assert!(room.peak(1, Rate::Wide, 5500.0) > 3900.0);
    assert!(
        rms(room.last(who(2), Rate::Narrow, 400)) < 20.0,
        "no alias in the narrow band"
    );
}

#[test]
fn a_muted_leg_is_heard_by_nobody_and_hears_all() {
    let mut room = four([Rate::Narrow; 4]);
    room.run(500);
    room.sits(1, muted(), form("PCMU", Rate::Narrow));
    room.run(1000);
    for listener in [0, 2, 3] {
        assert!(room.peak(listener, Rate::Narrow, TONES[1]) < 15.0);
        assert_eq!(
            room.peak(1, Rate::Narrow, TONES[listener as usize]).round() as i32 / 100,
            30
        );
    }
    room.sits(1, Seat::default(), form("PCMU", Rate::Narrow));
    room.run(1000);
    each_hears_three(&room, [Rate::Narrow; 4]);
}

#[test]
fn a_deaf_leg_is_heard_and_hears_nobody() {
    let mut room = four([Rate::Narrow; 4]);
    let deaf = Seat {
        hears: Others::NoLeg,
        ..Seat::default()
    };
    room.sits(2, deaf, form("PCMU", Rate::Narrow));
    room.run(1000);
    assert_eq!(rms(room.last(who(2), Rate::Narrow, 400)), 0.0);
    assert!(room.peak(0, Rate::Narrow, TONES[2]) > 2900.0);
}

/// 0 and 1 talk; 2, the supervisor, hears both; only 0 hears the supervisor.
#[test]
fn a_whisper_is_heard_by_one_leg_alone_also_across_rates() {
    for supervisor in [Rate::Narrow, Rate::Wide, Rate::Full] {
        let mut room = Room::new(Config::default());
        room.speaks(0, Seat::default(), pcma(), tone(TONES[0], 3000.0));
        room.speaks(1, Seat::default(), pcma(), tone(TONES[1], 3000.0));
        let whisper = Seat {
            heard_by: Others::Only(leg(0)),
            ..Seat::default()
        };
        room.speaks(2, whisper, form("X", supervisor), tone(TONES[2], 3000.0));
        room.run(1000);
        let heard = |listener, rate| TONES.map(|hertz| (room.peak(listener, rate, hertz) / 1000.0).round() as i32);
        assert_eq!(heard(0, Rate::Narrow), [0, 3, 3, 0]);
        assert_eq!(heard(1, Rate::Narrow), [3, 0, 0, 0]);
        assert_eq!(heard(2, supervisor), [3, 3, 0, 0]);
    }
}

#[test]
fn who_listens_to_one_leg_hears_that_leg_alone() {
    for rate in Rate::ALL {
        let mut room = four([Rate::Narrow; 4]);
        let listens = Seat {
            hears: Others::Only(leg(3)),
            heard_by: Others::NoLeg,
            ..Seat::default()
        };
        room.sits(9, listens, form("X", rate));
        room.run(1000);
        let heard = TONES.map(|hertz| (room.peak(9, rate, hertz) / 1000.0).round() as i32);
        assert_eq!(heard, [0, 0, 0, 3]);
        // The leg has gone: nothing is heard, until it is back.
        room.leaves(who(3));
        room.run(500);
        assert_eq!(rms(room.last(who(9), rate, 100)), 0.0);
        room.speaks(3, Seat::default(), pcma(), tone(TONES[3], 3000.0));
        room.run(500);
        assert!(room.peak(9, rate, TONES[3]) > 2800.0);
    }
}

#[test]
fn a_leg_that_hears_at_another_rate_than_it_speaks_does_not_hear_itself() {
    let mut room = four([Rate::Narrow; 4]);
    let place = room.sits(0, Seat::default(), form("G722", Rate::Wide));
    room.mouths.get_mut(&who(0)).unwrap().place = place;
    room.run(1000);
    let heard = TONES.map(|hertz| (room.peak(0, Rate::Wide, hertz) / 1000.0).round() as i32);
    assert_eq!(heard, [0, 3, 3, 3]);
}

#[test]
fn a_tap_hears_what_a_silent_listener_hears() {
    let mut room = four([Rate::Narrow; 4]);
    room.sits(8, muted(), pcma());
    let (id, tap) = recording(1);
    room.mixer.tap(id, 20, Rate::Narrow).unwrap();
    room.run(1000);
    assert_eq!(room.heard[&tap], room.heard[&who(8)]);
    assert!(
        TONES
            .iter()
            .all(|hertz| peak(&room.heard[&tap], Rate::Narrow, *hertz) > 2900.0)
    );
}

#[test]
fn a_source_is_heard_by_all_even_by_those_who_hear_no_leg() {
    let mut room = Room::new(Config::default());
    let held = Seat {
        hears: Others::NoLeg,
        heard_by: Others::NoLeg,
        ..Seat::default()
    };
    for slot in 0..1000 {
        let form = if slot % 2 == 0 {
            pcma()
        } else {
            form("PCMU", Rate::Narrow)
        };
        room.speaks(slot, held, form, tone(700.0, 3000.0));
    }
    room.source(1, Rate::Narrow, tone(1000.0, 40.0));
    room.run(500);
    assert_eq!(room.packets.last().unwrap().1, 2, "one packet a codec");
    for slot in [0, 1, 999] {
        assert!(room.peak(slot, Rate::Narrow, 1000.0) > 35.0, "faint music is no noise");
        assert!(room.peak(slot, Rate::Narrow, 700.0) < 1.0);
    }
}

#[test]
fn a_source_for_one_leg_is_heard_by_that_leg_alone() {
    let mut room = four([Rate::Narrow; 4]);
    room.source(5, Rate::Wide, tone(1900.0, 3000.0));
    room.mixer.source(5, Others::Only(leg(1)), 0).unwrap();
    room.run(1000);
    for listener in 0..4 {
        assert_eq!(room.peak(listener, Rate::Narrow, 1900.0) > 2800.0, listener == 1);
    }
}
