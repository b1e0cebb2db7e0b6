//! NOTIFY and its answers (RFC 6665 section 4.2.2, RFC 5057).

use std::time::Duration;

use tests::{Actor, Settings, Stage};

/// A call from one phone to another that rings, then ends.
fn rings_once(stage: &Stage, from: &Actor, to: &Actor, number: &str) {
    from.calls(number);
    to.rings();
    stage.pass(1.5);
    from.hangs_up();
    to.ends_with(487);
    stage.pass(1.5);
}

#[test]
fn a_phone_that_sleeps_keeps_its_subscription_and_is_told_later() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    carol.feels(|mood| mood.dead = true);
    rings_once(&stage, &alice, &bob, "102");
    alice.calls("102");
    bob.rings().answers().talks();
    stage.pass(40.0);
    assert_eq!(stage.subscriptions()[0].last_answer, Some(408));
    assert_eq!(stage.subscriptions()[0].failures, 1);
    carol.feels(|mood| mood.dead = false);
    carol.sees(lamp, "confirmed");
    stage.pass(1.0);
    assert_eq!(
        (stage.subscriptions()[0].failures, stage.subscriptions()[0].last_answer),
        (0, Some(200))
    );
    carol.is_content();
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn three_unanswered_notifies_in_a_row_end_a_subscription() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    carol.watches("dialog", "102");
    carol.feels(|mood| mood.dead = true);
    rings_once(&stage, &alice, &bob, "102");
    stage.pass(80.0);
    assert_eq!(stage.subscriptions().len(), 1, "two have failed");
    stage.pass(60.0);
    assert_eq!(stage.subscriptions(), []);
    assert!(stage.with(|world| world.subscriptions.is_empty()));
    let stats = stage.with(|world| world.stats().services.subscriptions);
    assert_eq!(stats.failed, [("timeout".into(), 3)]);
    carol.feels(|mood| mood.dead = false);
    stage.clears();
}

#[test]
fn a_phone_that_has_forgotten_is_told_nothing_more() {
    for code in [481, 404, 405, 410, 489, 501, 604] {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        let lamp = carol.watches("dialog", "102");
        carol.lamp(lamp, |lamp| lamp.answers = (code, None));
        rings_once(&stage, &alice, &bob, "102");
        assert_eq!(stage.subscriptions(), [], "{code}");
        stage.clears();
    }
}

#[test]
fn other_refusals_are_tried_again_when_the_phone_says() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    carol.lamp(lamp, |lamp| lamp.answers = (503, Some(20)));
    rings_once(&stage, &alice, &bob, "102");
    stage.pass(10.0);
    assert_eq!(stage.subscriptions()[0].last_answer, Some(503));
    carol.lamp(lamp, |lamp| lamp.answers = (200, None));
    stage.pass(5.0);
    assert_eq!(carol.lit(lamp), 1, "not before its time");
    stage.pass(10.0);
    assert_eq!(carol.lit(lamp), 2);
    carol.sees(lamp, "idle").is_content();
    // Without Retry-After it counts as a failure.
    carol.lamp(lamp, |lamp| lamp.answers = (500, None));
    rings_once(&stage, &alice, &bob, "102");
    stage.pass(30.0);
    assert_eq!(stage.subscriptions(), [], "three in a row");
    stage.clears();
}

#[test]
fn a_phone_that_wants_to_be_asked_again_at_once_is_asked_as_often_as_others() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    carol.lamp(lamp, |lamp| lamp.answers = (503, Some(0)));
    bob.registers(0);
    let sent = || stage.with(|world| world.stats().services.subscriptions.notifies);
    let before = sent();
    stage.pass(10.0);
    assert!((9..=11).contains(&(sent() - before)), "{}", sent() - before);
    carol.lamp(lamp, |lamp| lamp.answers = (200, None));
    carol.sees(lamp, "unreachable");
}

#[test]
fn changes_while_a_notify_is_under_way_share_the_next_one() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    stage.pass(2.0);
    carol.feels(|mood| mood.dead = true);
    for _ in 0..3 {
        alice.calls("102");
        bob.rings();
        alice.hangs_up();
        bob.ends_with(487);
    }
    carol.feels(|mood| mood.dead = false);
    stage.pass(20.0);
    carol.sees(lamp, "idle").is_content();
    // The first one of the changes, sent again by its transaction, and the last state.
    assert_eq!(carol.lit(lamp), 3);
    stage.clears();
}

#[test]
fn nothing_follows_the_notify_that_ends_a_subscription() {
    let stage = Stage::default();
    let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    alice.calls("102");
    bob.rings();
    stage.pass(5.0);
    let lit = carol.lit(lamp);
    stage.with(|world| world.net.faults.delay = Duration::from_millis(200));
    // What changes before the phone has answered its last NOTIFY (RFC 6665 section 4.4.1).
    carol.with(|phone| phone.subscribe_again(lamp, 0, |it| it));
    stage.pass(0.25);
    bob.answers();
    stage.pass(5.0);
    assert_eq!((carol.lit(lamp), stage.subscriptions().len()), (lit + 1, 0));
    carol.lamp(lamp, |lamp| assert_eq!(lamp.state, "terminated;reason=timeout"));
    carol.is_content();
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn all_notifies_together_keep_a_pace_and_calls_do_not_wait_for_them() {
    let mut settings = Settings::default();
    let limits = &mut settings.config.limits.services.subscriptions;
    limits.notifies = switch::admission::Rate {
        per_second: 2,
        burst: 2,
    };
    limits.spacing = Duration::ZERO;
    let stage = Stage::new(settings);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let watchers: Vec<Actor> = (0..10).map(|i| stage.phone(&format!("2{i:02}"))).collect();
    for watcher in &watchers {
        watcher.watches("dialog", "102");
    }
    stage.pass(30.0);
    let lit = || watchers.iter().map(|watcher| watcher.lit(0)).sum::<usize>();
    assert_eq!(lit(), 10);
    let began = stage.with(|world| world.now);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let took = stage.with(|world| world.now.since(began));
    assert!(took < Duration::from_millis(500), "{took:?}");
    stage.pass(2.0);
    assert!(lit() <= 10 + 2 + 5, "{}", lit());
    stage.pass(20.0);
    // Each is told of the call in the end, in as few NOTIFYs as the pace leaves.
    for watcher in &watchers {
        watcher.sees(0, "confirmed").is_content();
    }
    stage.ends(&alice, &bob);
}

#[test]
fn nothing_new_is_not_told() {
    let stage = Stage::default();
    let (bob, carol) = (stage.phone("102"), stage.phone("103"));
    let lamp = carol.watches("dialog", "102");
    stage.pass(2.0);
    // A refresh changes nothing, and neither does a second contact.
    bob.registers(3_600);
    let _second = stage.phone("102");
    stage.pass(5.0);
    assert_eq!(carol.lit(lamp), 1);
    stage.clears();
}

#[test]
fn lamps_are_right_in_the_end_on_a_network_that_loses() {
    for seed in 1..=8 {
        let stage = Stage::new(Settings {
            seed,
            ..Settings::default()
        });
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        let lamp = carol.watches("dialog", "102");
        stage.with(|world| (world.net.faults.loss, world.net.faults.duplicates) = (20, 10));
        for _ in 0..3 {
            alice.calls("102");
            stage.pass(8.0);
            alice.ends_or_hangs_up();
            stage.pass(40.0);
        }
        stage.with(|world| (world.net.faults.loss, world.net.faults.duplicates) = (0, 0));
        stage.pass(60.0);
        carol.sees(lamp, "idle");
        let _ = bob;
    }
}
