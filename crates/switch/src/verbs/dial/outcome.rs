//! The result of a `dial`.

use crate::{
    api::{DialResult, DialStatus, Outcome},
    call::{self, Call},
    core::Core,
    hunt::{Unanswered, shown},
};

use super::{Dialing, Next};

/// The status in words for a final status code.
pub(crate) const fn status_of(code: u16, rang: bool) -> DialStatus {
    match code {
        486 | 600 => DialStatus::Busy,
        408 | 480 if rang => DialStatus::NoAnswer,
        408 | 410 | 480 | 500..=599 => DialStatus::Unavailable,
        code if shown(code) == 480 => DialStatus::Unavailable,
        404 | 488 | 606 => DialStatus::Failed,
        _ => DialStatus::Rejected,
    }
}

impl Dialing {
    pub(super) fn finish_unanswered(mut self: Box<Self>, call: &mut Call, x: &mut Core, last: Unanswered) -> Next {
        self.silence(call, x);
        call::unanswered(call, x, last.code);
        let status = status_of(last.code, self.hunt.has_rung());
        let (code, reason) = match shown(last.code) {
            same if same == last.code => (same, last.reason.clone()),
            other => (other, "Temporarily Unavailable".into()),
        };
        call.script.last_dial = Some(Unanswered {
            code,
            reason: reason.clone(),
            ..last
        });
        call.record.ringing = false;
        Next::Done(Outcome::Dial(Box::new(self.result(x, status, code, &reason))))
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
