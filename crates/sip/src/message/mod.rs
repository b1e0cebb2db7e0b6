//! Messages: received ones as views of shared bytes, our own written by a [`Builder`].

mod access;
mod build;
mod check;
mod multipart;
mod parse;
mod route;
pub mod sipfrag;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

pub use self::{
    build::Builder,
    check::{Fault, stateless_tag},
    multipart::Part,
    parse::ParseError,
    route::reply_address,
};
use crate::{HeaderName, Method, StatusCode};

/// A stretch of a message's octets.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn new(at: usize, end: usize) -> Self {
        // Messages are far smaller than 4 GiB: Limits refuses what is not.
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            at: small(at),
            len: small(end.saturating_sub(at)),
        }
    }

    fn range(self) -> std::ops::Range<usize> {
        let at = self.at as usize;
        at..at + self.len as usize
    }
}

/// Where one header field stands: its name and its value, trimmed.
#[derive(Copy, Clone, Debug)]
struct Field {
    name: HeaderName,
    text: Span,
    value: Span,
}

type Fields = Vec<Field>;

/// Fields that most messages do not exceed.
const USUAL_FIELDS: usize = 24;

#[derive(Clone, Debug)]
enum Start {
    Request { uri: Span },
    Response { status: StatusCode, reason: Span },
}

#[derive(Debug)]
struct Inner {
    /// All octets.
    bytes: Bytes,
    /// The same as far as the blank line, found to be UTF-8: spans are read without another look.
    head: ByteString,
    start: Start,
    method: Method,
    fields: Fields,
    body: Span,
}

/// One message: shared bytes, its start line and a table of where its header fields stand.
///
/// Made by [`Message::parse`] or by a [`Builder`], and never changed afterwards. A clone is one
/// counted reference. Folded lines have been joined: `bytes` shows a message that means the same.
#[derive(Clone)]
pub struct Message {
    inner: Arc<Inner>,
}

impl fmt::Debug for Message {
    /// The start line and Call-ID only: header fields may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start_line())
            .field("call_id", &self.call_id())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Message {
    /// Octet by octet.
    fn eq(&self, other: &Self) -> bool {
        self.inner.bytes == other.inner.bytes
    }
}

impl Eq for Message {}

#[cfg(test)]
mod tests;
