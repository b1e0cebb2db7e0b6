//! Requests of ours through the whole layer.

use super::{super::*, support::*};
use crate::{HeaderName, Method};

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
fn a_request_without_a_new_branch_of_its_own_is_refused() {
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
