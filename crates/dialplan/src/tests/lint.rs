//! Faults that are found before any call.

use super::*;

#[test]
fn a_call_that_cannot_work_is_a_fault_at_compile_time() {
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
            "if false { caller.voicemail(\"1\") }",
            "2:19: caller.voicemail is not there yet",
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
            "caller.dial(\"1\", #{ record: 1 })",
            "2:29: record: true, false or a name is needed, not a number",
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
            "let o = #{ record: \"../x\" }; caller.dial(\"1\", o)",
            "\"../x\" is no name of a recording",
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
fn an_unknown_function_is_a_fault_at_compile_time() {
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
fn every_way_to_call_a_known_function_is_accepted() {
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
fn an_unknown_field_or_status_of_a_result_is_a_fault_at_compile_time() {
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
        ("if extension(\"102\").registred { }", "2:21: what extension returns has no registred; it has registered, busy, dnd, forward, forward_busy, forward_no_answer, forward_unreachable, no_answer_seconds, call_limit, pickup_group, music, reject_anonymous, hide_number, intercom; did you mean registered?".to_owned()),
        ("let e = extension(caller.dialed); if e != () && e.bussy { }", "2:51: what extension returns has no bussy;".to_owned()),
        ("now(\"UTC\").huor", "2:12: what now returns has no huor;".to_owned()),
        ("let r = caller.dial(\"1\"); if r.status == \"canceled\" { }", format!("2:42: a status is never \"canceled\"; {words}; did you mean cancelled?")),
        ("if \"no-answer\" == caller.dial(\"1\").status { }", format!("2:4: a status is never \"no-answer\"; {words}; did you mean noanswer?")),
        ("let r = caller.dial(\"1\"); if r.status in [\"busy\", \"declined\"] { }", format!("2:51: a status is never \"declined\"; {words}")),
        ("let r = caller.dial(\"1\");\nswitch r.status { \"busy\" | \"unanswered\" => 1, _ => 2 }", "3:28: a status is never \"unanswered\"".to_owned()),
        ("caller.set(#{ music: \"x\" })", "2:15: set has no option \"music\"; it has dnd, ".to_owned()),
        ("caller.set(#{ dnd: 1 })", "2:20: dnd: true or false is needed, not a number".to_owned()),
        ("caller.dial(#{ to: \"1\", delay: -1 })", "2:13: delay -1: 0 to 600 seconds are possible".to_owned()),
        ("caller.tone(\"nottone\")", "2:13: \"nottone\" is no tone: a name (ringback, busy, congestion, dial, beep, waiting, error), a name with a country such as busy@us, or a plan such as".to_owned()),
        ("caller.tone(\"busy@xx\")", "2:13: \"busy@xx\" is no tone: a name (ringback, busy, congestion, dial, beep, waiting, error), a name with a country such as busy@us, or a plan such as \"425/500,0/500\" (tone \"busy@xx\": the countries are eu, at, au,".to_owned()),
        ("caller.tone(\"bussy\", 1)", "2:13: \"bussy\" is no tone".to_owned()),
        ("caller.tone(\"9/1\")", "2:13: \"9/1\" is no tone".to_owned()),
        ("caller.transfer(\"a b\")", "2:17: \"a b\" is no number".to_owned()),
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
        "caller.tone(\"440+480/2000,0/4000\"); caller.tone(\"busy\", 2); caller.tone(\"busy@us\"); caller.play([\"a\", \"\"]);",
    ] {
        let text = format!("fn other(r) {{ r.statsu }} fn on_call(caller) {{\n{body}\n}} fn more(r) {{ r.anything }}");
        let faults = plan(&[("main.rhai", &text)], &Limits::default()).map(drop);
        assert_eq!(faults, Ok(()), "{body}");
    }
}
