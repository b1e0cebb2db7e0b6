//! Writing messages.

use std::{
    fmt::{self, Display, Write as _},
    sync::Arc,
};

use bytes::Bytes;
use bytestring::ByteString;

use super::{Field, Fields, Inner, Message, Span, Start, USUAL_FIELDS};
use crate::{
    CSeq, HeaderName, Method, StatusCode,
    headers::{
        is_token,
        session::{NO_SESSION, SessionId},
    },
    text::push_line,
};

/// Writes a message and the places of its fields at once, so that it need not be read again.
///
/// This is the one place where messages of ours are written, and what comes from another's message is clean here: nothing
/// can break out of its field, and no control octet goes on to anybody (RFC 3261 section 25.1). Such octets become
/// blanks. Content-Length is always written, by [`Builder::finish`].
#[derive(Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    start: Start,
    method: Method,
    fields: Fields,
    body: Vec<u8>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Text for a line: control octets become blanks.
pub(super) struct Line<'b>(pub(super) &'b mut Vec<u8>);

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_line(self.0, text);
        Ok(())
    }
}

impl Builder {
    fn new(start: Start, method: Method, line: Vec<u8>) -> Self {
        Self {
            bytes: line,
            start,
            method,
            fields: Fields::with_capacity(USUAL_FIELDS),
            body: Vec::new(),
        }
    }

    /// A request. White space, controls and what is not ASCII in `uri` are escaped.
    pub fn request(method: &Method, uri: &str) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(method.as_str().as_bytes());
        bytes.push(b' ');
        let at = bytes.len();
        for byte in uri.bytes() {
            if byte <= b' ' || byte >= 0x7f {
                let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'0');
                bytes.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            } else {
                bytes.push(byte);
            }
        }
        let uri = Span::new(at, bytes.len());
        bytes.extend_from_slice(b" SIP/2.0\r\n");
        Self::new(Start::Request { uri }, method.clone(), bytes)
    }

    /// A response with the standard phrase. Its method is that of the CSeq that is added.
    pub fn response(status: StatusCode) -> Self {
        Self::response_with_reason(status, status.reason())
    }

    /// A response with a phrase of one's own.
    pub fn response_with_reason(status: StatusCode, reason: &str) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        let _ = write!(Line(&mut bytes), "SIP/2.0 {status} ");
        let at = bytes.len();
        let _ = Line(&mut bytes).write_str(reason);
        let reason = Span::new(at, bytes.len());
        bytes.extend_from_slice(b"\r\n");
        Self::new(Start::Response { status, reason }, Method::Other("".into()), bytes)
    }

    /// The answer to `request` (RFC 3261 section 8.2.6): its Vias, From, To, Call-ID and CSeq, and
    /// its Timestamp if the answer is a 100. `to_tag` is added to a To that has none, but not to a
    /// 100. Contact, Record-Route and the rest are the caller's matter.
    pub fn reply(request: &Message, status: StatusCode, to_tag: Option<&str>) -> Self {
        Self::reply_with_reason(request, status, status.reason(), to_tag)
    }

    /// Like [`Builder::reply`], with a phrase of one's own.
    pub fn reply_with_reason(request: &Message, status: StatusCode, reason: &str, to_tag: Option<&str>) -> Self {
        let mut builder = Self::response_with_reason(status, reason);
        builder = builder.copy(request, HeaderName::Via).copy(request, HeaderName::From);
        builder = match (to_tag, request.header(HeaderName::To)) {
            (Some(tag), Some(to)) if status != StatusCode::TRYING && request.to_tag().is_none() => {
                builder.header(HeaderName::To, format_args!("{to};tag={tag}"))
            }
            (Some(_) | None, Some(to)) => builder.header(HeaderName::To, to),
            (Some(_) | None, None) => builder,
        };
        builder = builder
            .copy(request, HeaderName::CallId)
            .copy(request, HeaderName::CSeq);
        if status == StatusCode::TRYING {
            builder = builder.copy(request, HeaderName::Timestamp);
        }
        match answered_session(request) {
            Some(session) => builder.header(HeaderName::SessionId, session),
            None => builder,
        }
    }

    /// Adds a field. Content-Length is left to [`Builder::finish`]; a field named `Other` has no
    /// name and is not written.
    #[must_use]
    pub fn header(self, name: HeaderName, value: impl Display) -> Self {
        self.field(name, name.as_str(), value)
    }

    /// Adds a field by name, known or not. A name that is not a token is not written.
    #[must_use]
    pub fn other(self, name: &str, value: impl Display) -> Self {
        self.field(HeaderName::parse(name.as_bytes()), name, value)
    }

    /// Adds every field of that name as it stands in `message`; the first only where there may be one (RFC 3261 7.3.1).
    #[must_use]
    pub fn copy(mut self, message: &Message, name: HeaderName) -> Self {
        let most = if name.is_single() { 1 } else { usize::MAX };
        let fields = message.inner.fields.iter().filter(|field| field.name == name);
        for field in fields.take(most) {
            let value = message.text(field.value);
            let text = if name == HeaderName::Other {
                message.text(field.text)
            } else {
                name.as_str()
            };
            self = self.field(name, text, value);
        }
        self
    }

    fn field(mut self, name: HeaderName, text: &str, value: impl Display) -> Self {
        let known = name != HeaderName::Other;
        if name == HeaderName::ContentLength || !(known || is_token(text.as_bytes())) {
            return self;
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        let text = Span::new(at, self.bytes.len());
        self.bytes.extend_from_slice(b": ");
        let from = self.bytes.len();
        let _ = write!(Line(&mut self.bytes), "{value}");
        let written = self.bytes.get(from..).unwrap_or(&[]);
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let after = written.iter().rev().take_while(blank).count();
        let before = if after == written.len() {
            0
        } else {
            written.iter().take_while(blank).count()
        };
        let end = self.bytes.len() - after;
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(b"\r\n");
        self.fields.push(Field {
            name,
            text,
            value: Span::new(from + before, end),
        });
        self
    }

    /// Sets the body and adds its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self = self.header(HeaderName::ContentType, content_type);
        self.body.clear();
        self.body.extend_from_slice(body);
        self
    }

    /// Sets the body; its Content-Type, if it has one, is added as any other field: for a message that is passed on.
    #[must_use]
    pub fn octets(mut self, body: &[u8]) -> Self {
        self.body.clear();
        self.body.extend_from_slice(body);
        self
    }

    /// Whether a field of that name has been written.
    pub fn has(&self, name: HeaderName) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The message.
    pub fn finish(mut self) -> Message {
        let name = HeaderName::ContentLength;
        let at = self.bytes.len();
        self.bytes.extend_from_slice(b"Content-Length: ");
        let from = self.bytes.len();
        let _ = write!(Line(&mut self.bytes), "{}", self.body.len());
        let end = self.bytes.len();
        self.fields.push(Field {
            name,
            text: Span::new(at, from - 2),
            value: Span::new(from, end),
        });
        self.bytes.extend_from_slice(b"\r\n\r\n");
        let body_at = self.bytes.len();
        self.bytes.extend_from_slice(&self.body);
        let body = Span::new(body_at, self.bytes.len());
        let bytes = Bytes::from(self.bytes);
        // All of it was text when it was written.
        let head = ByteString::try_from(bytes.slice(..body_at)).unwrap_or_default();
        if let Start::Response { .. } = self.start
            && let Some(field) = self.fields.iter().find(|field| field.name == HeaderName::CSeq)
            && let Ok(cseq) = CSeq::parse(head.get(field.value.range()).unwrap_or(""))
        {
            self.method = cseq.method;
        }
        let Self {
            start, method, fields, ..
        } = self;
        Message {
            inner: Arc::new(Inner {
                bytes,
                head,
                start,
                method,
                fields,
                body,
            }),
        }
    }
}

/// The session of a request as an answer names it: the two ends change places (RFC 7989 section 6). `None` where the
/// request does not say who answers.
fn answered_session(request: &Message) -> Option<SessionId<'_>> {
    let asked: SessionId<'_> = request.read().ok()??;
    Some(SessionId {
        local: asked.remote.filter(|remote| *remote != NO_SESSION)?,
        remote: Some(asked.local),
    })
}
