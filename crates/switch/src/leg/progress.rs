//! Provisional answers to a caller (RFC 3261 13.3.1.1, 21.1).

use ::media::Spec;
use sip::{Instant, Message};

use super::{
    Leg, LegTimer, Stage,
    inbound::{self, FinishWith},
    status,
};
use crate::stack::{Stack, TimerKey};

/// How often the last provisional answer is sent again. RFC 3261 13.3.1.1: a proxy gives up an INVITE that has had no
/// answer for three minutes.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

/// The last provisional answer.
pub(super) struct Progress {
    reply: Message,
    /// When a provisional answer was last sent.
    at: Instant,
}

/// Whether a provisional answer means that a phone rings: a 180, or a 183 with a session description, whose media is a
/// tone (RFC 3261 21.1.2, 21.1.5).
pub(crate) const fn rings(code: u16, described: bool) -> bool {
    code == 180 || code == 183 && described
}

/// See [`Leg::progress`].
pub(super) fn progress(leg: &mut Leg, cx: &mut Stack, code: u16, reason: &str, answer: Option<&Spec>) {
    if !leg.is_waiting() {
        return;
    }
    let described = leg.talk.is_answered_early();
    let mut body = None;
    if let Some(spec) = answer.filter(|_| leg.talk.owes_answer()) {
        leg.take_lines(cx, spec);
        body = leg.talk.answer_early(spec).ok();
        if body.is_some() {
            leg.sync_media(cx);
        }
    }
    let first = body.is_some() && !described;
    let code = status(code);
    let reason = if reason.is_empty() { code.reason() } else { reason };
    let Some(reply) = inbound::reply(leg, cx, code, reason) else {
        return;
    };
    let reply = reply.finish_with(body.as_deref());
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let (now, gap) = (cx.now, cx.config.limits.progress);
    match &mut incoming.progress {
        Some(said) if said.reply.bytes() == reply.bytes() => {}
        // Too soon after the last one: the latest answer is sent when the gap is over. The first answer to the caller's
        // offer is not put off.
        Some(said) if !first && now < said.at + gap => {
            said.reply = reply;
            let due = said.at + gap;
            cx.timers.set(TimerKey::Leg(leg.id, LegTimer::Provisional), due);
        }
        Some(_) | None => {
            incoming.progress = Some(Progress { reply, at: now });
            say_again(leg, cx);
        }
    }
}

/// Sends the current provisional answer, for the first time or again.
pub(super) fn say_again(leg: &mut Leg, cx: &mut Stack) {
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let Some(said) = &mut incoming.progress else { return };
    said.at = cx.now;
    cx.respond(incoming.server, said.reply.clone());
    let key = TimerKey::Leg(leg.id, LegTimer::Provisional);
    cx.timers.set(key, cx.now + AGAIN);
}
