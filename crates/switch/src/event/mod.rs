//! What a leg tells its call, as plain data. Both use this room, so neither needs the other for it.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | `LegEvent` with `SetupEvent`, `SessionEvent`, `EndEvent`; `Cause` (why a leg ended); `LegTimer` |
//! | `why.rs` | `Q850`: what the telephone network said of an end |
//! | `words.rs` | events in words, for the log |

mod why;
mod words;

use ::media::Spec;
use sip::{HeaderName, Message, transaction::ServerId};

use crate::api::CauseCode;

pub(crate) use why::Q850;

/// A leg's timers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LegTimer {
    /// Our 2xx waits for its ACK.
    Accepted,
    /// We have to refresh the session.
    Refresh,
    /// The peer has not refreshed the session.
    Expire,
    /// Our provisional response has to be sent again.
    Provisional,
    /// Our reliable provisional response waits for its PRACK.
    Prack,
    /// An offer of our own is to be tried again.
    Offer,
    /// The phone is to be told again with whom it talks.
    Identity,
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
    /// The peer sent an INFO or MESSAGE within the dialog. Answer it with `answer_passed`.
    Passed { server: ServerId, request: Message },
    /// The peer sent a REFER within the dialog. Answer it with `Leg::accept_refer` or an error.
    Referred { server: ServerId, request: Message },
}

/// Events of a leg that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) enum SetupEvent {
    /// Outbound: 101 to 199.
    Provisional {
        /// A code that an RFC names; any other provisional code becomes 183 (RFC 3261 8.1.3.2).
        code: u16,
        /// The callee's reason phrase (RFC 3261 21.1.4), if it sent one.
        reason: String,
        /// Early media (RFC 3960): the first session description of the response, if it has any.
        answer: Option<Spec>,
    },
    /// Outbound: a 2xx, which was acknowledged. `None` if its session description is missing or cannot be used.
    Answered { answer: Option<Spec> },
    /// Outbound: a final answer other than 2xx, or no answer (408, 503).
    Refused {
        code: u16,
        reason: String,
        /// Of a 3xx, the best first (RFC 3261 8.1.3.4).
        contacts: Vec<String>,
        /// Header fields that the caller gets, too.
        fields: Vec<(HeaderName, String)>,
        /// What the telephone network says of it.
        why: Option<Q850>,
        /// The cause.
        cause: CauseCode,
    },
    /// Inbound: the ACK came; with the phone's answer if our 2xx made the offer.
    Confirmed { answer: Option<Spec> },
    /// Inbound: CANCEL came and 487 was sent.
    Cancelled,
    /// Inbound: the answer of `Leg::accept`, which waited for a PRACK, was sent.
    Accepted,
    /// Inbound: no PRACK came to our provisional response, and 504 was sent (RFC 3262 section 3).
    Lost,
}

/// Events of a leg's session.
#[derive(Clone, Debug)]
pub(crate) enum SessionEvent {
    /// The peer offers a change. Answer with `Leg::answer_change` or `Leg::refuse_change`.
    Offered(Spec),
    /// The peer sent a new session description in an ACK: its INVITE had no offer, so our 2xx made the offer.
    Redescribed(Spec),
    /// The peer has taken its offer back.
    Withdrawn,
    /// The peer asks its user about our offer.
    Pending,
    /// The peer took our offer of `Leg::offer`.
    Accepted(Spec),
    /// The peer refused our offer; the session stays as it was (RFC 6141).
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
    /// For a leg that was lost: why. In other cases the side that hung up says enough.
    pub code: CauseCode,
    /// In words, for people.
    pub detail: String,
    /// What the telephone network said; the BYE to the other phone repeats it.
    pub why: Option<Q850>,
}

/// Which side ended it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The phone hung up.
    Peer,
    /// We hung up, for a reason of our own or because of the other leg.
    Us,
    /// The phone is not there any more, or violates the protocol.
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

    /// With the reason that the other phone gave.
    pub fn because(self, why: Option<Q850>) -> Self {
        Self { why, ..self }
    }
}
