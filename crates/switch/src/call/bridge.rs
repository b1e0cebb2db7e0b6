//! Two legs connected: media flows, and what one phone offers goes to the other.

use ::media::{Command, Spec};

use crate::{
    api::EndedBy,
    exchange::Exchange,
    leg::{Cause, LegEvent, LegId},
    verbs::VerbEvent,
};

use super::{Call, Ending};

/// The other leg of a call that connects two.
pub(crate) struct Bridge {
    pub peer: LegId,
    /// The leg whose offer waits for the other one's answer.
    offerer: Option<LegId>,
    /// What the caller is to be offered once its ACK has come: its earlier answer (to early media)
    /// does not fit who answered.
    offer_caller: Option<Spec>,
}

impl Call {
    /// Connects the caller with an answered leg, whose description is `spec`.
    ///
    /// Returns false where the caller could not be answered with it; the call is over then.
    pub fn connect(&mut self, x: &mut Exchange, peer: LegId, spec: &Spec) -> bool {
        let mut bridge = Bridge {
            peer,
            offerer: None,
            offer_caller: None,
        };
        if self.caller_waits(x) {
            let accepted = x.with_leg(self.caller, |leg, cx| leg.accept(cx, spec)).unwrap_or(false);
            if !accepted {
                self.close_cdr(x, Ending::system(488, "no codec in common"));
                return false;
            }
            if !self.fits(x, self.caller, spec) {
                bridge.offer_caller = Some(spec.clone());
            }
        } else if !self.fits(x, self.caller, spec) {
            x.with_leg(self.caller, |leg, cx| leg.offer(cx, spec));
        }
        self.bridge = Some(bridge);
        self.join(x, peer);
        self.mark_answered(x);
        true
    }

    fn fits(&self, x: &Exchange, leg: LegId, spec: &Spec) -> bool {
        x.legs.get(leg).is_some_and(|leg| leg.can_relay(spec))
    }

    /// Lets media flow between the caller and a leg.
    pub fn join(&self, x: &mut Exchange, other: LegId) {
        let ports = (x.port_of(self.caller), x.port_of(other));
        if let (Some(a), Some(b)) = ports {
            x.stack.media(Command::Bridge(a, b));
        }
    }

    /// Takes the connection apart; the peer is hung up.
    pub fn unbridge(&mut self, x: &mut Exchange, cause: &Cause) {
        let Some(bridge) = self.bridge.take() else { return };
        self.part(x);
        x.with_leg(bridge.peer, |leg, cx| leg.hang_up(cx, cause.clone()));
    }

    fn part(&self, x: &mut Exchange) {
        if let Some(port) = x.port_of(self.caller) {
            x.stack.media(Command::Unbridge(port));
        }
    }

    /// The leg at the other end of the bridge.
    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        let peer = self.bridge.as_ref()?.peer;
        Some(if leg == self.caller { peer } else { self.caller })
    }

    pub(super) fn peer_event(&mut self, x: &mut Exchange, peer: LegId, event: LegEvent) {
        match event {
            LegEvent::Ended(cause) => {
                self.bridge = None;
                self.part(x);
                // A callee that vanished is not one that hung up, but ends the call all the same.
                self.note_callee_hung_up();
                if cause.who == crate::leg::Who::Lost {
                    let ending = Ending::after(&cause, EndedBy::Callee);
                    tracing::warn!(detail = %ending.detail, "the callee is lost");
                }
                self.verb_event(x, VerbEvent::PeerEnded);
            }
            LegEvent::Offer(_)
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferAnswered(_)
            | LegEvent::OfferRefused { .. }
            | LegEvent::Redescribed(_) => self.session_event(x, peer, event),
            LegEvent::Passed {
                method,
                content_type,
                body,
            } => self.passed(x, peer, &method, &content_type, &body),
            LegEvent::Gone => {
                self.bridge = None;
                self.part(x);
                self.verb_event(x, VerbEvent::PeerEnded);
            }
            LegEvent::Provisional { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused { .. }
            | LegEvent::Confirmed { .. }
            | LegEvent::Cancelled => {}
        }
    }

    /// The caller's ACK has come.
    pub(super) fn caller_confirmed(&mut self, x: &mut Exchange, answer: Option<Spec>) {
        let Some(bridge) = &mut self.bridge else { return };
        let peer = bridge.peer;
        if let Some(spec) = bridge.offer_caller.take() {
            x.with_leg(self.caller, |leg, cx| leg.offer(cx, &spec));
        } else if let Some(spec) = answer.filter(|spec| !self.fits(x, peer, spec)) {
            // The caller chose from what the callee can do; the callee learns of the choice.
            x.with_leg(peer, |leg, cx| leg.offer(cx, &spec));
        }
    }

    /// Something about the session of one of the two legs: the other one is asked, or told.
    pub(super) fn session_event(&mut self, x: &mut Exchange, leg: LegId, event: LegEvent) {
        match event {
            LegEvent::Offer(spec) => self.offered(x, leg, &spec),
            LegEvent::OfferWithdrawn => self.withdrawn(x, leg),
            LegEvent::OfferAnswered(spec) => self.offer_settled(x, leg, Ok(spec)),
            LegEvent::OfferRefused { code, reason } => {
                tracing::debug!(code, %reason, "offer refused");
                self.offer_settled(x, leg, Err(code));
            }
            LegEvent::Redescribed(spec) => {
                if let Some(other) = self.other(leg) {
                    x.with_leg(other, |leg, cx| leg.offer(cx, &spec));
                }
            }
            LegEvent::Provisional { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused { .. }
            | LegEvent::Confirmed { .. }
            | LegEvent::Cancelled
            | LegEvent::Passed { .. }
            | LegEvent::Ended(_)
            | LegEvent::Gone => {}
        }
    }

    fn offered(&mut self, x: &mut Exchange, leg: LegId, spec: &Spec) {
        match (self.other(leg), &mut self.bridge) {
            (Some(other), Some(bridge)) => {
                bridge.offerer = Some(leg);
                x.with_leg(other, |leg, cx| leg.offer(cx, spec));
            }
            (None, _) | (_, None) => {
                // Nobody at the other end: Tandem itself takes what it can do.
                let own = crate::verbs::own_spec(spec);
                x.with_leg(leg, |leg, cx| leg.answer_change(cx, &own));
            }
        }
    }

    fn withdrawn(&mut self, x: &mut Exchange, leg: LegId) {
        let other = self.other(leg);
        if let (Some(bridge), Some(other)) = (&mut self.bridge, other) {
            bridge.offerer = None;
            x.with_leg(other, |leg, cx| leg.withdraw_offer(cx));
        }
    }

    fn offer_settled(&mut self, x: &mut Exchange, leg: LegId, result: Result<Spec, u16>) {
        let offerer = self.bridge.as_mut().and_then(|bridge| bridge.offerer.take());
        match (offerer, result) {
            (Some(offerer), Ok(spec)) => {
                x.with_leg(offerer, |leg, cx| leg.answer_change(cx, &spec));
            }
            (Some(offerer), Err(code)) => {
                // Glare is the offerer's to retry (RFC 3261 14.1), and so is everything else.
                let code = if code < 400 { 488 } else { code };
                x.with_leg(offerer, |leg, cx| leg.refuse_change(cx, code));
            }
            // Taken although it was withdrawn meanwhile: the leg is brought back to what the other has.
            (None, Ok(_)) => {
                let spec = self.other(leg).and_then(|other| x.legs.get(other)?.heard().cloned());
                if let Some(spec) = spec.filter(|spec| !self.fits(x, leg, spec)) {
                    x.with_leg(leg, |leg, cx| leg.offer(cx, &spec));
                }
            }
            (None, Err(code)) => tracing::info!(code, "a phone did not take the session it was offered"),
        }
    }
}
