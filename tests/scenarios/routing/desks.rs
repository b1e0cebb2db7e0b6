//! Hot-desking: a person logs on at another phone, which then acts for that person's extension.

use tests::{Actor, Stage};

const PLAN: &str = r#"fn on_call(caller) {
    let dialed = caller.dialed;
    if dialed.starts_with("*11") { caller.reject(499, `${caller.log_on(dialed.sub_string(3), "1234")}`); }
    else if dialed == "*10" { caller.reject(499, `${caller.log_on("105", "9999")}`); }
    else if dialed == "*12" { caller.reject(499, `${caller.log_off()}`); }
    else if dialed == "*0" { caller.reject(499, `${caller.extension} ${extension("105").registered}`); }
    else { caller.dial(dialed); }
}"#;

fn asks(actor: &Actor, code: &str) -> String {
    actor.calls(code).ends_with(499);
    actor.call(|call| call.last.reason().to_string())
}

/// 101 has the phone at the shared desk; 105 has none.
fn stage() -> (Stage, Actor, Actor) {
    let stage = Stage::plan(PLAN);
    let (desk, other) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.extension("105"));
    (stage, desk, other)
}

#[test]
fn a_phone_at_which_a_person_has_logged_on_calls_and_is_called_as_that_extension() {
    let (stage, desk, other) = stage();
    assert_eq!(asks(&desk, "*0"), "101 false");
    assert_eq!(asks(&desk, "*11105"), "true");
    assert_eq!(asks(&desk, "*0"), "105 true");
    other.calls("105");
    desk.rings().answers().talks();
    other.talks().hangs_up();
    desk.ends_with(200);
    other.calls("101").ends_with(480);
    desk.calls("102");
    other.rings();
    let from = other.call(|call| call.invite.from().unwrap().uri().unwrap().number().into_owned());
    assert_eq!(from, "105");
    desk.hangs_up().ends_with(487);
    assert_eq!(stage.with(|world| world.cdrs.last().unwrap().open.from.clone()), "105");
    stage.clears();
}

#[test]
fn after_logging_off_the_phone_is_that_of_its_own_extension_again() {
    let (stage, desk, other) = stage();
    asks(&desk, "*11105");
    // A registration in between changes nothing.
    desk.registers(3_600);
    assert_eq!(asks(&desk, "*0"), "105 true");
    assert_eq!(asks(&desk, "*12"), "true");
    assert_eq!(asks(&desk, "*0"), "101 false");
    other.calls("105").ends_with(480);
    other.calls("101");
    desk.rings().answers().talks();
    other.talks().hangs_up();
    stage.clears();
}

#[test]
fn a_person_may_log_off_during_a_call() {
    let (stage, desk, other) = stage();
    asks(&desk, "*11105");
    desk.calls("102");
    other.rings().answers().talks();
    desk.talks();
    let change = switch::AccountChange::LogOn {
        username: "101".into(),
        extension: None,
    };
    stage.tells(switch::Input::Account(change));
    desk.holds().resumes().hangs_up();
    other.ends_with(200);
    stage.clears();
}

#[test]
fn nobody_logs_on_as_an_extension_that_is_not_there_or_while_the_store_fails() {
    let (stage, desk, _other) = stage();
    assert_eq!(asks(&desk, "*11999"), "false");
    assert_eq!(asks(&desk, "*11"), "false");
    assert_eq!(asks(&desk, "*10"), "false", "a wrong PIN");
    stage.with(|world| world.store_works = false);
    assert_eq!(asks(&desk, "*11105"), "false");
    assert_eq!(asks(&desk, "*0"), "101 false");
    stage.clears();
}
