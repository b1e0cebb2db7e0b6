//! From bytes to a message.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

use super::{Fault, Field, Fields, Inner, Message, Span, Start, USUAL_FIELDS};
use crate::{CSeq, HeaderName, Limits, Method, StatusCode, headers::is_token_byte};

/// Why bytes are not a message, and what can be answered.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{fault} (at octet {at})")]
pub struct ParseError {
    /// The status and phrase of the answer.
    pub fault: Fault,
    /// Where in the bytes.
    pub at: usize,
    /// The request as far as it could be read, where it has what an answer needs.
    pub request: Option<Message>,
}

impl ParseError {
    /// The answer to what came from `source`, where one can be made: the bytes were a request, not
    /// an ACK, whose Via could be read.
    pub fn reply(&self, source: SocketAddr) -> Option<Message> {
        self.fault.reply(&self.request.as_ref()?.clone().with_received(source))
    }
}

/// The first thing that was wrong.
struct Wrong {
    fault: Fault,
    at: usize,
}

fn wrong(status: StatusCode, reason: &'static str, at: usize) -> Wrong {
    Wrong {
        fault: Fault::new(status, reason),
        at,
    }
}

fn bad(reason: &'static str, at: usize) -> Wrong {
    wrong(StatusCode::BAD_REQUEST, reason, at)
}

/// See [`Message::parse`].
pub(super) fn parse(bytes: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    let mut parser = Parser {
        bytes,
        limits,
        fields: Fields::with_capacity(USUAL_FIELDS),
        lines: 0,
        open: false,
        first: None,
    };
    let message = parser.run();
    match (parser.first, message) {
        (None, Some(message)) => Ok(message),
        (first, message) => {
            let first = first.unwrap_or_else(|| bad("Not a SIP message", 0));
            let request = message.filter(is_answerable);
            Err(ParseError {
                fault: first.fault,
                at: first.at,
                request,
            })
        }
    }
}

fn is_answerable(message: &Message) -> bool {
    message.is_request() && *message.method() != Method::Ack && message.top_via().is_ok()
}

/// Whether a datagram that ends with its last header field, without the empty line (RFC 3261 7), can be taken: nobody
/// needs a body of these, and to refuse them leaves a call that has ended open.
fn is_whole_without_body(start: &Start, method: &Method) -> bool {
    matches!(start, Start::Response { .. }) || matches!(method, Method::Ack | Method::Bye | Method::Cancel)
}

/// RFC 3261 25.1: CR and LF end lines, together.
const BARE: &str = "A line is broken by a bare CR or LF";

struct Parser<'l> {
    bytes: Bytes,
    limits: &'l Limits,
    fields: Fields,
    /// Line ends that were found.
    lines: usize,
    /// The bytes end where the empty line behind the header fields should be.
    open: bool,
    first: Option<Wrong>,
}

impl Parser<'_> {
    /// Keeps the first fault; reading goes on, so that an answer can be made.
    fn note(&mut self, wrong: Wrong) {
        self.first.get_or_insert(wrong);
    }

    fn run(&mut self) -> Option<Message> {
        self.skip_blank_lines();
        if self.bytes.len() > self.limits.max_message {
            self.note(wrong(
                StatusCode::MESSAGE_TOO_LARGE,
                "Message Too Large",
                self.limits.max_message,
            ));
            self.bytes.truncate(self.limits.max_message);
        }
        self.read()
    }

    fn read(&mut self) -> Option<Message> {
        (self.lines, self.open) = (0, false);
        let start_end = self.line_end(0)?;
        let bytes = std::mem::take(&mut self.bytes);
        let read = bytes.get(..start_end).and_then(|line| self.start_line(line));
        self.bytes = bytes;
        let (start, method) = read?;
        let body_at = self.header_fields(start_end + 2);
        self.find_bare_cr(body_at);
        let Ok(head) = ByteString::try_from(self.bytes.slice(..body_at)) else {
            // Once only: the copy is UTF-8.
            self.bytes = self.transcoded(body_at);
            self.fields.clear();
            return self.read();
        };
        let body = self.body(body_at);
        let method = match method {
            Some(method) => method,
            None => self.cseq_method().unwrap_or(Method::Other("".into())),
        };
        if self.open && !is_whole_without_body(&start, &method) {
            self.note(bad("The header has no end", body_at));
        }
        let fields = std::mem::take(&mut self.fields);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(body.range().end);
        Some(Message {
            inner: Arc::new(Inner {
                bytes,
                head,
                start,
                method,
                fields,
                body,
            }),
        })
    }

    /// RFC 3261 7.5: blank lines before the start line are ignored.
    fn skip_blank_lines(&mut self) {
        let blank = self
            .bytes
            .iter()
            .take_while(|&&byte| byte == b'\r' || byte == b'\n')
            .count();
        if blank > 0 {
            self.bytes = self.bytes.slice(blank..);
        }
    }

    /// Where the line that begins at `from` ends: the place of its CR. Notes a LF alone.
    fn line_end(&mut self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let Some(found) = memchr::memchr(b'\n', self.bytes.get(at..)?) else {
                self.note(bad("The header has no end", from));
                return None;
            };
            let lf = at + found;
            if lf > from && self.bytes.get(lf - 1) == Some(&b'\r') {
                self.lines += 1;
                return Some(lf - 1);
            }
            // RFC 3261 25.1: it may not stand alone, not even escaped in a quoted string.
            self.note(bad(BARE, lf));
            at = lf + 1;
        }
    }

    /// Notes a CR that does not end a line: there is one if there are more than line ends.
    fn find_bare_cr(&mut self, body_at: usize) {
        let head = self.bytes.get(..body_at).unwrap_or(&[]);
        if memchr::memchr_iter(b'\r', head).count() > self.lines {
            let bare = memchr::memchr_iter(b'\r', head).find(|&at| head.get(at + 1) != Some(&b'\n'));
            let at = bare.unwrap_or(0);
            self.note(bad(BARE, at));
        }
    }

    fn start_line(&mut self, line: &[u8]) -> Option<(Start, Option<Method>)> {
        if line.len() > self.limits.max_header_len {
            self.note(wrong(StatusCode::REQUEST_URI_TOO_LONG, "Start Line Too Long", 0));
        }
        if line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/")) {
            return self.status_line(line);
        }
        // RFC 4475 3.1.2.8: blanks at the end are harmless and are tolerated.
        let blanks = line.iter().rev().take_while(|&&byte| byte == b' ').count();
        let line = line.get(..line.len() - blanks)?;
        let first = memchr::memchr(b' ', line);
        let last = memchr::memrchr(b' ', line);
        let (Some(first), Some(last)) = (first, last) else {
            self.note(bad("Malformed Request-Line", 0));
            return None;
        };
        let method = line
            .get(..first)
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(Method::parse);
        let Some(method) = method else {
            self.note(bad("Malformed Method", 0));
            return None;
        };
        let version = line.get(last + 1..)?;
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            if version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/")) {
                self.note(wrong(
                    StatusCode::VERSION_NOT_SUPPORTED,
                    "Version Not Supported",
                    last + 1,
                ));
            } else {
                self.note(bad("Malformed Request-Line", last + 1));
            }
        }
        let uri = Span::new((first + 1).min(last), last);
        let text = line.get(uri.range())?;
        if text.is_empty() || text.contains(&b' ') {
            self.note(bad("Malformed Request-Line", first));
        } else if text.len() > self.limits.max_uri {
            self.note(wrong(StatusCode::REQUEST_URI_TOO_LONG, "Request-URI Too Long", first));
        }
        Some((Start::Request { uri }, Some(method)))
    }

    fn status_line(&mut self, line: &[u8]) -> Option<(Start, Option<Method>)> {
        let rest = line
            .get(..8)
            .filter(|name| name.eq_ignore_ascii_case(b"SIP/2.0 "))
            .and_then(|_| line.get(8..));
        let Some(rest) = rest else {
            self.note(wrong(StatusCode::VERSION_NOT_SUPPORTED, "Version Not Supported", 0));
            return None;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let code = rest
            .get(..digits)
            .filter(|code| code.len() == 3)
            .and_then(|code| std::str::from_utf8(code).ok());
        let status = code.and_then(|code| code.parse().ok()).and_then(StatusCode::new);
        // RFC 4475 3.1.1.13: the phrase may be empty; a missing blank before it is tolerated.
        let (Some(status), None | Some(b' ')) = (status, rest.get(digits)) else {
            self.note(bad("Malformed Status-Line", 8));
            return None;
        };
        let reason = Span::new((8 + digits + 1).min(line.len()), line.len());
        Some((Start::Response { status, reason }, None))
    }

    /// Reads header fields from `at` to the blank line; gives where the body begins.
    fn header_fields(&mut self, mut at: usize) -> usize {
        loop {
            if at == self.bytes.len() {
                self.open = true;
                return at;
            }
            let Some(mut end) = self.line_end(at) else {
                return self.bytes.len();
            };
            if end == at {
                return at + 2;
            }
            if matches!(self.bytes.get(end + 2), Some(b' ' | b'\t')) {
                self.unfold(end);
                self.lines -= 1;
                end = match self.line_end(end) {
                    Some(end) => end,
                    None => return self.bytes.len(),
                };
            }
            if end > self.limits.max_head {
                self.note(wrong(StatusCode::MESSAGE_TOO_LARGE, "Header Too Large", at));
            } else if end - at > self.limits.max_header_len {
                self.note(bad("Header Field Too Long", at));
            } else if self.fields.len() >= self.limits.max_headers {
                self.note(bad("Too Many Header Fields", at));
            } else {
                self.field(at, end);
            }
            at = end + 2;
        }
    }

    /// RFC 3261 7.3.1: a line end before a blank is white space. From `at` to the blank line, such
    /// ones are overwritten with blanks in a copy, so that every place stays what it was.
    fn unfold(&mut self, at: usize) {
        let mut copy = Vec::from(std::mem::take(&mut self.bytes));
        let mut at = at;
        while let Some(found) = copy.get(at..).and_then(|rest| memchr::memchr(b'\r', rest)) {
            at += found;
            match copy.get_mut(at..at + 4) {
                Some([b'\r', b'\n', b'\r', b'\n']) => break,
                Some([cr @ b'\r', lf @ b'\n', b' ' | b'\t', _]) => (*cr, *lf) = (b' ', b' '),
                Some(_) => {}
                None => break,
            }
            at += 1;
        }
        self.bytes = Bytes::from(copy);
    }

    fn field(&mut self, at: usize, end: usize) {
        let Some(line) = self.bytes.get(at..end) else { return };
        let name_len = line.iter().take_while(|&&byte| is_token_byte(byte)).count();
        let blanks = line
            .iter()
            .skip(name_len)
            .take_while(|&&byte| byte == b' ' || byte == b'\t')
            .count();
        let colon = name_len + blanks;
        // RFC 3261 8.2.2: what has no name is nothing that anybody needs.
        if name_len == 0 || line.get(colon) != Some(&b':') {
            return;
        }
        let value = line.get(colon + 1..).unwrap_or(&[]);
        let blank = |byte: &&u8| **byte == b' ' || **byte == b'\t';
        let before = value.iter().take_while(blank).count();
        let after = if before == value.len() {
            0
        } else {
            value.iter().rev().take_while(blank).count()
        };
        let name = HeaderName::parse(line.get(..name_len).unwrap_or(&[]));
        self.fields.push(Field {
            name,
            text: Span::new(at, at + name_len),
            value: Span::new(at + colon + 1 + before, end - after),
        });
    }

    /// RFC 3261 7.3.1: the head is UTF-8. Old phones send ISO 8859-1: that is what octets that are
    /// not UTF-8 are taken for.
    fn transcoded(&self, body_at: usize) -> Bytes {
        let (head, body) = self.bytes.split_at_checked(body_at).unwrap_or((&self.bytes, &[]));
        let mut copy = String::with_capacity(head.len() + 64);
        for chunk in head.utf8_chunks() {
            copy.push_str(chunk.valid());
            copy.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
        }
        let mut copy = copy.into_bytes();
        copy.extend_from_slice(body);
        Bytes::from(copy)
    }

    fn text(&self, span: Span) -> Option<&str> {
        self.bytes
            .get(span.range())
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    fn cseq_method(&self) -> Option<Method> {
        let field = self.fields.iter().find(|field| field.name == HeaderName::CSeq)?;
        CSeq::parse(self.text(field.value)?).ok().map(|cseq| cseq.method)
    }

    /// RFC 3261 18.3: the body is as long as Content-Length says; a datagram that is shorter is
    /// refused; without the field the body is all the rest.
    fn body(&mut self, at: usize) -> Span {
        let body_at = at.min(self.bytes.len());
        let rest = self.bytes.len() - body_at;
        let mut length = None;
        let mut fault = None;
        for field in self
            .fields
            .iter()
            .filter(|field| field.name == HeaderName::ContentLength)
        {
            let value = self.text(field.value).and_then(crate::headers::number);
            let at = field.value.at as usize;
            match value {
                // RFC 4475 3.3.9: which of two would be right cannot be known.
                Some(_) if length.is_some() => fault = Some(bad("Content-Length appears more than once", at)),
                Some(value) if value as usize > rest => fault = Some(self.cut_short(body_at, value as usize, at)),
                Some(value) => length = Some(value as usize),
                None => fault = Some(bad("Malformed Content-Length", at)),
            }
        }
        if let Some(fault) = fault {
            self.note(fault);
        }
        let length = length.unwrap_or(rest);
        if length > self.limits.max_body {
            self.note(wrong(
                StatusCode::REQUEST_ENTITY_TOO_LARGE,
                "Request Entity Too Large",
                body_at,
            ));
        }
        Span::new(body_at, body_at + length.min(rest))
    }

    /// A message that ends before its body does: a datagram that was cut, or the head that is left of a message that a
    /// [`Framer`](crate::Framer) would not wait for (RFC 3261 21.4.11, 21.5.7).
    fn cut_short(&self, body_at: usize, announced: usize, at: usize) -> Wrong {
        if announced > self.limits.max_body {
            wrong(StatusCode::REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large", at)
        } else if body_at.saturating_add(announced) > self.limits.max_message {
            wrong(StatusCode::MESSAGE_TOO_LARGE, "Message Too Large", at)
        } else {
            bad("Content-Length is larger than the message", at)
        }
    }
}
