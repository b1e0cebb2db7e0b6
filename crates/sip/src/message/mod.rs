//! Messages: received ones as views of shared bytes, our own written by a [`Builder`].

mod access;
mod build;
mod check;
mod multipart;
mod parse;
mod route;
pub mod sipfrag;

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

pub use self::{
    build::Builder,
    check::{Fault, stateless_tag},
    multipart::Part,
    parse::ParseError,
    route::reply_address,
};
use crate::{HeaderName, Limits, Method, StatusCode, Transport};

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

impl Message {
    /// Reads one message: a whole datagram, or what a `Framer` has cut out of a stream.
    ///
    /// In a datagram, octets after the body are ignored (RFC 3261 section 18.3). What is read is
    /// the frame: start line, names and places of header fields, and the length of the body;
    /// [`Message::check`] looks at the values. Folded lines are joined in a copy (RFC 3261 section
    /// 7.3.1), and octets that are not UTF-8 in the head are taken as ISO 8859-1 in a copy. A line that is no header
    /// field is passed over (8.2.2); a response, an ACK, a BYE and a CANCEL may lack the empty line at their end.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        parse::parse(bytes, limits)
    }

    /// Everything that must hold before the transaction layer (RFC 3261 sections 8.1.1, 8.2.2, 16.3 and 20), which
    /// depends on what kind of message it is:
    ///
    /// - a response: topmost Via and CSeq, by which it is matched (17.1.3);
    /// - ACK, CANCEL, and what belongs to a dialog: also From, To and Call-ID;
    /// - a request that begins something: also URIs that can be read in From, To and the Request-URI, and what its
    ///   method is handled by: Contact, Record-Route, Max-Forwards.
    ///
    /// A fault in a request is answered with [`Fault::reply`]; one in a response means that the
    /// response is dropped (RFC 3261 section 8.1.3). Every other field is left to those that read it: what is not
    /// needed is not a reason to refuse (8.2.2).
    pub fn check(&self) -> Result<(), Fault> {
        check::check(self)
    }

    /// As [`Message::check`], for a message that came over `transport`: a stream is cut into messages by their
    /// Content-Length, so that one without it is none (RFC 3261 18.3, 20.14), whatever it says.
    pub fn check_from(&self, transport: Transport) -> Result<(), Fault> {
        check::check_from(self, transport)
    }

    /// A request as it is from here on: the top Via says where it really came from (RFC 3261
    /// section 18.2.1, RFC 3581 section 4). What the sender wrote there itself is overwritten. A
    /// response stays as it is: its top Via is our own.
    pub fn with_received(self, source: SocketAddr) -> Self {
        route::with_received(self, source)
    }

    /// A request as it is from here on, where its sender asks in the top Via whether it may send keep-alives: it may,
    /// one in so many seconds (RFC 6223 section 4). Any other request stays as it is.
    pub fn with_keep(self, seconds: u32) -> Self {
        route::with_keep(self, seconds)
    }
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
