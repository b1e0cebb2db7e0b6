//! Bodies of several parts (RFC 2046 section 5.1, RFC 5621).

use super::Message;
use crate::{
    HeaderError, HeaderName, Limits,
    headers::{
        Header,
        media::{ContentDisposition, MediaType},
        trim,
    },
};

/// One part of a body, or a whole body that is not multipart.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The part's Content-Type; `text/plain` if none is said in a multipart body.
    pub content_type: &'a str,
    /// The part's Content-Disposition.
    pub disposition: Option<&'a str>,
    /// The part's Content-ID.
    pub id: Option<&'a str>,
    /// It stands in a `multipart/alternative`: one of the parts there is to be understood, not all (RFC 2046 5.1.4).
    pub alternative: bool,
    /// Its octets.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// Whether it is of that media type, such as `application`, `sdp`.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        MediaType::parse(self.content_type).is_ok_and(|found| found.is(kind, subtype))
    }

    /// What it is for, where that is said in a form that can be read.
    pub fn purpose(&self) -> Option<ContentDisposition<'a>> {
        ContentDisposition::read(self.disposition?).ok()
    }
}

/// The parts of a message's body: see [`Message::parts`].
pub(super) fn parts<'a>(message: &'a Message, limits: &Limits) -> Result<Vec<Part<'a>>, HeaderError> {
    let mut parts = Vec::new();
    if message.body().is_empty() {
        return Ok(parts);
    }
    let whole = Part {
        content_type: message.single(HeaderName::ContentType)?,
        disposition: message.optional(HeaderName::ContentDisposition)?,
        id: message.optional(HeaderName::ContentId)?,
        alternative: false,
        body: message.body(),
    };
    take(whole, limits.max_nesting, limits, &mut parts)
        .map_err(|fault| HeaderError::new(HeaderName::ContentType, fault))?;
    Ok(parts)
}

/// Adds `part`, or what is in it. Goes at most `levels` deep.
fn take<'a>(part: Part<'a>, levels: usize, limits: &Limits, parts: &mut Vec<Part<'a>>) -> Result<(), &'static str> {
    let media = MediaType::parse(part.content_type)?;
    if !media.kind.eq_ignore_ascii_case("multipart") {
        if parts.len() >= limits.max_parts {
            return Err("a body has too many parts");
        }
        parts.push(part);
        return Ok(());
    }
    if levels == 0 {
        return Err("bodies are nested too deep");
    }
    let boundary = media
        .params
        .get("boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()));
    let boundary = boundary.ok_or("a multipart body has no usable boundary")?;
    let alternative = part.alternative || media.subtype.eq_ignore_ascii_case("alternative");
    for inner in Between::new(part.body, boundary) {
        let inner = Part {
            alternative,
            ..split(inner)?
        };
        take(inner, levels - 1, limits, parts)?;
    }
    Ok(())
}

/// What stands between the boundary lines.
struct Between<'a> {
    rest: &'a [u8],
    line: String,
}

impl<'a> Between<'a> {
    fn new(body: &'a [u8], boundary: &str) -> Self {
        let line = format!("--{boundary}");
        let mut between = Self { rest: body, line };
        // What stands before the first boundary is nobody's.
        between.rest = between.next_boundary().map_or(&[][..], |(_, after)| after);
        between
    }

    /// What stands before the next boundary line, and after it (nothing after the last one).
    fn next_boundary(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut from = 0;
        loop {
            let at = from + memchr::memmem::find(self.rest.get(from..)?, self.line.as_bytes())?;
            let end = at + self.line.len();
            let before = self.rest.get(..at)?;
            let after = self.rest.get(end..)?;
            if at == 0 || before.ends_with(b"\r\n") {
                let content = before.get(..at.saturating_sub(2))?;
                if after.starts_with(b"--") {
                    return Some((content, &[]));
                }
                // RFC 2046 5.1.1: blanks may follow on the line.
                let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                if let Some(rest) = after.get(blanks..).and_then(|rest| rest.strip_prefix(b"\r\n")) {
                    return Some((content, rest));
                }
            }
            from = end;
        }
    }
}

impl<'a> Iterator for Between<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (part, rest) = self.next_boundary()?;
        self.rest = rest;
        Some(part)
    }
}

/// Splits one part into its fields and its octets.
fn split(part: &[u8]) -> Result<Part<'_>, &'static str> {
    let (head, body) = if let Some(body) = part.strip_prefix(b"\r\n") {
        (&[][..], body)
    } else {
        let end = memchr::memmem::find(part, b"\r\n\r\n").ok_or("a body part has no blank line")?;
        (part.get(..end).unwrap_or(&[]), part.get(end + 4..).unwrap_or(&[]))
    };
    let head = std::str::from_utf8(head).map_err(|_| "the header of a body part is not text")?;
    let mut found = Part {
        content_type: "text/plain",
        disposition: None,
        id: None,
        alternative: false,
        body,
    };
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.trim_end().to_ascii_lowercase().as_str() {
            "content-type" => found.content_type = trim(value),
            "content-disposition" => found.disposition = Some(trim(value)),
            "content-id" => found.id = Some(trim(value)),
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Method};

    fn with_body(content_type: &str, body: &[u8]) -> Message {
        Builder::request(&Method::Invite, "sip:a@b")
            .body(content_type, body)
            .finish()
    }

    #[test]
    fn parts_are_found_also_nested_and_binary() {
        let inner = "--in\r\nContent-Type: application/sdp\r\nContent-ID: <1>\r\n\r\nv=0\r\n\r\n--in--";
        let body = format!(
            "preamble --out\r\n--out\r\n\r\nplain\0\r\n--outer\r\n--out  \r\nContent-Type: multipart/mixed;boundary=in\r\n\r\n{inner}\r\n--out--\r\nepilogue"
        );
        let message = with_body("multipart/mixed; boundary=\"out\"", body.as_bytes());
        let parts = message.parts(&Limits::default()).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(
            (parts[0].content_type, parts[0].body),
            ("text/plain", &b"plain\0\r\n--outer"[..])
        );
        let sdp = message.part("application", "SDP", &Limits::default()).unwrap().unwrap();
        assert_eq!((sdp.body, sdp.id), (&b"v=0\r\n"[..], Some("<1>")));
    }

    #[test]
    fn parts_say_what_they_are_for_and_whether_they_stand_for_one_another() {
        let body = "--a\r\nContent-Type: multipart/alternative;boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\
                    Content-Disposition: session;handling=required\r\n\r\n1\r\n--b\r\nContent-Type: c/d\r\n\r\n2\r\n\
                    --b--\r\n--a\r\nContent-Disposition: ;\r\n\r\n3\r\n--a--";
        let message = with_body("multipart/mixed;boundary=a", body.as_bytes());
        let parts = message.parts(&Limits::default()).unwrap();
        let seen: Vec<_> = parts
            .iter()
            .map(|part| {
                (
                    part.body,
                    part.alternative,
                    part.purpose().map(|purpose| purpose.required),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [(&b"1"[..], true, Some(true)), (b"2", true, None), (b"3", false, None)]
        );
    }

    #[test]
    fn a_plain_body_is_one_part_and_none_is_none() {
        let message = with_body("application/sdp", b"v=0");
        assert_eq!(message.parts(&Limits::default()).unwrap().len(), 1);
        let message = Builder::request(&Method::Invite, "sip:a@b").finish();
        assert!(message.parts(&Limits::default()).unwrap().is_empty());
    }

    #[test]
    fn depth_and_number_are_limited() {
        let limits = Limits {
            max_nesting: 2,
            max_parts: 3,
            ..Limits::default()
        };
        let nest = |levels: usize| {
            (0..levels).fold("Content-Type: text/plain\r\n\r\nx".to_owned(), |inner, level| {
                format!("Content-Type: multipart/mixed;boundary=b{level}\r\n\r\n--b{level}\r\n{inner}\r\n--b{level}--")
            })
        };
        let try_nested = |levels: usize| {
            let body = format!("--b\r\n{}\r\n--b--", nest(levels));
            with_body("multipart/mixed;boundary=b", body.as_bytes())
                .parts(&limits)
                .map(|parts| parts.len())
        };
        assert_eq!(try_nested(1), Ok(1));
        assert!(try_nested(2).is_err());
        let many = |count: usize| {
            with_body(
                "multipart/mixed;boundary=b",
                "--b\r\n\r\nx\r\n".repeat(count).as_bytes(),
            )
        };
        let closed = |count: usize| {
            let body = [many(count).body(), b"--b--"].concat();
            with_body("multipart/mixed;boundary=b", &body)
                .parts(&limits)
                .map(|parts| parts.len())
        };
        assert_eq!(closed(3), Ok(3));
        assert!(closed(4).is_err());
    }

    #[test]
    fn malformed_bodies_are_errors() {
        for content_type in ["multipart/mixed", "multipart/mixed;boundary=\"\"", "mixed"] {
            assert!(
                with_body(content_type, b"--b\r\n\r\nx\r\n--b--")
                    .parts(&Limits::default())
                    .is_err(),
                "{content_type}"
            );
        }
        assert!(
            with_body("multipart/mixed;boundary=b", b"--b\r\nX: y\r\n--b--")
                .parts(&Limits::default())
                .is_err()
        );
    }
}
