//! What a leg tells its call, as plain data: below both, so that neither needs the other for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | `LegEvent` with `SetupEvent`, `SessionEvent`, `EndEvent`; `Cause` (why a leg ended); `LegTimer` |
//! | `why.rs` | `Q850`: what the telephone network said of an end |
//! | `words.rs` | events in words, for the log |

mod why;
mod words;

use ::media::Spec;
use sip::{Message, transaction::ServerId};

use crate::api::CauseCode;

pub(crate) use why::Q850;

/// A leg's timers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LegTimer {
    /// Our 2xx waits for its ACK.
    Accepted,
    /// The session is to be refreshed by us.
    Refresh,
    /// The session was not refreshed by the peer.
    Expire,
    /// Our provisional answer is to be said again.
    Provisional,
    /// An offer of our own is tried again.
    Offer,
    /// The peer's UPDATE has waited long enough.
    Update,
}

/// What a leg tells its call.
#[derive(Clone, Debug)]
pub(crate) enum LegEvent {
    /// About how it is answered.
    Setup(SetupEvent),
    /// About its session, once it is answered.
    Session(SessionEvent),
    /// About its end.
    End(EndEvent),
    /// The peer sent an INFO or MESSAGE within the dialog; wants `answer_passed`.
    Passed { server: ServerId, request: Message },
    /// The peer sent a REFER within the dialog; wants `Leg::accept_refer` or an error.
    Referred { server: ServerId, request: Message },
}

/// What a leg tells that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) enum SetupEvent {
    /// Outbound: 101 to 199.
    Provisional {
        /// One that RFCs name; what else came is 183 (RFC 3261 8.1.3.2).
        code: u16,
        /// The callee's own words (RFC 3261 21.1.4), if there are any.
        reason: String,
        /// Early media (RFC 3960), where the response came with a session description: of several the first.
        answer: Option<Spec>,
    },
    /// Outbound: 2xx, acknowledged. `None` where it described no session that can be used.
    Answered { answer: Option<Spec> },
    /// Outbound: a final answer other than 2xx, or none at all (408, 503).
    Refused {
        code: u16,
        reason: String,
        contacts: Vec<String>,
        /// What the telephone network says of it.
        why: Option<Q850>,
        /// What it means.
        cause: CauseCode,
    },
    /// Inbound: the ACK came, with the answer where the 2xx made the offer.
    Confirmed { answer: Option<Spec> },
    /// Inbound: CANCEL came and 487 was sent.
    Cancelled,
}

/// What a leg tells of its session.
#[derive(Clone, Debug)]
pub(crate) enum SessionEvent {
    /// The peer offers a change; wants `Leg::answer_change` or `Leg::refuse_change`.
    Offered(Spec),
    /// The peer described its session anew in an ACK, as it was asked to by its own INVITE without an offer.
    Redescribed(Spec),
    /// The peer no longer wants the change it offered.
    Withdrawn,
    /// The peer's person is asked about the change that was offered.
    Pending,
    /// The peer took the change that was offered with `Leg::offer`.
    Accepted(Spec),
    /// The peer did not take it; the session is as before (RFC 6141).
    Refused { code: u16, reason: String },
}

/// How a leg ends.
#[derive(Clone, Debug)]
pub(crate) enum EndEvent {
    /// An answered leg is over.
    Ended(Cause),
    /// Nothing of the leg is left but its slot.
    Gone,
}

impl From<SetupEvent> for LegEvent {
    fn from(event: SetupEvent) -> Self {
        Self::Setup(event)
    }
}

impl From<SessionEvent> for LegEvent {
    fn from(event: SessionEvent) -> Self {
        Self::Session(event)
    }
}

impl From<EndEvent> for LegEvent {
    fn from(event: EndEvent) -> Self {
        Self::End(event)
    }
}

/// Why a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub who: Who,
    /// Of a leg that is lost: why. Who hung up says the rest.
    pub code: CauseCode,
    /// In words, for people.
    pub detail: String,
    /// What the telephone network said of it; BYE tells the other phone.
    pub why: Option<Q850>,
}

/// Whose doing it was.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The phone hung up.
    Peer,
    /// We did, for a reason of our own or of the other leg.
    Us,
    /// The phone is not there any more, or breaks the protocol.
    Lost,
}

impl Cause {
    pub fn ours(detail: &str) -> Self {
        Self {
            who: Who::Us,
            code: CauseCode::Unknown,
            detail: detail.into(),
            why: None,
        }
    }

    pub fn lost(code: CauseCode, detail: &str) -> Self {
        Self {
            who: Who::Lost,
            code,
            detail: detail.into(),
            why: None,
        }
    }

    /// With what the other phone gave as its reason.
    pub fn because(self, why: Option<Q850>) -> Self {
        Self { why, ..self }
    }
}
