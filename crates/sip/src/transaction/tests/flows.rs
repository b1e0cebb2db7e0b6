//! Connections that fail, and the way that a response takes.

use super::{super::*, support::*};
use crate::ConnectionId;

#[test]
fn a_failing_connection_fails_the_transactions_on_it() {
    let mut world = World::new();
    let other = Flow {
        connection: Some(ConnectionId(8)),
        ..tcp()
    };
    let ask = |branch, method| {
        Ask {
            branch,
            method,
            ..Ask::default()
        }
        .message()
    };
    world.sends(tcp(), ask("z9hG4bKa", "INVITE"));
    let ringing = world.sends(tcp(), ask("z9hG4bKb", "INVITE"));
    world.sends(tcp(), ask("z9hG4bKc", "OPTIONS"));
    world.sends(other, ask("z9hG4bKd", "OPTIONS"));
    world.receive_on(tcp(), answer(&ask("z9hG4bKb", "INVITE"), 180));
    let coming = world.arrives(tcp(), ask("z9hG4bKe", "INVITE"));
    assert_eq!(world.respond(coming, 180), ["180"]);
    world.layer.transport_failed(world.now, &tcp());
    let said = world.said();
    let expected = [
        "TransportFailed",
        "ClientGone",
        "TransportFailed",
        "ClientGone",
        "ServerTransportFailed",
    ];
    assert_eq!(said, expected);
    assert!(
        world.layer.client_request(ringing).is_some(),
        "its answer may come another way"
    );
    assert_eq!(world.respond(coming, 486), ["486"]);
    world.layer.transport_failed(world.now, &other);
    assert_eq!(world.said(), ["TransportFailed", "ClientGone"]);
    world.layer.transport_failed(world.now, &udp());
    assert!(world.said().is_empty());
}

#[test]
fn a_closed_connection_fails_unanswered_requests_outside_of_dialogs() {
    let mut world = World::new();
    let ask = |branch, method, to_tag| {
        let ask = Ask {
            branch,
            method,
            to_tag,
            ..Ask::default()
        };
        ask.message()
    };
    world.sends(tcp(), ask("z9hG4bKa", "INVITE", ""));
    let ringing = world.sends(tcp(), ask("z9hG4bKb", "INVITE", ""));
    let within = world.sends(tcp(), ask("z9hG4bKc", "UPDATE", "b"));
    world.sends(tcp(), ask("z9hG4bKd", "MESSAGE", ""));
    world.receive_on(tcp(), answer(&ask("z9hG4bKb", "INVITE", ""), 180));
    let coming = world.arrives(tcp(), ask("z9hG4bKe", "MESSAGE", ""));
    world.layer.connection_closed(world.now, ConnectionId(8));
    assert!(world.said().is_empty(), "another one");
    world.layer.connection_closed(world.now, ConnectionId(7));
    let expected = ["TransportFailed", "ClientGone", "TransportFailed", "ClientGone"];
    assert_eq!(world.said(), expected);
    // These may come over another connection.
    for id in [ringing, within] {
        assert!(world.layer.client_request(id).is_some());
    }
    let again = Flow {
        connection: Some(ConnectionId(9)),
        ..tcp()
    };
    let said = world.receive_on(again, answer(&ask("z9hG4bKc", "UPDATE", "b"), 200));
    assert_eq!(said, ["Response 200", "ClientGone"]);
    assert_eq!(world.respond(coming, 200), ["200", "ServerGone"]);
}

#[test]
fn answers_take_the_way_the_via_says() {
    let mut world = World::new();
    // Came from another port than the Via names: without rport the Via's is meant (18.2.2).
    let flow = Flow {
        remote: "192.0.2.2:40000".parse().unwrap(),
        ..udp()
    };
    let id = world.arrives(flow, options());
    assert_eq!(world.layer.server_flow(id), Some(flow));
    assert_eq!(world.layer.reply_flow(id), Some(udp()));
    world.layer.respond(world.now, id, answer(&options(), 200)).unwrap();
    assert!(matches!(world.layer.poll(), Some(TxOutput::Transmit { flow, .. }) if flow == udp()));
}
