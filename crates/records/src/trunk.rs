//! [`Trunk`]: a way to other telephone systems, and what is known of its state.

use serde::{Deserialize, Serialize};

/// The longest name of a trunk.
pub const MAX_TRUNK_NAME: usize = 32;

/// Whether a text can name a trunk: 1 to 32 of `A-Z a-z 0-9 . _ -`.
pub fn is_trunk_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_TRUNK_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// The longest URI of a trunk.
const MAX_URI: usize = 255;

/// Whether a text is the URI of a server, as trunks have them: `sip:host` or `sips:host`, with a port and parameters, and
/// without a user or header fields.
pub fn is_server_uri(text: &str) -> bool {
    let plain = text.len() <= MAX_URI
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'?'));
    plain
        && sip::Uri::parse(text)
            .is_ok_and(|uri| matches!(uri.scheme, sip::Scheme::Sip | sip::Scheme::Sips) && uri.user.is_none())
}

/// A provider, a gateway or another PBX. Its password is not part of this: it never leaves the store but for the switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Trunk {
    /// Its name in dialplans (`"name/number"`) and in the admin API. See [`is_trunk_name`].
    pub name: String,
    /// The provider's domain as a SIP URI without a user: `sip:provider.example`, `sip:192.0.2.7:5080;transport=tcp`.
    pub uri: String,
    /// The user name of the account there.
    pub username: Option<String>,
    /// Whether Tandem registers there, so that calls come in.
    pub register: bool,
    /// For how many seconds a registration is asked.
    pub expires: u32,
    /// Where requests are sent instead of `uri`: an outbound proxy, as a SIP URI.
    pub outbound_proxy: Option<String>,
    /// Further gateways, as SIP URIs. They are tried in this order where `uri` or the proxy does not answer, fails (5xx) or
    /// cannot be reached.
    pub gateways: Vec<String>,
    /// Every so many seconds OPTIONS asks whether it is there; 0: never.
    pub options_interval: u32,
    /// What is done with numbers.
    pub numbers: TrunkNumbers,
    /// Which calls come from it, and what they say.
    pub inbound: TrunkInbound,
    /// How many calls it takes.
    pub limits: TrunkLimits,
}

/// What a trunk does with numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TrunkNumbers {
    /// So many leading digits of a dialled number are taken away.
    pub strip: u8,
    /// This is put before what is left.
    pub add: String,
    /// The number that is shown for calls of extensions; empty: the extension's own number.
    pub caller_id: String,
    /// How the caller's number is told.
    pub caller_in: CallerIn,
}

/// Where a provider looks for the caller's number.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallerIn {
    /// In From, and in P-Asserted-Identity (RFC 3325).
    #[default]
    From,
    /// Only in P-Asserted-Identity: From has the account's user name.
    AssertedIdentity,
}

/// Which calls come from a trunk, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TrunkInbound {
    /// Addresses that calls come from, besides those of `uri`, proxy and gateways.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<std::net::IpAddr>,
    /// Where the called number stands.
    pub called_in: CalledIn,
    /// P-Asserted-Identity names the caller: the provider is believed.
    pub trusted: bool,
}

/// Where the number stands that a call of a trunk is for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CalledIn {
    /// In the Request-URI; in To where the Request-URI is our registered Contact.
    #[default]
    RequestUri,
    /// In To.
    To,
    /// In P-Called-Party-ID (RFC 7315).
    CalledPartyId,
}

/// How many calls a trunk takes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TrunkLimits {
    /// Calls at once, both ways together; `None`: as many as Tandem takes.
    pub channels: Option<u16>,
    /// Calls to it in a second; `None`: no limit.
    pub calls_per_second: Option<u16>,
}

/// Whether calls go over a trunk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrunkState {
    /// It does not answer, refuses us, or has not answered so far.
    #[default]
    Down,
    /// It is there; Tandem does not register with it.
    Reachable,
    /// Tandem is registered there.
    Registered,
}

impl TrunkState {
    /// The word in the admin API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Reachable => "reachable",
            Self::Registered => "registered",
        }
    }
}

/// What is known of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkStatus {
    /// Its name.
    pub name: String,
    /// Whether calls go over it.
    pub state: TrunkState,
    /// What went wrong last, in words; `None` once it works.
    pub last_error: Option<String>,
    /// Calls over it now.
    pub calls: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_needs_no_more_than_its_name_and_uri() {
        let trunk: Trunk = serde_json::from_str(r#"{"name":"provider","uri":"sip:provider.example"}"#).unwrap();
        assert_eq!(
            (trunk.register, trunk.limits.channels, trunk.inbound.trusted),
            (false, None, false)
        );
        let again: Trunk = serde_json::from_str(&serde_json::to_string(&trunk).unwrap()).unwrap();
        assert_eq!(again, trunk);
    }

    #[test]
    fn a_server_is_named_without_a_user() {
        for (uri, good) in [
            ("sip:provider.example", true),
            ("sip:192.0.2.7:5080;transport=tcp", true),
            ("sips:[2001:db8::1]", true),
            ("sip:user@provider.example", false),
            ("provider.example", false),
            ("tel:123", false),
            ("sip:", false),
            ("sip:a?b=c", false),
            ("sip:a>", false),
            ("", false),
        ] {
            assert_eq!(is_server_uri(uri), good, "{uri}");
        }
        assert!(!is_server_uri(&format!("sip:{}", "a".repeat(300))));
    }

    #[test]
    fn names_of_trunks_are_short_and_plain() {
        for (name, good) in [
            ("provider-1", true),
            ("A.b_c", true),
            ("", false),
            ("a/b", false),
            ("a b", false),
        ] {
            assert_eq!(is_trunk_name(name), good, "{name}");
        }
        assert!(!is_trunk_name(&"x".repeat(33)));
    }
}
