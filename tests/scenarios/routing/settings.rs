//! What an extension wants done with its calls: how long its phones ring, how many calls it takes, where its calls go
//! while no phone can be reached; and how a script changes that.

use std::time::Duration;

use switch::{CauseCode, Event, Extension};
use tests::{Actor, Phase, Stage};

fn stage(plan: &str, change: impl FnOnce(&mut Extension)) -> (Stage, Actor, Actor, Actor) {
    let stage = Stage::plan(&format!("fn on_call(caller) {{ {plan} }}"));
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    stage.with(|world| world.account("102", change));
    (stage, alice, bob, carol)
}

const PLAIN: &str = "caller.dial(caller.dialed, #{ timeout: 20 });";

/// The seconds that pass while `what` happens.
fn seconds(stage: &Stage, what: impl FnOnce()) -> f64 {
    let before = stage.with(|world| world.now);
    what();
    stage.with(|world| (world.now - before).as_secs_f64())
}

fn diversion(actor: &Actor) -> String {
    actor.rings();
    actor.call(|call| call.invite.other("Diversion").unwrap().to_owned())
}

#[test]
fn without_a_phone_calls_go_where_the_extension_says() {
    let (stage, alice, bob, carol) = stage(PLAIN, |account| {
        account.forward_unreachable = Some("103".into());
        account.forward_no_answer = Some("999".into());
    });
    bob.registers(0);
    alice.calls("102");
    assert_eq!(
        diversion(&carol),
        "\"Person 102\" <sip:102@tandem.local>;reason=unavailable"
    );
    carol.answers().talks();
    alice.talks().hangs_up();
    stage.clears();
}

#[test]
fn a_phone_that_is_dead_counts_as_no_phone_and_one_that_rang_does_not() {
    for rings in [false, true] {
        let (stage, alice, bob, carol) = stage(PLAIN, |account| account.forward_unreachable = Some("103".into()));
        if rings {
            alice.calls("102");
            bob.rings().rejects(480);
            alice.ends_with(480);
            assert_eq!(carol.phase(), None);
        } else {
            bob.feels(|mood| mood.refuses = Some(480));
            alice.calls("102");
            assert_eq!(
                diversion(&carol),
                "\"Person 102\" <sip:102@tandem.local>;reason=unavailable"
            );
            alice.hangs_up();
        }
        stage.clears();
    }
}

#[test]
fn phones_ring_as_long_as_their_extension_says() {
    let (stage, alice, bob, carol) = stage(PLAIN, |account| {
        account.rules.no_answer_seconds = Some(6);
        account.forward_no_answer = Some("103".into());
    });
    alice.calls("102");
    bob.rings();
    let rang = seconds(&stage, || {
        bob.ends_with(487);
    });
    assert!((5.5..=6.5).contains(&rang), "{rang}");
    assert_eq!(
        diversion(&carol),
        "\"Person 102\" <sip:102@tandem.local>;reason=no-answer"
    );
    // The next place has the whole time of the dial.
    let rang = seconds(&stage, || {
        carol.ends_with(487);
    });
    assert!((19.0..=21.0).contains(&rang), "{rang}");
    alice.ends_with(480);
    assert_eq!(stage.record().cause, CauseCode::PhoneNoAnswer);
    stage.clears();
}

#[test]
fn the_time_of_the_dial_is_the_longest() {
    let (stage, alice, bob, _carol) = stage(PLAIN, |account| account.rules.no_answer_seconds = Some(300));
    alice.calls("102");
    bob.rings();
    let rang = seconds(&stage, || {
        alice.ends_with(480);
    });
    assert!((19.0..=21.0).contains(&rang), "{rang}");
    bob.ends_with(487);
    stage.clears();
}

#[test]
fn in_a_group_only_the_phones_of_that_extension_stop() {
    let plan = r#"caller.dial(["102", "103"], #{ timeout: 20 });"#;
    let (stage, alice, bob, carol) = stage(plan, |account| account.rules.no_answer_seconds = Some(5));
    let kitchen = stage.phone("102");
    alice.calls("900");
    bob.rings().ends_with(487);
    kitchen.ends_with(487);
    stage.pass(3.0);
    assert_eq!(carol.phase(), Some(Phase::Ringing));
    carol.answers().talks();
    alice.talks().hangs_up();
    stage.clears();
}

#[test]
fn a_target_begins_to_ring_later() {
    let plan = r#"caller.dial(["102", #{ to: "103", delay: 5 }], #{ timeout: 12 });"#;
    let (stage, alice, bob, carol) = stage(plan, |_| {});
    alice.calls("900");
    bob.rings();
    carol.stays_silent(4.0);
    carol.rings();
    // Both have the same end.
    let rang = seconds(&stage, || {
        carol.ends_with(487);
    });
    assert!((6.0..=7.5).contains(&rang), "{rang}");
    bob.ends_with(487);
    alice.ends_with(480);
    stage.clears();
}

#[test]
fn a_target_that_waits_never_rings_once_the_call_is_answered_or_given_up() {
    let plan = r#"caller.dial(["102", #{ to: "103", delay: 5 }], #{ timeout: 12 });"#;
    let (stage, alice, bob, carol) = stage(plan, |_| {});
    alice.calls("900");
    bob.rings().answers().talks();
    alice.talks();
    carol.stays_silent(8.0);
    alice.hangs_up();
    bob.ends_with(200);
    alice.calls("900");
    bob.rings();
    alice.hangs_up().ends_with(487);
    carol.stays_silent(8.0);
    assert_eq!(carol.phase(), None);
    stage.clears();
}

#[test]
fn a_target_that_waits_rings_at_once_where_nothing_else_rings() {
    let plan = r#"caller.dial(["102", #{ to: "103", delay: 9 }, #{ to: "104", delay: 30 }], #{ timeout: 12 });"#;
    let (stage, alice, bob, carol) = stage(plan, |_| {});
    let dave = stage.phone("104");
    bob.feels(|mood| mood.refuses = Some(486));
    alice.calls("900");
    let waited = seconds(&stage, || {
        carol.rings();
    });
    assert!(waited < 2.0, "{waited}");
    alice.ends_with(486);
    assert_eq!(dave.phase(), None, "its time to ring comes after the end of the dial");
    stage.clears();
}

#[test]
fn further_calls_find_an_extension_busy() {
    let (stage, alice, bob, carol) = stage(PLAIN, |account| account.rules.call_limit = Some(1));
    let kitchen = stage.phone("102");
    // Two phones that ring for one call are one call.
    alice.calls("102");
    bob.rings();
    kitchen.rings();
    carol.calls("102").ends_with(486);
    assert_eq!(stage.record().cause, CauseCode::PhoneCallLimit);
    bob.answers().talks();
    alice.talks();
    carol.calls("102").ends_with(486);
    alice.hangs_up();
    bob.ends_with(200);
    carol.calls("102");
    bob.rings();
    carol.hangs_up().ends_with(487);
    // Calls that the extension makes count as well.
    bob.calls("101");
    alice.rings().answers().talks();
    carol.calls("102").ends_with(486);
    stage.with(|world| {
        world.account("102", |account| {
            account.rules.call_limit = Some(2);
        });
    });
    carol.calls("102");
    kitchen.rings().answers().talks();
    carol.talks().hangs_up();
    alice.hangs_up();
    stage.clears();
}

#[test]
fn an_extension_with_as_many_calls_as_it_may_have_forwards_as_one_that_is_busy() {
    let (stage, alice, bob, carol) = stage(PLAIN, |account| {
        account.rules.call_limit = Some(1);
        account.forward_busy = Some("103".into());
    });
    let dave = stage.phone("104");
    dave.calls("102");
    bob.rings().answers().talks();
    alice.calls("102");
    assert_eq!(
        diversion(&carol),
        "\"Person 102\" <sip:102@tandem.local>;reason=user-busy"
    );
    alice.hangs_up();
    dave.hangs_up();
    stage.clears();
}

#[test]
fn a_script_changes_the_settings_of_its_caller_and_of_no_other() {
    let plan = r#"
        if caller.dialed == "*78" {
            caller.set(#{ dnd: true, forward_busy: "103", call_limit: 2 });
            let now = extension(caller.extension);
            caller.reject(499, `${now.dnd} ${now.forward_busy} ${now.call_limit}`);
        } else {
            caller.dial(caller.dialed);
        }"#;
    let (stage, alice, bob, carol) = stage(plan, |_| {});
    bob.calls("*78").ends_with(499);
    assert_eq!(bob.call(|call| call.last.reason().to_string()), "true 103 2");
    let changed = stage.with(|world| {
        let changed = world.events.iter().filter_map(|event| match event {
            Event::ExtensionChanged { number } => Some(number.clone()),
            _ => None,
        });
        changed.collect::<Vec<_>>()
    });
    assert_eq!(changed, ["102"]);
    alice.calls("102");
    assert_eq!(
        diversion(&carol),
        "\"Person 102\" <sip:102@tandem.local>;reason=do-not-disturb"
    );
    alice.hangs_up();
    stage.clears();
}

#[test]
fn a_change_that_cannot_be_stored_is_a_fault_that_a_script_may_catch() {
    let plan = r#"try { caller.set(#{ dnd: true }); } catch (fault) { caller.reject(499, fault); }"#;
    let (stage, _alice, bob, _carol) = stage(plan, |_| {});
    stage.with(|world| world.store_works = false);
    bob.calls("*78").ends_with(499);
    let told = bob.call(|call| call.last.reason().to_string());
    assert_eq!(told, "set: the change could not be stored");
    stage.with(|world| assert!(!world.people["102"].dnd));
    stage.clears();
}

#[test]
fn a_caller_that_hangs_up_while_the_store_works_leaves_a_change_that_is_in_force() {
    let (stage, _alice, bob, _carol) = stage("caller.set(#{ dnd: true });", |_| {});
    stage.with(|world| world.store_delay = Duration::from_secs(2));
    bob.calls("*78");
    stage.pass(3.0);
    bob.hangs_up();
    stage.pass(3.0);
    stage.with(|world| assert!(world.people["102"].dnd));
    stage.clears();
}

#[test]
fn redial_and_call_return_know_the_numbers_of_past_calls() {
    let plan = r#"
        switch caller.dialed {
            "*66" => caller.reject(499, `[${caller.last_dialed}]`),
            "*69" => caller.reject(499, `[${caller.last_caller}]`),
            "*67103" => caller.dial("103", #{ caller_id: #{ number: "anonymous", name: "Anonymous" } }),
            _ => caller.dial(caller.dialed),
        }"#;
    let (stage, alice, bob, carol) = stage(plan, |_| {});
    let asks = |actor: &Actor, code: &str| {
        actor.calls(code).ends_with(499);
        actor.call(|call| call.last.reason().to_string())
    };
    assert_eq!(asks(&alice, "*66"), "[]");
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    assert_eq!(
        (asks(&alice, "*66"), asks(&bob, "*69")),
        ("[102]".into(), "[101]".into())
    );
    bob.calls("103");
    carol.rings();
    bob.hangs_up().ends_with(487);
    assert_eq!(asks(&carol, "*69"), "[102]", "a missed call counts");
    // A number that was hidden is not told.
    alice.calls("*67103");
    carol.rings();
    alice.hangs_up().ends_with(487);
    assert_eq!(asks(&carol, "*69"), "[]");
    assert_eq!(asks(&alice, "*66"), "[102]", "codes are not dialed again");
    stage.clears();
}
