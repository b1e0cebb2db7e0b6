//! Why a phone or a gateway refused or ended a call, in the words of the telephone network: the Reason header field
//! with a Q.850 cause (RFC 3326 section 2, RFC 6432).

use std::fmt;

use sip::{Message, headers::reason::Reason};

use crate::api::CauseCode;

/// How many characters of the text are kept.
const TEXT: usize = 128;

/// A cause of Q.850, 0 to 127.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Q850 {
    cause: u8,
    text: Option<String>,
}

impl Q850 {
    /// The first Q.850 cause of a message. A Reason of another protocol concerns only the dialog of this phone and is
    /// not passed on.
    pub fn of(message: &Message) -> Option<Self> {
        let mut reasons = message.read_all::<Reason<'_>>().filter_map(Result::ok);
        let reason = reasons.find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))?;
        let cause = u8::try_from(reason.cause?).ok().filter(|cause| *cause < 128)?;
        let text = reason.text.filter(|text| !text.is_empty());
        let text = text.map(|text| sip::clean(&text).chars().take(TEXT).collect());
        Some(Self { cause, text })
    }

    /// What the cause says about the end of a call; `None` if it says only that a person hung up or refused.
    pub fn meaning(why: Option<&Self>) -> Option<CauseCode> {
        CauseCode::of_q850(why?.cause)
    }

    /// The text for the record and for people: what happened, and the cause.
    pub fn explain(why: Option<&Self>, what: &str) -> String {
        match why {
            Some(Self {
                cause,
                text: Some(text),
            }) => format!("{what} (Q.850 cause {cause}: {text})"),
            Some(Self { cause, text: None }) => format!("{what} (Q.850 cause {cause})"),
            None => what.to_owned(),
        }
    }
}

impl fmt::Display for Q850 {
    /// The value of a Reason header field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = Reason {
            protocol: "Q.850",
            cause: Some(self.cause.into()),
            text: self.text.as_deref().map(Into::into),
        };
        reason.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use sip::{Builder, HeaderName, StatusCode};

    use super::*;

    #[test]
    fn a_cause_of_q_850_is_found_among_other_reasons() {
        let found = |value: &str| {
            let message = Builder::response(StatusCode::OK)
                .header(HeaderName::Reason, value)
                .finish();
            Q850::of(&message)
        };
        for (value, passed, words) in [
            ("Q.850;cause=17", "Q.850;cause=17", "x (Q.850 cause 17)"),
            (
                "SIP;cause=486, q.850 ;cause=17;text=\"User busy, \\\"really\\\"\"",
                "Q.850;cause=17;text=\"User busy, \\\"really\\\"\"",
                "x (Q.850 cause 17: User busy, \"really\")",
            ),
            ("Q.850;text=\"none\", Q.850;cause=16", "", ""),
            ("Q.850;cause=128", "", ""),
            ("SIP;cause=200", "", ""),
            (";;", "", ""),
        ] {
            let why = found(value);
            assert_eq!(why.as_ref().map_or(String::new(), Q850::to_string), passed, "{value}");
            let expected = if words.is_empty() { "x" } else { words };
            assert_eq!(Q850::explain(why.as_ref(), "x"), expected, "{value}");
        }
        let long = found(&format!("Q.850;cause=1;text=\"{}\"", "é".repeat(500))).unwrap();
        assert_eq!(long.text.unwrap().chars().count(), TEXT);
    }
}
