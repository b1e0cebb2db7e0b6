//! The present addresses of devices.

use serde::{Deserialize, Serialize};
use sip::Flow;

/// One contact bound to an address-of-record (RFC 3261 section 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Unique in its domain, across restarts; names the binding in the admin API and in the database.
    pub id: u64,
    /// The extension.
    pub number: String,
    /// The device that registered it.
    pub username: String,
    /// The Contact URI as it was given, without angle brackets.
    pub contact: String,
    /// The way the REGISTER came: where requests go with [`crate::NatPolicy::Source`]. A connection ends with the
    /// process that had it, so a flow that was read from the disk has none.
    pub flow: Flow,
    /// Path header values, topmost first (RFC 3327); none holds a line end.
    pub path: Vec<String>,
    /// `+sip.instance`, as it was given (RFC 5626).
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// Preference in thousandths, 0 to 1000 (1000 unless given).
    pub q: u16,
    /// The registration's Call-ID.
    pub call_id: String,
    /// The registration's last CSeq.
    pub cseq: u32,
    /// The phone's User-Agent.
    pub user_agent: String,
    /// When it was first bound.
    pub registered_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// A change to the bindings on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them save")]
pub enum BindingChange {
    /// New, or changed (same id).
    Save(Binding),
    /// Gone.
    Remove(u64),
}

impl BindingChange {
    /// The binding's id.
    pub const fn id(&self) -> u64 {
        match self {
            Self::Save(binding) => binding.id,
            Self::Remove(id) => *id,
        }
    }
}
