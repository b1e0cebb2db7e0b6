//! Two legs connected: media flows, and what one phone offers goes to the other.

use ::media::{Command, Spec};

use crate::{
    api::EndedBy,
    core::Core,
    leg::{Cause, Leg, LegEvent, LegId},
    own::OWN_CODECS,
    verbs::VerbEvent,
};

use super::{Call, Ending};

/// The other leg of a call that connects two.
pub(crate) struct Bridge {
    pub peer: LegId,
    passing: Passing,
    /// How often one leg was offered what the other chose since a phone last changed something by itself.
    mended: u8,
}

/// An offer of one phone on its way to the other.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Passing {
    /// None.
    None,
    /// This leg's waits for the other one's answer.
    From(LegId),
    /// It was taken back; the other leg has not said yet whether it took it.
    Withdrawn,
}

/// How often the two legs are brought together again before they are left as they are.
const MENDS: u8 = 4;

impl Call {
    /// Connects the caller with an answered leg, whose description is `spec`.
    ///
    /// Returns false where the caller could not be answered with it; the call is over then.
    pub fn connect(&mut self, x: &mut Core, peer: LegId, spec: &Spec) -> bool {
        if self.caller_waits(x) {
            let accepted = x.with_leg(self.caller, |leg, cx| leg.accept(cx, spec)).unwrap_or(false);
            if !accepted {
                self.close_cdr(x, Ending::system(488, "no codec in common"));
                return false;
            }
        }
        // An answer given earlier (to early media, or when Tandem itself picked up) may not fit who answered.
        if !x.legs.get(self.caller).is_some_and(|leg| leg.suits(spec)) {
            x.with_leg(self.caller, |leg, cx| leg.offer_own(cx, spec));
        }
        self.bridge = Some(Bridge {
            peer,
            passing: Passing::None,
            mended: 0,
        });
        self.join(x, peer);
        self.mark_answered(x);
        true
    }

    /// Lets media flow between the caller and a leg.
    pub fn join(&self, x: &mut Core, other: LegId) {
        let ports = (x.port_of(self.caller), x.port_of(other));
        if let (Some(a), Some(b)) = ports {
            x.stack.media(Command::Bridge(a, b));
        }
    }

    /// Takes the connection apart; the peer is hung up.
    pub fn unbridge(&mut self, x: &mut Core, cause: &Cause) {
        let Some(bridge) = self.bridge.take() else { return };
        self.part(x);
        x.with_leg(bridge.peer, |leg, cx| leg.hang_up(cx, cause.clone()));
    }

    fn part(&self, x: &mut Core) {
        if let Some(port) = x.port_of(self.caller) {
            x.stack.media(Command::Unbridge(port));
        }
    }

    /// Tandem itself is to be heard by the caller, who may have been left with a codec that only the callee had,
    /// or on hold by it.
    pub fn be_heard(&self, x: &mut Core) {
        x.with_leg(self.caller, |leg, cx| {
            if leg.is_up() && !leg.hears(OWN_CODECS) {
                leg.offer_own(cx, &Spec::own(OWN_CODECS));
            }
        });
    }

    /// The leg at the other end of the bridge.
    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        let peer = self.bridge.as_ref()?.peer;
        Some(if leg == self.caller { peer } else { self.caller })
    }

    pub(super) fn peer_event(&mut self, x: &mut Core, peer: LegId, event: LegEvent) {
        match event {
            LegEvent::Ended(cause) => {
                self.peer_gone(x);
                self.note_callee_ended(Ending::after(&cause, EndedBy::Callee));
                self.verb_event(x, VerbEvent::PeerEnded);
            }
            LegEvent::Offer(_)
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferPending
            | LegEvent::OfferAnswered(_)
            | LegEvent::OfferRefused { .. }
            | LegEvent::Redescribed(_) => self.session_event(x, peer, event),
            LegEvent::Passed { server, request } => self.passed(x, peer, server, &request),
            LegEvent::Gone => {
                self.peer_gone(x);
                self.verb_event(x, VerbEvent::PeerEnded);
            }
            LegEvent::Provisional { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused { .. }
            | LegEvent::Confirmed { .. }
            | LegEvent::Cancelled => {}
        }
    }

    /// The caller is alone; what it offered and waits for is answered by Tandem itself, and what it was offered for
    /// the other one is taken back.
    fn peer_gone(&mut self, x: &mut Core) {
        let bridge = self.bridge.take();
        if bridge.is_some_and(|bridge| bridge.passing == Passing::From(bridge.peer)) {
            x.with_leg(self.caller, |leg, cx| leg.withdraw_offer(cx));
        }
        self.part(x);
        self.answer_alone(x, self.caller);
    }

    fn answer_alone(&self, x: &mut Core, leg: LegId) {
        x.with_leg(leg, |leg, cx| {
            if let Some(own) = leg.pending_offer().map(crate::own::own_spec) {
                leg.answer_change(cx, &own);
            }
        });
    }

    /// The caller's ACK has come.
    pub(super) fn caller_confirmed(&mut self, x: &mut Core, answer: Option<Spec>) {
        self.verb_event(x, VerbEvent::CallerConfirmed);
        if let (Some(spec), Some(bridge)) = (answer, &self.bridge) {
            // The caller chose from what the callee can do; the callee learns of the choice.
            self.mend(x, bridge.peer, &spec);
        }
    }

    /// Offers a leg what the other one chose, where it does not fit what was agreed on before.
    fn mend(&mut self, x: &mut Core, leg: LegId, spec: &Spec) {
        let fits = x.legs.get(leg).is_some_and(|leg| leg.agrees(spec));
        if let Some(bridge) = self.bridge.as_mut().filter(|bridge| !fits && bridge.mended < MENDS) {
            bridge.mended += 1;
            x.with_leg(leg, |leg, cx| leg.offer_own(cx, spec));
        }
    }

    /// One leg did not take what the other one has said meanwhile: that one is offered what the first still has.
    fn bring_back(&mut self, x: &mut Core, leg: LegId, to: LegId) {
        let Some(spec) = x.legs.get(to).and_then(Leg::agreed) else {
            return;
        };
        let fits = x.legs.get(leg).is_some_and(|leg| leg.suits(&spec));
        if let Some(bridge) = self.bridge.as_mut().filter(|bridge| !fits && bridge.mended < MENDS) {
            bridge.mended += 1;
            x.with_leg(leg, |leg, cx| leg.offer_own(cx, &spec));
        }
    }

    /// Something about the session of one of the two legs: the other one is asked, or told.
    pub(super) fn session_event(&mut self, x: &mut Core, leg: LegId, event: LegEvent) {
        match event {
            LegEvent::Offer(spec) => self.offered(x, leg, &spec),
            LegEvent::OfferWithdrawn => self.withdrawn(x, leg),
            LegEvent::OfferPending => {
                let passing = self.bridge.as_ref().map(|bridge| bridge.passing);
                if let Some(Passing::From(offerer)) = passing {
                    x.with_leg(offerer, |leg, cx| leg.change_pending(cx));
                }
            }
            LegEvent::OfferAnswered(spec) => self.offer_settled(x, leg, Ok(spec)),
            LegEvent::OfferRefused { code, reason } => {
                tracing::debug!(code, %reason, "offer refused");
                self.offer_settled(x, leg, Err(code));
            }
            LegEvent::Redescribed(spec) => {
                if let (Some(other), Some(bridge)) = (self.other(leg), &mut self.bridge) {
                    bridge.mended = 0;
                    x.with_leg(other, |leg, cx| leg.offer_own(cx, &spec));
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

    fn offered(&mut self, x: &mut Core, leg: LegId, spec: &Spec) {
        match (self.other(leg), &mut self.bridge) {
            // The other phone still has an offer to answer, of this one (taken back) or of ours.
            (Some(_), Some(bridge)) if bridge.passing != Passing::None => {
                x.with_leg(leg, |leg, cx| leg.refuse_change(cx, 491));
            }
            (Some(other), Some(bridge)) => {
                (bridge.passing, bridge.mended) = (Passing::From(leg), 0);
                x.with_leg(other, |leg, cx| leg.offer(cx, spec));
            }
            // Nobody at the other end: Tandem itself takes what it can do.
            (None, _) | (_, None) => self.answer_alone(x, leg),
        }
    }

    fn withdrawn(&mut self, x: &mut Core, leg: LegId) {
        let other = self.other(leg);
        if let (Some(bridge), Some(other)) = (&mut self.bridge, other)
            && bridge.passing == Passing::From(leg)
        {
            bridge.passing = Passing::Withdrawn;
            x.with_leg(other, |leg, cx| leg.withdraw_offer(cx));
        }
    }

    /// A leg took or refused what it was offered.
    fn offer_settled(&mut self, x: &mut Core, leg: LegId, result: Result<Spec, u16>) {
        let Some(bridge) = &mut self.bridge else { return };
        let passing = std::mem::replace(&mut bridge.passing, Passing::None);
        let Some(other) = self.other(leg) else { return };
        match (passing, result) {
            (Passing::From(offerer), Ok(spec)) => {
                x.with_leg(offerer, |leg, cx| leg.answer_change(cx, &spec));
            }
            (Passing::From(offerer), Err(code)) => {
                // RFC 3261 14.1: glare is the offerer's to retry, and so is everything else. What ends a
                // dialog (408, 481) ends the other one, not the offerer's.
                let code = if code < 400 || matches!(code, 408 | 481) {
                    488
                } else {
                    code
                };
                x.with_leg(offerer, |leg, cx| leg.refuse_change(cx, code));
            }
            // Taken although it was taken back: the leg is brought back to what the other phone has.
            (Passing::Withdrawn, Ok(_)) => {
                if let Some(spec) = x.legs.get(other).and_then(Leg::agreed) {
                    x.with_leg(leg, |leg, cx| leg.offer_own(cx, &spec));
                }
            }
            (Passing::None, Ok(spec)) => {
                x.with_leg(other, |leg, _| leg.offer_instead(&spec));
                self.mend(x, other, &spec);
                // What is answered late may have been asked for whom the leg was connected with before.
                if !faces(x, leg, other) {
                    self.bring_back(x, leg, other);
                }
            }
            (Passing::Withdrawn | Passing::None, Err(code)) => {
                tracing::info!(code, "a phone did not take the session it was offered");
                if passing == Passing::None && !matches!(code, 408 | 481) {
                    self.bring_back(x, other, leg);
                }
            }
        }
    }
}

/// Whether a leg was last told the direction of the other one.
fn faces(x: &Core, leg: LegId, other: LegId) -> bool {
    let said = x.legs.get(leg).and_then(Leg::said_direction);
    let heard = x.legs.get(other).and_then(Leg::heard).map(Spec::direction);
    said.is_none() || heard.is_none() || said == heard
}
