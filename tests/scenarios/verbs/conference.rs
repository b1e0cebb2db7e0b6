//! `conference`: who gets in, how one leaves, and what is left of it.

use media::{
    Command, Source,
    service::{Others, Seat, Taken},
};
use switch::{Event, RecordingEnd, RecordingKind, ServiceStats};
use tests::{Actor, Phase, Settings, Stage, engine::FULL_DISK};

use super::{plan, said};

const TELLS: &str = "caller.play(`r.${r.status}`);";

/// Extensions 101 to 103, whose calls enter the conference that they dial.
fn conference(options: &str) -> (Stage, Actor, Actor, Actor) {
    let stage = plan(&format!("let r = caller.conference(caller.dialed{options});\n{TELLS}"));
    let [alice, bob, carol] = ["101", "102", "103"].map(|number| stage.phone(number));
    (stage, alice, bob, carol)
}

fn enters(stage: &Stage, phone: &Actor, room: &str) {
    phone.calls(room).talks();
    stage.pass(0.5);
}

/// The seats in the only room of the media engine.
fn seats(stage: &Stage) -> Vec<Seat> {
    stage.with(|world| {
        assert!(world.engine.rooms.len() <= 1);
        world
            .engine
            .rooms
            .values()
            .flat_map(|seats| seats.values().copied())
            .collect()
    })
}

#[test]
fn callers_of_one_room_meet_until_the_last_has_hung_up() {
    let (stage, alice, bob, carol) = conference("");
    for phone in [&alice, &bob, &carol] {
        enters(&stage, phone, "900");
    }
    let seat = Seat {
        hears: Others::All,
        heard_by: Others::All,
        gain: 0,
        levelled: true,
    };
    assert_eq!(seats(&stage), [seat; 3]);
    let opened = stage.count(|command| matches!(command, Command::OpenRoom { tones: true, .. }));
    assert_eq!(opened, 1);
    let stats = stage.with(|world| world.stats().services);
    let expected = ServiceStats {
        conferences: 1,
        conference_members: 3,
        ..ServiceStats::default()
    };
    assert_eq!(stats, expected);
    bob.hangs_up().ends_with(200);
    assert_eq!(seats(&stage).len(), 2);
    alice.hangs_up().ends_with(200);
    assert_eq!(seats(&stage).len(), 1);
    carol.hangs_up().ends_with(200);
    stage.pass(0.5);
    assert!(stage.with(|world| world.engine.rooms.is_empty()));
    assert_eq!(said(&stage), Vec::<String>::new());
    stage.clears();
}

#[test]
fn rooms_of_other_names_are_other_conferences() {
    let (stage, alice, bob, carol) = conference("");
    enters(&stage, &alice, "900");
    enters(&stage, &bob, "sales");
    enters(&stage, &carol, "900");
    let told = stage.conferences();
    let rooms: Vec<_> = told.iter().map(|one| (one.room.as_str(), one.members.len())).collect();
    assert_eq!(rooms, [("900", 2), ("sales", 1)]);
    for phone in [&alice, &bob, &carol] {
        phone.hangs_up().ends_with(200);
    }
    stage.clears();
}

#[test]
fn the_record_of_each_call_says_when_it_was_in_the_conference() {
    let stage = plan("caller.answer(); caller.wait(2); caller.conference(\"900\", #{ leave: \"#\" }); caller.wait(3);");
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(5.0);
    alice.presses("#").ends_with(200);
    let cdr = stage.record();
    let parts: Vec<_> = cdr
        .segments
        .iter()
        .map(|part| (part.party.as_str(), part.with.as_str()))
        .collect();
    assert_eq!(
        parts,
        [("101", ""), ("101", ""), ("101", "conference 900"), ("101", "")]
    );
    assert!(cdr.is_tiled());
    let inside = cdr.segments[2].to - cdr.segments[2].from;
    assert!((2_500_000..3_500_000).contains(&inside), "{inside}");
    stage.clears();
}

#[test]
fn observers_are_told_who_comes_and_goes() {
    let (stage, alice, bob, _) = conference("");
    enters(&stage, &alice, "900");
    enters(&stage, &bob, "900");
    alice.hangs_up().ends_with(200);
    bob.hangs_up().ends_with(200);
    let told = stage.with(|world| {
        let told = world.events.iter().filter_map(|event| match event {
            Event::ConferenceJoined { room, member } => Some(format!("{room} +{}", member.number)),
            Event::ConferenceLeft { room, member } => Some(format!("{room} -{}", member.number)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    });
    assert_eq!(told, ["900 +101", "900 +102", "900 -101", "900 -102"]);
    stage.clears();
}

#[test]
fn the_right_pin_lets_in_also_at_the_third_try() {
    for keys in [&["1234"][..], &["1111", "12#", "1234"]] {
        let (stage, alice, ..) = conference(", #{ pin: \"1234\", prompt: \"enter-pin\" }");
        alice.calls("900").talks();
        for key in keys {
            assert_eq!(seats(&stage).len(), 0);
            stage.pass(0.5);
            alice.presses(key);
        }
        stage.pass(0.5);
        assert_eq!(seats(&stage).len(), 1, "{keys:?}");
        let asked = vec![Source::Prompts(vec!["enter-pin".into()]); keys.len()];
        assert_eq!(stage.played(), asked);
        alice.hangs_up().ends_with(200);
        stage.clears();
    }
}

#[test]
fn three_wrong_pins_end_the_verb() {
    for (keys, passes) in [("9999", 0.5), ("#", 0.5), ("12", 9.0), ("", 11.0)] {
        let (stage, alice, ..) = conference(", #{ pin: \"1234\" }");
        alice.calls("900").talks();
        for _ in 0..3 {
            assert_eq!(said(&stage), Vec::<String>::new());
            alice.presses(keys);
            stage.pass(passes);
        }
        assert_eq!(said(&stage), ["pin"], "{keys}");
        let beeps = stage
            .played()
            .iter()
            .filter(|source| **source == Source::Tone("beep".into()))
            .count();
        assert_eq!(beeps, 3, "without a prompt a beep asks");
        alice.ends_with(200);
        assert_eq!(stage.count(|command| matches!(command, Command::OpenRoom { .. })), 0);
        stage.clears();
    }
}

#[test]
fn keys_pressed_before_are_the_pin_and_further_keys_are_not_lost_on_the_next_try() {
    let stage = plan(&format!(
        "let r = caller.collect(\"room\", #{{ max: 3 }}); r = caller.conference(r.digits, #{{ pin: \"1234\" }}); {TELLS}"
    ));
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(0.5);
    alice.presses("9001234");
    stage.pass(0.5);
    assert_eq!(seats(&stage).len(), 1);
    assert_eq!(stage.conferences()[0].room, "900");
    alice.hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn the_key_to_leave_leaves_and_the_script_goes_on() {
    let stage = plan(&format!(
        "let r = caller.conference(\"900\", #{{ leave: \"#\" }}); {TELLS} caller.dial(\"102\");"
    ));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    enters(&stage, &alice, "900");
    alice.presses("12*");
    stage.pass(1.0);
    assert_eq!(seats(&stage).len(), 1, "other keys do nothing");
    alice.presses("#");
    assert!(stage.with(|world| world.engine.rooms.is_empty()));
    assert_eq!(said(&stage), ["left"]);
    bob.rings().answers().talks();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn without_a_key_to_leave_no_key_leaves() {
    let (stage, alice, ..) = conference("");
    enters(&stage, &alice, "900");
    alice.presses("0123456789*#ABCD");
    stage.pass(1.0);
    assert_eq!(seats(&stage).len(), 1);
    alice.hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn beyond_the_limits_a_conference_is_full() {
    for (rooms, members, dialed) in [(1, 250, "901"), (200, 1, "900")] {
        let mut settings = Settings {
            plan: format!("fn on_call(caller) {{ let r = caller.conference(caller.dialed); {TELLS} }}"),
            ..Settings::default()
        };
        settings.config.limits.services.conferences = rooms;
        settings.config.limits.services.conference_members = members;
        let stage = Stage::new(settings);
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        enters(&stage, &alice, "900");
        bob.calls(dialed).ends_with(200);
        assert_eq!(said(&stage), ["full"]);
        alice.hangs_up().ends_with(200);
        // There is room again.
        enters(&stage, &bob, dialed);
        assert_eq!(seats(&stage).len(), 1);
        bob.hangs_up().ends_with(200);
        stage.clears();
    }
}

#[test]
fn a_conference_is_recorded_from_the_first_wish_to_the_last_member() {
    let stage = plan("caller.conference(\"900\", #{ record: caller.number != \"101\" });");
    let [alice, bob, carol] = ["101", "102", "103"].map(|number| stage.phone(number));
    enters(&stage, &alice, "900");
    assert!(stage.recordings().is_empty() && !stage.conferences()[0].recorded);
    enters(&stage, &bob, "900");
    enters(&stage, &carol, "900");
    assert!(stage.conferences()[0].recorded);
    let room = stage.with(|world| *world.engine.rooms.first_key_value().unwrap().0);
    let taken = stage.with(|world| {
        world
            .engine
            .recordings
            .values()
            .map(|(order, _)| order.taken)
            .collect::<Vec<_>>()
    });
    assert_eq!(taken, [Taken::Room(room)], "it is recorded once");
    bob.hangs_up().ends_with(200);
    carol.hangs_up().ends_with(200);
    stage.pass(1.0);
    assert!(
        stage.recordings()[0].ended.is_none(),
        "also after the member has left that wanted it"
    );
    alice.hangs_up().ends_with(200);
    stage.pass(1.0);
    let report = stage.recordings().remove(0);
    assert_eq!(
        (report.kind, report.name.as_str()),
        (RecordingKind::Conference, "conference-900")
    );
    assert_eq!(report.ended.unwrap().end, RecordingEnd::Stopped);
    stage.clears();
}

#[test]
fn a_conference_whose_recording_fails_goes_on_and_may_be_recorded_again() {
    let stage = plan(&format!(
        "caller.conference(\"900\", #{{ record: if caller.number == \"101\" {{ \"{FULL_DISK}\" }} else {{ \"board\" }} }});"
    ));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    enters(&stage, &alice, "900");
    stage.pass(2.0);
    assert!(!stage.conferences()[0].recorded);
    assert_eq!(alice.phase(), Some(Phase::Up));
    enters(&stage, &bob, "900");
    assert!(stage.conferences()[0].recorded);
    stage.commands(switch::Command::Stats).unwrap();
    alice.hangs_up().ends_with(200);
    bob.hangs_up().ends_with(200);
    stage.pass(1.0);
    let ends: Vec<_> = stage
        .recordings()
        .into_iter()
        .map(|one| one.ended.unwrap().end)
        .collect();
    assert_eq!(ends, [RecordingEnd::Failed, RecordingEnd::Stopped]);
    stage.clears();
}

#[test]
fn a_caller_may_hang_up_in_every_stage() {
    for (keys, passes) in [("", 0.5), ("1", 0.5), ("999", 3.0), ("1234", 3.0)] {
        let (stage, alice, ..) = conference(", #{ pin: \"1234\", record: true }");
        alice.calls("900").talks().presses(keys);
        stage.pass(passes);
        alice.hangs_up().ends_with(200);
        assert_eq!(said(&stage), Vec::<String>::new());
        stage.clears();
    }
}

#[test]
fn a_caller_without_an_offer_enters_after_its_ack() {
    let (stage, alice, ..) = conference("");
    alice.feels(|mood| mood.late_offer = true);
    enters(&stage, &alice, "900");
    assert_eq!(seats(&stage).len(), 1);
    alice.hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn a_name_that_is_none_is_a_fault_of_the_script() {
    let stage = plan("caller.answer(); let n = \"a b\";\ncaller.conference(n);");
    let alice = stage.phone("101");
    alice.calls("900").ends_with(200);
    let detail = stage.record().detail;
    assert!(
        detail.starts_with("main.rhai:3:8: \"a b\" is no name of a conference"),
        "{detail}"
    );
    stage.clears();
}
