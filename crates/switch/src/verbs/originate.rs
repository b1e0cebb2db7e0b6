//! A call made over the API: the phones of whoever wants it ring, and the first to be picked up is the caller.

use std::time::Duration;

use crate::{
    call::{Call, Ending, VerbEvent},
    core::Core,
    event::{Cause, LegEvent, Q850},
    ids::LegId,
    leg::{answer_passed, rings},
    stack::TimerKey,
};

use super::{Next, Running};

/// How long they ring.
const RING: Duration = Duration::from_secs(60);

/// The phones that ring, and the best answer of those that do not any longer.
pub(crate) struct Originating {
    legs: Vec<LegId>,
    last: (u16, String),
}

impl Originating {
    /// These phones ring from now on.
    pub fn start(call: &Call, x: &mut Core, legs: Vec<LegId>) -> Self {
        x.stack.timers.set(TimerKey::Verb(call.id), x.stack.now + RING);
        Self {
            legs,
            last: (480, "Temporarily Unavailable".into()),
        }
    }

    /// Something happened.
    pub fn event(self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Leg(leg, event) => return self.leg_event(call, x, leg, event),
            VerbEvent::Timer => {
                call.end(x, Ending::refused(480, "No Answer"));
                return self.give_up(call, x);
            }
            VerbEvent::SubjectGone => return self.give_up(call, x),
            VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Guest(_)
            | VerbEvent::Resolved(..) => {}
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
        if self.legs.is_empty() {
            x.stack.timers.clear(TimerKey::Verb(call.id));
            call.subject_gone(x, Ending::refused(self.last.0, &self.last.1));
            return Next::Idle;
        }
        Next::Wait(Running::Originate(self))
    }
}
