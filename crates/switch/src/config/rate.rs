//! How often something may happen.

use serde::{Deserialize, Serialize};

/// An average number of events a second, and a number at once (the burst). A rate of zero refuses everything once the
/// burst is used up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: u32,
    /// How many tokens a full bucket holds.
    pub burst: u32,
}

impl Rate {
    /// `per_second`, with a burst of one second.
    pub const fn per_second(per_second: u32) -> Self {
        Self {
            per_second,
            burst: per_second,
        }
    }
}
