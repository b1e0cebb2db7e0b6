//! Legs that go from one call to another. Calls never touch each other: one call queues a [`Handover`], and the switch
//! carries it out between two events.

use sip::Message;

use crate::{
    api::{Facts, ScriptEntry},
    ids::{CallId, LegId},
};

/// What is known of a call at its beginning.
#[derive(Clone)]
pub(crate) struct Beginning {
    pub facts: Facts,
    pub entry: ScriptEntry,
    pub max_forwards: u32,
    pub sip_call_id: String,
}

/// A leg on its way from its call to another one.
pub(crate) struct Handover {
    pub leg: LegId,
    pub to: Destination,
    pub why: Why,
}

/// Where a leg goes. One rule: the leg that takes a place joins the call of the leg whose place it takes.
pub(crate) enum Destination {
    /// To the place of this leg, in the call of that leg.
    Place(LegId),
    /// To this call, beside the leg that is there: a party that comes back, or a phone that takes a parked call.
    Call(CallId),
    /// To a new call, whose subject it is.
    New(Box<NewCall>),
    /// To a new call, which enters this conference. `invited`: no leg goes there; this call rings an extension, which is to
    /// enter.
    Conference {
        room: String,
        invited: Option<Box<Beginning>>,
    },
}

/// A call that a transfer begins.
pub(crate) struct NewCall {
    pub beginning: Beginning,
    pub asked: Asked,
    /// The leg of another call to which the subject goes back where no phone answers.
    pub transferor: Option<LegId>,
}

/// What began a call.
pub(crate) enum Asked {
    /// The INVITE of its subject, or the API.
    Call,
    /// A REFER. `by`: the number or URI of the phone that sent it, as others may know it.
    Refer { refer: Box<Message>, by: String },
    /// An INVITE with Join (RFC 3911), or a REFER of a member (RFC 4579). The subject enters this conference; no script
    /// runs. `invited_by`: the extension of that member.
    Join { room: String, invited_by: Option<String> },
    /// The API, or the script of the call that its subject was in before, has moved the subject.
    Command,
}

/// Why a leg goes to another call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its partner has transferred it.
    Transferred,
    /// It came with an INVITE with Replaces (RFC 3891).
    Replaces,
    /// Where it was transferred to did not answer.
    Returned,
    /// A script or the API has moved it, and no other party waits for it.
    Moved,
    /// Not the leg itself goes but the party that is connected with it, as this other leg of the same phone asks: both legs of
    /// the phone are then through, or that in a conference goes on.
    Fetched { by: LegId },
}
