//! Members of a conference: muted, removed, replaced, heard.

use media::{
    Event as MediaEvent,
    service::{Ears, Others, Sound},
};
use switch::{CallUid, Command, CommandError, Event, Input, Member, Reply};
use tests::{Actor, Phase, Stage};

use super::{plan, said};

/// Two members of the conference 900.
fn meeting(options: &str) -> (Stage, Actor, Actor) {
    let stage = plan(&format!(
        "let r = caller.conference(\"900\"{options}); caller.play(`r.${{r.status}}`); caller.wait(1);"
    ));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for phone in [&alice, &bob] {
        phone.calls("900").talks();
        stage.pass(0.5);
    }
    (stage, alice, bob)
}

fn members(stage: &Stage) -> Vec<Member> {
    stage.conferences().remove(0).members
}

/// Who hears this phone.
fn heard_by(stage: &Stage, phone: &Actor) -> Others {
    let port = phone.port();
    stage.with(|world| {
        let mut seats = world.engine.rooms.values().filter_map(|seats| seats.get(&port));
        seats.next().expect("it has a seat").heard_by
    })
}

fn mute(stage: &Stage, member: CallUid, muted: bool) -> Result<Reply, CommandError> {
    let room = "900".to_owned();
    stage.commands(Command::MuteMember { room, member, muted })
}

fn hang_up(stage: &Stage, phones: &[&Actor]) {
    for phone in phones {
        phone.hangs_up().ends_with(200);
    }
    stage.clears();
}

#[test]
fn the_list_says_who_is_in_it() {
    let (stage, alice, bob) = meeting("");
    let members = members(&stage);
    let told: Vec<_> = members
        .iter()
        .map(|one| (one.number.as_str(), one.name.as_str()))
        .collect();
    assert_eq!(told, [("101", "Person 101"), ("102", "Person 102")]);
    assert!(members[0].since < members[1].since);
    let calls: Vec<_> = stage.calls().into_iter().map(|call| call.id).collect();
    let ids: Vec<_> = members.iter().map(|one| one.id).collect();
    assert_eq!(ids, calls, "a member has the id of its call");
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn a_member_mutes_itself_by_star_6() {
    let (stage, alice, bob) = meeting("");
    alice.presses("*5");
    assert_eq!(heard_by(&stage, &alice), Others::All);
    alice.presses("*6");
    assert_eq!(
        (heard_by(&stage, &alice), heard_by(&stage, &bob)),
        (Others::NoLeg, Others::All)
    );
    assert!(members(&stage)[0].muted);
    alice.presses("6*");
    assert_eq!(heard_by(&stage, &alice), Others::NoLeg);
    alice.presses("6");
    assert_eq!(heard_by(&stage, &alice), Others::All);
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn a_member_that_enters_muted_is_heard_after_star_6() {
    let (stage, alice, bob) = meeting(", #{ muted: true }");
    assert_eq!(heard_by(&stage, &alice), Others::NoLeg);
    alice.presses("*6");
    assert_eq!(
        (heard_by(&stage, &alice), heard_by(&stage, &bob)),
        (Others::All, Others::NoLeg)
    );
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn the_api_mutes_a_member_and_lets_it_be_heard_again() {
    let (stage, alice, bob) = meeting("");
    let member = members(&stage)[1].id;
    for muted in [true, true, false] {
        let Ok(Reply::Conferences(rooms)) = mute(&stage, member, muted) else {
            panic!("a conference")
        };
        assert_eq!((rooms.len(), rooms[0].members[1].muted), (1, muted));
        let expected = if muted { Others::NoLeg } else { Others::All };
        assert_eq!(heard_by(&stage, &bob), expected);
    }
    stage.pass(1.0);
    let changes = stage.with(|world| {
        let is_change =
            |event: &&Event| matches!(event, Event::ConferenceChanged { member: one, .. } if one.id == member);
        world.events.iter().filter(is_change).count()
    });
    assert_eq!(changes, 2, "what is as it was is no change");
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn the_api_removes_a_member_whose_script_goes_on() {
    let (stage, alice, bob) = meeting("");
    let member = members(&stage)[0].id;
    let remove = |room: &str, member| {
        let room = room.to_owned();
        stage.commands(Command::RemoveMember { room, member })
    };
    assert_eq!(remove("900", member), Ok(Reply::Done));
    assert_eq!(said(&stage), ["removed"]);
    assert_eq!(members(&stage).len(), 1);
    assert_eq!(alice.phase(), Some(Phase::Up));
    alice.ends_with(200);
    for (room, member) in [("900", member), ("901", member), ("900", CallUid(7))] {
        assert_eq!(remove(room, member), Err(CommandError::NotFound));
        assert_eq!(mute(&stage, member, true), Err(CommandError::NotFound));
    }
    hang_up(&stage, &[&bob]);
}

#[test]
fn a_member_is_shown_as_speaking_while_it_speaks() {
    let (stage, alice, bob) = meeting("");
    assert!(alice.is_listened_to_for().voice);
    let says = |sound| {
        let media = alice.port();
        stage.tells(Input::Media(MediaEvent::Heard { media, sound }));
        members(&stage)[0].speaking
    };
    assert!(says(Sound::SpeechBegins) && says(Sound::SpeechBegins));
    assert!(says(Sound::Beep), "other sounds say nothing of it");
    assert!(!says(Sound::SpeechEnds));
    assert!(!members(&stage)[1].speaking);
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn after_the_conference_no_voice_is_listened_for() {
    let (stage, alice, bob) = meeting(", #{ leave: \"#\" }");
    alice.presses("#");
    assert_eq!(alice.is_listened_to_for(), Ears::default());
    alice.ends_with(200);
    hang_up(&stage, &[&bob]);
}

#[test]
fn a_phone_that_takes_a_member_s_place_has_its_seat() {
    let (stage, alice, bob) = meeting("");
    let carol = stage.phone("103");
    alice.presses("*6");
    carol.picks_up(&alice).talks();
    alice.ends_with(200);
    stage.pass(1.0);
    let members = members(&stage);
    let told: Vec<_> = members.iter().map(|one| (one.number.as_str(), one.muted)).collect();
    assert_eq!(told, [("103", true), ("102", false)], "the seat is that of the call");
    assert_eq!(heard_by(&stage, &carol), Others::NoLeg);
    let seats = stage.with(|world| {
        world
            .engine
            .rooms
            .values()
            .map(std::collections::BTreeMap::len)
            .sum::<usize>()
    });
    assert_eq!(seats, 2);
    carol.hangs_up().ends_with(200);
    bob.hangs_up().ends_with(200);
    stage.pass(1.0);
    let told = stage.with(|world| {
        let is_it = |cdr: &&switch::Cdr| cdr.open.from == "101";
        let cdr = world.cdrs.iter().find(is_it).unwrap();
        cdr.segments
            .iter()
            .map(|part| format!("{} {}", part.party, part.with))
            .collect::<Vec<_>>()
    });
    assert_eq!(told, ["101 ", "101 conference 900", "103 conference 900"]);
    stage.clears();
}

#[test]
fn a_party_is_brought_into_the_conference_by_an_attended_transfer() {
    let stage =
        plan("if caller.dialed == \"900\" { caller.conference(\"900\"); } else { caller.dial(caller.dialed); }");
    let [alice, bob, carol] = ["101", "102", "103"].map(|number| stage.phone(number));
    carol.calls("900").talks();
    alice.calls("102");
    let first = alice.line();
    bob.rings().answers().talks();
    first.talks();
    alice.calls("900");
    let second = alice.line();
    second.talks();
    stage.pass(1.0);
    alice.transfers(&first, &second);
    first.ends_with(200);
    second.ends_with(200);
    stage.pass(1.0);
    let numbers: Vec<_> = members(&stage).into_iter().map(|one| one.number).collect();
    assert_eq!(numbers, ["103", "102"]);
    assert_eq!(heard_by(&stage, &bob), Others::All);
    bob.hangs_up().ends_with(200);
    carol.hangs_up().ends_with(200);
    stage.clears();
}

/// The volumes and mutes that were reported of a member.
fn reported(stage: &Stage, member: CallUid) -> Vec<(i8, bool)> {
    stage.with(|world| {
        let changes = world.events.iter().filter_map(|event| match event {
            Event::ConferenceChanged { member: one, .. } if one.id == member => Some((one.volume, one.muted)),
            _ => None,
        });
        changes.collect()
    })
}

#[test]
fn the_api_sets_the_volume_of_a_member() {
    let (stage, alice, bob) = meeting("");
    let member = members(&stage)[1].id;
    let set = |member, volume| {
        let room = "900".to_owned();
        stage.commands(Command::SetMemberVolume { room, member, volume })
    };
    for (volume, taken) in [(-6, -6), (-100, -40), (100, 20)] {
        let Ok(Reply::Conferences(rooms)) = set(member, volume) else {
            panic!("a conference")
        };
        assert_eq!(rooms[0].members[1].volume, taken);
        let port = bob.port();
        let seat = stage.with(|world| world.engine.rooms.values().find_map(|seats| seats.get(&port).copied()));
        assert_eq!(seat.map(|seat| seat.gain), Some(taken));
    }
    assert_eq!(set(CallUid(7), 0), Err(CommandError::NotFound));
    hang_up(&stage, &[&alice, &bob]);
}

#[test]
fn changes_of_a_conference_are_reported_five_times_a_second_and_the_last_state_always() {
    let (stage, alice, bob) = meeting("");
    let member = members(&stage)[1].id;
    stage.pass(1.0);
    for n in 0..100 {
        _ = mute(&stage, member, n % 2 == 0);
        stage.pass(0.01);
    }
    _ = mute(&stage, member, true);
    let within = reported(&stage, member).len();
    assert!((4..=7).contains(&within), "{within}");
    stage.pass(0.5);
    let all = reported(&stage, member);
    assert!(all.len() <= within + 2 && all.last() == Some(&(0, true)), "{all:?}");
    hang_up(&stage, &[&alice, &bob]);
}
