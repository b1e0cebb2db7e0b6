//! Session descriptions: the grammar of RFC 4566 and RFC 8866, every line type, at both levels.
//!
//! Reading is lenient about order, line ends and lines that Tandem has no use for, and strict about the meaning of a
//! value. All that is read is bounded by [`SdpLimits`]. A description is bytes (RFC 4566 section 5), and its text may
//! be in any charset (`a=charset`): octets that are not UTF-8 are shown as replacement characters and never passed on.
//! This module knows the grammar only; [`crate::session`] and [`crate::spec`] know the meaning for a call.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | the types of a description: [`Sdp`], [`Media`] and their lines | all of them |
//! | `parse.rs` | reads a description | all of [`SdpLimits`], `Reader` |
//! | `print.rs` | writes a description | none |

mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use thiserror::Error;

pub use parse::SdpLimits;
pub(crate) use parse::host;

/// The reason why a description, or its place in an offer/answer exchange, cannot be accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdpError {
    /// The description breaks the grammar.
    #[error("line {line}: {what}")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// The fault of the line.
        what: &'static str,
    },
    /// The description has more than [`SdpLimits`] allows.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// Both sides have no audio codec, or no audio stream, in common: 488 (RFC 3261 section 21.4.26).
    #[error("no common codec")]
    NoCommonCodec,
    /// An answer's media lines are not those of the offer (RFC 3264 section 6).
    #[error("the answer's media lines do not match the offer's")]
    LinesDiffer,
    /// An offer or answer came where RFC 3264 section 4 has no place for it.
    #[error("out of order: {0}")]
    State(&'static str),
}

/// An address as a description names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// IP4 or IP6.
    Ip(IpAddr),
    /// A domain name, or an address of another network type; Tandem does not resolve it.
    Name(String),
}

impl Host {
    /// The IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

/// `c=` (RFC 4566 section 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where media is to be sent.
    pub host: Host,
    /// Whether a named host was declared as IP6.
    pub ip6: bool,
    /// IPv4 multicast scope.
    pub ttl: Option<u8>,
    /// Number of contiguous multicast addresses.
    pub count: Option<u16>,
}

/// `o=` (RFC 4566 section 5.2). Tandem makes no use of the line: its fields are empty where the line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` where the host has no user names.
    pub username: String,
    /// Numeric, kept as it came.
    pub session_id: String,
    /// Numeric, kept as it came; grows with every change.
    pub version: String,
    /// The host that made the session.
    pub host: Host,
    /// Whether a named host was declared as IP6.
    pub ip6: bool,
}

/// `b=` (RFC 4566 section 5.8).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bandwidth {
    /// `AS`, `CT`, `TIAS` ...
    pub kind: String,
    /// In kbit/s, or bit/s for `TIAS`.
    pub value: u64,
}

/// `t=` with the `r=` lines under it (RFC 4566 sections 5.9 and 5.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// NTP seconds; 0 is "always".
    pub start: u64,
    /// NTP seconds; 0 is "unbounded".
    pub stop: u64,
    /// Repeat times, as they came.
    pub repeats: Vec<String>,
}

/// `a=` (RFC 4566 section 5.13), known or not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attribute {
    /// Before the colon.
    pub name: String,
    /// After the colon; `None` for a property such as `sendrecv`.
    pub value: Option<String>,
}

/// One `m=` line and what follows it (RFC 4566 section 5.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `application` ...
    pub kind: String,
    /// 0 refuses or ends the stream (RFC 3264 section 6).
    pub port: u16,
    /// Number of port pairs.
    pub count: Option<u16>,
    /// `RTP/AVP` ...
    pub protocol: String,
    /// Payload types for RTP.
    pub formats: Vec<String>,
    /// `i=`
    pub info: Option<String>,
    /// `c=`; several only for multicast.
    pub connections: Vec<Connection>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `k=` (obsolete; RFC 8866 section 5.12: read, never used).
    pub key: Option<String>,
    /// `a=`
    pub attributes: Vec<Attribute>,
}

/// A whole session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    /// `o=`
    pub origin: Origin,
    /// `s=`
    pub name: String,
    /// `i=`
    pub info: Option<String>,
    /// `u=`
    pub uri: Option<String>,
    /// `e=`
    pub emails: Vec<String>,
    /// `p=`
    pub phones: Vec<String>,
    /// `c=` at the session level: holds for every media line without its own.
    pub connection: Option<Connection>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `t=` and `r=`
    pub times: Vec<Time>,
    /// `z=`, as it came.
    pub zones: Option<String>,
    /// `k=`
    pub key: Option<String>,
    /// `a=`
    pub attributes: Vec<Attribute>,
    /// `m=`
    pub media: Vec<Media>,
}

impl Media {
    /// The first attribute of that name on this line; a property yields `""`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }
}

impl Sdp {
    /// Reads a description within the default [`SdpLimits`].
    pub fn parse(bytes: &[u8]) -> Result<Sdp, SdpError> {
        Sdp::parse_within(bytes, &SdpLimits::default())
    }

    /// The first session attribute of that name; a property yields `""`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        find(&self.attributes, name)
    }

    /// The attribute that holds for a media line: its own, else the session's (RFC 4566 section 5.13).
    pub fn effective<'a>(&'a self, media: &'a Media, name: &str) -> Option<&'a str> {
        media.attribute(name).or_else(|| self.attribute(name))
    }

    /// The connection that holds for a media line: its own, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connections.first().or(self.connection.as_ref())
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|a| a.name.eq_ignore_ascii_case(name))
        .map(|a| a.value.as_deref().unwrap_or(""))
}
