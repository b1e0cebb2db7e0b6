//! What a dialplan script may ask for, and what it gets back.
//!
//! A script is a fiber outside the switch. It asks for one [`Verb`] at a time and sleeps until the [`Outcome`] comes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    CallRules, CallUid, SettingsPatch,
    parties::{Page, PageResult, Park, ParkResult, Pickup, PickupResult},
    proxy::ProxyTo,
    reject::RejectCode,
    sound::{Collect, CollectResult, ConferenceOptions, ConferenceResult, Pin, Record, RecordResult},
};

/// The function of the dialplan that a call starts.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptEntry {
    /// `on_call`: from an extension.
    OnCall,
    /// `on_trunk`: from a trunk.
    OnTrunk,
    /// `on_request`: a request for another domain that is no call.
    OnRequest,
}

/// The facts about its caller that a script has from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `caller.id`
    pub id: String,
    /// `caller.number`
    pub number: String,
    /// `caller.name`
    pub name: String,
    /// `caller.dialed`
    pub dialed: String,
    /// `caller.extension`, the authenticated one.
    pub extension: Option<String>,
    /// `caller.trunk`
    pub trunk: Option<String>,
    /// `caller.source`: the address and port from which the call came.
    pub source: String,
    /// The user name of the device that has signed in.
    #[serde(default)]
    pub device: Option<String>,
    /// `caller.method`; empty for a call.
    #[serde(default)]
    pub method: String,
}

impl Facts {
    /// The caller for the operators of the PBX: the authenticated caller, even if the caller hides its number from
    /// callees (RFC 3323).
    pub(crate) fn caller(&self) -> &str {
        self.extension.as_deref().unwrap_or(&self.number)
    }
}

/// A place in a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The file, relative to the dialplan folder.
    pub file: String,
    /// Counted from 1; 0 if unknown.
    pub line: u32,
    /// Counted from 1; 0 if unknown.
    pub column: u32,
}

/// Why a script ended without returning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFault {
    /// The place.
    pub position: Position,
    /// The fault, in words for the log and the administrator.
    pub message: String,
}

/// What the switch tells the script threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ScriptCommand {
    /// Run the dialplan for a call.
    Start {
        /// Names the script from now on.
        call: CallUid,
        /// The function to start with.
        entry: ScriptEntry,
        /// The facts for the script.
        facts: Box<Facts>,
    },
    /// The verb is over: go on.
    Resume {
        /// The script.
        call: CallUid,
        /// The result of the verb.
        outcome: Outcome,
    },
    /// The caller is gone: nothing after the current verb may run. Answered by [`ScriptEvent::Ended`].
    Cancel {
        /// The script.
        call: CallUid,
    },
}

/// What a script tells the switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ScriptEvent {
    /// Carry this verb out and tell its outcome.
    Verb {
        /// The script.
        call: CallUid,
        /// The verb.
        verb: Verb,
        /// The line of the script that asks.
        at: Position,
    },
    /// The script is over. This is always the last event of a script.
    Ended {
        /// The script.
        call: CallUid,
        /// It returned, or failed. A cancelled script counts as returned.
        result: Result<(), ScriptFault>,
    },
}

/// One action that a script asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Verb {
    /// `caller.dial(..)`; [`Outcome::Dial`].
    Dial(Box<Dial>),
    /// `caller.ring()`: 180 to the caller; [`Outcome::Done`].
    Ring,
    /// `caller.answer()`: Tandem itself answers; [`Outcome::Done`].
    Answer,
    /// `caller.reject(code, reason?)`: that final answer; [`Outcome::Done`]. Verbs have no effect after that.
    Reject {
        /// The status.
        code: RejectCode,
        /// The reason phrase, if it is not the standard one.
        reason: Option<String>,
    },
    /// `caller.redirect(uri)`: 302 with that Contact; [`Outcome::Done`].
    Redirect {
        /// A SIP URI or a number.
        target: String,
    },
    /// `caller.proxy(..)`: the INVITE is passed on to another server (RFC 3261 section 16); [`Outcome::Dial`].
    Proxy(Box<ProxyTo>),
    /// `caller.hangup()`: BYE, or 603 if the caller was not answered; [`Outcome::Done`].
    Hangup,
    /// `caller.transfer(number)`: a new call begins with the same caller, as if it had dialled that number. The script is
    /// cancelled; [`Outcome::Fault`] where that is not possible.
    Transfer(String),
    /// `caller.wait(seconds)`; [`Outcome::Digits`].
    Wait(Duration),
    /// `caller.play(..)`; [`Outcome::Digits`].
    Play(Vec<String>),
    /// `caller.tone(name, seconds?)`; [`Outcome::Digits`].
    Tone {
        /// As in [`media::Source::Tone`].
        name: String,
        /// How long; the plan's own length if `None`.
        duration: Option<Duration>,
    },
    /// `caller.music(name?, seconds?)`; [`Outcome::Digits`].
    Music {
        /// As in [`media::Source::Music`]; `None`: the usual music.
        name: Option<String>,
        /// How long at most; `None`: until a key is pressed or the caller hangs up.
        duration: Option<Duration>,
    },
    /// `caller.collect(..)`; [`Outcome::Collected`].
    Collect(Box<Collect>),
    /// `caller.record(..)`; [`Outcome::Recorded`].
    Record(Box<Record>),
    /// `caller.conference(..)`; [`Outcome::Conference`].
    Conference(Box<ConferenceOptions>),
    /// `caller.pickup(..)`; [`Outcome::PickedUp`].
    Pickup(Pickup),
    /// `caller.park(..)`; [`Outcome::Parked`].
    Park(Box<Park>),
    /// `caller.page(..)`; [`Outcome::Paged`].
    Page(Box<Page>),
    /// `caller.echo()`: until the caller hangs up or presses `#`; [`Outcome::Digits`].
    Echo,
    /// `caller.header(name)`; [`Outcome::Text`].
    Header(String),
    /// `caller.parameter(name)`; [`Outcome::Text`].
    Parameter(String),
    /// `extension(number)`; [`Outcome::Extension`].
    Extension(String),
    /// `caller.set(..)`: the caller's extension changes its own settings; [`Outcome::Done`] once that is in force.
    Set(Box<SettingsPatch>),
    /// `caller.last_dialed`, `caller.last_caller`; [`Outcome::Text`].
    LastNumber(LastNumber),
    /// `caller.log_on(number, pin)`: the caller's phone acts for that extension from now on; [`Outcome::Flag`], false for
    /// a wrong number or PIN. `None`, `caller.log_off()`: for its own again.
    LogOn(Option<Box<(String, Pin)>>),
}

/// A number of past calls of the caller's extension.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LastNumber {
    /// The number that it dialled last, codes that begin with `*` left out.
    Dialed,
    /// The number that called it last; none if that caller hid it.
    Caller,
}

/// The verb as scripts and their tests write it: `dial 102 103`, `wait 1.5`.
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(dial) => {
                let targets: Vec<_> = dial.targets.iter().map(Target::to_string).collect();
                write!(f, "dial {}", targets.join(" "))
            }
            Self::Ring => f.write_str("ring"),
            Self::Answer => f.write_str("answer"),
            Self::Reject { code, reason: None } => write!(f, "reject {code}"),
            Self::Reject {
                code,
                reason: Some(reason),
            } => write!(f, "reject {code} {reason}"),
            Self::Redirect { target } => write!(f, "redirect {target}"),
            Self::Proxy(to) => write!(f, "proxy {to}"),
            Self::Hangup => f.write_str("hangup"),
            Self::Transfer(to) => write!(f, "transfer {to}"),
            Self::Wait(time) => write!(f, "wait {}", time.as_secs_f64()),
            Self::Play(names) => write!(f, "play {}", names.join(" ")),
            Self::Tone { name, duration: None } => write!(f, "tone {name}"),
            Self::Tone {
                name,
                duration: Some(time),
            } => write!(f, "tone {name} {}", time.as_secs_f64()),
            Self::Music { name, duration } => {
                f.write_str("music")?;
                if let Some(name) = name {
                    write!(f, " {name}")?;
                }
                match duration {
                    Some(time) => write!(f, " {}", time.as_secs_f64()),
                    None => Ok(()),
                }
            }
            Self::Collect(collect) if collect.prompts.is_empty() => f.write_str("collect"),
            Self::Collect(collect) => write!(f, "collect {}", collect.prompts.join(" ")),
            Self::Record(record) => write!(f, "record {}", record.name),
            Self::Conference(conference) => write!(f, "conference {}", conference.room),
            Self::Pickup(Pickup::Number(number)) => write!(f, "pickup {number}"),
            Self::Pickup(Pickup::Group) => f.write_str("pickup *"),
            Self::Park(park) => {
                f.write_str("park")?;
                if let Some(slot) = &park.slot {
                    write!(f, " {slot}")?;
                }
                f.write_str(if park.held { " held" } else { "" })
            }
            Self::Page(page) => write!(f, "page {}", page.targets.join(" ")),
            Self::Echo => f.write_str("echo"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Extension(number) => write!(f, "extension {number}"),
            Self::Set(change) => write!(f, "set {change}"),
            Self::LastNumber(LastNumber::Dialed) => f.write_str("last_dialed"),
            Self::LastNumber(LastNumber::Caller) => f.write_str("last_caller"),
            Self::LogOn(Some(who)) => write!(f, "log_on {}", who.0),
            Self::LogOn(None) => f.write_str("log_off"),
        }
    }
}

/// The arguments of `dial`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dial {
    /// The targets; never empty.
    pub targets: Vec<Target>,
    /// How long each target waits before it rings, in their order; those beyond the list ring at once.
    #[serde(default)]
    pub delays: Vec<Duration>,
    /// How long each target may ring; with [`Strategy::All`], how long all of them may ring.
    pub timeout: Duration,
    /// The order.
    pub strategy: Strategy,
    /// The caller's number and name as the callee sees them, if they differ from the caller's own.
    pub caller_id: Option<(String, String)>,
    /// Header fields added to the outgoing INVITE; names checked by the dialplan.
    pub headers: Vec<(String, String)>,
    /// Record the conversation under this name.
    pub record: Option<String>,
    /// Extensions that allow it answer by themselves (intercom).
    #[serde(default)]
    pub auto_answer: bool,
}

/// A target of `dial`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// An extension's number.
    Extension(String),
    /// A number over a trunk.
    Trunk {
        /// The trunk's name.
        trunk: String,
        /// The number.
        number: String,
    },
    /// A SIP URI; the dialplan has checked it.
    Uri(String),
}

/// The target as scripts write it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension(number) => f.write_str(number),
            Self::Trunk { trunk, number } => write!(f, "{trunk}/{number}"),
            Self::Uri(uri) => f.write_str(uri),
        }
    }
}

/// The order in which targets are tried.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// All at once; the first that answers wins.
    #[default]
    All,
    /// One after the other.
    Sequence,
    /// One after the other, in random order.
    Random,
}

/// The result of a verb.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// No result.
    Done,
    /// The result of `dial`.
    Dial(Box<DialResult>),
    /// The keys that the caller pressed during the verb.
    Digits(String),
    /// The result of `collect`.
    Collected(CollectResult),
    /// The result of `record`.
    Recorded(Box<RecordResult>),
    /// The result of `conference`.
    Conference(ConferenceResult),
    /// The result of `pickup`.
    PickedUp(PickupResult),
    /// The result of `park`.
    Parked(ParkResult),
    /// The result of `page`.
    Paged(PageResult),
    /// Yes or no.
    Flag(bool),
    /// A header's value, if there is one.
    Text(Option<String>),
    /// The result of `extension(number)`; `None` if there is no such extension.
    Extension(Option<Box<ExtensionState>>),
    /// The verb could not be carried out: the script gets this text as an error.
    Fault(String),
}

/// How a `dial` ended, as scripts see it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialStatus {
    /// A phone answered, and the conversation is over.
    Answered,
    /// 486, 600.
    Busy,
    /// It rang, and no person answered in time.
    NoAnswer,
    /// No phone is registered, or none was reached: 404, 408, 410, 480, 5xx.
    Unavailable,
    /// Refused: 403, 603 and the other 4xx and 6xx.
    Rejected,
    /// It could not be tried (no such number, no media, no such trunk).
    Failed,
    /// The caller hung up before that.
    Cancelled,
}

impl DialStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Answered,
        Self::Busy,
        Self::NoAnswer,
        Self::Unavailable,
        Self::Rejected,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Reads a word: that of scripts, or that of records and the API if it differs.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "no_answer" => Some(Self::NoAnswer),
            _ => Self::ALL.into_iter().find(|status| status.as_str() == text),
        }
    }

    /// The word that scripts compare with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "noanswer",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The result of `dial`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialResult {
    /// How it ended.
    pub status: DialStatus,
    /// The SIP status that decided it; 200 if answered, 0 if there was none.
    pub code: u16,
    /// Its reason phrase.
    pub reason: String,
    /// The party that answered: an extension's number, or the target as it was written. Empty if no party answered.
    pub by: String,
    /// The length of the conversation, in seconds.
    pub talk: f64,
}

/// The result of `extension(number)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionState {
    /// At least one phone is registered.
    pub registered: bool,
    /// In a call.
    pub busy: bool,
    /// Do-not-disturb is on.
    pub dnd: bool,
    /// The target to which all its calls are forwarded.
    pub forward: Option<String>,
    /// The target of calls while it is busy.
    #[serde(default)]
    pub forward_busy: Option<String>,
    /// The target of calls that are not answered.
    #[serde(default)]
    pub forward_no_answer: Option<String>,
    /// The target of calls while no phone of it can be reached.
    #[serde(default)]
    pub forward_unreachable: Option<String>,
    /// What it wants done with its calls besides.
    #[serde(default)]
    pub rules: CallRules,
}
