//! From octets to a message, and its limits.

use super::*;

#[test]
fn a_request_is_read() {
    let message = read(INVITE);
    assert!(message.is_request());
    assert_eq!(
        (message.method(), message.uri()),
        (&Method::Invite, "sip:bob@biloxi.com")
    );
    assert_eq!(message.from().unwrap().display_name().unwrap(), "Alice");
    assert_eq!((message.from_tag(), message.to_tag()), (Some("1928301774"), None));
    assert_eq!(message.call_id(), "a84b4c76e66710@pc33.atlanta.com");
    assert_eq!(message.cseq().unwrap().to_string(), "314159 INVITE");
    assert_eq!(message.max_forwards().unwrap(), Some(70));
    assert_eq!(message.expires().unwrap(), None);
    assert_eq!(
        (message.content_type(), message.body()),
        (Some("application/sdp"), &b"v=0\n"[..])
    );
    assert_eq!(message.bytes(), INVITE.as_bytes());
    assert!(message.check().is_ok());
    assert_eq!(message.fields().count(), 10);
    assert!(!format!("{message:?}").contains("tag"));
}

#[test]
fn folded_lines_are_joined_and_fields_stay_in_place() {
    let folded = INVITE.replace("To: Bob", "Subject: one\r\n\t two\r\n  three\r\nTo:\r\n Bob");
    let message = read(&folded);
    assert_eq!(message.header(HeaderName::Subject), Some("one  \t two    three"));
    assert_eq!(message.to().unwrap().display_name().unwrap(), "Bob");
    assert_eq!(message.bytes().len(), folded.len());
    assert_eq!(message.body(), b"v=0\n");
    // A body's lines are nobody's business.
    let message = read(&INVITE.replace("Content-Length: 4\r\n\r\nv=0\n", "Subject: x\r\n y\r\n\r\na\r\n b\r\n"));
    assert_eq!(message.body(), b"a\r\n b\r\n");
}

#[test]
fn many_folded_lines_cost_no_more_than_one() {
    let limits = Limits {
        max_header_len: 60_000,
        max_head: 65_535,
        ..Limits::default()
    };
    let text = INVITE.replace("Timestamp: 54", &format!("Subject: x{}", "\r\n y".repeat(10_000)));
    let message = Message::parse(text.into(), &limits).unwrap();
    assert_eq!(
        message.header(HeaderName::Subject).unwrap().matches('y').count(),
        10_000
    );
}

#[test]
fn a_header_in_latin_1_is_read_as_latin_1() {
    let mut bytes = INVITE.replace("Bob <", "M_ller <").into_bytes();
    let at = bytes.iter().position(|&byte| byte == b'_').unwrap();
    bytes[at] = 0xfc;
    let message = Message::parse(bytes.into(), &Limits::default()).unwrap();
    assert_eq!(message.to().unwrap().display_name().unwrap(), "Müller");
    assert_eq!(message.body(), b"v=0\n");
    assert!(message.check().is_ok());
}

#[test]
fn a_bare_cr_or_lf_is_refused() {
    for break_ in ["\r", "\n"] {
        let error = refused(&INVITE.replace("Bob <", &format!("\"a{break_}b\" <")));
        assert_eq!(error.fault.status, StatusCode::BAD_REQUEST);
        let reply = error.reply(source()).unwrap();
        // What comes back is one field, not two.
        assert_eq!(
            read(std::str::from_utf8(reply.bytes()).unwrap())
                .headers(HeaderName::To)
                .count(),
            1
        );
    }
    assert!(Message::parse(Bytes::from(INVITE.replace("\r\n", "\n")), &Limits::default()).is_err());
}

#[test]
fn header_names_are_read_full_compact_and_unknown() {
    let message =
        read("OPTIONS sip:a@b SIP/2.0\r\nv : SIP/2.0/UDP h\r\nX-Own:\r\nx-own: 2\r\nK:a,b\r\nsupported: c\r\n\r\n");
    assert_eq!(message.top_via().unwrap().host, "h");
    assert_eq!(
        (message.other("X-OWN"), message.other("V"), message.other("nope")),
        (Some(""), Some("SIP/2.0/UDP h"), None)
    );
    assert!(message.supports("b") && message.supports("C") && !message.lists(HeaderName::Require, "b"));
    let fields: Vec<_> = message.fields().map(|(name, _, value)| (name, value)).collect();
    assert_eq!(
        fields,
        [
            ("v", "SIP/2.0/UDP h"),
            ("X-Own", ""),
            ("x-own", "2"),
            ("K", "a,b"),
            ("supported", "c")
        ]
    );
}

#[test]
fn lists_are_split_outside_quotes_and_angle_brackets() {
    let message = read(
        &INVITE
            .replace("Contact: <", "Contact: \"a,b\" <sip:x@y;p=1,2>,, <")
            .replace("INVITE", "REGISTER"),
    );
    let contacts: Vec<_> = message.values(HeaderName::Contact).collect();
    assert_eq!(contacts, ["\"a,b\" <sip:x@y;p=1,2>", "<sip:alice@pc33.atlanta.com>"]);
}

#[test]
fn limits_hold() {
    let try_with = |limits: Limits| Message::parse(Bytes::from(INVITE), &limits).map_err(|error| error.fault.status);
    let default = Limits::default();
    assert!(try_with(default).is_ok());
    assert!(
        try_with(Limits {
            max_message: INVITE.len(),
            max_headers: 10,
            max_body: 4,
            ..default
        })
        .is_ok()
    );
    let too_large = Err(StatusCode::MESSAGE_TOO_LARGE);
    assert_eq!(
        try_with(Limits {
            max_message: INVITE.len() - 1,
            ..default
        }),
        too_large
    );
    assert_eq!(
        try_with(Limits {
            max_head: 300,
            ..default
        }),
        too_large
    );
    assert_eq!(
        try_with(Limits {
            max_headers: 9,
            ..default
        }),
        Err(StatusCode::BAD_REQUEST)
    );
    assert_eq!(
        try_with(Limits {
            max_header_len: 45,
            ..default
        }),
        Err(StatusCode::BAD_REQUEST)
    );
    assert_eq!(
        try_with(Limits { max_body: 3, ..default }),
        Err(StatusCode::REQUEST_ENTITY_TOO_LARGE)
    );
    assert_eq!(
        try_with(Limits { max_uri: 10, ..default }),
        Err(StatusCode::REQUEST_URI_TOO_LONG)
    );
}

#[test]
fn a_stream_refuses_a_too_long_message_by_its_head() {
    let status = |text: &str| {
        let mut framer = Framer::new(Limits::default());
        framer.push(text.as_bytes());
        let Some(Err(FrameError::TooLarge(head) | FrameError::NoLength(head))) = framer.next() else {
            panic!("{text}")
        };
        match Message::parse(head, &Limits::default()) {
            Err(error) => error.reply(source()).unwrap().status().unwrap(),
            Ok(message) => {
                let fault = message.check_from(Transport::Tcp).unwrap_err();
                assert!(message.check_from(Transport::Udp).is_ok() && message.check_from(Transport::Wss).is_ok());
                fault.reply(&message).unwrap().status().unwrap()
            }
        }
    };
    let with = |length: &str| status(&INVITE.replace("Content-Length: 4\r\n", length));
    assert_eq!(with("Content-Length: 65536\r\n"), StatusCode::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(with("l: 4294967295\r\n"), StatusCode::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(with("l: 65500\r\n"), StatusCode::MESSAGE_TOO_LARGE);
    assert_eq!(with(""), StatusCode::BAD_REQUEST);
    assert_eq!(with("l: 4\r\nl: 4\r\n"), StatusCode::BAD_REQUEST);
    assert!(read(INVITE).check_from(Transport::Tcp).is_ok());
}

#[test]
fn a_line_that_is_no_field_is_passed_over() {
    let message = read(&INVITE.replace(
        "Timestamp: 54",
        "no field\r\n: empty\r\nX Y: z\r\n folded\r\nTimestamp: 54",
    ));
    assert!(message.check().is_ok());
    assert_eq!(message.fields().count(), 10);
    assert_eq!(message.header(HeaderName::Timestamp), Some("54"));
}

#[test]
fn a_message_without_a_body_may_lack_the_empty_line_at_its_end() {
    let open = |method: &str| {
        let text = as_method(INVITE, method).replace("Content-Length: 4\r\n\r\nv=0\n", "Content-Length: 0\r\n");
        Message::parse(Bytes::from(text), &Limits::default())
    };
    for method in ["BYE", "ACK", "CANCEL"] {
        let message = open(method).unwrap();
        assert_eq!((message.check(), message.body()), (Ok(()), &b""[..]), "{method}");
        let reply = Builder::reply(&message.with_received(source()), StatusCode::OK, None).finish();
        assert_eq!(reply.header(HeaderName::CSeq), Some(&*format!("314159 {method}")));
    }
    assert!(
        Message::parse(
            Bytes::from_static(b"SIP/2.0 486 Busy\r\nCSeq: 1 INVITE\r\n"),
            &Limits::default()
        )
        .is_ok()
    );
    // Of any other the rest may be missing as well, and so may be a body that was announced.
    for method in ["INVITE", "REGISTER", "OPTIONS"] {
        let error = open(method).unwrap_err();
        assert_eq!(
            error.reply(source()).unwrap().status(),
            Some(StatusCode::BAD_REQUEST),
            "{method}"
        );
    }
    let announced = as_method(INVITE, "BYE").replace("\r\n\r\nv=0\n", "\r\n");
    assert_eq!(
        refused(&announced).fault.reason,
        "Content-Length is larger than the message"
    );
    let cut = as_method(INVITE, "BYE").replace("\r\n\r\nv=0\n", "");
    assert_eq!(refused(&cut).fault.reason, "The header has no end");
}

#[test]
fn responses_are_read() {
    let message = read("SIP/2.0 480 Nicht da: später\r\nCSeq: 1 FOO\r\n\r\n");
    assert_eq!(
        (message.status(), message.reason()),
        (StatusCode::new(480), "Nicht da: später")
    );
    assert_eq!(
        (message.method().as_str(), message.uri(), message.is_response()),
        ("FOO", "", true)
    );
    assert_eq!(read("SIP/2.0 180\r\n\r\n").status(), Some(StatusCode::RINGING));
    for bad in [
        "SIP/2.0 99 x",
        "SIP/2.0 1000 x",
        "SIP/2.0 700 x",
        "SIP/2.0 2OO OK",
        "SIP/2.0  200 OK",
        "SIP/1.0 200 OK",
        "SIP/2.0200 OK",
    ] {
        assert!(
            Message::parse(Bytes::from(format!("{bad}\r\n\r\n")), &Limits::default()).is_err(),
            "{bad}"
        );
    }
    assert!(Uri::parse(message.uri()).is_err());
}

#[test]
fn typed_readers_go_by_name() {
    use crate::headers::{event::Event, reason::Reason, session::SessionExpires};
    let message = read(&INVITE.replace(
        "Timestamp: 54",
        "x: 90;refresher=uac\r\nReason: Q.850;cause=16, SIP;cause=200\r\nReason: a;cause=1",
    ));
    assert_eq!(message.read::<SessionExpires>().unwrap().unwrap().seconds, 90);
    assert_eq!(message.read::<Event<'_>>().unwrap(), None);
    assert_eq!(
        message
            .read_all::<Reason<'_>>()
            .map(|reason| reason.unwrap().cause.unwrap())
            .collect::<Vec<_>>(),
        [16, 200, 1]
    );
    let message = read(&INVITE.replace("Timestamp: 54", "x: 90\r\nSession-Expires: 80"));
    assert!(message.read::<SessionExpires>().is_err());
}
