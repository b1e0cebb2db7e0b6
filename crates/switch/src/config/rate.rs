//! How often something may happen.

use serde::{Deserialize, Serialize};

/// So many a second in the long run, and so many at once. A rate of zero refuses everything once
/// the burst is used up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: u32,
    /// Tokens a full bucket holds.
    pub burst: u32,
}

impl Rate {
    /// `per_second`, with one second's worth at once.
    pub const fn per_second(per_second: u32) -> Self {
        Self {
            per_second,
            burst: per_second,
        }
    }
}
