//! The interface of the switch: everything that goes in ([`Input`]) and comes out ([`Output`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Input`], [`Output`], [`Query`] |
//! | `account.rs` | changes of accounts, trusted networks |
//! | `admin.rs` | commands, replies and events of the admin API |
//! | `image.rs` | the parts of a call that outlive a restart |
//! | `parties.rs` | arguments and results of `pickup`, `park` and `page` |
//! | `proxy.rs` | arguments of `proxy` |
//! | `reject.rs` | the statuses of `reject` |
//! | `trunk.rs` | changes of trunks |
//! | `resolve.rs` | what the look-up of a host comes to |
//! | `script.rs` | what a script asks for and gets |
//! | `sound.rs` | arguments and results of `collect`, `record` and `conference` |
//!
//! All of it is plain data that can be written to a file and read back, so a run can be recorded and replayed.
//! Wall-clock times are microseconds since the Unix epoch (`unix_micros`).

#[macro_use]
mod sound;
mod account;
mod admin;
mod image;
mod parties;
mod proxy;
mod reject;
mod resolve;
mod script;
mod trunk;

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sip::{ConnectionId, Flow, Instant, Transport};
use smallvec::SmallVec;

pub use account::{AccountChange, Trusted};
pub use admin::{
    Command, CommandError, Conference, Event, LiveCall, LivePresence, LiveSubscription, Member, ParkedCall, Party,
    ProxyStats, RecordAction, Registration, Reply, ServiceStats, Stats, SubscriptionStats, WakeStats,
};
pub use image::{Abilities, CallImage, LegImage, Listens, TalkImage, TimerImage};
pub use parties::{
    Page, PageResult, PageStatus, Park, ParkResult, ParkStatus, Pickup, PickupResult, PickupStatus, Unparked,
};
pub use proxy::{ProxyTarget, ProxyTo};
pub use records::{
    AudioRules, Began, Binding, BindingChange, CallRules, CallUid, CalledIn, CallerIn, CauseCode, Cdr, CdrAnswer,
    CdrOpen, Device, Disposition, Dtmf, EndedBy, Extension, Ha1, KeptMessage, LegQuality, Link, LinkKind, LiveLeg,
    LiveRecording, LiveState, NatPolicy, Quality, Recording, RecordingEnd, RecordingEnded, RecordingFormat,
    RecordingKind, RecordingUid, Segment, SettingsPatch, Story, Subscription, SubscriptionChange, SubscriptionDialog,
    Transcode, Trunk, TrunkInbound, TrunkLimits, TrunkNumbers, TrunkState, TrunkStatus, WayQuality, is_number,
};
pub use reject::{NoRejectCode, RejectCode};
pub use resolve::{Unresolved, Ways};
pub use script::{
    Dial, DialResult, DialStatus, ExtensionState, Facts, LastNumber, Outcome, Position, ScriptCommand, ScriptEntry,
    ScriptEvent, ScriptFault, Strategy, Target, Verb,
};
pub use sound::{
    Collect, CollectResult, CollectStatus, ConferenceOptions, ConferenceResult, ConferenceStatus, Pin, Record,
    RecordResult, RecordStatus,
};
pub use trunk::{Password, TrunkChange};

/// The number of a query to the outside. The answer has the same number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u64);

/// The number of a command of the admin API, chosen by its sender.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// A local address on which Tandem listens.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// The transport.
    pub transport: Transport,
    /// The bound address; may be a wildcard.
    pub address: SocketAddr,
}

/// Everything that can happen to the switch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Only time has passed; fires what is due.
    Tick,
    /// The time of the wall clock. Sent before all other inputs, and again from time to time.
    Clock {
        /// Microseconds since the Unix epoch.
        unix_micros: i64,
    },
    /// The listeners are bound. Sent once, before any message.
    Listening(Vec<Listener>),
    /// One datagram, or one message of a stream.
    Received {
        /// The flow on which it came.
        flow: Flow,
        /// The message, not yet parsed.
        bytes: Bytes,
    },
    /// A message could not be sent (ICMP error, connection refused, queue full).
    TransmitFailed {
        /// The flow of the message.
        flow: Flow,
    },
    /// A connection has ended: nothing comes over it any more. (If the peer has closed only its own half, an answer to
    /// an earlier message can still reach it.)
    ConnectionClosed {
        /// The connection.
        connection: ConnectionId,
    },
    /// The media engine reports.
    Media(media::Event),
    /// A script reports.
    Script(ScriptEvent),
    /// The answer to [`Query::Resolve`].
    Resolved {
        /// The number of the query.
        query: QueryId,
        /// The ways to the host, or why there is none.
        ways: Ways,
    },
    /// The answer to [`Query::SaveBindings`], [`Query::SaveSubscription`], [`Query::OpenCdr`], [`Query::KeepMessage`] or [`Query::ChangeSettings`]:
    /// it is on disk, or could not be written.
    Stored {
        /// The number of the query.
        query: QueryId,
        /// Whether it is durable.
        ok: bool,
    },
    /// The answer to [`Query::LastNumber`].
    Found {
        /// The number of the query.
        query: QueryId,
        /// The number; `None` if there is none, or it may not be told.
        number: Option<String>,
    },
    /// The answer to [`Query::Wake`].
    Woken {
        /// The number of the query.
        query: QueryId,
        /// Whether the push service was asked.
        ok: bool,
    },
    /// The account table changes (also how it is filled at start).
    Account(AccountChange),
    /// The table of trunks changes.
    Trunk(TrunkChange),
    /// A binding that was on disk, at start.
    Restored(Binding),
    /// A subscription that was on disk, at start, after the accounts and bindings.
    RestoredSubscription(Box<Subscription>),
    /// A mailbox holds so many voice messages now.
    Mailbox {
        /// The extension that it belongs to.
        number: String,
        /// Messages that nobody has heard.
        new: u32,
        /// Messages that were heard.
        old: u32,
    },
    /// A message that was kept on disk, at start.
    RestoredMessage(Box<KeptMessage>),
    /// A command of the admin API.
    Command {
        /// The number that comes back in [`Output::Reply`].
        id: CommandId,
        /// The command.
        command: Command,
    },
    /// Take no new calls; calls in progress go on.
    Drain,
    /// End every call now (the time to drain is over).
    HangUpAll,
}

/// A query to the outside. Each is answered by one [`Input`] with the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Find a host (RFC 3263 section 4). Answered by [`Input::Resolved`].
    Resolve {
        /// A name or a literal address.
        host: String,
        /// If the URI names one.
        port: Option<u16>,
        /// If the URI names one.
        transport: Option<Transport>,
        /// The URI is a `sips:` URI: only a transport under TLS leads to the host (RFC 3263 section 4.1).
        secure: bool,
    },
    /// Make these changes to the bindings of an address-of-record durable. Answered by [`Input::Stored`].
    SaveBindings(Vec<BindingChange>),
    /// Make this subscription durable. Answered by [`Input::Stored`].
    SaveSubscription(SubscriptionChange),
    /// Note that a call has begun, so that its CDR exists even if the process is killed. Answered by [`Input::Stored`].
    OpenCdr(Box<CdrOpen>),
    /// An extension changes its own settings: make that durable, feed [`Input::Account`] with the extension as it is
    /// then, and answer by [`Input::Stored`].
    ChangeSettings {
        /// The extension.
        extension: String,
        /// The change.
        change: Box<SettingsPatch>,
    },
    /// A device acts for this extension from now on, if the PIN is right; `None`: for its own again. Make that durable,
    /// feed [`AccountChange::LogOn`] for each device that this concerns, and answer by [`Input::Stored`].
    LogOn {
        /// The device's user name.
        username: String,
        /// The extension and its PIN.
        wanted: Option<Box<(String, Pin)>>,
    },
    /// Find a number in the records of ended calls. Answered by [`Input::Found`].
    LastNumber {
        /// The extension whose calls count.
        extension: String,
        /// Which number.
        which: LastNumber,
    },
    /// Make a message for phones that are away durable. Answered by [`Input::Stored`].
    KeepMessage(Box<KeptMessage>),
    /// Wake a phone by its push service, so that it registers. Answered by [`Input::Woken`].
    Wake(Box<Wake>),
}

/// A phone to be woken (RFC 8599).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// Its extension.
    pub number: String,
    /// How its push service reaches it.
    pub push: PushTarget,
    /// What it is woken for.
    pub why: WakeFor,
}

/// What a phone is woken for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeFor {
    /// A call.
    Call,
    /// A MESSAGE.
    Message,
    /// Its registration ends soon.
    Register,
}

/// How a push service reaches a phone: the parameters of its Contact (RFC 8599 section 4.1). A secret of the phone: who
/// knows it may be able to wake the phone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PushTarget {
    /// `pn-provider`: the service.
    pub provider: String,
    /// `pn-prid`: the phone, for the service.
    pub prid: String,
    /// `pn-param`: what else the service needs; may be empty.
    pub param: String,
}

impl std::fmt::Debug for PushTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushTarget")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Bytes to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmit {
    /// The flow.
    pub flow: Flow,
    /// The bytes.
    pub bytes: Bytes,
}

/// Everything the switch can ask of the outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Tell the media engine.
    Media(media::Command),
    /// Tell the script threads.
    Script(ScriptCommand),
    /// Answer this question.
    Query(QueryId, Query),
    /// Bindings that expired or were replaced. Write this when convenient; there is no answer.
    Forget(SmallVec<[BindingChange; 1]>),
    /// Subscriptions that have changed or ended. Write this when convenient; there is no answer.
    Subscriptions(Vec<SubscriptionChange>),
    /// The message with this id is no longer kept. There is no answer.
    DropMessage(u64),
    /// The call was answered. Note that, so that its CDR says so even if the process is killed. There is no answer.
    CdrAnswered(Box<CdrAnswer>),
    /// The call is over: complete its CDR and make it durable. There is no answer.
    Cdr(Box<Cdr>),
    /// How a leg of a call sounded, when its media is closed: with or after [`Output::Cdr`], at most once a leg. Add it to
    /// the call's record. There is no answer.
    Quality {
        /// The call.
        call: CallUid,
        /// The leg.
        leg: Box<LegQuality>,
    },
    /// A recording has begun or ended. Note that. There is no answer.
    Recording(Box<Recording>),
    /// The parts of a call that outlive a restart, each time they change. Only with [`crate::Config::journal`]. There
    /// is no answer.
    Journal(Box<CallImage>),
    /// An event for observers.
    Event(Event),
    /// The answer to a command.
    Reply(CommandId, Result<Reply, CommandError>),
    /// Nothing more to do before this time; always the last output.
    Timeout(Instant),
}
