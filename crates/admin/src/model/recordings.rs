//! Recordings, in JSON.

use jiff::Timestamp;
use records::{RecordingEnd, RecordingFormat, RecordingKind};
use serde::{Deserialize, Serialize};
use switch::RecordAction;
use utoipa::ToSchema;

use super::{Cdr, convert::timestamp};

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "9e7d5b3a1f2e4d6c", "call_id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c", "kind": "call", "name": "",
    "format": "wav", "channels": 2, "started_at": "2026-01-05T08:30:06Z", "state": "ended", "seconds": 150.0,
    "bytes": 4800044, "end": "stopped", "fault": "",
    "call": {"from": "101", "from_name": "Alice", "to": "102", "dialed": "102"}
}))]
pub(crate) struct Recording {
    /// 16 hexadecimal digits.
    pub(crate) id: String,
    /// The call that was recorded; of a conference, the call in which the recording was asked for.
    pub(crate) call_id: String,
    /// Whose sound it is.
    pub(crate) kind: RecordingKind,
    /// The name that the dialplan gave, or that was chosen for it; of a conference, the room.
    pub(crate) name: String,
    /// The format of the file.
    pub(crate) format: RecordingFormat,
    /// 1; or 2: the caller is left, the other party right.
    pub(crate) channels: u8,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// Whether it can be heard.
    pub(crate) state: RecordingState,
    /// Its length, pauses not counted; null while it goes on, and where a crash cut it off and the file does not tell.
    #[schema(required = true)]
    pub(crate) seconds: Option<f64>,
    /// The size of its file; null while it goes on.
    #[schema(required = true)]
    pub(crate) bytes: Option<u64>,
    /// Why it ended; null while it goes on.
    #[schema(required = true)]
    pub(crate) end: Option<RecordingEnd>,
    /// The fault that ended it, in words for people; empty if there was none.
    pub(crate) fault: String,
    /// The parties of its call; null in events, and where the call has no record.
    #[schema(required = true)]
    pub(crate) call: Option<RecordedCall>,
}

/// Whether a recording can be heard.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordingState {
    /// It goes on; it can be heard once it has ended.
    InProgress,
    /// It has ended, and can be heard.
    Ended,
    /// It has ended, and its file is not there.
    Missing,
}

/// The parties of a call that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct RecordedCall {
    /// The caller's number.
    pub(crate) from: String,
    /// The caller's name.
    pub(crate) from_name: String,
    /// The party that answered or was rung last; empty if there is none.
    pub(crate) to: String,
    /// The number or URI that was dialled.
    pub(crate) dialed: String,
}

/// One page of recordings, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingPage {
    /// The items of this page.
    pub(crate) items: Vec<Recording>,
    /// Ask with this `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// A link to the sound of a recording.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "/api/v1/recordings/9e7d5b3a1f2e4d6c/audio?ticket=695b6c58-5d1e", "expires_at": "2026-01-05T08:45:00Z"
}))]
pub(crate) struct RecordingLink {
    /// A path on this server. Whoever has it can hear this recording until it expires.
    pub(crate) url: String,
    /// When it expires. A transfer that has begun goes on.
    pub(crate) expires_at: Timestamp,
}

/// A call detail record with the recordings of the call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CdrDetail {
    #[serde(flatten)]
    pub(crate) cdr: Cdr,
    /// The recordings of the call, newest first; 100 at most.
    pub(crate) recordings: Vec<Recording>,
}

/// A change of the recording of a call in progress.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"action": "start"}))]
pub(crate) struct CallRecordingChange {
    /// What is to happen.
    pub(crate) action: CallRecordingAction,
}

/// What is to happen with the recording of a call.
#[derive(Copy, Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallRecordingAction {
    /// Begin.
    Start,
    /// End; the file is kept.
    Stop,
    /// Leave out what is said from now on.
    Pause,
    /// Go on after a pause.
    Resume,
}

impl From<CallRecordingAction> for RecordAction {
    fn from(action: CallRecordingAction) -> Self {
        match action {
            CallRecordingAction::Start => Self::Start,
            CallRecordingAction::Stop => Self::Stop,
            CallRecordingAction::Pause => Self::Pause,
            CallRecordingAction::Resume => Self::Resume,
        }
    }
}

/// To the millisecond. A recording that a crash cut off may have a length that is not known, which is kept as 0.
fn seconds(ended: &records::RecordingEnded) -> Option<f64> {
    let known = ended.millis > 0 || ended.end != RecordingEnd::Interrupted;
    let millis = u32::try_from(ended.millis).unwrap_or(u32::MAX);
    known.then_some(f64::from(millis) / 1_000.0)
}

impl From<records::Recording> for Recording {
    fn from(recording: records::Recording) -> Self {
        let ended = recording.ended;
        Self {
            id: recording.id.to_string(),
            call_id: recording.call_id.to_string(),
            kind: recording.kind,
            name: recording.name,
            format: recording.format,
            channels: recording.channels,
            started_at: timestamp(recording.started_at),
            state: ended
                .as_ref()
                .map_or(RecordingState::InProgress, |_| RecordingState::Ended),
            seconds: ended.as_ref().and_then(seconds),
            bytes: ended.as_ref().map(|ended| ended.octets),
            end: ended.as_ref().map(|ended| ended.end),
            fault: ended.map_or_else(String::new, |ended| ended.fault),
            call: None,
        }
    }
}

impl From<store::StoredRecording> for Recording {
    fn from(stored: store::StoredRecording) -> Self {
        let call = stored.parties.map(|parties| RecordedCall {
            from: parties.from,
            from_name: parties.from_name,
            to: parties.to,
            dialed: parties.dialed,
        });
        Self {
            call,
            ..stored.recording.into()
        }
    }
}
