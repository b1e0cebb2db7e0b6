//! CSeq (RFC 3261 section 20.16).

use std::fmt;

use super::{HeaderError, is_blank, name::HeaderName, number, trim};
use crate::Method;

/// A sequence number and the method it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2^31 (RFC 3261 section 8.1.1.5).
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads a CSeq field's value.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let fault = |why| HeaderError::new(HeaderName::CSeq, why);
        let (digits, method) = value
            .split_once(is_blank)
            .ok_or(fault("a number and a method are expected"))?;
        let number = number(digits).ok_or(fault("the number is unreadable or too large"))?;
        // RFC 3261 8.1.1.5: the value MUST be less than 2**31.
        if number >= 1 << 31 {
            return Err(fault("the number is too large"));
        }
        let method = Method::parse(trim(method)).ok_or(fault("the method is not a token"))?;
        Ok(Self { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_two_to_the_31() {
        let read = CSeq::parse("0009     INVITE").unwrap();
        assert_eq!((read.number, read.method), (9, Method::Invite));
        assert!(CSeq::parse("2147483647 BYE").is_ok());
        for bad in [
            "2147483648 BYE",
            "36893488147419103232 REGISTER",
            "-1 BYE",
            "1",
            "",
            "x INVITE",
            "1 IN VITE",
            "+1 BYE",
        ] {
            assert!(CSeq::parse(bad).is_err(), "{bad}");
        }
    }
}
