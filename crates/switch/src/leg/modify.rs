//! Changing a session that is up: re-INVITE and UPDATE, both ways (RFC 3261 14, 3311, 6141).

use std::time::Duration;

use ::media::{SdpDirection, Spec};
use sip::{
    Builder, HeaderName, Message, Method,
    transaction::{ClientId, ServerId},
};

use super::{ALLOW, Leg, LegEvent, LegTimer, Phase, Refusal, inbound::FinishWith, status};
use crate::stack::{ClientUse, Stack, TimerKey};

/// The change under way on a leg; never more than one (RFC 3261 14.1, 14.2).
#[derive(Debug)]
pub(super) enum Change {
    /// None.
    None,
    /// Ours: the request is out.
    Ours { client: ClientId, purpose: Purpose },
    /// The peer's: its offer waits for the call's decision.
    Theirs { server: ServerId, request: Message },
}

/// What a change of ours is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The call offers something.
    Offer,
    /// The session timer.
    Refresh,
}

impl Leg {
    /// Offers the peer a change by re-INVITE. Answered by [`LegEvent::OfferAnswered`] or
    /// [`LegEvent::OfferRefused`]; with 491 where another change is under way.
    pub fn offer(&mut self, cx: &mut Stack, spec: &Spec) {
        let free = self.phase == Phase::Up && self.awaited.is_none() && matches!(self.change, Change::None);
        let body = match &mut self.session {
            Some(session) if free => session.make_offer(spec),
            Some(_) | None => return self.tell(cx, refused(491, "Request Pending")),
        };
        if !self.send_change(cx, &Method::Invite, Some(&body), Purpose::Offer) {
            self.roll_back();
            self.tell(cx, refused(503, "Service Unavailable"));
        }
    }

    /// The call no longer wants what it offered.
    pub fn withdraw_offer(&mut self, cx: &mut Stack) {
        if let Change::Ours {
            client,
            purpose: Purpose::Offer,
        } = self.change
        {
            let _ = cx.layer.cancel(cx.now, client, None);
        }
    }

    pub(super) fn send_change(
        &mut self,
        cx: &mut Stack,
        method: &Method,
        body: Option<&[u8]>,
        purpose: Purpose,
    ) -> bool {
        let Some(dialog) = &mut self.dialog else { return false };
        let way = Stack::way(dialog.next_hop(), &self.flow);
        let via = cx.via(&way);
        let builder = dialog
            .request(method, via)
            .header(HeaderName::Contact, cx.contact(&self.flow, &self.user))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::UserAgent, &cx.config.product);
        let request = self.timer.ask(builder).finish_with(body);
        let Some(client) = cx.request(way, request, ClientUse::Modify(self.id)) else {
            return false;
        };
        self.change = Change::Ours { client, purpose };
        true
    }

    /// An answer to our re-INVITE or UPDATE came; `None` for none at all.
    pub fn change_response(&mut self, cx: &mut Stack, client: ClientId, response: Option<&Message>) {
        let code = response.and_then(Message::status).map_or(408, |status| status.code());
        if (100..=199).contains(&code) {
            return;
        }
        let Change::Ours {
            client: current,
            purpose,
        } = self.change
        else {
            return self.acknowledge_again(cx, response);
        };
        if current != client {
            return self.acknowledge_again(cx, response);
        }
        self.change = Change::None;
        match (response, code) {
            (Some(response), 200..=299) => self.change_accepted(cx, response, purpose),
            // RFC 3261 12.2.1.2: the peer knows no such dialog, or does not answer.
            (_, 408 | 481) => {
                self.roll_back();
                self.tell_refused(cx, purpose, code, "Call/Transaction Does Not Exist");
                self.lost(cx, "the phone no longer answers");
            }
            (response, _) => {
                self.change_refused(
                    cx,
                    purpose,
                    code,
                    &response.map(|r| r.reason().to_string()).unwrap_or_default(),
                );
            }
        }
    }

    fn change_accepted(&mut self, cx: &mut Stack, response: &Message, purpose: Purpose) {
        let invite = *response.method() == Method::Invite;
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(response);
        }
        if invite {
            self.send_ack(cx, response);
        }
        self.learn_abilities(response);
        self.timer.settle(response, self.can.timer);
        self.start_session_timer(cx);
        match purpose {
            Purpose::Refresh => {}
            Purpose::Offer => match self.take_answer(response.body()) {
                Some(spec) => {
                    self.sync_media(cx);
                    self.tell(cx, LegEvent::OfferAnswered(spec));
                }
                None => {
                    self.roll_back();
                    self.tell(cx, refused(488, "No Usable Answer"));
                }
            },
        }
    }

    fn change_refused(&mut self, cx: &mut Stack, purpose: Purpose, code: u16, reason: &str) {
        // RFC 6141 3.1: a change that is refused leaves everything as it was before.
        match purpose {
            Purpose::Offer => {
                self.roll_back();
                self.tell(cx, refused(code, reason));
            }
            Purpose::Refresh => {
                // RFC 3261 14.1: after glare the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s.
                let least = if self.inbound { 0 } else { 2_100 };
                let wait = Duration::from_millis(least + 10 * cx.ids.below(if self.inbound { 200 } else { 190 }));
                cx.timers.set(
                    TimerKey::Leg(self.id, LegTimer::Refresh),
                    cx.now + wait.max(Duration::from_millis(10)),
                );
                if code != 491 {
                    self.can.update = false; // the next try is a re-INVITE
                    cx.timers.set(
                        TimerKey::Leg(self.id, LegTimer::Refresh),
                        cx.now + Duration::from_secs(10),
                    );
                }
            }
        }
    }

    fn tell_refused(&self, cx: &mut Stack, purpose: Purpose, code: u16, reason: &str) {
        if purpose == Purpose::Offer {
            self.tell(cx, refused(code, reason));
        }
    }

    // The 2xx to a re-INVITE came again: its ACK was lost.
    fn acknowledge_again(&mut self, cx: &mut Stack, response: Option<&Message>) {
        let Some(response) = response.filter(|r| *r.method() == Method::Invite) else {
            return;
        };
        if response.status().is_some_and(|status| status.is_success()) {
            self.send_ack(cx, response);
        }
    }

    /// The request goes on under another handle (it fell back to another transport).
    pub fn change_continues(&mut self, from: ClientId, to: ClientId) {
        if let Change::Ours { client, .. } = &mut self.change
            && *client == from
        {
            *client = to;
        }
    }

    pub(super) fn roll_back(&mut self) {
        if let Some(session) = &mut self.session {
            session.rollback();
        }
    }

    /// A re-INVITE or UPDATE came within the dialog.
    pub(super) fn change_requested(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        if let Err(refusal) = self.may_change(cx).and_then(|()| self.retime(&request)) {
            return cx.respond(server, refusal.reply(&request, &self.local_tag));
        }
        self.learn_abilities(&request);
        if request.body().is_empty() {
            return self.change_without_offer(cx, server, &request);
        }
        let before = self.heard.clone();
        let Some(session) = &mut self.session else {
            return cx.respond(server, Refusal::new(488).reply(&request, &self.local_tag));
        };
        let spec = match session.receive_offer(request.body()) {
            Ok(spec) => spec,
            Err(fault) => {
                tracing::info!(%fault, "the offer was refused");
                return cx.respond(server, Refusal::new(488).reply(&request, &self.local_tag));
            }
        };
        self.change = Change::Theirs { server, request };
        if self.phase == Phase::Up && before.as_ref() == Some(&spec) {
            // The same again (a refresh), or only the phone's own address changed: media goes
            // through us, so the other side need not hear of it.
            let spec = self.agreed.clone().unwrap_or(spec);
            return self.answer_change(cx, &spec);
        }
        self.heard = Some(spec.clone());
        self.tell(cx, LegEvent::Offer(spec));
    }

    // RFC 3261 14.2, 3311 5.2.
    fn may_change(&self, cx: &mut Stack) -> Result<(), Refusal> {
        let later = |cx: &mut Stack| Some((HeaderName::RetryAfter, cx.ids.below(10).to_string()));
        match &self.change {
            Change::Ours { .. } => Err(Refusal::new(491)),
            Change::Theirs { .. } => Err(Refusal {
                code: 500,
                reason: None,
                header: later(cx),
            }),
            Change::None if self.awaited.as_ref().is_some_and(|awaited| awaited.offered) => Err(Refusal::new(491)),
            Change::None => match self.phase {
                Phase::Up | Phase::Unacked => Ok(()),
                // An offer while the first one is not answered (RFC 3311 5.2).
                Phase::Incoming | Phase::Calling => Err(Refusal {
                    code: 500,
                    reason: None,
                    header: later(cx),
                }),
                Phase::Cancelling | Phase::Ending | Phase::Gone => Err(Refusal::new(481)),
            },
        }
    }

    /// A re-INVITE without an offer gets ours, for what is in use; an UPDATE without one only refreshes.
    fn change_without_offer(&mut self, cx: &mut Stack, server: ServerId, request: &Message) {
        let invite = *request.method() == Method::Invite;
        let spec = self.agreed.clone().or_else(|| self.heard.clone());
        let body = match (&mut self.session, spec) {
            (Some(session), Some(spec)) if invite => {
                Some(session.make_offer(&spec.with_direction(SdpDirection::SendRecv)))
            }
            (Some(_) | None, _) => None,
        };
        let reply = self.change_reply(cx, request).finish_with(body.as_deref());
        if invite {
            self.await_ack(cx, server, request, &reply, body.is_some());
        }
        cx.respond(server, reply);
        self.start_session_timer(cx);
    }

    fn change_reply(&self, cx: &Stack, request: &Message) -> Builder {
        let builder = Builder::reply(request, status(200), Some(&self.local_tag))
            .copy(request, HeaderName::RecordRoute)
            .header(HeaderName::Contact, cx.contact(&self.flow, &self.user))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::Server, &cx.config.product);
        self.timer.describe(builder, self.can.timer)
    }

    /// Takes the peer's change: `spec` is what the other side accepted of it.
    pub fn answer_change(&mut self, cx: &mut Stack, spec: &Spec) {
        let Change::Theirs { server, request } = std::mem::replace(&mut self.change, Change::None) else {
            return;
        };
        let Some(Ok(body)) = self.session.as_mut().map(|session| session.make_answer(spec)) else {
            self.change = Change::Theirs { server, request };
            return self.refuse_change(cx, 488);
        };
        self.agreed = Some(spec.clone());
        let reply = self.change_reply(cx, &request).body("application/sdp", &body).finish();
        if *request.method() == Method::Invite {
            self.await_ack(cx, server, &request, &reply, false);
        }
        cx.respond(server, reply);
        self.sync_media(cx);
        self.start_session_timer(cx);
    }

    /// Refuses the peer's change; the session stays as it is.
    pub fn refuse_change(&mut self, cx: &mut Stack, code: u16) {
        let Change::Theirs { server, request } = std::mem::replace(&mut self.change, Change::None) else {
            return;
        };
        self.roll_back();
        cx.respond(server, Refusal::new(code).reply(&request, &self.local_tag));
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
        match self.change {
            Change::Theirs { .. } => self.refuse_change(cx, 487),
            Change::Ours { .. } | Change::None => self.change = Change::None,
        }
    }
}

fn refused(code: u16, reason: &str) -> LegEvent {
    LegEvent::OfferRefused {
        code,
        reason: reason.into(),
    }
}
