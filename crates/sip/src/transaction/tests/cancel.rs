//! CANCEL, of ours and of peers (RFC 3261 section 9).

use super::{super::*, support::*};
use crate::{HeaderName, Method, StatusCode};

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
fn a_cancel_of_anything_but_an_invite_is_answered_and_changes_nothing() {
    let mut world = World::new();
    let id = world.arrives(udp(), options());
    assert_eq!(world.receive(cancel()), ["200 CANCEL"]);
    assert_eq!(world.respond(id, 200), ["200"]);
    world.run(ms(60_000));
    world.is_empty();
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

#[test]
fn a_cancel_from_another_address_is_not_obeyed() {
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
