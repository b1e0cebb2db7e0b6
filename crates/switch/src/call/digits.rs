//! Keys the caller presses.

use sip::Method;

use crate::{
    exchange::Exchange,
    leg::{LegId, info_digit},
    verbs::VerbEvent,
};

use super::Call;

impl Call {
    /// A key was pressed on one of the call's phones (RFC 4733, or INFO).
    pub fn digit(&mut self, x: &mut Exchange, leg: LegId, digit: char) {
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
    pub(super) fn passed(&mut self, x: &mut Exchange, from: LegId, method: &Method, content_type: &str, body: &[u8]) {
        match self.other(from) {
            Some(other) => {
                x.with_leg(other, |leg, cx| leg.pass(cx, method, content_type, body));
            }
            None => {
                if let Some((digit, _)) = info_digit(content_type, body) {
                    self.digit(x, from, digit);
                }
            }
        }
    }
}
