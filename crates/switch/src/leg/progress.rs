//! Provisional answers to a caller (RFC 3261 13.3.1.1, 21.1).

use ::media::Spec;
use bytes::Bytes;
use sip::{Instant, StatusCode};

use super::{
    CallerId, Leg, LegTimer, Stage,
    inbound::{self, FinishWith},
    reliable::sent,
    status,
};
use crate::{
    own::OWN_CODECS,
    stack::{Stack, TimerKey},
};

/// How often the last provisional answer is sent again. RFC 3261 13.3.1.1: a proxy gives up an INVITE that has had no
/// answer for three minutes.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

/// What a provisional answer says.
#[derive(Clone, PartialEq)]
pub(super) struct Said {
    pub code: StatusCode,
    pub reason: String,
    /// The party that rings, if it is known.
    pub with: Option<CallerId>,
    /// The session description.
    pub body: Option<Bytes>,
}

/// The last provisional answer.
pub(super) struct Progress {
    said: Said,
    /// When a provisional answer was last sent.
    at: Instant,
    /// The one that was sent last was a 181.
    forwarded: bool,
}

/// Whether a provisional answer means that a phone rings: a 180, or a 183 with a session description, whose media is a
/// tone (RFC 3261 21.1.2, 21.1.5).
pub(crate) const fn rings(code: u16, described: bool) -> bool {
    code == 180 || code == 183 && described
}

/// See [`Leg::progress`].
pub(super) fn progress(leg: &mut Leg, cx: &mut Stack, code: u16, reason: &str, answer: Option<&Spec>) {
    let Stage::Incoming(incoming) = &leg.stage else {
        return;
    };
    let reliable = &incoming.reliable;
    if reliable.accept.is_some() {
        return; // the 2xx waits
    }
    if status(code) == StatusCode::EARLY_DIALOG_TERMINATED {
        return early_dialog_ends(leg, cx, reason);
    }
    let (may_offer, must_offer) = (reliable.may_offer(), reliable.must_offer());
    let described = leg.talk.is_answered_early() || reliable.described;
    let mut body = None;
    if let Some(spec) = answer.filter(|_| leg.talk.owes_answer() && !reliable.described) {
        leg.take_lines(cx, spec);
        body = leg.talk.answer_early(spec).ok();
    } else if may_offer && !leg.talk.owes_answer() {
        let own = Spec::own(OWN_CODECS);
        body = answer
            .or(must_offer.then_some(&own))
            .and_then(|spec| inbound::first_offer_of_ours(leg, cx, spec));
    }
    if body.is_some() {
        leg.sync_media(cx);
    }
    let first = body.is_some() && !described;
    let code = status(code);
    let reason = if reason.is_empty() { code.reason() } else { reason };
    let said = Said {
        code,
        reason: reason.to_owned(),
        with: leg.identity.now().cloned(),
        body,
    };
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let (now, gap) = (cx.now, cx.config.limits.progress);
    let reliably = incoming.reliable.applies(said.body.is_some());
    match &mut incoming.progress {
        Some(before) if before.said == said => {}
        // A description that was sent reliably is not repeated.
        Some(before)
            if incoming.reliable.described
                && said.body.is_none()
                && (before.said.code, &before.said.reason, &before.said.with)
                    == (said.code, &said.reason, &said.with) => {}
        // RFC 3262 section 3: one at a time.
        Some(before) if reliably && incoming.reliable.waits() => {
            before.said.clone_from(&said);
            incoming.reliable.later(said);
        }
        // Too soon after the last one: the latest answer is sent when the gap is over. The first answer to the caller's
        // offer is not put off.
        // RFC 3261 21.1.3: a 181 says that the call goes on; what comes of that is not put off either.
        Some(before) if !first && now < before.at + gap && !before.forwarded => {
            before.said = said;
            let due = before.at + gap;
            cx.timers.set(TimerKey::Leg(leg.id, LegTimer::Provisional), due);
        }
        Some(_) | None => say(leg, cx, said),
    }
}

/// Tells the caller that its early dialog is over (RFC 6228 section 5): a caller that knows the tag `199`, and has an early
/// dialog. What follows belongs to another early dialog, which has another To tag.
fn early_dialog_ends(leg: &mut Leg, cx: &mut Stack, reason: &str) {
    let Stage::Incoming(incoming) = &leg.stage else {
        return;
    };
    let settled = !incoming.reliable.waits() && incoming.early.is_free() && !leg.talk.is_open_by_us();
    let told = incoming.progress.is_some() && leg.invite.supports("199");
    // RFC 6228 section 5: where all responses have to be reliable this one would have to be, too; it is left out.
    if !told || !settled || incoming.reliable.applies(false) {
        return;
    }
    let server = incoming.server;
    let code = StatusCode::EARLY_DIALOG_TERMINATED;
    let reason = if reason.is_empty() { code.reason() } else { reason };
    let Some(reply) = inbound::reply(leg, cx, code, reason) else {
        return;
    };
    cx.respond(server, reply.finish());
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Provisional));
    inbound::begin_dialog_anew(leg, cx);
}

/// Sends the current provisional answer again. A reliable one has a new number and no description.
pub(super) fn say_again(leg: &mut Leg, cx: &mut Stack) {
    let Stage::Incoming(incoming) = &leg.stage else {
        return;
    };
    let Some(said) = incoming.progress.as_ref().map(|progress| progress.said.clone()) else {
        return;
    };
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let reliable = &mut incoming.reliable;
    if reliable.accept.is_some() {
        return; // the 2xx waits
    }
    if reliable.waits() && reliable.applies(said.body.is_some() && !reliable.described) {
        reliable.later(said);
    } else {
        say(leg, cx, said);
    }
}

/// Sends a provisional answer.
pub(super) fn say(leg: &mut Leg, cx: &mut Stack, mut said: Said) {
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let server = incoming.server;
    if incoming.reliable.described {
        said.body = None;
    }
    let reliably = incoming.reliable.applies(said.body.is_some());
    incoming.progress = Some(Progress {
        said: said.clone(),
        at: cx.now,
        forwarded: said.code == StatusCode::CALL_IS_BEING_FORWARDED,
    });
    let key = TimerKey::Leg(leg.id, LegTimer::Provisional);
    cx.timers.set(key, cx.now + AGAIN);
    if reliably {
        return sent::say(leg, cx, &said);
    }
    if let Some(reply) = inbound::reply(leg, cx, said.code, &said.reason) {
        cx.respond(server, reply.finish_with(said.body.as_deref()));
    }
}
