//! What a running verb hears of its call.

use std::collections::VecDeque;

use ::media::Event as MediaEvent;

use crate::{
    api::{QueryId, Recording, Ways},
    event::LegEvent,
    ids::LegId,
    leg::CallerId,
    proxy::News,
};

/// One event for the verb that runs. Events are queued on the call and fed to the verb one after the other, so an event
/// that a verb causes while it acts is not lost.
pub(crate) enum VerbEvent {
    /// About a leg that is neither the subject nor connected with it.
    Leg(LegId, LegEvent),
    /// The leg that was connected with the subject is over.
    PeerEnded,
    /// The subject is no longer there, or the script is over.
    SubjectGone,
    /// The subject's ACK has come.
    SubjectConfirmed,
    /// The verb's timer.
    Timer,
    /// The subject pressed a key.
    Digit(char),
    /// The media engine, about any leg of the call.
    Media(LegId, MediaEvent),
    /// A target was looked up.
    Resolved(QueryId, Ways),
    /// The store has made a change, or could not.
    Stored(QueryId, bool),
    /// The store was asked for a number.
    Found(QueryId, Option<String>),
    /// Another call has handed a leg over.
    Guest(Guest),
    /// A recording of the call has ended.
    Recorded(Box<Recording>),
    /// The admin API removes the subject from its conference.
    Removed,
    /// The subject has joined another call, in which it talks with this party; or it could not, with the status that says
    /// why (481, 488).
    Joined(Result<CallerId, u16>),
    /// What came of the INVITE of the subject, which is passed on.
    Proxied(News),
}

/// A leg that came from another call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    pub leg: LegId,
    /// The leg whose place the guest takes.
    pub instead_of: LegId,
    /// Whether the guest is the call's subject now.
    pub subject: bool,
    /// Whether the guest is connected already, in place of a leg that was.
    pub connected: bool,
}

/// Events that the running verb has not heard yet.
pub(crate) type VerbEvents = VecDeque<VerbEvent>;
