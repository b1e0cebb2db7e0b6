//! Changes of the peer's to a session that is up: re-INVITE and UPDATE (RFC 3261 14.2, 3311 5.2, 6141).

use std::time::Duration;

use ::media::{SdpDirection, Spec};
use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{Leg, LegEvent, LegTimer, Phase, description, inbound::FinishWith, offer::Change, status};
use crate::{
    answer::{Answer, FORMAT, MEDIA_TYPE},
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
    },
};

/// How long an UPDATE may wait for the other phone: its transaction ends after 32 s, and RFC 3311 5.2 has it answered
/// at once, with 504 where that cannot be.
const UPDATE_WAITS: Duration = Duration::from_secs(20);

impl Leg {
    /// A re-INVITE or UPDATE came within the dialog.
    pub(super) fn change_requested(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        let offerless_update = *request.method() == Method::Update && description(&request).is_empty();
        let allowed = if offerless_update {
            self.may_refresh(cx)
        } else {
            self.may_change(cx)
        };
        if let Err(refusal) = allowed.and_then(|()| self.retime(&request)) {
            return cx.answer(server, &request, &refusal);
        }
        self.learn_abilities(&request);
        if description(&request).is_empty() {
            return self.change_without_offer(cx, server, &request);
        }
        let Some(session) = &mut self.session else {
            return cx.answer(server, &request, &Answer::of(488));
        };
        let offered = match session.receive_offer(description(&request)) {
            Ok(spec) => self.allowed(spec),
            Err(fault) => {
                tracing::info!(%fault, "the offer was refused");
                let refusal = Answer::undescribed(&cx.config.domain, &fault, description(&request));
                return cx.answer(server, &request, &refusal);
            }
        };
        if !offered.has_audio() && has_other_media(description(&request)) {
            // Such as a fax that would go over T.38: refused, it goes as audio.
            self.roll_back();
            let refusal = Answer::unacceptable(&cx.config.domain, MEDIA_TYPE);
            return cx.answer(server, &request, &refusal);
        }
        let same = self.heard.as_ref() == Some(&offered);
        let update = *request.method() == Method::Update;
        self.change = Change::Theirs {
            server,
            request,
            offered: offered.clone(),
        };
        match self.said.clone().filter(|_| same) {
            // The same again (a refresh), or only the phone's own address changed: media goes
            // through us, so the other side need not hear of it.
            Some(said) => self.answer_theirs(cx, &said),
            None => {
                if update {
                    let key = TimerKey::Leg(self.id, LegTimer::Update);
                    cx.timers.set(key, cx.now + UPDATE_WAITS);
                }
                self.tell(cx, LegEvent::Offer(offered));
            }
        }
    }

    // RFC 3261 14.2, 3311 5.2.
    fn may_change(&self, cx: &mut Stack) -> Result<(), Answer> {
        match &self.change {
            Change::Ours(_) => Err(Answer::of(491)),
            Change::Theirs { .. } => Err(later(cx)),
            Change::None if self.awaited.as_ref().is_some_and(|awaited| awaited.offered.is_some()) => {
                Err(Answer::of(491))
            }
            Change::None => match self.phase {
                Phase::Up | Phase::Unacked => Ok(()),
                // An offer while the first one is not answered (RFC 3311 5.2).
                Phase::Incoming => Err(later(cx)),
                // Nor while the phone itself has not answered ours (RFC 3261 14.2, 3311 5.2).
                Phase::Calling => Err(Answer::of(491)),
                Phase::Cancelling | Phase::Ending | Phase::Gone => Err(Answer::of(481)),
            },
        }
    }

    /// An UPDATE without an offer touches no session: only another UPDATE is in its way.
    fn may_refresh(&self, cx: &mut Stack) -> Result<(), Answer> {
        match (&self.change, self.phase) {
            (_, Phase::Cancelling | Phase::Ending | Phase::Gone) => Err(Answer::of(481)),
            (Change::Theirs { request, .. }, _) if *request.method() == Method::Update => Err(later(cx)),
            (
                Change::Theirs { .. } | Change::Ours(_) | Change::None,
                Phase::Up | Phase::Unacked | Phase::Incoming | Phase::Calling,
            ) => Ok(()),
        }
    }

    /// A re-INVITE without an offer gets ours, for what is in use; an UPDATE without one only refreshes.
    fn change_without_offer(&mut self, cx: &mut Stack, server: ServerId, request: &Message) {
        let invite = *request.method() == Method::Invite;
        let spec = self.said.clone().or_else(|| self.heard.clone());
        let spec = spec
            .filter(|_| invite)
            .map(|spec| spec.with_direction(SdpDirection::SendRecv));
        let body = match (&mut self.session, &spec) {
            (Some(session), Some(spec)) => {
                session.rollback();
                session.make_offer(spec).ok()
            }
            (Some(_) | None, _) => None,
        };
        let reply = self.change_reply(cx, request).finish_with(body.as_deref());
        if invite {
            self.await_ack(cx, server, request, &reply, spec.filter(|_| body.is_some()));
        }
        cx.respond(server, reply);
        if self.is_up() {
            self.start_session_timer(cx);
        }
    }

    /// A 200 to a change; with it its target is taken (RFC 3261 12.2.2), which a refused one must not move.
    fn change_reply(&mut self, cx: &Stack, request: &Message) -> Builder {
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(request);
        }
        let builder = Builder::reply(request, status(200), Some(&self.local_tag))
            .copy(request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, self.contact(cx))
            .header(HeaderName::Allow, allow(Place::Within))
            .header(HeaderName::Supported, supported(Place::Within))
            .header(HeaderName::Server, &cx.config.product);
        self.timer.describe(builder, self.can.timer)
    }

    /// What the peer offers and waits for an answer to.
    pub fn pending_offer(&self) -> Option<&Spec> {
        match &self.change {
            Change::Theirs { offered, .. } => Some(offered),
            Change::None | Change::Ours(_) => None,
        }
    }

    /// Takes the peer's change: `spec` is what the other side accepted of it. With that the peer knows how things
    /// are now, whatever it was to be offered.
    pub fn answer_change(&mut self, cx: &mut Stack, spec: &Spec) {
        if self.pending_offer().is_some() {
            self.wanted = None;
        }
        self.answer_theirs(cx, spec);
    }

    fn answer_theirs(&mut self, cx: &mut Stack, spec: &Spec) {
        let Some((server, request, offered)) = self.take_theirs(cx) else {
            return;
        };
        let Some(Ok(body)) = self.session.as_mut().map(|session| session.make_answer(spec)) else {
            self.roll_back();
            let refusal = Answer::unacceptable(&cx.config.domain, FORMAT);
            return cx.answer(server, &request, &refusal);
        };
        self.heard = Some(offered);
        self.said = Some(spec.clone());
        let reply = self.change_reply(cx, &request).body("application/sdp", &body).finish();
        if *request.method() == Method::Invite {
            self.await_ack(cx, server, &request, &reply, None);
        }
        cx.respond(server, reply);
        self.sync_media(cx);
        self.start_session_timer(cx);
        if self.wanted.is_some() {
            self.offer_wanted(cx);
        }
    }

    /// The other phone's person is asked about the peer's change (RFC 6141 section 3.3).
    pub fn change_pending(&mut self, cx: &mut Stack) {
        if let Change::Theirs { server, request, .. } = &self.change
            && *request.method() == Method::Invite
        {
            let reply = Builder::reply(request, StatusCode::SESSION_PROGRESS, Some(&self.local_tag))
                .header(HeaderName::Contact, self.contact(cx));
            cx.respond(*server, reply.finish());
        }
    }

    /// Refuses the peer's change; the session stays as it is.
    pub fn refuse_change(&mut self, cx: &mut Stack, code: u16) {
        let Some((server, request, _)) = self.take_theirs(cx) else {
            return;
        };
        self.roll_back();
        cx.answer(server, &request, &Answer::of(code));
    }

    fn take_theirs(&mut self, cx: &mut Stack) -> Option<(ServerId, Message, Spec)> {
        match std::mem::replace(&mut self.change, Change::None) {
            Change::Theirs {
                server,
                request,
                offered,
            } => {
                cx.timers.clear(TimerKey::Leg(self.id, LegTimer::Update));
                Some((server, request, offered))
            }
            other @ (Change::None | Change::Ours(_)) => {
                self.change = other;
                None
            }
        }
    }

    /// The other phone takes too long for an UPDATE.
    pub(super) fn update_waited(&mut self, cx: &mut Stack) {
        if self.pending_offer().is_some() {
            self.refuse_change(cx, 504);
            self.tell(cx, LegEvent::OfferWithdrawn);
        }
    }

    /// CANCEL came for a re-INVITE that waits.
    pub(super) fn change_cancelled(&mut self, cx: &mut Stack, cancelled: ServerId) {
        if matches!(self.change, Change::Theirs { server, .. } if server == cancelled) {
            self.refuse_change(cx, 487);
            self.tell(cx, LegEvent::OfferWithdrawn);
        }
    }

    /// The dialog ends: whatever waits is answered (RFC 3261 15.1.2).
    pub(super) fn end_change(&mut self, cx: &mut Stack) {
        self.wanted = None;
        self.passing = None;
        match self.change {
            Change::Theirs { .. } => self.refuse_change(cx, 487),
            Change::Ours(_) => self.give_up_change(cx),
            Change::None => {}
        }
    }
}

/// Whether a description has a stream that is in use.
fn has_other_media(sdp: &[u8]) -> bool {
    ::media::sdp::Sdp::parse(sdp).is_ok_and(|sdp| sdp.media.iter().any(|media| media.port != 0))
}

/// RFC 3261 14.2: not while another one waits.
fn later(cx: &mut Stack) -> Answer {
    Answer::of(500).with(HeaderName::RetryAfter, cx.ids.below(11).to_string())
}
