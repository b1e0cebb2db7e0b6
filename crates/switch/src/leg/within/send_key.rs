//! Keys that go to the phone by INFO, in the form `application/dtmf-relay`. The other phone sent them in another way.
//!
//! One INFO after the other: of two that are under way the second may arrive first, and then the phone refuses the first one
//! (RFC 3261 12.2.2).

use sip::Method;

use super::pass;
use crate::{
    leg::{Leg, end},
    requests::{self, Outline, Owner},
    stack::Stack,
};

/// See [`Leg::send_key`].
pub(in crate::leg) fn send(leg: &mut Leg, cx: &mut Stack, key: char, millis: u16) {
    let most = cx.config.limits.digits;
    let Some(up) = leg.stage.up() else { return };
    if up.keys.len() >= most {
        return tracing::debug!("a key is left out: too many keys wait for the phone's answers");
    }
    up.keys.push_back((key, millis));
    if up.keys.len() == 1 {
        send_first(leg, cx);
    }
}

/// Sends the key whose turn it is.
fn send_first(leg: &mut Leg, cx: &mut Stack) {
    let Some(up) = leg.stage.up() else { return };
    let Some((key, millis)) = up.keys.front() else { return };
    let body = format!("Signal={key}\r\nDuration={millis}\r\n");
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let outline = Outline::new(&Method::Info)
        .contact(&leg.path.user)
        .body("application/dtmf-relay", body.as_bytes());
    if requests::within(cx, outline, dialog, way, Owner::Key(leg.id)).is_none() {
        // There is no room for a request.
        up.keys.clear();
    }
}

/// The phone answered the INFO with a key. A phone that refuses it gets this key and those after it with its media.
pub(crate) fn answered(leg: &mut Leg, cx: &mut Stack, code: u16) {
    let Some(up) = leg.stage.up() else { return };
    let Some(key) = up.keys.pop_front() else { return };
    match code {
        481 => return end::unknown(leg, cx),
        // Not after 408: the key would come too late.
        300..=407 | 409..=699 => {
            let keys: Vec<_> = std::iter::once(key).chain(up.keys.drain(..)).collect();
            (leg.can.info, leg.can.takes_info) = (false, false);
            for (key, millis) in keys {
                pass::press(leg, cx, key, millis);
            }
        }
        _ => {}
    }
    send_first(leg, cx);
}
