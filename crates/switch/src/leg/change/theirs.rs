//! Changes of the peer's to a session that is up: re-INVITE and UPDATE (RFC 3261 14.2, 3311 5.2, 6141).

use std::time::Duration;

use ::media::{SdpDirection, Spec};
use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Change, ours};
use crate::{
    answer::{Answer, FORMAT},
    leg::{
        Leg, LegTimer, SessionEvent, Stage, description,
        inbound::{FinishWith, refusal},
        stage::AwaitedAck,
    },
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
    },
};

/// How long an UPDATE may wait for the other phone: its transaction ends after 32 s, and RFC 3311 5.2 has it answered
/// at once, with 504 where that cannot be.
const UPDATE_WAITS: Duration = Duration::from_secs(20);

/// A re-INVITE or UPDATE came within the dialog.
pub(in crate::leg) fn requested(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    let update = *request.method() == Method::Update;
    let sdp = description(&request);
    let allowed = if update && sdp.is_none() {
        may_refresh(leg, cx)
    } else {
        may_change(leg, cx)
    };
    if let Err(refusal) = allowed.and_then(|()| leg.timer.take(&request)) {
        return cx.answer(server, &request, &refusal);
    }
    leg.can.learn(&request);
    let Some(sdp) = sdp else {
        return without_offer(leg, cx, server, &request);
    };
    let before = leg.heard().cloned();
    let offered = match leg.talk.hear_offer(sdp) {
        Ok(spec) => spec,
        Err(fault) => {
            let refusal = refusal(cx, &fault, sdp);
            return cx.answer(server, &request, &refusal);
        }
    };
    let same = before.as_ref() == Some(&offered);
    if let Some(up) = leg.stage.up() {
        up.change = Change::Theirs { server, request };
    }
    match leg.talk.said().cloned().filter(|_| same) {
        // The same again (a refresh), or only the phone's own address changed: media goes
        // through us, so the other side need not hear of it.
        Some(said) => send_answer(leg, cx, &said),
        None => {
            if update {
                let key = TimerKey::Leg(leg.id, LegTimer::Update);
                cx.timers.set(key, cx.now + UPDATE_WAITS);
            }
            leg.tell(cx, SessionEvent::Offered(offered));
        }
    }
}

// RFC 3261 14.2, 3311 5.2.
fn may_change(leg: &Leg, cx: &mut Stack) -> Result<(), Answer> {
    match &leg.stage {
        Stage::Up(up) => match &up.change {
            Change::Ours(_) => Err(Answer::of(491)),
            Change::Theirs { .. } => Err(later(cx)),
            Change::None if leg.talk.awaits_ack() => Err(Answer::of(491)),
            Change::None => Ok(()),
        },
        // An offer while the first one is not answered (RFC 3311 5.2).
        Stage::Incoming(_) => Err(later(cx)),
        // Nor while the phone itself has not answered ours (RFC 3261 14.2, 3311 5.2).
        Stage::Calling(calling) if !calling.cancelled => Err(Answer::of(491)),
        Stage::Calling(_) | Stage::Ending(_) | Stage::Gone => Err(Answer::of(481)),
    }
}

/// An UPDATE without an offer touches no session: only another UPDATE is in its way.
fn may_refresh(leg: &mut Leg, cx: &mut Stack) -> Result<(), Answer> {
    if !leg.stage.is_live() {
        return Err(Answer::of(481));
    }
    match leg.stage.up().map(|up| &up.change) {
        Some(Change::Theirs { request, .. }) if *request.method() == Method::Update => Err(later(cx)),
        Some(Change::Theirs { .. } | Change::Ours(_) | Change::None) | None => Ok(()),
    }
}

/// A re-INVITE without an offer gets ours, for what is in use; an UPDATE without one only refreshes.
fn without_offer(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: &Message) {
    let invite = *request.method() == Method::Invite;
    let spec = leg.talk.said().or(leg.talk.heard()).filter(|_| invite);
    let spec = spec.map(|spec| spec.clone().with_direction(SdpDirection::SendRecv));
    let body = spec.and_then(|spec| leg.talk.offer_in_success(&spec).ok());
    let reply = success(leg, cx, request).finish_with(body.as_deref());
    if invite {
        await_ack(leg, cx, server, request, &reply);
    }
    cx.respond(server, reply);
    if leg.is_up() {
        leg.timer.start(cx, leg.id);
    }
}

/// A 200 to a change; with it its target is taken (RFC 3261 12.2.2), which a refused one must not move.
fn success(leg: &mut Leg, cx: &Stack, request: &Message) -> Builder {
    if let Some(dialog) = leg.stage.dialog_of(request) {
        dialog.refresh_target(request);
    }
    let builder = Builder::reply(request, StatusCode::OK, None)
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Allow, allow(Place::Within))
        .header(HeaderName::Supported, supported(Place::Within))
        .header(HeaderName::Server, &cx.config.product);
    leg.timer.describe(builder, leg.can.timer)
}

/// Takes the peer's change: `spec` is what the other side accepted of it. With that the peer knows how things
/// are now, whatever it was to be offered.
pub(in crate::leg) fn answer(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    if leg.pending_offer().is_some() {
        leg.stage.forget_wanted();
    }
    send_answer(leg, cx, spec);
}

fn send_answer(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    let Some((server, request)) = take(leg, cx) else {
        return;
    };
    let Ok(body) = leg.talk.answer(spec) else {
        leg.talk.withdraw();
        let refusal = Answer::unacceptable(&cx.config.domain, FORMAT);
        return cx.answer(server, &request, &refusal);
    };
    let reply = success(leg, cx, &request).body("application/sdp", &body).finish();
    if *request.method() == Method::Invite {
        await_ack(leg, cx, server, &request, &reply);
    }
    cx.respond(server, reply);
    leg.sync_media(cx);
    leg.timer.start(cx, leg.id);
    ours::offer_wanted(leg, cx);
}

/// A 2xx of ours to a re-INVITE is sent again until its ACK comes.
fn await_ack(leg: &mut Leg, cx: &mut Stack, server: ServerId, invite: &Message, reply: &Message) {
    let (id, flow) = (leg.id, leg.path.flow);
    if let Some(up) = leg.stage.up() {
        up.confirmed.awaited = Some(AwaitedAck::new(cx, id, server, invite, reply, flow));
    }
}

/// The other phone's person is asked about the peer's change (RFC 6141 section 3.3).
pub(in crate::leg) fn pending(leg: &mut Leg, cx: &mut Stack) {
    if let Stage::Up(up) = &leg.stage
        && let Change::Theirs { server, request } = &up.change
        && *request.method() == Method::Invite
    {
        let reply =
            Builder::reply(request, StatusCode::SESSION_PROGRESS, None).header(HeaderName::Contact, leg.contact(cx));
        cx.respond(*server, reply.finish());
    }
}

/// Refuses the peer's change; the session stays as it is.
pub(in crate::leg) fn refuse(leg: &mut Leg, cx: &mut Stack, code: u16) {
    let Some((server, request)) = take(leg, cx) else {
        return;
    };
    leg.talk.withdraw();
    cx.answer(server, &request, &Answer::of(code));
}

fn take(leg: &mut Leg, cx: &mut Stack) -> Option<(ServerId, Message)> {
    let theirs = leg.stage.up()?.change.take_theirs()?;
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Update));
    Some(theirs)
}

/// The other phone takes too long for an UPDATE.
pub(in crate::leg) fn update_waited(leg: &mut Leg, cx: &mut Stack) {
    if leg.pending_offer().is_some() {
        refuse(leg, cx, 504);
        leg.tell(cx, SessionEvent::Withdrawn);
    }
}

/// CANCEL came for a re-INVITE that waits.
pub(in crate::leg) fn cancelled(leg: &mut Leg, cx: &mut Stack, cancelled: ServerId) {
    let change = leg.stage.up().map(|up| &up.change);
    if matches!(change, Some(Change::Theirs { server, .. }) if *server == cancelled) {
        refuse(leg, cx, 487);
        leg.tell(cx, SessionEvent::Withdrawn);
    }
}

/// RFC 3261 14.2: not while another one waits.
fn later(cx: &mut Stack) -> Answer {
    Answer::of(500).with(HeaderName::RetryAfter, cx.ids.below(11).to_string())
}
