//! Two phones change their session at any moments: in the end each has the last description of the other.

use std::time::Duration;

use media::SdpDirection::{self, Inactive, RecvOnly, SendOnly, SendRecv};
use sip::Method;
use tests::{
    Actor, Phase, Settings, Stage,
    net::{Chance, Faults},
};

fn something(chance: &mut Chance, one: &Actor) {
    let direction = |chance: &mut Chance| {
        let all = [SendRecv, SendOnly, RecvOnly, Inactive];
        all[usize::try_from(chance.below(4)).unwrap()]
    };
    let call = one.latest();
    match chance.below(10) {
        0..=3 => one.with(|phone| {
            let direction = direction(chance);
            if phone.calls[call].may_change() {
                phone.change(call, &Method::Invite, Some(direction));
            }
        }),
        4 | 5 => one.with(|phone| {
            let direction = direction(chance);
            if phone.calls[call].may_change() {
                phone.change(call, &Method::Update, Some(direction));
            }
        }),
        6 => one.with(|phone| {
            if phone.calls[call].may_change() {
                phone.change(call, &Method::Invite, None);
            }
        }),
        7 => one.with(|phone| phone.cancel_change(call)),
        8 => {
            let waits = chance.percent(50);
            one.feels(|mood| mood.waits_with_changes = waits);
            one.with(|phone| phone.decide(call, if waits { 491 } else { 200 }));
        }
        _ => {
            let refuses = chance.percent(50);
            one.feels(|mood| mood.refuses_changes = refuses.then_some(491));
        }
    }
}

fn settle(stage: &Stage, phones: &[&Actor; 2]) {
    for _ in 0..20 {
        for phone in phones {
            let call = phone.latest();
            phone.feels(|mood| {
                mood.waits_with_changes = false;
                mood.refuses_changes = None;
            });
            phone.with(|phone| phone.decide(call, 200));
        }
        stage.pass(4.0);
    }
}

/// Plays the changes that follow from `seed` on such a network.
fn play(seed: u64, faults: Faults) {
    let mut chance = Chance(seed);
    let stage = Stage::new(Settings {
        seed,
        ..Settings::default()
    });
    let (alice, bob) = stage.talking();
    stage.with(|world| world.net.faults = faults);
    let phones = [&alice, &bob];
    for _ in 0..25 {
        let one = phones[usize::try_from(chance.below(2)).unwrap()];
        something(&mut chance, one);
        let longest = [10, 50, 3_000][usize::try_from(chance.below(3)).unwrap()];
        stage.pass(chance.below(longest) as f64 / 1000.0);
    }
    settle(&stage, &phones);
    stage.with(|world| world.net.faults = Faults::default());
    let state = |phone: &Actor| -> (Phase, SdpDirection, SdpDirection) {
        phone.call(|call| (call.phase, call.said(), call.heard.clone().unwrap().direction()))
    };
    let ((a_phase, a_said, a_heard), (b_phase, b_said, b_heard)) = (state(&alice), state(&bob));
    assert_eq!(
        (a_phase, b_phase),
        (Phase::Up, Phase::Up),
        "seed {seed}\n{}",
        stage.ladder()
    );
    assert_eq!((a_said, b_said), (b_heard, a_heard), "seed {seed}\n{}", stage.ladder());
    let held = stage.calls()[0].legs.iter().any(|leg| leg.state == "held");
    assert_eq!(
        held,
        (a_said, b_said) != (SendRecv, SendRecv),
        "seed {seed}\n{}",
        stage.ladder()
    );
    alice.hangs_up().ends_with(200);
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn after_any_changes_both_phones_have_the_same_session() {
    (0..300).for_each(|seed| play(seed, Faults::default()));
}

#[test]
fn after_any_changes_on_a_bad_network_both_phones_have_the_same_session() {
    let faults = Faults {
        loss: 5,
        duplicates: 10,
        jitter: Duration::from_millis(20),
        ..Faults::default()
    };
    (0..300).for_each(|seed| play(seed, faults.clone()));
}
