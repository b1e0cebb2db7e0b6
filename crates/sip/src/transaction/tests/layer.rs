//! Scenarios through the whole layer.

use super::{super::*, support::*};
use crate::{ConnectionId, HeaderName, Method, StatusCode};

#[test]
fn an_unanswered_invite_is_repeated_and_given_up() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    let said = world.run(ms(60_000));
    let expected = [
        "500 INVITE",
        "1500 INVITE",
        "3500 INVITE",
        "7500 INVITE",
        "15500 INVITE",
        "31500 INVITE",
        "32000 TimedOut",
        "32000 ClientGone",
    ];
    assert_eq!(said, expected);
    assert!(world.layer.client_request(id).is_none());
    world.is_empty();
}

#[test]
fn an_unanswered_request_is_repeated_with_t2_as_limit_and_given_up() {
    let mut world = World::new();
    world.sends(udp(), options());
    let mut times: Vec<_> = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
        .map(|at| format!("{at} OPTIONS"))
        .into();
    times.extend(["32000 TimedOut".into(), "32000 ClientGone".into()]);
    assert_eq!(world.run(ms(60_000)), times);
    world.is_empty();
}

#[test]
fn a_provisional_response_slows_timer_e_down_to_t2() {
    let mut world = World::new();
    world.sends(udp(), options());
    assert_eq!(world.run(ms(600)), ["500 OPTIONS"]);
    assert_eq!(world.receive(answer(&options(), 100)), ["Response 100"]);
    assert_eq!(world.run(ms(9_000)), ["1500 OPTIONS", "5500 OPTIONS", "9500 OPTIONS"]);
    assert_eq!(world.receive(answer(&options(), 200)), ["Response 200"]);
    assert!(
        world.receive(answer(&options(), 200)).is_empty(),
        "absorbed until timer K"
    );
    assert_eq!(world.run(ms(60_000)), ["14600 ClientGone"]);
    world.is_empty();
}

#[test]
fn over_tcp_nothing_is_repeated_and_nothing_lingers() {
    let mut world = World::new();
    world.sends(tcp(), invite());
    assert_eq!(world.run(ms(60_000)), ["32000 TimedOut", "32000 ClientGone"]);
    world.sends(tcp(), invite());
    assert_eq!(
        world.receive_on(tcp(), answer(&invite(), 486)),
        ["ACK", "Response 486", "ClientGone"]
    );
    world.sends(tcp(), options());
    assert_eq!(
        world.receive_on(tcp(), answer(&options(), 200)),
        ["Response 200", "ClientGone"]
    );
    let id = world.arrives(tcp(), options());
    assert_eq!(world.respond(id, 200), ["200", "ServerGone"]);
    let id = world.arrives(tcp(), invite());
    assert_eq!(world.respond(id, 404), ["404"]);
    assert_eq!(world.receive_on(tcp(), ack()), ["ServerGone"]);
    world.is_empty();
}

#[test]
fn a_call_is_made_from_this_side() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    assert_eq!(world.receive(answer(&invite(), 100)), ["Response 100"]);
    assert_eq!(world.receive(answer(&invite(), 180)), ["Response 180"]);
    assert_eq!(world.receive(answer(&invite(), 200)), ["Response 200"]);
    assert_eq!(
        world.receive(answer(&invite(), 200)),
        ["Response 200"],
        "a repeated or forked 2xx"
    );
    assert!(world.receive(answer(&invite(), 180)).is_empty(), "overtaken on the way");
    assert!(world.receive(answer(&invite(), 486)).is_empty());
    assert_eq!(
        world.layer.cancel(world.now, id, None),
        Ok(()),
        "too late: nothing happens"
    );
    assert_eq!(world.run(ms(40_000)), ["32000 ClientGone"]);
    assert_eq!(world.layer.cancel(world.now, id, None), Err(LayerError::Gone));
    assert_eq!(world.receive(answer(&invite(), 200)), ["StrayResponse"]);
    world.is_empty();
}

#[test]
fn a_dismissed_request_is_answered_once_and_leaves_nothing() {
    let mut world = World::new();
    for request in [invite(), options()] {
        let id = world.arrives(udp(), request.clone());
        assert_eq!(
            world.layer.dismiss(id, &answer(&request, 100)),
            Err(LayerError::WrongKind)
        );
        assert_eq!(world.layer.dismiss(id, &answer(&request, 404)), Ok(()));
        assert_eq!(world.said(), ["404", "ServerGone"]);
        world.is_empty();
        assert_eq!(world.layer.dismiss(id, &answer(&request, 404)), Err(LayerError::Gone));
        assert!(world.run(ms(60_000)).is_empty(), "nothing is repeated");
        // Its repetition is a request like the first.
        let again = world.arrives(udp(), request.clone());
        assert_ne!(again, id);
        assert_eq!(world.layer.dismiss(again, &answer(&request, 404)), Ok(()));
        assert_eq!(world.said(), ["404", "ServerGone"]);
    }
    let id = world.arrives(udp(), invite());
    world.respond(id, 404);
    assert_eq!(
        world.layer.dismiss(id, &answer(&invite(), 404)),
        Err(LayerError::Answered)
    );
    world.run(ms(60_000));
    world.is_empty();
}

#[test]
fn what_all_requests_together_keep_is_bounded_and_calls_can_still_end() {
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
fn a_refused_call_is_acknowledged_as_often_as_it_is_refused() {
    let route = "Route: <sip:p1;lr>, <sip:p2;lr>\nRoute: <sip:p3;lr>\n";
    let ask = Ask {
        extra: route,
        ..Ask::default()
    };
    let invite = ask.message();
    let mut world = World::new();
    world.sends(udp(), invite.clone());
    let refusal = answer(&invite, 486);
    world.layer.receive(world.now, udp(), refusal.clone());
    let Some(TxOutput::Transmit { bytes, flow }) = world.layer.poll() else {
        panic!("no ACK")
    };
    // RFC 3261 17.1.1.3
    assert_eq!(flow, udp());
    let ack = parse(std::str::from_utf8(&bytes).unwrap());
    assert_eq!((ack.method(), ack.uri()), (&Method::Ack, invite.uri()));
    assert_eq!(ack.vias().count(), 1);
    assert_eq!(ack.header(HeaderName::Via), invite.header(HeaderName::Via));
    assert_eq!(ack.header(HeaderName::From), invite.header(HeaderName::From));
    assert_eq!(ack.header(HeaderName::To), refusal.header(HeaderName::To));
    assert_eq!((ack.call_id(), ack.header(HeaderName::CSeq)), ("call", Some("1 ACK")));
    assert!(ack.headers(HeaderName::Route).eq(invite.headers(HeaderName::Route)));
    assert_eq!(ack.check(), Ok(()));
    assert_eq!(world.said(), ["Response 486"]);
    world.layer.receive(world.now, udp(), refusal);
    let Some(TxOutput::Transmit { bytes: again, .. }) = world.layer.poll() else {
        panic!("no ACK")
    };
    assert_eq!(again.as_ptr(), bytes.as_ptr(), "the same bytes, not a copy");
    assert_eq!(world.run(ms(60_000)), ["32000 ClientGone"]);
    world.is_empty();
}

#[test]
fn a_retransmission_shares_the_bytes_of_the_first() {
    let mut world = World::new();
    world.layer.request(world.now, udp(), invite()).unwrap();
    let Some(TxOutput::Transmit { bytes, .. }) = world.layer.poll() else {
        panic!("not sent")
    };
    world.layer.timeout(world.now + ms(500));
    let Some(TxOutput::Transmit { bytes: again, .. }) = world.layer.poll() else {
        panic!("not repeated")
    };
    assert_eq!(again.as_ptr(), bytes.as_ptr());
}

#[test]
fn a_call_comes_in_and_is_refused() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.run(ms(300)), ["200 100"]);
    assert_eq!(world.receive(invite()), ["100"]);
    assert_eq!(world.respond(id, 180), ["180"]);
    assert_eq!(world.receive(invite()), ["180"]);
    assert_eq!(world.respond(id, 486), ["486"]);
    assert_eq!(world.receive(invite()), ["486"]);
    assert!(world.receive(ack()).is_empty());
    assert!(world.receive(ack()).is_empty());
    assert!(world.receive(invite()).is_empty(), "it was acknowledged");
    assert_eq!(world.run(ms(40_000)), ["5300 ServerGone"]);
    let late = world.layer.respond(world.now, id, answer(&invite(), 200));
    assert_eq!(late, Err(LayerError::Gone));
    world.is_empty();
}

#[test]
fn a_refusal_without_ack_is_repeated_and_given_up() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.respond(id, 486), ["486"]);
    let mut times: Vec<_> = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
        .map(|at| format!("{at} 486"))
        .into();
    times.extend(["32000 AckTimeout".into(), "32000 ServerGone".into()]);
    assert_eq!(world.run(ms(60_000)), times);
    assert_eq!(world.receive(ack()), ["Ack"], "a stray one, for the user to ignore");
    world.is_empty();
}

#[test]
fn over_tcp_a_refusal_is_not_repeated_but_awaits_its_ack() {
    let mut world = World::new();
    let id = world.arrives(tcp(), invite());
    assert_eq!(world.respond(id, 486), ["486"]);
    assert_eq!(world.run(ms(60_000)), ["32000 AckTimeout", "32000 ServerGone"]);
    world.is_empty();
}

#[test]
fn an_answered_call_leaves_2xx_and_ack_to_the_user() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.respond(id, 200), ["200"]);
    assert!(world.receive(invite()).is_empty(), "absorbed: the user repeats the 2xx");
    assert_eq!(world.respond(id, 200), ["200"]);
    let own_branch = Ask {
        method: "ACK",
        branch: "z9hG4bK2",
        to_tag: "b",
        ..Ask::default()
    };
    assert_eq!(world.receive(own_branch.message()), ["Ack"]);
    assert_eq!(world.receive(ack()), ["Ack"], "even with the INVITE's branch");
    let refused = world.layer.respond(world.now, id, answer(&invite(), 500));
    assert_eq!(refused, Err(LayerError::Answered));
    assert!(world.said().is_empty());
    assert_eq!(world.run(ms(60_000)), ["32000 ServerGone"]);
    world.is_empty();
}

#[test]
fn a_final_response_is_given_once() {
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    assert!(world.receive(options()).is_empty(), "nothing to repeat yet");
    assert_eq!(world.respond(id, 100), ["100"]);
    assert_eq!(world.receive(options()), ["100"]);
    assert!(world.layer.server_request(id).is_some());
    assert_eq!(world.respond(id, 200), ["200"]);
    assert!(world.layer.server_request(id).is_none(), "only the answer is kept");
    for code in [100, 200, 500] {
        let again = world.layer.respond(world.now, id, answer(&options(), code));
        assert_eq!(again, Err(LayerError::Answered));
    }
    assert_eq!(
        world.layer.respond(world.now, id, options()),
        Err(LayerError::WrongKind)
    );
    assert_eq!(world.receive(options()), ["200"]);
    assert_eq!(world.run(ms(60_000)), ["32000 ServerGone"]);
    world.is_empty();
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut world = World::new();
    let ask = Ask {
        extra: "Route: <sip:p;lr>\n",
        ..Ask::default()
    };
    let id = world.sends(udp(), ask.message());
    world
        .layer
        .cancel(world.now, id, Some("SIP;cause=200;text=\"Call completed elsewhere\""))
        .unwrap();
    assert!(world.said().is_empty());
    assert_eq!(world.run(ms(600)), ["500 INVITE"], "nobody has heard of it yet");
    world.layer.receive(world.now, udp(), answer(&ask.message(), 180));
    let sent: Vec<_> = std::iter::from_fn(|| world.layer.poll()).collect();
    let words: Vec<_> = sent.iter().map(word).collect();
    assert_eq!(words, ["Response 180", "CANCEL"]);
    let Some(TxOutput::Transmit { bytes, .. }) = sent.last() else {
        panic!("no CANCEL")
    };
    // RFC 3261 9.1
    let cancel = parse(std::str::from_utf8(bytes).unwrap());
    let invite = ask.message();
    for name in [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::Route,
    ] {
        assert!(cancel.headers(name).eq(invite.headers(name)), "{name}");
    }
    assert_eq!(
        (cancel.uri(), cancel.header(HeaderName::CSeq)),
        (invite.uri(), Some("1 CANCEL"))
    );
    assert_eq!(
        cancel.header(HeaderName::Reason),
        Some("SIP;cause=200;text=\"Call completed elsewhere\"")
    );
    assert_eq!(cancel.check(), Ok(()));
    // It has a transaction of its own, and its user hears nothing of it.
    assert_eq!(world.run(ms(1_000)), ["1100 CANCEL"]);
    assert!(world.receive(answer(&cancel, 200)).is_empty());
    assert_eq!(world.receive(answer(&invite, 487)), ["ACK", "Response 487"]);
    assert_eq!(world.run(ms(60_000)).last().unwrap(), "33600 ClientGone");
    world.is_empty();
}

#[test]
fn a_cancel_loses_the_race_against_a_2xx() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    world.receive(answer(&invite(), 180));
    world.layer.cancel(world.now, id, None).unwrap();
    assert_eq!(world.said(), ["CANCEL"]);
    world.layer.cancel(world.now, id, None).unwrap();
    assert!(world.said().is_empty(), "once is enough");
    assert_eq!(world.receive(answer(&invite(), 200)), ["Response 200"]);
    assert!(world.receive(answer(&cancel(), 481)).is_empty());
    assert_eq!(world.run(ms(60_000)), ["32000 ClientGone"]);
    world.is_empty();
}

#[test]
fn a_cancelled_invite_without_final_response_is_given_up() {
    let mut world = World::new();
    let id = world.sends(udp(), invite());
    world.receive(answer(&invite(), 180));
    world.layer.cancel(world.now, id, None).unwrap();
    world.said();
    assert!(world.receive(answer(&cancel(), 200)).is_empty());
    assert_eq!(world.run(ms(60_000)), ["32000 TimedOut", "32000 ClientGone"]);
    world.is_empty();
}

#[test]
fn a_call_that_rings_forever_is_cancelled_by_timer_c() {
    let mut world = World::new();
    world.sends(tcp(), invite());
    world.receive(answer(&invite(), 100));
    world.run(ms(100_000));
    world.receive(answer(&invite(), 180));
    world.run(ms(10_000));
    world.receive(answer(&invite(), 100));
    let said = world.run(ms(1_000_000));
    assert_eq!(said.first().unwrap(), "1000000 CANCEL", "900 s after the 180");
    world.run(ms(60_000));
    world.is_empty();
}

#[test]
fn only_an_open_invite_can_be_cancelled() {
    let mut world = World::new();
    let id = world.sends(udp(), options());
    assert_eq!(world.layer.cancel(world.now, id, None), Err(LayerError::Method));
    assert!(world.said().is_empty());
}

#[test]
fn a_peer_cancels_its_call() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.respond(id, 180), ["180"]);
    world.layer.receive(world.now, udp(), cancel());
    let Some(TxOutput::Transmit { bytes, .. }) = world.layer.poll() else {
        panic!("unanswered")
    };
    let ok = parse(std::str::from_utf8(&bytes).unwrap());
    assert_eq!((ok.status(), ok.method()), (Some(StatusCode::OK), &Method::Cancel));
    assert_eq!(ok.to_tag(), Some("b"), "the tag of the INVITE's responses (9.2)");
    assert_eq!(world.said(), ["Cancelled"]);
    assert_eq!(
        world.receive(cancel()),
        ["200 CANCEL"],
        "repeated: the user hears it once"
    );
    assert_eq!(world.respond(id, 487), ["487"]);
    assert!(world.receive(ack()).is_empty());
    assert_eq!(world.run(ms(60_000)), ["5000 ServerGone"]);
    assert_eq!(world.receive(cancel()), ["481 CANCEL", "StrayCancel"]);
    world.is_empty();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    for code in [200, 486] {
        let mut world = World::new();
        let id = world.arrives(udp(), invite());
        world.respond(id, code);
        assert_eq!(world.receive(cancel()), ["200 CANCEL"]);
    }
}

#[test]
fn a_cancel_that_matches_nothing_draws_481_and_leaves_nothing() {
    let mut world = World::new();
    assert_eq!(world.receive(cancel()), ["481 CANCEL", "StrayCancel"]);
    world.is_empty();
}

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
fn a_failing_connection_fails_what_waits_on_it() {
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
fn a_connection_that_ends_fails_what_nobody_has_answered_outside_of_dialogs() {
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

#[test]
fn what_is_too_much_is_refused_but_calls_in_progress_go_on() {
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
fn what_cannot_be_requested_is_refused() {
    let mut world = World::new();
    world.sends(udp(), invite());
    let mut refused = |message: Message| world.layer.request(world.now, udp(), message).unwrap_err();
    assert_eq!(refused(invite()), LayerError::Branch);
    assert_eq!(
        refused(
            Ask {
                branch: "",
                ..Ask::default()
            }
            .message()
        ),
        LayerError::Branch
    );
    assert_eq!(refused(ack()), LayerError::Method);
    assert_eq!(refused(cancel()), LayerError::Method);
    assert_eq!(refused(answer(&invite(), 200)), LayerError::WrongKind);
    assert!(world.said().is_empty());
}

#[test]
fn a_late_clock_fires_each_timer_once() {
    let mut world = World::new();
    world.sends(udp(), invite());
    world.layer.timeout(world.now + ms(20_000));
    assert_eq!(world.said(), ["INVITE"]);
    world.layer.timeout(world.now + ms(99_000));
    assert_eq!(world.said(), ["TimedOut", "ClientGone"]);
    world.is_empty();
}

#[test]
fn timers_of_zero_do_not_spin() {
    let zero = TimerConfig::derive(ms(0), ms(0), ms(0));
    let mut world = World::with(LayerConfig {
        timers: zero,
        ..LayerConfig::default()
    });
    world.sends(udp(), invite());
    world.sends(udp(), options());
    world.layer.timeout(world.now + ms(10));
    assert_eq!(world.said(), ["TimedOut", "ClientGone", "TimedOut", "ClientGone"]);
    world.is_empty();
}

#[test]
fn intervals_of_zero_are_a_millisecond() {
    let mut timers = TimerConfig::derive(ms(0), ms(0), ms(0));
    (timers.b, timers.f) = (ms(5), ms(5));
    let mut world = World::with(LayerConfig {
        timers,
        ..LayerConfig::default()
    });
    world.sends(udp(), invite());
    let said = world.run(ms(10));
    let expected = [
        "1 INVITE",
        "2 INVITE",
        "3 INVITE",
        "4 INVITE",
        "5 TimedOut",
        "5 ClientGone",
    ];
    assert_eq!(said, expected);
}

#[test]
fn terminated_transactions_leave_no_timers_behind() {
    let mut world = World::new();
    // One whose timer comes first, so that the others' cannot simply fall off the top.
    world.sends(udp(), invite());
    for number in 2..10_000 {
        let branch: &'static str = format!("z9hG4bK{number}").leak();
        let ask = Ask {
            branch,
            number,
            method: "OPTIONS",
            ..Ask::default()
        }
        .message();
        world.sends(tcp(), ask.clone());
        assert_eq!(
            world.receive_on(tcp(), answer(&ask, 200)),
            ["Response 200", "ClientGone"]
        );
        assert!(world.layer.timers_kept() <= 66, "{}", world.layer.timers_kept());
    }
    world.run(ms(60_000));
    world.is_empty();
}

#[test]
fn a_cancel_of_anything_but_an_invite_is_answered_and_changes_nothing() {
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    assert_eq!(world.receive(cancel()), ["200 CANCEL"]);
    assert_eq!(world.respond(id, 200), ["200"]);
    world.run(ms(60_000));
    world.is_empty();
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

#[test]
fn a_branch_is_in_use_until_its_cancel_has_ended() {
    let mut world = World::new();
    let id = world.sends(tcp(), invite());
    world.receive_on(tcp(), answer(&invite(), 180));
    world.layer.cancel(world.now, id, None).unwrap();
    assert_eq!(world.said(), ["CANCEL"]);
    world.receive_on(tcp(), answer(&invite(), 487));
    let again = world.layer.request(world.now, tcp(), invite());
    assert_eq!(again, Err(LayerError::Branch));
    world.receive_on(tcp(), answer(&cancel(), 200));
    world.sends(tcp(), invite());
}

/// A way from somebody else.
fn elsewhere() -> Flow {
    Flow {
        remote: "198.51.100.66:5060".parse().unwrap(),
        ..udp()
    }
}

#[test]
fn who_was_not_asked_answers_nothing() {
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
fn who_did_not_call_cancels_nothing() {
    let mut world = World::new();
    let id = world.arrives(udp(), invite());
    assert_eq!(world.receive_on(elsewhere(), cancel()), ["ForeignCancel"]);
    assert_eq!(world.layer.server_count(), 1, "nothing is kept of it");
    assert_eq!(world.respond(id, 180), ["180"]);
    world.layer.receive_from_known(world.now, elsewhere(), cancel());
    assert_eq!(world.said(), ["200 CANCEL", "Cancelled"]);
    assert_eq!(world.respond(id, 487), ["487"]);
    assert_eq!(world.receive(ack()), [""; 0]);
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

#[test]
fn a_request_that_waits_gets_100_when_its_timer_e_is_at_t2() {
    for flow in [udp(), tcp()] {
        let mut world = World::new();
        let id = world.arrives(flow, options());
        assert_eq!(world.run(ms(6_000)), ["3500 100"]);
        assert_eq!(world.receive_on(flow, options()), ["100"], "it is repeated on demand");
        let said = world.respond(id, 200);
        assert_eq!(said.first().map(String::as_str), Some("200"));
        assert!(!world.run(ms(60_000)).iter().any(|word| word.ends_with("100")));
        world.is_empty();
    }
    // Whoever is answered in time hears no 100, and costs no timer that stays.
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    assert_eq!(world.run(ms(3_400)), [""; 0]);
    assert_eq!(world.respond(id, 200), ["200"]);
    assert_eq!(world.run(ms(60_000)), ["35400 ServerGone"]);
    world.is_empty();
}
