//! Messages of ours.

use super::*;

#[test]
fn a_built_message_equals_its_parsed_form() {
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
fn control_octets_of_a_received_message_are_not_sent_on() {
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
fn a_response_gets_no_received_parameter() {
    let text = INVITE.replace("SIP/2.0/UDP pc33.atlanta.com", "SIP/2.0/UDP pc33.atlanta.com;rport");
    let answer = Builder::reply(&read(&text), StatusCode::OK, None).finish();
    assert_eq!(answer.clone().with_received(source()), answer);
}
