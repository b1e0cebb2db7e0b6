//! From, To, Contact, Route and the other fields that hold an address (RFC 3261 section 20.10).

use std::{borrow::Cow, fmt};

use super::{find_top, is_token_byte, quoted_len, split_byte, trim};
use crate::{
    Params,
    params::unquote,
    uri::{Uri, UriError},
};

/// A `name-addr` or `addr-spec` with the parameters of its header field.
#[derive(Copy, Clone, Debug)]
pub struct NameAddr<'a> {
    /// The display name as it came: tokens, or a quoted string with its quotes.
    pub display: Option<&'a str>,
    /// The URI's text, without angle brackets.
    pub uri: &'a str,
    /// The header field's parameters.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address; the URI is not looked into beyond its end.
    pub fn parse(value: &'a str) -> Result<Self, &'static str> {
        let value = trim(value);
        let (display, rest) = if value.starts_with('"') {
            let len = quoted_len(value).ok_or("a quoted display name has no end")?;
            let (display, rest) = value.split_at_checked(len).ok_or("a display name is malformed")?;
            let rest = trim(rest);
            if !rest.starts_with('<') {
                return Err("a display name is not followed by an address in angle brackets");
            }
            (Some(display), rest)
        } else {
            match find_top(value, b'<', false) {
                Some(0) => (None, value),
                Some(at) => {
                    let (display, rest) = value.split_at_checked(at).ok_or("a display name is malformed")?;
                    if memchr::memchr2(b'"', b'>', display.as_bytes()).is_some() {
                        return Err("a display name holds a stray quote");
                    }
                    (Some(trim(display)), rest)
                }
                None => return Self::bare(value),
            }
        };
        let inner = rest.strip_prefix('<').ok_or("an address is malformed")?;
        let (uri, params) = split_byte(inner, b'>').ok_or("an address has no closing angle bracket")?;
        if uri.is_empty() {
            return Err("an address is empty");
        }
        Ok(Self {
            display,
            uri,
            params: Params::parse(params)?,
        })
    }

    /// RFC 3261 20.10: without angle brackets, what follows a semicolon belongs to the header
    /// field, and a URI with a comma, question mark or semicolon may not be written like that.
    fn bare(value: &'a str) -> Result<Self, &'static str> {
        let end = memchr::memchr3(b';', b' ', b'\t', value.as_bytes()).unwrap_or(value.len());
        let (uri, params) = value.split_at_checked(end).ok_or("an address is malformed")?;
        if uri.is_empty() {
            return Err("an address is empty");
        }
        if uri.contains(['?', ',', '"', '>']) {
            return Err("an address with a comma, question mark or semicolon must be in angle brackets");
        }
        Ok(Self {
            display: None,
            uri,
            params: Params::parse(params)?,
        })
    }

    /// The display name with quotes and escapes resolved; `None` if there is none or it is empty.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        self.display.map(unquote).filter(|name| !name.is_empty())
    }

    /// The URI.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The `tag` parameter, if it is there and not empty.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The first tag behind an address whose parameters are not looked at as a whole.
    pub(crate) fn first_tag(value: &str) -> Option<&str> {
        let (_, params) = value.split_at_checked(find_top(value, b';', true)?)?;
        let tag = Params::new(params).get("tag")?;
        // It is written into requests of ours: nothing in it may end it.
        let clean = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b',' | b'\\');
        (!tag.is_empty() && tag.bytes().all(clean)).then_some(tag)
    }

    /// A parameter of the header field (not of the URI): its value, empty if it has none.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }
}

impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.display {
            // Tokens stay as they came; what is neither tokens nor quoted is quoted now.
            Some(display) if display.starts_with('"') || is_tokens(display) => write!(f, "{display} ")?,
            Some(display) => write!(f, "{} ", quote(display))?,
            None => {}
        }
        write!(f, "<{}>", self.uri)?;
        if !self.params.is_empty() {
            write!(f, ";{}", self.params.as_str())?;
        }
        Ok(())
    }
}

fn is_tokens(text: &str) -> bool {
    text.bytes()
        .all(|byte| is_token_byte(byte) || byte == b' ' || byte == b'\t')
}

/// One element of a Contact field.
#[derive(Copy, Clone, Debug)]
pub enum Contact<'a> {
    /// `*`: every binding (RFC 3261 section 10.2.2).
    Star,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one element.
    pub fn parse(value: &'a str) -> Result<Self, &'static str> {
        if trim(value) == "*" {
            Ok(Self::Star)
        } else {
            NameAddr::parse(value).map(Self::Address)
        }
    }
}

/// Writes text as a quoted string; controls become spaces.
pub fn quote(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quote`].
#[derive(Copy, Clone, Debug)]
pub struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
