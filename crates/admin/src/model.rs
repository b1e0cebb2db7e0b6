//! What goes over the wire, in the names of the API. Nothing here has a field for a stored secret,
//! so none can be shown by accident.

mod convert;

pub(crate) use convert::now_micros;
use jiff::Timestamp;
use records::{Began, CauseCode, Disposition, EndedBy, LinkKind, LiveLeg, LiveState};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::secret::Shown;

/// An extension: what people dial.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "number": "101", "name": "Alice", "dnd": false, "forward_always": null, "forward_busy": null,
    "forward_no_answer": "102", "voicemail": true, "require_qop": false, "created_at": "2026-01-05T08:30:00Z", "updated_at": "2026-01-05T08:30:00Z"
}))]
pub(crate) struct Extension {
    /// Its number, which is also the user name of its phone.
    pub(crate) number: String,
    /// Shown to whoever is called.
    pub(crate) name: String,
    /// Do not disturb: calls get busy at once.
    pub(crate) dnd: bool,
    /// Where every call goes instead.
    #[schema(required = true)]
    pub(crate) forward_always: Option<String>,
    /// Where calls go when it is busy.
    #[schema(required = true)]
    pub(crate) forward_busy: Option<String>,
    /// Where calls go when nobody answers.
    #[schema(required = true)]
    pub(crate) forward_no_answer: Option<String>,
    /// Whether it has a mailbox.
    pub(crate) voicemail: bool,
    /// Whether its phone must answer challenges with qop (RFC 7616). Otherwise an answer in the older form of
    /// RFC 2069 is taken, too.
    pub(crate) require_qop: bool,
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
    /// The generated password, shown this once. Absent where the request gave one.
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
    /// Shown to whoever is called.
    #[serde(default)]
    #[schema(max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(crate) name: Option<String>,
    /// What its phone signs in with: at least 8 characters, not the number, not one of the commonest passwords.
    /// Left out, a strong one is generated and shown in the answer.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", format = Password, write_only)]
    pub(crate) password: Option<String>,
    /// Do not disturb: calls get busy at once. Off unless given.
    #[serde(default)]
    pub(crate) dnd: Option<bool>,
    /// Where every call goes instead.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_always: Option<String>,
    /// Where calls go when it is busy.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_busy: Option<String>,
    /// Where calls go when nobody answers.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) forward_no_answer: Option<String>,
    /// Whether it has a mailbox. It has none unless given.
    #[serde(default)]
    pub(crate) voicemail: Option<bool>,
    /// Whether its phone must answer challenges with qop; it need not unless this is true.
    #[serde(default)]
    pub(crate) require_qop: Option<bool>,
}

/// What to change of an extension. An absent field stays as it is; null empties it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Alice B.", "dnd": true, "forward_no_answer": "102", "forward_busy": null}))]
pub(crate) struct ExtensionPatch {
    /// Shown to whoever is called; null: none.
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
    /// Where every call goes instead; null: nowhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_always: Option<Option<String>>,
    /// Where calls go when it is busy; null: nowhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_busy: Option<Option<String>>,
    /// Where calls go when nobody answers; null: nowhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) forward_no_answer: Option<Option<String>>,
    /// Whether it has a mailbox; null: no.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) voicemail: Option<Option<bool>>,
    /// Whether its phone must answer challenges with qop; null: no. A phone that cannot is refused with 400 then.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = Option<bool>)]
    pub(crate) require_qop: Option<Option<bool>>,
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
    /// What is on it.
    pub(crate) items: Vec<Extension>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "dry_run": false, "created": 1, "failed": 0,
    "lines": [{"line": 2, "number": "101", "status": "created", "password": "h7kqm2xw9tbn4rsa"}]
}))]
pub(crate) struct ImportReport {
    /// Whether this was only a test.
    pub(crate) dry_run: bool,
    /// How many extensions were made.
    pub(crate) created: usize,
    /// How many lines are at fault (only with a dry run: otherwise that is an error).
    pub(crate) failed: usize,
    /// Line by line.
    pub(crate) lines: Vec<ImportLine>,
}

/// What became of one line of an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ImportLine {
    /// The line in the file, counted from 1 with the header; in JSON, the item, counted from 1.
    pub(crate) line: u32,
    /// The number, as it was given.
    pub(crate) number: String,
    /// What became of it.
    pub(crate) status: ImportStatus,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The generated password, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) password: Option<Shown>,
}

/// What became of a line.
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

/// A contact: where a phone is now.
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
    /// What the phone calls itself.
    pub(crate) user_agent: String,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Timestamp,
}

/// Contacts, by number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationPage {
    /// What is on the page.
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
    "doing": "dial (main.rhai:2)",
    "legs": [{"party": "101", "inbound": true, "state": "up", "remote": "192.0.2.10:5060", "codec": "PCMA"}]
}))]
pub(crate) struct Call {
    /// 32 hexadecimal digits; the `call_id` of its record later.
    pub(crate) id: String,
    /// The caller's number.
    pub(crate) from: String,
    /// The caller's name.
    pub(crate) from_name: String,
    /// What was dialled.
    pub(crate) dialed: String,
    /// Who is connected or rung; empty where nobody is.
    pub(crate) to: String,
    /// How far it is.
    pub(crate) state: LiveState,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When the caller was answered.
    #[schema(required = true)]
    pub(crate) answered_at: Option<Timestamp>,
    /// The verb of the dialplan that runs.
    pub(crate) doing: String,
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
    /// What that extension then dials, through the dialplan.
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
    /// Who answered or was rung last; empty if nobody.
    pub(crate) to: String,
    /// What was dialled.
    pub(crate) dialed: String,
    #[serde(flatten)]
    pub(crate) times: CdrTimes,
    #[serde(flatten)]
    pub(crate) ending: CdrEnding,
    /// Who talked with whom and when: the first segment begins with the call, each begins where the one before ends,
    /// the last ends with the call.
    pub(crate) segments: Vec<Segment>,
    /// Records of the calls that this one came from or led to.
    pub(crate) links: Vec<Link>,
}

/// When a call was.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CdrTimes {
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When the caller was answered.
    #[schema(required = true)]
    pub(crate) answered_at: Option<Timestamp>,
    /// When it ended; of a call that a crash has cut off, when it was last known to go on.
    pub(crate) ended_at: Timestamp,
    /// From answer to end, in seconds; 0 where nobody answered.
    pub(crate) talk_seconds: f64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CdrEnding {
    /// How it ended.
    pub(crate) disposition: Disposition,
    /// The final status the caller got; 0 where there was none.
    pub(crate) sip_code: u16,
    /// Who ended it.
    pub(crate) ended_by: EndedBy,
    /// Why it ended.
    pub(crate) cause: Cause,
    /// Technical detail, for people: the line of a dialplan, the phone's own words; with the cause of Q.850 where the
    /// telephone network gave one. Its words may change at any time: programs compare `cause.code`.
    pub(crate) detail: String,
}

/// Why a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Cause {
    /// A word that programs may compare.
    pub(crate) code: CauseCode,
    /// What happened, in a sentence for people.
    pub(crate) text: String,
    /// What helps; empty where there is nothing to do.
    pub(crate) remedy: &'static str,
}

/// A part of a call during which the same two were together.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Segment {
    /// When it began.
    pub(crate) from: Timestamp,
    /// When it ended.
    pub(crate) to: Timestamp,
    /// The party that the call was for then.
    pub(crate) party: String,
    /// The other party; empty where there was none, or Tandem itself (a prompt, the ringing).
    pub(crate) with: String,
    /// Why it began.
    pub(crate) why: Began,
}

/// Another call that this one came from or led to.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Link {
    /// The other call.
    pub(crate) call_id: String,
    /// How the two belong together.
    pub(crate) how: LinkKind,
}

/// One page of call detail records, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CdrPage {
    /// What is on it.
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
    /// What is wrong with the files as they are on the disk, where they were not taken: calls go on with what ran before.
    #[schema(required = true)]
    pub(crate) fault: Option<crate::Fault>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// Whether Tandem is ready.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub(crate) struct HealthReport {
    /// `ok`, or `draining` while it shuts down and takes no new calls.
    pub(crate) status: &'static str,
    /// What is wrong although phones are served, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<&'static str>,
}
