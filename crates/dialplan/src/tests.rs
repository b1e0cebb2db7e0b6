//! Scripts run by hand: what they ask for, what they are told, how they end.
#![allow(clippy::wildcard_enum_match_arm)]

use std::sync::Arc;

use switch::{DialResult, DialStatus, ExtensionState, Facts, Outcome, ScriptEntry, ScriptFault, Verb};

use crate::folder::Sources;
use crate::generation::Look;
use crate::{Fiber, Generation, Limits, Resume, Step, describe};

/// 2026-11-21 09:30:15 UTC, a Saturday.
const NOW: i64 = 1_795_253_415_000_000;

pub(crate) fn facts() -> Facts {
    Facts {
        id: "c1".into(),
        number: "101".into(),
        name: "Ann".into(),
        dialed: "102".into(),
        extension: Some("101".into()),
        trunk: None,
        source: "192.0.2.1:5060".into(),
    }
}

pub(crate) fn plan(files: &[(&str, &str)], limits: &Limits) -> Result<Arc<Generation>, Vec<String>> {
    let sources: Sources = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Generation::compile(sources, limits, Look::Closely(None))
        .map(Arc::new)
        .map_err(|faults| faults.iter().map(describe).collect())
}

pub(crate) fn on_call(body: &str) -> Arc<Generation> {
    plan(
        &[("main.rhai", &format!("fn on_call(caller) {{\n{body}\n}}"))],
        &Limits::default(),
    )
    .unwrap()
}

pub(crate) fn start(generation: &Arc<Generation>) -> Fiber {
    Fiber::new(generation, ScriptEntry::OnCall, facts()).unwrap()
}

/// The next step that is not a yield.
pub(crate) fn step(fiber: &mut Fiber, with: Resume) -> Step {
    let mut step = fiber.resume(with, NOW);
    while step == Step::Yielded {
        step = fiber.resume(Resume::Continue, NOW);
    }
    step
}

fn verb(step: Step) -> (Verb, u32) {
    match step {
        Step::Verb { verb, at } => (verb, at.line),
        other => panic!("a verb was expected, not {other:?}"),
    }
}

fn ended(step: Step) -> Result<(), String> {
    match step {
        Step::Ended(result) => result.map_err(|fault: ScriptFault| describe(&fault)),
        other => panic!("an end was expected, not {other:?}"),
    }
}

fn done(outcome: Outcome) -> Resume {
    Resume::Outcome(outcome)
}

fn busy() -> Resume {
    done(Outcome::Dial(Box::new(DialResult {
        status: DialStatus::Busy,
        code: 486,
        reason: "Busy Here".into(),
        by: String::new(),
        talk: 0.0,
    })))
}

/// Runs a script that asks for nothing; its fault.
pub(crate) fn fault(body: &str) -> String {
    ended(step(&mut start(&on_call(body)), Resume::Continue)).unwrap_err()
}

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
                code: 486,
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
                    Verb::Header(_) => Outcome::Text(None),
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
        busy: false,
        dnd: false,
        forward: None,
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
    for last in ["caller.reject(486)", "caller.redirect(\"103\")", "caller.hangup()"] {
        let mut fiber = start(&on_call(&format!(
            "{last}; try {{ caller.ring(); }} catch {{ caller.answer(); }}"
        )));
        verb(step(&mut fiber, Resume::Continue));
        assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()), "{last}");
    }
}

#[test]
fn a_trunk_call_enters_by_its_own_door() {
    let text = "fn on_call(caller) { caller.ring(); } fn on_trunk(caller) { caller.reject(404); }";
    let both = plan(&[("main.rhai", text)], &Limits::default()).unwrap();
    let mut fiber = Fiber::new(&both, ScriptEntry::OnTrunk, facts()).unwrap();
    assert_eq!(
        verb(step(&mut fiber, Resume::Continue)).0,
        Verb::Reject {
            code: 404,
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
fn faults_name_file_line_and_column() {
    assert_eq!(
        fault("let r = #{ status: 1 };\nr.sttaus"),
        "main.rhai:3:3: there is no property sttaus"
    );
    assert_eq!(fault("throw \"no\""), "main.rhai:2:1: no");
    assert_eq!(
        fault("let c = caller; c.voicemail(\"1\")"),
        "main.rhai:2:19: caller.voicemail is not there yet"
    );
    assert_eq!(
        fault("Fn(\"sleep\").call(1)"),
        "main.rhai:2:13: there is no sleep here: use caller.wait(seconds)"
    );
    let files = [
        (
            "main.rhai",
            "import \"lib/a\" as a;\nfn on_call(caller) {\n  a::deep(caller);\n}",
        ),
        (
            "lib/a.rhai",
            "fn deep(c) {\n  inner(c)\n}\nfn inner(c) {\n  c.reject(1)\n}",
        ),
    ];
    let mut fiber = start(&plan(&files, &Limits::default()).unwrap());
    let end = ended(step(&mut fiber, Resume::Continue));
    assert_eq!(end, Err("lib/a.rhai:5:5: reject 1: 400 to 699 is possible".into()));
}

#[test]
fn compiling_tells_every_fault() {
    let refused = |files: &[(&str, &str)]| plan(files, &Limits::default()).unwrap_err();
    assert_eq!(
        refused(&[]),
        ["main.rhai: there is no such file in the dialplan folder"]
    );
    assert_eq!(
        refused(&[
            ("main.rhai", "fn on_call(caller) {\n  let x = y;\n}"),
            ("b.rhai", "fn (")
        ]),
        [
            "b.rhai:1:4: Expecting function name in function declaration",
            "main.rhai:2:11: Undefined variable: y"
        ]
    );
    assert_eq!(
        refused(&[("main.rhai", "fn f() {}")]),
        ["main.rhai: there is no fn on_call(caller) in it, where every call begins"]
    );
}

#[test]
fn anonymous_functions_are_not_part_of_the_entry() {
    let plan =
        on_call("let f = || throw \"inside\"; let g = |c| { c.ring() }; try { f.call(); } catch { g.call(caller); }");
    let mut fiber = start(&plan);
    assert_eq!(verb(step(&mut fiber, Resume::Continue)).0, Verb::Ring);
    assert_eq!(ended(step(&mut fiber, done(Outcome::Done))), Ok(()));
}

#[test]
fn the_entry_returns_sees_constants_and_imports_and_nothing_else_from_outside() {
    let files = [
        (
            "main.rhai",
            "import \"a\" as a; const X = 1; let y = 2;\n\
             fn on_call(caller) { if global::X + a::two() == 3 { return; } throw \"wrong\" }",
        ),
        ("a.rhai", "fn two() { 2 }"),
    ];
    let end = ended(step(
        &mut start(&plan(&files, &Limits::default()).unwrap()),
        Resume::Continue,
    ));
    assert_eq!(end, Ok(()));
    let refused = plan(
        &[("main.rhai", "let y = 2; fn on_call(caller) { y }")],
        &Limits::default(),
    );
    assert_eq!(refused.unwrap_err(), ["main.rhai:1:33: Undefined variable: y"]);
}

#[test]
fn a_script_that_breaks_a_limit_is_told_its_line() {
    assert_eq!(
        fault("let a = [];\nloop { a = [a]; }"),
        "main.rhai:3:13: Size of array/BLOB too large"
    );
    let end = fault("let i = 0;\nloop {\n  i += 1;\n}");
    assert!(
        end.starts_with("main.rhai:4:") && end.contains("ran 1000000 operations without asking"),
        "{end}"
    );
    let text = "fn f(n) {\n f(n + 1)\n}\nfn on_call(caller) {\n  f(1)\n}";
    let mut fiber = start(&plan(&[("main.rhai", text)], &Limits::default()).unwrap());
    let end = ended(step(&mut fiber, Resume::Continue));
    assert_eq!(end, Err("main.rhai:5:3: functions call one another too deeply".into()));
}

#[test]
fn what_cannot_work_is_told_before_any_call() {
    let refused = |body: &str| {
        let text = format!("fn own() {{ }} fn on_call(caller) {{\n{body}\n}}");
        plan(&[("main.rhai", &text)], &Limits::default())
            .map(drop)
            .unwrap_err()
            .join("; ")
    };
    for (body, message) in [
        (
            "caller.dail(\"1\")",
            "2:8: caller has no dail(); it has dial, ring, answer",
        ),
        (
            "if false { caller.conference(\"1\") }",
            "2:19: caller.conference is not there yet",
        ),
        ("caller.reject()", "2:8: caller.reject takes 1 to 2 arguments, not 0"),
        ("caller.ring(1)", "2:8: caller.ring takes 0 arguments, not 1"),
        ("caller.reject(200)", "2:15: reject 200: 400 to 699 is possible"),
        (
            "let x = caller.numbr;",
            "2:16: caller has no numbr; it has number, name",
        ),
        ("caller.dialed.len(caller.nam)", "2:26: caller has no nam"),
        ("caller.dial(\"1 2\")", "2:13: \"1 2\" is no target"),
        (
            "caller.dial(\"1\", #{ timeot: 1 })",
            "2:21: dial has no option \"timeot\"; it has timeout, strategy",
        ),
        (
            "caller.dial(\"1\", #{ timeout: 0 })",
            "2:30: timeout 0: 1 to 600 seconds are possible",
        ),
        (
            "caller.dial(\"1\", #{ strategy: \"any\" })",
            "2:31: strategy \"any\": \"all\"",
        ),
        (
            "caller.dial(\"1\", #{ caller_id: #{ nmae: \"x\" } })",
            "2:35: caller_id has no option \"nmae\"",
        ),
        ("now(\"Europe/Brlin\")", "2:5: \"Europe/Brlin\" is no time zone"),
        ("extension(\"1 2\")", "2:11: \"1 2\" is no number"),
        ("db.get(\"k\")", "2:1: db is not there yet"),
        (
            "caller.dial(\"1\", #{ record: \"x\" })",
            "2:21: the option record is not there yet",
        ),
        ("caller.wait(0)", "2:13: wait 0: 0.01 to 3600 seconds are possible"),
    ] {
        assert!(
            refused(body).starts_with(&format!("main.rhai:{message}")),
            "{body}: {}",
            refused(body)
        );
    }
    on_call(
        "let x = caller.to_string(); if caller.dialed == \"1\" { caller.dial(x, #{ \"timeout\": 3 }).status.len(); }",
    );
}

#[test]
fn arguments_are_refused_in_words_that_say_what_fits() {
    for (body, message) in [
        ("let t = \"a/b/c\"; caller.dial(t)", "\"b/c\" is no number"),
        ("let t = \"sip:\"; caller.dial(t)", "is no SIP URI"),
        ("let t = \"sip:a@b\\r\\nX: y\"; caller.dial(t)", "is no SIP URI"),
        ("let t = \"sip:a@b?Route=c\"; caller.dial(t)", "is no SIP URI"),
        ("let t = \"http://a\"; caller.dial(t)", "is no SIP URI"),
        (
            "let t = 102; caller.dial(t)",
            "dial: a string or a list of 1 to 32 strings is needed, not a number",
        ),
        (
            "let t = []; caller.dial(t)",
            "a list of 1 to 32 strings is needed, not a list",
        ),
        (
            "let o = #{ headers: #{ \"Via\": \"x\" } }; caller.dial(\"1\", o)",
            "\"Via\" is written by Tandem itself",
        ),
        (
            "let o = #{ headers: #{ \"v\": \"x\" } }; caller.dial(\"1\", o)",
            "\"v\" is written by Tandem itself",
        ),
        (
            "let o = #{ headers: #{ \"X:Y\": \"x\" } }; caller.dial(\"1\", o)",
            "is no name of a header",
        ),
        (
            "let o = #{ headers: #{ \"X-Y\": \"a\\r\\nb\" } }; caller.dial(\"1\", o)",
            "one line of at most 1024 bytes",
        ),
        (
            "let o = #{ record: \"x\" }; caller.dial(\"1\", o)",
            "the option record is not there yet",
        ),
        (
            "let o = #{ timeout: \"x\" }; caller.dial(\"1\", o)",
            "a number of seconds is needed, not a string",
        ),
        (
            "let o = #{ timeout: 0.0 / 0.0 }; caller.dial(\"1\", o)",
            "timeout NaN: 1 to 600",
        ),
        ("let p = \"../etc/passwd\"; caller.play(p)", "is no prompt"),
        ("let t = \"a b\"; caller.tone(t)", "is no tone: a name (ringback,"),
        ("caller.reject(486, \"a\\r\\nb\")", "one line of at most 128 bytes"),
        ("let t = \"a b\"; caller.redirect(t)", "is no number"),
        ("let n = \"a:\"; caller.header(n)", "is no name of a header"),
        ("let n = \"a b\"; extension(n)", "is no number"),
        ("let z = \"../../etc/passwd\"; now(z)", "is no time zone"),
    ] {
        let found = fault(body);
        assert!(
            found.contains(message) && found.starts_with("main.rhai:2:"),
            "{body}: {found}"
        );
    }
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
        timeout: std::time::Duration::from_millis(1_500),
        strategy: switch::Strategy::Sequence,
        caller_id: Some(("7".into(), "Ann \"B\"".into())),
        headers: vec![("X-Queue".into(), "sales".into())],
        record: None,
    };
    assert_eq!(asked, Verb::Dial(Box::new(expected)));
}

#[test]
fn a_number_that_nobody_can_have_is_rejected_before_the_script() {
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
                    code: 404,
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
fn functions_that_are_not_there_are_told_before_any_call() {
    let files = [
        (
            "main.rhai",
            "import \"lib/night\" as night;\n\
             fn on_call(caller) {\n\
             if false { extention(\"1\"); }\n\
             own(1);\n\
             night::open();\n\
             night::closed();\n\
             let x = [nope(1) + 1];\n\
             }\n\
             fn own() { }",
        ),
        ("lib/night.rhai", "fn closed(zone) { missing() }"),
    ];
    assert_eq!(
        plan(&files, &Limits::default()).map(drop).unwrap_err(),
        [
            "lib/night.rhai:1:19: there is no function missing",
            "main.rhai:3:12: there is no function extention; did you mean extension?",
            "main.rhai:4:1: own takes 0 arguments, not 1",
            "main.rhai:5:8: there is no function night::open",
            "main.rhai:6:8: night::closed takes 1 arguments, not 0",
            "main.rhai:7:10: there is no function nope",
        ]
    );
}

#[test]
fn every_way_to_call_what_is_there_is_let_through() {
    let main = "import \"a\" as a; const F = 1;\n\
        fn on_call(caller) {\n\
        import \"a\" as b; let f = |x| x + 1; let m = #{ f: f };\n\
        f.call(1); call(f, 1); m.f(1); own(); Fn(\"own\").call(); dial(caller, \"1\"); a::two(); b::two();\n\
        print(type_of(1)); max(1, 2); let s = \"x\"; s.len(); len(s); [1].map(|x| x); -1; !true; 1 in [1]; is_def_fn(\"own\", 0);\n\
        global::F; 1 + 1; s += \"x\"; s[0]; caller.own(); this_one(caller); now(\"UTC\"); log.info(\"x\"); exit();\n\
        }\n\
        fn own() { } fn this_one(c) { c.hangup() }";
    plan(&[("main.rhai", main), ("a.rhai", "fn two() { }")], &Limits::default())
        .map(drop)
        .unwrap();
}

#[test]
fn verbs_are_placed_in_the_file_that_asks() {
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

#[test]
fn a_result_is_compared_in_either_word() {
    for compares in [
        "r.status == \"no_answer\"",
        "\"no_answer\" == r.status",
        "!(r.status != \"no_answer\")",
        "r.status in [\"busy\", \"no_answer\"]",
        "[\"no_answer\"].contains(r.status)",
        "r.status == \"noanswer\"",
        "switch r.status { \"busy\" | \"no_answer\" => true, _ => false }",
        "switch r.status { \"no_answer\" if 1 == 1 => true, _ => false }",
        "`${r.status == \"no_answer\"}` == \"true\"",
    ] {
        let mut fiber = start(&on_call(&format!(
            "let r = caller.dial(\"102\"); log.info(`x ${{r.code}}`); if {compares} {{ caller.ring(); }} else {{ caller.hangup(); }}"
        )));
        verb(step(&mut fiber, Resume::Continue));
        let result = switch::DialResult {
            status: switch::DialStatus::NoAnswer,
            code: 480,
            reason: String::new(),
            by: String::new(),
            talk: 0.0,
        };
        let (asked, _) = verb(step(&mut fiber, done(Outcome::Dial(Box::new(result)))));
        assert_eq!(asked, Verb::Ring, "{compares}");
    }
    // What is compared with nothing keeps its letters.
    let mut fiber = start(&on_call("let n = \"no_answer\"; caller.play([n, \"no_answer\"]);"));
    let (asked, _) = verb(step(&mut fiber, Resume::Continue));
    assert_eq!(asked, Verb::Play(vec!["no_answer".into(), "no_answer".into()]));
}

#[test]
fn what_a_result_never_is_or_has_is_told_before_any_call() {
    let refused = |body: &str| {
        let text = format!("fn on_call(caller) {{\n{body}\n}}");
        let faults = plan(&[("main.rhai", &text)], &Limits::default()).map(drop);
        faults.err().unwrap_or_default().join("; ")
    };
    let words = "it is one of answered, busy, noanswer, unavailable, rejected, failed, cancelled";
    let fields = "it has status, code, reason, by, talk";
    for (body, message) in [
        ("let r = caller.dial(\"1\");\nr.statsu", format!("3:3: what dial returns has no statsu; {fields}; did you mean status?")),
        ("caller.dial(\"1\").cod", format!("2:18: what dial returns has no cod; {fields}; did you mean code?")),
        ("if extension(\"102\").registred { }", "2:21: what extension returns has no registred; it has registered, busy, dnd, forward; did you mean registered?".to_owned()),
        ("let e = extension(caller.dialed); if e != () && e.bussy { }", "2:51: what extension returns has no bussy;".to_owned()),
        ("now(\"UTC\").huor", "2:12: what now returns has no huor;".to_owned()),
        ("let r = caller.dial(\"1\"); if r.status == \"canceled\" { }", format!("2:42: a status is never \"canceled\"; {words}; did you mean cancelled?")),
        ("if \"no-answer\" == caller.dial(\"1\").status { }", format!("2:4: a status is never \"no-answer\"; {words}; did you mean noanswer?")),
        ("let r = caller.dial(\"1\"); if r.status in [\"busy\", \"declined\"] { }", format!("2:51: a status is never \"declined\"; {words}")),
        ("let r = caller.dial(\"1\");\nswitch r.status { \"busy\" | \"unanswered\" => 1, _ => 2 }", "3:28: a status is never \"unanswered\"".to_owned()),
        ("caller.tone(\"nottone\")", "2:13: \"nottone\" is no tone: a name (ringback, busy, congestion, dial, beep, waiting, error), or a plan such as".to_owned()),
        ("caller.tone(\"bussy\", 1)", "2:13: \"bussy\" is no tone".to_owned()),
        ("caller.tone(\"9/1\")", "2:13: \"9/1\" is no tone".to_owned()),
        ("caller.redirect(\"a b\")", "2:17: \"a b\" is no number".to_owned()),
        ("caller.play([\"a\", \"../b\"])", "2:19: \"../b\" is no prompt".to_owned()),
    ] {
        let found = refused(body);
        assert!(found.starts_with(&format!("main.rhai:{message}")) && !found.contains("; main"), "{body}: {found}");
    }
    // What may be something else is left to its day.
    for body in [
        "let r = caller.dial(\"1\"); r = other(r); r.statsu",
        "let r = caller.dial(\"1\"); r.note = 1; r.note",
        "let r = caller.dial(\"1\"); r.mixin(#{ x: 1 }); r.x",
        "let r = #{ status: \"paid\" }; if r.status == \"unpaid\" { }",
        "let r = caller.dial(\"1\"); [#{ x: 1 }].map(|r| r.x);",
        "let r = caller.dial(\"1\"); for r in [#{ x: 1 }] { r.x; }",
        "let r = caller.dial(\"1\"); log.info(r.status.len().to_string() + r.keys().len());",
        "let r = caller.dial(\"1\") == (); let r = #{ x: 1 }; r.x",
        "let d = caller.dialed; if d.status == \"x\" { }",
        "caller.tone(\"440+480/2000,0/4000\"); caller.tone(\"busy\", 2); caller.play([\"a\", \"\"]);",
    ] {
        let text = format!("fn other(r) {{ r.statsu }} fn on_call(caller) {{\n{body}\n}} fn more(r) {{ r.anything }}");
        let faults = plan(&[("main.rhai", &text)], &Limits::default()).map(drop);
        assert_eq!(faults, Ok(()), "{body}");
    }
}

#[test]
fn every_fault_of_every_file_is_told_at_once() {
    let main = "import \"nigth\" as night;\n\
        fn on_call(caller) {\n\
        caller.dail(\"1\"); caller.numbr;\n\
        caller.dial(\"1 2\", #{ timeot: 1, strategy: \"any\", timeout: 0 });\n\
        let x = y + z;\n\
        nope(); caller.wait(0);\n\
        }";
    let files = [
        ("main.rhai", main),
        ("night.rhai", "fn f( {"),
        ("b.rhai", "fn g() { caller.ring() }"),
    ];
    let faults = plan(&files, &Limits::default()).map(drop).unwrap_err();
    let starts = [
        "b.rhai:1:10: Undefined variable: caller",
        "main.rhai:1:8: there is no module \"nigth.rhai\" in the dialplan folder; there are: b, night; did you mean night?",
        "main.rhai:3:8: caller has no dail(); it has dial,",
        "main.rhai:3:26: caller has no numbr;",
        "main.rhai:4:13: \"1 2\" is no target",
        "main.rhai:4:23: dial has no option \"timeot\"; it has timeout, strategy, caller_id, headers; did you mean timeout?",
        "main.rhai:4:44: strategy \"any\"",
        "main.rhai:4:60: timeout 0",
        "main.rhai:5:9: Undefined variable: y",
        "main.rhai:5:13: Undefined variable: z",
        "main.rhai:6:1: there is no function nope",
        "main.rhai:6:21: wait 0",
        "night.rhai:1:",
    ];
    for (found, start) in faults.iter().zip(starts) {
        assert!(found.starts_with(start), "{start}: {faults:#?}");
    }
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
}
