//! Extensions and their devices.
//!
//! An extension (a number with name, forwarding, do not disturb) is not a device (a phone with user name, secret,
//! codecs, NAT policy), and a device is not a contact (its present address).

use std::fmt;

use serde::{Deserialize, Serialize};
use sip::Transport;

use crate::CallRules;

/// The longest number, in characters.
pub const MAX_NUMBER: usize = 32;

/// Whether the text can be an extension's number, or be dialled: 1 to 32 of `A-Z a-z 0-9 * # + . _ -`. The database
/// has the same rule as a CHECK.
pub fn is_number(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"*#+._-".contains(&byte);
    (1..=MAX_NUMBER).contains(&text.len()) && text.bytes().all(fits)
}

/// An extension: a number that people dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// A number ([`is_number`]), unique in its domain.
    pub number: String,
    /// The name that its callees see.
    pub name: String,
    /// Do not disturb: calls get busy at once.
    pub dnd: bool,
    /// The target of all calls to the extension.
    pub forward_always: Option<String>,
    /// The target of calls while the extension is busy.
    pub forward_busy: Option<String>,
    /// The target of calls that are not answered.
    pub forward_no_answer: Option<String>,
    /// The target of calls while no phone of the extension can be reached; without it such calls are not answered.
    #[serde(default)]
    pub forward_unreachable: Option<String>,
    /// True if the extension has a mailbox.
    pub voicemail: bool,
    /// What it wants done with its calls besides.
    #[serde(default)]
    pub rules: CallRules,
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

/// The address that requests for a device are sent to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NatPolicy {
    /// The source address of its registration.
    #[default]
    Source,
    /// The address in its Contact.
    Contact,
}

impl NatPolicy {
    const ALL: [Self; 2] = [Self::Source, Self::Contact];

    /// The word in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Contact => "contact",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == text)
    }
}

/// Whether Tandem may change the codec of a device's audio.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transcode {
    /// Where the device and the other party share no codec.
    #[default]
    Auto,
    /// Only from one law of G.711 to the other.
    Off,
}

impl Transcode {
    const ALL: [Self; 2] = [Self::Auto, Self::Off];

    /// The word in the database and over HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == text)
    }
}

/// How a device gets keys (DTMF), and sends keys.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Dtmf {
    /// By what it agrees to: RFC 4733 where its session has that, SIP INFO where it says that it takes INFO, or else as
    /// tones in the sound. Its own keys are taken as they come.
    #[default]
    Auto,
    /// By RFC 4733 alone. Its sound is not listened to.
    Rfc4733,
    /// By SIP INFO (`application/dtmf-relay`) alone; RFC 4733 is not agreed on. Its sound is not listened to.
    Info,
    /// As tones in the sound alone; RFC 4733 is not agreed on.
    Inband,
}

impl Dtmf {
    const ALL: [Self; 4] = [Self::Auto, Self::Rfc4733, Self::Info, Self::Inband];

    /// The word in the database and over HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rfc4733 => "rfc4733",
            Self::Info => "info",
            Self::Inband => "inband",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == text)
    }

    /// Whether RFC 4733 may be agreed on.
    pub const fn allows_events(self) -> bool {
        match self {
            Self::Auto | Self::Rfc4733 => true,
            Self::Info | Self::Inband => false,
        }
    }

    /// Whether its keys may come as tones in the sound.
    pub const fn may_be_tones(self) -> bool {
        match self {
            Self::Auto | Self::Inband => true,
            Self::Rfc4733 | Self::Info => false,
        }
    }
}

/// What a device may do with audio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioRules {
    /// Codecs it may use by rtpmap name, best first; empty: all.
    pub codecs: Vec<String>,
    /// Whether Tandem may change the codec of its audio.
    pub transcode: Transcode,
    /// How it gets keys, and sends keys.
    #[serde(default)]
    pub dtmf: Dtmf,
}

/// A device: a phone that signs in for an extension.
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
    /// The address that requests are sent to.
    pub nat: NatPolicy,
    /// The only transport it may use, if there is such a rule.
    pub transport: Option<Transport>,
    /// Whether it must answer challenges with qop (RFC 7616 section 3.4): an answer without (RFC 2069) is then refused
    /// with 400.
    #[serde(default)]
    pub require_qop: bool,
    /// Whether Tandem may change the codec of its audio.
    #[serde(default)]
    pub transcode: Transcode,
    /// How it gets keys, and sends keys.
    #[serde(default)]
    pub dtmf: Dtmf,
}

impl Device {
    /// What it may do with audio.
    pub fn audio(&self) -> AudioRules {
        AudioRules {
            codecs: self.codecs.clone(),
            transcode: self.transcode,
            dtmf: self.dtmf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_the_dialplan_can_dial() {
        for good in ["1", "101", "*97", "#31#", "+4930123", "a.b_c-D", &"9".repeat(32)] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", " ", "1 0", "é", "a/b", "101\r\n", "a@b", &"9".repeat(33)] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_in_what_debug_writes() {
        let ha1 = Ha1 {
            md5: [0xab; 16],
            sha256: [0xcd; 32],
        };
        assert_eq!(format!("{ha1:?}"), "Ha1(..)");
    }

    #[test]
    fn a_policy_is_read_by_its_word() {
        for policy in NatPolicy::ALL {
            assert_eq!(NatPolicy::parse(policy.name()), Some(policy));
        }
        assert_eq!(NatPolicy::parse("neither"), None);
        for rule in Transcode::ALL {
            assert_eq!(Transcode::parse(rule.name()), Some(rule));
        }
        assert_eq!(Transcode::parse("on"), None);
        for rule in Dtmf::ALL {
            assert_eq!(Dtmf::parse(rule.name()), Some(rule));
        }
        assert_eq!(Dtmf::parse("INFO"), None);
    }
}
