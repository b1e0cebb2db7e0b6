//! `%XX`.

use std::{borrow::Cow, fmt};

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Octets, and whether each was written as an escape.
pub(super) fn escaped_octets(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        if byte == b'%'
            && let (Some(&high), Some(&low)) = (bytes.get(at + 1), bytes.get(at + 2))
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            at += 3;
            return Some((high << 4 | low, true));
        }
        at += 1;
        Some((byte, false))
    })
}

/// Resolves `%XX`; octets that are not UTF-8 become U+FFFD.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = escaped_octets(text).map(|(byte, _)| byte).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes text as the user part of a sip URI: what may not stand there is escaped.
pub fn escape_user(text: &str) -> Escaped<'_> {
    // RFC 3261 25.1: mark / user-unreserved.
    Escaped(text, b"-_.!~*'()&=+$,;?/")
}

/// Writes text as the value of a parameter in a sip URI: what may not stand there is escaped.
pub(super) const fn escape_param(text: &str) -> Escaped<'_> {
    // RFC 3261 25.1: mark / param-unreserved.
    Escaped(text, b"-_.!~*'()[]/:&+$")
}

/// Writes text as the value of a header in a sip URI, as in `sip:h?Replaces=...`: what may not stand there is escaped.
pub fn escape_header(text: &str) -> Escaped<'_> {
    // RFC 3261 25.1: mark / hnv-unreserved.
    Escaped(text, b"-_.!~*'()[]/?:+$")
}

/// Text of which each octet besides ASCII letters, digits and those listed is written as `%XX`; see [`escape_user`] and
/// [`escape_header`].
#[derive(Copy, Clone, Debug)]
pub struct Escaped<'a>(&'a str, &'static [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || self.1.contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}
