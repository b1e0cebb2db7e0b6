//! SIP, from bytes to events and back (RFC 3261 and its family).
//!
//! Everything here is pure: no socket, no clock, no randomness. Time is an [`Instant`] argument,
//! bodies are opaque, and nothing is sent: what should be sent comes out as a value.

pub mod dialog;
pub mod digest;
pub mod framer;
pub mod headers;
pub mod limits;
pub mod message;
pub mod method;
pub mod params;
pub mod privacy;
pub mod retransmit;
pub mod status;
pub mod text;
pub mod time;
pub mod transaction;
pub mod transport;
pub mod uri;

pub use framer::{Frame, FrameError, Framer};
pub use headers::{
    Header, HeaderError,
    address::{Contact, NameAddr, quote},
    cseq::CSeq,
    name::HeaderName,
    via::Via,
};
pub use limits::Limits;
pub use message::{Builder, Fault, Message, ParseError, Part, reply_address, stateless_tag};
pub use method::Method;
pub use params::{Params, unquote};
pub use status::StatusCode;
pub use text::{clean, fnv1a};
pub use time::Instant;
pub use transport::{ConnectionId, Flow, Transport, UnknownTransport};
pub use uri::{Host, Scheme, Uri, UriError, escape_header, escape_user, unescape};
