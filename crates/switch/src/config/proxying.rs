//! Limits of requests that are passed on to other servers (RFC 3261 section 16).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many requests are proxied at once, how far they may fork, and how long they may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proxying {
    /// Requests that are passed on at once; a further one gets 503.
    pub requests: usize,
    /// Targets of one request; further ones are left out.
    pub branches: usize,
    /// Max-Breadth of a request that has none (RFC 5393 section 5.3.3: 60).
    pub breadth: u32,
    /// Dialogs that pass through Tandem at once; a further request that would begin one gets 503.
    pub dialogs: usize,
    /// A dialog in which nothing was sent for this time is forgotten. Requests within it then get 481.
    pub dialog_idle: Duration,
    /// Timer C: how long an INVITE may wait for a final response, counted from the last provisional one (RFC 3261
    /// section 16.6: more than 3 minutes).
    pub timer_c: Duration,
    /// Vias, and Routes, that a request may have; one with more gets 483, or 400.
    pub hops: usize,
}

impl Default for Proxying {
    fn default() -> Self {
        Self {
            requests: 10_000,
            branches: 16,
            breadth: 60,
            dialogs: 20_000,
            dialog_idle: Duration::from_secs(12 * 3_600),
            timer_c: Duration::from_secs(185),
            hops: 70,
        }
    }
}
