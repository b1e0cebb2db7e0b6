//! Parked calls, in JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::convert::timestamp;

/// A call that waits in a slot.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "slot": "701", "call_id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c", "number": "101", "name": "Alice",
    "parked_by": "102", "since": "2026-01-05T08:30:00Z", "returns_at": "2026-01-05T08:32:00Z"
}))]
pub(crate) struct ParkedCall {
    /// The number that a phone dials to take the call.
    pub(crate) slot: String,
    /// The call.
    pub(crate) call_id: String,
    /// The party that waits: an extension, or the caller's number or URI.
    pub(crate) number: String,
    /// Its name; may be empty.
    pub(crate) name: String,
    /// The extension that parked the call; empty if there is none.
    pub(crate) parked_by: String,
    /// When it was parked.
    pub(crate) since: Timestamp,
    /// When the call returns to the extension that parked it.
    pub(crate) returns_at: Timestamp,
}

/// The parked calls, by slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedPage {
    /// All of them.
    pub(crate) items: Vec<ParkedCall>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl From<switch::ParkedCall> for ParkedCall {
    fn from(parked: switch::ParkedCall) -> Self {
        Self {
            slot: parked.slot,
            call_id: parked.call.to_string(),
            number: parked.number,
            name: parked.name,
            parked_by: parked.parked_by,
            since: timestamp(parked.since),
            returns_at: timestamp(parked.returns_at),
        }
    }
}
