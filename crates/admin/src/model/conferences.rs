//! Conferences, in JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::convert::timestamp;

/// A conference in progress.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "room": "sales", "since": "2026-01-05T08:30:00Z", "recorded": false,
    "members": [{"id": "5f0c6f2e8d3b4a1c9e7d5b3a1f2e4d6c", "number": "101", "name": "Alice",
        "since": "2026-01-05T08:30:00Z", "muted": false, "volume": 0, "speaking": true}]
}))]
pub(crate) struct Conference {
    /// Its name, as the dialplan chose it.
    pub(crate) room: String,
    /// When its first member came.
    pub(crate) since: Timestamp,
    /// Whether it is recorded.
    pub(crate) recorded: bool,
    /// Its members, in the order in which they came.
    pub(crate) members: Vec<ConferenceMember>,
}

/// A member of a conference.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ConferenceMember {
    /// Its id: that of its call.
    pub(crate) id: String,
    /// An extension, or the caller's number or URI.
    pub(crate) number: String,
    /// Its name; may be empty.
    pub(crate) name: String,
    /// When it came.
    pub(crate) since: Timestamp,
    /// True if the others do not hear it.
    pub(crate) muted: bool,
    /// How much louder the others hear it, in decibels.
    #[schema(minimum = -40, maximum = 20)]
    pub(crate) volume: i8,
    /// True if it speaks now.
    pub(crate) speaking: bool,
}

/// Conferences in progress, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConferencePage {
    /// All of them.
    pub(crate) items: Vec<Conference>,
    /// Always null: there is one page.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

/// A change of a member. An absent field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"muted": true, "volume": -6}))]
pub(crate) struct MemberPatch {
    /// True: the others do not hear it.
    #[serde(default)]
    #[schema(required = false, nullable = false)]
    pub(crate) muted: Option<bool>,
    /// How much louder the others hear it, in decibels.
    #[serde(default)]
    #[schema(required = false, nullable = false, minimum = -40, maximum = 20)]
    pub(crate) volume: Option<i8>,
}

impl From<switch::Conference> for Conference {
    fn from(conference: switch::Conference) -> Self {
        Self {
            room: conference.room,
            since: timestamp(conference.since),
            recorded: conference.recorded,
            members: conference.members.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<switch::Member> for ConferenceMember {
    fn from(member: switch::Member) -> Self {
        Self {
            id: member.id.to_string(),
            number: member.number,
            name: member.name,
            since: timestamp(member.since),
            muted: member.muted,
            volume: member.volume,
            speaking: member.speaking,
        }
    }
}
