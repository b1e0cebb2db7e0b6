//! Parameters: `;name=value` lists of header fields and URIs.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::headers::{find_top, is_token_byte, quoted_len, split_byte, trim, trim_start};

/// More parameters than this are refused: looking for repeated ones takes time.
pub(crate) const MAX_PARAMS: usize = 64;

/// The parameters of a header field or URI, read on demand.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// The parameters in `text`, with or without a leading semicolon. Nothing is checked.
    pub fn new(text: &'a str) -> Self {
        let text = trim(text);
        Self(text.strip_prefix(';').unwrap_or(text))
    }

    /// Like `new`, but only if every parameter of a header field keeps to the grammar
    /// (`generic-param`, RFC 3261 section 25.1): a token, and perhaps a token, host or quoted string.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let mut rest = trim(text);
        if rest.is_empty() {
            return Ok(Self(""));
        }
        let params = Self::new(rest);
        let mut names: SmallVec<[&str; 8]> = SmallVec::new();
        while !rest.is_empty() {
            rest = rest
                .strip_prefix(';')
                .ok_or("a semicolon is expected before a parameter")?;
            let (name, tail) = parameter(trim_start(rest))?;
            // RFC 3261 7.3.1: a parameter name must not appear more than once.
            if names.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                return Err("a parameter appears twice");
            }
            if names.len() == MAX_PARAMS {
                return Err("there are too many parameters");
            }
            names.push(name);
            rest = tail;
        }
        Ok(params)
    }

    /// The raw text, without the first semicolon.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of the first parameter `name` (in any case): without the quotes if it is a quoted
    /// string (escapes stay), empty if it has no value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(strip_quotes(value))
    }

    /// Like `get`, with the escapes of a quoted string resolved.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(unquote(value))
    }

    /// Whether there is a parameter `name`, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|(found, _)| found.eq_ignore_ascii_case(name))
    }

    /// Every parameter as it came: name and raw value (quotes kept, empty if none).
    pub const fn iter(&self) -> ParamsIter<'a> {
        ParamsIter(self.0)
    }
}

/// See [`Params::iter`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'a>(&'a str);

impl<'a> Iterator for ParamsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let end = find_top(self.0, b';', false).unwrap_or(self.0.len());
            let item = trim(self.0.get(..end)?);
            self.0 = self.0.get(end + 1..).unwrap_or("");
            if !item.is_empty() {
                return Some(match split_byte(item, b'=') {
                    Some((name, value)) => (trim(name), trim(value)),
                    None => (item, ""),
                });
            }
        }
        None
    }
}

/// Reads one `name [= value]` off the front, and gives the name and what follows.
fn parameter(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text.bytes().take_while(|&byte| is_token_byte(byte)).count();
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if name.is_empty() {
        return Err("a parameter has no name");
    }
    let rest = trim_start(rest);
    let Some(value) = rest.strip_prefix('=') else {
        return Ok((name, rest));
    };
    let value = trim_start(value);
    let len = if value.starts_with('"') {
        quoted_len(value).ok_or("a quoted string has no end")?
    } else {
        // RFC 3261 25.1: a token or a host. Whatever else cannot be taken for the end is let pass:
        // what is written on is written anew.
        value
            .bytes()
            .take_while(|&byte| byte > b' ' && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>' | 0x7f))
            .count()
    };
    if len == 0 {
        return Err("a parameter has no value after its equals sign");
    }
    Ok((name, trim_start(value.get(len..).unwrap_or(""))))
}

/// Without the quotes of a quoted string; anything else as it is.
pub(crate) fn strip_quotes(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// A quoted string's content with its escapes resolved; anything else as it is.
pub fn unquote(value: &str) -> Cow<'_, str> {
    let inner = strip_quotes(value);
    if inner.len() == value.len() || !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_any_case_quoted_or_not() {
        let params = Params::parse(" ; Tag = a1 ;lr; x=\"a;b\\\"c\" ;q=0.33").unwrap();
        assert_eq!(params.get("tag"), Some("a1"));
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(params.get("x"), Some("a;b\\\"c"));
        assert_eq!(params.unquoted("x").unwrap(), "a;b\"c");
        assert_eq!(params.get("q"), Some("0.33"));
        assert_eq!(params.get("none"), None);
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn what_is_not_a_parameter_is_refused() {
        for bad in [
            ";",
            ";;",
            ";a;;b",
            ";a=",
            ";a=\"b",
            ";a b",
            "a",
            ";=b",
            ";a=<b>",
            ";a=b\"c\"",
        ] {
            assert!(Params::parse(bad).is_err(), "{bad}");
        }
        let many: String = (0..=MAX_PARAMS).map(|index| format!(";p{index}")).collect();
        assert!(Params::parse(&many).is_err());
    }
}
