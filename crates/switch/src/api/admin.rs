//! What the admin API asks of the switch, and what observers hear.

use serde::{Deserialize, Serialize};

use super::{CallUid, Cdr, LiveLeg, LiveState};

/// What the admin API may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The calls in progress; [`Reply::Calls`].
    ListCalls,
    /// One call; [`Reply::Calls`] with one item.
    GetCall(CallUid),
    /// End a call; [`Reply::Done`].
    HangUp(CallUid),
    /// Ring `from`, then connect it to `to` through the dialplan; [`Reply::Started`].
    Originate {
        /// An extension's number.
        from: String,
        /// What that extension "dials".
        to: String,
    },
    /// The contacts bound now; [`Reply::Registrations`].
    ListRegistrations,
    /// Remove one contact by its id; [`Reply::Done`].
    RemoveRegistration(u64),
    /// Counters and gauges; [`Reply::Stats`].
    Stats,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// It was done.
    Done,
    /// Calls in progress, oldest first.
    Calls(Vec<LiveCall>),
    /// A call was begun.
    Started(CallUid),
    /// Contacts by number.
    Registrations(Vec<Registration>),
    /// Counters and gauges.
    Stats(Box<Stats>),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CommandError {
    /// Nothing has that id or number.
    #[error("not found")]
    NotFound,
    /// The extension has no phone to ring.
    #[error("extension {0} has no phone registered")]
    NoPhone(String),
    /// Too much is going on, or the switch is shutting down.
    #[error("busy")]
    Busy,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    /// Its id.
    pub id: CallUid,
    /// The caller's number, also where it keeps that from those it calls.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub dialed: String,
    /// Who is connected or rung, where known.
    pub to: String,
    /// How far it is.
    pub state: LiveState,
    /// Microseconds since the Unix epoch.
    pub started_at: i64,
    /// Microseconds since the Unix epoch.
    pub answered_at: Option<i64>,
    /// The verb that runs, such as `dial`, with its script line.
    pub doing: String,
    /// Its legs, the caller's first.
    pub legs: Vec<LiveLeg>,
}

/// A contact, as the admin API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The binding's id.
    pub id: u64,
    /// The extension.
    pub number: String,
    /// The Contact URI.
    pub contact: String,
    /// Where it registered from, address and port.
    pub source: String,
    /// `udp`, `tcp` ...
    pub transport: String,
    /// The phone's User-Agent.
    pub user_agent: String,
    /// Microseconds since the Unix epoch.
    pub expires_at: i64,
}

/// What an observer may want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// `call.started`
    CallStarted(Box<LiveCall>),
    /// `call.ringing`
    CallRinging(Box<LiveCall>),
    /// `call.answered`
    CallAnswered(Box<LiveCall>),
    /// `call.ended`
    CallEnded(Box<Cdr>),
    /// `registration.added` (new contacts only, not refreshes)
    RegistrationAdded(Box<Registration>),
    /// `registration.removed`
    RegistrationRemoved(Box<Registration>),
    /// `dialplan.failed`: a script ended by a fault.
    ScriptFailed {
        /// In which call.
        call: CallUid,
        /// Where and why.
        fault: super::ScriptFault,
    },
}

/// Counters since start, and gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Calls in progress.
    pub calls: u64,
    /// Legs in progress.
    pub legs: u64,
    /// Transactions alive.
    pub transactions: u64,
    /// Media ports in use.
    pub media_ports: u64,
    /// Contacts bound.
    pub registrations: u64,
    /// Scripts running.
    pub scripts: u64,
    /// Messages taken.
    pub messages_received: u64,
    /// Messages given out.
    pub messages_sent: u64,
    /// Messages that were no SIP, or dropped as the RFC says.
    pub messages_dropped: u64,
    /// Requests refused by admission control.
    pub refused: u64,
    /// Wrong credentials.
    pub auth_failures: u64,
    /// Calls begun.
    pub calls_started: u64,
    /// Calls answered.
    pub calls_answered: u64,
    /// Calls that failed.
    pub calls_failed: u64,
}
