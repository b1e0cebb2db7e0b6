//! Tests of the tests.

use super::*;

const PLAN: &str = "fn on_call(caller) {\n\
    if extension(caller.dialed) == () { caller.reject(404); return; }\n\
    let r = caller.dial([caller.dialed, \"carrier/1\"], #{ timeout: 20, caller_id: #{ number: \"7\" } });\n\
    if r.status == \"busy\" { caller.reject(r.code, r.reason); }\n\
    if r.status == \"noanswer\" {\n\
        caller.answer();\n\
        if caller.play(\"menu\") == \"1\" { caller.tone(\"busy\", 2); }\n\
    }\n\
}\n\
fn on_trunk(caller) { if caller.header(\"Subject\") == \"x\" && now(\"UTC\").hour == 23 { caller.ring(); } }";

fn report(tests: &str) -> Report {
    let plan = Sources::from([("main.rhai".to_owned(), PLAN.to_owned())]);
    check_sources(
        plan,
        &Sources::from([("tests/t.rhai".to_owned(), tests.to_owned())]),
        &Limits::default(),
        None,
    )
}

fn lines(tests: &str) -> Vec<String> {
    report(tests).lines().collect()
}

/// A test with a call from 101 to 102, which exists.
fn one(body: &str) -> Vec<String> {
    lines(&format!(
        "fn test_it() {{ let c = incoming(#{{ from: \"101\", dialed: \"102\", extensions: #{{ \"102\": #{{}} }} }});\n{body} }}"
    ))
}

#[test]
fn what_the_script_asks_for_is_compared() {
    assert_eq!(
        one("c.run();\nc.expect([\"dial 102 carrier/1\"]);"),
        Vec::<String>::new()
    );
    let busy = "c.on_dial(\"102\", #{ status: \"busy\" });\nc.run();\n";
    assert_eq!(
        one(&format!(
            "{busy}c.expect([\"dial 102 carrier/1\", \"reject 486 Busy Here\"]);"
        )),
        Vec::<String>::new()
    );
    assert_eq!(
        one(&format!("{busy}c.expect([\"dial 102 carrier/1\"]);")),
        [
            "tests/t.rhai:4:3: test_it: expected dial 102 carrier/1; it did: dial 102 carrier/1 (main.rhai:3), \
          reject 486 Busy Here (main.rhai:4)"
        ]
    );
}

#[test]
fn the_caller_presses_keys_and_hangs_up() {
    let missed = "c.on_dial(\"carrier/1\", #{ status: \"noanswer\" });";
    let told = "[\"dial 102 carrier/1\", \"answer\", \"play menu\", \"tone busy 2\"]";
    assert_eq!(
        one(&format!("{missed} c.presses(\"1\"); c.run(); c.expect({told});")),
        Vec::<String>::new()
    );
    let gone = "c.hangs_up_at(\"answer\"); c.run(); assert(c.verbs == [\"dial 102 carrier/1\", \"answer\"]);";
    assert_eq!(one(&format!("{missed} {gone}")), Vec::<String>::new());
}

#[test]
fn a_dial_can_be_looked_at_in_full() {
    let look = "c.run(); let d = c.dials[0]; assert(d.timeout == 20.0 && d.caller_id.number == \"7\", `${d}`);\n\
                assert(d.strategy == \"all\" && d.headers == #{} && d.record == ());";
    assert_eq!(one(look), Vec::<String>::new());
    assert_eq!(
        one("assert(1 == 2);"),
        ["tests/t.rhai:2:1: test_it: this does not hold"]
    );
}

#[test]
fn a_trunk_call_has_headers_and_a_time() {
    let call = |at: &str| {
        lines(&format!(
            "fn test_it() {{ let c = incoming(#{{ trunk: \"t\", dialed: \"1\", at: \"{at}\", headers: #{{ subject: \"x\" }} }});\n\
             c.run(); c.expect([\"ring\"]); }}"
        ))
    };
    assert_eq!(call("2026-01-10T23:00:00Z"), Vec::<String>::new());
    assert_eq!(
        call("2026-01-10T22:00:00Z"),
        ["tests/t.rhai:2:12: test_it: expected ring; it did nothing"]
    );
    assert_eq!(
        call("noon"),
        ["tests/t.rhai:1:24: test_it: at \"noon\": a time such as \"2026-01-10T10:00:00Z\" is needed"]
    );
}

#[test]
fn each_test_stands_alone_and_the_order_is_the_alphabet() {
    let report = report("fn test_b() { throw \"b\" } fn test_a() { } fn helper() { throw 1 } fn test_with(x) { }");
    let names: Vec<_> = report
        .tests
        .iter()
        .map(|test| (test.name.as_str(), test.result.is_ok()))
        .collect();
    assert_eq!(names, [("test_a", true), ("test_b", false)]);
    assert!(!report.passed());
    assert_eq!(report.lines().collect::<Vec<_>>(), ["tests/t.rhai:1:15: test_b: b"]);
}

#[test]
fn a_test_that_runs_away_ends() {
    assert_eq!(
        lines("fn test_it() {\n loop { }\n}"),
        ["tests/t.rhai:2:7: test_it: ran 1000000 operations without asking for anything"]
    );
}

#[test]
fn mistakes_in_tests_are_told() {
    let first = |tests: &str| lines(tests).remove(0);
    assert_eq!(
        first("fn test_it("),
        "tests/t.rhai:1:12: Expecting ')' to close the parameters list of function 'test_it'"
    );
    assert!(
        first("fn test_it() { incoming(#{ form: \"1\" }) }")
            .contains("incoming has no option \"form\"; it has from, dialed")
    );
    assert!(first("fn test_it() { incoming(#{}) }").contains("a call needs the number that was dialed"));
    assert!(one("c.expect([]);")[0].contains("run the call first"));
    assert!(one("c.on_dial(\"102\", #{ status: \"bussy\" });")[0].contains("possible are answered, busy"));
    assert!(one("c.run(); c.expect_fault(\"x\");")[0].contains("expected a fault with \"x\", found none; it did"));
}

#[test]
fn a_broken_plan_has_no_tests() {
    let plan = Sources::from([(
        "main.rhai".to_owned(),
        "fn on_call(caller) { caller.dail(1) }".to_owned(),
    )]);
    let report = check_sources(plan, &Sources::new(), &Limits::default(), None);
    let lines: Vec<_> = report.lines().collect();
    assert!(
        lines[0].starts_with("main.rhai:1:29: caller has no dail(); it has dial, ring"),
        "{lines:?}"
    );
}

#[test]
fn check_tells_all_faults_at_once_with_paths_an_editor_opens() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "main.rhai",
        b"fn on_call(caller) {\n caller.play(\"nofile\");\n caller.play([\"there\", \"lost\"]);\n caller.rign();\n}",
    );
    write("bad.rhai", b"\xff");
    write("tests/t.rhai", b"fn test_it() { let x = y; }");
    let prompts: crate::Prompts = Arc::new(|name: &str| match name {
        "there" => Ok(()),
        _ => Err(format!("there is no {name}.wav")),
    });
    let report = check(folder.path(), &Limits::default(), Some(prompts));
    let lines: Vec<_> = report.lines_in(Path::new("./plans")).collect();
    let starts = [
        "plans/bad.rhai: not UTF-8",
        "plans/main.rhai:2:14: there is no nofile.wav",
        "plans/main.rhai:3:24: there is no lost.wav",
        "plans/main.rhai:4:9: caller has no rign(); it has",
        "plans/tests/t.rhai:1:24: Undefined variable: y",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{start}: {lines:#?}");
    }
    assert!(
        report
            .lines_in(Path::new("/etc/plans"))
            .next()
            .unwrap()
            .starts_with("/etc/plans/bad.rhai")
    );
}

#[test]
fn a_test_names_a_result_in_either_word() {
    for word in ["noanswer", "no_answer"] {
        let body = format!("c.on_dial(\"102\", #{{ status: \"{word}\" }}); c.run(); assert(c.verbs[1] == \"answer\");");
        assert_eq!(one(&body), Vec::<String>::new(), "{word}");
    }
}

/// A test of another plan.
fn of_plan(plan: &str, body: &str) -> Vec<String> {
    let plan = Sources::from([("main.rhai".to_owned(), format!("fn on_call(caller) {{\n{plan}\n}}"))]);
    let tests = format!("fn test_it() {{ let c = incoming(#{{ dialed: \"1\" }});\n{body} }}");
    let tests = Sources::from([("tests/t.rhai".to_owned(), tests)]);
    check_sources(plan, &tests, &Limits::default(), None).lines().collect()
}

#[test]
fn a_test_presses_keys_for_collect_and_those_beyond_it_are_for_the_next_verb() {
    let plan = "let r = caller.collect(\"menu\", #{ max: 2 }); let s = caller.collect(\"\");\n\
        let t = caller.collect(\"more\", #{ max: 4 }); caller.record(`${r.digits}${r.status}.${s.digits}${s.status}.${t.digits}${t.status}`);";
    for (keys, name) in [
        ("c.presses(\"123#\");", "12done.3done.empty"),
        ("c.presses(\"1#45\");", "1done.45timeout.empty"),
        (
            "c.presses(\"1\"); c.presses(\"\"); c.presses(\"77\");",
            "1timeout.empty.77timeout",
        ),
    ] {
        let body =
            format!("{keys} c.run(); c.expect([\"collect menu\", \"collect\", \"collect more\", \"record {name}\"]);");
        assert_eq!(of_plan(plan, &body), Vec::<String>::new());
    }
}

#[test]
fn a_test_says_what_comes_of_a_recording_and_a_conference() {
    let plan = "let r = caller.record(\"note\"); let c = caller.conference(\"900\", #{ pin: \"1234\" });\n\
        caller.music(r.status); if r.digit == \"1\" { caller.music(c.status, c.seconds) }";
    let run = "c.run(); c.expect([\"record note\", \"conference 900\", ";
    for (said, last) in [
        ("", "\"music done\"]);"),
        (
            "c.on_record(#{ status: \"max\", digit: \"1\" }); c.on_conference(#{ status: \"left\", seconds: 7 });",
            "\"music max\", \"music left 7\"]);",
        ),
        ("c.on_record(#{ status: \"failed\" });", "\"music failed\"]);"),
    ] {
        assert_eq!(of_plan(plan, &format!("{said} {run}{last}")), Vec::<String>::new());
    }
    let wrong = of_plan(plan, "c.on_record(#{ status: \"hangup\" });");
    assert!(
        wrong[0].contains("possible are done, silence, max, failed"),
        "{wrong:?}"
    );
    let wrong = of_plan(plan, "c.on_conference(#{ room: \"1\" });");
    assert!(
        wrong[0].contains("a conference's result has no option \"room\""),
        "{wrong:?}"
    );
}
