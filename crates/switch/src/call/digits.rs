//! Keys the subject presses, and what phones send by INFO or MESSAGE within the call.

use sip::{Message, Method, transaction::ServerId};

use crate::{
    core::Core,
    ids::LegId,
    leg::{FLASH, answer_passed, info_key},
};

use super::{Call, VerbEvent};

/// A key was pressed on one of the call's phones (RFC 4733, or INFO).
pub(crate) fn digit(call: &mut Call, x: &Core, leg: LegId, digit: char) {
    if Some(leg) != call.subject || call.is_connected() {
        return; // two phones talking: it passes through, and no verb listens
    }
    if call.digits.len() >= x.stack.config.limits.digits {
        call.digits.remove(0);
    }
    call.digits.push(digit);
    call.tell_verb(VerbEvent::Digit(digit));
}

/// An INFO or MESSAGE came within a dialog: it is the other phone's, or a key for us.
pub(super) fn passed(call: &mut Call, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
    let info = *request.method() == Method::Info;
    let key = info_key(request.content_type().unwrap_or_default(), request.body());
    let code = match (call.other(from), key) {
        (Some(other), _) => match x.with_leg(other, |leg, cx| leg.pass(cx, server, request)) {
            Some(Some(code)) => code,
            Some(None) => return, // the other phone answers
            None => 480,
        },
        (None, Some((key, _))) if info => {
            // A flash is no key that a script could compare with.
            if key != FLASH {
                digit(call, x, from, key);
            }
            200
        }
        (None, Some(_) | None) if info && request.body().is_empty() => 200,
        (None, Some(_) | None) if info => 415,
        (None, Some(_) | None) => 480, // a MESSAGE for which there is no reader
    };
    answer_passed(&mut x.stack, server, code);
}
