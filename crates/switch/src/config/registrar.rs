//! The registrar's intervals and bounds.

use serde::{Deserialize, Serialize};

/// Intervals in seconds, and how much is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The shortest registration; shorter ones (but for 0) get 423. At most an hour
    /// (RFC 3261 10.3 step 7).
    pub min_expires: u32,
    /// The longest registration; longer ones are shortened to it.
    pub max_expires: u32,
    /// For a contact that names no interval.
    pub default_expires: u32,
    /// Contacts of one extension at once.
    pub contacts_per_extension: usize,
    /// Contacts of one device at once. One more replaces the one refreshed longest ago.
    pub contacts_per_device: usize,
    /// Contacts of all extensions at once; further ones get 503.
    pub contacts: usize,
    /// REGISTERs that may wait for one of the same extension to be stored; further ones get 503.
    pub waiting: usize,
    /// Length in bytes of each text kept of a contact: URI, instance, Call-ID, a Path value; longer ones draw 400. Phones
    /// with push notifications have contacts of several hundred (RFC 8599 section 4). At most 8,192.
    pub text: usize,
    /// Path values of a contact.
    pub path: usize,
    /// Whether a Path from a phone that does not say `Supported: path` draws 420, instead of being taken (RFC 3327
    /// section 5.3 leaves that to the registrar).
    pub require_path_support: bool,
    /// Bytes kept of a User-Agent; the rest is cut off.
    pub user_agent: usize,
    /// Seconds between keep-alives that we ask of phones that speak RFC 5626 (Flow-Timer); no
    /// such demand if 0.
    pub flow_timer: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_expires: 60,
            max_expires: 3_600,
            default_expires: 3_600,
            contacts_per_extension: 20,
            contacts_per_device: 10,
            contacts: 200_000,
            waiting: 8,
            text: 2_048,
            path: 4,
            require_path_support: false,
            user_agent: 128,
            flow_timer: 120,
        }
    }
}

impl Config {
    /// The interval granted where `asked` seconds were asked for; `None` if that is too brief.
    pub(crate) fn grant(&self, asked: Option<u32>) -> Option<u32> {
        let asked = asked.unwrap_or(self.default_expires);
        // RFC 3261 10.3 step 7: refused only if shorter than an hour and than the minimum.
        if asked != 0 && asked < self.min_expires.min(3_600) {
            return None;
        }
        Some(asked.min(self.max_expires))
    }
}
