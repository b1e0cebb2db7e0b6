//! The dialplan that comes with Tandem passes its own tests, and what the READMEs show works.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use dialplan::{Limits, Report, check};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn faults(report: &Report) -> Vec<String> {
    report.lines().collect()
}

/// The scripts shown in a page.
fn shown(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
    text.split("```rhai\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

fn check_scripts(main: &str, tests: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.rhai"), main).unwrap();
    std::fs::create_dir(folder.path().join("tests")).unwrap();
    std::fs::write(folder.path().join("tests/main.rhai"), tests).unwrap();
    check(folder.path(), &Limits::default(), None)
}

#[test]
fn the_shipped_dialplan_passes_its_tests() {
    let report = check(&Path::new(ROOT).join("dialplans"), &Limits::default(), None);
    assert!(report.passed(), "{:#?}", faults(&report));
    assert!(report.tests.len() >= 5, "its tests are found");
}

#[test]
fn the_readme_of_dialplans_shows_a_script_and_its_test() {
    let mut shown = shown("dialplans/README.md");
    let (script, test) = (shown.remove(0), shown.pop().unwrap());
    let report = check_scripts(&script, &test);
    assert!(report.passed() && report.tests.len() == 1, "{:#?}", faults(&report));
    // What stands between them is a function, or lines of a function, of a script.
    for (n, more) in shown.iter().enumerate() {
        let more = if more.starts_with("fn ") {
            more.clone()
        } else {
            format!("fn lines_{n}(caller) {{\n{more}}}\n")
        };
        let report = check_scripts(&format!("{script}{more}"), &test);
        assert!(report.passed(), "{more}: {:#?}", faults(&report));
    }
}

#[test]
fn the_readme_opens_with_a_dialplan_that_works() {
    let first = shown("README.md").remove(0);
    let test = "fn test_it() { let c = incoming(#{ dialed: \"102\" }); c.on_dial(\"102\", #{ status: \"noanswer\" });\n\
                c.run(); assert(c.verbs[0] == \"dial 102\"); }";
    let report = check_scripts(&first, test);
    assert!(report.passed(), "{:#?}", faults(&report));
}
