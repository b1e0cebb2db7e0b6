//! Our changes to a session that is up: re-INVITE, and UPDATE for a refresh (RFC 3261 14.1, RFC 3311 5.1).

use std::time::Duration;

use ::media::Spec;
use sip::{Message, Method, headers::reason::RetryAfter};

use super::{Change, Ours, Purpose, Wanted, early};
use crate::{
    api::CauseCode,
    leg::{Leg, LegTimer, SessionEvent, description, end, identity, outbound, talk::OfferError},
    requests::{self, Outline, Owner, Reply, RequestId},
    stack::{Stack, TimerKey},
};

/// How many times an offer of our own is made that meets an offer of the phone each time.
pub(super) const TRIES: u8 = 30;

/// See [`Leg::offer`].
pub(in crate::leg) fn offer(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    // RFC 3261 14.1: the INVITE that we answered is under way until its ACK comes. The offer waits for the ACK.
    if let Some(up) = leg.stage.up()
        && up.confirmed.awaited.is_some()
        && matches!(up.change, Change::None)
    {
        up.passing = Some(spec.clone());
        return;
    }
    if !leg.stage.is_free() {
        return leg.tell(cx, refused(491, "Request Pending"));
    }
    if let Err((code, reason)) = send_offer(leg, cx, spec, Purpose::Passed) {
        leg.tell(cx, refused(code, reason));
    }
}

/// The ACK of our 2xx has come: makes the offers that waited for the ACK, the other phone's offer first.
pub(in crate::leg) fn offer_next(leg: &mut Leg, cx: &mut Stack) {
    let passing = leg.stage.up().and_then(|up| up.passing.take());
    if let Some(spec) = passing {
        offer(leg, cx, &spec);
    }
    offer_wanted(leg, cx);
}

/// See [`Leg::offer_own`].
pub(in crate::leg) fn offer_own(leg: &mut Leg, cx: &mut Stack, spec: &Spec) {
    if !leg.is_up() {
        return early::offer_own(leg, cx, spec);
    }
    if let Some(up) = leg.stage.up() {
        up.wanted = Some(Wanted {
            spec: spec.clone(),
            tries: 0,
        });
    }
    offer_wanted(leg, cx);
}

/// Makes the offer of our own that waits; later, where another change is under way.
pub(in crate::leg) fn offer_wanted(leg: &mut Leg, cx: &mut Stack) {
    let Some(up) = leg.stage.up() else {
        return early::offer_wanted(leg, cx);
    };
    let free = up.is_free();
    let Some(wanted) = &mut up.wanted else {
        return identity::tell(leg, cx);
    };
    if free && wanted.tries == TRIES {
        // To the call this is a refusal like any other.
        tracing::info!("gave up offering: the phone always has an offer of its own");
        up.wanted = None;
        return leg.tell(cx, refused(491, "Request Pending"));
    }
    wanted.tries += u8::from(free);
    let spec = wanted.spec.clone();
    if !free || send_offer(leg, cx, &spec, Purpose::Own).is_err() {
        retry_later(leg, cx, LegTimer::Offer, Duration::ZERO);
    }
}

/// Sends a re-INVITE with this offer. Error: the status and the reason for the call.
fn send_offer(leg: &mut Leg, cx: &mut Stack, spec: &Spec, purpose: Purpose) -> Result<(), (u16, &'static str)> {
    leg.take_lines(cx, spec);
    let body = leg.talk.offer(spec).map_err(|error| match error {
        OfferError::OpenOffer => (491, "Request Pending"),
        OfferError::NothingAllowed => (488, "Nothing The Device May Use"),
    })?;
    if !send(leg, cx, &Method::Invite, Some(&body), purpose) {
        leg.talk.withdraw();
        return Err((503, "Service Unavailable"));
    }
    Ok(())
}

/// See [`Leg::withdraw_offer`].
pub(in crate::leg) fn withdraw(leg: &mut Leg, cx: &mut Stack) {
    let Some(up) = leg.stage.up() else { return };
    if up.passing.take().is_some() {
        return leg.tell(cx, refused(487, "Request Terminated"));
    }
    if let Change::Ours(Ours {
        request,
        purpose: Purpose::Passed,
        ..
    }) = up.change
    {
        requests::withdraw(cx, request);
    }
}

/// Sends a re-INVITE or UPDATE, which becomes the change under way. False where nothing was sent.
fn send(leg: &mut Leg, cx: &mut Stack, method: &Method, body: Option<&[u8]>, purpose: Purpose) -> bool {
    let Some(up) = leg.stage.up() else { return false };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let home = cx.home(&leg.path.flow);
    let contact = Outline::new(method)
        .contact(leg.path.name())
        .credentials(leg.path.credentials());
    let mut outline = leg.timer.ask_again(contact.focus(leg.path.focus.is_some()));
    outline = leg.identity.ride(outline, &home, leg.inbound);
    if let Some(sdp) = body {
        outline = outline.body("application/sdp", sdp);
    }
    let Some(request) = requests::within(cx, outline, dialog, way, Owner::Change(leg.id)) else {
        return false;
    };
    up.change = Change::Ours(Ours {
        request,
        purpose,
        method: method.clone(),
    });
    true
}

/// Refreshes the session (RFC 4028 section 7.4). Sends an UPDATE without a body where the peer allows UPDATE, otherwise
/// a re-INVITE that describes the session as it is.
pub(in crate::leg) fn refresh(leg: &mut Leg, cx: &mut Stack) {
    let sent = leg.stage.is_free()
        && if leg.can.update {
            send(leg, cx, &Method::Update, None, Purpose::Refresh)
        } else {
            let body = leg.talk.offer_again();
            let sent = send(leg, cx, &Method::Invite, body.as_deref(), Purpose::Refresh);
            if !sent {
                leg.talk.withdraw();
            }
            sent
        };
    if !sent {
        retry_later(leg, cx, LegTimer::Refresh, Duration::ZERO);
    }
}

/// Sends a re-INVITE that describes the session as it is, for its changed From.
pub(in crate::leg) fn refresh_identity(leg: &mut Leg, cx: &mut Stack) {
    let body = leg.talk.offer_again();
    if body.is_none() || !send(leg, cx, &Method::Invite, body.as_deref(), Purpose::Identity) {
        leg.talk.withdraw();
        identity::later(leg, cx, Duration::ZERO);
    }
}

/// RFC 3261 14.1: after glare the owner of the Call-ID waits 2.1 to 4 s, the other side up to 2 s.
pub(in crate::leg) fn retry_later(leg: &mut Leg, cx: &mut Stack, timer: LegTimer, at_least: Duration) {
    let wait = if leg.inbound {
        10 * cx.ids.below(201)
    } else {
        2_100 + 10 * cx.ids.below(191)
    };
    let at = cx.now + Duration::from_millis(wait.max(10)).max(at_least);
    cx.timers.set(TimerKey::Leg(leg.id, timer), at);
}

/// An answer to our re-INVITE or UPDATE came. `reply` is `None` where no answer came in time.
pub(crate) fn response(leg: &mut Leg, cx: &mut Stack, request: RequestId, reply: Option<&Reply>) {
    if identity::response(leg, cx, request, reply) {
        return;
    }
    let (code, response) = (reply.map_or(408, Reply::code), reply.map(|reply| &reply.response));
    let change = leg.stage.changed_by(request).map(|(_, change)| change);
    if (100..=199).contains(&code) {
        let passed =
            matches!(change, Some(Change::Ours(ours)) if ours.request == request && ours.purpose == Purpose::Passed);
        if passed && code > 100 {
            leg.tell(cx, SessionEvent::Pending);
        }
        return;
    }
    let ours = change.and_then(|change| change.take_ours(request));
    let Some(ours) = ours else {
        return acknowledge_again(leg, cx, reply);
    };
    leg.identity.arrived((200..=299).contains(&code));
    match (reply, code) {
        (Some(reply), 200..=299) => accepted(leg, cx, reply, ours),
        // RFC 3261 12.2.1.2: the peer knows no such dialog, or does not answer. The dialog ends.
        (_, 408 | 481) => {
            leg.session().withdraw();
            tell_refused(leg, cx, ours.purpose, code, "Call/Transaction Does Not Exist");
            end::lost(leg, cx, CauseCode::PhoneLost, "the phone no longer answers");
        }
        _ => not_accepted(leg, cx, ours.purpose, code, response),
    }
}

fn accepted(leg: &mut Leg, cx: &mut Stack, reply: &Reply, ours: Ours) {
    let response = &reply.response;
    refreshed(leg, cx, reply);
    if ours.method == Method::Invite {
        outbound::send_ack(leg, cx, &reply.request, response);
    }
    if !leg.talk().is_open() {
        return identity::tell(leg, cx); // the request made no offer
    }
    let before = leg.heard().cloned();
    let answer = description(response).and_then(|sdp| leg.session().hear_answer(sdp).ok());
    let Some(spec) = answer else {
        leg.session().withdraw();
        return tell_refused(leg, cx, ours.purpose, 488, "No Usable Answer");
    };
    leg.sync_media(cx);
    match ours.purpose {
        Purpose::Passed | Purpose::Own => {
            leg.stage.forget_wanted();
            leg.tell(cx, SessionEvent::Accepted(spec));
        }
        Purpose::Refresh | Purpose::Identity => {
            // An answer names a part of the codecs of the offer. Any other difference is a change of the phone's.
            let same = before.is_some_and(|before| {
                before.direction() == spec.direction() && spec.intersect(&before).codecs().len() == spec.codecs().len()
            });
            if !same {
                leg.tell(cx, SessionEvent::Redescribed(spec));
            }
        }
    }
    offer_wanted(leg, cx);
}

/// A 2xx to a re-INVITE or UPDATE of ours: where the phone is, what it can do, and until when the session is good.
pub(in crate::leg) fn refreshed(leg: &mut Leg, cx: &mut Stack, reply: &Reply) {
    let response = &reply.response;
    if let Some(confirmed) = leg.stage.confirmed() {
        confirmed.dialog.refresh_target(response);
    } else if let Some((dialog, _)) = leg.stage.early() {
        dialog.refresh_target(response);
    }
    leg.can.learn(response);
    if leg.is_up() {
        leg.timer.asked_in(&reply.request);
        leg.timer.settle(response);
        leg.timer.start(cx, leg.id);
    }
}

fn not_accepted(leg: &mut Leg, cx: &mut Stack, purpose: Purpose, code: u16, response: Option<&Message>) {
    // RFC 6141 3.1: after a refused change the session is as before.
    leg.session().withdraw();
    match (purpose, not_now(code, response)) {
        (Purpose::Own, Some(wait)) => retry_later(leg, cx, LegTimer::Offer, wait),
        (Purpose::Passed | Purpose::Own, wait) => {
            let code = if wait.is_some() { 491 } else { code };
            let reason = response
                .map(|r| sip::clean(r.reason()).into_owned())
                .unwrap_or_default();
            tell_refused(leg, cx, purpose, code, &reason);
        }
        (Purpose::Identity, Some(wait)) => identity::later(leg, cx, wait),
        (Purpose::Identity, None) => identity::refused(leg, cx, code),
        (Purpose::Refresh, Some(wait)) => retry_later(leg, cx, LegTimer::Refresh, wait),
        // The phone refuses all changes and does not support session timers (RFC 4028 section 7.2), but the phone is
        // there.
        (Purpose::Refresh, None) if !leg.can.update && !leg.can.timer => leg.timer.start(cx, leg.id),
        (Purpose::Refresh, None) => {
            leg.can.update = false; // the next try is a re-INVITE
            let again = cx.now + Duration::from_secs(10);
            cx.timers.set(TimerKey::Leg(leg.id, LegTimer::Refresh), again);
        }
    }
    identity::tell(leg, cx);
}

/// Reports a refusal to the call, but not that of a refresh.
fn tell_refused(leg: &mut Leg, cx: &mut Stack, purpose: Purpose, code: u16, reason: &str) {
    match purpose {
        Purpose::Own => {
            leg.stage.forget_wanted();
            leg.tell(cx, refused(code, reason));
        }
        Purpose::Passed => leg.tell(cx, refused(code, reason)),
        Purpose::Refresh | Purpose::Identity => {}
    }
}

/// A 2xx to a re-INVITE came again: its ACK was lost. Sends the ACK again.
fn acknowledge_again(leg: &mut Leg, cx: &mut Stack, reply: Option<&Reply>) {
    let Some(reply) = reply.filter(|reply| *reply.request.method() == Method::Invite) else {
        return;
    };
    if reply.is_success() {
        outbound::send_ack(leg, cx, &reply.request, &reply.response);
    }
}

/// The longest Retry-After of a phone that Tandem waits for. RFC 3261 14.2 allows the phone 10 s.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether a change is refused only because another change is under way (RFC 3261 14.2). Returns how long to wait at
/// least.
pub(in crate::leg) fn not_now(code: u16, response: Option<&Message>) -> Option<Duration> {
    let after = response?.read::<RetryAfter<'_>>().ok().flatten();
    let after = after.map(|after| Duration::from_secs(after.seconds.into()).min(LONGEST));
    match code {
        491 => Some(after.unwrap_or(Duration::ZERO)),
        500 => after,
        _ => None,
    }
}

fn refused(code: u16, reason: &str) -> SessionEvent {
    SessionEvent::Refused {
        code,
        reason: reason.into(),
    }
}
