//! A call made over the API: the phones of the person who asked for it ring. The first that is answered becomes the
//! subject.

use std::time::Duration;

use crate::{
    api::{Strategy, Target},
    bridge,
    call::{Call, Ending, VerbEvent},
    core::Core,
    event::Q850,
    hunt::{Hunt, Hunted, Quest},
    ids::LegId,
    leg::{CallerId, Leg},
};

use super::{Next, Running, conference};

/// How long the phones ring.
const RING: Duration = Duration::from_secs(60);

/// The hunt for the subject.
pub(crate) struct Originating(Hunt);

impl Originating {
    /// Rings the phones of the call's own extension; `None` if that is not possible. Forwards do not count: no other
    /// person is to be connected.
    pub fn start(call: &mut Call, x: &mut Core) -> Option<Box<Self>> {
        let quest = Quest {
            call: call.id,
            targets: vec![Target::Extension(call.facts.number.clone())],
            strategy: Strategy::All,
            timeout: RING,
            // The phone shows the number that will be called.
            caller: CallerId {
                number: call.facts.dialed.clone(),
                name: String::new(),
            },
            subject: None,
            transferred: false,
            headers: Vec::new(),
            diverted: Vec::new(),
            max_forwards: 70,
            max_breadth: None,
            follows: false,
            auto_answer: false,
            phone: None,
            attached: None,
        };
        let mut hunt = Hunt::new(quest);
        if let Hunted::Lost(_) = hunt.begin(x) {
            return None;
        }
        let mut originating = Box::new(Self(hunt));
        originating.adopt(call, x);
        Some(originating)
    }

    fn adopt(&mut self, call: &mut Call, x: &mut Core) {
        for (leg, _) in self.0.take_rung() {
            call.adopt(x, leg);
            call.first_rings(x, leg);
        }
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        let hunted = match event {
            VerbEvent::Leg(leg, event) => self.0.leg_event(x, leg, event),
            VerbEvent::Timer => self.0.timed_out(x),
            VerbEvent::Resolved(query, ways) => self.0.resolved(x, query, &ways),
            VerbEvent::SubjectGone => {
                self.0.stop(x);
                return Next::Idle;
            }
            // Another phone has picked up the call of a phone that rings.
            VerbEvent::Guest(guest) if self.0.is_at(guest.instead_of) && is_answered(x, guest.leg) => {
                self.0.answered_elsewhere(x);
                return found(call, x, guest.leg);
            }
            VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Guest(_) => Hunted::Going,
        };
        self.adopt(call, x);
        match hunted {
            Hunted::Going => {}
            Hunted::Progress { said, .. } if said.rings() => call.mark_ringing(x),
            Hunted::Progress { .. } => {}
            Hunted::Won { leg, .. } => return found(call, x, leg),
            Hunted::Lost(last) => {
                let reason = Q850::explain(last.why.as_ref(), &last.reason);
                // Also a party that was to take the place of a phone, and came too late.
                call.end(x, Ending::refused(last.cause, last.code, &reason));
                return Next::Idle;
            }
        }
        Next::Wait(Running::Originate(self))
    }
}

/// Whether a party that takes the place of a phone talks with Tandem: a party that was transferred here does already, one
/// that picks up is answered.
fn is_answered(x: &mut Core, guest: LegId) -> bool {
    x.legs.get(guest).is_some_and(Leg::is_up) || bridge::accept_alone(x, guest)
}

/// A phone has picked up: the script begins, or the person enters the conference to which a member has invited it. If the
/// record is not on disk yet, that waits for it.
fn found(call: &mut Call, x: &mut Core, leg: LegId) -> Next {
    call.subject_found(x, leg);
    let room = call.joins().filter(|_| call.script.is_over()).map(str::to_owned);
    room.map_or(Next::Idle, |room| conference::join(call, x, room))
}
