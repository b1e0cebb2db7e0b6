//! Changes to a session that is up: re-INVITE and UPDATE (RFC 3261 14, RFC 3311).
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | the change that is under way, and how it ends with the dialog | `Up::change`, `Up::wanted` |
//! | `ours.rs` | re-INVITE and UPDATE of ours | `Up::passing` |
//! | `theirs.rs` | re-INVITE and UPDATE of the phone's | |

pub(super) mod ours;
pub(super) mod theirs;

use ::media::Spec;
use sip::{Message, Method, transaction::ServerId};

use super::Leg;
use crate::{
    requests::{self, RequestId},
    stack::Stack,
};

/// The change under way on a leg; never more than one (RFC 3261 14.1, 14.2).
#[derive(Debug)]
pub(in crate::leg) enum Change {
    /// None.
    None,
    /// Ours: the request is out.
    Ours(Ours),
    /// The peer's: its offer waits for the call's decision.
    Theirs { server: ServerId, request: Message },
}

impl Change {
    /// Takes a change of ours out, if this is its request.
    fn take_ours(&mut self, request: RequestId) -> Option<Ours> {
        match std::mem::replace(self, Self::None) {
            Self::Ours(ours) if ours.request == request => Some(ours),
            other @ (Self::None | Self::Ours(_) | Self::Theirs { .. }) => {
                *self = other;
                None
            }
        }
    }

    /// Takes a change of the peer's out, if there is one.
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
    /// What the other phone of the call offers: it is told of a refusal, and tries again if it likes.
    Passed,
    /// An offer of our own: tried again after glare.
    Own,
    /// The session timer.
    Refresh,
}

/// An offer of our own that is not yet made, or was met by another.
#[derive(Debug)]
pub(in crate::leg) struct Wanted {
    spec: Spec,
    tries: u8,
}

impl Wanted {
    /// The other side has changed: the offer is to say so.
    pub fn instead(&mut self, spec: &Spec) {
        self.spec = spec.clone();
    }
}

/// The dialog ends. What waits is dropped, and a change of the peer's is answered with 487 (RFC 3261 15.1.2). A re-INVITE
/// of ours is cancelled: its answer may be lost and never sent again, and a transaction that was told to wait has no
/// other end than that of CANCEL (RFC 3261 17.1.1.2).
pub(super) fn end(leg: &mut Leg, cx: &mut Stack) {
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
