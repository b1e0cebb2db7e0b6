//! The interface of the switch: everything that goes in ([`Input`]) and comes out ([`Output`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Input`], [`Output`], [`Query`] |
//! | `account.rs` | changes of accounts, trusted networks |
//! | `admin.rs` | commands, replies and events of the admin API |
//! | `image.rs` | the parts of a call that outlive a restart |
//! | `script.rs` | what a script asks for and gets |
//!
//! All of it is plain data that can be written to a file and read back, so a run can be recorded and replayed.
//! Wall-clock times are microseconds since the Unix epoch (`unix_micros`).

mod account;
mod admin;
mod image;
mod script;

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sip::{ConnectionId, Flow, Instant, Transport};
use smallvec::SmallVec;

pub use account::{AccountChange, Trusted};
pub use admin::{Command, CommandError, Event, LiveCall, Registration, Reply, Stats};
pub use image::{Abilities, CallImage, LegImage, TalkImage, TimerImage};
pub use records::{
    Began, Binding, BindingChange, CallUid, CauseCode, Cdr, CdrAnswer, CdrOpen, Device, Disposition, EndedBy,
    Extension, Ha1, Link, LinkKind, LiveLeg, LiveState, NatPolicy, Segment, Story, is_number,
};
pub use script::{
    Dial, DialResult, DialStatus, ExtensionState, Facts, NoRejectCode, Outcome, Position, RejectCode, ScriptCommand,
    ScriptEntry, ScriptEvent, ScriptFault, Strategy, Target, Verb,
};

/// Numbers a question to the outside, so that its answer finds its way back.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u64);

/// Numbers a command of the admin API, chosen by whoever sends it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// A local address Tandem listens on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// How.
    pub transport: Transport,
    /// The bound address; may be a wildcard.
    pub address: SocketAddr,
}

/// Everything that can happen to the switch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Nothing happened but time; fires what is due.
    Tick,
    /// What the wall clock shows now. Sent first of all, then now and then.
    Clock {
        /// Microseconds since the Unix epoch.
        unix_micros: i64,
    },
    /// The listeners are bound. Sent once, before any message.
    Listening(Vec<Listener>),
    /// One datagram, or one message framed from a stream.
    Received {
        /// How it came.
        flow: Flow,
        /// The message, not yet parsed.
        bytes: Bytes,
    },
    /// A message could not be sent (ICMP error, connection refused, queue full).
    TransmitFailed {
        /// As it was asked for.
        flow: Flow,
    },
    /// A connection has ended: nothing comes over it any more. (An answer to what came over it may still find its
    /// way where the peer has closed its own half only.)
    ConnectionClosed {
        /// Which.
        connection: ConnectionId,
    },
    /// The media engine reports.
    Media(media::Event),
    /// A script reports.
    Script(ScriptEvent),
    /// An answer to [`Query::Resolve`]: where to try, best first; empty where nothing was found.
    Resolved {
        /// Which question.
        query: QueryId,
        /// Ways to the target.
        flows: Vec<Flow>,
    },
    /// An answer to [`Query::SaveBindings`] or [`Query::OpenCdr`]: it is on disk, or could not be written.
    Stored {
        /// Which question.
        query: QueryId,
        /// Whether it is durable.
        ok: bool,
    },
    /// The account table changes (also how it is filled at start).
    Account(AccountChange),
    /// A binding that was on disk, at start.
    Restored(Binding),
    /// The admin API wants something.
    Command {
        /// Comes back in [`Output::Reply`].
        id: CommandId,
        /// What.
        command: Command,
    },
    /// Take no new calls; calls in progress go on.
    Drain,
    /// End every call now (the drain's time is over).
    HangUpAll,
}

/// A question to the outside. Each is answered by one [`Input`] with the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Find a host (RFC 3263). Answered by [`Input::Resolved`].
    Resolve {
        /// A name or a literal address.
        host: String,
        /// Where the URI names one.
        port: Option<u16>,
        /// Where the URI names one.
        transport: Option<Transport>,
    },
    /// Make these changes to the bindings of an address-of-record durable. Answered by [`Input::Stored`].
    SaveBindings(Vec<BindingChange>),
    /// Note that a call has begun, so that it has its CDR also if we are killed. Answered by [`Input::Stored`].
    OpenCdr(Box<CdrOpen>),
}

/// Bytes to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmit {
    /// Which way.
    pub flow: Flow,
    /// What.
    pub bytes: Bytes,
}

/// Everything the switch may want of the outside.
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
    /// Bindings that expired or were replaced without anybody waiting: write when convenient.
    Forget(SmallVec<[BindingChange; 1]>),
    /// The call was answered: note it, so that its CDR says so also if we are killed. Nobody waits.
    CdrAnswered(Box<CdrAnswer>),
    /// The call is over: complete its CDR. Durable in the end, nobody waits.
    Cdr(Box<Cdr>),
    /// What lasts of a call, as often as that changes: only with [`crate::Config::journal`]. Nobody waits.
    Journal(Box<CallImage>),
    /// Something an observer may want to know.
    Event(Event),
    /// The answer to a command.
    Reply(CommandId, Result<Reply, CommandError>),
    /// Nothing more to do before this time; always the last output.
    Timeout(Instant),
}
