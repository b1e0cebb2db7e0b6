//! Subscriptions survive a restart.

use sip::Transport;
use tests::{Actor, Settings, Stage};

/// Kills the switch and starts it again. Its identifiers are others than before, as its seed is.
fn restarts(stage: &Stage, seed: u64) {
    let settings = Settings {
        seed,
        ..Settings::default()
    };
    stage.with(|world| world.restart(&settings));
}

#[test]
fn every_lamp_is_right_within_seconds_of_a_restart() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let watchers: Vec<Actor> = (0..20).map(|i| stage.phone(&format!("2{i:02}"))).collect();
    for watcher in watchers.iter().chain([&carol]) {
        watcher.watches("dialog", "101");
        watcher.watches("dialog;id=7", "102");
        watcher.watches("dialog", "103");
        watcher.watches("message-summary", "102");
    }
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    carol.calls("102");
    stage.pass(10.0);
    for watcher in &watchers {
        watcher.sees(0, "confirmed").sees(1, "early");
    }
    let before = stage.subscriptions().len();
    restarts(&stage, 2);
    assert_eq!(stage.subscriptions().len(), before);
    let lit: usize = watchers.iter().map(|watcher| watcher.lit(0)).sum();
    stage.pass(1.0);
    let soon: usize = watchers.iter().map(|watcher| watcher.lit(0)).sum();
    assert!(soon - lit < watchers.len(), "spread over seconds");
    stage.pass(9.0);
    for watcher in watchers.iter().chain([&carol]) {
        for lamp in 0..3 {
            watcher.sees(lamp, "idle");
        }
        // Neither CSeq nor version goes back.
        watcher.is_content();
    }
    // They go on: refreshed, lit and ended as before.
    let one = &watchers[0];
    assert_eq!(one.subscribes_again(1, 3_600, |it| it), 200);
    for phone in [&alice, &bob] {
        phone.with(tests::Phone::reboots);
    }
    stage.pass(60.0);
    alice.calls("102");
    bob.rings();
    one.sees(1, "early");
    alice.hangs_up();
    bob.ends_with(487);
    one.sees(1, "idle");
    assert_eq!(one.subscribes_again(1, 0, |it| it), 200);
    stage.pass(1.0);
    assert_eq!(stage.subscriptions().len(), before - 1);
    assert_eq!(stage.with(|world| world.subscriptions.len()), before - 1);
}

#[test]
fn nothing_goes_back_over_many_restarts_with_many_changes() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    for round in 0..5 {
        for _ in 0..10 {
            alice.calls("102");
            bob.rings();
            stage.pass(2.0);
            alice.hangs_up();
            bob.ends_with(487);
            stage.pass(2.0);
        }
        restarts(&stage, 2 + round);
        stage.pass(40.0);
    }
    carol.sees(lamp, "idle").is_content();
    assert!(carol.lit(lamp) > 100);
}

#[test]
fn what_ended_while_the_switch_was_off_is_forgotten() {
    let stage = Stage::default();
    let carol = stage.phone("103");
    carol.subscribes("dialog", "102", 60, |it| it);
    carol.watches("dialog", "101");
    stage.pass(30.0);
    stage.with(|world| {
        world.restart(&Settings::default());
        assert_eq!(world.subscriptions.len(), 2);
    });
    stage.with(|world| {
        // It was off for a while.
        world.switch = tests::world::switch_of(&Settings::default());
        world.now += std::time::Duration::from_secs(60);
        world.restart(&Settings::default());
    });
    stage.pass(10.0);
    assert_eq!(stage.subscriptions().len(), 1);
    assert_eq!(stage.with(|world| world.subscriptions.len()), 1);
}

#[test]
fn a_phone_on_a_stream_is_told_once_it_has_a_connection_again() {
    let stage = Stage::default();
    let bob = stage.phone("102");
    let carol = stage.phone_at("103", "198.51.100.77:5060", Transport::Tcp);
    let lamp = carol.watches("dialog", "102");
    stage.pass(5.0);
    let lit = carol.lit(lamp);
    stage.with(|world| {
        world.cuts("198.51.100.77:5060".parse().unwrap());
        world.restart(&Settings::default());
    });
    stage.pass(120.0);
    assert_eq!(
        stage.subscriptions().len(),
        1,
        "a lost connection is no fault of the phone"
    );
    carol.registers(3_600);
    stage.pass(5.0);
    assert!(carol.lit(lamp) > lit);
    carol.sees(lamp, "idle").is_content();
    let _ = bob;
}
