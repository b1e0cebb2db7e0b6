//! The best of several refusals.

use crate::{
    api::{CauseCode, EndedBy},
    event::Q850,
};

/// What a hunt came to that nobody answered.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// The status that decided it, as the phone gave it.
    pub code: u16,
    /// Its reason phrase.
    pub reason: String,
    /// What the record says.
    pub detail: String,
    /// What the telephone network said; the caller is told.
    pub why: Option<Q850>,
    /// What it means.
    pub cause: CauseCode,
    /// Whose doing it was.
    pub by: EndedBy,
}

impl Unanswered {
    /// For a reason of ours.
    pub fn ours(cause: CauseCode, code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            detail: reason.to_owned(),
            why: None,
            cause,
            by: EndedBy::System,
        }
    }
}

/// The best of the answers that came (RFC 3261 16.7 step 6).
#[derive(Default)]
pub(super) struct Best {
    answer: Option<Unanswered>,
}

impl Best {
    /// A target came to nothing for a reason of ours.
    pub fn note(&mut self, cause: CauseCode, code: u16, reason: &str) {
        self.note_of(EndedBy::System, cause, code, reason, None);
    }

    /// A phone has refused, or was not heard of.
    pub fn note_callee(&mut self, cause: CauseCode, code: u16, reason: &str, why: Option<Q850>) {
        // Ours, too, where nothing was heard of the phone (Timer B, a transport that failed).
        let by = if matches!(code, 408 | 503) {
            EndedBy::System
        } else {
            EndedBy::Callee
        };
        self.note_of(by, cause, code, reason, why);
    }

    /// The best so far.
    pub fn take(&mut self) -> Unanswered {
        let answer = self.answer.take();
        answer.unwrap_or_else(|| Unanswered::ours(CauseCode::PhoneUnavailable, 480, "Temporarily Unavailable"))
    }

    fn note_of(&mut self, by: EndedBy, cause: CauseCode, code: u16, reason: &str, why: Option<Q850>) {
        let answer = self.answer.as_ref();
        if answer.is_none_or(|best| rank(code) < rank(best.code)) {
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
            });
        }
    }
}

/// Lower is better: a 6xx decides; then a person's own answer, before those of a phone that is not
/// there or cannot make sense of our INVITE, before those of the network.
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

/// What the caller gets for a callee's final status: never a 3xx; never a 503, which would make it try another server
/// (RFC 3261 16.7 step 6); and nothing that speaks of our own INVITE instead of the callee: a challenge, an extension
/// or an interval that was asked for, a call that is not known.
pub(crate) const fn shown(code: u16) -> u16 {
    match code {
        300..=399
        | 400..=402
        | 405
        | 407
        | 408
        | 411..=423
        | 428
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

/// What the record says of a callee's answer: where the caller is told another code, the phone's own and what it means.
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
    fn a_person_s_answer_is_better_than_a_phone_s_and_that_than_the_network_s() {
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
