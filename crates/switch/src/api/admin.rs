//! What the admin API asks of the switch, what observers hear, and call detail records.

use serde::{Deserialize, Serialize};

use super::CallUid;

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

/// How far a call is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// The dialplan is working on it.
    Routing,
    /// Somebody's phone rings.
    Ringing,
    /// The caller was answered.
    Answered,
}

/// One leg of a call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLeg {
    /// The extension or URI at the other end.
    pub party: String,
    /// Whether the leg came to us.
    pub inbound: bool,
    /// `trying`, `ringing`, `early`, `up`, `held`, `ending`.
    pub state: String,
    /// Address and port of its signalling.
    pub remote: String,
    /// The codec in use, once known.
    pub codec: Option<String>,
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

/// What is known when an authenticated INVITE has come: the beginning of a CDR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrOpen {
    /// The call.
    pub call_id: CallUid,
    /// The caller's number, also where it keeps that from those it calls.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub dialed: String,
    /// The SIP Call-ID of the caller's leg, to find it in a phone's own log.
    pub sip_call_id: String,
    /// Microseconds since the Unix epoch.
    pub started_at: i64,
}

/// How a call ended, for people.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Somebody answered.
    Answered,
    /// 486, 600.
    Busy,
    /// It rang and nobody answered.
    NoAnswer,
    /// The caller gave up.
    Cancelled,
    /// Refused, by a person or a script.
    Rejected,
    /// Anything else.
    Failed,
}

impl Disposition {
    /// As the API, the records and the log call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// Who ended a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The callee.
    Callee,
    /// The dialplan.
    Script,
    /// The admin API.
    Admin,
    /// Tandem itself: a timer, a fault, a shutdown.
    System,
}

impl EndedBy {
    /// As the API, the records and the log call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Script => "script",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }
}

/// A whole call detail record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    /// Its beginning.
    pub open: CdrOpen,
    /// Who answered or was rung last: an extension's number or a URI; empty if nobody.
    pub to: String,
    /// Microseconds since the Unix epoch.
    pub answered_at: Option<i64>,
    /// Microseconds since the Unix epoch.
    pub ended_at: i64,
    /// How it ended.
    pub disposition: Disposition,
    /// The final status the caller got (200 where answered), or 487 where the caller gave up.
    pub sip_code: u16,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// One line for people: why it ended as it did.
    pub detail: String,
}

/// A call in progress that was answered, or connected with somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrAnswer {
    /// Its beginning.
    pub open: CdrOpen,
    /// Who answered: an extension's number or a URI; empty where it is Tandem itself.
    pub to: String,
    /// Microseconds since the Unix epoch.
    pub answered_at: i64,
}

/// What goes to disk of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CdrRecord {
    /// It began.
    Open(CdrOpen),
    /// It ended.
    Close(Cdr),
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
