//! The best of several refusals.

use sip::HeaderName;

use crate::{
    api::{CauseCode, EndedBy},
    event::Q850,
};

/// The result of a hunt in which no phone answered.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// The status that decided the result, as the phone sent it.
    pub code: u16,
    /// Its reason phrase.
    pub reason: String,
    /// The cause for the record.
    pub detail: String,
    /// What the telephone network said; the caller is told.
    pub why: Option<Q850>,
    /// The cause in words.
    pub cause: CauseCode,
    /// Which side caused it.
    pub by: EndedBy,
    /// Header fields of the phone's answer that the caller gets, too.
    pub fields: Vec<(HeaderName, String)>,
}

impl Unanswered {
    /// A result that has a reason of ours.
    pub fn ours(cause: CauseCode, code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            detail: reason.to_owned(),
            why: None,
            cause,
            by: EndedBy::System,
            fields: Vec::new(),
        }
    }
}

/// The best of the answers that came (RFC 3261 16.7 step 6).
#[derive(Default)]
pub(super) struct Best {
    answer: Option<Unanswered>,
}

impl Best {
    /// A target could not be tried, for a reason of ours.
    pub fn note(&mut self, cause: CauseCode, code: u16, reason: &str) {
        self.note_of(EndedBy::System, cause, code, reason, None);
    }

    /// A phone has refused, or did not answer at all.
    pub fn note_callee(&mut self, cause: CauseCode, code: u16, reason: &str, why: Option<Q850>) {
        self.note_refusal((cause, code, reason, why), Vec::new());
    }

    /// The same, with header fields that the caller gets, too.
    pub fn note_refusal(
        &mut self,
        (cause, code, reason, why): (CauseCode, u16, &str, Option<Q850>),
        fields: Vec<(HeaderName, String)>,
    ) {
        // Also a reason of ours, if nothing was heard from the phone (Timer B, a transport that failed).
        let by = if matches!(code, 408 | 503) {
            EndedBy::System
        } else {
            EndedBy::Callee
        };
        if self.note_of(by, cause, code, reason, why)
            && let Some(answer) = &mut self.answer
        {
            answer.fields = fields;
        }
    }

    /// Takes the best answer so far.
    pub fn take(&mut self) -> Unanswered {
        let answer = self.answer.take();
        answer.unwrap_or_else(|| Unanswered::ours(CauseCode::PhoneUnavailable, 480, "Temporarily Unavailable"))
    }

    /// Returns whether this answer is the best so far.
    fn note_of(&mut self, by: EndedBy, cause: CauseCode, code: u16, reason: &str, why: Option<Q850>) -> bool {
        let answer = self.answer.as_ref();
        let better = answer.is_none_or(|best| rank(code) < rank(best.code));
        if better {
            let told = match by {
                EndedBy::Callee => detail_of(code, reason),
                EndedBy::Caller | EndedBy::System | EndedBy::Script | EndedBy::Admin => reason.to_owned(),
            };
            self.answer = Some(Unanswered {
                code,
                reason: reason.to_owned(),
                detail: Q850::explain(why.as_ref(), &told),
                cause: Q850::meaning(why.as_ref()).unwrap_or(cause),
                why,
                by,
                fields: Vec::new(),
            });
        }
        better
    }
}

/// Lower is better. A 6xx decides. Then comes the answer of a person, then that of a phone that is not there or cannot
/// process our INVITE, then that of the network.
const fn rank(code: u16) -> u16 {
    match code {
        600..=699 => 0,
        408 | 480 | 487 => 2_000 + code,
        404 => 2_600,
        300..=499 if shown(code) == 480 => 2_550,
        300..=499 => code,
        _ => 3_000 + code,
    }
}

/// What the caller gets for a callee's final status. Never a 3xx. Never a 503: the caller would try another server (RFC
/// 3261 16.7 step 6). And no status that concerns only our own INVITE: a challenge, an extension or interval that we
/// asked for, a call that the phone does not know.
pub(crate) const fn shown(code: u16) -> u16 {
    match code {
        300..=399
        | 400..=402
        | 405
        | 407
        | 408
        | 411..=423
        | 428
        | 430
        | 436..=438
        | 469
        | 481
        | 489
        | 491
        | 493
        | 494
        | 503 => 480,
        code => code,
    }
}

/// What the record says about a callee's answer. If the caller is told another code, it names the phone's own code and
/// its meaning.
fn detail_of(code: u16, reason: &str) -> String {
    let means = match code {
        _ if shown(code) == code => return reason.to_owned(),
        401 | 407 => "the callee's phone asked for a password",
        491 => "the callee's phone was busy with another request",
        _ => "the callee's phone could not take the call",
    };
    format!("{means} ({code} {reason})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_answer_counts_before_a_phone_s_and_a_phone_s_before_the_network_s() {
        let mut best = Best::default();
        for (code, expected) in [
            (503, 503),
            (404, 404),
            (480, 480),
            (400, 480),
            (486, 486),
            (420, 486),
            (404, 486),
            (603, 603),
            (486, 603),
        ] {
            best.note(CauseCode::Unknown, code, "");
            assert_eq!(best.answer.as_ref().map(|answer| answer.code), Some(expected));
        }
    }
}
