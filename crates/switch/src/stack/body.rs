//! Which part of a message describes the session, and what is sent besides it.

use bytes::Bytes;
use memchr::memmem;
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

/// A part of a body that an INVITE has besides its session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    /// Its Content-Type.
    pub content_type: String,
    /// Its Content-ID, with angle brackets.
    pub id: String,
    /// Its octets.
    pub body: Bytes,
}

/// A session description and what is attached to it as one body, with its Content-Type (RFC 5621 section 3.1).
pub(crate) fn beside(sdp: &[u8], attached: &Attached) -> (String, Vec<u8>) {
    let occurs = |boundary: &str| {
        [sdp, &attached.body]
            .iter()
            .any(|body| memmem::find(body, boundary.as_bytes()).is_some())
    };
    // Both bodies together hold fewer boundaries than they have octets.
    let names = (0..=sdp.len() + attached.body.len()).map(|number| format!("tandem-part-{number}"));
    let boundary = names.into_iter().find(|name| !occurs(name)).unwrap_or_default();
    let mut body = format!("--{boundary}\r\nContent-Type: application/sdp\r\n\r\n").into_bytes();
    body.extend_from_slice(sdp);
    let Attached { content_type, id, .. } = attached;
    let head = format!(
        "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-ID: {id}\r\n\
         Content-Disposition: render;handling=optional\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&attached.body);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/mixed;boundary={boundary}"), body)
}

/// The body of a message with another session description.
pub(crate) fn redescribed(message: &Message, sdp: &[u8]) -> Vec<u8> {
    let (whole, before) = (message.body(), description(message).unwrap_or_default());
    let at = memmem::find(whole, before).filter(|_| before.len() < whole.len());
    let Some(at) = at.filter(|_| !before.is_empty()) else {
        return sdp.to_vec();
    };
    let after = whole.get(at + before.len()..).unwrap_or_default();
    [whole.get(..at).unwrap_or_default(), sdp, after].concat()
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

    #[test]
    fn a_document_beside_the_session_stays_where_the_session_is_described_anew() {
        let attached = Attached {
            content_type: "application/pidf+xml".into(),
            id: "<a@b>".into(),
            body: Bytes::from_static(b"<x>tandem-part-0</x>"),
        };
        let (kind, body) = beside(b"v=0\r\n", &attached);
        assert_eq!(kind, "multipart/mixed;boundary=tandem-part-1");
        let message = |body: &[u8]| Builder::request(&Method::Invite, "sip:a@b").body(&kind, body).finish();
        let first = message(&body);
        assert_eq!(description(&first), Some(&b"v=0\r\n"[..]));
        let second = message(&redescribed(&first, b"v=0\r\ns=x\r\n"));
        assert_eq!(description(&second), Some(&b"v=0\r\ns=x\r\n"[..]));
        for message in [first, second] {
            let parts = message.parts(&Limits::default()).unwrap();
            assert_eq!(
                (parts.len(), parts[1].id, parts[1].body),
                (2, Some("<a@b>"), &attached.body[..])
            );
        }
        let plain = Builder::request(&Method::Invite, "sip:a@b")
            .body("application/sdp", b"v=0\r\n")
            .finish();
        assert_eq!(redescribed(&plain, b"v=1\r\n"), b"v=1\r\n");
    }
}
