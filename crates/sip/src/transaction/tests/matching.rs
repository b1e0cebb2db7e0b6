//! Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3).

use super::{super::*, support::*};

#[test]
fn a_request_that_comes_by_two_ways_is_answered_once() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    let other_way = Ask {
        branch: "z9hG4bKother",
        ..Ask::default()
    };
    assert_eq!(world.receive(other_way.message()), ["482"]);
    assert_eq!(world.receive(other_way.message()), ["482"], "without state");
    assert_eq!(world.layer.server_count(), 1);
    // Within a dialog, and for the next request, the rule does not apply.
    let in_dialog = Ask {
        branch: "z9hG4bKin",
        to_tag: "b",
        ..Ask::default()
    };
    assert_eq!(world.receive(in_dialog.message()), ["Request"]);
    let next = Ask {
        branch: "z9hG4bKnext",
        number: 2,
        ..Ask::default()
    };
    assert_eq!(world.receive(next.message()), ["Request"]);
    world.respond(id, 486);
    assert_eq!(
        world.receive(other_way.message()),
        ["482"],
        "as long as the transaction lives"
    );
    world.run(ms(60_000));
    assert_eq!(world.receive(other_way.message()), ["Request"]);
}

#[test]
fn a_bare_cookie_identifies_nothing() {
    // RFC 4475 3.2.1 (badbranch), and RFC 3261 17.2.3 for peers of RFC 2543.
    for branch in ["z9hG4bK", "", "1"] {
        let mut world = World::new();
        let ask = |number, method, to_tag| {
            Ask {
                branch,
                number,
                method,
                to_tag,
                ..Ask::default()
            }
            .message()
        };
        let first = world.arrives(udp(), ask(1, "INVITE", ""));
        assert!(world.receive(ask(1, "INVITE", "")).is_empty(), "{branch}: repeated");
        let second = world.arrives(udp(), ask(2, "INVITE", ""));
        assert_ne!(first, second);
        assert_eq!(world.respond(first, 486), ["486"]);
        assert_eq!(world.respond(second, 486), ["486"]);
        assert_eq!(world.receive(ask(2, "ACK", "other")), ["Ack"], "another dialog's");
        assert!(world.receive(ask(1, "ACK", "b")).is_empty());
        assert!(world.receive(ask(2, "ACK", "b")).is_empty());
        assert_eq!(world.run(ms(10_000)), ["5000 ServerGone", "5000 ServerGone"]);
        let third = world.arrives(udp(), ask(3, "INVITE", ""));
        assert_eq!(world.receive(ask(3, "CANCEL", "")), ["200 CANCEL", "Cancelled"]);
        assert_eq!(world.respond(third, 487), ["487"]);
    }
}

#[test]
fn the_senders_address_is_part_of_the_key() {
    let mut world = World::new();
    world.arrives(udp(), options());
    let text = |host: &str, call: &str| {
        let text = String::from_utf8(options().bytes().to_vec()).unwrap();
        let text = text.replace("Call-ID: call", &format!("Call-ID: {call}"));
        parse(&text.replace("UDP 192.0.2.2:5060", &format!("UDP {host}")))
    };
    assert_eq!(world.receive(text("192.0.2.3:5060", "x")), ["Request"], "another host");
    assert_eq!(world.receive(text("192.0.2.2:5062", "y")), ["Request"], "another port");
    assert!(
        world.receive(text("192.0.2.2", "call")).is_empty(),
        "5060 is what UDP means"
    );
    assert_eq!(world.receive(text("Phone.example", "z")), ["Request"]);
    assert!(world.receive(text("phone.EXAMPLE", "z")).is_empty());
}

#[test]
fn a_response_with_a_foreign_via_is_dropped() {
    let mut world = World::new();
    world.sends(udp(), options());
    let text = String::from_utf8(answer(&options(), 200).bytes().to_vec()).unwrap();
    let foreign = world.receive(parse(&text.replace("UDP 192.0.2.2", "UDP 192.0.2.9")));
    assert_eq!(foreign, ["Dropped: the sent-by of its topmost Via is not ours"]);
    let added = text.replace("From:", "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx\nFrom:");
    assert_eq!(world.receive(parse(&added)), ["Dropped: it has another Via than ours"]);
    let foreign = world.receive(parse(&text.replace("UDP 192.0.2.2:5060", "UDP 192.0.2.2:5061")));
    assert_eq!(foreign, ["Dropped: the sent-by of its topmost Via is not ours"]);
    assert_eq!(
        world.receive(parse(&text.replace("branch=z9hG4bK1", "branch=z9hG4bK2"))),
        ["StrayResponse"]
    );
    assert_eq!(
        world.receive(parse(&text.replace("1 OPTIONS", "1 REGISTER"))),
        ["StrayResponse"]
    );
    assert_eq!(world.receive(parse(&text)), ["Response 200"]);
}

#[test]
fn a_response_from_another_address_is_dropped() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    for code in [100, 180, 200, 486] {
        let spoofed = answer(&invite(), code);
        assert_eq!(world.receive_on(elsewhere(), spoofed), ["ForeignResponse"], "{code}");
    }
    assert_eq!(world.run(ms(600)), ["500 INVITE"], "it is as if nothing had come");
    // Another port of the same host is its NAT's doing, or a proxy's; so is another connection.
    let mut port = udp();
    port.remote.set_port(40_000);
    assert_eq!(world.receive_on(port, answer(&invite(), 180)), ["Response 180"]);
    let mapped = Flow {
        remote: "[::ffff:192.0.2.2]:5060".parse().unwrap(),
        ..udp()
    };
    assert_eq!(world.receive_on(mapped, answer(&invite(), 181)), ["Response 181"]);
    // What the user vouches for is taken.
    let ok = answer(&invite(), 200);
    world.layer.receive_from_known(world.now, elsewhere(), ok);
    assert_eq!(world.said(), ["Response 200"]);
    assert!(world.layer.client_request(id).is_some());
    world.run(ms(60_000));
    world.is_empty();
}

#[test]
fn a_response_is_ours_by_branch_cseq_and_sent_by() {
    let text = |request: &Message| String::from_utf8(answer(request, 486).bytes().to_vec()).unwrap();
    let taken = |from: &str, to: &str| {
        let mut world = World::new();
        world.sends(udp(), invite());
        let response = text(&invite());
        assert!(response.contains(from), "{from}");
        world.receive(parse(&response.replace(from, to)))
    };
    for (from, to) in [
        ("192.0.2.2:5060", "192.0.2.2"),
        (";tag=b", ";tag=b;tag=b"),
        ("From: ", "X: "),
        ("Call-ID: ", "X: "),
    ] {
        assert_eq!(taken(from, to), ["ACK", "Response 486"], "{to}");
    }
    for (from, to, why) in [
        (
            "192.0.2.2:5060",
            "192.0.2.2:5061",
            "the sent-by of its topmost Via is not ours",
        ),
        (
            "192.0.2.2:5060",
            "192.0.2.3",
            "the sent-by of its topmost Via is not ours",
        ),
        (";branch=z9hG4bK1", "", "its topmost Via has no branch"),
        ("From: ", "Via: SIP/2.0/UDP h\nFrom: ", "it has another Via than ours"),
    ] {
        assert_eq!(taken(from, to), [format!("Dropped: {why}")], "{to}");
    }
}
