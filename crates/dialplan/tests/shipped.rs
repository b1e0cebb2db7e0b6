//! The dialplan that comes with Tandem passes its own tests.

use std::path::Path;

use dialplan::{Limits, check};

#[test]
fn the_shipped_dialplan_passes_its_tests() {
    let report = check(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dialplans")),
        &Limits::default(),
    );
    let faults: Vec<String> = report.lines().collect();
    assert!(report.passed(), "{faults:#?}");
    assert!(report.tests.len() >= 5, "its tests are found");
}
