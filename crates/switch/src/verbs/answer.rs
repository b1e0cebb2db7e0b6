//! `ring` and `answer`.

use crate::{
    api::{Began, CauseCode, Outcome},
    call::{Call, Ending},
    core::Core,
    own::OWN_CODECS,
};

use super::Next;

/// `caller.ring()`: 180.
pub(super) fn ring(call: &mut Call, x: &mut Core) -> Next {
    if call.subject_waits(x) {
        call.with_subject(x, |leg, cx| leg.provisional(cx, 180, None));
        call.mark_ringing(x);
    }
    Next::Done(Outcome::Done)
}

/// `caller.answer()`: 200. Tandem itself is at the other end.
pub(super) fn answer(call: &mut Call, x: &mut Core) -> Next {
    pick_up(call, x);
    Next::Done(Outcome::Done)
}

/// Answers the caller, unless that was done before. False if it is not possible; then 488 was sent.
pub(super) fn pick_up(call: &mut Call, x: &mut Core) -> bool {
    if !call.subject_waits(x) {
        let up = call.subject_is_up(x);
        if up && call.record.answered_at.is_none() {
            call.mark_answered(x, Began::Answered); // it was up already when a transfer brought it here
        }
        return up;
    }
    let spec = match call.subject_leg(x).and_then(|leg| leg.heard()) {
        Some(offer) => offer.answered_by_us(),
        None => ::media::Spec::own(OWN_CODECS),
    };
    let accepted = call.with_subject(x, |leg, cx| leg.accept(cx, &spec)).unwrap_or(false);
    if accepted {
        call.mark_answered(x, Began::Answered);
    } else {
        call.end(
            x,
            Ending::system(CauseCode::CodecNoneInCommon, 488, "no codec in common"),
        );
    }
    accepted
}
