//! The JSON of the API. Nothing here has a field for a stored secret,
//! so none can be shown by accident.

mod conferences;
mod convert;
mod extensions;
mod parked;
mod recordings;
pub(crate) mod secret;
mod subscriptions;
pub(crate) mod table;
pub(crate) mod trunks;
pub(crate) mod validate;

pub(crate) use conferences::{Conference, ConferenceMember, ConferencePage, MemberPatch};
pub(crate) use convert::now_micros;
pub(crate) use extensions::{CreatedExtension, Extension, ExtensionPatch, KeptMessages, NewExtension, Settings};
use jiff::Timestamp;
pub(crate) use parked::{ParkedCall, ParkedPage};
pub(crate) use recordings::{CallRecordingChange, CdrDetail, Recording, RecordingLink, RecordingPage, RecordingState};
use records::{Began, CauseCode, Disposition, EndedBy, LegQuality, LinkKind, LiveLeg, LiveRecording, LiveState};
use serde::{Deserialize, Serialize};
pub(crate) use subscriptions::{Presence, PresencePage, Subscription, SubscriptionPage};
use utoipa::ToSchema;

use crate::model::secret::Shown;

/// One page of extensions, by number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExtensionPage {
    /// The items of this page.
    pub(crate) items: Vec<Extension>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// The result of an import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "dry_run": false, "created": 1, "failed": 0,
    "lines": [{"line": 2, "number": "101", "status": "created", "password": "h7kqm2xw9tbn4rsa"}]
}))]
pub(crate) struct ImportReport {
    /// True if this was a dry run.
    pub(crate) dry_run: bool,
    /// How many extensions were made.
    pub(crate) created: usize,
    /// How many lines are at fault (only with a dry run: otherwise that is an error).
    pub(crate) failed: usize,
    /// Line by line.
    pub(crate) lines: Vec<ImportLine>,
}

/// The result of one line of an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ImportLine {
    /// The line in the file, counted from 1 with the header; in JSON, the item, counted from 1.
    pub(crate) line: u32,
    /// The number, as it was given.
    pub(crate) number: String,
    /// The result of this line.
    pub(crate) status: ImportStatus,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// The fault, in words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The generated password: only this answer shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) password: Option<Shown>,
}

/// The result of a line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportStatus {
    /// It was made.
    Created,
    /// It is fine, but nothing was made: a dry run, or another line is at fault.
    Valid,
    /// It is at fault.
    Failed,
}

/// A contact: the present address of a phone.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "6917529027641081857", "number": "101", "contact": "sip:101@192.0.2.10:5060", "source": "192.0.2.10:5060",
    "transport": "udp", "user_agent": "Desk phone 1.0", "expires_at": "2026-01-05T09:30:00Z",
    "instance": "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>", "reg_id": 1,
    "gruu": "sip:101@tandem.local;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "flow_lost": false,
    "push_provider": null
}))]
pub(crate) struct Registration {
    /// Names the contact. A string, because it does not fit into a JavaScript number.
    pub(crate) id: String,
    /// The extension.
    pub(crate) number: String,
    /// The Contact URI the phone gave, without what only its push service is to know.
    pub(crate) contact: String,
    /// Address and port it registered from.
    pub(crate) source: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub(crate) transport: String,
    /// The User-Agent of the phone.
    pub(crate) user_agent: String,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Timestamp,
    /// What the phone calls itself, the same after a restart of the phone (RFC 5626); null where it does not say.
    #[schema(required = true)]
    pub(crate) instance: Option<String>,
    /// Which of the phone's flows it is; null for a phone without outbound (RFC 5626).
    #[schema(required = true)]
    pub(crate) reg_id: Option<u32>,
    /// The address that reaches this phone and no other phone of the extension (RFC 5627); null where the phone names no
    /// instance.
    #[schema(required = true)]
    pub(crate) gruu: Option<String>,
    /// The connection of the flow has closed: nothing is sent there until the phone registers it again.
    pub(crate) flow_lost: bool,
    /// The push service by which the phone is woken (RFC 8599); null for a phone that does not sleep.
    #[schema(required = true)]
    pub(crate) push_provider: Option<String>,
}

/// Contacts, by number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationPage {
    /// The items of this page.
    pub(crate) items: Vec<Registration>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c", "from": "101", "from_name": "Alice", "dialed": "102", "to": "102",
    "state": "answered", "started_at": "2026-01-05T08:30:00Z", "answered_at": "2026-01-05T08:30:06Z",
    "doing": "dial (main.rhai:2)", "recording": "off",
    "legs": [{"party": "101", "inbound": true, "state": "up", "remote": "192.0.2.10:5060", "codec": "PCMA"}]
}))]
pub(crate) struct Call {
    /// 32 hexadecimal digits; the `call_id` of its record later.
    pub(crate) id: String,
    /// The caller's number.
    pub(crate) from: String,
    /// The caller's name.
    pub(crate) from_name: String,
    /// The number or URI that was dialled.
    pub(crate) dialed: String,
    /// The party that is connected or rung; empty if there is none.
    pub(crate) to: String,
    /// Its state.
    pub(crate) state: LiveState,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When the caller was answered.
    #[schema(required = true)]
    pub(crate) answered_at: Option<Timestamp>,
    /// The verb of the dialplan that runs.
    pub(crate) doing: String,
    /// Whether it is recorded.
    pub(crate) recording: LiveRecording,
    /// Its legs, the caller's first.
    pub(crate) legs: Vec<LiveLeg>,
}

/// Calls in progress, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallPage {
    /// All of them.
    pub(crate) items: Vec<Call>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// A call to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "101", "to": "102"}))]
pub(crate) struct NewCall {
    /// The extension whose phones ring first.
    #[schema(pattern = "^[A-Za-z0-9*#+._-]{1,32}$")]
    pub(crate) from: String,
    /// The number that this extension then dials, through the dialplan.
    #[schema(pattern = "^[A-Za-z0-9*#+._-]{1,32}$")]
    pub(crate) to: String,
}

/// A party of a call in progress, and where it is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"leg": "caller", "to": "103"}))]
pub(crate) struct CallTransfer {
    /// Who is moved.
    pub(crate) leg: CallParty,
    /// The number that this party then dials, through the dialplan.
    #[schema(pattern = "^[A-Za-z0-9*#+._-]{1,32}$")]
    pub(crate) to: String,
}

/// One of the two parties of a call.
#[derive(Copy, Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallParty {
    /// The party that called.
    Caller,
    /// The party that has answered.
    Callee,
}

impl From<CallParty> for switch::Party {
    fn from(party: CallParty) -> Self {
        match party {
            CallParty::Caller => Self::Caller,
            CallParty::Callee => Self::Callee,
        }
    }
}

/// A call that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c"}))]
pub(crate) struct StartedCall {
    /// Its id.
    pub(crate) id: String,
}

/// A call detail record.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 42, "call_id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c", "sip_call_id": "a84b4c76e66710@192.0.2.10",
    "from": "101", "from_name": "Alice", "to": "102", "dialed": "102",
    "started_at": "2026-01-05T08:30:00Z", "answered_at": "2026-01-05T08:30:06Z", "ended_at": "2026-01-05T08:32:36Z",
    "talk_seconds": 150.0, "disposition": "answered", "sip_code": 200, "ended_by": "caller",
    "cause": {"code": "caller.hung_up", "text": "The caller hung up", "remedy": ""}, "detail": "caller: hung up",
    "segments": [
        {"from": "2026-01-05T08:30:00Z", "to": "2026-01-05T08:30:06Z", "party": "101", "with": "", "why": "started"},
        {"from": "2026-01-05T08:30:06Z", "to": "2026-01-05T08:32:36Z", "party": "101", "with": "102", "why": "answered"}
    ],
    "links": []
}))]
pub(crate) struct Cdr {
    /// Its number in the list; absent in events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) id: Option<i64>,
    /// The call.
    pub(crate) call_id: String,
    /// The SIP Call-ID of the caller's leg, to find it in a phone's own log.
    pub(crate) sip_call_id: String,
    /// The caller's number.
    pub(crate) from: String,
    /// The caller's name.
    pub(crate) from_name: String,
    /// The party that answered or was rung last; empty if there is none.
    pub(crate) to: String,
    /// The number or URI that was dialled.
    pub(crate) dialed: String,
    #[serde(flatten)]
    pub(crate) times: CdrTimes,
    #[serde(flatten)]
    pub(crate) ending: CdrEnding,
    /// The parties and times of the parts of the call. The first segment begins with the call, each segment begins at
    /// the end of the segment before, and the last segment ends with the call.
    pub(crate) segments: Vec<Segment>,
    /// Links to other calls.
    pub(crate) links: Vec<Link>,
    /// How the legs of the call sounded, in the order in which they ended. A leg is added a moment after its end: the
    /// list is empty in events. Legs without sound are left out.
    pub(crate) quality: Vec<LegQuality>,
}

/// The times of a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CdrTimes {
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When the caller was answered.
    #[schema(required = true)]
    pub(crate) answered_at: Option<Timestamp>,
    /// When it ended. After a crash: the last time that the call is known to have been in progress.
    pub(crate) ended_at: Timestamp,
    /// From answer to end, in seconds; 0 if the call was not answered.
    pub(crate) talk_seconds: f64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CdrEnding {
    /// How it ended.
    pub(crate) disposition: Disposition,
    /// The final status the caller got; 0 if there was none.
    pub(crate) sip_code: u16,
    /// Who ended it.
    pub(crate) ended_by: EndedBy,
    /// Why it ended.
    pub(crate) cause: Cause,
    /// Technical detail for people: the line of a dialplan, a phone's reason phrase; with the cause of Q.850 if the
    /// telephone network gave one. Its words may change at any time: programs compare `cause.code`.
    pub(crate) detail: String,
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Cause {
    /// A word that programs may compare.
    pub(crate) code: CauseCode,
    /// A sentence for people.
    pub(crate) text: String,
    /// A remedy for people; empty if there is none.
    pub(crate) remedy: &'static str,
}

/// A part of a call with the same two parties.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Segment {
    /// When it began.
    pub(crate) from: Timestamp,
    /// When it ended.
    pub(crate) to: Timestamp,
    /// The first party, at the beginning the caller.
    pub(crate) party: String,
    /// The other party; empty if there was none, or Tandem itself (a prompt, the ringing).
    pub(crate) with: String,
    /// Why it began.
    pub(crate) why: Began,
}

/// A link to another call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Link {
    /// The other call.
    pub(crate) call_id: String,
    /// How the two calls are linked.
    pub(crate) how: LinkKind,
}

/// One page of call detail records, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CdrPage {
    /// The items of this page.
    pub(crate) items: Vec<Cdr>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// The dialplans, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DialplanPage {
    /// All of them.
    pub(crate) items: Vec<crate::DialplanInfo>,
    /// The fault of the files on the disk, if they have one. Calls then run the last scripts without a fault.
    #[schema(required = true)]
    pub(crate) fault: Option<crate::Fault>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// The health of Tandem.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub(crate) struct HealthReport {
    /// `ok`, or `draining` while it shuts down and takes no new calls.
    pub(crate) status: &'static str,
    /// Faults that do not keep Tandem from serving phones, in words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<&'static str>,
}
