//! Reliable provisional responses of a phone that Tandem calls: PRACK (RFC 3262 section 4).

use sip::{
    HeaderName, Message, Method,
    headers::session::{RAck, RSeq},
};

use super::TAG;
use crate::{
    leg::{Leg, stage::Stage},
    requests::{self, Outline, Owner},
    stack::Stack,
};

/// A 101 to 199 came from the phone at this place of the forks. Acknowledges a reliable one by PRACK. Returns whether
/// the response is to be looked at: not the same one again, and not one that came too early (RFC 3262 section 4).
pub(in crate::leg) fn take(leg: &mut Leg, cx: &mut Stack, at: usize, response: &Message) -> bool {
    if !response.lists(HeaderName::Require, TAG) {
        return true;
    }
    // RFC 3262 section 7.1: without a number it cannot be acknowledged.
    let Ok(Some(RSeq(number))) = response.read::<RSeq>() else {
        return true;
    };
    let Stage::Calling(calling) = &mut leg.stage else {
        return false;
    };
    let Some(fork) = calling.forks.get_mut(at) else {
        return false;
    };
    let Some(dialog) = &mut fork.dialog else {
        return true; // without a To tag there is no dialog for a PRACK
    };
    if fork.rseq.is_some_and(|last| number != last.wrapping_add(1)) {
        return false;
    }
    fork.rseq = Some(number);
    let rack = RAck {
        rseq: number,
        cseq: response.cseq().map_or(0, |cseq| cseq.number),
        method: Method::Invite,
    };
    let way = leg.path.within(dialog);
    let prack = Outline::new(&Method::Prack).header(HeaderName::RAck, rack.to_string());
    if requests::within(cx, prack, dialog, way, Owner::Prack(leg.id)).is_none() {
        fork.rseq = number.checked_sub(1); // without room now: the phone sends the response again
        return false;
    }
    true
}
