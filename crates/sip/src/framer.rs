//! Messages out of a byte stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::{HeaderName, Limits, headers::number};

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Bytes),
    /// The second CRLF of CRLFCRLF: a keep-alive that is answered with CRLF.
    Ping,
    /// A CRLF between messages: the answer to our ping, or the first half of the peer's.
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

    /// Takes a line end between messages off the front. A lone one may be the answer to our ping;
    /// a second one makes both a ping. So the frames do not depend on how the stream was cut.
    fn blank(&mut self) -> Option<Frame> {
        match (self.buffer.first(), self.buffer.get(1)) {
            (Some(b'\r'), Some(b'\n')) => {
                self.buffer.advance(2);
                self.half_ping = !self.half_ping;
                Some(if self.half_ping { Frame::Pong } else { Frame::Ping })
            }
            (Some(b'\r'), None) | (None, _) => None,
            (Some(_), _) => {
                self.half_ping = false;
                None
            }
        }
    }

    fn message(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.buffer.is_empty() || self.buffer.as_ref() == b"\r" {
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
        Some(Ok(Frame::Message(self.buffer.split_to(length).freeze())))
    }

    /// The only Content-Length of the head; a folded one is not looked for.
    fn content_length(&self, head: usize) -> Option<usize> {
        let head = self.buffer.get(..head)?;
        let mut length = None;
        for line in head.split(|&byte| byte == b'\n') {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon)?;
            if HeaderName::parse(name.trim_ascii_end()) != HeaderName::ContentLength {
                continue;
            }
            let value = std::str::from_utf8(value.get(1..)?.trim_ascii()).ok()?;
            let value = usize::try_from(number(value)?).ok()?;
            if length.replace(value).is_some() {
                return None;
            }
        }
        length
    }
}
