//! Messages out of a byte stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};

use crate::{Fault, HeaderName, Limits, Message, StatusCode, headers::number};

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Bytes),
    /// The second CRLF of CRLFCRLF: a keep-alive that is answered with CRLF.
    Ping,
    /// A CRLF between messages: the answer to our ping, or the first half of the peer's. Also a NUL, a CR or a LF that
    /// stands alone there: the keep-alives of others, such as CR LF NUL, which want no answer.
    Pong,
}

/// Why a stream cannot be cut into messages any more. None of these can be recovered from: where
/// the next message begins is not known, so the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too many octets without the end of a head.
    #[error("the head of a message is larger than allowed")]
    HeadTooLarge,
    /// The body would be too large; the head is here so that 413 can be answered.
    #[error("a message is larger than allowed")]
    TooLarge(Bytes),
    /// No Content-Length, several, or one that is no number; the head is here so that 400 can be
    /// answered.
    #[error("a message on a stream has no usable Content-Length")]
    NoLength(Bytes),
}

impl FrameError {
    /// The answer to send on the connection before it is closed, where the head was a request that
    /// can be answered.
    pub fn reply(&self, source: SocketAddr, limits: &Limits) -> Option<Message> {
        let (head, fault) = match self {
            Self::HeadTooLarge => return None,
            Self::TooLarge(head) => (
                head,
                Fault::new(StatusCode::REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large"),
            ),
            Self::NoLength(head) => (
                head,
                Fault::new(StatusCode::BAD_REQUEST, "Content-Length is missing or malformed"),
            ),
        };
        let request = match Message::parse(head.clone(), limits) {
            Ok(request) => request,
            Err(error) => error.request?,
        };
        fault.reply(&request.with_received(source))
    }
}

/// Cuts a stream into messages, going on where it stopped: each octet is looked at once.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: BytesMut,
    /// Octets of the buffer in which no end of a head has been found.
    scanned: usize,
    /// The whole length of the message at the front, once its head is complete.
    length: Option<usize>,
    /// Whether CRLFCRLF has been begun: one CRLF between messages came and nothing since.
    half_ping: bool,
    dead: bool,
}

impl Framer {
    /// A framer for one connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            scanned: 0,
            length: None,
            half_ping: false,
            dead: false,
        }
    }

    /// Adds what was read from the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.dead {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Octets that wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame; `None` until more has been pushed, and for ever after an error.
    #[allow(
        clippy::should_implement_trait,
        reason = "it yields again after None, once more was pushed"
    )]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.dead {
            return None;
        }
        if self.length.is_none()
            && self.scanned == 0
            && let Some(frame) = self.blank()
        {
            return Some(Ok(frame));
        }
        let result = self.message()?;
        if result.is_err() {
            self.dead = true;
            self.buffer = BytesMut::new();
        }
        Some(result)
    }

    /// Takes what stands between messages off the front: line ends (RFC 3261 7.5) and NUL. A lone CRLF may be the
    /// answer to our ping; a second one makes both a ping. So the frames do not depend on how the stream was cut.
    fn blank(&mut self) -> Option<Frame> {
        match (self.buffer.first(), self.buffer.get(1)) {
            (Some(b'\r'), Some(b'\n')) => {
                self.buffer.advance(2);
                self.half_ping = !self.half_ping;
                Some(if self.half_ping { Frame::Pong } else { Frame::Ping })
            }
            (Some(b'\r'), None) | (None, _) => None,
            (Some(b'\r' | b'\n' | 0), _) => {
                self.buffer.advance(1);
                self.half_ping = false;
                Some(Frame::Pong)
            }
            (Some(_), _) => {
                self.half_ping = false;
                None
            }
        }
    }

    fn message(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.buffer.is_empty() {
            // A connection that waits holds nothing.
            self.buffer = BytesMut::new();
            return None;
        }
        if self.buffer.as_ref() == b"\r" {
            return None;
        }
        let length = match self.length {
            Some(length) => length,
            None => {
                // The end may have begun in what was looked at before.
                let from = self.scanned.saturating_sub(3);
                let found = memchr::memmem::find(self.buffer.get(from..)?, b"\r\n\r\n");
                let Some(found) = found else {
                    self.scanned = self.buffer.len();
                    return (self.scanned > self.limits.max_head).then_some(Err(FrameError::HeadTooLarge));
                };
                let head = from + found + 4;
                if head > self.limits.max_head {
                    return Some(Err(FrameError::HeadTooLarge));
                }
                match self.content_length(head) {
                    Some(body) if body > self.limits.max_body || head + body > self.limits.max_message => {
                        return Some(Err(FrameError::TooLarge(self.buffer.split_to(head).freeze())));
                    }
                    Some(body) => head + body,
                    None => return Some(Err(FrameError::NoLength(self.buffer.split_to(head).freeze()))),
                }
            }
        };
        self.length = Some(length);
        if self.buffer.len() < length {
            return None;
        }
        self.length = None;
        self.scanned = 0;
        // A copy: a short message is kept for long, and must not keep with it all that came together with it.
        let message = Bytes::copy_from_slice(self.buffer.get(..length)?);
        self.buffer.advance(length);
        Some(Ok(Frame::Message(message)))
    }

    /// The only Content-Length of the head.
    fn content_length(&self, head: usize) -> Option<usize> {
        let head = self.buffer.get(..head)?;
        let mut length = None;
        let mut at = 0;
        while let Some(end) = head.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let line = head.get(at..at + end)?;
            at += end + 1;
            if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon)?;
            if HeaderName::parse(name.trim_ascii_end()) != HeaderName::ContentLength {
                continue;
            }
            let mut value = value.get(1..)?.trim_ascii();
            // RFC 3261 7.3.1: the value may stand on the next line.
            while let (Some(b' ' | b'\t'), Some(end)) = (head.get(at), memchr::memchr(b'\n', head.get(at..)?)) {
                let more = head.get(at..at + end)?.trim_ascii();
                at += end + 1;
                if value.is_empty() {
                    value = more;
                } else if !more.is_empty() {
                    return None;
                }
            }
            let value = usize::try_from(number(std::str::from_utf8(value).ok()?)?).ok()?;
            if length.replace(value).is_some() {
                return None;
            }
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nContent-Length: 5\r\n\r\nhello";
    const TWO: &str = "SIP/2.0 200 OK\r\nX: y\r\nl :\r\n\t0\r\n\r\n";

    fn all(framer: &mut Framer) -> Vec<Result<Frame, FrameError>> {
        std::iter::from_fn(|| framer.next()).collect()
    }

    fn frames(stream: &str, limits: Limits) -> Vec<Result<Frame, FrameError>> {
        let mut framer = Framer::new(limits);
        framer.push(stream.as_bytes());
        all(&mut framer)
    }

    #[test]
    fn a_message_keeps_nothing_of_what_came_with_it_and_a_framer_nothing_of_what_went() {
        let mut framer = Framer::new(Limits::default());
        framer.push(ONE.as_bytes());
        framer.push("\r\n".repeat(30_000).as_bytes());
        let Some(Ok(Frame::Message(message))) = all(&mut framer).into_iter().next() else {
            panic!("no message")
        };
        assert_eq!((framer.pending(), framer.buffer.capacity()), (0, 0));
        drop(framer);
        assert!(Vec::from(message).capacity() < 2 * ONE.len());
    }

    fn message(text: &'static str) -> Result<Frame, FrameError> {
        Ok(Frame::Message(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn messages_and_keep_alives_come_in_order() {
        let stream = format!("\r\n\r\n{ONE}{TWO}\r\n{ONE}\r\n\r\n\r\n");
        let expected = [
            Ok(Frame::Pong),
            Ok(Frame::Ping),
            message(ONE),
            message(TWO),
            Ok(Frame::Pong),
            message(ONE),
            Ok(Frame::Pong),
            Ok(Frame::Ping),
            Ok(Frame::Pong),
        ];
        assert_eq!(frames(&stream, Limits::default()), expected);
        let mut framer = Framer::new(Limits::default());
        let mut got = Vec::new();
        for byte in stream.as_bytes() {
            framer.push(&[*byte]);
            got.extend(all(&mut framer));
        }
        assert_eq!(got, expected);
        assert_eq!(framer.pending(), 0);
    }

    #[test]
    fn keep_alives_of_other_kinds_do_not_swallow_what_follows() {
        let pongs = |count| std::iter::repeat_n(Ok(Frame::Pong), count);
        for (alive, count) in [
            ("\r\n\0", 2),
            ("\0", 1),
            ("\0\0\0\0", 4),
            ("\r\n", 1),
            ("\n", 1),
            ("\r\0\n", 3),
        ] {
            let stream = format!("{alive}{ONE}{alive}{TWO}{alive}");
            let mut expected: Vec<_> = pongs(count).collect();
            expected.push(message(ONE));
            expected.extend(pongs(count));
            expected.push(message(TWO));
            expected.extend(pongs(count));
            assert_eq!(frames(&stream, Limits::default()), expected, "{alive:?}");
            let mut framer = Framer::new(Limits::default());
            let mut got = Vec::new();
            for byte in stream.as_bytes() {
                framer.push(&[*byte]);
                got.extend(all(&mut framer));
            }
            assert_eq!((got, framer.pending()), (expected, 0), "{alive:?}, octet by octet");
        }
        // A NUL parts two line ends: no ping, and nothing is answered.
        assert!(!frames("\r\n\0\r\n", Limits::default()).contains(&Ok(Frame::Ping)));
    }

    #[test]
    fn a_message_without_a_usable_length_ends_the_stream() {
        for length in [
            "X: y",
            "Content-Length: -1",
            "Content-Length:",
            "l: 1\r\nl: 1",
            "l: 1\r\n 2",
            "l: 99999999999999999999",
        ] {
            let stream = ONE.replace("Content-Length: 5", length);
            let mut framer = Framer::new(Limits::default());
            framer.push(stream.as_bytes());
            let Some(Err(error)) = framer.next() else {
                panic!("{length}")
            };
            let reply = error
                .reply("192.0.2.9:5060".parse().unwrap(), &Limits::default())
                .unwrap();
            assert_eq!(reply.status(), Some(StatusCode::BAD_REQUEST), "{length}");
            framer.push(ONE.as_bytes());
            assert_eq!((framer.next(), framer.pending()), (None, 0));
        }
    }

    #[test]
    fn limits_hold_before_anything_is_kept() {
        let limits = Limits {
            max_head: 100,
            max_body: 4,
            ..Limits::default()
        };
        let [Err(error)] = &frames(ONE, limits)[..] else {
            panic!("one error")
        };
        let reply = error.reply("192.0.2.9:5060".parse().unwrap(), &limits).unwrap();
        assert_eq!(reply.status(), Some(StatusCode::REQUEST_ENTITY_TOO_LARGE));
        let mut framer = Framer::new(limits);
        for _ in 0..100 {
            framer.push(b"x");
            assert_eq!(framer.next(), None);
        }
        framer.push(b"x");
        assert_eq!(framer.next(), Some(Err(FrameError::HeadTooLarge)));
        assert_eq!(framer.pending(), 0);
        let whole = Limits {
            max_message: ONE.len() - 1,
            ..Limits::default()
        };
        assert!(matches!(frames(ONE, whole)[..], [Err(FrameError::TooLarge(_))]));
    }

    #[test]
    fn a_field_name_inside_another_field_is_no_length() {
        let stream = TWO.replace("X: y", "X: Content-Length: 7\r\n Content-Length: 8");
        assert!(
            matches!(&frames(&stream, Limits::default())[..], [Ok(Frame::Message(bytes))] if bytes.len() == stream.len())
        );
    }
}
