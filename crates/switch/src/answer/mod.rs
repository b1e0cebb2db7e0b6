//! The answer to a request that makes no dialog and changes none: a status and its header fields.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | `Answer` |
//! | `passed.rs` | which header fields of a phone's refusal the caller gets |
//! | `told.rs` | which status the other phone hears for the answer of one phone |
//! | `warning.rs` | why a session is not acceptable: the Warning of a 488 or 606 |

mod passed;
mod told;
mod warning;

use std::borrow::Cow;

use sip::{Builder, HeaderName, Message, StatusCode};

pub(crate) use passed::{fits, names_no_address, passed};
pub(crate) use told::told;
pub(crate) use warning::{FORMAT, MEDIA_TYPE};

use crate::event::Q850;

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// A reason phrase more exact than the standard one.
    pub reason: Option<Cow<'static, str>>,
    /// Header fields beyond those that every response copies from its request (RFC 3261 8.2.6.2).
    pub headers: Vec<(HeaderName, String)>,
}

impl Answer {
    /// A status without anything else.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
        }
    }

    /// The same, by its number.
    pub fn of(code: u16) -> Self {
        Self::new(StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR))
    }

    /// 503: asking again makes sense after so many seconds (RFC 3261 21.5.4).
    pub fn busy(seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, seconds.to_string())
    }

    /// A status with its own reason phrase.
    pub fn because(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason: Some(reason.into()),
            headers: Vec::new(),
        }
    }

    /// With a reason phrase, if there is one.
    #[must_use]
    pub fn with_reason(mut self, reason: Option<String>) -> Self {
        self.reason = reason.map(Cow::Owned);
        self
    }

    /// With what the telephone network said, if it said something (RFC 6432).
    #[must_use]
    pub(crate) fn explained(self, why: Option<&Q850>) -> Self {
        match why {
            Some(why) => self.with(HeaderName::Reason, why.to_string()),
            None => self,
        }
    }

    /// With header fields of another answer.
    #[must_use]
    pub(crate) fn with_all(mut self, fields: &[(HeaderName, String)]) -> Self {
        self.headers.extend_from_slice(fields);
        self
    }

    /// With one more header field.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reason phrase, the standard one where there is no other.
    pub(crate) fn phrase(&self) -> &str {
        self.reason.as_deref().unwrap_or(self.status.reason())
    }

    /// The first value of a header field.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Begins the response to `request`, to be completed (Server ...) and finished by the caller.
    pub fn reply(&self, request: &Message, to_tag: &str) -> Builder {
        let mut builder = match &self.reason {
            Some(reason) => Builder::reply_with_reason(request, self.status, reason, Some(to_tag)),
            None => Builder::reply(request, self.status, Some(to_tag)),
        };
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder
    }
}
