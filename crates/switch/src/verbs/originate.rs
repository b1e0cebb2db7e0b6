//! A call made over the API: the phones of whoever wants it ring, and the first to be picked up is the caller.

use std::time::Duration;

use ::media::Spec;
use sip::Flow;

use crate::{
    api::QueryId,
    call::{Call, Ending, VerbEvent},
    core::{Core, QueryUse},
    event::{Cause, LegEvent, Q850},
    ids::LegId,
    leg::{CallerId, Invitation, Leg, Place, answer_passed, rings},
    locations::{Location, Way},
    own::OWN_CODECS,
    stack::TimerKey,
};

use super::{Next, Running};

/// How long they ring.
const RING: Duration = Duration::from_secs(60);

/// The phones that ring, those being looked up, and the best answer of those that do not ring any longer.
pub(crate) struct Originating {
    legs: Vec<LegId>,
    lookups: Vec<(QueryId, Location)>,
    last: (u16, String),
}

impl Originating {
    /// Rings at these places, once it is known where they are; `None` where there is no room for a leg.
    pub fn start(call: &mut Call, x: &mut Core, places: Vec<Location>) -> Option<Self> {
        let mut originating = Self {
            legs: Vec::new(),
            lookups: Vec::new(),
            last: (480, "Temporarily Unavailable".into()),
        };
        for place in places {
            match &place.way {
                Way::Flow(flow) => {
                    let flow = *flow;
                    originating.ring(call, x, place, &[flow]);
                }
                Way::Look(look) => {
                    let query = x.ask(look.query(), QueryUse::Resolve(call.id));
                    originating.lookups.push((query, place));
                }
            }
        }
        if originating.legs.is_empty() && originating.lookups.is_empty() {
            return None;
        }
        x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + RING);
        Some(originating)
    }

    fn ring(&mut self, call: &mut Call, x: &mut Core, place: Location, flows: &[Flow]) {
        let Some(place) = Place::at(place, flows) else { return };
        let caller = CallerId {
            number: call.facts.dialed.clone(),
            name: String::new(),
        };
        let invitation = Invitation {
            caller: &caller,
            offer: &Spec::own(OWN_CODECS),
            headers: &[],
            max_forwards: 70,
        };
        if let Ok(leg) = x.new_leg(|cx, id| Leg::outbound(cx, id, call.id, &place, &invitation)) {
            call.adopt(x, leg);
            call.first_rings(x, leg);
            self.legs.push(leg);
        }
    }

    /// Something happened.
    pub fn event(mut self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Leg(leg, event) => return self.leg_event(call, x, leg, event),
            VerbEvent::Timer => {
                call.end(x, Ending::refused(480, "No Answer"));
                return self.give_up(call, x);
            }
            VerbEvent::SubjectGone => return self.give_up(call, x),
            VerbEvent::Resolved(query, flows) => {
                if let Some(at) = self.lookups.iter().position(|(asked, _)| *asked == query) {
                    let (_, place) = self.lookups.swap_remove(at);
                    self.ring(call, x, place, &flows);
                }
            }
            VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Guest(_) => {}
        }
        self.go_on(call, x)
    }

    /// Waits for what rings or is looked up; when there is nothing left, the call is over.
    fn go_on(self, call: &mut Call, x: &mut Core) -> Next {
        if self.legs.is_empty() && self.lookups.is_empty() {
            x.stack.timers.clear(TimerKey::Verb(call.id));
            call.subject_gone(x, Ending::refused(self.last.0, &self.last.1));
            return Next::Idle;
        }
        Next::Wait(Running::Originate(self))
    }

    fn give_up(self, call: &Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        for leg in self.legs {
            x.with_leg(leg, |leg, cx| leg.hang_up(cx, Cause::ours("no longer wanted")));
        }
        Next::Idle
    }

    fn leg_event(mut self, call: &mut Call, x: &mut Core, leg: LegId, event: LegEvent) -> Next {
        if !self.legs.contains(&leg) {
            return Next::Wait(Running::Originate(self));
        }
        match event {
            LegEvent::Provisional { code, answer, .. } if rings(code, answer.is_some()) => call.mark_ringing(x),
            LegEvent::Provisional { .. } => {}
            LegEvent::Answered { .. } => {
                for other in self.legs.into_iter().filter(|other| *other != leg) {
                    x.with_leg(other, |leg, cx| leg.answered_elsewhere(cx));
                }
                x.stack.timers.clear(TimerKey::Verb(call.id));
                call.subject_found(x, leg);
                return Next::Idle;
            }
            LegEvent::Refused { code, reason, why, .. } => {
                self.legs.retain(|other| *other != leg);
                self.last = (code, Q850::explain(why.as_ref(), &reason));
            }
            LegEvent::Ended(_) | LegEvent::Gone => self.legs.retain(|other| *other != leg),
            LegEvent::Confirmed { .. }
            | LegEvent::Cancelled
            | LegEvent::Offer(_)
            | LegEvent::Redescribed(_)
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferPending
            | LegEvent::OfferAnswered(_)
            | LegEvent::OfferRefused { .. }
            | LegEvent::Referred { .. } => {}
            LegEvent::Passed { server, .. } => answer_passed(&mut x.stack, server, 480),
        }
        self.go_on(call, x)
    }
}
