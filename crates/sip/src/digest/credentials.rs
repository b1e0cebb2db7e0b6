//! The value of an `Authorization` or `Proxy-Authorization` header field.

use std::{borrow::Cow, fmt};

use super::{
    Algorithm, DigestError,
    params::{AuthParams, once},
};

/// What a response protects (RFC 7616 3.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Qop {
    /// The method and the URI.
    Auth,
    /// The body, too.
    AuthInt,
}

impl Qop {
    /// The value of the `qop` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt]
            .into_iter()
            .find(|qop| text.eq_ignore_ascii_case(qop.as_str()))
    }
}

/// Digest credentials as a client sent them (RFC 7616 3.4), every text without quotes.
///
/// `Debug` shows who and where, never the response.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Who it claims to be; H(user:realm) where `userhash` is set.
    pub username: Cow<'a, str>,
    /// The realm it answers for; compare it with one's own.
    pub realm: Cow<'a, str>,
    /// The nonce it was challenged with.
    pub nonce: Cow<'a, str>,
    /// The URI it signs; compare it with the Request-URI where nobody may have rewritten that.
    pub uri: Cow<'a, str>,
    /// The response: 32 or 64 hex digits.
    pub response: &'a str,
    /// The hash; MD5 where none is named.
    pub algorithm: Algorithm,
    /// The client's nonce.
    pub cnonce: Option<Cow<'a, str>>,
    /// What we sent as opaque, back.
    pub opaque: Option<Cow<'a, str>>,
    /// Absent for a client of RFC 2069.
    pub qop: Option<Qop>,
    /// The nonce count; present where `qop` is.
    pub nc: Option<u32>,
    /// Whether `username` is hashed (RFC 7616 3.4.4).
    pub userhash: bool,
    /// The nonce count as it was written: it is part of what is hashed.
    pub(super) nc_text: Cow<'a, str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Found<'a> {
    username: Option<Cow<'a, str>>,
    realm: Option<Cow<'a, str>>,
    nonce: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
    response: Option<Cow<'a, str>>,
    algorithm: Option<Cow<'a, str>>,
    cnonce: Option<Cow<'a, str>>,
    opaque: Option<Cow<'a, str>>,
    qop: Option<Cow<'a, str>>,
    nc: Option<Cow<'a, str>>,
    userhash: Option<Cow<'a, str>>,
}

impl<'a> Found<'a> {
    fn put(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), DigestError> {
        let place = match name.to_ascii_lowercase().as_str() {
            "username" => &mut self.username,
            // RFC 7616 3.4: the extended form, instead of the plain one.
            "username*" => return once(&mut self.username, extended(&value)?),
            "realm" => &mut self.realm,
            "nonce" => &mut self.nonce,
            "uri" => &mut self.uri,
            "response" => &mut self.response,
            "algorithm" => &mut self.algorithm,
            "cnonce" => &mut self.cnonce,
            "opaque" => &mut self.opaque,
            "qop" => &mut self.qop,
            "nc" => &mut self.nc,
            "userhash" => &mut self.userhash,
            _ => return Ok(()), // RFC 7616 3.4: unknown parameters are ignored
        };
        once(place, value)
    }
}

impl<'a> Credentials<'a> {
    /// Reads `Digest username="101", realm=...`.
    ///
    /// # Errors
    /// See [`DigestError`]; a parameter given twice, a missing mandatory one and a hash other than
    /// MD5 and SHA-256 are errors, an unknown parameter is not.
    pub fn parse(value: &'a str) -> Result<Self, DigestError> {
        let mut found = Found::default();
        for param in AuthParams::of(value)? {
            let (name, value) = param?;
            found.put(name, value)?;
        }
        let algorithm = match found.algorithm {
            Some(name) => Algorithm::parse(&name).ok_or(DigestError::Algorithm)?,
            None => Algorithm::Md5,
        };
        let qop = match found.qop {
            Some(name) => Some(Qop::parse(&name).ok_or(DigestError::Qop)?),
            None => None,
        };
        // RFC 7616 3.4: cnonce and nc must be there with a qop and must not be without one; what
        // is there without one is not signed, so it is not looked at.
        let nc = match (&found.nc, qop) {
            (Some(text), Some(_)) => Some(nonce_count(text).ok_or(DigestError::Qop)?),
            (None, Some(_)) => return Err(DigestError::Missing("nc")),
            (_, None) => None,
        };
        if qop.is_some() && found.cnonce.is_none() {
            return Err(DigestError::Missing("cnonce"));
        }
        let response = match found.response.ok_or(DigestError::Missing("response"))? {
            Cow::Borrowed(text) => text,
            // Hex digits need no backslash.
            Cow::Owned(_) => return Err(DigestError::Malformed),
        };
        Ok(Self {
            username: found.username.ok_or(DigestError::Missing("username"))?,
            realm: found.realm.ok_or(DigestError::Missing("realm"))?,
            nonce: found.nonce.ok_or(DigestError::Missing("nonce"))?,
            uri: found.uri.ok_or(DigestError::Missing("uri"))?,
            response,
            algorithm,
            cnonce: found.cnonce,
            opaque: found.opaque,
            qop,
            nc,
            userhash: found.userhash.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            nc_text: found.nc.unwrap_or_default(),
        })
    }
}

/// Eight hex digits (RFC 7616 3.4); zero is no count.
fn nonce_count(text: &str) -> Option<u32> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok().filter(|count| *count > 0)
}

/// `UTF-8''J%C3%A4s%C3%B8n` of RFC 8187 (RFC 7616 3.4 allows UTF-8 only).
fn extended<'a>(value: &str) -> Result<Cow<'a, str>, DigestError> {
    let mut parts = value.splitn(3, '\'');
    let (Some(charset), Some(_language), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(DigestError::Malformed);
    };
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return Err(DigestError::Malformed);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(DigestError::Malformed);
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    let text = String::from_utf8(bytes).map_err(|_| DigestError::Malformed)?;
    Ok(Cow::Owned(text))
}
