//! Pickups that meet another pickup, an answer, a hang-up, or a bad network.

use tests::{Actor, Phase, Stage};

use super::{records, team, with_seed};

fn ringing(stage: &Stage) -> (Actor, Actor, Actor, Actor) {
    let phones = ["101", "102", "103", "104"].map(|number| stage.phone(number));
    let [alice, bob, carol, dave] = phones;
    alice.calls("102");
    bob.rings();
    alice.hears_ringing();
    (alice, bob, carol, dave)
}

#[test]
fn of_two_that_pick_up_at_once_one_gets_the_call() {
    for group in [false, true] {
        let stage = team();
        let (alice, bob, carol, dave) = ringing(&stage);
        super::group(&stage, "sales", &["102", "103", "104"]);
        let code = if group { "*8" } else { "**102" };
        carol.with(|phone| phone.call(code));
        dave.with(|phone| phone.call(code));
        stage.pass(2.0);
        bob.ends_with(487);
        let (wins, loses) = if carol.phase() == Some(Phase::Up) {
            (carol, dave)
        } else {
            (dave, carol)
        };
        loses.ends_with(480);
        wins.talks();
        stage.hear_each_other(&alice, &wins);
        stage.ends(&alice, &wins);
        assert_eq!(records(&stage).len(), 3);
    }
}

#[test]
fn by_replaces_and_by_code_at_once_one_gets_the_call() {
    let stage = team();
    let (alice, bob, carol, dave) = ringing(&stage);
    let named = format!("{};early-only", bob.dialog());
    dave.with(|phone| phone.call_replacing("102", &named));
    carol.with(|phone| phone.call("**102"));
    stage.pass(2.0);
    bob.ends_with(487);
    let up = [&carol, &dave].map(|phone| phone.phase() == Some(Phase::Up));
    assert!(up[0] != up[1], "{}", stage.ladder());
    let winner = if up[0] { &carol } else { &dave };
    stage.hear_each_other(&alice, winner);
    stage.ends(&alice, winner);
}

#[test]
fn a_pickup_meets_the_answer_of_the_phone() {
    // The time between the two decides which comes first.
    for answer_first in [true, false] {
        for gap in [0.0, 0.005, 0.02, 0.05] {
            let stage = team();
            let (alice, bob, carol, _) = ringing(&stage);
            let answers = || bob.with(|phone| phone.answer(0));
            let picks_up = || {
                carol.with(|phone| phone.call("**102"));
            };
            if answer_first {
                answers();
                stage.pass(gap);
                picks_up();
            } else {
                picks_up();
                stage.pass(gap);
                answers();
            }
            stage.pass(3.0);
            let winner = if carol.phase() == Some(Phase::Up) { &carol } else { &bob };
            stage.hear_each_other(&alice, winner);
            stage.ends(&alice, winner);
            assert_eq!(records(&stage).len(), 2);
        }
    }
}

#[test]
fn a_pickup_meets_the_hang_up_of_the_caller() {
    for pickup_first in [true, false] {
        for gap in [0.0, 0.005, 0.02] {
            let stage = team();
            let (alice, bob, carol, _) = ringing(&stage);
            let hangs_up = || alice.with(|phone| phone.hang_up(0));
            let picks_up = || {
                carol.with(|phone| phone.call("**102"));
            };
            if pickup_first {
                picks_up();
                stage.pass(gap);
                hangs_up();
            } else {
                hangs_up();
                stage.pass(gap);
                picks_up();
            }
            stage.pass(3.0);
            for phone in [&alice, &bob, &carol] {
                assert!(matches!(phone.phase(), Some(Phase::Over(_))), "{}", stage.ladder());
            }
            stage.clears();
        }
    }
}

#[test]
fn a_picker_that_hangs_up_at_once_leaves_no_call_behind() {
    for gap in [0.0, 0.01, 0.03, 0.06] {
        let stage = team();
        let (alice, bob, carol, _) = ringing(&stage);
        carol.with(|phone| phone.call("**102"));
        stage.pass(gap);
        carol.ends_or_hangs_up();
        stage.pass(3.0);
        if bob.phase() == Some(Phase::Ringing) {
            bob.answers().talks();
            stage.ends(&alice, &bob);
        } else {
            stage.clears();
        }
    }
}

#[test]
fn a_pickup_over_a_bad_network_connects_both() {
    for seed in 0..6 {
        let stage = with_seed(seed);
        let (alice, bob, carol, _) = ringing(&stage);
        stage.with(|world| (world.net.faults.loss, world.net.faults.duplicates) = (20, 20));
        carol.with(|phone| phone.call("**102"));
        carol.talks();
        alice.talks();
        bob.ends_with(487);
        stage.with(|world| (world.net.faults.loss, world.net.faults.duplicates) = (0, 0));
        stage.pass(40.0);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}
