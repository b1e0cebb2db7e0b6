//! `collect`, `record`, `music` and `conference`: what scripts ask for, what they are told, and faults.

use std::time::Duration;

use switch::{
    Collect, CollectResult, CollectStatus, ConferenceOptions, ConferenceResult, ConferenceStatus, Pin, Record,
    RecordResult, RecordStatus, RecordingFormat, RecordingUid,
};

use super::*;

/// The verb that a script asks for first.
fn asked(body: &str) -> Verb {
    verb(step(&mut start(&on_call(body)), Resume::Continue)).0
}

/// How a script ends after its first verb had this outcome.
fn after(body: &str, outcome: Outcome) -> Result<(), String> {
    let mut fiber = start(&on_call(body));
    verb(step(&mut fiber, Resume::Continue));
    ended(step(&mut fiber, done(outcome)))
}

#[test]
fn collect_asks_with_its_options_and_without() {
    let plain = Collect {
        prompts: vec!["menu".into()],
        max: 32,
        timeout: Duration::from_secs(5),
        terminator: Some('#'),
    };
    assert_eq!(
        asked(r#"caller.collect("menu")"#),
        Verb::Collect(Box::new(plain.clone()))
    );
    let with = Collect {
        prompts: vec!["menu".into(), "b/c".into()],
        max: 4,
        timeout: Duration::from_millis(2_500),
        terminator: None,
    };
    assert_eq!(
        asked(r#"caller.collect(["menu", "", "b/c"], #{ max: 4, timeout: 2.5, terminator: "" })"#),
        Verb::Collect(Box::new(with))
    );
    let silent = Collect {
        prompts: Vec::new(),
        terminator: Some('*'),
        ..plain
    };
    let silent = Verb::Collect(Box::new(silent));
    assert_eq!(asked(r#"caller.collect("", #{ terminator: "*" })"#), silent);
    assert_eq!(silent.to_string(), "collect");
}

#[test]
fn collect_returns_digits_and_status() {
    let outcome = Outcome::Collected(CollectResult {
        digits: "12".into(),
        status: CollectStatus::Timeout,
    });
    let body = r#"let r = caller.collect("menu"); if r.status == "timeout" { throw r.digits }"#;
    assert_eq!(after(body, outcome), Err("main.rhai:2:60: 12".into()));
}

#[test]
fn record_asks_with_its_options_and_returns_what_came_of_it() {
    let plain = Record {
        name: "greeting".into(),
        max: Duration::from_secs(300),
        silence: None,
        format: RecordingFormat::Wav,
        beep: false,
    };
    assert_eq!(asked(r#"caller.record("greeting")"#), Verb::Record(Box::new(plain)));
    let with = Record {
        name: "sales/note".into(),
        max: Duration::from_secs(60),
        silence: Some(Duration::from_secs(4)),
        format: RecordingFormat::Opus,
        beep: true,
    };
    let body = r#"let r = caller.record("sales/note", #{ max: 60, silence: 4, format: "opus", beep: true });
        throw `${r.status} ${r.seconds} ${r.file} ${r.digit} ${r.id}`"#;
    assert_eq!(asked(body), Verb::Record(Box::new(with)));
    let result = RecordResult {
        status: RecordStatus::Done,
        seconds: 2.5,
        file: "sales/note-1.opus".into(),
        id: Some(RecordingUid(1)),
        digit: Some('#'),
    };
    assert_eq!(
        after(body, Outcome::Recorded(Box::new(result))),
        Err("main.rhai:3:9: done 2.5 sales/note-1.opus # 0000000000000001".into())
    );
}

#[test]
fn music_takes_a_name_and_a_time() {
    for (body, name, seconds, text) in [
        ("caller.music()", None, None, "music"),
        (r#"caller.music("jazz")"#, Some("jazz"), None, "music jazz"),
        (
            r#"caller.music("jazz/slow", 30)"#,
            Some("jazz/slow"),
            Some(30),
            "music jazz/slow 30",
        ),
    ] {
        let music = Verb::Music {
            name: name.map(Into::into),
            duration: seconds.map(Duration::from_secs),
        };
        assert_eq!(music.to_string(), text);
        assert_eq!(asked(body), music);
    }
    let body = r#"if caller.music() != "1" { throw "no key" }"#;
    assert_eq!(after(body, Outcome::Digits("1".into())), Ok(()));
}

#[test]
fn conference_asks_with_its_options_and_without() {
    let plain = ConferenceOptions {
        room: "900".into(),
        pin: None,
        prompts: Vec::new(),
        muted: false,
        record: None,
        leave: None,
        tones: true,
    };
    assert_eq!(
        asked(r#"caller.conference("900")"#),
        Verb::Conference(Box::new(plain.clone()))
    );
    let recorded = ConferenceOptions {
        room: "*9".into(),
        record: Some("conference-_9".into()),
        ..plain.clone()
    };
    assert_eq!(
        asked(r#"caller.conference("*9", #{ record: true, pin: "", leave: "" })"#),
        Verb::Conference(Box::new(recorded))
    );
    let with = ConferenceOptions {
        room: "sales".into(),
        pin: Some(Pin("0042".into())),
        prompts: vec!["enter-pin".into()],
        muted: true,
        record: Some("board".into()),
        leave: Some('#'),
        tones: false,
    };
    let body = r##"let r = caller.conference("sales", #{ pin: "0042", prompt: "enter-pin", muted: true, record: "board",
        leave: "#", tones: false });
        if r.status == "left" { throw r.seconds }"##;
    let verb = asked(body);
    assert_eq!(verb, Verb::Conference(Box::new(with)));
    assert!(!format!("{verb} {verb:?}").contains("0042"), "the PIN is not shown");
    let result = ConferenceResult {
        status: ConferenceStatus::Left,
        seconds: 1.5,
    };
    assert_eq!(
        after(body, Outcome::Conference(result)),
        Err("main.rhai:4:33: 1.5".into())
    );
}

#[test]
fn dial_is_recorded_under_a_name_or_without() {
    for (option, name) in [
        ("true", Some("call")),
        ("false", None),
        ("\"sales/in\"", Some("sales/in")),
    ] {
        let Verb::Dial(dial) = asked(&format!("caller.dial(\"1\", #{{ record: {option} }})")) else {
            panic!("a dial")
        };
        assert_eq!(dial.record.as_deref(), name, "{option}");
    }
}

#[test]
fn what_is_written_out_is_judged_before_any_call() {
    let refused = |body: &str| {
        let text = format!("fn on_call(caller) {{\n{body}\n}}");
        plan(&[("main.rhai", &text)], &Limits::default())
            .map(drop)
            .unwrap_err()
            .join("; ")
    };
    for (body, message) in [
        ("caller.collect()", "2:8: caller.collect takes 1 to 2 arguments, not 0"),
        (r#"caller.collect("a b")"#, "2:16: \"a b\" is no prompt"),
        (r#"caller.collect(["a", "b c"])"#, "2:22: \"b c\" is no prompt"),
        (
            r#"caller.collect("a", #{ mx: 1 })"#,
            "2:24: collect has no option \"mx\"; it has max, timeout, terminator; did you mean max?",
        ),
        (
            r#"caller.collect("a", #{ max: 33 })"#,
            "2:29: max: 1 to 32 keys are possible",
        ),
        (
            r#"caller.collect("a", #{ max: "4" })"#,
            "2:29: max: 1 to 32 keys are possible",
        ),
        (
            r#"caller.collect("a", #{ timeout: 0 })"#,
            "2:33: timeout 0: 0.5 to 120 seconds are possible",
        ),
        (
            "caller.collect(\"a\", #{ terminator: \"##\" })",
            "2:36: terminator \"##\": one of 0123456789*#ABCD",
        ),
        (r#"caller.record("../x")"#, "2:15: \"../x\" is no name of a recording"),
        (
            r#"caller.record("a", #{ max: 0 })"#,
            "2:28: max 0: 1 to 3600 seconds are possible",
        ),
        (
            r#"caller.record("a", #{ format: "mp3" })"#,
            "2:31: format \"mp3\": \"wav\" or \"opus\" is possible",
        ),
        (
            r#"caller.record("a", #{ beep: 1 })"#,
            "2:29: beep: true or false is needed, not a number",
        ),
        (r#"caller.music("a b")"#, "2:14: \"a b\" is no music"),
        (
            r#"caller.music("a", 0)"#,
            "2:19: music 0: 0.01 to 3600 seconds are possible",
        ),
        (
            "caller.conference()",
            "2:8: caller.conference takes 1 to 2 arguments, not 0",
        ),
        (
            "caller.conference(900)",
            "2:19: conference: the name of a room is needed, a string, not a number",
        ),
        (
            r#"caller.conference("a b")"#,
            "2:19: \"a b\" is no name of a conference",
        ),
        (
            r#"caller.conference("9", #{ pin: 1234 })"#,
            "2:32: pin: a string of 1 to 16 digits is needed",
        ),
        (
            r#"caller.conference("9", #{ pin: "12a4" })"#,
            "2:32: pin: a string of 1 to 16 digits is needed",
        ),
        (
            r#"caller.conference("9", #{ mute: true })"#,
            "2:27: conference has no option \"mute\"; it has pin",
        ),
        (
            r#"let r = caller.collect("a"); if r.status == "answered" { }"#,
            "2:45: a status is never \"answered\"; it is one of done, timeout, empty",
        ),
        (
            r#"if caller.record("a").status == "hangup" { }"#,
            "2:33: a status is never \"hangup\"; it is one of done, silence, max, failed",
        ),
        (
            r#"caller.conference("9").digits"#,
            "2:24: what conference returns has no digits; it has status, seconds",
        ),
    ] {
        assert!(
            refused(body).starts_with(&format!("main.rhai:{message}")),
            "{body}: {}",
            refused(body)
        );
    }
}

#[test]
fn what_is_not_known_before_is_refused_in_its_line() {
    for (body, message) in [
        (
            "let p = 7; caller.collect(p)",
            "collect: a string or a list of 1 to 32 strings is needed, not a number",
        ),
        (
            "let o = #{ max: 0 }; caller.collect(\"a\", o)",
            "max: 1 to 32 keys are possible",
        ),
        ("let n = \"a b\"; caller.record(n)", "is no name of a recording"),
        ("let n = \"x\"; n.pad(97, 'x'); caller.record(n)", "at most 96 of A-Z"),
        ("let n = \"\"; caller.music(n)", "is no music"),
        (
            "let r = (); caller.conference(r)",
            "the name of a room is needed, a string, not ()",
        ),
        (
            "let o = #{ pin: \"12345678901234567\" }; caller.conference(\"9\", o)",
            "a string of 1 to 16 digits",
        ),
    ] {
        let found = fault(body);
        assert!(
            found.contains(message) && found.starts_with("main.rhai:2:"),
            "{body}: {found}"
        );
    }
}
