//! What the admin API asks of the switch, and what observers are told.

use serde::{Deserialize, Serialize};

use super::{CallUid, Cdr, LiveLeg, LiveRecording, LiveState, Recording, TrunkStatus, Unparked, WakeFor};

/// The commands of the admin API.
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
        /// The number that this extension "dials".
        to: String,
    },
    /// The contacts bound now; [`Reply::Registrations`].
    ListRegistrations,
    /// Remove one contact by its id; [`Reply::Done`].
    RemoveRegistration(u64),
    /// Record a call, or change its recording; [`Reply::Done`]. [`CommandError::Conflict`] where that is not possible now:
    /// the call is not connected, is recorded already or is not recorded.
    Record {
        /// The call.
        call: CallUid,
        /// The change.
        action: RecordAction,
    },
    /// Move one of the two parties of a call to a number, which its dialplan decides on; [`Reply::Done`]. The other party
    /// waits, and gets the first one back where no phone answers. [`CommandError::Conflict`] where that is not possible now.
    Transfer {
        /// The call.
        call: CallUid,
        /// Who is moved.
        party: Party,
        /// The number that this party is to reach.
        to: String,
    },
    /// The conferences now; [`Reply::Conferences`].
    ListConferences,
    /// Mute a member of a conference, or let it be heard again; [`Reply::Conferences`] with that conference alone.
    MuteMember {
        /// The conference's name.
        room: String,
        /// The member's id ([`Member::id`]).
        member: CallUid,
        /// Whether it is muted.
        muted: bool,
    },
    /// Make a member of a conference louder or softer for the others; [`Reply::Conferences`] with that conference alone.
    SetMemberVolume {
        /// The conference's name.
        room: String,
        /// The member's id ([`Member::id`]).
        member: CallUid,
        /// Decibels, -40 to 20; what is beyond is taken for the nearest.
        volume: i8,
    },
    /// Remove a member from a conference; its dialplan goes on; [`Reply::Done`].
    RemoveMember {
        /// The conference's name.
        room: String,
        /// The member's id ([`Member::id`]).
        member: CallUid,
    },
    /// The parked calls now; [`Reply::Parked`].
    ListParked,
    /// The trunks and their states; [`Reply::Trunks`].
    ListTrunks,
    /// What phones are subscribed to; [`Reply::Subscriptions`].
    ListSubscriptions,
    /// What these extensions do; a number that is none is left out; [`Reply::Presence`].
    ReadPresence(Vec<String>),
    /// Counters and gauges; [`Reply::Stats`].
    Stats,
}

/// One of the two parties of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// The party that the dialplan speaks for.
    Caller,
    /// The party that has answered.
    Callee,
}

/// What is to happen with a call's recording.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordAction {
    /// Begin; only where two phones are connected.
    Start,
    /// End. The file is kept.
    Stop,
    /// Leave out what is said from now on.
    Pause,
    /// Go on after a pause.
    Resume,
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
    /// Conferences by name.
    Conferences(Vec<Conference>),
    /// Parked calls by slot.
    Parked(Vec<ParkedCall>),
    /// Trunks by name.
    Trunks(Vec<TrunkStatus>),
    /// Subscriptions by watcher.
    Subscriptions(Vec<LiveSubscription>),
    /// What extensions do, in the order in which they were asked for.
    Presence(Vec<LivePresence>),
    /// Counters and gauges.
    Stats(Box<Stats>),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CommandError {
    /// There is nothing with this id or number.
    #[error("not found")]
    NotFound,
    /// The extension has no phone to ring.
    #[error("extension {0} has no phone registered")]
    NoPhone(String),
    /// The load is too high, or the switch is shutting down.
    #[error("busy")]
    Busy,
    /// It is not possible in the state that things are in, in words for people.
    #[error("{0}")]
    Conflict(String),
}

/// A conference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conference {
    /// Its name, as the dialplan chose it.
    pub room: String,
    /// When the first member came: microseconds since the Unix epoch.
    pub since: i64,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Its members, in the order in which they came.
    pub members: Vec<Member>,
}

/// A member of a conference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id: that of its call.
    pub id: CallUid,
    /// Its number: an extension, or a caller's number or URI.
    pub number: String,
    /// Its name; may be empty.
    pub name: String,
    /// When it came: microseconds since the Unix epoch.
    pub since: i64,
    /// Whether the others do not hear it.
    pub muted: bool,
    /// How much louder the others hear it, in decibels; -40 to 20.
    pub volume: i8,
    /// Whether it speaks now.
    pub speaking: bool,
}

/// A call that waits in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    /// The slot: the number by which it is taken back.
    pub slot: String,
    /// The call.
    pub call: CallUid,
    /// The number of the party that waits.
    pub number: String,
    /// Its name; may be empty.
    pub name: String,
    /// The extension that parked it; empty if there is none.
    pub parked_by: String,
    /// When it was parked: microseconds since the Unix epoch.
    pub since: i64,
    /// When the call returns to the extension that parked it: microseconds since the Unix epoch.
    pub returns_at: i64,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    /// Its id.
    pub id: CallUid,
    /// The caller's number, even if the caller hides it from callees.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub dialed: String,
    /// The party that is connected or rings, if known.
    pub to: String,
    /// The state of the call.
    pub state: LiveState,
    /// Microseconds since the Unix epoch.
    pub started_at: i64,
    /// Microseconds since the Unix epoch.
    pub answered_at: Option<i64>,
    /// The running verb, such as `dial`, with its line in the script.
    pub doing: String,
    /// Whether it is recorded.
    pub recording: LiveRecording,
    /// Its legs, the caller's first.
    pub legs: Vec<LiveLeg>,
}

/// A contact, as the admin API shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The binding's id.
    pub id: u64,
    /// The extension.
    pub number: String,
    /// The Contact URI.
    pub contact: String,
    /// The address and port from which it registered.
    pub source: String,
    /// `udp`, `tcp` ...
    pub transport: String,
    /// The phone's User-Agent.
    pub user_agent: String,
    /// Microseconds since the Unix epoch.
    pub expires_at: i64,
    /// `+sip.instance`, as the phone gave it (RFC 5626).
    #[serde(default)]
    pub instance: Option<String>,
    /// `reg-id`: which of the phone's flows it is (RFC 5626).
    #[serde(default)]
    pub reg_id: Option<u32>,
    /// The URI that reaches this phone and no other (RFC 5627).
    #[serde(default)]
    pub gruu: Option<String>,
    /// The flow has failed: no request goes there until the phone registers it again.
    #[serde(default)]
    pub flow_lost: bool,
    /// The push service by which the phone is woken (RFC 8599).
    #[serde(default)]
    pub push_provider: Option<String>,
}

/// A subscription, as the admin API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSubscription {
    /// Its id.
    pub id: u64,
    /// The extension of the phone that watches.
    pub watcher: String,
    /// The number that is watched.
    pub number: String,
    /// The event package, such as `dialog`.
    pub package: String,
    /// The `id` of Event, if there is one.
    pub event_id: Option<String>,
    /// `pending`, `active` or `terminated`.
    pub state: String,
    /// The phone's Contact URI.
    pub contact: String,
    /// The address and port from which it subscribed.
    pub source: String,
    /// `udp`, `tcp` ...
    pub transport: String,
    /// Microseconds since the Unix epoch.
    pub expires_at: i64,
    /// The status code of the last answer to a NOTIFY, 408 where none came; `None` before the first.
    pub last_answer: Option<u16>,
    /// NOTIFYs in a row that failed.
    pub failures: u32,
}

/// The events that an observer can be told.
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
    /// `extension.changed`: an extension that was there has other settings now, whoever changed them.
    ExtensionChanged {
        /// Its number.
        number: String,
    },
    /// `conference.joined`
    ConferenceJoined {
        /// The conference's name.
        room: String,
        /// The new member.
        member: Box<Member>,
    },
    /// `conference.changed`: a member was muted or is heard again, or begins or ends to speak.
    ConferenceChanged {
        /// The conference's name.
        room: String,
        /// The member as it is now.
        member: Box<Member>,
    },
    /// `conference.left`
    ConferenceLeft {
        /// The conference's name.
        room: String,
        /// The member as it was.
        member: Box<Member>,
    },
    /// `parked.added`: a call waits in a slot, or another party took the place of the one that waits there.
    ParkedAdded(Box<ParkedCall>),
    /// `parked.removed`
    ParkedRemoved {
        /// The call as it was.
        parked: Box<ParkedCall>,
        /// What became of it.
        why: Unparked,
    },
    /// `trunk.registered`, `trunk.reachable` or `trunk.down`: a trunk has another state, or another reason for it.
    TrunkChanged(Box<TrunkStatus>),
    /// `recording.started`
    RecordingStarted(Box<Recording>),
    /// `recording.ended`
    RecordingEnded(Box<Recording>),
    /// `dialplan.failed`: a script ended by a fault.
    ScriptFailed {
        /// The call.
        call: CallUid,
        /// The place and the reason.
        fault: super::ScriptFault,
    },
}

/// Subscriptions now, and NOTIFYs since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionStats {
    /// Subscriptions by package.
    pub open: Vec<(String, u64)>,
    /// NOTIFYs sent.
    pub notifies: u64,
    /// NOTIFYs that failed, by reason: `gone`, `refused`, `timeout`, `unsent`.
    pub failed: Vec<(String, u64)>,
    /// What phones have published (RFC 3903), now.
    #[serde(default)]
    pub publications: u64,
}

/// What an extension does and says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePresence {
    /// The extension.
    pub number: String,
    /// `offline`, `available`, `ringing`, `on_the_phone` or `dnd`.
    pub state: String,
    /// Activities in the words of RFC 4480: those that follow from the state, and those that its phones have published.
    pub activities: Vec<String>,
    /// What its phones have published in words.
    pub notes: Vec<String>,
    /// How many documents its phones have published.
    pub publications: u64,
}

/// Gauges of conferences, recordings and subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStats {
    /// Conferences now.
    pub conferences: u64,
    /// Members of all conferences now.
    pub conference_members: u64,
    /// Recordings in progress.
    pub recordings: u64,
    /// Parked calls now.
    #[serde(default)]
    pub parked: u64,
    /// Subscriptions and their NOTIFYs.
    #[serde(default)]
    pub subscriptions: SubscriptionStats,
    /// Messages kept for phones that are away.
    #[serde(default)]
    pub kept_messages: u64,
    /// Requests that are passed on to other servers.
    #[serde(default)]
    pub proxied: ProxyStats,
    /// Phones that were woken.
    #[serde(default)]
    pub wakes: WakeStats,
}

/// How often phones were woken by their push services (RFC 8599) since the start, by reason.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeStats {
    /// For calls and pages.
    pub call: u64,
    /// For messages.
    pub message: u64,
    /// Because their registrations were to end.
    pub register: u64,
    /// Of all these, those that the push service did not take.
    pub failed: u64,
}

impl WakeStats {
    pub(crate) const fn count(&mut self, why: WakeFor) {
        let count = match why {
            WakeFor::Call => &mut self.call,
            WakeFor::Message => &mut self.message,
            WakeFor::Register => &mut self.register,
        };
        *count = count.saturating_add(1);
    }
}

/// What passes through Tandem as a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStats {
    /// Requests that wait for their final response now.
    pub requests: u64,
    /// Dialogs of others now.
    pub dialogs: u64,
    /// Requests passed on since the start.
    pub forwarded: u64,
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
    /// Conferences and recordings.
    pub services: ServiceStats,
    /// Messages received.
    pub messages_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Messages that were not SIP, or that an RFC says to drop.
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
