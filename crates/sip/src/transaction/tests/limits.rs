//! How much all transactions together may take.

use super::{super::*, support::*};
use crate::{HeaderName, StatusCode};

#[test]
fn the_memory_of_all_transactions_is_bounded_and_calls_can_still_end() {
    let long = |number: u32, method: &'static str, to_tag: &'static str| {
        let extra: &'static str = format!("X: {}\n", "x".repeat(1_000)).leak();
        let branch: &'static str = format!("z9hG4bK{number}").leak();
        let ask = Ask {
            method,
            branch,
            number,
            to_tag,
            extra,
        };
        ask.message()
    };
    let mut world = World::with(LayerConfig {
        max_octets: 5_000,
        ..LayerConfig::default()
    });
    let mut open = Vec::new();
    let mut number = 0;
    let mut fill = |world: &mut World, method: &'static str, to_tag: &'static str| {
        let before = open.len();
        loop {
            number += 1;
            world.layer.receive(world.now, udp(), long(number, method, to_tag));
            match world.layer.poll() {
                Some(TxOutput::Event(TxEvent::Request { id, .. })) => open.push(id),
                other => break assert_eq!(other.as_ref().map(word).as_deref(), Some("503")),
            }
        }
        open.len() - before
    };
    // Each of some 1,200 octets.
    assert_eq!(fill(&mut world, "OPTIONS", ""), 4);
    assert_eq!(fill(&mut world, "INFO", "there"), 1);
    assert_eq!(fill(&mut world, "BYE", "there"), 1);
    for id in open {
        world.respond(id, 200);
    }
    world.run(ms(60_000));
    world.is_empty();
}

#[test]
fn requests_beyond_the_limit_are_refused_but_calls_in_progress_go_on() {
    let config = LayerConfig {
        max_client: 1,
        max_server: 1,
        reserve: 2,
        ..LayerConfig::default()
    };
    let mut world = World::with(config);
    let ask = |branch, method, to_tag, number| {
        Ask {
            branch,
            method,
            to_tag,
            number,
            ..Ask::default()
        }
        .message()
    };
    world.arrives(udp(), ask("z9hG4bK1", "INVITE", "", 1));
    world.layer.receive(world.now, udp(), ask("z9hG4bK2", "INVITE", "", 2));
    let Some(TxOutput::Transmit { bytes, flow }) = world.layer.poll() else {
        panic!("unanswered")
    };
    let refusal = parse(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(refusal.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(refusal.header(HeaderName::RetryAfter), Some("5"));
    assert!(refusal.to_tag().is_some());
    assert_eq!(flow, udp());
    assert_eq!(world.receive(ask("z9hG4bK3", "INFO", "b", 3)), ["Request"]);
    assert_eq!(
        world.receive(ask("z9hG4bK4", "INFO", "b", 4)),
        ["503"],
        "the rest is for BYE"
    );
    assert_eq!(world.receive(ask("z9hG4bK5", "BYE", "b", 5)), ["Request"]);
    assert_eq!(world.receive(ask("z9hG4bK6", "BYE", "b", 6)), ["503"]);
    assert_eq!(world.layer.server_count(), 3);
    // A CANCEL still gets through, without a transaction of its own.
    assert_eq!(world.receive(cancel()), ["200 CANCEL", "Cancelled"]);
    assert!(
        world.receive(ask("z9hG4bK1", "INVITE", "", 1)).is_empty(),
        "a repetition is none"
    );
    world.sends(udp(), ask("z9hG4bK1", "INVITE", "", 1));
    let full = world.layer.request(world.now, udp(), ask("z9hG4bK2", "INVITE", "", 2));
    assert_eq!(full, Err(LayerError::Full));
    world.sends(udp(), ask("z9hG4bK3", "INVITE", "b", 2));
    world.sends(udp(), ask("z9hG4bK4", "BYE", "b", 3));
    let full = world.layer.request(world.now, udp(), ask("z9hG4bK5", "BYE", "b", 4));
    assert_eq!(full, Err(LayerError::Full));
}

#[test]
fn one_call_cannot_take_all_transactions() {
    let config = LayerConfig {
        max_per_call: 2,
        ..LayerConfig::default()
    };
    let mut world = World::with(config);
    let ask = |branch, method, to_tag| {
        Ask {
            branch,
            method,
            to_tag,
            ..Ask::default()
        }
        .message()
    };
    world.arrives(udp(), ask("z9hG4bK1", "INVITE", ""));
    let first = world.arrives(tcp(), ask("z9hG4bK2", "INFO", "b"));
    world.arrives(udp(), ask("z9hG4bK3", "INFO", "b"));
    assert_eq!(world.receive(ask("z9hG4bK4", "INFO", "b")), ["503"]);
    assert!(
        world.receive(ask("z9hG4bK3", "INFO", "b")).is_empty(),
        "a repetition is none"
    );
    world.arrives(udp(), ask("z9hG4bK5", "BYE", "b"));
    assert_eq!(world.respond(first, 200), ["200", "ServerGone"]);
    world.arrives(udp(), ask("z9hG4bK4", "INFO", "b"));
}
