//! What scripts ask for, and what they are told.

use super::*;

#[test]
fn dial_asks_and_the_script_goes_on_with_its_result() {
    let plan = on_call(
        "let r = caller.dial(caller.dialed, #{ timeout: 20 });\n\
         if r.status in [\"busy\", \"noanswer\"] { caller.reject(r.code, r.reason); }",
    );
    let mut fiber = start(&plan);
    let (first, line) = verb(step(&mut fiber, Resume::Continue));
    let Verb::Dial(dial) = first else { panic!("{first:?}") };
    assert_eq!((dial.targets.len(), dial.timeout.as_secs(), line), (1, 20, 2));
    let (second, line) = verb(step(&mut fiber, busy()));
    assert_eq!(
        (second, line),
        (
            Verb::Reject {
                code: 486.try_into().unwrap(),
                reason: Some("Busy Here".into())
            },
            3
        )
    );
    assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()));
    assert_eq!(
        ended(step(&mut fiber, Resume::Continue)),
        Ok(()),
        "what is over stays over"
    );
}

#[test]
fn each_verb_is_asked_for_as_written() {
    let plan = on_call(
        "caller.ring(); caller.answer(); let d = caller.wait(1.5) + caller.play([\"a\", \"b/c\"]);\n\
         caller.tone(\"busy\", 2); caller.tone(\"dial\"); caller.echo(); caller.header(\"Subject\");\n\
         extension(\"102\"); if d != \"12\" { throw d }; caller.hangup();",
    );
    let mut fiber = start(&plan);
    let mut with = Resume::Continue;
    let mut asked = Vec::new();
    let result = loop {
        match step(&mut fiber, with) {
            Step::Verb { verb, .. } => {
                with = done(match &verb {
                    Verb::Wait(_) => Outcome::Digits("1".into()),
                    Verb::Play(_) => Outcome::Digits("2".into()),
                    Verb::Header(_) | Verb::Parameter(_) => Outcome::Text(None),
                    Verb::Extension(_) => Outcome::Extension(None),
                    _ => Outcome::Done,
                });
                asked.push(format!("{verb:?}"));
            }
            last => break ended(last),
        }
    };
    assert_eq!(result, Ok(()));
    assert_eq!(
        asked,
        [
            "Ring",
            "Answer",
            "Wait(1.5s)",
            "Play([\"a\", \"b/c\"])",
            "Tone { name: \"busy\", duration: Some(2s) }",
            "Tone { name: \"dial\", duration: None }",
            "Echo",
            "Header(\"Subject\")",
            "Extension(\"102\")",
            "Hangup",
        ]
    );
}

#[test]
fn facts_extension_and_time_are_values() {
    let plan = on_call(
        "if caller.number != \"101\" || caller.name != \"Ann\" || caller.trunk != () { throw \"facts\" }\n\
         if caller.extension != \"101\" || caller.id != \"c1\" { throw \"facts\" }\n\
         let t = now(\"Europe/Berlin\");\n\
         if `${t.date} ${t.time} ${t.weekday} ${t.hour}` != \"2026-11-21 10:30:15 6 10\" { throw `${t}` }\n\
         let e = extension(\"102\"); if !e.registered || e.busy || e.forward != () { throw \"state\" }",
    );
    let mut fiber = start(&plan);
    verb(step(&mut fiber, Resume::Continue));
    let state = ExtensionState {
        registered: true,
        ..ExtensionState::default()
    };
    assert_eq!(
        ended(step(&mut fiber, done(Outcome::Extension(Some(Box::new(state)))))),
        Ok(())
    );
}

#[test]
fn an_outcome_that_is_a_fault_can_be_caught() {
    let mut fiber = start(&on_call("try { caller.answer(); } catch (e) { throw `caught ${e}` }"));
    verb(step(&mut fiber, Resume::Continue));
    let end = ended(step(&mut fiber, done(Outcome::Fault("no media".into()))));
    assert_eq!(end, Err("main.rhai:2:38: caught no media".into()));
}

#[test]
fn nothing_catches_the_end_of_a_call() {
    for body in [
        "loop { try { caller.wait(1); } catch { } }",
        "try { caller.wait(1); } catch { caller.ring(); } caller.ring();",
        "let a = [caller, caller, caller]; a.sort(|x, y| { x.wait(1); 1 }); caller.ring();",
    ] {
        let mut fiber = start(&on_call(body));
        verb(step(&mut fiber, Resume::Continue));
        fiber.cancel();
        assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()), "{body}");
    }
}

#[test]
fn after_a_final_answer_verbs_end_the_script_quietly() {
    for last in [
        "caller.reject(486)",
        "caller.redirect(\"103\")",
        "caller.hangup()",
        "caller.transfer(\"103\")",
    ] {
        let mut fiber = start(&on_call(&format!(
            "{last}; try {{ caller.ring(); }} catch {{ caller.answer(); }}"
        )));
        verb(step(&mut fiber, Resume::Continue));
        assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()), "{last}");
    }
}

#[test]
fn a_trunk_call_enters_by_on_trunk() {
    let text = "fn on_call(caller) { caller.ring(); } fn on_trunk(caller) { caller.reject(404); }";
    let both = plan(&[("main.rhai", text)], &Limits::default()).unwrap();
    let mut fiber = Fiber::new(&both, ScriptEntry::OnTrunk, facts()).unwrap();
    assert_eq!(
        verb(step(&mut fiber, Resume::Continue)).0,
        Verb::Reject {
            code: RejectCode::NOT_FOUND,
            reason: None
        }
    );
    let one = on_call("caller.ring();");
    let mut fiber = Fiber::new(&one, ScriptEntry::OnTrunk, facts()).unwrap();
    assert_eq!(
        ended(step(&mut fiber, Resume::Continue)),
        Ok(()),
        "without on_trunk nothing is done"
    );
}

#[test]
fn options_reach_the_switch() {
    let mut fiber = start(&on_call(
        "caller.dial([\"102\", \"carrier/+4930\", \"sip:a@b\"], #{ timeout: 1.5, strategy: \"sequence\", \n\
         caller_id: #{ number: \"7\", name: \"Ann \\\"B\\\"\" }, headers: #{ \"X-Queue\": \"sales\" } })",
    ));
    let (asked, _) = verb(step(&mut fiber, Resume::Continue));
    let expected = switch::Dial {
        targets: vec![
            switch::Target::Extension("102".into()),
            switch::Target::Trunk {
                trunk: "carrier".into(),
                number: "+4930".into(),
            },
            switch::Target::Uri("sip:a@b".into()),
        ],
        delays: Vec::new(),
        timeout: std::time::Duration::from_millis(1_500),
        strategy: switch::Strategy::Sequence,
        caller_id: Some(("7".into(), "Ann \"B\"".into())),
        headers: vec![("X-Queue".into(), "sales".into())],
        auto_answer: false,
        record: None,
    };
    assert_eq!(asked, Verb::Dial(Box::new(expected)));
}

#[test]
fn a_target_may_ring_later() {
    let asked = |dial: &str| {
        let mut fiber = start(&on_call(dial));
        match verb(step(&mut fiber, Resume::Continue)).0 {
            Verb::Dial(dial) => dial,
            other => panic!("{other}"),
        }
    };
    let later = asked("let to = \"103\"; caller.dial([\"102\", #{ to: to, delay: 5 }, #{ to: \"sip:a@b\" }]);");
    let targets: Vec<String> = later.targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["102", "103", "sip:a@b"]);
    assert_eq!(later.delays, [0, 5, 0].map(std::time::Duration::from_secs));
    assert!(asked("caller.dial(#{ to: \"102\" });").delays.is_empty());
    for (dial, expected) in [
        ("let to = #{ delay: 5 }; caller.dial([to]);", "dial: a target needs to"),
        (
            "let to = #{ to: \"1\", wait: 5 }; caller.dial([to]);",
            "a target has no option \"wait\"; it has to, delay",
        ),
        (
            "let to = #{ to: \"1\", delay: -1 }; caller.dial(to);",
            "delay -1: 0 to 600 seconds are possible",
        ),
        (
            "let to = #{ to: \"1\", delay: 5 }; caller.dial(to, #{ strategy: \"sequence\" });",
            "delay is possible with the strategy \"all\" only",
        ),
    ] {
        let told = fault(dial);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn an_extension_changes_its_own_settings() {
    let mut fiber = start(&on_call(
        "let to = \"103\"; caller.set(#{ dnd: true, forward_always: to, forward_busy: (), call_limit: 1, hide_number: () });",
    ));
    let (asked, _) = verb(step(&mut fiber, Resume::Continue));
    assert_eq!(
        asked.to_string(),
        "set dnd=true forward_always=103 forward_busy=() call_limit=1 hide_number=false"
    );
    for (set, expected) in [
        ("#{ dnd: 1 }", "dnd: true or false is needed, not a number"),
        (
            "#{ forward_always: \"no where\" }",
            "forward_always: a target is a number",
        ),
        (
            "#{ call_limit: 51 }",
            "call_limit: expected a whole number from 1 to 50",
        ),
        (
            "#{ call_limit: -1 }",
            "call_limit: expected a whole number from 1 to 50",
        ),
        ("#{ music: \"jazz\" }", "set has no option \"music\"; it has dnd, "),
        ("#{ forward_bussy: \"1\" }", "did you mean forward_busy?"),
    ] {
        let told = fault(&format!("let fields = {set}; caller.set(fields);"));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn the_last_numbers_are_asked_for_when_they_are_read() {
    let mut fiber = start(&on_call(
        "let a = caller.last_dialed; let b = caller.last_caller; throw `${a} ${type_of(b)}`",
    ));
    let (asked, _) = verb(step(&mut fiber, Resume::Continue));
    assert_eq!(asked, Verb::LastNumber(switch::LastNumber::Dialed));
    let (asked, _) = verb(step(&mut fiber, done(Outcome::Text(Some("102".into())))));
    assert_eq!(asked, Verb::LastNumber(switch::LastNumber::Caller));
    let end = ended(step(&mut fiber, done(Outcome::Text(None))));
    assert!(end.unwrap_err().ends_with("102 ()"));
}

#[test]
fn a_malformed_number_is_rejected_before_the_script() {
    let plan = on_call("caller.dial(caller.dialed)");
    for dialed in [
        "",
        "a b",
        "x@y",
        "12\r\nVia: z",
        "012345678901234567890123456789012",
        "é",
    ] {
        let facts = Facts {
            dialed: dialed.into(),
            ..facts()
        };
        let mut fiber = Fiber::new(&plan, ScriptEntry::OnCall, facts).unwrap();
        assert_eq!(
            verb(step(&mut fiber, Resume::Continue)),
            (
                Verb::Reject {
                    code: RejectCode::NOT_FOUND,
                    reason: None
                },
                0
            ),
            "{dialed}"
        );
        assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()));
    }
}

#[test]
fn a_verb_carries_the_file_and_line_that_asked_for_it() {
    let files = [
        (
            "main.rhai",
            "import \"lib/a\" as a;\nfn on_call(caller) {\n  a::f(caller);\n  own(caller);\n}\nfn own(c) { c.echo() }",
        ),
        (
            "lib/a.rhai",
            "import \"lib/b\" as b;\nfn f(c) {\n  c.ring();\n  g(c);\n  b::h(c);\n}\nfn g(c) {\n  c.answer()\n}",
        ),
        ("lib/b.rhai", "fn h(c) { c.wait(1) }"),
    ];
    let mut fiber = start(&plan(&files, &Limits::default()).unwrap());
    let mut with = Resume::Continue;
    let mut places = Vec::new();
    while let Step::Verb { verb, at } = step(&mut fiber, with) {
        places.push(format!("{verb:?} {}:{}:{}", at.file, at.line, at.column));
        with = done(Outcome::Done);
    }
    assert_eq!(
        places,
        [
            "Ring lib/a.rhai:3:5",
            "Answer lib/a.rhai:8:5",
            "Wait(1s) lib/b.rhai:1:13",
            "Echo main.rhai:6:15"
        ]
    );
}
