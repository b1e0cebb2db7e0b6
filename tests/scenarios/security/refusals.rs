//! Requests that are refused (RFC 3261 8.2).

use sip::{HeaderName, Message, Method};
use tests::Stage;

fn code(answer: &Message) -> u16 {
    answer.status().unwrap().code()
}

#[test]
fn a_required_extension_that_is_not_supported_draws_420() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    for method in [Method::Invite, Method::Options, Method::Message] {
        let answer = alice.asks(method, "sip:102@tandem.local", |builder| {
            builder
                .header(HeaderName::Require, "timer, 100rel, sorcery, telepathy")
                .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
        });
        assert_eq!(
            (code(&answer), answer.header(HeaderName::Unsupported)),
            (420, Some("sorcery, telepathy"))
        );
    }
    stage.clears();
}

#[test]
fn bodies_that_are_not_understood_draw_415() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let answer = alice.asks(Method::Invite, "sip:102@tandem.local", |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .body("application/isup", b"\x01\x02")
    });
    assert_eq!(
        (code(&answer), answer.header(HeaderName::Accept)),
        (415, Some("application/sdp"))
    );
    let answer = alice.asks(Method::Message, "sip:102@tandem.local", |builder| {
        builder
            .header(HeaderName::ContentEncoding, "gzip")
            .body("text/plain", b"\x1f\x8b")
    });
    assert_eq!(
        (code(&answer), answer.header(HeaderName::AcceptEncoding)),
        (415, Some("identity"))
    );
    stage.clears();
}

/// A session description and one more part, in `multipart/{kind}`.
fn with_part(kind: &str, head: &str) -> (String, String) {
    let sdp = tests::sdp("198.51.100.1", 9_000);
    let body = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b\r\n{head}\r\n\r\nx\r\n--b--\r\n");
    (format!("multipart/{kind};boundary=b"), body)
}

#[test]
fn a_part_that_must_be_understood_and_is_not_draws_415() {
    // RFC 3261 8.2.3, 20.11; RFC 2046 5.1.4.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let required = "Content-Type: application/isup\r\nContent-Disposition: signal; Handling=Required";
    for (method, kind, head, expected) in [
        (Method::Invite, "mixed", required, 415),
        (Method::Options, "mixed", required, 415),
        (Method::Register, "related", required, 415),
        // The body is for the other phone.
        (Method::Message, "mixed", required, 200),
    ] {
        let (content_type, body) = with_part(kind, head);
        let answer = alice.asks(method.clone(), "sip:102@tandem.local", |builder| {
            builder
                .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
                .body(&content_type, body.as_bytes())
        });
        assert_eq!(code(&answer), expected, "{method}");
        let accept = (expected == 415).then_some("application/sdp");
        assert_eq!(answer.header(HeaderName::Accept), accept);
    }
    assert_eq!(bob.got(Method::Invite), 0);
    stage.clears();
}

#[test]
fn a_part_that_may_be_passed_over_or_has_an_alternative_is() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let required = "Content-Type: application/isup\r\nContent-Disposition: session;handling=required";
    let optional = "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional";
    for (kind, head) in [
        ("mixed", optional),
        ("mixed", "Content-Type: application/pidf+xml\r\nContent-ID: <1>"),
        ("alternative", required),
    ] {
        let (content_type, body) = with_part(kind, head);
        bob.feels(|mood| mood.refuses = Some(486));
        let answer = alice.asks(Method::Invite, "sip:102@tandem.local", |builder| {
            builder
                .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
                .body(&content_type, body.as_bytes())
        });
        assert_eq!(code(&answer), 486, "{kind} {head}");
    }
    // Only parts that may be ignored: a call without an offer.
    let rings = bob.got(Method::Invite);
    let answer = alice.asks(Method::Invite, "sip:102@tandem.local", |builder| {
        builder
            .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
            .header(HeaderName::ContentDisposition, "render;handling=optional")
            .body("text/html", b"<p>Hello</p>")
    });
    assert_eq!((code(&answer), bob.got(Method::Invite)), (486, rings + 1));
    stage.clears();
}

#[test]
fn a_bye_ends_its_call_whatever_it_brings() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let answer = alice.asks_within(Method::Bye, |builder| {
        builder
            .header(HeaderName::ContentDisposition, "signal;handling=required")
            .header(HeaderName::ContentEncoding, "gzip")
            .body("application/isup", b"x")
    });
    assert_eq!(code(&answer), 200);
    bob.ends_with(200);
    stage.pass(120.0);
}

#[test]
fn schemes_methods_and_hops() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let contact = "<sip:101@198.51.100.1>";
    let answer = alice.asks(Method::Invite, "mailto:102@tandem.local", |b| {
        b.header(HeaderName::Contact, contact)
    });
    assert_eq!(code(&answer), 416);
    let answer = alice.asks(Method::Other("DANCE".into()), "sip:102@tandem.local", |b| {
        b.header(HeaderName::Contact, contact)
    });
    assert_eq!(code(&answer), 501);
    let allow = answer.header(HeaderName::Allow).unwrap();
    assert!(allow.contains("REGISTER") && allow.contains("MESSAGE"));
    for method in [Method::Bye, Method::Update, Method::Info, Method::Prack, Method::Notify] {
        let answer = alice.asks(method.clone(), "sip:102@tandem.local", |b| {
            b.header(HeaderName::Contact, contact)
        });
        assert_eq!(code(&answer), 481, "{method}");
    }
    let spent = |method: Method| {
        sip::Builder::request(&method, "sip:102@tandem.local")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{method}"),
            )
            .header(HeaderName::MaxForwards, 0)
            .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
            .header(HeaderName::To, "<sip:102@tandem.local>")
            .header(HeaderName::CallId, format!("hops-{method}"))
            .header(HeaderName::CSeq, format!("1 {method}"))
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
            .finish()
    };
    let wire = stage.wire("198.51.200.1:5060");
    for (method, expected) in [(Method::Invite, 483), (Method::Message, 483), (Method::Options, 200)] {
        wire.sends(spent(method));
        wire.takes_response(expected);
    }
    stage.clears();
}

#[test]
fn options_lists_what_tandem_supports() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let answer = alice.asks(Method::Options, "sip:tandem.local", |builder| builder);
    assert_eq!(code(&answer), 200);
    for (name, part) in [
        (HeaderName::Allow, "INVITE"),
        (HeaderName::Accept, "application/sdp"),
        (HeaderName::Supported, "timer"),
        (HeaderName::AcceptEncoding, "identity"),
        (HeaderName::AcceptLanguage, "en"),
    ] {
        assert!(answer.header(name).unwrap().contains(part), "{}", name.as_str());
    }
    stage.clears();
}

#[test]
fn a_request_in_an_unknown_dialog_gets_481() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    bob.hangs_up();
    alice.ends_with(200);
    stage.pass(1.0);
    for method in [Method::Bye, Method::Invite, Method::Update, Method::Info] {
        let answer = alice.asks_within(method.clone(), |b| {
            b.header(HeaderName::Contact, "<sip:101@198.51.100.1>")
        });
        assert_eq!(code(&answer), 481, "{method}");
    }
    stage.clears();
}

#[test]
fn an_invite_for_a_foreign_domain_is_refused_with_a_record() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let answer = alice.asks(Method::Invite, "sip:102@example.org", |builder| {
        builder.header(HeaderName::Contact, "<sip:101@198.51.100.1>")
    });
    assert_eq!(code(&answer), 404);
    let cdr = stage.record();
    assert_eq!(
        (cdr.sip_code, cdr.open.from.as_str(), cdr.answered_at),
        (404, "101", None)
    );
    stage.clears();
}

#[test]
fn an_offer_that_cannot_be_read_or_used_gets_488_and_a_record() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    // The codes of RFC 3261 20.43: no audio line, an unreadable description, an unknown codec.
    for (body, warning) in [
        ("v=0\r\n", "304 "),
        (
            "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\n",
            "304 ",
        ),
        ("hello", "307 "),
        (
            "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 99\r\n",
            "305 ",
        ),
    ] {
        let answer = alice.asks(Method::Invite, "sip:102@tandem.local", |builder| {
            builder
                .header(HeaderName::Contact, "<sip:101@198.51.100.1>")
                .body("application/sdp", body.as_bytes())
        });
        assert_eq!(code(&answer), 488);
        let value = answer.header(HeaderName::Warning).unwrap();
        assert!(value.starts_with(warning), "{body:?}: {value}");
    }
    assert_eq!(stage.with(|world| world.cdrs.len()), 4);
    stage.clears();
}

#[test]
fn a_request_that_comes_twice_by_different_ways_is_refused_once_with_482() {
    // RFC 3261 8.2.2.2: merged by a proxy that forked to us twice. Challenges are given without state; what is past
    // them is told apart.
    let config = switch::Config {
        trusted: vec![switch::Trusted {
            network: "198.51.200.1".parse().unwrap(),
            prefix: 32,
            extension: "101".into(),
        }],
        ..switch::Config::default()
    };
    let stage = Stage::new(tests::Settings {
        config,
        ..tests::Settings::default()
    });
    let (_alice, _bob) = (stage.phone("101"), stage.phone("102"));
    let wire = stage.wire("198.51.200.1:5060");
    for branch in ["one", "two"] {
        wire.sends(stranger(&Method::Message, branch, "merged"));
    }
    let mut codes: Vec<u16> = wire.collects(1.0).iter().map(code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [200, 482]);
    stage.clears();
}

#[test]
fn a_request_without_credentials_is_challenged_without_state() {
    // RFC 3261 26.3.2.4: a single 401, never retransmitted, and no state; 8.2.7: the tag is the same each time.
    let stage = Stage::default();
    let _bob = stage.phone("102");
    stage.pass(60.0);
    let wire = stage.wire("198.51.200.1:5060");
    for method in [Method::Invite, Method::Register, Method::Message] {
        let request = stranger(&method, &format!("b{method}"), &format!("c{method}"));
        wire.sends(request.clone());
        wire.sends(request.clone());
        let answers = wire.collects(40.0);
        let codes: Vec<u16> = answers.iter().map(code).collect();
        assert_eq!(codes, [401, 401], "{method}: one answer each, and never again");
        assert_eq!(answers[0].to_tag(), answers[1].to_tag(), "{method}");
        assert!(answers[0].to_tag().is_some());
    }
    wire.sends(stranger(&Method::Invite, "now", "now"));
    let answer = wire.takes_response(401);
    assert_eq!(stage.with(tests::World::stats).transactions, 0, "not even for a moment");
    // Neither its ACK nor its CANCEL matches a transaction.
    let invite = stranger(&Method::Invite, "now", "now");
    wire.sends(with_to(&invite, &Method::Ack, answer.header(HeaderName::To).unwrap()));
    assert!(wire.collects(5.0).is_empty());
    wire.sends(with_to(&invite, &Method::Cancel, "<sip:102@tandem.local>"));
    wire.takes_response(481);
    stage.clears();
}

#[test]
fn a_request_that_no_account_may_make_is_refused_without_a_challenge() {
    let stage = Stage::default();
    let wire = stage.wire("198.51.200.1:5060");
    let odd = |method: Method, uri: &str, name, value: &str| {
        let plain = stranger(&method, value.trim(), value.trim());
        let mut request = sip::Builder::request(&method, uri);
        for (field, id, value) in plain.fields() {
            if id != HeaderName::ContentLength {
                request = request.other(field, value);
            }
        }
        wire.sends(request.header(name, value).finish());
        code(&wire.takes("an answer", Message::is_response))
    };
    let uri = "sip:102@tandem.local";
    assert_eq!(odd(Method::Invite, uri, HeaderName::Require, "telepathy"), 420);
    assert_eq!(
        odd(Method::Register, "sip:example.org", HeaderName::Subject, "far"),
        404
    );
    assert_eq!(odd(Method::Invite, uri, HeaderName::ContentEncoding, "gzip"), 415);
    stage.clears();
}

/// A request without credentials.
fn stranger(method: &Method, branch: &str, call_id: &str) -> Message {
    sip::Builder::request(method, "sip:102@tandem.local")
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{branch}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
        .header(HeaderName::To, "<sip:102@tandem.local>")
        .header(HeaderName::CallId, call_id)
        .header(HeaderName::CSeq, format!("1 {method}"))
        .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
        .finish()
}

/// The ACK or CANCEL of a request.
fn with_to(request: &Message, method: &Method, to: &str) -> Message {
    sip::Builder::request(method, request.uri())
        .copy(request, HeaderName::Via)
        .copy(request, HeaderName::MaxForwards)
        .copy(request, HeaderName::From)
        .header(HeaderName::To, to)
        .copy(request, HeaderName::CallId)
        .header(HeaderName::CSeq, format!("1 {method}"))
        .finish()
}

#[test]
fn requests_of_unknown_dialogs_and_transactions_are_answered_up_to_a_limit() {
    // These look like requests within a dialog, and are not limited as new requests are.
    for (method, from) in [
        ("BYE", "From: <sip:a@b>;tag=f\r\n"),
        ("BYE", ""),
        ("CANCEL", "From: <sip:a@b>;tag=f\r\n"),
        ("INFO", "Content-Length: 9\r\n"),
    ] {
        let stage = Stage::default();
        let wire = stage.wire("203.0.113.66:5060");
        for index in 0..2_000 {
            let text = format!(
                "{method} sip:x@tandem.local SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK{index}\r\n\
                 {from}To: <sip:x@tandem.local>;tag=t\r\nCall-ID: {index}\r\nCSeq: 1 {method}\r\n\r\n"
            );
            stage.with(|world| world.throw(wire.address, text.into()));
        }
        let answers = wire.collects(1.0).len();
        assert!((500..600).contains(&answers), "{method} {from}: {answers}");
        stage.clears();
    }
}

#[test]
fn without_a_media_port_an_invite_gets_503_and_a_record() {
    // RTP and RTCP do not both fit.
    let mut settings = tests::Settings::default();
    settings.config.media_ports = (20_000, 20_000);
    let stage = Stage::new(settings);
    let (alice, _bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102").ends_with(503);
    assert!(alice.call(|call| call.last.header(HeaderName::RetryAfter).is_some()));
    assert_eq!(stage.record().sip_code, 503);
    stage.clears();
}

#[test]
fn one_media_port_is_enough_for_calls_that_are_silent() {
    // Legs that cannot be told apart yet share the port: a packet that fits several legs goes to none of them, and
    // no call is refused.
    let mut settings = tests::Settings::default();
    settings.config.media_ports = (20_000, 20_001);
    let stage = Stage::new(settings);
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    for invites in [1, 2] {
        alice.calls("102");
        stage.pass(1.0);
        assert_eq!(bob.got(Method::Invite), invites);
    }
    bob.rejects(486);
    alice.ends_with(486);
    stage.clears();
}
