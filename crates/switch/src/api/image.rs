//! The parts of a call that outlive a restart: enough for another switch to continue the call. The legs of the call
//! must be quiet.
//!
//! It contains no secret: no password, nothing derived from a password, no key.

use std::{net::IpAddr, time::Duration};

use media::{SdpDirection, Session, Spec};
use serde::{Deserialize, Serialize};
use sip::{Flow, dialog::Dialog};

use super::{AudioRules, CallUid, Target};

/// The parts of a call that outlive a restart. Written when all its legs are quiet and something has changed since the
/// last time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallImage {
    /// The call.
    pub call: CallUid,
    /// Its legs; empty if the call is over.
    pub legs: Vec<LegImage>,
}

/// The parts of a leg that outlive a restart. The leg is up and quiet: no request, offer or acknowledgement is under
/// way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegImage {
    /// The phone called us.
    pub inbound: bool,
    /// The party at the other end.
    pub peer: Target,
    /// The phone's address. Without its connection, which does not outlive a restart.
    pub flow: Flow,
    /// The other end is not a phone of ours: its Contact and Record-Route are believed.
    pub outside: bool,
    /// Further addresses of the name that was called, in canonical form: answers may come from any of these.
    pub others: Vec<IpAddr>,
    /// The user part of our Contact.
    pub user: String,
    /// Tags, CSeq numbers, routes and the remote target.
    pub dialog: Dialog,
    /// What was offered and answered.
    pub talk: TalkImage,
    /// The session timer (RFC 4028).
    pub timer: TimerImage,
    /// What is known of the phone's abilities.
    pub can: Abilities,
}

/// The parts of the session descriptions that outlive a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TalkImage {
    /// The session, with our media port.
    pub session: Session,
    /// What the device may do with audio.
    pub audio: AudioRules,
    /// What the phone last described.
    pub heard: Option<Spec>,
    /// What the phone was last told about the other side.
    pub said: Option<Spec>,
    /// Whether the phone listens, or holds.
    #[serde(default)]
    pub listens: Listens,
}

/// Whether a phone listens to the other side (RFC 3264 section 8.4).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listens {
    /// It has not listened in this dialog.
    #[default]
    NotYet,
    /// It listens.
    Now,
    /// It has listened, and has put the other side on hold.
    NoLonger,
}

impl Listens {
    /// After the phone has described its media with this direction. `hears`: something was to be heard by the phone; where
    /// that is not so, the phone only mirrors the hold of the other side.
    pub(crate) fn after(self, direction: SdpDirection, hears: bool) -> Self {
        match self {
            _ if direction.receives() => Self::Now,
            Self::Now if hears => Self::NoLonger,
            before @ (Self::NotYet | Self::Now | Self::NoLonger) => before,
        }
    }
}

/// The parts of a session timer that outlive a restart (RFC 4028).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerImage {
    /// The interval within which the session is refreshed.
    pub interval: Duration,
    /// The shortest interval that both sides accept.
    pub min_se: Duration,
    /// Whether we refresh the session, and not the phone.
    pub ours: bool,
    /// When the interval began, in microseconds since the Unix epoch.
    pub began_unix: i64,
}

/// What is known of a phone's abilities.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// It has said that it accepts UPDATE: RFC 3311 section 5.1 requires that.
    pub update: bool,
    /// It has not said that it rejects INFO (RFC 3261 20.5: a missing Allow says nothing).
    pub info: bool,
    /// It has said that it accepts INFO.
    #[serde(default)]
    pub takes_info: bool,
    /// It has said that it accepts MESSAGE.
    #[serde(default)]
    pub takes_message: bool,
    /// It supports session timers (RFC 4028).
    pub timer: bool,
    /// It takes a changed From within a dialog (RFC 4916).
    pub from_change: bool,
}
