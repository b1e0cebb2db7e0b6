//! Settings of parked calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The slots of parked calls, and how long calls wait there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parking {
    /// The first and the last slot. Their numbers are dialled; none should be the number of an extension.
    pub slots: (u32, u32),
    /// After this time a parked call returns to the extension that parked it.
    pub timeout: Duration,
    /// How long that extension rings then.
    pub ring: Duration,
}

impl Default for Parking {
    fn default() -> Self {
        Self {
            slots: (701, 720),
            timeout: Duration::from_secs(120),
            ring: Duration::from_secs(30),
        }
    }
}
