//! Hold with music where a call leads through Tandem twice, and where it is recorded.

use media::{
    Command,
    SdpDirection::{RecvOnly, SendRecv},
};
use sip::Method;
use switch::{Config, RecordAction, RecordingEnd, Trusted};
use tests::{Actor, Settings, Stage};

/// 101 has called 800, which leads to another Tandem, which rings 102: the two are one machine at two addresses. Parties
/// on hold hear music.
fn chained() -> (Stage, Actor, Actor) {
    let trusted = Trusted {
        network: "192.0.2.1".parse().unwrap(),
        prefix: 32,
        extension: "109".into(),
    };
    let config = Config {
        advertise: Some("203.0.113.1".parse().unwrap()),
        trusted: vec![trusted],
        ..Config::default()
    };
    let stage = Stage::new(Settings {
        config,
        ..Settings::with_music(
            r#"fn on_call(caller) {
                if caller.dialed == "800" { caller.dial("sip:102@203.0.113.1:5090"); } else { caller.dial(caller.dialed); }
            }"#,
        )
    });
    stage.with(|world| {
        world
            .hosts
            .insert("203.0.113.1".into(), "192.0.2.1:5060".parse().unwrap());
        world.extension("109");
    });
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("800");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    assert_eq!(stage.calls().len(), 2, "two calls in a row\n{}", stage.ladder());
    (stage, alice, bob)
}

/// The plays of music that go on, by port.
fn playing(stage: &Stage) -> usize {
    stage.with(|world| world.engine.ports.values().filter(|port| port.plays.is_some()).count())
}

#[test]
fn a_party_behind_two_tandems_hears_the_music_of_one() {
    let (stage, alice, bob) = chained();
    let asked = alice.got(Method::Invite) + bob.got(Method::Invite);
    for holder in [&alice, &bob, &alice] {
        holder.holds().hears(RecvOnly);
        stage.pass(1.0);
        assert_eq!(playing(&stage), 1, "the Tandem of the holder plays\n{}", stage.ladder());
        holder.resumes().hears(SendRecv);
        stage.pass(1.0);
        assert_eq!(playing(&stage), 0, "\n{}", stage.ladder());
    }
    assert_eq!(
        alice.got(Method::Invite) + bob.got(Method::Invite),
        asked,
        "no phone was asked"
    );
    stage.ends(&alice, &bob);
}

#[test]
fn both_sides_of_a_chain_hold_at_once_and_resume_in_any_order() {
    for first in [true, false] {
        let (stage, alice, bob) = chained();
        alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
        bob.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
        alice.is_answered(200);
        bob.is_answered(200);
        let order = if first { [&alice, &bob] } else { [&bob, &alice] };
        for phone in order {
            phone.resumes().hears(SendRecv);
        }
        stage.pass(1.0);
        assert_eq!(playing(&stage), 0, "\n{}", stage.ladder());
        let bridged = stage.with(|world| {
            world
                .engine
                .ports
                .values()
                .filter(|port| port.bridged.is_some())
                .count()
        });
        assert_eq!(bridged, 4, "both calls are connected\n{}", stage.ladder());
        stage.ends(&bob, &alice);
    }
}

/// Whether a recording was paused or stopped so far.
fn interruptions(stage: &Stage) -> usize {
    stage.count(|command| matches!(command, Command::PauseRecording { .. } | Command::StopRecording(_)))
}

#[test]
fn a_recording_goes_on_while_one_side_or_both_hold() {
    let stage = Stage::new(Settings::with_music(
        "fn on_call(caller) { caller.dial(caller.dialed, #{ record: true }); }",
    ));
    let (alice, bob) = stage.talking();
    for holders in [vec![&alice], vec![&bob], vec![&alice, &bob]] {
        for holder in &holders {
            holder.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
        }
        for holder in &holders {
            holder.is_answered(200);
        }
        stage.pass(5.0);
        for holder in &holders {
            holder.resumes().hears(SendRecv);
        }
        stage.hear_each_other(&alice, &bob);
    }
    assert_eq!((stage.recordings().len(), interruptions(&stage)), (1, 0));
    stage.ends(&alice, &bob);
    let ended = stage.recordings().remove(0).ended.unwrap();
    assert_eq!(ended.end, RecordingEnd::Stopped);
    assert!(ended.millis > 15_000, "the holds are in it: {ended:?}");
}

#[test]
fn a_recording_may_begin_pause_and_end_during_a_hold() {
    let stage = Stage::new(Settings::with_music(
        "fn on_call(caller) { caller.dial(caller.dialed); }",
    ));
    let (alice, bob) = stage.talking();
    let call = stage.calls()[0].id;
    alice.holds();
    for action in [
        RecordAction::Start,
        RecordAction::Pause,
        RecordAction::Resume,
        RecordAction::Stop,
    ] {
        stage.commands(switch::Command::Record { call, action }).unwrap();
        stage.pass(2.0);
        assert_eq!(
            bob.music().as_deref(),
            Some("default"),
            "{action:?}\n{}",
            stage.ladder()
        );
    }
    stage.pass(1.0);
    assert!(stage.recordings()[0].ended.is_some());
    alice.resumes();
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}
