//! Peers that do odd things, message by message.

use media::Command;
use sip::{Builder, HeaderName, Message, Method, StatusCode};
use switch::{Disposition, EndedBy};
use tests::{Actor, Phase, Stage, Wire, sdp};

const URI: &str = r#"fn on_call(caller) { caller.dial("sip:wire@198.51.200.1:5060", #{ timeout: 20 }); }"#;

fn called() -> (Stage, Actor, Wire, Message) {
    let stage = Stage::plan(URI);
    let alice = stage.phone("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.calls("900");
    let invite = wire.takes_request(Method::Invite);
    (stage, alice, wire, invite)
}

fn talking() -> (Stage, Actor, Wire, Message) {
    let (stage, alice, wire, invite) = called();
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&invite, 200, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    wire.takes_request(Method::Ack);
    alice.talks();
    stage.pass(0.5);
    (stage, alice, wire, invite)
}

/// A request of the wire's within the dialog.
fn within(invite: &Message, method: Method, number: u32) -> Builder {
    Builder::request(&method, "sip:101@192.0.2.1")
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{method}{number}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(
            HeaderName::From,
            format!("{};tag=far", invite.header(HeaderName::To).unwrap()),
        )
        .header(HeaderName::To, invite.header(HeaderName::From).unwrap())
        .header(HeaderName::CallId, invite.call_id())
        .header(HeaderName::CSeq, format!("{number} {method}"))
        .header(HeaderName::Contact, "<sip:wire@198.51.200.1>")
}

/// Asks something within the call without waiting for the answer.
fn begins(alice: &Actor, method: Method, kind: &str, body: &str) {
    let call = alice.latest();
    alice.with(|phone| phone.within(call, &method, |builder| builder.body(kind, body.as_bytes())));
}

/// What came of it.
fn answer(alice: &Actor) -> Option<u16> {
    alice.with(|phone| Some(phone.answer.as_ref()?.status().unwrap().code()))
}

fn ends(stage: &Stage, alice: &Actor, wire: &Wire) {
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn what_speaks_of_our_own_invite_is_not_the_callee_s_answer() {
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
fn a_thousand_forks_take_no_more_than_one() {
    let (stage, alice, wire, invite) = called();
    for n in 0..1_000 {
        wire.replies(&invite, 180, &format!("fork{n}"), |reply| reply);
    }
    stage.pass(1.0);
    assert_eq!(stage.with(|world| world.stats().legs), 2);
    wire.replies(&invite, 486, "far", |reply| reply);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn requests_out_of_order_draw_500_and_end_nothing() {
    let (stage, alice, wire, invite) = talking();
    wire.sends(
        within(&invite, Method::Info, 20)
            .body("application/dtmf", b"1")
            .finish(),
    );
    wire.takes_response(200);
    wire.sends(within(&invite, Method::Bye, 10).finish());
    wire.takes_response(500);
    assert_eq!(alice.phase(), Some(Phase::Up));
    ends(&stage, &alice, &wire);
}

#[test]
fn a_re_invite_that_is_never_acknowledged_ends_the_call() {
    let (stage, alice, wire, invite) = talking();
    let description = sdp("198.51.200.1", 9_200);
    wire.sends(
        within(&invite, Method::Invite, 2)
            .body("application/sdp", description.as_bytes())
            .finish(),
    );
    wire.takes_response(200);
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    assert_eq!(stage.record().ended_by, EndedBy::System);
    stage.clears();
}

#[test]
fn a_re_invite_without_an_offer_that_is_never_answered_changes_nothing_until_then() {
    let (stage, alice, wire, invite) = talking();
    wire.sends(within(&invite, Method::Invite, 2).finish());
    let ok = wire.takes_response(200);
    assert!(ok.body().starts_with(b"v=0"));
    // RFC 3261 14.2: an ACK without an answer leaves the session as it is.
    let ack = within(&invite, Method::Ack, 2).finish();
    wire.sends(ack);
    stage.pass(1.0);
    assert_eq!(alice.phase(), Some(Phase::Up));
    assert_eq!(alice.got(Method::Invite), 0);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_bye_while_our_re_invite_waits_ends_both() {
    let (stage, alice, wire, invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    wire.takes_request(Method::Invite);
    wire.sends(within(&invite, Method::Bye, 2).finish());
    wire.takes_response(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_re_invite_that_is_answered_after_the_hang_up_is_still_acknowledged() {
    let (stage, alice, wire, _invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    let change = wire.takes_request(Method::Invite);
    alice.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    let description = sdp("198.51.200.1", 9_000);
    wire.replies(&change, 200, "far", |reply| {
        reply.body("application/sdp", description.as_bytes())
    });
    let ack = wire.takes_request(Method::Ack);
    assert_eq!(ack.cseq().unwrap().number, change.cseq().unwrap().number);
    wire.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_offer_of_ours_that_the_phone_puts_off_is_made_again_when_it_said() {
    let (stage, alice, wire, _invite) = talking();
    let takes = |change: &Message| {
        wire.replies(change, 200, "far", |reply| {
            reply.body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
        });
        wire.takes_request(Method::Ack);
    };
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    takes(&wire.takes_request(Method::Invite));
    alice.is_answered(200);
    // Without an offer of its own it gets ours, and takes it; the other side is to hear of that.
    alice.begins_change(Method::Invite, None).is_answered(200);
    let change = wire.takes_request(Method::Invite);
    wire.replies(&change, 500, "far", |reply| reply.header(HeaderName::RetryAfter, 7));
    wire.takes_request(Method::Ack);
    let early = wire.collects(6.9);
    assert!(early.is_empty(), "RFC 3261 14.2, 20.33\n{}", stage.ladder());
    let again = wire.takes_request(Method::Invite);
    assert!(again.body_text().contains("a=sendrecv"));
    takes(&again);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_change_that_the_other_phone_puts_off_is_the_offerer_s_to_make_again() {
    let (stage, alice, wire, _invite) = talking();
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    let change = wire.takes_request(Method::Invite);
    wire.replies(&change, 500, "far", |reply| reply.header(HeaderName::RetryAfter, 3));
    // Glare is what every phone knows how to try again (RFC 3261 14.1).
    alice.is_answered(491);
    ends(&stage, &alice, &wire);
}

#[test]
fn a_re_invite_that_outlives_its_dialog_is_acknowledged_or_cancelled() {
    for answered in [true, false] {
        let (stage, alice, wire, _invite) = talking();
        alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
        let change = wire.takes_request(Method::Invite);
        wire.replies(&change, 100, "far", |reply| reply);
        alice.hangs_up().ends_with(200);
        // RFC 3261 17.1.1.2: a transaction that was told to wait has no other end.
        let cancel = wire.takes_request(Method::Cancel);
        assert_eq!(cancel.cseq().unwrap().number, change.cseq().unwrap().number);
        let bye = wire.takes_request(Method::Bye);
        wire.replies(&bye, 200, "far", |reply| reply);
        stage.pass(1.0);
        assert_eq!(stage.with(|world| world.stats().legs), 0);
        if answered {
            let description = sdp("198.51.200.1", 9_000);
            wire.replies(&change, 200, "far", |reply| {
                reply.body("application/sdp", description.as_bytes())
            });
            // RFC 3261 13.2.2.4: also when nothing else is left of the dialog.
            let ack = wire.takes_request(Method::Ack);
            assert_eq!(ack.cseq().unwrap().number, change.cseq().unwrap().number);
            let after = wire.collects(5.0);
            let bye = |message: &&Message| *message.method() == Method::Bye;
            assert!(!after.iter().any(|message| bye(&message)), "it was sent before");
        }
        stage.clears();
    }
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
    wire.sends(within(&invite, Method::Ack, 2).finish());
    alice.asks_within(Method::Info, |builder| builder.body("text/x", b"one"));
    // Its INFO goes where the dialog was before.
    let allowed = wire.collects(1.0);
    assert!(other.collects(0.1).is_empty(), "{allowed:?}");
    wire.sends(moved(3, description.as_bytes()));
    wire.takes_response(200);
    wire.sends(within(&invite, Method::Ack, 3).finish());
    stage.pass(0.5);
    alice.hangs_up();
    let bye = other.takes_request(Method::Bye);
    assert_eq!(bye.uri(), "sip:wire@198.51.200.1:5099");
    other.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_callee_that_hangs_up_before_it_has_answered() {
    // RFC 3261 15 forbids it; some do.
    let (stage, alice, wire, invite) = called();
    wire.replies(&invite, 180, "far", |reply| reply);
    alice.hears_ringing();
    wire.sends(within(&invite, Method::Bye, 1).finish());
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

#[test]
fn a_phone_that_knows_of_no_such_call_has_none() {
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
fn what_passes_within_a_call_is_answered_by_the_other_phone() {
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
        // The real reason: within this call nobody takes the method.
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
    // Silence is no 408 (RFC 4320 4.2), which would end the call (RFC 3261 12.2.1.2).
    begins(&alice, Method::Message, "text/plain", "hello?");
    wire.takes_request(Method::Message);
    stage.pass(10.5);
    assert_eq!(answer(&alice), Some(480));
    stage.pass(30.0);
    assert_eq!(alice.phase(), Some(Phase::Up));
    ends(&stage, &alice, &wire);
}

#[test]
fn a_key_that_a_phone_does_not_take_by_info_is_pressed_as_an_event() {
    // Most phones allow INFO; not all of them take keys by it.
    let (stage, alice, wire, invite) = called();
    let description =
        sdp("198.51.200.1", 9_000).replace("RTP/AVP 0", "RTP/AVP 0 96") + "a=rtpmap:96 telephone-event/8000\r\n";
    wire.replies(&invite, 200, "far", |reply| {
        reply
            .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, INFO")
            .body("application/sdp", description.as_bytes())
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
fn a_description_that_names_ourselves_is_sent_nothing() {
    // Two such calls would send each other the same packets for ever, with nobody paying for them.
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
