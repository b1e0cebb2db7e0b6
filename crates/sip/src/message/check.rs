//! What must hold of a message's values before a transaction sees it.

use std::fmt;

use super::{Builder, Message};
use crate::{Contact, HeaderError, HeaderName, Method, NameAddr, StatusCode, UriError};

/// What is wrong with a message, as the answer that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase.
    pub reason: &'static str,
    /// The field that is wrong, where it is one.
    pub name: Option<HeaderName>,
    /// A field that the answer must carry, such as Unsupported.
    pub extra: Option<(HeaderName, String)>,
}

impl Fault {
    /// A fault without more to say.
    pub const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            name: None,
            extra: None,
        }
    }

    /// The answer to `request`; `None` if it is an ACK or a response, which are never answered.
    pub fn reply(&self, request: &Message) -> Option<Message> {
        if request.is_response() || *request.method() == Method::Ack {
            return None;
        }
        let tag = stateless_tag(request);
        let phrase = match self.name {
            Some(name) => format!("{} ({name}: {})", self.status.reason(), self.reason),
            None => self.reason.to_owned(),
        };
        let mut builder = Builder::reply_with_reason(request, self.status, &phrase, Some(&tag));
        if let Some((name, value)) = &self.extra {
            builder = builder.header(*name, value);
        }
        Some(builder.finish())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)?;
        if let Some(name) = self.name {
            write!(f, " in {name}")?;
        }
        Ok(())
    }
}

impl From<HeaderError> for Fault {
    fn from(error: HeaderError) -> Self {
        Self {
            name: Some(error.name),
            ..Self::new(StatusCode::BAD_REQUEST, error.fault)
        }
    }
}

/// A To tag that is the same for every retransmission of a request, for answers that leave no
/// state behind (RFC 3261 section 8.2.7). It is no secret.
pub fn stateless_tag(request: &Message) -> String {
    // FNV-1a over what identifies the transaction.
    let branch = request.top_via().ok().and_then(|via| via.branch());
    let parts = [
        branch.unwrap_or(""),
        request.call_id(),
        request.header(HeaderName::CSeq).unwrap_or(""),
    ];
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

const fn uri_fault(error: UriError) -> &'static str {
    match error {
        UriError::Scheme => "the URI has no scheme",
        UriError::Character => "the URI holds a character that must be escaped",
        UriError::Escape => "the URI holds an incomplete escape",
        UriError::User => "the user part of the URI is malformed",
        UriError::Host => "the host of the URI is malformed",
        UriError::Port => "the port of the URI is malformed",
        UriError::Param => "a parameter of the URI is malformed",
        UriError::Header => "the headers of the URI are malformed",
        UriError::Number => "the telephone number is malformed",
    }
}

fn address(name: HeaderName, address: &NameAddr<'_>) -> Result<(), Fault> {
    address
        .uri()
        .map_err(|error| HeaderError::new(name, uri_fault(error)))?;
    Ok(())
}

impl Message {
    /// Everything that must hold before the transaction layer (RFC 3261 sections 8.1.1, 8.2.2,
    /// 16.3 and 20): the mandatory fields are there once, values keep to their grammar.
    ///
    /// A fault in a request is answered with [`Fault::reply`]; one in a response means that the
    /// response is dropped.
    pub fn check(&self) -> Result<(), Fault> {
        let cseq = self.cseq()?;
        if self.is_request() && cseq.method != *self.method() {
            return Err(HeaderError::new(HeaderName::CSeq, "the method is not that of the request").into());
        }
        for via in self.vias() {
            via?;
        }
        self.top_via()?;
        for name in [HeaderName::From, HeaderName::To] {
            address(name, &self.address(name)?)?;
        }
        if self.single(HeaderName::CallId)?.is_empty() {
            return Err(HeaderError::new(HeaderName::CallId, "the header field is empty").into());
        }
        for contact in self.contacts() {
            if let Contact::Address(contact) = contact? {
                address(HeaderName::Contact, &contact)?;
            }
        }
        for name in [HeaderName::Route, HeaderName::RecordRoute] {
            for route in self.addresses(name) {
                address(name, &route?)?;
            }
        }
        self.max_forwards()?;
        self.expires()?;
        Ok(())
    }
}
