//! The JSON of the API. Nothing here has a field for a stored secret,
//! so none can be shown by accident.

mod conferences;
mod convert;
mod recordings;
pub(crate) mod secret;
pub(crate) mod table;
pub(crate) mod validate;

pub(crate) use conferences::{Conference, ConferenceMember, ConferencePage, MemberPatch};
pub(crate) use convert::now_micros;
use jiff::Timestamp;
pub(crate) use recordings::{CallRecordingChange, CdrDetail, Recording, RecordingLink, RecordingPage, RecordingState};
use records::{
    Began, CauseCode, Disposition, EndedBy, LegQuality, LinkKind, LiveLeg, LiveRecording, LiveState, Transcode,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::model::secret::Shown;

/// An extension: a number that people dial.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "number": "101", "name": "Alice", "dnd": false, "forward_always": null, "forward_busy": null,
    "forward_no_answer": "102", "voicemail": true, "require_qop": false,
    "transcode": "auto", "created_at": "2026-01-05T08:30:00Z", "updated_at": "2026-01-05T08:30:00Z"
}))]
pub(crate) struct Extension {
    /// Its number, which is also the user name of its phone.
    pub(crate) number: String,
    /// The name that its callees see.
    pub(crate) name: String,
    /// Do not disturb: calls get busy at once.
    pub(crate) dnd: bool,
    /// The target of all calls to the extension.
    #[schema(required = true)]
    pub(crate) forward_always: Option<String>,
    /// The target of calls while the extension is busy.
    #[schema(required = true)]
    pub(crate) forward_busy: Option<String>,
    /// The target of calls that are not answered.
    #[schema(required = true)]
    pub(crate) forward_no_answer: Option<String>,
    /// True if the extension has a mailbox.
    pub(crate) voicemail: bool,
    /// True if the phone must answer challenges with qop (RFC 7616). Otherwise an answer in the older form of
    /// RFC 2069 is accepted as well.
    pub(crate) require_qop: bool,
    /// Whether the codec of its calls is changed where its phone and the other party share none.
    pub(crate) transcode: Transcode,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}

/// An extension that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedExtension {
    /// The extension.
    #[serde(flatten)]
    pub(crate) extension: Extension,
    /// The generated password: only this answer shows it. Absent if the request gave a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "h7kqm2xw9tbn4rsa")]
    pub(crate) password: Option<Shown>,
}

/// An extension to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"number": "101", "name": "Alice"}))]
pub(crate) struct NewExtension {
    /// 1 to 32 of `A-Z a-z 0-9 * # + . _ -`.
    #[schema(pattern = "^[A-Za-z0-9*#+._-]{1,32}$", min_length = 1, max_length = 32)]
    pub(crate) number: String,
    /// The name that its callees see.
    #[serde(default)]
    #[schema(max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(crate) name: Option<String>,
    /// The password of its phone: at least 8 characters, not the number, not one of the commonest passwords.
    /// Without it a strong password is generated, and the answer shows it.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", format = Password, write_only)]
    pub(crate) password: Option<String>,
    /// Do not disturb: calls get busy at once. Off unless given.
    #[serde(default)]
    pub(crate) dnd: Option<bool>,
    /// The target of all calls to the extension.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_always: Option<String>,
    /// The target of calls while the extension is busy.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_busy: Option<String>,
    /// The target of calls that are not answered.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_no_answer: Option<String>,
    /// True if the extension has a mailbox; false unless given.
    #[serde(default)]
    pub(crate) voicemail: Option<bool>,
    /// True if the phone must answer challenges with qop; false unless given.
    #[serde(default)]
    pub(crate) require_qop: Option<bool>,
    /// Whether the codec of its calls is changed where its phone and the other party share none; `auto` unless given.
    #[serde(default)]
    pub(crate) transcode: Option<Transcode>,
}

/// A change of an extension. An absent field stays as it is; null empties a field.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Alice B.", "dnd": true, "forward_no_answer": "102", "forward_busy": null}))]
pub(crate) struct ExtensionPatch {
    /// The name that its callees see; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(crate) name: Option<Option<String>>,
    /// A new password for its phone: at least 8 characters, not the number, not one of the commonest passwords.
    /// Its registrations stay until they expire.
    #[schema(required = false, min_length = 8, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", format = Password, write_only, nullable = false)]
    #[serde(default, deserialize_with = "not_null")]
    pub(crate) password: Option<String>,
    /// Do not disturb; null: off.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) dnd: Option<Option<bool>>,
    /// The target of all calls to the extension; null: no forwarding.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_always: Option<Option<String>>,
    /// The target of calls while the extension is busy; null: no forwarding.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_busy: Option<Option<String>>,
    /// The target of calls that are not answered; null: no forwarding.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_no_answer: Option<Option<String>>,
    /// True if the extension has a mailbox; null: false.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) voicemail: Option<Option<bool>>,
    /// True if the phone must answer challenges with qop, and is refused with 400 otherwise; null: false.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) require_qop: Option<Option<bool>>,
    /// Whether the codec of its calls is changed where its phone and the other party share none; null: `auto`.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<Transcode>)]
    pub(crate) transcode: Option<Option<Transcode>>,
}

/// Tells null (`Some(None)`) from absent (`None`, by `default`).
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A password can be replaced, not taken away.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

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
    "transport": "udp", "user_agent": "Desk phone 1.0", "expires_at": "2026-01-05T09:30:00Z"
}))]
pub(crate) struct Registration {
    /// Names the contact. A string, because it does not fit into a JavaScript number.
    pub(crate) id: String,
    /// The extension.
    pub(crate) number: String,
    /// The Contact URI the phone gave.
    pub(crate) contact: String,
    /// Address and port it registered from.
    pub(crate) source: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub(crate) transport: String,
    /// The User-Agent of the phone.
    pub(crate) user_agent: String,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Timestamp,
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
