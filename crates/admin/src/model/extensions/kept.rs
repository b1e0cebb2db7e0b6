//! Messages that are kept for an extension, in JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::convert::timestamp;

/// The messages (SIP MESSAGE) that wait for a phone of an extension.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"count": 2, "oldest_at": "2026-01-05T08:30:00Z"}))]
pub(crate) struct KeptMessages {
    /// How many.
    pub(crate) count: u64,
    /// When the oldest of them came; null where there is none.
    #[schema(required = true)]
    pub(crate) oldest_at: Option<Timestamp>,
}

impl From<store::KeptCount> for KeptMessages {
    fn from(kept: store::KeptCount) -> Self {
        Self {
            count: kept.count,
            oldest_at: kept.oldest_at.map(timestamp),
        }
    }
}
