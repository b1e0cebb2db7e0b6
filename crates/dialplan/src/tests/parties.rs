//! `pickup`, `park`, `page` and `dial` with `auto_answer`: what scripts ask for, what they are told, and faults.

use std::time::Duration;

use switch::{Page, PageResult, PageStatus, Park, ParkResult, ParkStatus, Pickup, PickupResult, PickupStatus};

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
fn pickup_asks_for_a_number_or_for_the_group() {
    for (body, want, shown) in [
        (r#"caller.pickup("102")"#, Pickup::Number("102".into()), "pickup 102"),
        (r#"caller.pickup("*")"#, Pickup::Group, "pickup *"),
        (r#"caller.pickup(#{ group: true })"#, Pickup::Group, "pickup *"),
    ] {
        let verb = asked(body);
        assert_eq!(verb.to_string(), shown);
        assert_eq!(verb, Verb::Pickup(want));
    }
}

#[test]
fn after_a_pickup_no_other_verb_is_asked_for() {
    let picked = |status| {
        Outcome::PickedUp(PickupResult {
            status,
            number: "101".into(),
            name: "Alice".into(),
        })
    };
    let body = r#"let r = caller.pickup("102");
        if r.status == "answered" && r.number == "101" && r.name == "Alice" { caller.dial("103"); throw "no"; } else { throw "wrong"; }"#;
    assert_eq!(after(body, picked(PickupStatus::Answered)), Ok(()));
    let mut fiber = start(&on_call(r#"caller.pickup("102"); caller.dial("103");"#));
    verb(step(&mut fiber, Resume::Continue));
    let next = verb(step(&mut fiber, done(picked(PickupStatus::Nothing)))).0;
    assert_eq!(next.to_string(), "dial 103");
}

#[test]
fn park_asks_with_its_options_and_without() {
    let plain = Verb::Park(Box::default());
    assert_eq!(
        (asked("caller.park()"), plain.to_string()),
        (plain.clone(), "park".into())
    );
    let with = Park {
        slot: Some("705".into()),
        timeout: Some(Duration::from_secs(60)),
        ring: Some(Duration::from_secs(15)),
        music: Some("jazz".into()),
        held: false,
    };
    let verb = asked(r#"caller.park("705", #{ timeout: 60, ring: 15, music: "jazz" })"#);
    assert_eq!(verb.to_string(), "park 705");
    assert_eq!(verb, Verb::Park(Box::new(with.clone())));
    assert_eq!(
        asked(r#"caller.park(#{ timeout: 60, ring: 15, music: "jazz" })"#),
        Verb::Park(Box::new(Park { slot: None, ..with }))
    );
}

#[test]
fn the_party_on_hold_is_parked_where_the_script_says_so() {
    let held = Park {
        held: true,
        ..Park::default()
    };
    let verb = asked("caller.park(#{ held: true })");
    assert_eq!(
        (verb.to_string(), verb),
        ("park held".into(), Verb::Park(Box::new(held.clone())))
    );
    let slot = Park {
        slot: Some("705".into()),
        ..held
    };
    let verb = asked(r#"caller.park("705", #{ held: true })"#);
    assert_eq!(
        (verb.to_string(), verb),
        ("park 705 held".into(), Verb::Park(Box::new(slot)))
    );
    let nothing = Outcome::Parked(ParkResult {
        status: ParkStatus::Nothing,
        slot: String::new(),
        by: String::new(),
        talk: 0.0,
    });
    let body = r#"if caller.park(#{ held: true }).status != "nothing" { throw "wrong"; }"#;
    assert_eq!(after(body, nothing), Ok(()));
}

#[test]
fn park_and_page_return_what_came_of_them() {
    let parked = Outcome::Parked(ParkResult {
        status: ParkStatus::Returned,
        slot: "701".into(),
        by: "102".into(),
        talk: 2.5,
    });
    let body = r#"let r = caller.park();
        if r.status != "returned" || r.slot != "701" || r.by != "102" || r.talk != 2.5 { throw "wrong"; }"#;
    assert_eq!(after(body, parked), Ok(()));
    let paged = Outcome::Paged(PageResult {
        status: PageStatus::Done,
        phones: 2,
        seconds: 4.0,
    });
    let body = r#"let r = caller.page(["102", "103"]);
        if r.status != "done" || r.phones != 2 || r.seconds != 4.0 { throw "wrong"; }"#;
    assert_eq!(after(body, paged), Ok(()));
}

#[test]
fn page_asks_for_its_targets() {
    let page = Page {
        targets: vec!["102".into(), "103".into()],
        timeout: Duration::from_secs(5),
    };
    let verb = asked(r#"caller.page(["102", "103"], #{ timeout: 5 })"#);
    assert_eq!(verb.to_string(), "page 102 103");
    assert_eq!(verb, Verb::Page(Box::new(page)));
}

#[test]
fn what_cannot_be_asked_for_is_a_fault_when_the_script_is_loaded() {
    let refused = |body: &str| {
        let text = format!("fn on_call(caller) {{\n{body}\n}}");
        plan(&[("main.rhai", &text)], &Limits::default())
            .map(drop)
            .unwrap_err()
            .join("; ")
    };
    for (body, message) in [
        ("caller.pickup()", "2:8: caller.pickup takes 1 arguments, not 0"),
        (r#"caller.pickup("1 2")"#, "2:15: \"1 2\" is no number"),
        (
            "caller.pickup(102)",
            "2:15: pickup: a number, \"*\" or #{ group: true } is needed",
        ),
        (
            "caller.pickup(#{ team: true })",
            "2:18: pickup has no option \"team\"; it has group",
        ),
        (r#"caller.park("70a")"#, "2:13: \"70a\" is no slot: 1 to 9 digits"),
        (
            r#"caller.park("701", #{ timeout: 0 })"#,
            "2:32: timeout 0: 1 to 3600 seconds are possible",
        ),
        (
            r#"caller.park(#{ tiemout: 9 })"#,
            "2:16: park has no option \"tiemout\"; it has timeout",
        ),
        (r#"caller.page("sip:x@y")"#, "2:13: \"sip:x@y\" is no number"),
        (
            r#"caller.page(["1"], #{ ring: 1 })"#,
            "2:23: page has no option \"ring\"; it has timeout",
        ),
        (
            r#"caller.dial("1", #{ auto_answer: 1 })"#,
            "2:34: auto_answer: true or false is needed",
        ),
        (
            r#"if caller.pickup("1").status == "picked" { }"#,
            "2:33: a status is never \"picked\"; it is one of answered, nothing, denied, failed",
        ),
        (
            r#"let r = caller.park(); if r.status == "free" { }"#,
            "2:39: a status is never \"free\"; it is one of retrieved, returned, timeout, full, nothing, failed",
        ),
        (
            r#"caller.page("1").heard"#,
            "2:18: what page returns has no heard; it has status, phones, seconds",
        ),
    ] {
        let found = refused(body);
        assert!(found.starts_with(&format!("main.rhai:{message}")), "{body}: {found}");
    }
}
