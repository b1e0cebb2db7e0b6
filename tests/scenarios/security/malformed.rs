//! Malformed header fields that no rule needs, slightly broken answers, and keep-alives of other kinds: none of them
//! costs a call (RFC 3261 8.2.2, 17.1.3, 18.3).

use bytes::Bytes;
use media::SdpDirection;
use sip::{Builder, HeaderName, Message, Method, Transport};
use switch::{Config, Disposition};
use tests::{Actor, Phase, Settings, Stage};

fn code(answer: &Message) -> u16 {
    answer.status().unwrap().code()
}

fn both_odd() -> (Stage, Actor, Actor) {
    let stage = Stage::default();
    let (alice, bob) = (stage.unregistered("101"), stage.unregistered("102"));
    for phone in [&alice, &bob] {
        phone.feels(|mood| mood.odd = true);
        phone.registers(3_600);
    }
    (stage, alice, bob)
}

#[test]
fn a_call_of_odd_phones_is_made_changed_and_ended_like_any_other() {
    for from_callee in [false, true] {
        let (stage, alice, bob) = both_odd();
        alice.calls("102");
        bob.rings();
        alice.hears_ringing();
        bob.answers().talks();
        alice.talks();
        stage.pass(2.0);
        assert_eq!(bob.was_told(200), 1, "its own REGISTER\n{}", stage.ladder());
        assert_eq!(alice.was_told(200), 2, "the ACK was taken\n{}", stage.ladder());
        bob.holds();
        alice.hears(SdpDirection::SendOnly);
        bob.resumes();
        alice
            .begins_change(Method::Update, Some(SdpDirection::SendRecv))
            .is_answered(200);
        let (one, other) = if from_callee { (&bob, &alice) } else { (&alice, &bob) };
        stage.ends(one, other);
        assert_eq!(stage.record().disposition, Disposition::Answered);
    }
}

#[test]
fn an_odd_phone_cancels_and_refuses_like_any_other() {
    let (stage, alice, bob) = both_odd();
    alice.calls("102");
    bob.rings();
    alice.hears_ringing().hangs_up().ends_with(487);
    bob.ends_with(487);
    alice.calls("102");
    bob.rings().rejects(486);
    alice.ends_with(486);
    bob.feels(|mood| {
        mood.refuses = Some(302);
        mood.sends_to = Some("sip:103@tandem.local".into());
    });
    let carol = stage.phone("103");
    alice.calls("102");
    carol.rings().answers().talks();
    alice.talks();
    stage.ends(&carol, &alice);
}

#[test]
fn texts_and_keys_of_odd_phones_pass() {
    let (stage, alice, bob) = both_odd();
    alice.with(|phone| phone.text("102", "hello"));
    stage.pass(1.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(200));
    let last = bob.with(|phone| phone.received.back().cloned()).unwrap();
    assert_eq!(*last.method(), Method::Message);
    assert_eq!(
        last.headers(HeaderName::Date).collect::<Vec<_>>(),
        ["yesterday"],
        "the first of two"
    );
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let answer = alice.asks_within(Method::Info, |builder| {
        builder.body("application/dtmf-relay", b"Signal=5\r\n")
    });
    assert_eq!(code(&answer), 200);
    stage.ends(&alice, &bob);
}

#[test]
fn an_expires_that_cannot_be_read_is_an_hour() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let answer = alice.asks(Method::Register, "sip:tandem.local", |builder| {
        let builder = builder.header(HeaderName::Contact, "<sip:101@198.51.100.1>");
        builder.header(HeaderName::Expires, "soon")
    });
    // The To of this answer differs from the request's, but can be read.
    assert_ne!(code(&answer), 400, "{answer:?}");
}

#[test]
fn keep_alives_on_a_stream_do_not_swallow_messages() {
    for alive in ["\r\n\0", "\r\n", "\0\0", "\r\n\r\n", "\n"] {
        let stage = Stage::default();
        let alice = stage.phone("101");
        let bob = stage.unregistered("102");
        bob.with(|phone| phone.transport = Transport::Tcp);
        bob.feels(|mood| mood.keeps_alive = Some(alive));
        bob.registers(3_600);
        alice.calls("102");
        bob.rings().answers().talks();
        alice.talks();
        bob.holds().resumes();
        stage.ends(&bob, &alice);
    }
}

#[test]
fn a_contact_that_is_no_sip_uri_draws_400() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    for contact in [
        "<tel:+15551234>",
        "<mailto:101@tandem.local>",
        "<https://tandem.local/101>",
        "*",
    ] {
        let answer = alice.asks(Method::Invite, "sip:102@tandem.local", |builder| {
            builder.header(HeaderName::Contact, contact)
        });
        assert_eq!(code(&answer), 400, "{contact}");
        assert!(answer.reason().contains("Contact"), "{}", answer.reason());
    }
    stage.clears();
}

#[test]
fn a_contact_that_is_no_sip_uri_moves_no_target() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let answer = alice.asks_within(Method::Update, |builder| {
        builder.header(HeaderName::Contact, "<tel:+15551234>")
    });
    assert_eq!(code(&answer), 200);
    bob.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn another_port_of_our_address_is_not_ours() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for (uri, expect) in [("sip:102@192.0.2.1:7000", 404), ("sip:102@192.0.2.1:5060", 200)] {
        let answer = alice.asks(Method::Message, uri, |builder| builder.body("text/plain", b"hello"));
        assert_eq!(code(&answer), expect, "{uri}");
    }
    assert_eq!(bob.with(|phone| phone.texts.len()), 1);
    let answer = alice.asks(Method::Register, "sip:192.0.2.1:7000", |builder| builder);
    assert_eq!(code(&answer), 404);
    stage.clears();
}

#[test]
fn a_maddr_sends_our_answers_to_nobody_else() {
    let stage = Stage::default();
    let (stranger, aimed_at) = (stage.wire("203.0.113.9:5060"), stage.wire("203.0.113.66:5060"));
    let via = "SIP/2.0/UDP 203.0.113.9:5060;maddr=203.0.113.66;branch=z9hG4bK1";
    for method in [Method::Options, Method::Invite, Method::Register] {
        let request = Builder::request(&method, "sip:tandem.local")
            .header(HeaderName::Via, via)
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:x@203.0.113.9>;tag=1")
            .header(HeaderName::To, "<sip:101@tandem.local>")
            .header(HeaderName::CallId, format!("maddr-{method}"))
            .header(HeaderName::CSeq, format!("1 {method}"))
            .header(HeaderName::Contact, "<sip:x@203.0.113.9>");
        stranger.sends(request.finish());
        stranger.takes(method.as_str(), |answer| {
            answer.is_response() && *answer.method() == method
        });
    }
    assert!(aimed_at.collects(60.0).is_empty());
}

#[test]
fn a_message_whose_answer_is_slow_draws_100() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.dead = true);
    alice.with(|phone| phone.text("102", "hello"));
    stage.pass(3.4);
    assert_eq!(alice.was_told(100), 0);
    stage.pass(0.3);
    // Tandem sends a 100 by itself, and another for the repetition that comes at that moment.
    assert!((1..=2).contains(&alice.was_told(100)), "{}", stage.ladder());
    stage.pass(40.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(202));
    // From then on the phone repeats its request every T2, 4 s.
    assert!(alice.was_told(100) <= 9, "{}", stage.ladder());
    stage.clears();
}

#[test]
fn an_update_that_the_other_phone_thinks_about_draws_100() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    // Bob gets a re-INVITE, and answers after 6 s.
    bob.feels(|mood| {
        mood.allow = "INVITE, ACK, CANCEL, BYE";
        mood.waits_with_changes = true;
    });
    let before = alice.was_told(100);
    alice.begins_change(Method::Update, Some(SdpDirection::SendOnly));
    stage.pass(6.0);
    assert!(alice.was_told(100) > before, "{}", stage.ladder());
    bob.decides(200);
    alice.is_answered(200);
    stage.ends(&alice, &bob);
}

#[test]
fn a_registration_that_the_store_takes_long_for_draws_100() {
    let stage = Stage::new(Settings {
        store_delay: std::time::Duration::from_secs(6),
        config: Config::default(),
        ..Settings::default()
    });
    let alice = stage.phone("101");
    assert_eq!(
        alice.was_told(100),
        2,
        "at 3.5 s, and when it asked again\n{}",
        stage.ladder()
    );
}

#[test]
fn what_is_decided_after_its_sender_has_given_up_is_not_answered() {
    // RFC 4320 4.2: timer F of the sender fires after 32 s.
    for (seconds, answered) in [(31, 1), (33, 0)] {
        let stage = Stage::new(Settings {
            store_delay: std::time::Duration::from_secs(seconds),
            config: Config::default(),
            ..Settings::default()
        });
        let alice = stage.unregistered("101");
        alice.with(|phone| phone.register(3_600));
        stage.pass(60.0);
        assert_eq!(alice.was_told(200), answered, "{seconds} s\n{}", stage.ladder());
        assert!(alice.was_told(100) > 1 && alice.was_told(408) == 0);
        stage.clears();
    }
}

#[test]
fn a_bye_without_the_empty_line_at_its_end_ends_the_call() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let call = alice.latest();
    let bye = alice.with(|phone| phone.inside(call, &Method::Bye)).unwrap().finish();
    let text = std::str::from_utf8(bye.bytes())
        .unwrap()
        .strip_suffix("\r\n")
        .unwrap()
        .to_owned();
    let from = alice.with(|phone| phone.address);
    stage.with(|world| world.throw(from, Bytes::from(text)));
    bob.ends_with(200);
    assert_eq!(bob.phase(), Some(Phase::Over(200)));
    stage.clears();
}
