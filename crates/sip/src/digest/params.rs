//! `Digest name=value, name="value"`: the auth-params that challenges and credentials share.

use std::borrow::Cow;

use super::DigestError;

/// Longest header value read, in bytes: a challenge of a real peer has some 300.
const MAX_VALUE: usize = 4_096;
/// Most parameters read in one value; RFC 7616 defines thirteen.
const MAX_PARAMS: usize = 32;

/// The parameters after the scheme's name, in order.
pub(super) struct AuthParams<'a> {
    rest: &'a str,
    left: usize,
}

impl<'a> AuthParams<'a> {
    /// Starts behind the word `Digest`, in any case.
    pub(super) fn of(value: &'a str) -> Result<Self, DigestError> {
        let value = value.trim();
        if value.len() > MAX_VALUE {
            return Err(DigestError::Malformed);
        }
        let end = value.find([' ', '\t']).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::Scheme);
        }
        Ok(Self::list(rest))
    }

    /// A list without a scheme, as in Authentication-Info.
    pub(super) fn list(rest: &'a str) -> Self {
        Self { rest, left: MAX_PARAMS }
    }

    fn read(&mut self) -> Result<(&'a str, Cow<'a, str>), DigestError> {
        self.left = self.left.checked_sub(1).ok_or(DigestError::Malformed)?;
        let (name, value) = self.rest.split_once('=').ok_or(DigestError::Malformed)?;
        let name = name.trim();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '"' || c == ',') {
            return Err(DigestError::Malformed);
        }
        let value = value.trim_start();
        let (value, rest) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find([',', ' ', '\t', '\r', '\n']).unwrap_or(value.len());
                let (token, rest) = value.split_at(end);
                if token.is_empty() || token.contains('"') {
                    return Err(DigestError::Malformed);
                }
                (Cow::Borrowed(token), rest)
            }
        };
        let rest = rest.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(DigestError::Malformed);
        }
        self.rest = rest;
        Ok((name, value))
    }
}

impl<'a> Iterator for AuthParams<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), DigestError>;

    fn next(&mut self) -> Option<Self::Item> {
        // An empty element between commas is legal in a list (RFC 9110 5.6.1).
        self.rest = self.rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
        if self.rest.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.rest = "";
        }
        Some(item)
    }
}

/// Reads up to the closing quote; gives the text without its backslashes, and what follows.
fn unquote(text: &str) -> Result<(Cow<'_, str>, &str), DigestError> {
    let mut escaped = false;
    let mut has_escape = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                has_escape = true;
            }
            '"' => {
                let (inner, rest) = (&text[..at], &text[at + 1..]);
                let inner = if has_escape {
                    Cow::Owned(unescape(inner))
                } else {
                    Cow::Borrowed(inner)
                };
                return Ok((inner, rest));
            }
            _ => {}
        }
    }
    Err(DigestError::Malformed)
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// Writes `text` as a quoted-string; what would end it or the header is escaped or left out.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => {
                    f.write_char('\\')?;
                    f.write_char(c)?;
                }
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// Puts a value into its place, refusing a second one.
pub(super) fn once<T>(place: &mut Option<T>, value: T) -> Result<(), DigestError> {
    match place {
        Some(_) => Err(DigestError::Repeated),
        None => {
            *place = Some(value);
            Ok(())
        }
    }
}
