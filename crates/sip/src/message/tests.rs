use std::net::SocketAddr;

use bytes::Bytes;

use super::*;
use crate::{Contact, Flow, FrameError, Framer, Limits, Transport, Uri};

const INVITE: &str = "INVITE sip:bob@biloxi.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n\
    Max-Forwards: 70\r\n\
    To: Bob <sip:bob@biloxi.com>\r\n\
    From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n\
    Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:alice@pc33.atlanta.com>\r\n\
    Timestamp: 54\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

fn read(text: &str) -> Message {
    Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap()
}

fn refused(text: &str) -> ParseError {
    Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap_err()
}

fn source() -> SocketAddr {
    "192.0.2.9:5062".parse().unwrap()
}

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
fn folded_lines_are_joined_and_places_stay() {
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
fn latin_1_is_taken_for_what_it_is() {
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
fn names_are_known_full_compact_and_unknown() {
    let message =
        read("OPTIONS sip:a@b SIP/2.0\r\nv : SIP/2.0/UDP h\r\nX-Own:\r\nx-own: 2\r\nK:a,b\r\nsupported: c\r\n\r\n");
    assert_eq!(message.top_via().unwrap().host, "h");
    assert_eq!(
        (message.other("X-OWN"), message.other("V"), message.other("nope")),
        (Some(""), Some("SIP/2.0/UDP h"), None)
    );
    assert!(message.supports("b") && message.supports("C") && !message.requires("b"));
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
fn what_a_stream_does_not_wait_for_is_refused_by_its_head() {
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
fn what_can_be_answered_is_answered() {
    let reply = refused(&INVITE.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"))
        .reply(source())
        .unwrap();
    assert_eq!(reply.status(), Some(StatusCode::VERSION_NOT_SUPPORTED));
    assert_eq!(reply.top_via().unwrap().received(), Some(source().ip()));
    assert_eq!(reply.call_id(), "a84b4c76e66710@pc33.atlanta.com");
    assert!(reply.to_tag().is_some());
    let short = &INVITE[..INVITE.len() - 1];
    assert_eq!(
        refused(short).reply(source()).unwrap().reason(),
        "Content-Length is larger than the message"
    );
    assert!(refused(&short.replace("INVITE", "ACK")).reply(source()).is_none());
    assert!(refused(&short.replace("Via", "X-Via")).reply(source()).is_none());
    for noise in [
        "",
        "\r\n\r\n",
        "\0",
        "SIP/2.0",
        "SIP/2.0 200 OK",
        "x",
        "INVITE",
        "INVITE  \r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        assert!(refused(noise).reply(source()).is_none(), "{noise:?}");
    }
}

/// The message as another method's.
fn as_method(text: &str, method: &str) -> String {
    text.replace("INVITE", method)
}

#[test]
fn what_decides_is_refused_twice_and_what_informs_is_not() {
    use HeaderName as H;
    let always = [H::From, H::To, H::CallId, H::CSeq, H::ContentLength];
    let invite = [
        H::MaxForwards,
        H::ContentType,
        H::ContentDisposition,
        H::SessionExpires,
        H::MinSe,
        H::Replaces,
        H::Join,
        H::TargetDialog,
        H::AnswerMode,
        H::PrivAnswerMode,
    ];
    let register = [H::Expires];
    for (method, decides) in [
        ("INVITE", &invite[..]),
        ("REGISTER", &register),
        ("BYE", &[]),
        ("ACK", &[]),
    ] {
        let text = as_method(INVITE, method);
        for &name in HeaderName::known() {
            let value = read(&text).header(name).unwrap_or("1").to_owned();
            let twice = text.replacen("Via", &format!("{name}: {value}\r\n{name}: {value}\r\nVia"), 1);
            let fault = Message::parse(Bytes::from(twice), &Limits::default())
                .map_err(|error| error.fault)
                .and_then(|message| message.check_repeated().map_err(Fault::from));
            let refused = always.contains(&name) || decides.contains(&name);
            assert_eq!(fault.is_err(), refused, "{method} with {name} twice");
        }
    }
    // Of what informs, the first is read and copied.
    let message = read(&INVITE.replace("Timestamp: 54", "Date: one\r\nDate: two"));
    assert!(message.check().is_ok());
    let copy = Builder::response(StatusCode::OK).copy(&message, H::Date).finish();
    assert_eq!(copy.headers(H::Date).collect::<Vec<_>>(), ["one"]);
    // Also where one is compact.
    let message = read(&INVITE.replace("Via", "i: x\r\nVia"));
    assert_eq!(message.check().unwrap_err().name, Some(HeaderName::CallId));
}

#[test]
fn check_says_what_is_wrong() {
    let fault = |from: &str, to: &str| {
        assert!(INVITE.contains(from), "{from}");
        read(&INVITE.replace(from, to)).check().unwrap_err()
    };
    for (from, to, name) in [
        ("From: ", "X-From: ", HeaderName::From),
        ("To: ", "X-To: ", HeaderName::To),
        ("Call-ID: ", "X: ", HeaderName::CallId),
        (
            "Call-ID: a84b4c76e66710@pc33.atlanta.com",
            "Call-ID:",
            HeaderName::CallId,
        ),
        ("Call-ID: ", "Call-ID: x ", HeaderName::CallId),
        ("Call-ID: ", "Call-ID: \0", HeaderName::CallId),
        ("CSeq: ", "X: ", HeaderName::CSeq),
        ("Via: ", "X: ", HeaderName::Via),
        ("z9hG4bK776asdhds", "z9hG4bK776asdhds, x", HeaderName::Via),
        ("314159 INVITE", "314159 BYE", HeaderName::CSeq),
        ("Max-Forwards: 70", "Max-Forwards: 256", HeaderName::MaxForwards),
        ("Bob <sip:bob@biloxi.com>", "Bob <sip:bob@>", HeaderName::To),
        ("Bob <sip:bob@biloxi.com>", "\"Bob\" sip:bob@biloxi.com", HeaderName::To),
        (";tag=1928301774", ";tag=1;tag=2", HeaderName::From),
        ("Contact: ", "Contact: *, ", HeaderName::Contact),
        (
            "Contact: <sip:alice@pc33.atlanta.com>",
            "Contact: *",
            HeaderName::Contact,
        ),
        ("Contact: ", "Contact: <sip:a@b>\r\nm: ", HeaderName::Contact),
        ("<sip:alice@pc33.atlanta.com>", "<tel:+15551234>", HeaderName::Contact),
        (
            "<sip:alice@pc33.atlanta.com>",
            "<mailto:alice@atlanta.com>",
            HeaderName::Contact,
        ),
        (
            "Contact: ",
            "Record-Route: <sip:a@b\r\nContact: ",
            HeaderName::RecordRoute,
        ),
    ] {
        let fault = fault(from, to);
        assert_eq!(
            (fault.status, fault.name),
            (StatusCode::BAD_REQUEST, Some(name)),
            "{to}"
        );
    }
    assert_eq!(
        fault("INVITE sip:bob@biloxi.com", "INVITE urn:x").status,
        StatusCode::UNSUPPORTED_URI_SCHEME
    );
    assert_eq!(
        fault("INVITE sip:bob@biloxi.com", "INVITE sip:bob@").status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(fault("INVITE sip", "JUGGLE sip").status, StatusCode::NOT_IMPLEMENTED);
    // A display name that is not tokens is tolerated, and quoted when it is written on.
    let message = read(&INVITE.replace("Bob <", "Watson, T. (sales) <"));
    assert!(message.check().is_ok());
    assert_eq!(
        message.to().unwrap().to_string(),
        "\"Watson, T. (sales)\" <sip:bob@biloxi.com>"
    );
}

/// Values that keep to no grammar, of fields that some kinds of message are handled by.
const UNREADABLE: [&str; 6] = [
    "Contact: <sip:101@127.0.0.1:5099;x-tiu=\"VGhdcw==\">",
    "Contact: *, <sip:101@127.0.0.1",
    "Expires: 4294967296",
    "Route: <sip:a b>",
    "Record-Route: <sip:a@b",
    "Max-Forwards: many",
];

#[test]
fn what_a_kind_of_message_does_not_need_may_be_unreadable() {
    let spoilt = |text: &str, line: &str| read(&text.replacen("Timestamp: 54", line, 1)).check();
    let plain = INVITE
        .replace("Max-Forwards: 70\r\n", "")
        .replace("Contact: <sip:alice@pc33.atlanta.com>\r\n", "");
    let answer = |code: u16| {
        let (_, fields) = plain.split_once("\r\n").unwrap();
        format!("SIP/2.0 {code} Said\r\n{fields}")
    };
    let within = as_method(&plain, "BYE").replace("bob@biloxi.com>\r\n", "bob@biloxi.com>;tag=b\r\n");
    let taken = [
        within.clone(),
        as_method(&within, "INFO"),
        as_method(&plain, "ACK"),
        as_method(&plain, "CANCEL"),
        as_method(&plain, "OPTIONS"),
        answer(200),
        answer(302),
        answer(486),
    ];
    for (text, line) in taken.iter().flat_map(|text| UNREADABLE.map(|line| (text, line))) {
        assert_eq!(spoilt(text, line), Ok(()), "{line} in\n{text}");
    }
    // An INVITE is sent on and makes a dialog; a REGISTER binds.
    for (method, needs) in [
        ("INVITE", &["Contact", "Record-Route", "Max-Forwards"][..]),
        ("REGISTER", &["Contact"]),
        ("MESSAGE", &["Max-Forwards"]),
    ] {
        for line in UNREADABLE {
            let needed = needs.iter().any(|name| line.starts_with(name));
            assert_eq!(
                spoilt(&as_method(&plain, method), line).is_err(),
                needed,
                "{line} in {method}"
            );
        }
    }
    // Within a dialog the Request-URI is our own Contact.
    assert_eq!(
        read(&within.replace("BYE sip:bob@biloxi.com", "BYE sip:bob@biloxi.com?x=y")).check(),
        Ok(())
    );
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
fn a_response_is_read_by_its_via_and_cseq() {
    let request = read(INVITE);
    let ok = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n\
              To: Bob <sip:bob@biloxi.com>;tag=b\r\nFrom: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n\
              Call-ID: a84b4c76e66710@pc33.atlanta.com\r\nCSeq: 314159 INVITE\r\n\r\n";
    for (from, to, tag, remote) in [
        (";tag=b", ";tag=b", Some("b"), "Bob <sip:bob@biloxi.com>;tag=b"),
        (";tag=b", ";tag=b;tag=b", Some("b"), "Bob <sip:bob@biloxi.com>;tag=b"),
        (";tag=b", ";tag=b;tag=c", Some("b"), "Bob <sip:bob@biloxi.com>;tag=b"),
        (
            "Bob <sip:bob@biloxi.com>",
            "\"a;tag=x\" sip:c",
            Some("b"),
            "Bob <sip:bob@biloxi.com>;tag=b",
        ),
        (";tag=b", "", None, "Bob <sip:bob@biloxi.com>"),
        (";tag=b", ";tag=\"b", None, "Bob <sip:bob@biloxi.com>"),
        ("To: ", "X: ", None, "Bob <sip:bob@biloxi.com>"),
        ("From: ", "X: ", Some("b"), "Bob <sip:bob@biloxi.com>;tag=b"),
        ("Call-ID: ", "X: ", Some("b"), "Bob <sip:bob@biloxi.com>;tag=b"),
    ] {
        let response = read(&ok.replace(from, to));
        assert_eq!(response.check(), Ok(()), "{to}");
        assert_eq!(
            (response.to_tag(), &*response.answered_to(&request)),
            (tag, remote),
            "{to}"
        );
    }
    for (from, to, name) in [
        ("Via: ", "X: ", HeaderName::Via),
        ("SIP/2.0/UDP pc33", "pc33", HeaderName::Via),
        ("CSeq: ", "X: ", HeaderName::CSeq),
        ("CSeq: ", "CSeq: 1 BYE\r\nCSeq: ", HeaderName::CSeq),
        ("314159", "31415926535", HeaderName::CSeq),
    ] {
        assert_eq!(
            read(&ok.replace(from, to)).check().unwrap_err().name,
            Some(name),
            "{to}"
        );
    }
}

#[test]
fn what_needs_no_body_may_lack_the_empty_line_at_its_end() {
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
fn a_contact_may_be_an_asterisk_in_a_register() {
    let message = read(
        &INVITE
            .replace("INVITE", "REGISTER")
            .replace("<sip:alice@pc33.atlanta.com>", " * "),
    );
    assert!(message.check().is_ok());
    assert!(matches!(message.contacts().next(), Some(Ok(Contact::Star))));
}

#[test]
fn a_fault_becomes_an_answer_that_says_it() {
    let request = read(&INVITE.replace("Max-Forwards: 70", "Max-Forwards: many"));
    let reply = request.check().unwrap_err().reply(&request).unwrap();
    assert_eq!(reply.reason(), "Bad Request (Max-Forwards: not a number from 0 to 255)");
    assert_eq!(reply.to_tag(), Some(stateless_tag(&request).as_str()));
    // RFC 3261 8.2.7: a retransmission draws the same tag, another request another.
    assert_eq!(
        stateless_tag(&request),
        stateless_tag(&read(
            &request.bytes().iter().copied().map(char::from).collect::<String>()
        ))
    );
    assert_ne!(
        stateless_tag(&request),
        stateless_tag(&read(&INVITE.replace("776asdhds", "x")))
    );
    let reply = read(std::str::from_utf8(reply.bytes()).unwrap());
    assert!(reply.check().is_ok());
    assert!(Fault::new(StatusCode::BAD_REQUEST, "x").reply(&reply).is_none());
}

#[test]
fn built_messages_need_not_be_read_again() {
    let message = Builder::request(&Method::Message, "sip:bob@biloxi.com")
        .header(HeaderName::Via, "SIP/2.0/UDP h;branch=z9hG4bK1")
        .header(
            HeaderName::From,
            format_args!("{} <sip:a@b>;tag=1", crate::quote("A \"B\" C\\")),
        )
        .header(HeaderName::To, " <sip:bob@biloxi.com> ")
        .header(HeaderName::CallId, "c")
        .header(HeaderName::CSeq, 7.to_string() + " MESSAGE")
        .header(HeaderName::ContentLength, 99)
        .other("X-Own", "")
        .other("not a token", "x")
        .body("text/plain", b"hello")
        .finish();
    let again = Message::parse(message.bytes().clone(), &Limits::default()).unwrap();
    for message in [&message, &again] {
        assert_eq!(message.from().unwrap().display_name().unwrap(), "A \"B\" C\\");
        assert_eq!(
            (message.to().unwrap().uri, message.other("x-own")),
            ("sip:bob@biloxi.com", Some(""))
        );
        assert_eq!(
            (message.header(HeaderName::ContentLength), message.body()),
            (Some("5"), &b"hello"[..])
        );
        assert_eq!(message.cseq().unwrap().number, 7);
        assert!(message.check().is_ok());
    }
    assert_eq!(message.fields().collect::<Vec<_>>(), again.fields().collect::<Vec<_>>());
    assert_eq!(message.start_line(), "MESSAGE sip:bob@biloxi.com SIP/2.0");
}

#[test]
fn nothing_breaks_out_of_a_line() {
    let message = Builder::request(&Method::Options, "sip:a@b SIP/2.0\r\nVia: x\r\n\r\n")
        .header(HeaderName::Subject, "a\r\nVia: SIP/2.0/UDP evil\n\r\n\r\nbody")
        .other("X: y\r\nVia", "x")
        .finish();
    let message = read(std::str::from_utf8(message.bytes()).unwrap());
    assert_eq!(message.uri(), "sip:a@b%20SIP/2.0%0D%0AVia:%20x%0D%0A%0D%0A");
    assert_eq!(
        message.fields().map(|(name, ..)| name).collect::<Vec<_>>(),
        ["Subject", "Content-Length"]
    );
    let reply = Builder::response_with_reason(StatusCode::OK, "a\r\nVia: x").finish();
    assert_eq!(reply.start_line(), "SIP/2.0 200 a  Via: x");
}

#[test]
fn no_control_octet_of_another_s_message_goes_on() {
    let dirty = "a\0b\u{1b}[2Jc\u{7f}\td";
    let text = INVITE
        .replace("Subject: ", "X: ")
        .replace(
            "Max-Forwards",
            &format!("Subject: {dirty}\r\nX-Any: {dirty}\r\nMax-Forwards"),
        )
        .replace("Bob <sip:bob@biloxi.com>", "\"\\\0\\\u{1b}\" <sip:bob@biloxi.com>");
    let message = read(&text);
    assert_eq!(message.check(), Ok(()));
    let passed = Builder::request(&Method::Message, &format!("sip:{dirty}@b\u{e9}"))
        .copy(&message, HeaderName::Subject)
        .copy(&message, HeaderName::Other)
        .body(&format!("text/plain;x=\"{dirty}\""), b"\0 is the body's own")
        .finish();
    assert_eq!(passed.header(HeaderName::Subject), Some("a b [2Jc \td"));
    assert_eq!(passed.other("X-Any"), Some("a b [2Jc \td"));
    assert_eq!(passed.content_type(), Some("text/plain;x=\"a b [2Jc \td\""));
    assert_eq!(passed.uri(), "sip:a%00b%1B[2Jc%7F%09d@b%C3%A9");
    assert_eq!(passed.body(), b"\0 is the body's own");
    let reply = Builder::reply_with_reason(&message, StatusCode::BUSY_HERE, dirty, None).finish();
    assert_eq!(reply.reason(), "a b [2Jc \td");
    assert_eq!(reply.header(HeaderName::To), Some("\"\\ \\ \" <sip:bob@biloxi.com>"));
}

#[test]
fn a_reply_copies_what_it_must() {
    let request = read(&INVITE.replace("Max-Forwards", "v: SIP/2.0/TCP two;branch=z9hG4bK2\r\nMax-Forwards"));
    let ringing = Builder::reply(&request, StatusCode::RINGING, Some("t1")).finish();
    assert_eq!(ringing.vias().count(), 2);
    assert_eq!(
        (ringing.method(), ringing.status()),
        (&Method::Invite, Some(StatusCode::RINGING))
    );
    assert_eq!((ringing.to_tag(), ringing.from_tag()), (Some("t1"), Some("1928301774")));
    assert_eq!(ringing.header(HeaderName::Timestamp), None);
    assert!(ringing.check().is_ok());
    let trying = Builder::reply(&request, StatusCode::TRYING, Some("t1")).finish();
    assert_eq!(
        (trying.to_tag(), trying.header(HeaderName::Timestamp)),
        (None, Some("54"))
    );
    let inside = read(&INVITE.replace("biloxi.com>\r\nFrom", "biloxi.com>;tag=mine\r\nFrom"));
    assert_eq!(
        Builder::reply(&inside, StatusCode::OK, Some("t1")).finish().to_tag(),
        Some("mine")
    );
}

#[test]
fn a_response_stays_as_it_is() {
    let text = INVITE.replace("SIP/2.0/UDP pc33.atlanta.com", "SIP/2.0/UDP pc33.atlanta.com;rport");
    let answer = Builder::reply(&read(&text), StatusCode::OK, None).finish();
    assert_eq!(answer.clone().with_received(source()), answer);
}

#[test]
fn received_and_rport_are_what_the_source_was() {
    let via = |text: &str| {
        read(&INVITE.replace("SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", text)).with_received(source())
    };
    let top = |message: &Message| message.header(HeaderName::Via).unwrap().to_owned();
    // RFC 3261 18.2.1: nothing is added where the address is the one in sent-by.
    let message = via("SIP/2.0/UDP 192.0.2.9:5070;branch=b");
    assert_eq!(top(&message), "SIP/2.0/UDP 192.0.2.9:5070;branch=b");
    assert_eq!(
        top(&via("SIP/2.0/UDP pc33.atlanta.com;branch=b")),
        "SIP/2.0/UDP pc33.atlanta.com;branch=b;received=192.0.2.9"
    );
    // RFC 3581 4: with rport, received is always added.
    let message = via("SIP/2.0/UDP 192.0.2.9;rport;branch=b");
    assert_eq!(
        top(&message),
        "SIP/2.0/UDP 192.0.2.9;rport=5062;branch=b;received=192.0.2.9"
    );
    assert_eq!(message.top_via().unwrap().rport(), Some(Some(5062)));
    assert_eq!(
        (message.body(), message.call_id()),
        (&b"v=0\n"[..], "a84b4c76e66710@pc33.atlanta.com")
    );
    assert_eq!(message.method(), &Method::Invite);
    assert_eq!(
        Message::parse(message.bytes().clone(), &Limits::default())
            .unwrap()
            .fields()
            .count(),
        message.fields().count()
    );
    // What the sender claims about itself is overwritten.
    let message = via("SIP/2.0/UDP h;received=198.51.100.1;rport=9;branch=b, SIP/2.0/UDP two;rport");
    assert_eq!(
        top(&message),
        "SIP/2.0/UDP h;rport=5062;branch=b;received=192.0.2.9, SIP/2.0/UDP two;rport"
    );
    assert_eq!(
        top(&via("SIP/2.0/UDP 192.0.2.9;received=198.51.100.1")),
        "SIP/2.0/UDP 192.0.2.9"
    );
    let six = "[2001:db8::9]:5062".parse().unwrap();
    let message = read(INVITE).with_received(six);
    assert_eq!(message.top_via().unwrap().received(), Some(six.ip()));
    assert!(message.check().is_ok());
}

#[test]
fn answers_go_where_the_rules_say() {
    let flow = |transport| Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: source(),
        connection: None,
    };
    let to = |via: &str, transport| {
        let text = INVITE.replace("SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", via);
        reply_address(&read(&text).with_received(source()), &flow(transport))
            .remote
            .to_string()
    };
    assert_eq!(to("SIP/2.0/UDP h:5070;branch=b", Transport::Udp), "192.0.2.9:5070");
    assert_eq!(to("SIP/2.0/UDP h;branch=b", Transport::Udp), "192.0.2.9:5060");
    assert_eq!(to("SIP/2.0/UDP h:5070;rport", Transport::Udp), "192.0.2.9:5062");
    assert_eq!(
        to("SIP/2.0/UDP h:5070;maddr=239.255.255.1;rport", Transport::Udp),
        "192.0.2.9:5062"
    );
    assert_eq!(
        to("SIP/2.0/UDP h:5070;maddr=198.51.100.1;branch=b", Transport::Udp),
        "192.0.2.9:5070",
        "nobody is sent what he did not ask for"
    );
    assert_eq!(to("SIP/2.0/TCP h;rport", Transport::Tcp), "192.0.2.9:5060");
    assert_eq!(to("SIP/2.0/TLS h", Transport::Tls), "192.0.2.9:5061");
    let link_local = Flow {
        remote: "[fe80::9%3]:5062".parse().unwrap(),
        ..flow(Transport::Udp)
    };
    let answered = reply_address(&read(INVITE).with_received(link_local.remote), &link_local);
    assert_eq!(answered.remote.to_string(), "[fe80::9%3]:5060");
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
