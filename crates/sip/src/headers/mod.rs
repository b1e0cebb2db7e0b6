//! Header fields: names, and typed readers of their values.

pub mod address;
pub mod cseq;
pub mod dialogs;
pub mod event;
pub mod item;
pub mod media;
pub mod name;
pub mod reason;
pub mod refer;
pub mod session;
pub mod via;

use std::fmt;

use self::name::HeaderName;

/// A header field whose value is not what its grammar allows, or that is missing or repeated.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct HeaderError {
    /// Which field.
    pub name: HeaderName,
    /// What is wrong with it, in words for a reason phrase or a log.
    pub fault: &'static str,
}

impl HeaderError {
    /// An error in field `name`.
    pub const fn new(name: HeaderName, fault: &'static str) -> Self {
        Self { name, fault }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.fault)
    }
}

/// A value that is read from a header field of one name: `message.read::<SessionExpires>()`.
pub trait Header<'a>: Sized {
    /// The field.
    const NAME: HeaderName;

    /// Reads the field's value or, where the field is a list, one element of it.
    fn read(value: &'a str) -> Result<Self, &'static str>;
}

/// Comments nested deeper than this are refused.
pub(crate) const MAX_COMMENT_DEPTH: usize = 8;

/// The length of the comment that begins at the front of `text`, parentheses included; comments
/// nest and have escapes (RFC 3261 section 25.1).
pub(crate) fn comment(text: &str, max_depth: usize) -> Result<usize, &'static str> {
    let mut depth = 0;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' if depth == max_depth => return Err("comments are nested too deep"),
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(at + 1);
        }
    }
    Err("a comment has no end")
}

/// The octets of a token (RFC 3261 section 25.1).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let set = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~";
    let mut at = 0;
    while at < set.len() {
        table[set[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether one octet may stand in a token.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether `bytes` is a token (RFC 3261 section 25.1).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Linear white space as it is after unfolding.
pub(crate) const fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Without the white space at the front.
pub(crate) fn trim_start(text: &str) -> &str {
    let blanks = text.bytes().take_while(|&byte| byte == b' ' || byte == b'\t').count();
    text.get(blanks..).unwrap_or("")
}

/// Without the white space at both ends.
pub(crate) fn trim(text: &str) -> &str {
    let text = trim_start(text);
    let blanks = text
        .bytes()
        .rev()
        .take_while(|&byte| byte == b' ' || byte == b'\t')
        .count();
    text.get(..text.len() - blanks).unwrap_or("")
}

/// What stands before and after the first `byte`, which must be ASCII.
pub(crate) fn split_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A decimal number of at most `u32::MAX`; leading zeros are allowed (RFC 4475 3.1.1.1).
pub(crate) fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Where a quoted string that begins at `text[0]` ends: the octets up to and with the closing
/// quote; `None` if it never closes.
pub(crate) fn quoted_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The position of the first `stop` outside quoted strings and, if `angles`, outside `<>`.
///
/// An unclosed quoted string or angle bracket reaches to the end.
pub(crate) fn find_top(text: &str, stop: u8, angles: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let found = if angles {
            memchr::memchr3(stop, b'"', b'<', rest)
        } else {
            memchr::memchr2(stop, b'"', rest)
        };
        at += found?;
        match bytes.get(at)? {
            b'"' => at += quoted_len(text.get(at..)?)?,
            b'<' if angles => at += memchr::memchr(b'>', bytes.get(at..)?)?,
            _ => return Some(at),
        }
    }
}

/// A list's elements: split at commas outside quotes and `<>`, trimmed, empty ones left out.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a str>,
}

impl<'a> Values<'a> {
    /// The elements of one field's value.
    pub const fn new(value: &'a str) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let text = self.rest?;
            let item = if let Some(at) = find_top(text, b',', true) {
                self.rest = text.get(at + 1..);
                text.get(..at)?
            } else {
                self.rest = None;
                text
            };
            let item = trim(item);
            if !item.is_empty() {
                return Some(item);
            }
        }
    }
}
