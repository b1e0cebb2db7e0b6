//! Keys the caller presses.

use sip::{Message, Method, transaction::ServerId};

use crate::{
    core::Core,
    leg::{FLASH, LegId, answer_passed, info_key},
    verbs::VerbEvent,
};

use super::Call;

impl Call {
    /// A key was pressed on one of the call's phones (RFC 4733, or INFO).
    pub fn digit(&mut self, x: &mut Core, leg: LegId, digit: char) {
        if leg != self.caller || self.bridge.is_some() {
            return; // two phones talking: it passes through, nobody here listens
        }
        if self.digits.len() >= x.stack.config.limits.digits {
            self.digits.remove(0);
        }
        self.digits.push(digit);
        self.verb_event(x, VerbEvent::Digit(digit));
    }

    /// An INFO or MESSAGE came within a dialog: it is the other phone's, or a key for us.
    pub(super) fn passed(&mut self, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
        let info = *request.method() == Method::Info;
        let key = info_key(request.content_type().unwrap_or_default(), request.body());
        let code = match (self.other(from), key) {
            (Some(other), _) => match x.with_leg(other, |leg, cx| leg.pass(cx, server, request)) {
                Some(Some(code)) => code,
                Some(None) => return, // the other phone answers
                None => 480,
            },
            (None, Some((key, _))) if info => {
                // A flash is no key that a script could compare with.
                if key != FLASH {
                    self.digit(x, from, key);
                }
                200
            }
            (None, Some(_) | None) if info && request.body().is_empty() => 200,
            (None, Some(_) | None) if info => 415,
            (None, Some(_) | None) => 480, // a MESSAGE that nobody would read
        };
        answer_passed(&mut x.stack, server, code);
    }
}
