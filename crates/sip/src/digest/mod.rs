//! Digest authentication: RFC 7616 and RFC 8760, with the rules of RFC 3261 section 22.
//!
//! The pieces do not know each other: [`Nonces`] issues and checks nonces without keeping them,
//! [`Replay`] remembers the nonce counts that were used, [`verify`] compares a response in
//! constant time, [`Challenge`] and [`Credentials`] write and read the header values,
//! [`authentication_info`] is the proof of the server, and [`answer`] is the client's side. Nothing here holds a password longer than a call.

mod challenge;
mod credentials;
mod info;
mod nonce;
mod params;
mod replay;

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use self::{
    challenge::{Challenge, ChallengeParsed, answer, answer_hashed},
    credentials::{Credentials, Qop},
    info::authentication_info,
    nonce::{Binding, Holder, NonceAge, NonceError, Nonces},
    replay::Replay,
};
use crate::Method;

/// Why an `Authorization`, `WWW-Authenticate` or similar value cannot be used.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Another scheme than Digest, such as Basic (refused by RFC 3261 22.1).
    #[error("not the Digest scheme")]
    Scheme,
    /// Not a list of `name=value`, or one that is too long.
    #[error("malformed parameters")]
    Malformed,
    /// A parameter that may appear once appears twice.
    #[error("a parameter appears twice")]
    Repeated,
    /// A mandatory parameter is not there; its name.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A hash we do not compute (such as MD5-sess).
    #[error("unknown algorithm")]
    Algorithm,
    /// A quality of protection we do not do, or one without its cnonce and nonce count.
    #[error("unusable qop")]
    Qop,
}

/// The hash of a digest (RFC 8760 section 2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// MD5: what every phone speaks.
    Md5,
    /// SHA-256: what a phone should speak.
    Sha256,
}

impl Algorithm {
    /// The value of the `algorithm` parameter, such as `SHA-256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads an `algorithm` parameter in any case; `None` for one we do not compute.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A hash as lower-case hex in place: 32 or 64 digits.
struct Hex {
    digits: [u8; 64],
    len: usize,
}

impl Hex {
    /// Of at most 32 bytes.
    fn of(bytes: &[u8]) -> Self {
        let mut digits = [0; 64];
        // In a time that does not depend on the hash, which may be as good as a password.
        let len = base16ct::lower::encode(bytes, &mut digits).map_or(0, <[u8]>::len);
        Self { digits, len }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn as_str(&self) -> &str {
        // Only ASCII digits are ever written above.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// H(part ":" part ":" ...) as hex (RFC 7616 3.4.1's notation).
fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> Hex {
    fn over<D: sha2::Digest>(parts: &[&[u8]]) -> Hex {
        let mut hash = D::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                hash.update(b":");
            }
            hash.update(part);
        }
        Hex::of(&hash.finalize())
    }
    match algorithm {
        Algorithm::Md5 => over::<Md5>(parts),
        Algorithm::Sha256 => over::<Sha256>(parts),
    }
}

/// HA1 of RFC 7616 3.4.2, `H(user:realm:password)`, as bytes: 16 for MD5, 32 for SHA-256.
///
/// This is what is stored instead of a password; it is as secret as one within its realm.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Vec<u8> {
    match algorithm {
        Algorithm::Md5 => Ha1Pair::new(user, realm, password).md5.to_vec(),
        Algorithm::Sha256 => Ha1Pair::new(user, realm, password).sha256.to_vec(),
    }
}

/// One user's HA1 for both hashes. Neither `Debug` nor `Display`: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1Pair {
    /// MD5(user:realm:password).
    pub md5: [u8; 16],
    /// SHA-256(user:realm:password).
    pub sha256: [u8; 32],
}

impl Ha1Pair {
    /// Hashes a password, to be stored or compared with.
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        let text = [user, ":", realm, ":", password].concat();
        Self {
            md5: Md5::digest(&text).into(),
            sha256: Sha256::digest(&text).into(),
        }
    }

    fn hex(&self, algorithm: Algorithm) -> Hex {
        match algorithm {
            Algorithm::Md5 => Hex::of(&self.md5),
            Algorithm::Sha256 => Hex::of(&self.sha256),
        }
    }
}

/// Whether `credentials` were made by somebody who knows the password behind `ha1`.
///
/// Takes as long for a wrong response as for a right one; for an unknown user, call it with some
/// fixed pair, so that the time does not tell. It says nothing about the nonce, the replay of a
/// nonce count, the realm or the URI: see [`Nonces::check`], [`Replay::seen`] and
/// [`Credentials::uri`]. Credentials without `qop` are refused, since they have no nonce count:
/// [`verify_without_qop`] takes those.
pub fn verify(credentials: &Credentials<'_>, ha1: &Ha1Pair, method: &Method, body: &[u8]) -> bool {
    let expected = response(credentials, &ha1.hex(credentials.algorithm), method.as_str(), body);
    let equal = same(expected.as_str(), credentials.response);
    equal & credentials.qop.is_some()
}

/// As [`verify`], for a client of RFC 2069 that answers without `qop`, with whom a server must stay
/// compatible (RFC 3261 22.4). Such a response can be sent again as it is: its nonce must be good
/// for one request only, see [`Replay::seen`].
pub fn verify_without_qop(credentials: &Credentials<'_>, ha1: &Ha1Pair, method: &Method) -> bool {
    let expected = response(credentials, &ha1.hex(credentials.algorithm), method.as_str(), b"");
    same(expected.as_str(), credentials.response) & credentials.qop.is_none()
}

/// Compares two hex texts in a time that depends on the first one's length only.
fn same(expected: &str, given: &str) -> bool {
    let mut lower = [0; 64];
    let fits = expected.len() == given.len() && given.len() <= lower.len();
    for (to, from) in lower.iter_mut().zip(given.bytes()) {
        *to = from.to_ascii_lowercase();
    }
    bool::from(expected.as_bytes().ct_eq(&lower[..expected.len().min(64)])) & fits
}

/// The `response` value (RFC 7616 3.4.1).
fn response(credentials: &Credentials<'_>, ha1: &Hex, method: &str, body: &[u8]) -> Hex {
    let algorithm = credentials.algorithm;
    let uri = credentials.uri.as_bytes();
    let ha2 = match credentials.qop {
        Some(Qop::AuthInt) => {
            let body = hash(algorithm, &[body]);
            hash(algorithm, &[method.as_bytes(), uri, body.as_bytes()])
        }
        Some(Qop::Auth) | None => hash(algorithm, &[method.as_bytes(), uri]),
    };
    let nonce = credentials.nonce.as_bytes();
    match credentials.qop {
        Some(qop) => hash(
            algorithm,
            &[
                ha1.as_bytes(),
                nonce,
                credentials.nc_text.as_bytes(),
                credentials.cnonce.as_deref().unwrap_or_default().as_bytes(),
                qop.as_str().as_bytes(),
                ha2.as_bytes(),
            ],
        ),
        // RFC 7616 has no such form any more; RFC 2617 3.2.2.1 keeps it for RFC 2069.
        None => hash(algorithm, &[ha1.as_bytes(), nonce, ha2.as_bytes()]),
    }
}

#[cfg(test)]
mod tests;
