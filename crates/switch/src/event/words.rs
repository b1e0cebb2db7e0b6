//! Events of a leg in words, for the log.

use std::fmt;

use super::{EndEvent, LegEvent, SessionEvent, SetupEvent};

impl fmt::Display for LegEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(event) => event.fmt(f),
            Self::Session(event) => event.fmt(f),
            Self::End(event) => event.fmt(f),
            Self::Passed { request, .. } => write!(f, "the phone sent {}", request.method()),
            Self::Referred { .. } => f.write_str("the phone asks for a transfer"),
        }
    }
}

impl fmt::Display for SetupEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provisional { code, answer: None, .. } => write!(f, "the phone says {code}"),
            Self::Provisional { code, .. } => write!(f, "the phone says {code}, with early media"),
            Self::Answered { answer: None, .. } => {
                f.write_str("the phone answered with a description that is of no use")
            }
            Self::Answered { .. } => f.write_str("the phone answered"),
            Self::Refused { code, reason, .. } => write!(f, "the phone refused: {code} {reason}"),
            Self::Confirmed { .. } => f.write_str("the phone acknowledged our answer"),
            Self::Cancelled => f.write_str("the phone cancelled the call"),
            Self::Accepted => f.write_str("our answer was sent"),
            Self::Lost => f.write_str("the phone did not acknowledge our provisional response"),
        }
    }
}

impl fmt::Display for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offered(..) => f.write_str("the phone offers a change"),
            Self::Redescribed(..) => f.write_str("the phone described its session anew"),
            Self::Withdrawn => f.write_str("the phone withdrew the change it offered"),
            Self::Pending => f.write_str("the phone asks its person about the change"),
            Self::Accepted(..) => f.write_str("the phone took the change"),
            Self::Refused { code, reason } => write!(f, "the phone refused the change: {code} {reason}"),
        }
    }
}

impl fmt::Display for EndEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(cause) => write!(f, "over: {}", cause.detail),
            Self::Gone => f.write_str("nothing is left of it"),
        }
    }
}
