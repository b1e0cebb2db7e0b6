//! Challenges, the client's answer to one, and what a server tells an authenticated client.

use std::{borrow::Cow, fmt};

use super::{
    Algorithm, Credentials, DigestError, Ha1Pair, Qop,
    params::{AuthParams, Quoted, once},
    response,
};
use crate::Method;

/// A challenge we send; its `Display` is the value of `WWW-Authenticate` or `Proxy-Authenticate`.
///
/// Send one a hash, the strongest first: a client takes the first it knows (RFC 8760 2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The realm, usually the SIP domain.
    pub realm: String,
    /// From [`super::Nonces::issue`].
    pub nonce: String,
    /// Comes back unchanged.
    pub opaque: Option<String>,
    /// Whether only the nonce was wrong: the client retries without asking its user.
    pub stale: bool,
    /// The hash to be used.
    pub algorithm: Algorithm,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", Quoted(&self.realm), Quoted(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        // RFC 7616 3.3: qop is quoted in a challenge, algorithm and stale are not.
        write!(f, ", algorithm={}, qop=\"auth\"", self.algorithm)
    }
}

/// A challenge we were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeParsed<'a> {
    /// Which password is asked for.
    pub realm: Cow<'a, str>,
    /// To be hashed.
    pub nonce: Cow<'a, str>,
    /// To be sent back.
    pub opaque: Option<Cow<'a, str>>,
    /// Whether only our nonce was too old: the same password will do.
    pub stale: bool,
    /// The hash; MD5 where none is named.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is offered; where not, the answer is that of RFC 2069.
    pub auth: bool,
}

impl<'a> ChallengeParsed<'a> {
    /// Reads one value of `WWW-Authenticate` or `Proxy-Authenticate`.
    ///
    /// # Errors
    /// See [`DigestError`]; [`DigestError::Algorithm`] and [`DigestError::Qop`] say that this
    /// challenge cannot be answered and another beside it perhaps can.
    pub fn parse(value: &'a str) -> Result<Self, DigestError> {
        let (mut realm, mut nonce, mut opaque, mut stale, mut algorithm, mut qop) =
            (None, None, None, None, None, None);
        for param in AuthParams::of(value)? {
            let (name, value) = param?;
            match name.to_ascii_lowercase().as_str() {
                "realm" => once(&mut realm, value)?,
                "nonce" => once(&mut nonce, value)?,
                "opaque" => once(&mut opaque, value)?,
                "stale" => once(&mut stale, value.eq_ignore_ascii_case("true"))?,
                "algorithm" => once(&mut algorithm, Algorithm::parse(&value).ok_or(DigestError::Algorithm)?)?,
                "qop" => once(&mut qop, value)?,
                _ => {} // domain, charset, userhash, extensions: ignored (RFC 3261 22.4 item 7)
            }
        }
        let auth = match qop {
            None => false,
            Some(list) => {
                let offered = list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
                offered.then_some(true).ok_or(DigestError::Qop)?
            }
        };
        Ok(Self {
            realm: realm.ok_or(DigestError::Missing("realm"))?,
            nonce: nonce.ok_or(DigestError::Missing("nonce"))?,
            opaque,
            stale: stale.unwrap_or_default(),
            algorithm: algorithm.unwrap_or(Algorithm::Md5),
            auth,
        })
    }

    /// The challenge to answer among several header fields: the first usable one (RFC 8760 2.4).
    pub fn choose(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        values.into_iter().find_map(|value| Self::parse(value).ok())
    }
}

/// A client's `Authorization` or `Proxy-Authorization` value for `challenge`.
///
/// `uri` is the Request-URI as it is sent; `nc` counts the requests sent with this nonce, from 1;
/// `cnonce` is random text of the caller's. Both are left out where the challenge has no qop.
pub fn answer(
    challenge: &ChallengeParsed<'_>,
    user: &str,
    password: &str,
    method: &Method,
    uri: &str,
    nc: u32,
    cnonce: &str,
) -> String {
    let ha1 = Ha1Pair::new(user, &challenge.realm, password);
    answer_hashed(challenge, user, &ha1, method, uri, nc, cnonce)
}

/// As [`answer`], for a client that keeps no password: `ha1` is what the user, the challenge's realm and the password
/// hash to.
pub fn answer_hashed(
    challenge: &ChallengeParsed<'_>,
    user: &str,
    ha1: &Ha1Pair,
    method: &Method,
    uri: &str,
    nc: u32,
    cnonce: &str,
) -> String {
    let mut credentials = Credentials {
        username: Cow::Borrowed(user),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: Cow::Borrowed(uri),
        response: "",
        algorithm: challenge.algorithm,
        cnonce: challenge.auth.then_some(Cow::Borrowed(cnonce)),
        opaque: challenge.opaque.clone(),
        qop: challenge.auth.then_some(Qop::Auth),
        nc: challenge.auth.then_some(nc),
        userhash: false,
        nc_text: Cow::Owned(format!("{nc:08x}")),
    };
    let response = response(&credentials, &ha1.hex(challenge.algorithm), method.as_str(), b"");
    credentials.response = response.as_str();
    credentials.to_string()
}

/// The header's value, as a client writes it.
impl fmt::Display for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (username, realm, nonce, uri) = (&self.username, &self.realm, &self.nonce, &self.uri);
        write!(f, "Digest username={}, realm={}", Quoted(username), Quoted(realm))?;
        write!(f, ", nonce={}, uri={}", Quoted(nonce), Quoted(uri))?;
        write!(f, ", response={}, algorithm={}", Quoted(self.response), self.algorithm)?;
        if let Some(qop) = self.qop {
            let cnonce = Quoted(self.cnonce.as_deref().unwrap_or_default());
            write!(f, ", cnonce={cnonce}, qop={}, nc={}", qop.as_str(), self.nc_text)?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        Ok(())
    }
}
