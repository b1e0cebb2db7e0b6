//! The statuses that a script may reject a call with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A status that a script may reject a call with: 400 to 699 (RFC 3261 21.4 to 21.6). See also [`Verb::Redirect`](super::Verb::Redirect).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct RejectCode(u16);

impl RejectCode {
    /// 404, for a number that does not exist.
    pub const NOT_FOUND: Self = Self(404);

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }
}

/// Not a status with which a call can be rejected.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reject {0}: 400 to 699 is possible")]
pub struct NoRejectCode(pub i64);

impl TryFrom<i64> for RejectCode {
    type Error = NoRejectCode;

    fn try_from(code: i64) -> Result<Self, NoRejectCode> {
        let number = u16::try_from(code).ok();
        number
            .filter(|number| (400..=699).contains(number))
            .map(Self)
            .ok_or(NoRejectCode(code))
    }
}

impl From<RejectCode> for i64 {
    fn from(code: RejectCode) -> Self {
        code.0.into()
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_rejected_with_400_to_699_only() {
        for code in [400, 404, 486, 603, 699] {
            assert_eq!(RejectCode::try_from(code).map(i64::from), Ok(code));
        }
        for code in [-1, 0, 180, 200, 300, 302, 399, 700, 65_936] {
            let refused = RejectCode::try_from(code).unwrap_err();
            assert_eq!(refused.to_string(), format!("reject {code}: 400 to 699 is possible"));
            assert!(serde_json::from_str::<RejectCode>(&code.to_string()).is_err());
        }
    }
}
