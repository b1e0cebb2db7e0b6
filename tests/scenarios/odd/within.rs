//! Odd requests within a call, and odd answers to what passes within it.

use media::Command;
use sip::{Builder, HeaderName, Method};
use switch::EndedBy;
use tests::{Phase, Stage, sdp};

use super::{URI, answer, begins, called, ends, request, talking};

#[test]
fn requests_out_of_order_draw_500_and_end_nothing() {
    let (stage, alice, wire, invite) = talking();
    wire.sends(
        request(&invite, Method::Info, 20)
            .body("application/dtmf", b"1")
            .finish(),
    );
    wire.takes_response(200);
    wire.sends(request(&invite, Method::Bye, 10).finish());
    wire.takes_response(500);
    assert_eq!(alice.phase(), Some(Phase::Up));
    ends(&stage, &alice, &wire);
}

#[test]
fn a_phone_that_moves_its_contact_is_followed_and_a_refused_change_moves_nothing() {
    let (stage, alice, wire, invite) = talking();
    let other = stage.wire("198.51.200.1:5099");
    let description = sdp("198.51.200.1", 9_000);
    let moved = |number, body: &[u8]| {
        let from = format!("{};tag=far", invite.header(HeaderName::To).unwrap());
        Builder::request(&Method::Invite, "sip:101@192.0.2.1")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKm{number}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, from)
            .header(HeaderName::To, invite.header(HeaderName::From).unwrap())
            .header(HeaderName::CallId, invite.call_id())
            .header(HeaderName::CSeq, format!("{number} INVITE"))
            .header(HeaderName::Contact, "<sip:wire@198.51.200.1:5099>")
            .body("application/sdp", body)
            .finish()
    };
    wire.sends(moved(2, b"v=0\r\nnonsense"));
    wire.takes_response(488);
    wire.sends(request(&invite, Method::Ack, 2).finish());
    alice.asks_within(Method::Info, |builder| builder.body("text/x", b"one"));
    // The INFO goes to the Contact the dialog had before.
    let allowed = wire.collects(1.0);
    assert!(other.collects(0.1).is_empty(), "{allowed:?}");
    wire.sends(moved(3, description.as_bytes()));
    wire.takes_response(200);
    wire.sends(request(&invite, Method::Ack, 3).finish());
    stage.pass(0.5);
    alice.hangs_up();
    let bye = other.takes_request(Method::Bye);
    assert_eq!(bye.uri(), "sip:wire@198.51.200.1:5099");
    other.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_481_within_a_call_ends_it() {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&invite, 200, "far", |reply| {
        reply
            .header(HeaderName::Allow, "INFO, BYE")
            .body("application/sdp", description.as_bytes())
    });
    alice.talks();
    stage.pass(0.5);
    begins(&alice, Method::Info, "application/dtmf", "1");
    let info = wire.takes_request(Method::Info);
    wire.replies(&info, 481, "far", |reply| reply);
    alice.ends_with(200);
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 481, "far", |reply| reply);
    assert_eq!(stage.record().ended_by, EndedBy::System);
    stage.clears();
}

#[test]
fn a_request_that_passes_within_a_call_is_answered_by_the_other_phone() {
    let (stage, alice, wire, invite) = called();
    wire.replies(&invite, 200, "far", |reply| {
        let description = sdp("198.51.200.1", 9_000);
        reply
            .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, INFO, MESSAGE")
            .body("application/sdp", description.as_bytes())
    });
    alice.talks();
    for (method, code, told) in [
        (Method::Message, 202, 200),
        (Method::Message, 415, 415),
        // The real reason: no party of this call takes the method.
        (Method::Message, 405, 405),
        (Method::Info, 200, 200),
        (Method::Info, 415, 415),
        (Method::Info, 500, 480),
    ] {
        begins(&alice, method.clone(), "text/plain", "hello");
        let passed = wire.takes_request(method);
        assert_eq!(answer(&alice), None, "not before the other one has answered");
        wire.replies(&passed, code, "far", |reply| reply);
        stage.pass(0.1);
        assert_eq!(answer(&alice), Some(told));
    }
    // No 408 for a silent phone (RFC 4320 4.2): a 408 would end the call (RFC 3261 12.2.1.2).
    begins(&alice, Method::Message, "text/plain", "hello?");
    wire.takes_request(Method::Message);
    stage.pass(10.5);
    assert_eq!(answer(&alice), Some(480));
    stage.pass(30.0);
    assert_eq!(alice.phase(), Some(Phase::Up));
    ends(&stage, &alice, &wire);
}

#[test]
fn a_key_that_a_phone_does_not_take_by_info_is_pressed_as_a_tone() {
    // Most phones allow INFO; not all of them take keys by it.
    let (stage, alice, wire, invite) = called();
    wire.replies(&invite, 200, "far", |reply| {
        reply
            .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, INFO")
            .body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
    });
    alice.talks();
    wire.collects(1.0);
    begins(
        &alice,
        Method::Info,
        "application/dtmf-relay",
        "Signal=5\r\nDuration=160\r\n",
    );
    let info = wire.takes_request(Method::Info);
    wire.replies(&info, 415, "far", |reply| reply);
    stage.pass(0.1);
    assert_eq!(answer(&alice), Some(200));
    begins(&alice, Method::Info, "application/dtmf-relay", "Signal=6\r\n");
    assert!(wire.collects(0.1).is_empty(), "it is not asked again");
    assert_eq!(answer(&alice), Some(200));
    let pressed = stage.with(|world| {
        let keys = world.media.iter().filter_map(|command| match command {
            media::Command::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        });
        keys.collect::<String>()
    });
    assert_eq!(pressed, "56");
    ends(&stage, &alice, &wire);
}

#[test]
fn no_media_is_sent_to_a_description_with_our_own_address() {
    // Two such calls would send each other the same packets for ever.
    for (address, port, fine) in [
        ("192.0.2.1", 20_000, false),
        ("192.0.2.1", 20_999, false),
        ("192.0.2.1", 5_060, false),
        ("127.0.0.1", 9_000, false),
        ("192.0.2.1", 9_000, true),
        ("198.51.200.1", 20_000, true),
    ] {
        let (stage, alice, wire, invite) = called();
        let description = sdp(address, port);
        wire.replies(&invite, 200, "far", |reply| {
            reply.body("application/sdp", description.as_bytes())
        });
        wire.takes_request(Method::Ack);
        alice.talks();
        let remote = stage.with(|world| {
            let last = world.media.iter().rev().find_map(|command| match command {
                Command::Update { remote, .. } if remote.expected.contains(&wire_ip()) => Some(remote.clone()),
                _ => None,
            });
            last.unwrap()
        });
        let named = format!("{address}:{port}").parse().ok();
        assert_eq!(remote.rtp, named.filter(|_| fine), "{address}:{port}");
        assert_eq!(remote.rtcp.is_some(), fine, "{address}:{port}");
        let strange = remote.expected.iter().filter(|ip| **ip != wire_ip()).count();
        assert_eq!(
            strange,
            usize::from(fine && address != "198.51.200.1"),
            "{address}:{port}"
        );
        alice.hangs_up();
        let bye = wire.takes_request(Method::Bye);
        wire.replies(&bye, 200, "far", |reply| reply);
        stage.clears();
    }
}

fn wire_ip() -> std::net::IpAddr {
    [198, 51, 200, 1].into()
}
