//! Changes to a session that is up: re-INVITE and UPDATE (RFC 3261 14, RFC 3311).
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | the change that is under way, and how it ends with the dialog | `Up::change`, `Up::wanted` |
//! | `early.rs` | before the answer: UPDATE, and the offer in a PRACK | `Incoming::early`, `Fork::early` |
//! | `ours.rs` | re-INVITE and UPDATE of ours | `Up::passing` |
//! | `theirs.rs` | re-INVITE and UPDATE of the phone's | |

pub(super) mod early;
pub(super) mod ours;
pub(super) mod theirs;

use ::media::Spec;
use sip::{Message, Method, transaction::ServerId};

use super::{Leg, identity};
use crate::{
    requests::{self, RequestId},
    stack::Stack,
};

/// The change that is under way on a leg. There is never more than one (RFC 3261 14.1, 14.2).
#[derive(Debug)]
pub(in crate::leg) enum Change {
    /// None.
    None,
    /// Ours: the request was sent.
    Ours(Ours),
    /// The peer's: the offer waits for the decision of the call.
    Theirs { server: ServerId, request: Message },
}

impl Change {
    /// Takes our change out, if `request` is its request.
    fn take_ours(&mut self, request: RequestId) -> Option<Ours> {
        match std::mem::replace(self, Self::None) {
            Self::Ours(ours) if ours.request == request => Some(ours),
            other @ (Self::None | Self::Ours(_) | Self::Theirs { .. }) => {
                *self = other;
                None
            }
        }
    }

    /// Whether this is the request of our change.
    pub fn is_ours(&self, request: RequestId) -> bool {
        matches!(self, Self::Ours(ours) if ours.request == request)
    }

    /// Takes the peer's change out, if there is one.
    fn take_theirs(&mut self) -> Option<(ServerId, Message)> {
        match std::mem::replace(self, Self::None) {
            Self::Theirs { server, request } => Some((server, request)),
            other @ (Self::None | Self::Ours(_)) => {
                *self = other;
                None
            }
        }
    }
}

/// A change of ours that is under way.
#[derive(Debug)]
pub(in crate::leg) struct Ours {
    request: RequestId,
    purpose: Purpose,
    method: Method,
}

/// What a change of ours is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::leg) enum Purpose {
    /// It passes on an offer of the other phone of the call. A refusal goes back to that phone, which may try again.
    Passed,
    /// It makes an offer of our own. Tandem tries again after glare.
    Own,
    /// It refreshes the session for the session timer.
    Refresh,
    /// It tells the phone with whom it talks, by a changed From (RFC 4916). The session stays as it is.
    Identity,
}

/// An offer of our own that was not made yet, or that met an offer of the phone (glare).
#[derive(Debug)]
pub(in crate::leg) struct Wanted {
    spec: Spec,
    tries: u8,
}

impl Wanted {
    /// The other side has changed: the offer is to be this one.
    pub fn instead(&mut self, spec: &Spec) {
        self.spec = spec.clone();
    }
}

/// The dialog ends. Drops offers that wait, and answers the peer's change with 487 (RFC 3261 15.1.2). Cancels a
/// re-INVITE of ours: its final answer may get lost, and after a 1xx its transaction has no timer of its own (RFC 3261
/// 17.1.1.2). CANCEL gives it an end.
pub(super) fn end(leg: &mut Leg, cx: &mut Stack) {
    identity::end(leg);
    let Some(up) = leg.stage.up() else { return };
    (up.wanted, up.passing) = (None, None);
    match &up.change {
        Change::Theirs { .. } => theirs::refuse(leg, cx, 487),
        Change::Ours(ours) => {
            if ours.method == Method::Invite {
                requests::cancel(cx, ours.request, None);
            }
            up.change = Change::None;
        }
        Change::None => {}
    }
}
