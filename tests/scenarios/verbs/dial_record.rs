//! `dial` with `record`, and recordings that the admin API begins.

use media::{Command, service::Taken};
use switch::{
    CallUid, Command as Ask, CommandError, LiveRecording, RecordAction, Recording, RecordingEnd, RecordingKind, Reply,
};
use tests::{Actor, Stage, engine::FULL_DISK};

use super::plan;

/// 101 has called 102, and they talk.
fn talking(plan_of_dial: &str) -> (Stage, Actor, Actor) {
    let stage = plan(plan_of_dial);
    let (alice, bob) = stage.talking();
    (stage, alice, bob)
}

const RECORDED: &str = "caller.dial(caller.dialed, #{ record: \"sales/in\" });";

/// Whom each recording in progress takes.
fn taken(stage: &Stage) -> Vec<Taken> {
    stage.with(|world| world.engine.recordings.values().map(|(order, _)| order.taken).collect())
}

fn ends(stage: &Stage) -> Vec<(String, Option<RecordingEnd>)> {
    let recordings = stage.recordings().into_iter();
    let end = |recording: Recording| (recording.name, recording.ended.map(|ended| ended.end));
    recordings.map(end).collect()
}

fn both(left: &Actor, right: &Actor) -> Taken {
    Taken::Call {
        left: left.port(),
        right: right.port(),
        split: true,
    }
}

fn asks(stage: &Stage, action: RecordAction) -> Result<Reply, CommandError> {
    let call = stage.calls()[0].id;
    stage.commands(Ask::Record { call, action })
}

#[test]
fn a_conversation_is_recorded_from_the_answer_to_its_end() {
    for callee_ends in [true, false] {
        let stage = plan(RECORDED);
        let (alice, bob) = (stage.phone("101"), stage.phone("102"));
        alice.calls("102");
        bob.rings();
        stage.pass(3.0);
        assert!(stage.recordings().is_empty(), "ringing is not recorded");
        bob.answers().talks();
        alice.talks();
        stage.pass(5.0);
        assert_eq!(taken(&stage), [both(&alice, &bob)]);
        if callee_ends {
            bob.hangs_up();
            alice.ends_with(200);
        } else {
            alice.hangs_up();
            bob.ends_with(200);
        }
        stage.pass(1.0);
        let report = stage.recordings().remove(0);
        assert_eq!((report.kind, report.channels), (RecordingKind::Call, 2));
        assert_eq!(report.call_id, stage.record().open.call_id);
        let ended = report.ended.unwrap();
        assert_eq!(ended.end, RecordingEnd::Stopped);
        assert!((4_900..5_300).contains(&ended.millis), "{ended:?}");
        stage.clears();
    }
}

#[test]
fn a_dial_that_is_not_answered_is_not_recorded_and_a_later_one_only_if_it_says_so() {
    let stage = plan("caller.dial(\"102\", #{ record: true }); caller.dial(\"103\");");
    let [alice, bob, carol] = ["101", "102", "103"].map(|number| stage.phone(number));
    alice.calls("900");
    bob.rings().rejects(486);
    carol.rings().answers().talks();
    stage.pass(1.0);
    assert!(stage.recordings().is_empty());
    carol.hangs_up();
    alice.ends_with(200);
    stage.clears();

    let stage = plan("caller.dial(\"102\", #{ record: true }); caller.dial(\"103\");");
    let [alice, bob, carol] = ["101", "102", "103"].map(|number| stage.phone(number));
    alice.calls("900");
    bob.rings().answers().talks();
    stage.pass(1.0);
    bob.hangs_up();
    carol.rings().answers().talks();
    stage.pass(1.0);
    assert_eq!(ends(&stage), [("call".to_owned(), Some(RecordingEnd::Stopped))]);
    carol.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_takes_a_place_is_recorded_in_a_recording_of_its_own() {
    for callee in [true, false] {
        let (stage, alice, bob) = talking(RECORDED);
        let carol = stage.phone("103");
        let replaced = if callee { &bob } else { &alice };
        carol.picks_up(replaced).talks();
        replaced.ends_with(200);
        stage.pass(1.0);
        let parties = if callee {
            both(&alice, &carol)
        } else {
            both(&carol, &bob)
        };
        assert_eq!(taken(&stage), [parties]);
        let name = "sales/in".to_owned();
        assert_eq!(
            ends(&stage),
            [(name.clone(), Some(RecordingEnd::Stopped)), (name, None)]
        );
        carol.hangs_up().ends_with(200);
        stage.pass(1.0);
        stage.clears();
    }
}

#[test]
fn a_party_that_is_transferred_is_recorded_no_longer() {
    let stage = plan("caller.dial(caller.dialed, #{ record: caller.dialed == \"102\" });");
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    bob.transfers_to("103");
    carol.rings().answers().talks();
    stage.pass(1.0);
    assert_eq!(taken(&stage), []);
    assert_eq!(ends(&stage), [("call".to_owned(), Some(RecordingEnd::Stopped))]);
    stage.hear_each_other(&alice, &carol);
    carol.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_call() {
    let (stage, alice, bob) = talking(&format!("caller.dial(caller.dialed, #{{ record: \"{FULL_DISK}\" }});"));
    stage.pass(5.0);
    assert_eq!(ends(&stage), [(FULL_DISK.to_owned(), Some(RecordingEnd::Failed))]);
    stage.hear_each_other(&alice, &bob);
    let carol = stage.phone("103");
    carol.picks_up(&bob).talks();
    stage.pass(1.0);
    assert_eq!(stage.recordings().len(), 1, "it is not tried again");
    stage.ends(&alice, &carol);
}

#[test]
fn beyond_the_limit_the_call_goes_on_unrecorded() {
    let mut settings = tests::Settings {
        plan: format!("fn on_call(caller) {{ {RECORDED} }}"),
        ..tests::Settings::default()
    };
    settings.config.limits.services.recordings = 0;
    let stage = Stage::new(settings);
    let (alice, bob) = stage.talking();
    assert!(stage.recordings().is_empty());
    assert_eq!(asks(&stage, RecordAction::Start), Err(CommandError::Busy));
    stage.ends(&alice, &bob);
}

#[test]
fn the_api_begins_pauses_resumes_and_ends_a_recording() {
    let (stage, alice, bob) = talking("caller.dial(caller.dialed);");
    let conflict = |words: &str| Err(CommandError::Conflict(words.to_owned()));
    let shown = || stage.calls()[0].recording;
    assert_eq!(shown(), LiveRecording::Off);
    for action in [RecordAction::Stop, RecordAction::Pause, RecordAction::Resume] {
        assert_eq!(asks(&stage, action), conflict("the call is not recorded"));
    }
    assert_eq!(asks(&stage, RecordAction::Start), Ok(Reply::Done));
    assert_eq!(
        asks(&stage, RecordAction::Start),
        conflict("the call is recorded already")
    );
    assert_eq!(taken(&stage), [both(&alice, &bob)]);
    let paused = || stage.with(|world| world.engine.paused.len());
    assert_eq!(asks(&stage, RecordAction::Pause), Ok(Reply::Done));
    assert_eq!((paused(), shown()), (1, LiveRecording::Paused));
    assert_eq!(asks(&stage, RecordAction::Resume), Ok(Reply::Done));
    assert_eq!((paused(), shown()), (0, LiveRecording::On));
    assert_eq!(asks(&stage, RecordAction::Stop), Ok(Reply::Done));
    assert_eq!(shown(), LiveRecording::Off);
    stage.pass(1.0);
    assert_eq!(ends(&stage), [("call".to_owned(), Some(RecordingEnd::Stopped))]);
    // Once more: a recording of its own.
    assert_eq!(asks(&stage, RecordAction::Start), Ok(Reply::Done));
    assert_eq!(stage.recordings().len(), 2);
    stage.ends(&alice, &bob);
}

#[test]
fn a_recording_that_pauses_stays_paused_when_a_phone_is_replaced() {
    let (stage, alice, bob) = talking(RECORDED);
    let carol = stage.phone("103");
    assert_eq!(asks(&stage, RecordAction::Pause), Ok(Reply::Done));
    carol.picks_up(&bob).talks();
    stage.pass(1.0);
    assert_eq!(
        (taken(&stage).len(), stage.with(|world| world.engine.paused.len())),
        (1, 1)
    );
    stage.ends(&alice, &carol);
}

#[test]
fn a_call_that_is_not_connected_cannot_be_recorded() {
    let stage = plan("caller.dial(caller.dialed);");
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    let words = "no two phones are connected".to_owned();
    assert_eq!(asks(&stage, RecordAction::Start), Err(CommandError::Conflict(words)));
    let call = CallUid(7);
    let unknown = stage.commands(Ask::Record {
        call,
        action: RecordAction::Start,
    });
    assert_eq!(unknown, Err(CommandError::NotFound));
    assert_eq!(stage.count(|command| matches!(command, Command::Record(_))), 0);
    alice.hangs_up().ends_with(487);
    bob.ends_with(487);
    stage.clears();
}
