//! Transfers by the API and by a script.

use switch::{Command, CommandError, LinkKind, Party, Reply};
use tests::{Actor, Settings, Stage};

use super::records;

/// A stage with music on hold.
fn stage(plan: &str) -> Stage {
    Stage::new(Settings::with_music(plan))
}

const DIALS: &str = "fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 20 }); }";

/// The API moves a party of the oldest call.
fn moves(stage: &Stage, party: Party, to: &str) -> Result<Reply, CommandError> {
    let call = stage.calls()[0].id;
    let to = to.to_owned();
    stage.commands(Command::Transfer { call, party, to })
}

fn talking() -> (Stage, Actor, Actor, Actor) {
    let stage = stage(DIALS);
    let (alice, bob) = stage.talking();
    let carol = stage.phone("103");
    (stage, alice, bob, carol)
}

#[test]
fn the_api_moves_a_party_and_the_other_one_hears_music_until_the_target_answers() {
    for party in [Party::Caller, Party::Callee] {
        let (stage, alice, bob, carol) = talking();
        let (moved, stays) = if party == Party::Caller {
            (&alice, &bob)
        } else {
            (&bob, &alice)
        };
        assert_eq!(moves(&stage, party, "103"), Ok(Reply::Done));
        carol.rings();
        assert_eq!(stays.music().as_deref(), Some("default"), "\n{}", stage.ladder());
        assert_eq!(moved.music(), None);
        carol.answers().talks();
        stays.ends_with(200);
        stage.hear_each_other(moved, &carol);
        stage.ends(moved, &carol);
        assert_eq!(records(&stage), 2);
        let links: Vec<_> = stage.with(|world| {
            let links = world.cdrs.iter().flat_map(|cdr| &cdr.links);
            links.map(|link| link.how).collect()
        });
        assert_eq!(links, [LinkKind::TransferredTo, LinkKind::TransferredFrom]);
    }
}

#[test]
fn a_party_that_the_api_moved_in_vain_comes_back() {
    for party in [Party::Caller, Party::Callee] {
        let (stage, alice, bob, carol) = talking();
        moves(&stage, party, "103").unwrap();
        carol.rings().rejects(486);
        stage.hear_each_other(&alice, &bob);
        assert_eq!((alice.music(), bob.music()), (None, None));
        stage.ends(&alice, &bob);
    }
}

#[test]
fn what_the_api_cannot_move_is_a_conflict_and_the_call_goes_on() {
    let stage = stage(DIALS);
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    alice.calls("102");
    bob.rings();
    let conflict = |result| matches!(result, Err(CommandError::Conflict(_)));
    assert!(conflict(moves(&stage, Party::Callee, "103")), "nobody has answered");
    bob.answers().talks();
    let over = stage.calls()[0].id;
    moves(&stage, Party::Caller, "103").unwrap();
    carol.rings();
    assert!(conflict(moves(&stage, Party::Callee, "103")), "a transfer is under way");
    carol.answers().talks();
    bob.ends_with(200);
    stage.ends(&alice, &carol);
    let gone = stage.commands(Command::Transfer {
        call: over,
        party: Party::Caller,
        to: "103".into(),
    });
    assert_eq!(gone, Err(CommandError::NotFound));
}

#[test]
fn a_caller_without_a_callee_is_moved_for_good() {
    // While a phone rings for the caller, in a conference, alone with the script.
    for first in [
        "caller.dial(\"103\");",
        "caller.conference(\"900\");",
        "caller.answer(); caller.wait(60);",
        "caller.answer(); caller.music();",
    ] {
        let stage = stage(&format!(
            "fn on_call(caller) {{ if caller.dialed == \"102\" {{ caller.dial(\"102\"); }} else {{ {first} }} }}"
        ));
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        alice.calls("900");
        stage.pass(1.0);
        assert_eq!(moves(&stage, Party::Caller, "102"), Ok(Reply::Done), "{first}");
        bob.rings().answers().talks();
        alice.talks();
        if carol.phase().is_some() {
            carol.ends_with(487);
        }
        stage.hear_each_other(&alice, &bob);
        stage.ends(&alice, &bob);
        assert_eq!(records(&stage), 2, "{first}");
    }
}

#[test]
fn a_script_moves_its_caller_to_another_number() {
    for first in ["", "caller.answer(); caller.wait(1);", "caller.ring();"] {
        let stage = stage(&format!(
            "fn on_call(caller) {{ if caller.dialed == \"900\" {{ {first} caller.transfer(\"102\"); caller.dial(\"103\"); }}
               else {{ caller.dial(caller.dialed); }} }}"
        ));
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        alice.calls("900");
        bob.rings().answers().talks();
        alice.talks();
        stage.hear_each_other(&alice, &bob);
        carol.stays_silent(1.0);
        let dialed = stage.calls().iter().map(|call| call.dialed.clone()).collect::<Vec<_>>();
        assert_eq!(dialed, ["102"]);
        stage.ends(&alice, &bob);
        assert_eq!(records(&stage), 2, "{first}");
    }
}

#[test]
fn a_target_that_refuses_a_caller_moved_by_a_script_is_what_the_caller_hears() {
    let stage = stage(
        r#"fn on_call(caller) { if caller.dialed == "900" { caller.transfer("102"); } else { caller.dial(caller.dialed); } }"#,
    );
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("900");
    bob.rings().rejects(486);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn a_transferred_party_that_a_script_moves_on_still_comes_back() {
    for answered in [true, false] {
        let stage = stage(
            r#"fn on_call(caller) { if caller.dialed == "900" { caller.transfer("103"); } else { caller.dial(caller.dialed); } }"#,
        );
        let (alice, bob) = stage.talking();
        let carol = stage.phone("103");
        bob.transfers_to("900");
        carol.rings();
        if answered {
            carol.answers().talks();
            bob.is_notified_at_last(200).ends_with(200);
            stage.hear_each_other(&alice, &carol);
            stage.ends(&alice, &carol);
        } else {
            carol.rejects(486);
            bob.is_notified_at_last(486);
            stage.hear_each_other(&alice, &bob);
            stage.ends(&alice, &bob);
        }
    }
}

#[test]
fn a_script_that_moves_its_caller_for_ever_comes_to_an_end() {
    // RFC 3261 16.3 step 3: as a chain of proxies does.
    let stage = stage(r#"fn on_call(caller) { caller.transfer("900"); }"#);
    let alice = stage.phone("101");
    alice.calls("900").ends_with(500);
    let count = records(&stage);
    assert!((2..=71).contains(&count), "{count}");
    stage.clears();
}

#[test]
fn a_party_that_is_transferred_into_a_loop_comes_back() {
    // RFC 3261 16.3 step 3, RFC 3515 section 2.4.5.
    let stage = stage(
        r#"fn on_call(caller) { if caller.dialed == "900" { caller.transfer("900"); } else { caller.dial(caller.dialed); } }"#,
    );
    let (alice, bob) = stage.talking();
    bob.transfers_to("900").is_notified_at_last(500);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}
