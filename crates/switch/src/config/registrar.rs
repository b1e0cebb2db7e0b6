//! The intervals and limits of the registrar.

use serde::{Deserialize, Serialize};

use super::Push;

/// Intervals in seconds, and how much is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The shortest registration. A shorter one gets 423, except 0, which removes. At most an hour (RFC 3261 10.3 step
    /// 7).
    pub min_expires: u32,
    /// The longest registration. A longer one is shortened to it.
    pub max_expires: u32,
    /// The interval of a contact that names none.
    pub default_expires: u32,
    /// Contacts of one extension at once.
    pub contacts_per_extension: usize,
    /// Contacts of one device at once. A further contact replaces the contact that was refreshed longest ago.
    pub contacts_per_device: usize,
    /// Contacts of all extensions at once; a further contact gets 503.
    pub contacts: usize,
    /// How many REGISTERs may wait while another REGISTER of the same extension is being stored; a further REGISTER
    /// gets 503.
    pub waiting: usize,
    /// The length in bytes of each text of a contact: URI, instance, Call-ID, a Path value. A longer text gets 400.
    /// Phones with push notifications have contacts of several hundred bytes (RFC 8599 section 4). At most 8,192.
    pub text: usize,
    /// Path values of a contact.
    pub path: usize,
    /// Whether a Path from a phone that does not say `Supported: path` gets 420 (RFC 3327 section 5.3 leaves that to
    /// the registrar). If not, the Path is taken.
    pub require_path_support: bool,
    /// How many bytes of a User-Agent are kept; the rest is cut off.
    pub user_agent: usize,
    /// Seconds between the keep-alives that we ask of phones that speak RFC 5626 (Flow-Timer). 0: we ask for none.
    pub flow_timer: u32,
    /// Route values that phones are told to send their requests by (RFC 3608): the proxies before Tandem, the nearest first.
    pub service_route: Vec<String>,
    /// Push notifications (RFC 8599).
    pub push: Push,
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
            service_route: Vec::new(),
            push: Push::default(),
        }
    }
}

impl Config {
    /// The interval granted for `asked` seconds; `None` if that is too brief.
    pub(crate) fn grant(&self, asked: Option<u32>) -> Option<u32> {
        let asked = asked.unwrap_or(self.default_expires);
        // RFC 3261 10.3 step 7: refused only if shorter than an hour and shorter than the minimum.
        if asked != 0 && asked < self.min_expires.min(3_600) {
            return None;
        }
        Some(asked.min(self.max_expires))
    }
}
