//! A peer: the party at the other end of a leg, or a party to be reached.

use std::{fmt, ops::Deref};

use serde::{Deserialize, Serialize};

/// An extension's number, or a number that is dialled behind a trunk. Compared byte by byte (RFC 3261 19.1.4: the user
/// part is case-sensitive).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(Box<str>);

impl Deref for Number {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Box<str>>> From<T> for Number {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// See the module. [`fmt::Display`] shows it as the admin API and records do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Peer {
    /// An extension of ours: any of its phones.
    Extension(Number),
    /// A number that is reached through a trunk.
    Trunk {
        /// The trunk's name.
        name: Box<str>,
        /// The number behind it.
        number: Number,
    },
    /// A SIP URI outside, as it was written.
    Uri(Box<str>),
}

impl Peer {
    /// The extension with this number.
    pub fn extension(number: &str) -> Self {
        Self::Extension(number.into())
    }

    /// The number of an extension of ours; `None` for a peer outside.
    pub const fn number(&self) -> Option<&Number> {
        match self {
            Self::Extension(number) => Some(number),
            Self::Trunk { .. } | Self::Uri(_) => None,
        }
    }

    /// Whether this is the extension with that number.
    pub fn is_extension(&self, number: &str) -> bool {
        self.number().is_some_and(|own| &**own == number)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension(number) => f.write_str(number),
            Self::Trunk { name, number } => write!(f, "{name}/{}", &**number),
            Self::Uri(uri) => f.write_str(uri),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_shown_as_people_write_it() {
        let trunk = Peer::Trunk {
            name: "provider".into(),
            number: "5551234".into(),
        };
        for (peer, text) in [
            (Peer::extension("101"), "101"),
            (trunk, "provider/5551234"),
            (Peer::Uri("sip:bob@example.org".into()), "sip:bob@example.org"),
        ] {
            assert_eq!(peer.to_string(), text);
            assert_eq!(peer.number().is_some(), peer.is_extension("101"));
        }
    }
}
