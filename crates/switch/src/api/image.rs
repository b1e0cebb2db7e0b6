//! What lasts of a call whose legs are quiet: enough to go on with it in another switch.
//!
//! No secret is in it: neither a password nor what is made of one, nor a key.

use std::{net::IpAddr, time::Duration};

use media::{Session, Spec};
use serde::{Deserialize, Serialize};
use sip::{Flow, dialog::Dialog};

use super::{CallUid, Target};

/// What lasts of a call. Written when all its legs are quiet, and something has changed since it was last written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallImage {
    /// Which call.
    pub call: CallUid,
    /// Its legs; none where the call is over, and nothing is left to go on with.
    pub legs: Vec<LegImage>,
}

/// What lasts of a leg that is up and quiet: no request, offer or acknowledgement is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegImage {
    /// The phone called us.
    pub inbound: bool,
    /// Who is at the other end.
    pub peer: Target,
    /// Where the phone is. Without its connection, which does not last.
    pub flow: Flow,
    /// At the other end is no phone of ours: its Contact and Record-Route are believed.
    pub outside: bool,
    /// Further addresses of the name that was called, canonical: answers may come from any of them.
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

/// What lasts of what was offered and answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TalkImage {
    /// The session, with our media port.
    pub session: Session,
    /// Codecs the device may use, by rtpmap name; empty: all.
    pub codecs: Vec<String>,
    /// What the phone last described.
    pub heard: Option<Spec>,
    /// What the phone was last told of the other side.
    pub said: Option<Spec>,
}

/// What lasts of a session timer (RFC 4028).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerImage {
    /// The interval within which the session is refreshed.
    pub interval: Duration,
    /// The shortest interval that both sides accept.
    pub min_se: Duration,
    /// We refresh the session, not the phone.
    pub ours: bool,
    /// When the interval began, in microseconds since the Unix epoch.
    pub began_unix: i64,
}

/// What is known of a phone's abilities.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// It has said that it takes UPDATE: RFC 3311 section 5.1 wants that said.
    pub update: bool,
    /// It has not said that it does not take INFO (RFC 3261 20.5: no Allow says nothing).
    pub info: bool,
    /// It knows session timers (RFC 4028).
    pub timer: bool,
}
