//! What a `dial` comes to when nobody answers.

use crate::{
    api::{DialResult, DialStatus, EndedBy, Outcome},
    call::{Call, Unanswered},
    core::Core,
    event::Q850,
    stack::TimerKey,
};

use super::{Dialing, Next};

/// The best of the answers that came (RFC 3261 16.7 step 6).
#[derive(Default)]
pub(super) struct Best {
    answer: Option<Unanswered>,
}

impl Best {
    /// It came to nothing for a reason of ours.
    pub fn note(&mut self, code: u16, reason: &str) {
        self.note_of(EndedBy::System, code, reason, None);
    }

    /// The callee, or its phone, does not want.
    pub fn note_callee(&mut self, code: u16, reason: &str, why: Option<Q850>) {
        // Ours, too, where nothing was heard of the phone (Timer B, a transport that failed).
        let by = if matches!(code, 408 | 503) {
            EndedBy::System
        } else {
            EndedBy::Callee
        };
        self.note_of(by, code, reason, why);
    }

    fn note_of(&mut self, by: EndedBy, code: u16, reason: &str, why: Option<Q850>) {
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

/// The word for a final status.
pub(super) const fn status_of(code: u16, rang: bool) -> DialStatus {
    match code {
        486 | 600 => DialStatus::Busy,
        408 | 480 if rang => DialStatus::NoAnswer,
        408 | 410 | 480 | 500..=599 => DialStatus::Unavailable,
        code if shown(code) == 480 => DialStatus::Unavailable,
        404 | 488 | 606 => DialStatus::Failed,
        _ => DialStatus::Rejected,
    }
}

/// What the caller gets for a callee's final status: never a 3xx; never a 503, which would make it try another server
/// (RFC 3261 16.7 step 6); and nothing that speaks of our own INVITE instead of the callee: a challenge, an extension
/// or an interval that was asked for, a call that is not known.
pub(super) const fn shown(code: u16) -> u16 {
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

impl Dialing {
    pub(super) fn finish_unanswered(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        self.silence(call, x);
        let best = self.best.answer.take();
        let Unanswered {
            code,
            reason,
            detail,
            why,
            by,
        } = best.unwrap_or(Unanswered {
            code: 480,
            reason: "Temporarily Unavailable".into(),
            detail: "Temporarily Unavailable".into(),
            why: None,
            by: EndedBy::System,
        });
        let status = status_of(code, self.rang);
        let (shown, reason) = match shown(code) {
            same if same == code => (code, reason),
            other => (other, "Temporarily Unavailable".into()),
        };
        call.script.last_dial = Some(Unanswered {
            code: shown,
            reason: reason.clone(),
            detail,
            why,
            by,
        });
        call.record.ringing = false;
        Next::Done(Outcome::Dial(Box::new(self.result(x, status, shown, &reason))))
    }

    pub(super) fn result(&self, x: &Core, status: DialStatus, code: u16, reason: &str) -> DialResult {
        let talk = self.talking.as_ref();
        DialResult {
            status,
            code,
            reason: reason.to_owned(),
            by: talk.map(|talk| talk.by.clone()).unwrap_or_default(),
            talk: talk.map_or(0.0, |talk| (x.stack.now - talk.since).as_secs_f64()),
        }
    }
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
            best.note(code, "");
            assert_eq!(best.answer.as_ref().map(|answer| answer.code), Some(expected));
        }
    }

    #[test]
    fn statuses_are_named_as_the_dialplan_promises() {
        for (code, rang, status) in [
            (486, true, DialStatus::Busy),
            (600, false, DialStatus::Busy),
            (480, true, DialStatus::NoAnswer),
            (480, false, DialStatus::Unavailable),
            (503, true, DialStatus::Unavailable),
            (404, false, DialStatus::Failed),
            (603, true, DialStatus::Rejected),
            (403, false, DialStatus::Rejected),
        ] {
            assert_eq!(status_of(code, rang), status, "{code} {rang}");
        }
    }
}
