//! What a failure response within a dialog ends: RFC 5057 section 5.1.

use crate::StatusCode;

/// How far the effect of a response to a request within a dialog goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The request alone; all else goes on.
    Transaction,
    /// The usage that the request belongs to (the call, the subscription) has ended.
    Usage,
    /// The dialog has ended, with all its usages.
    Dialog,
}

impl Effect {
    /// The effect of `status` (RFC 5057 section 5.1). A request that timed out counts as 408.
    pub const fn of(status: StatusCode) -> Self {
        match status.code() {
            // The peer or the way to it is gone for every request.
            404 | 410 | 416 | 482..=485 | 502 | 604 => Self::Dialog,
            // The peer knows no such usage, or cannot keep it.
            405 | 408 | 480 | 481 | 489 | 501 => Self::Usage,
            _ => Self::Transaction,
        }
    }
}
