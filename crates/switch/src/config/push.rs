//! Push notifications (RFC 8599).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which phones are woken for a call, and how long a call waits for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// Whether phones are woken at all. If not, the push parameters of a contact mean nothing, and no phone is told that it
    /// may sleep.
    pub on: bool,
    /// The push services (`pn-provider`) that are served; a phone that names another gets 555. Empty: all.
    pub providers: Vec<String>,
    /// How long a call waits for the REGISTER of a phone that is woken for it.
    pub wait: Duration,
    /// How long before its registration ends a phone is woken to register again, unless it has done that by itself. RFC
    /// 8599 section 5.5 asks for more than two minutes.
    pub lead: Duration,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            on: false,
            providers: Vec::new(),
            wait: Duration::from_secs(20),
            lead: Duration::from_secs(130),
        }
    }
}
