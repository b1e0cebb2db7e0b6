//! Which part of a message describes the session.

use sip::{Limits, Message, Part};

/// The session description in a message: the body, or one part of a multipart body (RFC 5621 section 3.1). `None` if
/// there is none.
pub(crate) fn description(message: &Message) -> Option<&[u8]> {
    let found = match message.content_type() {
        None => message.body(),
        Some(_) => {
            let parts = message.parts(&Limits::default()).unwrap_or_default();
            let part = parts.iter().find(|part| describes_session(part));
            part.map_or(&[][..], |part| part.body)
        }
    };
    Some(found).filter(|body| !body.is_empty())
}

/// Whether a part describes the session; the description of an early session (RFC 3959) does not.
pub(crate) fn describes_session(part: &Part<'_>) -> bool {
    let early = || {
        part.purpose()
            .is_some_and(|purpose| purpose.kind.eq_ignore_ascii_case("early-session"))
    };
    part.is("application", "sdp") && !early()
}

#[cfg(test)]
mod tests {
    use sip::{Builder, HeaderName, Method};

    use super::*;

    #[test]
    fn the_session_description_is_the_body_or_a_part_of_it() {
        let message = |kind: Option<&str>, body: &str| {
            let builder = Builder::request(&Method::Invite, "sip:a@b");
            match kind {
                Some(kind) => builder.body(kind, body.as_bytes()).finish(),
                None => builder.finish(),
            }
        };
        assert_eq!(description(&message(None, "")), None);
        assert_eq!(
            description(&message(Some("application/sdp"), "v=0\r\n")),
            Some(&b"v=0\r\n"[..])
        );
        assert_eq!(description(&message(Some("text/plain"), "v=0\r\n")), None);
        let parts = "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--\r\n";
        let found = message(Some("multipart/mixed;boundary=x"), parts);
        assert!(found.header(HeaderName::ContentType).is_some());
        assert!(description(&found).is_some_and(|sdp| sdp.starts_with(b"v=0")));
    }
}
