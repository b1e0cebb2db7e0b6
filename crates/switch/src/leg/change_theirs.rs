//! Changes of the peer's to a session that is up: re-INVITE and UPDATE (RFC 3261 14.2, 3311 5.2, 6141).

use std::time::Duration;

use ::media::{SdpDirection, Spec};
use sip::{Builder, HeaderName, Message, Method, StatusCode, transaction::ServerId};

use super::{
    Leg, LegTimer, SessionEvent, Stage,
    change_ours::Change,
    description,
    inbound::{FinishWith, refusal},
    stage::AwaitedAck,
};
use crate::{
    answer::{Answer, FORMAT},
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
        let update = *request.method() == Method::Update;
        let sdp = description(&request);
        let allowed = if update && sdp.is_none() {
            self.may_refresh(cx)
        } else {
            self.may_change(cx)
        };
        if let Err(refusal) = allowed.and_then(|()| self.timer.take(&request)) {
            return cx.answer(server, &request, &refusal);
        }
        self.can.learn(&request);
        let Some(sdp) = sdp else {
            return self.change_without_offer(cx, server, &request);
        };
        let before = self.heard().cloned();
        let offered = match self.talk.hear_offer(sdp) {
            Ok(spec) => spec,
            Err(fault) => {
                let refusal = refusal(cx, &fault, sdp);
                return cx.answer(server, &request, &refusal);
            }
        };
        let same = before.as_ref() == Some(&offered);
        if let Some(up) = self.stage.up() {
            up.change = Change::Theirs { server, request };
        }
        match self.talk.said().cloned().filter(|_| same) {
            // The same again (a refresh), or only the phone's own address changed: media goes
            // through us, so the other side need not hear of it.
            Some(said) => self.answer_theirs(cx, &said),
            None => {
                if update {
                    let key = TimerKey::Leg(self.id, LegTimer::Update);
                    cx.timers.set(key, cx.now + UPDATE_WAITS);
                }
                self.tell(cx, SessionEvent::Offered(offered));
            }
        }
    }

    // RFC 3261 14.2, 3311 5.2.
    fn may_change(&self, cx: &mut Stack) -> Result<(), Answer> {
        match &self.stage {
            Stage::Up(up) => match &up.change {
                Change::Ours(_) => Err(Answer::of(491)),
                Change::Theirs { .. } => Err(later(cx)),
                Change::None if self.talk.awaits_ack() => Err(Answer::of(491)),
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
    fn may_refresh(&mut self, cx: &mut Stack) -> Result<(), Answer> {
        if !self.stage.is_live() {
            return Err(Answer::of(481));
        }
        match self.stage.up().map(|up| &up.change) {
            Some(Change::Theirs { request, .. }) if *request.method() == Method::Update => Err(later(cx)),
            Some(Change::Theirs { .. } | Change::Ours(_) | Change::None) | None => Ok(()),
        }
    }

    /// A re-INVITE without an offer gets ours, for what is in use; an UPDATE without one only refreshes.
    fn change_without_offer(&mut self, cx: &mut Stack, server: ServerId, request: &Message) {
        let invite = *request.method() == Method::Invite;
        let spec = self.talk.said().or(self.talk.heard()).filter(|_| invite);
        let spec = spec.map(|spec| spec.clone().with_direction(SdpDirection::SendRecv));
        let body = spec.and_then(|spec| self.talk.offer_in_success(&spec).ok());
        let reply = self.change_reply(cx, request).finish_with(body.as_deref());
        if invite {
            self.await_ack(cx, server, request, &reply);
        }
        cx.respond(server, reply);
        if self.is_up() {
            self.timer.start(cx, self.id);
        }
    }

    /// A 200 to a change; with it its target is taken (RFC 3261 12.2.2), which a refused one must not move.
    fn change_reply(&mut self, cx: &Stack, request: &Message) -> Builder {
        if let Some(dialog) = self.stage.dialog_of(request) {
            dialog.refresh_target(request);
        }
        let builder = Builder::reply(request, StatusCode::OK, None)
            .copy(request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, self.contact(cx))
            .header(HeaderName::Allow, allow(Place::Within))
            .header(HeaderName::Supported, supported(Place::Within))
            .header(HeaderName::Server, &cx.config.product);
        self.timer.describe(builder, self.can.timer)
    }

    /// What the peer offers and waits for an answer to.
    pub fn pending_offer(&self) -> Option<&Spec> {
        self.talk.offered().filter(|_| self.is_up())
    }

    /// Takes the peer's change: `spec` is what the other side accepted of it. With that the peer knows how things
    /// are now, whatever it was to be offered.
    pub fn answer_change(&mut self, cx: &mut Stack, spec: &Spec) {
        if self.pending_offer().is_some() {
            self.forget_wanted();
        }
        self.answer_theirs(cx, spec);
    }

    fn answer_theirs(&mut self, cx: &mut Stack, spec: &Spec) {
        let Some((server, request)) = self.take_theirs(cx) else {
            return;
        };
        let Ok(body) = self.talk.answer(spec) else {
            self.talk.withdraw();
            let refusal = Answer::unacceptable(&cx.config.domain, FORMAT);
            return cx.answer(server, &request, &refusal);
        };
        let reply = self.change_reply(cx, &request).body("application/sdp", &body).finish();
        if *request.method() == Method::Invite {
            self.await_ack(cx, server, &request, &reply);
        }
        cx.respond(server, reply);
        self.sync_media(cx);
        self.timer.start(cx, self.id);
        self.offer_wanted(cx);
    }

    /// A 2xx of ours to a re-INVITE is sent again until its ACK comes.
    fn await_ack(&mut self, cx: &mut Stack, server: ServerId, invite: &Message, reply: &Message) {
        let (id, flow) = (self.id, self.path.flow);
        if let Some(up) = self.stage.up() {
            up.confirmed.awaited = Some(AwaitedAck::new(cx, id, server, invite, reply, flow));
        }
    }

    /// The other phone's person is asked about the peer's change (RFC 6141 section 3.3).
    pub fn change_pending(&mut self, cx: &mut Stack) {
        if let Stage::Up(up) = &self.stage
            && let Change::Theirs { server, request } = &up.change
            && *request.method() == Method::Invite
        {
            let reply = Builder::reply(request, StatusCode::SESSION_PROGRESS, None)
                .header(HeaderName::Contact, self.contact(cx));
            cx.respond(*server, reply.finish());
        }
    }

    /// Refuses the peer's change; the session stays as it is.
    pub fn refuse_change(&mut self, cx: &mut Stack, code: u16) {
        let Some((server, request)) = self.take_theirs(cx) else {
            return;
        };
        self.talk.withdraw();
        cx.answer(server, &request, &Answer::of(code));
    }

    fn take_theirs(&mut self, cx: &mut Stack) -> Option<(ServerId, Message)> {
        let up = self.stage.up()?;
        match std::mem::replace(&mut up.change, Change::None) {
            Change::Theirs { server, request } => {
                cx.timers.clear(TimerKey::Leg(self.id, LegTimer::Update));
                Some((server, request))
            }
            other @ (Change::None | Change::Ours(_)) => {
                up.change = other;
                None
            }
        }
    }

    /// The other phone takes too long for an UPDATE.
    pub(super) fn update_waited(&mut self, cx: &mut Stack) {
        if self.pending_offer().is_some() {
            self.refuse_change(cx, 504);
            self.tell(cx, SessionEvent::Withdrawn);
        }
    }

    /// CANCEL came for a re-INVITE that waits.
    pub(super) fn change_cancelled(&mut self, cx: &mut Stack, cancelled: ServerId) {
        let change = self.stage.up().map(|up| &up.change);
        if matches!(change, Some(Change::Theirs { server, .. }) if *server == cancelled) {
            self.refuse_change(cx, 487);
            self.tell(cx, SessionEvent::Withdrawn);
        }
    }

    /// The dialog ends: whatever waits is answered (RFC 3261 15.1.2).
    pub(super) fn end_change(&mut self, cx: &mut Stack) {
        let Some(up) = self.stage.up() else { return };
        (up.wanted, up.passing) = (None, None);
        match up.change {
            Change::Theirs { .. } => self.refuse_change(cx, 487),
            Change::Ours(_) => self.give_up_change(cx),
            Change::None => {}
        }
    }
}

/// RFC 3261 14.2: not while another one waits.
fn later(cx: &mut Stack) -> Answer {
    Answer::of(500).with(HeaderName::RetryAfter, cx.ids.below(11).to_string())
}
