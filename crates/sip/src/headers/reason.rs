//! Why: Reason (RFC 3326), Warning (RFC 3261 section 20.43), Retry-After (20.33).

use std::{borrow::Cow, fmt};

use super::{Header, address::quote, comment, item::Item, name::HeaderName, number, quoted_len, trim};
use crate::params::unquote;

/// Why a request was sent or refused, such as `SIP;cause=200;text="Call completed elsewhere"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or another.
    pub protocol: &'a str,
    /// The protocol's own code.
    pub cause: Option<u32>,
    /// In words.
    pub text: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> for Reason<'a> {
    const NAME: HeaderName = HeaderName::Reason;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::parse(value)?;
        let cause = item
            .params
            .get("cause")
            .map(|text| number(text).ok_or("the cause is not a number"))
            .transpose()?;
        Ok(Self {
            protocol: item.value,
            cause,
            text: item.params.unquoted("text"),
        })
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        match &self.text {
            Some(text) => write!(f, ";text={}", quote(text)),
            None => Ok(()),
        }
    }
}

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits; 3xx is SIP's own.
    pub code: u16,
    /// Who warns: a host and port, or a pseudonym.
    pub agent: &'a str,
    /// In words.
    pub text: Cow<'a, str>,
}

impl<'a> Header<'a> for Warning<'a> {
    const NAME: HeaderName = HeaderName::Warning;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        const FAULT: &str = "three digits, an agent and a quoted text are expected";
        let (code, rest) = value.split_once(' ').ok_or(FAULT)?;
        let (agent, text) = trim(rest).split_once(' ').ok_or(FAULT)?;
        let text = trim(text);
        if code.len() != 3 || !text.starts_with('"') || quoted_len(text) != Some(text.len()) {
            return Err(FAULT);
        }
        let code = number(code).and_then(|code| u16::try_from(code).ok()).ok_or(FAULT)?;
        Ok(Self {
            code,
            agent,
            text: unquote(text),
        })
    }
}

impl fmt::Display for Warning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {} {}", self.code, self.agent, quote(&self.text))
    }
}

/// When to try again.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds from now.
    pub seconds: u32,
    /// How long it will then work, in seconds.
    pub duration: Option<u32>,
    /// A remark, without its parentheses.
    pub comment: Option<&'a str>,
}

impl<'a> Header<'a> for RetryAfter<'a> {
    const NAME: HeaderName = HeaderName::RetryAfter;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let value = trim(value);
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let (seconds, rest) = value.split_at_checked(digits).ok_or("not a number of seconds")?;
        let seconds = number(seconds).ok_or("not a number of seconds")?;
        let mut rest = trim(rest);
        let mut remark = None;
        if rest.starts_with('(') {
            let end = comment(rest, super::MAX_COMMENT_DEPTH)?;
            remark = rest.get(1..end - 1);
            rest = rest.get(end..).unwrap_or("");
        }
        let params = crate::Params::parse(rest)?;
        let duration = params
            .get("duration")
            .map(|text| number(text).ok_or("the duration is not a number"))
            .transpose()?;
        Ok(Self {
            seconds,
            duration,
            comment: remark,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_warnings_are_read_and_written() {
        for text in [
            "SIP;cause=200;text=\"Call completed elsewhere\"",
            "Q.850;cause=16",
            "preemption",
            "SIP;text=\"a \\\"b\\\"\"",
        ] {
            assert_eq!(Reason::read(text).unwrap().to_string(), text);
        }
        assert!(Reason::read("SIP;cause=x").is_err() && Reason::read("").is_err());
        let text = "370 devnull \"Choose a bigger pipe\"";
        assert_eq!(Warning::read(text).unwrap().to_string(), text);
        for bad in [
            "",
            "1812 overture \"In Progress\"",
            "370 a",
            "370 \"x\"",
            "370 a x",
            "370 a \"x",
            "37x a \"x\"",
        ] {
            assert!(Warning::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn retry_after_has_a_comment_and_a_duration() {
        let read = RetryAfter::read("18000 (in a (long) meeting);duration=3600").unwrap();
        assert_eq!(
            read,
            RetryAfter {
                seconds: 18000,
                duration: Some(3600),
                comment: Some("in a (long) meeting")
            }
        );
        assert_eq!(RetryAfter::read("5").unwrap().seconds, 5);
        for bad in ["", "x", "949302838503028349304023988", "5 (open", "5;duration=x", "5 6"] {
            assert!(RetryAfter::read(bad).is_err(), "{bad}");
        }
    }
}
