//! Call detail records: each call has exactly one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{CauseCode, Link, Segment};

/// The id of a call in scripts, events, records and the admin API: random, unique across restarts. Written as 32
/// hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallUid(pub u128);

impl CallUid {
    /// Reads the 32 hexadecimal digits that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for CallUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for CallUid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallUid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a call id is 32 hexadecimal digits"))
    }
}

/// The beginning of a record: the facts that are known from the authenticated INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrOpen {
    /// The call.
    pub call_id: CallUid,
    /// The caller's number, also if the caller hides it from its callees.
    pub from: String,
    /// The caller's name.
    pub from_name: String,
    /// The number or URI that was dialled.
    pub dialed: String,
    /// The SIP Call-ID of the caller's leg, to find it in a phone's own log.
    pub sip_call_id: String,
    /// When it began.
    pub started_at: i64,
}

/// A call in progress that was answered, or connected with another party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrAnswer {
    /// Its beginning.
    pub open: CdrOpen,
    /// The party that answered: an extension's number or a URI. Empty if Tandem itself answered.
    pub to: String,
    /// When the caller was answered.
    pub answered_at: i64,
}

/// A whole call detail record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cdr {
    /// Its beginning.
    pub open: CdrOpen,
    /// The party that answered or was rung last: an extension's number or a URI. Empty if there is none.
    pub to: String,
    /// When the caller was answered.
    pub answered_at: Option<i64>,
    /// When it ended.
    pub ended_at: i64,
    /// How it ended.
    pub disposition: Disposition,
    /// The final status the caller got; 0 if there was none.
    pub sip_code: u16,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Why it ended.
    pub cause: CauseCode,
    /// Technical detail for people: the line of a script, a phone's reason phrase. Empty if there is none.
    pub detail: String,
    /// The parties and times of the parts of the call. The segments tile the time of the call ([`Segment::tile`]).
    pub segments: Vec<Segment>,
    /// The links to other calls.
    pub links: Vec<Link>,
    /// The callee was not shown the caller's number (RFC 3323).
    #[serde(default)]
    pub hidden: bool,
}

impl Cdr {
    /// True if the segments tile the call's time.
    pub fn is_tiled(&self) -> bool {
        Segment::tile(&self.segments, self.open.started_at, self.ended_at)
    }
}

/// How a call ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The call was answered.
    Answered,
    /// The callee was busy.
    Busy,
    /// No phone answered. The dialplan's word `noanswer` is accepted as well.
    #[serde(alias = "noanswer")]
    NoAnswer,
    /// The caller gave up.
    Cancelled,
    /// Refused, by a person or the dialplan.
    Rejected,
    /// Anything else.
    Failed,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Answered,
        Self::Busy,
        Self::NoAnswer,
        Self::Cancelled,
        Self::Rejected,
        Self::Failed,
    ];

    /// The word in the database, the admin API and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.name() == text)
    }
}

/// Who ended a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The callee.
    Callee,
    /// The dialplan.
    Script,
    /// The admin API.
    Admin,
    /// Tandem itself: a timer, a fault, a shutdown.
    System,
}

impl EndedBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Callee, Self::Script, Self::Admin, Self::System];

    /// The word in the database, the admin API and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::Script => "script",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.name() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_32_hexadecimal_digits() {
        for id in [0, 9, u128::MAX] {
            let id = CallUid(id);
            assert_eq!(CallUid::parse(&id.to_string()), Some(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<CallUid>(&json).unwrap(), id);
        }
        for bad in [
            "",
            "9",
            "+0000000000000000000000000000009",
            "g000000000000000000000000000000f",
        ] {
            assert_eq!(CallUid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_word_is_written_everywhere() {
        for disposition in Disposition::ALL {
            assert_eq!(Disposition::parse(disposition.name()), Some(disposition));
            assert_eq!(serde_json::to_value(disposition).unwrap(), disposition.name());
        }
        for who in EndedBy::ALL {
            assert_eq!(EndedBy::parse(who.name()), Some(who));
            assert_eq!(serde_json::to_value(who).unwrap(), who.name());
        }
    }
}
