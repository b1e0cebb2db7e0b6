//! Bad networks: every call ends, with one record, whichever messages are lost, doubled or late.

use std::time::Duration;

use media::SdpDirection::{SendOnly, SendRecv};
use sip::Method;
use switch::Input;
use tests::{Phase, Settings, Stage, net::Faults};

/// A whole call on such a network: whether it was answered, and how many messages were lost and doubled.
fn life(seed: u64, faults: Faults) -> (bool, u64, u64) {
    let stage = Stage::new(Settings {
        seed,
        ..Settings::default()
    });
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    stage.with(|world| world.net.faults = faults);
    alice.calls("102");
    stage.pass(3.0);
    if bob.phase().is_some() {
        bob.answers();
    }
    stage.pass(10.0);
    let answered = alice.phase() == Some(Phase::Up);
    if answered {
        alice.begins_change(Method::Invite, Some(SendOnly));
        stage.pass(10.0);
        bob.begins_change(Method::Update, Some(SendRecv));
        stage.pass(10.0);
    }
    if seed.is_multiple_of(2) {
        alice.hangs_up()
    } else {
        bob.ends_or_hangs_up()
    };
    stage.pass(120.0);
    alice.ends_or_hangs_up();
    stage.pass(60.0);
    let told = |phone: &tests::Actor| phone.phase().is_none_or(|phase| matches!(phase, Phase::Over(_)));
    assert!(told(&alice) && told(&bob), "seed {seed}\n{}", stage.ladder());
    stage.clears();
    assert!(stage.with(|world| world.cdrs.len() <= 1));
    stage.with(|world| (answered, world.net.lost, world.net.doubled))
}

fn lives(loss: u64, duplicates: u64, jitter: u64) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    for seed in 1..=20 {
        let faults = Faults {
            loss,
            duplicates,
            jitter: Duration::from_millis(jitter),
            ..Faults::default()
        };
        let (answered, lost, doubled) = life(seed, faults);
        sums = (sums.0 + u64::from(answered), sums.1 + lost, sums.2 + doubled);
    }
    sums
}

#[test]
fn without_faults_every_call_is_answered() {
    assert_eq!(lives(0, 0, 0), (20, 0, 0));
}

#[test]
fn one_in_ten_lost() {
    let (answered, lost, _) = lives(10, 0, 0);
    assert!(answered >= 19 && lost > 20, "{answered} {lost}");
}

#[test]
fn one_in_five_lost() {
    let (answered, lost, _) = lives(20, 0, 0);
    assert!(answered >= 17 && lost > 60, "{answered} {lost}");
}

#[test]
fn nearly_one_in_three_lost() {
    let (answered, lost, _) = lives(30, 0, 0);
    assert!(answered >= 13 && lost > 100, "{answered} {lost}");
}

#[test]
fn everything_comes_twice() {
    let (answered, _, doubled) = lives(0, 100, 0);
    assert!(answered == 20 && doubled > 300, "{answered} {doubled}");
}

#[test]
fn everything_overtakes_everything() {
    let (answered, _, doubled) = lives(0, 20, 900);
    assert!(answered >= 18 && doubled > 30, "{answered} {doubled}");
}

#[test]
fn all_of_it_at_once() {
    let (answered, lost, doubled) = lives(20, 20, 900);
    assert!(
        answered >= 12 && lost > 60 && doubled > 30,
        "{answered} {lost} {doubled}"
    );
}

#[test]
fn a_key_pressed_before_the_caller_has_heard_that_it_was_answered_does_not_end_the_call() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    // A phone without RFC 4733 gets keys by INFO.
    alice.feels(|mood| mood.codecs = vec!["PCMU"]);
    alice.calls("102");
    bob.rings().answers();
    stage.pass(0.002);
    stage.with(|world| world.net.faults.loss = 100);
    stage.pass(0.004);
    stage.with(|world| world.net.faults.loss = 0);
    // The 200 to 101 is lost, and is sent again only after this point.
    let call = bob.latest();
    bob.with(|phone| phone.pass(call, &Method::Info, "application/dtmf-relay", "Signal=5\r\n"));
    stage.pass(0.1);
    assert_ne!(alice.phase(), Some(Phase::Up), "\n{}", stage.ladder());
    assert_eq!(alice.got(Method::Info), 1, "\n{}", stage.ladder());
    stage.pass(5.0);
    assert_eq!(alice.phase(), Some(Phase::Up), "\n{}", stage.ladder());
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_whose_media_fails_gets_no_bye_before_it_has_acknowledged_the_answer() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.forgets_ack = true).calls("102");
    bob.rings().answers();
    alice.talks();
    let port = stage.with(|world| *world.ports.first().unwrap());
    let reason = "as a test".into();
    stage.tells(Input::Media(media::Event::Failed { media: port, reason }));
    stage.pass(5.0);
    // RFC 3261 15: no BYE before the ACK, or before the wait for the ACK is over.
    assert_eq!(alice.got(Method::Bye), 0, "\n{}", stage.ladder());
    bob.ends_with(200);
    alice.ends_with(200);
    assert_eq!(alice.got(Method::Bye), 1);
    stage.clears();
}
