//! What one phone offers in mid-call goes to the other as an offer of its own; its answer comes back.

use ::media::{SdpDirection, Spec};

use super::{Bridge, Passing, answer_alone, is_held_by_other, wish};
use crate::{
    core::Core,
    event::SessionEvent,
    ids::LegId,
    leg::{Fit, Leg},
};

/// How many re-INVITEs of ours may try to bring the two legs to the same session before they are left as they are.
const RESYNCS: u8 = 4;

impl Bridge {
    /// One of the two legs is offered what the other one has, where its own session does not fit that.
    pub(super) fn align(&self, x: &mut Core, first: LegId) {
        let Some(second) = self.other(first) else { return };
        for (leg, other) in [(first, second), (second, first)] {
            let Some(spec) = wish(x, other) else { continue };
            if x.legs.get(leg).is_none_or(|leg| leg.fit(&spec) != Fit::Same) {
                x.with_leg(leg, |leg, cx| leg.offer_own(cx, &spec));
                // What the phone answers brings the other leg along, where that is needed.
                return;
            }
        }
    }

    /// The ACK of a leg has come with its answer to our 200: the other leg learns of the choice.
    pub fn confirmed(&mut self, x: &mut Core, leg: LegId, answer: &Spec) {
        if let Some(other) = self.other(leg) {
            let spec = self.as_told(x, leg, answer.clone());
            self.resync(x, other, &spec);
        }
        self.settle_holds(x);
        self.join_lines(x);
    }

    /// A leg whose 2xx waited for a PRACK is up. A phone on the other side may hold since before: the hold was not told, and
    /// only now is there a phone that hears music.
    pub fn came_up(&mut self, x: &mut Core) {
        self.settle_holds(x);
        self.join_lines(x);
    }

    /// Offers a leg what the other one chose, where that does not fit what was agreed on before. True where it does so.
    fn resync(&mut self, x: &mut Core, leg: LegId, spec: &Spec) -> bool {
        let opens = spec.direction() == SdpDirection::SendRecv;
        let fits = |leg: &Leg| leg.fit(spec) != Fit::NeedsOffer && !(opens && is_held_by_other(leg));
        !x.legs.get(leg).is_some_and(fits) && self.offer_again(x, leg, spec)
    }

    /// Offers a leg `spec`, unless that was done too often. True where it does so.
    fn offer_again(&mut self, x: &mut Core, leg: LegId, spec: &Spec) -> bool {
        let offers = self.resyncs < RESYNCS;
        if offers {
            self.resyncs += 1;
            x.with_leg(leg, |leg, cx| leg.offer_own(cx, spec));
        }
        offers
    }

    /// A leg did not take what the other one has said: the other one (`leg`) is offered what that leg (`to`) still has.
    fn bring_back(&mut self, x: &mut Core, leg: LegId, to: LegId) {
        let Some(spec) = x.legs.get(to).and_then(|leg| leg.talk().in_force()) else {
            return;
        };
        let spec = self.as_told(x, to, spec);
        let fits = x.legs.get(leg).is_some_and(|leg| leg.fit(&spec) == Fit::Same);
        if !fits {
            self.offer_again(x, leg, &spec);
        }
    }

    /// Something about the session of one of the two legs: the other one is asked, or told.
    pub fn session_event(&mut self, x: &mut Core, leg: LegId, event: SessionEvent) {
        match event {
            SessionEvent::Offered(spec) => self.offered(x, leg, &spec),
            SessionEvent::Withdrawn => self.withdrawn(x, leg),
            SessionEvent::Pending => {
                if let Passing::From(offerer) = self.passing {
                    x.with_leg(offerer, |leg, cx| leg.change_pending(cx));
                }
            }
            SessionEvent::Accepted(spec) => self.offer_settled(x, leg, Ok(spec)),
            SessionEvent::Refused { code, reason } => {
                tracing::debug!(code, %reason, "offer refused");
                self.offer_settled(x, leg, Err(code));
            }
            SessionEvent::Redescribed(spec) => {
                if let Some(other) = self.other(leg) {
                    self.resyncs = 0;
                    let spec = self.as_told(x, leg, spec);
                    if !self.keeps(x, leg) || x.legs.get(other).is_none_or(|leg| leg.fit(&spec) != Fit::Same) {
                        x.with_leg(other, |leg, cx| leg.offer_own(cx, &spec));
                    }
                }
            }
        }
        self.settle_holds(x);
        self.join_lines(x);
    }

    fn offered(&mut self, x: &mut Core, leg: LegId, spec: &Spec) {
        match self.other(leg) {
            // The other phone still has an offer to answer, of this one (taken back) or of ours.
            Some(_) if self.passing != Passing::None => {
                x.with_leg(leg, |leg, cx| leg.refuse_change(cx, 491));
            }
            Some(other) if self.answers_hold(x, leg, other, spec) => {}
            Some(other) => {
                (self.passing, self.resyncs) = (Passing::From(leg), 0);
                x.with_leg(other, |leg, cx| leg.offer(cx, spec));
            }
            None => answer_alone(x, leg),
        }
    }

    fn withdrawn(&mut self, x: &mut Core, leg: LegId) {
        if let Some(other) = self.other(leg)
            && self.passing == Passing::From(leg)
        {
            self.passing = Passing::Withdrawn;
            x.with_leg(other, |leg, cx| leg.withdraw_offer(cx));
        }
    }

    /// A leg took or refused what it was offered.
    fn offer_settled(&mut self, x: &mut Core, leg: LegId, result: Result<Spec, u16>) {
        let passing = std::mem::replace(&mut self.passing, Passing::None);
        let Some(other) = self.other(leg) else { return };
        let result = result.map(|spec| self.as_told(x, leg, spec));
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
                if let Some(spec) = x.legs.get(other).and_then(|leg| leg.talk().agreed()) {
                    let spec = self.as_told(x, other, spec);
                    x.with_leg(leg, |leg, cx| leg.offer_own(cx, &spec));
                }
            }
            (Passing::None, Ok(spec)) => {
                x.with_leg(other, |leg, _| leg.offer_instead(&spec));
                if !self.resync(x, other, &spec) && spec.has_audio() {
                    self.settle_late(x, leg, other, spec);
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

    /// The answer of a leg may be a late one, to an offer that was made for the former other leg: the leg is offered what its
    /// other leg (`other`) has, where the direction is not that one, or where it would be converted needlessly.
    fn settle_late(&mut self, x: &mut Core, leg: LegId, other: LegId, answer: Spec) {
        let Some(heard) = x.legs.get(other).and_then(Leg::heard) else {
            return;
        };
        let faces = self.as_told(x, other, answer.with_direction(heard.direction()));
        let fit = |spec: &Spec| x.legs.get(leg).map(|leg| leg.fit(spec));
        if fit(&faces) != Some(Fit::Same) {
            return self.bring_back(x, leg, other);
        }
        let Some(wish) = wish(x, other).map(|wish| wish.with_direction(faces.direction())) else {
            return;
        };
        let prefers_other = x.legs.get(leg).is_some_and(|leg| leg.prefers_other(&wish));
        if prefers_other || fit(&wish) == Some(Fit::NeedsOffer) {
            self.offer_again(x, leg, &wish);
        }
    }
}
