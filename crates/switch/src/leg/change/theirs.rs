//! The peer's changes to a session that is up: re-INVITE and UPDATE (RFC 3261 14.2, RFC 3311 5.2, RFC 6141).

use std::time::Duration;

use ::media::{SdpDirection, Spec};
use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Change, early, ours};
use crate::{
    answer::{Answer, FORMAT},
    leg::{
        Leg, LegTimer, SessionEvent, Stage, description, identity,
        inbound::{FinishWith, refusal},
        stage::AwaitedAck,
    },
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
    },
};

/// How long an UPDATE may wait for the other phone. After that time Tandem answers with 504: RFC 3311 5.2 asks for an
/// answer at once, and the transaction of the UPDATE ends after 32 s.
const UPDATE_WAITS: Duration = Duration::from_secs(20);

/// A re-INVITE or UPDATE came within the dialog.
pub(in crate::leg) fn requested(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    let update = *request.method() == Method::Update;
    let sdp = description(&request);
    if update && sdp.is_some() && !leg.is_up() {
        return early::offered(leg, cx, server, &request);
    }
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
        // A refresh, or the phone changed only its own address. Media goes through us, so the other side needs no
        // offer.
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

/// Whether a change with an offer may begin; the error answer where not (RFC 3261 14.2, RFC 3311 5.2).
fn may_change(leg: &Leg, cx: &mut Stack) -> Result<(), Answer> {
    match &leg.stage {
        Stage::Up(up) => match &up.change {
            Change::Ours(_) => Err(Answer::of(491)),
            Change::Theirs { .. } => Err(later(cx)),
            Change::None if leg.talk.awaits_ack() => Err(Answer::of(491)),
            Change::None => Ok(()),
        },
        // RFC 3311 5.2: the first offer of the phone has no answer yet.
        Stage::Incoming(_) => Err(later(cx)),
        // RFC 3261 14.2, RFC 3311 5.2: our offer has no answer yet.
        Stage::Calling(calling) if !calling.cancelled => Err(Answer::of(491)),
        Stage::Calling(_) | Stage::Ending(_) | Stage::Gone => Err(Answer::of(481)),
    }
}

/// Whether an UPDATE without an offer may begin. It does not change the session, so only another UPDATE prevents it.
fn may_refresh(leg: &mut Leg, cx: &mut Stack) -> Result<(), Answer> {
    if !leg.stage.is_live() {
        return Err(Answer::of(481));
    }
    match leg.stage.up().map(|up| &up.change) {
        Some(Change::Theirs { request, .. }) if *request.method() == Method::Update => Err(later(cx)),
        Some(Change::Theirs { .. } | Change::Ours(_) | Change::None) | None => Ok(()),
    }
}

/// A re-INVITE without an offer gets an offer of ours of the media in use. An UPDATE without an offer only refreshes.
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

/// A 200 to a change. The change also sets the remote target (RFC 3261 12.2.2); a refused change must not.
pub(super) fn success(leg: &mut Leg, cx: &Stack, request: &Message) -> Builder {
    if let Some(dialog) = leg.stage.dialog_of(request) {
        dialog.refresh_target(request);
        dialog.rename_peer(request);
    }
    let builder = Builder::reply(request, StatusCode::OK, None)
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Allow, allow(Place::Within))
        .header(HeaderName::Supported, supported(Place::Within))
        .header(HeaderName::Server, &cx.config.product);
    leg.timer.describe(builder, leg.can.timer)
}

/// See [`Leg::answer_change`].
pub(in crate::leg) fn answer(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    if leg.pending_offer().is_some() {
        leg.stage.forget_wanted();
    }
    send_answer(leg, cx, spec);
}

/// Answers the peer's change with 200 and `spec`; with 488 where the codecs of `spec` do not fit.
fn send_answer(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    let Some((server, request)) = take(leg, cx) else {
        return;
    };
    leg.take_lines(cx, spec);
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

/// Has our 2xx to a re-INVITE sent again until its ACK comes.
fn await_ack(leg: &mut Leg, cx: &mut Stack, server: ServerId, invite: &Message, reply: &Message) {
    let (id, flow) = (leg.id, leg.path.flow);
    if let Some(up) = leg.stage.up() {
        up.confirmed.awaited = Some(AwaitedAck::new(cx, id, server, invite, reply, flow));
    }
}

/// See [`Leg::change_pending`].
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

/// See [`Leg::refuse_change`].
pub(in crate::leg) fn refuse(leg: &mut Leg, cx: &mut Stack, code: u16) {
    let Some((server, request)) = take(leg, cx) else {
        return;
    };
    leg.talk.withdraw();
    cx.answer(server, &request, &Answer::of(code));
    identity::tell(leg, cx);
}

fn take(leg: &mut Leg, cx: &mut Stack) -> Option<(ServerId, Message)> {
    let theirs = leg.stage.up()?.change.take_theirs()?;
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Update));
    Some(theirs)
}

/// The time of an UPDATE that waits for the other phone is over.
pub(in crate::leg) fn update_waited(leg: &mut Leg, cx: &mut Stack) {
    if leg.pending_offer().is_some() {
        refuse(leg, cx, 504);
        leg.tell(cx, SessionEvent::Withdrawn);
    }
}

/// A CANCEL came for a re-INVITE that waits.
pub(in crate::leg) fn cancelled(leg: &mut Leg, cx: &mut Stack, cancelled: ServerId) {
    let change = leg.stage.up().map(|up| &up.change);
    if matches!(change, Some(Change::Theirs { server, .. }) if *server == cancelled) {
        refuse(leg, cx, 487);
        leg.tell(cx, SessionEvent::Withdrawn);
    }
}

/// RFC 3261 14.2: the answer to a change while another change of the phone's waits.
pub(super) fn later(cx: &mut Stack) -> Answer {
    Answer::of(500).with(HeaderName::RetryAfter, cx.ids.below(11).to_string())
}
