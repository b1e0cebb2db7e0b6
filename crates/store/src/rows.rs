//! What the store takes and gives. The shell turns these into the switch's types.

use std::{fmt, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// An extension as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// `[A-Za-z0-9*#+._-]{1,32}`, unique in its domain.
    pub number: String,
    /// Shown to whoever is called.
    pub name: String,
    /// Do not disturb.
    pub dnd: bool,
    /// Where every call goes instead.
    pub forward_always: Option<String>,
    /// Where calls go when the extension is busy.
    pub forward_busy: Option<String>,
    /// Where calls go when nobody answers.
    pub forward_no_answer: Option<String>,
    /// Whether it has a mailbox.
    pub voicemail: bool,
    /// Microseconds since the Unix epoch.
    pub created_at: i64,
    /// Microseconds since the Unix epoch; later with each change, so that it names what was read.
    pub updated_at: i64,
}

/// The digest hashes of `user:realm:password` (RFC 7616 section 3.4.2), computed by the caller.
#[derive(Clone, PartialEq, Eq)]
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

/// How a device is reached.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NatPolicy {
    /// Where its registration came from.
    #[default]
    Source,
    /// Where its Contact says.
    Contact,
}

impl NatPolicy {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Contact => "contact",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Source, Self::Contact]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }
}

/// What signs in for an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The digest user name, unique in its domain.
    pub username: String,
    /// The extension it belongs to.
    pub extension: String,
    /// Its secret, hashed.
    pub ha1: Ha1,
    /// Codecs it may use, best first; empty: all.
    pub codecs: Vec<String>,
    /// How it is reached.
    pub nat: NatPolicy,
    /// The only transport it may use (`udp`, `tcp` ...), if there is such a rule.
    pub transport: Option<String>,
    /// Whether it must answer challenges with qop (RFC 7616 section 3.4).
    pub require_qop: bool,
}

/// An extension with its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The extension.
    pub extension: Extension,
    /// Its devices, by user name.
    pub devices: Vec<Device>,
}

/// An extension to make. Its one device gets the number as its user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExtension {
    /// `[A-Za-z0-9*#+._-]{1,32}`.
    pub number: String,
    /// Shown to whoever is called; at most [`MAX_TEXT`] bytes.
    pub name: String,
    /// The device's secret, hashed with the number as user name.
    pub ha1: Ha1,
    /// Where its calls go, and what its device must do.
    pub rules: Rules,
}

/// Where the calls of an extension go (by default to its phone), and what its device must do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Do not disturb.
    pub dnd: bool,
    /// Where every call goes instead.
    pub forward_always: Option<String>,
    /// Where calls go when the extension is busy.
    pub forward_busy: Option<String>,
    /// Where calls go when nobody answers.
    pub forward_no_answer: Option<String>,
    /// Whether it has a mailbox.
    pub voicemail: bool,
    /// Whether its device must answer challenges with qop.
    pub require_qop: bool,
}

/// What to change of an extension; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionPatch {
    /// Its name.
    pub name: Option<String>,
    /// Do not disturb.
    pub dnd: Option<bool>,
    /// Forwarding of every call.
    pub forward_always: Option<Option<String>>,
    /// Forwarding when busy.
    pub forward_busy: Option<Option<String>>,
    /// Forwarding when nobody answers.
    pub forward_no_answer: Option<Option<String>>,
    /// Mailbox.
    pub voicemail: Option<bool>,
    /// A new secret for the device whose user name is the number.
    pub ha1: Option<Ha1>,
    /// Whether that device must answer challenges with qop.
    pub require_qop: Option<bool>,
}

/// The longest name, forwarding target or setting key, in bytes.
pub const MAX_TEXT: usize = 256;

/// Whether a number is one: `[A-Za-z0-9*#+._-]{1,32}`.
pub fn is_number(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"*#+._-".contains(&b))
}

pub(crate) fn check_number(number: &str) -> Result<(), StoreError> {
    let reason = "1 to 32 of the characters A-Z a-z 0-9 * # + . _ -";
    is_number(number).then_some(()).ok_or(StoreError::Invalid {
        field: "number",
        reason,
    })
}

pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), StoreError> {
    let printable = text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    printable.then_some(()).ok_or(StoreError::Invalid {
        field,
        reason: "at most 256 bytes without control characters",
    })
}

fn check_forward(field: &'static str, target: Option<&str>) -> Result<(), StoreError> {
    match target {
        Some("") => Err(StoreError::Invalid {
            field,
            reason: "a number or a SIP URI, or null for none",
        }),
        Some(text) => check_text(field, text),
        None => Ok(()),
    }
}

impl NewExtension {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check_number(&self.number)?;
        check_text("name", &self.name)?;
        check_forward("forward_always", self.rules.forward_always.as_deref())?;
        check_forward("forward_busy", self.rules.forward_busy.as_deref())?;
        check_forward("forward_no_answer", self.rules.forward_no_answer.as_deref())
    }
}

impl ExtensionPatch {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let forward =
            |field, target: &Option<Option<String>>| check_forward(field, target.as_ref().and_then(Option::as_deref));
        self.name.as_deref().map_or(Ok(()), |name| check_text("name", name))?;
        forward("forward_always", &self.forward_always)?;
        forward("forward_busy", &self.forward_busy)?;
        forward("forward_no_answer", &self.forward_no_answer)
    }

    /// Whether it changes the device whose user name is the number.
    pub(crate) fn changes_device(&self) -> bool {
        self.ha1.is_some() || self.require_qop.is_some()
    }

    pub(crate) fn apply_to_device(&self, device: &mut Device) {
        set(&mut device.ha1, self.ha1.as_ref());
        set(&mut device.require_qop, self.require_qop.as_ref());
    }

    pub(crate) fn apply(&self, extension: &mut Extension, now: i64) {
        set(&mut extension.name, self.name.as_ref());
        set(&mut extension.dnd, self.dnd.as_ref());
        set(&mut extension.forward_always, self.forward_always.as_ref());
        set(&mut extension.forward_busy, self.forward_busy.as_ref());
        set(&mut extension.forward_no_answer, self.forward_no_answer.as_ref());
        set(&mut extension.voicemail, self.voicemail.as_ref());
        // Each change has a time of its own, also where the clock was set back: it names the version.
        extension.updated_at = now.max(extension.updated_at.saturating_add(1));
    }
}

fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

/// A contact bound to an address-of-record (RFC 3261 section 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Unique in its domain, across restarts.
    pub id: u64,
    /// The SIP domain.
    pub domain: Arc<str>,
    /// The extension.
    pub number: String,
    /// The device that registered it.
    pub username: String,
    /// The Contact URI.
    pub contact: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    /// Our side of the flow.
    pub local: SocketAddr,
    /// The phone's side of the flow.
    pub remote: SocketAddr,
    /// Path header values, topmost first; none holds a line end.
    pub path: Vec<String>,
    /// `+sip.instance`.
    pub instance: Option<String>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
    /// Preference in thousandths.
    pub q: u16,
    /// The registration's Call-ID.
    pub call_id: String,
    /// The registration's last CSeq.
    pub cseq: u32,
    /// The phone's User-Agent.
    pub user_agent: String,
    /// Microseconds since the Unix epoch.
    pub registered_at: i64,
    /// Microseconds since the Unix epoch.
    pub expires_at: i64,
}

/// A change to the bindings on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    /// New, or changed (same id).
    Save(Box<Binding>),
    /// Gone.
    Remove {
        /// The SIP domain.
        domain: Arc<str>,
        /// Which.
        id: u64,
    },
}

impl BindingChange {
    /// What names the binding.
    pub(crate) fn key(&self) -> (&str, u64) {
        match self {
            Self::Save(binding) => (&binding.domain, binding.id),
            Self::Remove { domain, id } => (domain, *id),
        }
    }
}

/// What is known when a call begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrOpen {
    /// The SIP domain.
    pub domain: Arc<str>,
    /// The call: unique for ever.
    pub call_id: String,
    /// The SIP Call-ID of the caller's leg.
    pub sip_call_id: String,
    /// The caller's number.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// What was dialled.
    pub dialed: String,
    /// Microseconds since the Unix epoch.
    pub started_at: i64,
}

/// A call in progress that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrAnswer {
    /// Its beginning.
    pub open: CdrOpen,
    /// Who answered; empty where nobody is to be named.
    pub to: String,
    /// Microseconds since the Unix epoch.
    pub answered_at: i64,
}

/// How a call ended, for people.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Somebody answered.
    Answered,
    /// The callee was busy.
    Busy,
    /// It rang and nobody answered.
    NoAnswer,
    /// The caller gave up.
    Cancelled,
    /// Refused.
    Rejected,
    /// Anything else.
    Failed,
}

impl Disposition {
    const ALL: [Self; 6] = [
        Self::Answered,
        Self::Busy,
        Self::NoAnswer,
        Self::Cancelled,
        Self::Rejected,
        Self::Failed,
    ];

    /// The word in the database and in the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.as_str() == text)
    }
}

/// Who ended a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The callee.
    Callee,
    /// The dialplan.
    Script,
    /// The admin API.
    Admin,
    /// Tandem itself.
    System,
}

impl EndedBy {
    const ALL: [Self; 5] = [Self::Caller, Self::Callee, Self::Script, Self::Admin, Self::System];

    /// The word in the database and in the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Script => "script",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.as_str() == text)
    }
}

/// A whole call detail record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdr {
    /// Its beginning.
    pub open: CdrOpen,
    /// Who answered or was rung last; empty if nobody.
    pub to: String,
    /// Microseconds since the Unix epoch.
    pub answered_at: Option<i64>,
    /// Microseconds since the Unix epoch.
    pub ended_at: i64,
    /// How it ended.
    pub disposition: Disposition,
    /// The final status the caller got; 0 where Tandem was killed before there was one.
    pub sip_code: u16,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Why it ended as it did, for people.
    pub detail: String,
}

/// A call detail record with its number in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCdr {
    /// Ascending; never used twice.
    pub id: i64,
    /// The record.
    pub cdr: Cdr,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask the next page with; `None` on the last one.
    pub next_cursor: Option<String>,
}

/// The hash of an admin token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is called.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Microseconds since the Unix epoch.
    pub created_at: i64,
}
