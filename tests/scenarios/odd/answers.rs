//! Odd answers to our INVITE.

use sip::{Builder, HeaderName, Method, StatusCode};
use switch::Disposition;
use tests::{Phase, sdp};

use super::{called, ends, request};

#[test]
fn a_refusal_that_concerns_our_own_invite_is_not_passed_to_the_caller() {
    for code in [401, 407, 420, 422, 481, 491, 302, 503] {
        let (stage, alice, wire, invite) = called();
        wire.replies(&invite, code, "far", |reply| reply);
        wire.takes_request(Method::Ack);
        alice.ends_with(480);
        assert_eq!(
            alice.call(|call| call.last.reason().to_string()),
            "Temporarily Unavailable"
        );
        assert!(alice.call(|call| call.last.header(HeaderName::WwwAuthenticate).is_none()));
        stage.clears();
    }
}

#[test]
fn an_answer_without_a_description_that_can_be_used_is_ended() {
    for body in [
        "",
        "v=0\r\nnonsense",
        "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
    ] {
        let (stage, alice, wire, invite) = called();
        wire.replies(&invite, 200, "far", |reply| match body {
            "" => reply,
            body => reply.body("application/sdp", body.as_bytes()),
        });
        wire.takes_request(Method::Ack);
        let bye = wire.takes_request(Method::Bye);
        wire.replies(&bye, 200, "far", |reply| reply);
        alice.ends_with(488);
        assert_eq!(stage.record().disposition, Disposition::Failed);
        stage.clears();
    }
}

#[test]
fn an_answer_without_a_contact_is_taken_to_be_where_it_was_asked() {
    let (stage, alice, wire, invite) = called();
    let reply = Builder::reply(&invite, StatusCode::OK, Some("far"));
    wire.sends(
        reply
            .body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
            .finish(),
    );
    let ack = wire.takes_request(Method::Ack);
    assert_eq!(ack.uri(), "sip:wire@198.51.200.1:5060");
    alice.talks();
    ends(&stage, &alice, &wire);
}

#[test]
fn early_media_that_cannot_be_read_is_only_a_provisional_response() {
    let (stage, alice, wire, invite) = called();
    wire.replies(&invite, 183, "far", |reply| {
        reply.body("application/sdp", b"v=0\r\nnonsense")
    });
    alice.hears_ringing();
    assert!(!alice.call(|call| call.early_media));
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&invite, 200, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    wire.takes_request(Method::Ack);
    alice.talks();
    ends(&stage, &alice, &wire);
}

#[test]
fn a_thousand_provisional_responses_are_one_event() {
    let (stage, alice, wire, invite) = called();
    for n in 0..1_000 {
        wire.replies(&invite, 180 + n % 4, "far", |reply| reply);
    }
    alice.hears_ringing();
    stage.pass(1.0);
    assert_eq!(stage.events(), ["started", "ringing"]);
    assert!(alice.was_told(180) + alice.was_told(183) < 5, "nor are they passed on");
    wire.replies(&invite, 486, "far", |reply| reply);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn a_thousand_forks_take_no_more_than_a_few() {
    let (stage, alice, wire, invite) = called();
    for n in 0..1_000 {
        wire.replies(&invite, 180, &format!("fork{n}"), |reply| reply);
    }
    stage.pass(1.0);
    assert_eq!(stage.with(|world| world.stats().legs), 2);
    // The caller's dialog, and as many early dialogs as `limits.forks` allows.
    let held = stage.with(|world| world.switch.held());
    assert!(held.contains(&("dialogs", 1 + 8)), "{held:?}");
    wire.replies(&invite, 486, "far", |reply| reply);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn a_callee_that_hangs_up_before_it_has_answered() {
    // RFC 3261 15 forbids this BYE; some peers send it.
    let (stage, alice, wire, invite) = called();
    wire.replies(&invite, 180, "far", |reply| reply);
    alice.hears_ringing();
    wire.sends(request(&invite, Method::Bye, 1).finish());
    wire.takes_response(200);
    wire.replies(&invite, 487, "far", |reply| reply);
    stage.pass(1.0);
    assert!(matches!(alice.phase(), Some(Phase::Over(_))), "{:?}", alice.phase());
    stage.clears();
}

#[test]
fn a_peer_that_answers_everything_with_garbage() {
    let (stage, alice, wire, invite) = called();
    let broken = [
        "SIP/2.0 200 OK\r\n\r\n".to_owned(),
        format!("SIP/2.0 200 OK\r\nCall-ID: {}\r\n\r\n", invite.call_id()),
        String::from_utf8(invite.bytes().to_vec()).unwrap(),
        "\r\n\r\n".to_owned(),
        "SIP/2.0 999 What\r\n\r\n".to_owned(),
    ];
    for bytes in broken {
        stage.with(|world| world.throw(wire.address, bytes.into()));
    }
    alice.ends_with(480);
    stage.clears();
}
