//! Limits of messages that are kept for phones that are away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many messages are kept, how large, and how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Messages for one extension; the sender of a further one gets 480. 0: no message is kept.
    pub per_extension: usize,
    /// Messages for all extensions.
    pub all: usize,
    /// The longest body, in bytes; the sender of a longer one gets 413.
    pub body: usize,
    /// How long a message is kept. The Expires of the message may shorten that.
    pub age: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            per_extension: 50,
            all: 5_000,
            body: 8_192,
            age: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}
