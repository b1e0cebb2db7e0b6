//! `record`: what is recorded, what ends it, and what the script and the store are told.

use media::{
    Command, Source,
    service::{FileFormat, RecordEnd, Recording as Order, RecordingId, Taken},
};
use switch::{Input, RecordingEnd, RecordingFormat, RecordingKind};
use tests::{Actor, Stage, engine::recorded};

use super::{plan, said};

const TELLS: &str = "caller.play(`r.${r.status}.${r.seconds}.${r.digit == ()}`);";

/// A caller that is recorded.
fn recording(options: &str) -> (Stage, Actor) {
    let stage = plan(&format!("let r = caller.record(\"notes/a\"{options});\n{TELLS}"));
    let alice = stage.phone("101");
    alice.calls("900").talks();
    stage.pass(0.5);
    (stage, alice)
}

/// What the media engine was told to record.
fn orders(stage: &Stage) -> Vec<Order> {
    stage.with(|world| {
        let orders = world.media.iter().filter_map(|command| match command {
            Command::Record(order) => Some(order.clone()),
            _ => None,
        });
        orders.collect()
    })
}

/// The only recording has ended like this.
fn end(stage: &Stage) -> (RecordingEnd, String) {
    let recordings = stage.recordings();
    assert_eq!(recordings.len(), 1);
    let ended = recordings[0].ended.clone().expect("it has ended");
    (ended.end, ended.fault)
}

#[test]
fn a_key_ends_a_recording_which_the_store_and_the_script_are_told_of() {
    let (stage, alice) = recording("");
    let order = orders(&stage).remove(0);
    let report = stage.recordings().remove(0);
    assert_eq!(order.id, RecordingId(report.id.0));
    assert_eq!((order.taken, order.format), (Taken::Leg(alice.port()), FileFormat::Wav));
    assert_eq!((order.max.unwrap().as_secs(), order.silence), (300, None));
    assert_eq!(report.file, format!("notes/a-{}.wav", report.id));
    assert_eq!(report.file, format!("{}.wav", order.file));
    assert_eq!(
        (report.kind, report.name.as_str(), report.channels, report.ended),
        (RecordingKind::Caller, "notes/a", 1, None)
    );
    assert_eq!(stage.with(|world| world.stats().services.recordings), 1);
    stage.pass(2.5);
    alice.presses("5");
    assert_eq!(said(&stage), Vec::<String>::new(), "the file is not whole yet");
    stage.pass(0.1);
    let told = said(&stage);
    assert!(
        told[0].starts_with("done.3.") && told[0].ends_with(".false"),
        "{told:?}"
    );
    assert_eq!(end(&stage).0, RecordingEnd::Stopped);
    alice.ends_with(200);
    let report = stage.recordings().remove(0);
    assert_eq!(
        report.file,
        format!("renamed-{}.wav", report.id),
        "what the engine called it"
    );
    let ended = report.ended.unwrap();
    assert!((2_900..3_200).contains(&ended.millis) && ended.octets > 0, "{ended:?}");
    assert_eq!(report.call_id, stage.record().open.call_id);
    stage.clears();
}

#[test]
fn observers_are_told_of_its_beginning_and_its_end() {
    let (stage, alice) = recording("");
    alice.presses("#");
    alice.ends_with(200);
    let told = stage.with(|world| {
        let told = world.events.iter().filter_map(|event| match event {
            switch::Event::RecordingStarted(recording) => Some((recording.id, recording.ended.is_some())),
            switch::Event::RecordingEnded(recording) => Some((recording.id, recording.ended.is_some())),
            _ => None,
        });
        told.collect::<Vec<_>>()
    });
    let id = stage.recordings()[0].id;
    assert_eq!(told, [(id, false), (id, true)]);
    stage.clears();
}

#[test]
fn it_begins_after_the_beep() {
    let (stage, alice) = recording(", #{ beep: true }");
    assert_eq!(stage.played(), [Source::Tone("beep".into())]);
    assert!(orders(&stage).is_empty());
    alice.presses("1"); // pressed too early: it does not end the recording
    stage.pass(2.0);
    assert_eq!(orders(&stage).len(), 1);
    stage.pass(2.0);
    assert_eq!(said(&stage), Vec::<String>::new());
    alice.presses("#");
    alice.ends_with(200);
    assert_eq!(said(&stage).len(), 1);
    stage.clears();
}

#[test]
fn options_reach_the_media_engine() {
    let (stage, alice) = recording(r#", #{ max: 60, silence: 4, format: "opus" }"#);
    let order = orders(&stage).remove(0);
    assert_eq!(order.format, FileFormat::OggOpus);
    assert_eq!(
        (order.max.unwrap().as_secs(), order.silence.unwrap().as_secs()),
        (60, 4)
    );
    let report = stage.recordings().remove(0);
    assert_eq!(report.format, RecordingFormat::Opus);
    assert!(report.file.ends_with(".opus"), "{}", report.file);
    alice.hangs_up();
    stage.clears();
}

#[test]
fn its_longest_duration_and_silence_end_it() {
    let (stage, alice) = recording(", #{ max: 10 }");
    alice.ends_with(200);
    assert_eq!(said(&stage), ["max.10.0.true"]);
    assert_eq!(end(&stage).0, RecordingEnd::Max);
    stage.clears();

    let (stage, alice) = recording(", #{ silence: 3 }");
    let id = orders(&stage)[0].id;
    stage.tells(Input::Media(recorded(id, 4_500, RecordEnd::Silence)));
    alice.ends_with(200);
    assert_eq!(said(&stage), ["silence.4.5.true"]);
    assert_eq!(end(&stage).0, RecordingEnd::Silence);
    stage.clears();
}

#[test]
fn a_full_disk_ends_it_and_the_call_goes_on() {
    let stage = plan(&format!(
        "let r = caller.record(\"full-disk\");\n{TELLS} caller.dial(\"102\");"
    ));
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900").talks();
    bob.rings().answers().talks();
    assert_eq!(said(&stage), ["failed.1.0.true"]);
    let (end, fault) = end(&stage);
    assert_eq!(
        (end, fault.as_str()),
        (RecordingEnd::Failed, "no space is left on the device")
    );
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_may_hang_up_in_every_stage_and_what_was_recorded_is_kept() {
    for (options, passes, recordings) in [
        ("", 2.0, 1),
        (", #{ beep: true }", 0.5, 0),
        (", #{ beep: true }", 5.0, 1),
    ] {
        let (stage, alice) = recording(options);
        stage.pass(passes);
        alice.hangs_up().ends_with(200);
        stage.pass(1.0);
        let reports = stage.recordings();
        assert_eq!(reports.len(), recordings, "{options} {passes}");
        for report in reports {
            let ended = report.ended.unwrap();
            assert_eq!(ended.end, RecordingEnd::HangUp);
            assert!(ended.millis >= 2_000, "{ended:?}");
        }
        assert_eq!(said(&stage), Vec::<String>::new(), "nothing runs after it");
        stage.clears();
    }
}

#[test]
fn a_caller_that_hangs_up_while_the_file_is_finished_is_recorded_whole() {
    let (stage, alice) = recording("");
    stage.pass(1.0);
    alice.presses("#").hangs_up();
    alice.ends_with(200);
    assert_eq!(end(&stage).0, RecordingEnd::Stopped);
    stage.clears();
}

#[test]
fn a_caller_without_an_offer_is_recorded_after_its_ack() {
    let stage = plan(&format!("let r = caller.record(\"a\");\n{TELLS}"));
    let alice = stage.phone("101");
    alice.feels(|mood| mood.late_offer = true).calls("900").talks();
    stage.pass(1.0);
    assert_eq!(orders(&stage).len(), 1);
    alice.presses("1");
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn beyond_the_limit_it_fails_and_the_script_goes_on() {
    let mut settings = tests::Settings {
        plan: format!("fn on_call(caller) {{ let r = caller.record(\"a\"); {TELLS} }}"),
        ..tests::Settings::default()
    };
    settings.config.limits.services.recordings = 1;
    let stage = Stage::new(settings);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900").talks();
    stage.pass(1.0);
    bob.calls("900").ends_with(200);
    assert_eq!(said(&stage), ["failed.0.0.true"]);
    assert_eq!(orders(&stage).len(), 1);
    alice.hangs_up().ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_takes_the_caller_s_place_ends_the_recording() {
    let (stage, alice) = recording("");
    let carol = stage.phone("103");
    stage.pass(1.0);
    carol.picks_up(&alice).talks();
    alice.ends_with(200);
    carol.ends_with(200);
    assert!(said(&stage)[0].starts_with("done."), "{:?}", said(&stage));
    stage.clears();
}

#[test]
fn an_engine_that_does_not_say_that_it_has_ended_holds_up_no_script() {
    let (stage, alice) = recording("");
    let id = orders(&stage)[0].id;
    stage.with(|world| world.engine.forgets.insert(id));
    alice.presses("1");
    stage.pass(9.5);
    assert_eq!(said(&stage), Vec::<String>::new());
    stage.pass(1.0);
    assert_eq!(said(&stage), ["failed.0.0.true"]);
    alice.ends_with(200);
    stage.tells(Input::Media(recorded(id, 1_000, RecordEnd::Stopped)));
    // What is not known is ignored.
    stage.tells(Input::Media(recorded(RecordingId(7), 0, RecordEnd::Stopped)));
    stage.clears();
}
