//! What `Message::check` refuses, and what is answered.

use super::*;

#[test]
fn a_malformed_request_that_can_be_answered_is_answered() {
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

#[test]
fn a_repeated_field_is_refused_only_where_its_value_matters() {
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
                .and_then(|message| check::check_repeated(&message).map_err(Fault::from));
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
fn a_field_that_the_method_does_not_use_may_be_unreadable() {
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
