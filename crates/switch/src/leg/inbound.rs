//! A leg that a phone began: the UAS side of its first INVITE (RFC 3261 13.3).

use ::media::Spec;
use sip::{
    Builder, Flow, HeaderName, Message, StatusCode,
    dialog::Dialog,
    retransmit::{Accepted, Due},
    transaction::ServerId,
};

use super::{AwaitedAck, Leg, LegEvent, LegId, LegTimer, Phase, SessionTimer, description, status};
use crate::{
    answer::{Answer, FORMAT},
    ids::CallId,
    locations::Peer,
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
        layer_config,
    },
};

impl Leg {
    /// Takes an INVITE that was authenticated. Nothing is sent yet.
    pub fn inbound(
        cx: &mut Stack,
        id: LegId,
        call: CallId,
        (server, flow, invite): (ServerId, Flow, Message),
        (peer, codecs): (Peer, Vec<String>),
    ) -> Result<Self, Answer> {
        let timer = SessionTimer::asked(&invite, &cx.config)?;
        let local_tag = cx.ids.tag();
        let dialog = Dialog::uas(&invite, &local_tag).map_err(|_| Answer::of(400))?;
        let user = invite
            .request_uri()
            .ok()
            .map(|uri| uri.number().into_owned())
            .unwrap_or_default();
        let mut leg = Self::new(id, call, peer, flow, invite, local_tag, timer);
        leg.codecs = codecs;
        leg.user = user;
        leg.server = Some(server);
        leg.learn_abilities(&leg.invite.clone());
        cx.dialogs.insert(dialog.id().clone(), id);
        leg.dialog = Some(dialog);
        if let Err(refusal) = leg.take_first_offer(cx) {
            leg.drop_quietly(cx);
            return Err(refusal);
        }
        cx.servers.insert(server, id);
        Ok(leg)
    }

    fn take_first_offer(&mut self, cx: &mut Stack) -> Result<(), Answer> {
        if description(&self.invite).is_empty() {
            return Ok(());
        }
        let body = self.invite.clone();
        let offered = self.first_offer(cx, description(&body)).map_err(|_| {
            Answer::because(StatusCode::SERVICE_UNAVAILABLE, "No Media Port Free").with(HeaderName::RetryAfter, "10")
        })?;
        let allowed = offered.map(|spec| self.allowed(spec));
        let spec = allowed.and_then(|spec| {
            if spec.has_audio() {
                Ok(spec)
            } else {
                Err(::media::SdpError::NoCommonCodec)
            }
        });
        let spec = spec.map_err(|fault| {
            tracing::info!(%fault, "the session description was refused");
            Answer::undescribed(&cx.config.domain, &fault, description(&body))
        })?;
        self.heard = Some(spec);
        self.had_offer = true;
        Ok(())
    }

    /// Answers with 200. `spec` is what the other side (or Tandem itself) accepted; where the INVITE
    /// made no offer it is what is offered now. Returns whether the codecs fitted; if not, 488 was sent.
    pub fn accept(&mut self, cx: &mut Stack, spec: &Spec) -> bool {
        let (Phase::Incoming, Some(server)) = (self.phase, self.server) else {
            return false;
        };
        let Some(body) = self.first_description(cx, spec) else {
            self.reject(cx, &Answer::unacceptable(&cx.config.domain, FORMAT));
            return false;
        };
        let mut builder = self
            .reply(cx, 200)
            .header(HeaderName::Allow, allow(Place::Within))
            .header(HeaderName::Supported, supported(Place::Within));
        builder = self.timer.describe(builder, self.can.timer);
        let reply = builder.body("application/sdp", &body).finish();
        self.phase = Phase::Unacked;
        if !self.had_offer || !self.answered_early {
            self.said = Some(spec.clone());
        }
        let offered = (!self.had_offer).then(|| spec.clone());
        self.await_ack(cx, server, &self.invite.clone(), &reply, offered);
        cx.respond(server, reply);
        self.sync_media(cx);
        true
    }

    fn first_description(&mut self, cx: &mut Stack, spec: &Spec) -> Option<bytes::Bytes> {
        if !self.had_offer {
            let session = self.ensure_session(cx).ok()?;
            session.rollback();
            return session.make_offer(spec).ok();
        }
        let answered = self.answered_early;
        let session = self.session.as_mut()?;
        if !answered {
            return session.make_answer(spec).ok();
        }
        session.last_local().cloned()
    }

    /// Remembers a 2xx, so that it is sent again until its ACK comes.
    pub(super) fn await_ack(
        &mut self,
        cx: &mut Stack,
        server: ServerId,
        invite: &Message,
        reply: &Message,
        offered: Option<Spec>,
    ) {
        let accepted = Accepted::new(
            cx.now,
            reply.bytes().clone(),
            &layer_config(&cx.config.transactions).timers,
        );
        if let Some(at) = accepted.next_timeout() {
            cx.timers.set(TimerKey::Leg(self.id, LegTimer::Accepted), at);
        }
        let flow = cx.layer.reply_flow(server).unwrap_or(self.flow);
        let seq = invite.cseq().map_or(0, |cseq| cseq.number);
        self.awaited = Some(AwaitedAck {
            accepted,
            flow,
            seq,
            offered,
        });
    }

    /// Answers with a final error; the leg is over.
    pub fn reject(&mut self, cx: &mut Stack, refusal: &Answer) {
        let (Phase::Incoming, Some(server)) = (self.phase, self.server) else {
            return;
        };
        let refusal = refusal.warned(&cx.config.domain);
        let reply = refusal.reply(&self.invite, &self.local_tag).finish();
        cx.respond(server, reply);
        self.gone(cx);
    }

    /// CANCEL came for the INVITE (RFC 3261 9.2).
    pub fn cancelled(&mut self, cx: &mut Stack, server: ServerId) {
        if self.server == Some(server) && self.phase == Phase::Incoming {
            self.tell(cx, LegEvent::Cancelled);
            self.reject(cx, &Answer::of(487));
        } else {
            self.change_cancelled(cx, server);
        }
    }

    /// ACK came for a 2xx.
    pub fn acknowledged(&mut self, cx: &mut Stack, ack: &Message) {
        let seq = ack.cseq().ok().map(|cseq| cseq.number);
        if self.awaited.as_ref().map(|awaited| awaited.seq) != seq {
            return; // a retransmission, or the ACK of an INVITE before the last
        }
        let offered = self.awaited.take().and_then(|awaited| awaited.offered);
        cx.timers.clear(TimerKey::Leg(self.id, LegTimer::Accepted));
        let before = self.heard.clone();
        let answer = offered.as_ref().and_then(|_| self.take_answer(description(ack)));
        match (&offered, &answer) {
            (Some(_), None) if self.phase == Phase::Unacked => {
                self.phase = Phase::Up;
                return self.lost(cx, "the ACK brought no usable answer to our offer");
            }
            // RFC 3261 14.2: without an answer there was no change.
            (Some(_), None) => self.roll_back(),
            (Some(_), Some(_)) => {
                self.said = offered;
                self.sync_media(cx);
            }
            (None, _) => {}
        }
        if self.phase == Phase::Unacked {
            self.phase = Phase::Up;
            self.start_session_timer(cx);
            self.tell(cx, LegEvent::Confirmed { answer });
        } else if let Some(spec) = answer.filter(|spec| before.as_ref() != Some(spec)) {
            self.tell(cx, LegEvent::Redescribed(spec));
        }
        if let Some(cause) = self.hang_up_when_acked.take() {
            return self.hang_up(cx, cause);
        }
        self.offer_next(cx);
    }

    pub(super) fn take_answer(&mut self, body: &[u8]) -> Option<Spec> {
        if body.is_empty() {
            return None;
        }
        let spec = self.session.as_mut()?.receive_answer(body).ok()?;
        self.heard = Some(spec.clone());
        Some(spec)
    }

    /// The 2xx is due again, or was never acknowledged (RFC 3261 13.3.1.4).
    pub(super) fn accepted_due(&mut self, cx: &mut Stack) {
        let Some(awaited) = &mut self.awaited else { return };
        match awaited.accepted.due(cx.now) {
            Due::Nothing => {}
            Due::Retransmit(bytes) => cx.transmit(awaited.flow, bytes),
            Due::GiveUp => {
                // Without an ACK the session is considered never to have been set up; BYE ends it.
                self.awaited = None;
                self.phase = Phase::Up;
                return self.lost(cx, "no ACK came to our 200");
            }
        }
        if let Some(at) = awaited.accepted.next_timeout() {
            cx.timers.set(TimerKey::Leg(self.id, LegTimer::Accepted), at);
        }
    }

    /// An answer to the first INVITE with what every one of them carries.
    fn reply(&self, cx: &Stack, code: u16) -> Builder {
        self.reply_with(cx, code, status(code).reason())
    }

    /// The same with other words.
    pub(super) fn reply_with(&self, cx: &Stack, code: u16, reason: &str) -> Builder {
        Builder::reply_with_reason(&self.invite, status(code), reason, Some(&self.local_tag))
            .copy(&self.invite, HeaderName::RecordRoute)
            .header(HeaderName::Contact, self.contact(cx))
            .header(HeaderName::Server, &cx.config.product)
    }
}

/// Finishing a message that may or may not describe a session.
pub(super) trait FinishWith {
    fn finish_with(self, sdp: Option<&[u8]>) -> Message;
}

impl FinishWith for Builder {
    fn finish_with(self, sdp: Option<&[u8]>) -> Message {
        match sdp {
            Some(sdp) => self.body("application/sdp", sdp).finish(),
            None => self.finish(),
        }
    }
}
