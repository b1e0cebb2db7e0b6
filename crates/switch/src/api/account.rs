//! Extensions, their devices, and the contacts those register.
//!
//! An extension (what people dial: name, forwarding, do-not-disturb) is not a device (what signs
//! in: user name, secret, codecs, NAT policy), which is not a contact (where a device is now).

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use sip::{Flow, Transport};

/// What people dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// `[A-Za-z0-9*#+._-]{1,32}`, unique in its domain.
    pub number: String,
    /// Shown to whoever is called.
    pub name: String,
    /// Do not disturb: calls get busy at once.
    pub dnd: bool,
    /// Where every call goes instead.
    pub forward_always: Option<String>,
    /// Where calls go when the extension is busy.
    pub forward_busy: Option<String>,
    /// Where calls go when nobody answers.
    pub forward_no_answer: Option<String>,
    /// Whether it has a mailbox.
    pub voicemail: bool,
}

/// The two digest hashes of `user:realm:password` (RFC 7616 section 3.4.2). As good as the password
/// within the realm, so it is kept out of logs: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha1 {
    /// MD5.
    pub md5: [u8; 16],
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(..)")
    }
}

/// Where a device's contacts are reached and its media is expected.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NatPolicy {
    /// Requests go to the address the registration came from.
    #[default]
    Source,
    /// Requests go where the Contact says.
    Contact,
}

/// What signs in for an extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The digest user name, unique in its domain.
    pub username: String,
    /// The extension it belongs to.
    pub extension: String,
    /// Its secret, hashed.
    pub ha1: Ha1,
    /// Codecs it may use by rtpmap name, best first; empty: all.
    pub codecs: Vec<String>,
    /// How it is reached.
    pub nat: NatPolicy,
    /// The only transport it may use, if there is such a rule.
    pub transport: Option<Transport>,
    /// Whether it must answer challenges with qop: an answer without (RFC 2069) is then refused with 400.
    #[serde(default)]
    pub require_qop: bool,
}

/// A change to the account table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountChange {
    /// An extension is new or changed.
    Extension(Extension),
    /// An extension is gone, with its devices and their contacts.
    RemoveExtension(String),
    /// A device is new or changed.
    Device(Device),
    /// A device is gone, with its contacts.
    RemoveDevice(String),
}

/// Calls from these addresses are taken as an extension's, without a challenge (`--trust`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The network's address.
    pub network: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
    /// Whose calls these are.
    pub extension: String,
}

/// Where a device is now: one contact bound to an address-of-record (RFC 3261 section 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Unique across restarts; names the binding in the admin API and in the database.
    pub id: u64,
    /// The extension.
    pub number: String,
    /// The device that registered it.
    pub username: String,
    /// The Contact URI as it was given, without angle brackets.
    pub contact: String,
    /// The way the REGISTER came: where requests go with [`NatPolicy::Source`].
    pub flow: Flow,
    /// Path header values, topmost first (RFC 3327).
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
    /// When it was first bound, microseconds since the Unix epoch.
    pub registered_at: i64,
    /// When it ends, microseconds since the Unix epoch.
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
