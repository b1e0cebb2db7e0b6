//! Values of the common shape `token *(;param)`: Accept-Language, Info-Package, Security-Client and
//! their like.

use std::fmt;

use super::{is_token, trim};
use crate::Params;

/// A token, or two with a slash between, with parameters.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What stands before the first semicolon.
    pub value: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Item<'a> {
    /// Reads one element of a list.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let item = Self::split(text)?;
        let good = item.value.split('/').all(|part| is_token(trim(part).as_bytes()));
        if good && item.value.matches('/').count() < 2 {
            Ok(item)
        } else {
            Err("a token is expected")
        }
    }

    /// Reads one element whose value may be anything without white space, such as a Call-ID.
    pub(crate) fn split(text: &'a str) -> Result<Self, &'static str> {
        let text = trim(text);
        let end = text.find(';').unwrap_or(text.len());
        let (value, params) = text.split_at_checked(end).ok_or("a value is malformed")?;
        let value = trim(value);
        if value.is_empty() {
            return Err("a value is empty");
        }
        Ok(Self {
            value,
            params: Params::parse(params)?,
        })
    }

    /// The `q` parameter in thousandths; 1,000 if there is none.
    pub fn quality(&self) -> Result<u16, &'static str> {
        self.params
            .get("q")
            .map_or(Ok(1000), |text| quality(text).ok_or("a q value is malformed"))
    }
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value)?;
        if self.params.is_empty() {
            Ok(())
        } else {
            write!(f, ";{}", self.params.as_str())
        }
    }
}

/// A `qvalue` in thousandths (RFC 3261 section 25.1): 0 to 1 with at most three decimals.
pub fn quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() > 3 || !digits(decimals) || !matches!(whole, "0" | "1" | "") || text.is_empty() || text == "." {
        return None;
    }
    let whole = if whole == "1" { 1000 } else { 0 };
    let value = whole + format!("{decimals:0<3}").parse::<u16>().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_between_zero_and_one() {
        for (text, value) in [
            ("0", 0),
            ("1", 1000),
            ("0.33", 330),
            ("1.000", 1000),
            (".5", 500),
            ("0.", 0),
        ] {
            assert_eq!(quality(text), Some(value), "{text}");
        }
        for bad in ["", ".", "1.001", "2", "-0.5", "0.1234", "0,5", "0.x"] {
            assert_eq!(quality(bad), None, "{bad}");
        }
    }
}
