//! INVITE with Join (RFC 3911): another phone of an extension joins the call of the first.

use tests::{Actor, Stage};

use super::records;

/// Two that talk, and a second phone of the callee's extension.
fn talking() -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let desk = stage.phone("102");
    (stage, alice, bob, desk)
}

/// Calls with Join.
fn joins(phone: &Actor, value: &str) {
    phone.with(|phone| phone.call_joining("000", value));
}

/// The numbers of the members of the only conference.
fn members(stage: &Stage) -> Vec<String> {
    let conferences = stage.conferences();
    let mut numbers: Vec<_> = conferences
        .iter()
        .flat_map(|room| room.members.iter().map(|member| member.number.clone()))
        .collect();
    numbers.sort();
    numbers
}

#[test]
fn another_phone_of_the_extension_joins_the_call_and_two_go_on_without_the_third() {
    for first in 0..3 {
        let (stage, alice, bob, desk) = talking();
        joins(&desk, &bob.dialog());
        desk.talks();
        stage.pass(1.0);
        assert_eq!(members(&stage), ["101", "102", "102"], "\n{}", stage.ladder());
        let mut phones = vec![&alice, &bob, &desk];
        phones.remove(first).hangs_up().ends_with(200);
        stage.pass(1.0);
        assert_eq!(members(&stage).len(), 2);
        // The last one is not left alone.
        phones.remove(0).hangs_up().ends_with(200);
        phones.remove(0).ends_with(200);
        assert_eq!(records(&stage), 4, "\n{}", stage.ladder());
        stage.clears();
    }
}

#[test]
fn a_fourth_phone_joins_the_three() {
    let (stage, alice, bob, desk) = talking();
    let sofa = stage.phone("102");
    joins(&desk, &bob.dialog());
    desk.talks();
    stage.pass(1.0);
    joins(&sofa, &desk.dialog());
    sofa.talks();
    stage.pass(1.0);
    assert_eq!(members(&stage).len(), 4);
    for phone in [&alice, &bob, &desk] {
        phone.hangs_up().ends_with(200);
    }
    sofa.ends_with(200);
    stage.clears();
}

#[test]
fn a_call_that_cannot_be_joined_goes_on() {
    // RFC 3911 4; only phones of the extension may join its calls.
    let (stage, alice, bob, desk) = talking();
    let carol = stage.phone("103");
    let named = bob.dialog();
    for (phone, value, code) in [
        (&carol, named.clone(), 403),
        (&desk, named.replace("to-tag=", "to-tag=x"), 481),
        (&desk, "x".to_owned(), 400),
        (&desk, format!("{named}, {named}"), 400),
    ] {
        joins(phone, &value);
        phone.ends_with(code);
    }
    desk.feels(|mood| mood.adds = vec![("Replaces", named.clone())]);
    joins(&desk, &named);
    desk.ends_with(400);
    desk.feels(|mood| mood.adds = Vec::new());
    desk.feels(|mood| mood.codecs = vec!["AMR"]);
    joins(&desk, &named);
    desk.ends_with(488);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn what_rings_or_talks_with_a_script_is_not_joined() {
    let stage = Stage::plan(
        r#"fn on_call(caller) { if caller.dialed == "900" { caller.answer(); caller.wait(60); } else { caller.dial("102"); } }"#,
    );
    let (alice, bob, desk) = (stage.phone("101"), stage.phone("102"), stage.phone("101"));
    alice.calls("900").talks();
    joins(&desk, &alice.dialog());
    desk.ends_with(488);
    alice.hangs_up().ends_with(200);
    bob.feels(|mood| mood.answers = false);
    alice.calls("102");
    bob.rings();
    let other = stage.phone("102");
    joins(&other, &bob.dialog());
    other.ends_with(481);
    alice.hangs_up().ends_with(487);
    stage.clears();
}
