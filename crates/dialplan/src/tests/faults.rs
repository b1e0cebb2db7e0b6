//! Faults of compiling and of running, and their places.

use super::*;

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
fn the_entry_sees_constants_and_imports_and_nothing_else_from_outside() {
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
        "main.rhai:4:23: dial has no option \"timeot\"; it has timeout, strategy, caller_id, headers, record, auto_answer; did you mean timeout?",
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
