//! Changes of ours to a session that is up: re-INVITE, and UPDATE to refresh it (RFC 3261 14.1, 3311 5.1).

use std::time::Duration;

use ::media::Spec;
use sip::{Message, Method, headers::reason::RetryAfter};

use super::{Leg, LegTimer, SessionEvent, description, talk::OfferError};
use crate::{
    requests::{self, Outline, Owner, Reply, RequestId},
    stack::{Stack, TimerKey},
};

/// The change under way on a leg; never more than one (RFC 3261 14.1, 14.2).
#[derive(Debug)]
pub(super) enum Change {
    /// None.
    None,
    /// Ours: the request is out.
    Ours(Ours),
    /// The peer's: its offer waits for the call's decision.
    Theirs {
        server: sip::transaction::ServerId,
        request: Message,
    },
}

impl Change {
    /// Takes a change of ours out, if this is its request.
    fn take_ours(&mut self, request: RequestId) -> Option<Ours> {
        match std::mem::replace(self, Self::None) {
            Self::Ours(ours) if ours.request == request => Some(ours),
            other @ (Self::None | Self::Ours(_) | Self::Theirs { .. }) => {
                *self = other;
                None
            }
        }
    }
}

/// A change of ours that is under way.
#[derive(Debug)]
pub(super) struct Ours {
    request: RequestId,
    purpose: Purpose,
    method: Method,
}

/// What a change of ours is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What the other phone of the call offers: it is told of a refusal, and tries again if it likes.
    Passed,
    /// An offer of our own: tried again after glare.
    Own,
    /// The session timer.
    Refresh,
}

/// An offer of our own that is not yet made, or was met by another.
#[derive(Debug)]
pub(super) struct Wanted {
    spec: Spec,
    tries: u8,
}

/// How often an offer of our own is made that always meets another.
const TRIES: u8 = 30;

impl Leg {
    /// Passes on an offer of the other phone, by re-INVITE. Answered by [`SessionEvent::Accepted`] or
    /// [`SessionEvent::Refused`]; with 491 where another change is under way.
    pub fn offer(&mut self, cx: &mut Stack, spec: &Spec) {
        // RFC 3261 14.1: the INVITE that we answered is under way until its ACK comes, and is waited for.
        if let Some(up) = self.stage.up()
            && up.confirmed.awaited.is_some()
            && matches!(up.change, Change::None)
        {
            up.passing = Some(spec.clone());
            return;
        }
        if !self.is_free() {
            return self.tell(cx, refused(491, "Request Pending"));
        }
        if let Err((code, reason)) = self.send_offer(cx, spec, Purpose::Passed) {
            self.tell(cx, refused(code, reason));
        }
    }

    /// The ACK of our 2xx has come: what waited for it has its turn, the other phone's offer first.
    pub(super) fn offer_next(&mut self, cx: &mut Stack) {
        let passing = self.stage.up().and_then(|up| up.passing.take());
        if let Some(spec) = passing {
            self.offer(cx, &spec);
        }
        self.offer_wanted(cx);
    }

    /// Offers something of our own accord, as soon as nothing else is under way, and again after glare.
    pub fn offer_own(&mut self, cx: &mut Stack, spec: &Spec) {
        if let Some(up) = self.stage.up() {
            up.wanted = Some(Wanted {
                spec: spec.clone(),
                tries: 0,
            });
        }
        self.offer_wanted(cx);
    }

    /// The other side has changed: an offer that waits is to say so.
    pub fn offer_instead(&mut self, spec: &Spec) {
        if let Some(wanted) = self.stage.up().and_then(|up| up.wanted.as_mut()) {
            wanted.spec = spec.clone();
        }
    }

    /// Makes the offer that waits, if it can be made now.
    pub(super) fn offer_wanted(&mut self, cx: &mut Stack) {
        let Some(up) = self.stage.up() else { return };
        let free = up.is_free();
        let Some(wanted) = &mut up.wanted else { return };
        if free && wanted.tries == TRIES {
            // That is a refusal like any other.
            tracing::info!("gave up offering: the phone always has an offer of its own");
            up.wanted = None;
            return self.tell(cx, refused(491, "Request Pending"));
        }
        wanted.tries += u8::from(free);
        let spec = wanted.spec.clone();
        if !free || self.send_offer(cx, &spec, Purpose::Own).is_err() {
            self.retry_later(cx, LegTimer::Offer, Duration::ZERO);
        }
    }

    fn is_free(&mut self) -> bool {
        self.stage.up().is_some_and(|up| up.is_free())
    }

    fn send_offer(&mut self, cx: &mut Stack, spec: &Spec, purpose: Purpose) -> Result<(), (u16, &'static str)> {
        let body = self.talk.offer(spec).map_err(|error| match error {
            OfferError::OpenOffer => (491, "Request Pending"),
            OfferError::NothingAllowed => (488, "Nothing The Device May Use"),
        })?;
        if !self.send_change(cx, &Method::Invite, Some(&body), purpose) {
            self.talk.withdraw();
            return Err((503, "Service Unavailable"));
        }
        Ok(())
    }

    /// The call no longer wants what it passed on.
    pub fn withdraw_offer(&mut self, cx: &mut Stack) {
        let Some(up) = self.stage.up() else { return };
        if up.passing.take().is_some() {
            return self.tell(cx, refused(487, "Request Terminated"));
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

    /// The dialog ends, and with it what was asked of the peer: its answer to a re-INVITE may be lost and never sent
    /// again, and a transaction that was told to wait has no other end (RFC 3261 17.1.1.2) than that of CANCEL.
    pub(super) fn give_up_change(&mut self, cx: &mut Stack) {
        let change = self
            .stage
            .up()
            .map(|up| std::mem::replace(&mut up.change, Change::None));
        if let Some(Change::Ours(ours)) = change
            && ours.method == Method::Invite
        {
            requests::cancel(cx, ours.request, None);
        }
    }

    fn send_change(&mut self, cx: &mut Stack, method: &Method, body: Option<&[u8]>, purpose: Purpose) -> bool {
        let Some(up) = self.stage.up() else { return false };
        let dialog = &mut up.confirmed.dialog;
        let way = self.path.within(dialog);
        let mut outline = self.timer.ask_again(Outline::new(method).contact(&self.path.user));
        if let Some(sdp) = body {
            outline = outline.body("application/sdp", sdp);
        }
        let Some(request) = requests::within(cx, outline, dialog, way, Owner::Change(self.id)) else {
            return false;
        };
        up.change = Change::Ours(Ours {
            request,
            purpose,
            method: method.clone(),
        });
        true
    }

    /// Refreshes the session (RFC 4028 section 7.4): by UPDATE without a body where the peer allows
    /// it, else by a re-INVITE that describes the session as it is.
    pub(super) fn refresh(&mut self, cx: &mut Stack) {
        let sent = self.is_free()
            && if self.can.update {
                self.send_change(cx, &Method::Update, None, Purpose::Refresh)
            } else {
                let body = self.talk.offer_again();
                let sent = self.send_change(cx, &Method::Invite, body.as_deref(), Purpose::Refresh);
                if !sent {
                    self.talk.withdraw();
                }
                sent
            };
        if !sent {
            self.retry_later(cx, LegTimer::Refresh, Duration::ZERO);
        }
    }

    /// RFC 3261 14.1: after glare the owner of the Call-ID waits 2.1 to 4 s, the other up to 2 s.
    fn retry_later(&mut self, cx: &mut Stack, timer: LegTimer, at_least: Duration) {
        let wait = if self.inbound {
            10 * cx.ids.below(201)
        } else {
            2_100 + 10 * cx.ids.below(191)
        };
        let at = cx.now + Duration::from_millis(wait.max(10)).max(at_least);
        cx.timers.set(TimerKey::Leg(self.id, timer), at);
    }

    /// An answer to our re-INVITE or UPDATE came; `None` for none at all.
    pub fn change_response(&mut self, cx: &mut Stack, request: RequestId, reply: Option<&Reply>) {
        let (code, response) = (reply.map_or(408, Reply::code), reply.map(|reply| &reply.response));
        let change = self.stage.up().map(|up| &mut up.change);
        if (100..=199).contains(&code) {
            let passed = matches!(change, Some(Change::Ours(ours)) if ours.request == request && ours.purpose == Purpose::Passed);
            if passed && code > 100 {
                self.tell(cx, SessionEvent::Pending);
            }
            return;
        }
        let ours = change.and_then(|change| change.take_ours(request));
        let Some(ours) = ours else {
            return self.acknowledge_again(cx, reply);
        };
        match (reply, code) {
            (Some(reply), 200..=299) => self.change_accepted(cx, reply, ours),
            // RFC 3261 12.2.1.2: the peer knows no such dialog, or does not answer.
            (_, 408 | 481) => {
                self.talk.withdraw();
                self.tell_refused(cx, ours.purpose, code, "Call/Transaction Does Not Exist");
                self.lost(cx, crate::api::CauseCode::PhoneLost, "the phone no longer answers");
            }
            _ => self.change_refused(cx, ours.purpose, code, response),
        }
    }

    fn change_accepted(&mut self, cx: &mut Stack, reply: &Reply, ours: Ours) {
        let response = &reply.response;
        let invite = ours.method == Method::Invite;
        if let Some(confirmed) = self.stage.confirmed() {
            confirmed.dialog.refresh_target(response);
        }
        if invite {
            self.send_ack(cx, &reply.request, response);
        }
        self.can.learn(response);
        self.timer.asked_in(&reply.request);
        self.timer.settle(response);
        self.timer.start(cx, self.id);
        if !self.talk.is_open() {
            return; // it offered nothing
        }
        let before = self.heard().cloned();
        let answer = description(response).and_then(|sdp| self.talk.hear_answer(sdp).ok());
        let Some(spec) = answer else {
            self.talk.withdraw();
            return self.tell_refused(cx, ours.purpose, 488, "No Usable Answer");
        };
        self.sync_media(cx);
        match ours.purpose {
            Purpose::Passed | Purpose::Own => {
                self.forget_wanted();
                self.tell(cx, SessionEvent::Accepted(spec));
            }
            Purpose::Refresh => {
                // An answer to what is in use names less than an offer did; anything else is a change of the phone's.
                let same = before.is_some_and(|before| {
                    before.direction() == spec.direction()
                        && spec.intersect(&before).codecs().len() == spec.codecs().len()
                });
                if !same {
                    self.tell(cx, SessionEvent::Redescribed(spec));
                }
            }
        }
        self.offer_wanted(cx);
    }

    fn change_refused(&mut self, cx: &mut Stack, purpose: Purpose, code: u16, response: Option<&Message>) {
        // RFC 6141 3.1: a change that is refused leaves everything as it was before.
        self.talk.withdraw();
        match (purpose, not_now(code, response)) {
            (Purpose::Own, Some(wait)) => self.retry_later(cx, LegTimer::Offer, wait),
            (Purpose::Passed | Purpose::Own, wait) => {
                let code = if wait.is_some() { 491 } else { code };
                let reason = response
                    .map(|r| sip::clean(r.reason()).into_owned())
                    .unwrap_or_default();
                self.tell_refused(cx, purpose, code, &reason);
            }
            (Purpose::Refresh, Some(wait)) => self.retry_later(cx, LegTimer::Refresh, wait),
            // It takes no change of any kind and promised no refresh (RFC 4028 section 7.2), but it is there.
            (Purpose::Refresh, None) if !self.can.update && !self.can.timer => self.timer.start(cx, self.id),
            (Purpose::Refresh, None) => {
                self.can.update = false; // the next try is a re-INVITE
                let again = cx.now + Duration::from_secs(10);
                cx.timers.set(TimerKey::Leg(self.id, LegTimer::Refresh), again);
            }
        }
    }

    fn tell_refused(&mut self, cx: &mut Stack, purpose: Purpose, code: u16, reason: &str) {
        match purpose {
            Purpose::Own => {
                self.forget_wanted();
                self.tell(cx, refused(code, reason));
            }
            Purpose::Passed => self.tell(cx, refused(code, reason)),
            Purpose::Refresh => {}
        }
    }

    // The 2xx to a re-INVITE came again: its ACK was lost.
    fn acknowledge_again(&mut self, cx: &mut Stack, reply: Option<&Reply>) {
        let Some(reply) = reply.filter(|reply| *reply.request.method() == Method::Invite) else {
            return;
        };
        if reply.is_success() {
            self.send_ack(cx, &reply.request, &reply.response);
        }
    }

    /// The phone was told how things are: no offer of our own is needed.
    pub(super) fn forget_wanted(&mut self) {
        if let Some(up) = self.stage.up() {
            up.wanted = None;
        }
    }
}

/// The longest that a phone may put us off; RFC 3261 14.2 gives it 10 s.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether a change is refused only because another one is under way (RFC 3261 14.2), and how long that takes.
fn not_now(code: u16, response: Option<&Message>) -> Option<Duration> {
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
