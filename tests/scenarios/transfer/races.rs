//! Transfers that meet hang-ups, changes, and a network that loses and repeats.

use media::SdpDirection::{SendOnly, SendRecv};
use sip::Method;
use tests::{Actor, Phase, Stage};

use super::{connect, records, talking};

/// Seconds from the REFER to the event that crosses it. At each of these times another message is under way: a
/// message takes 5 ms.
fn moments() -> impl Iterator<Item = f64> {
    (0..66).step_by(3).map(|late| f64::from(late) / 1000.0)
}

/// The phones that are still in a call hang up. No call, leg or port may be left.
fn all_hang_up(stage: &Stage, phones: &[&Actor]) {
    stage.pass(3.0);
    for phone in phones {
        let calls = phone.with(|phone| phone.calls.len());
        for call in 0..calls {
            phone.on(call).hangs_up();
        }
    }
    stage.clears();
    for phone in phones {
        let calls = phone.with(|phone| phone.calls.iter().map(|call| call.phase).collect::<Vec<_>>());
        let over = calls.iter().all(|phase| matches!(phase, Phase::Over(_)));
        assert!(over, "{calls:?}\n{}", stage.ladder());
        let complaints = phone.with(|phone| phone.complaints.clone());
        assert!(complaints.is_empty(), "{complaints:?}\n{}", stage.ladder());
    }
}

#[test]
fn a_hang_up_at_any_moment_of_a_blind_transfer_leaves_nothing() {
    for by_caller in [false, true] {
        for who in 0..3 {
            for late in moments() {
                let (stage, alice, bob, carol) = talking();
                carol.feels(|mood| mood.answers = true);
                let transferor = if by_caller { &alice } else { &bob };
                transferor.asks_to_transfer_to("103");
                stage.pass(late);
                [&alice, &bob, &carol][who].ends_or_hangs_up();
                all_hang_up(&stage, &[&alice, &bob, &carol]);
                let records = records(&stage);
                assert!(records <= 2, "{records} records\n{}", stage.ladder());
            }
        }
    }
}

#[test]
fn a_hang_up_while_the_target_rings_leaves_nothing() {
    for who in 0..3 {
        for answers in [false, true] {
            for late in moments() {
                let (stage, alice, bob, carol) = talking();
                bob.transfers_to("103");
                carol.rings();
                // At the same moment the target answers or refuses.
                if answers {
                    carol.answers();
                } else {
                    carol.rejects(486);
                }
                stage.pass(late);
                [&alice, &bob, &carol][who].hangs_up();
                all_hang_up(&stage, &[&alice, &bob, &carol]);
                assert_eq!(records(&stage), 2);
            }
        }
    }
}

#[test]
fn a_hang_up_at_any_moment_of_an_attended_transfer_leaves_nothing() {
    for ringing in [false, true] {
        for who in 0..4 {
            for late in moments() {
                let stage = Stage::default();
                let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
                let (alice, first) = connect(&alice, "102", &bob);
                let second = if ringing {
                    bob.calls("103");
                    carol.rings();
                    bob.line()
                } else {
                    connect(&bob, "103", &carol).0
                };
                second.rings_or_talks();
                first.asks_to_join(&second);
                stage.pass(late);
                [&alice, &first, &second, &carol][who].hangs_up();
                all_hang_up(&stage, &[&alice, &bob, &carol]);
                assert_eq!(records(&stage), 2);
            }
        }
    }
}

#[test]
fn a_pick_up_that_meets_an_answer_or_a_hang_up_leaves_nothing() {
    for who in 0..4 {
        for late in moments() {
            let stage = Stage::default();
            let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
            alice.calls("102");
            bob.rings();
            carol.picks_up(&bob);
            stage.pass(late);
            match who {
                0 => alice.hangs_up(),
                1 => bob.hangs_up(),
                2 => carol.hangs_up(),
                _ => bob.answers(),
            };
            stage.pass(2.0);
            let up = |phone: &Actor| phone.phase() == Some(Phase::Up);
            assert!(!(up(&bob) && up(&carol)), "both talk with one\n{}", stage.ladder());
            if up(&alice) {
                stage.hear_each_other(&alice, if up(&bob) { &bob } else { &carol });
            }
            all_hang_up(&stage, &[&alice, &bob, &carol]);
        }
    }
}

#[test]
fn an_outage_at_any_moment_only_delays_a_blind_transfer() {
    for late in moments() {
        let (stage, alice, bob, carol) = talking();
        carol.feels(|mood| mood.answers = true);
        bob.asks_to_transfer_to("103");
        stage.pass(late);
        stage.with(|world| world.net.faults.loss = 100);
        stage.pass(0.8);
        stage.with(|world| world.net.faults.loss = 0);
        bob.is_told_of_its_refer(202).is_notified_at_last(200).ends_with(200);
        carol.talks();
        stage.pass(6.0);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn an_outage_at_any_moment_only_delays_an_attended_transfer() {
    for late in moments() {
        let stage = Stage::default();
        let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
        let (alice, first) = connect(&alice, "102", &bob);
        let (second, carol) = connect(&bob, "103", &carol);
        first.asks_to_join(&second);
        stage.pass(late);
        stage.with(|world| world.net.faults.loss = 100);
        stage.pass(0.8);
        stage.with(|world| world.net.faults.loss = 0);
        first.is_told_of_its_refer(202).ends_with(200);
        second.ends_with(200);
        stage.pass(6.0);
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn messages_that_come_twice_transfer_once() {
    let (stage, alice, bob, carol) = talking();
    stage.with(|world| world.net.faults.duplicates = 100);
    bob.transfers_to("103");
    carol.rings();
    stage.pass(1.0);
    assert_eq!(carol.with(|phone| phone.calls.len()), 1, "{}", stage.ladder());
    carol.answers().talks();
    bob.is_notified_at_last(200).ends_with(200);
    assert_eq!(bob.notices().len(), 3, "{}", stage.ladder());
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_bye_never_overtakes_the_last_notify() {
    for seed in 0..30 {
        let stage = Stage::new(tests::Settings {
            seed,
            ..tests::Settings::default()
        });
        let (_alice, bob) = stage.talking();
        let carol = stage.phone("103");
        stage.with(|world| world.net.faults.jitter = std::time::Duration::from_millis(90));
        bob.asks_to_transfer_to("103");
        stage.pass(1.0);
        carol.rings();
        carol.answers();
        stage.pass(2.0);
        bob.is_notified_at_last(200).ends_with(200);
    }
}

#[test]
fn a_lost_ack_and_a_lost_answer_are_made_good() {
    for seed in 0..40 {
        let stage = Stage::new(tests::Settings {
            seed,
            ..tests::Settings::default()
        });
        let (alice, bob) = stage.talking();
        let carol = stage.phone("103");
        carol.feels(|mood| mood.answers = true);
        stage.with(|world| world.net.faults.loss = 30);
        bob.asks_to_transfer_to("103");
        stage.pass(30.0);
        stage.with(|world| world.net.faults.loss = 0);
        stage.pass(10.0);
        if alice.phase() == Some(Phase::Up) && carol.phase() == Some(Phase::Up) {
            stage.hear_each_other(&alice, &carol);
        }
        stage.pass(3.0);
        for phone in [&alice, &bob, &carol] {
            phone.ends_or_hangs_up();
        }
        stage.clears();
    }
}

/// `who` offers a change at a moment before or after the REFER. Afterwards the parties hear each other.
fn glare(who: usize, method: &Method, refer_first: bool, late: f64) {
    let (stage, alice, bob, carol) = talking();
    carol.feels(|mood| mood.answers = true);
    let changes = || {
        let phone = [&alice, &bob][who];
        if phone.call(tests::phone::PhoneCall::may_change) {
            phone.begins_change(method.clone(), Some(SendRecv));
        }
    };
    if refer_first {
        bob.asks_to_transfer_to("103");
        stage.pass(late);
        changes();
    } else {
        changes();
        stage.pass(late);
        bob.asks_to_transfer_to("103");
    }
    bob.is_told_of_its_refer(202);
    carol.talks();
    bob.ends_with(200);
    stage.pass(8.0);
    stage.hear_each_other(&alice, &carol);
    // The session of both can still be changed.
    alice.holds();
    carol.hears(SendOnly);
    alice.resumes();
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
}

#[test]
fn a_change_that_meets_a_transfer_leaves_both_with_one_session() {
    for who in 0..2 {
        for method in [Method::Invite, Method::Update] {
            for refer_first in [false, true] {
                for late in moments() {
                    glare(who, &method, refer_first, late);
                }
            }
        }
    }
}

#[test]
fn a_hold_that_meets_a_transfer_of_the_holder_is_the_holder_s() {
    for late in moments() {
        let (stage, alice, bob, carol) = talking();
        carol.feels(|mood| mood.answers = true);
        bob.asks_to_transfer_to("103");
        stage.pass(late);
        alice.begins_change(Method::Invite, Some(SendOnly));
        carol.talks();
        bob.ends_with(200);
        stage.pass(8.0);
        // Either the hold was refused, or Carol is held; resuming makes both talk.
        alice.resumes();
        stage.hear_each_other(&alice, &carol);
        stage.ends(&alice, &carol);
    }
}

#[test]
fn a_change_that_meets_an_attended_transfer_leaves_both_with_one_session() {
    for who in 0..3 {
        for late in moments() {
            let stage = Stage::default();
            let (alice, bob, carol) = (stage.phone("101"), stage.phone("102"), stage.phone("103"));
            let (alice, first) = connect(&alice, "102", &bob);
            let (second, carol) = connect(&bob, "103", &carol);
            first.asks_to_join(&second);
            stage.pass(late);
            let phone = [&alice, &second, &carol][who];
            if phone.call(tests::phone::PhoneCall::may_change) {
                phone.begins_change(Method::Invite, Some(SendRecv));
            }
            first.ends_with(200);
            second.ends_with(200);
            stage.pass(8.0);
            stage.hear_each_other(&alice, &carol);
            stage.ends(&alice, &carol);
        }
    }
}

#[test]
fn two_that_transfer_each_other_at_once_do_not_lose_each_other() {
    for late in moments() {
        let (stage, alice, bob, carol) = talking();
        let dave = stage.phone("104");
        for phone in [&carol, &dave] {
            phone.feels(|mood| mood.answers = true);
        }
        bob.asks_to_transfer_to("103");
        stage.pass(late);
        if alice.phase() == Some(Phase::Up) {
            alice.asks_to_transfer_to("104");
        }
        stage.pass(5.0);
        all_hang_up(&stage, &[&alice, &bob, &carol, &dave]);
    }
}
