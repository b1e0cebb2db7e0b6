//! What the caller hears while phones ring, before one of them answers.
//!
//! With one phone, the caller hears that phone's responses unchanged (RFC 3261 21.1). With several phones, ringing goes
//! before all other progress, and no early media is heard.

use ::media::{Command, Source, Spec};

use crate::{
    call::Call,
    core::Core,
    event::SessionEvent,
    hunt::Said,
    ids::LegId,
    leg::{Fit, Leg},
};

use super::Dialing;

impl Dialing {
    /// A phone has sent a provisional response.
    pub(super) fn progress(&mut self, call: &mut Call, x: &mut Core, leg: LegId, said: &Said) {
        if said.rings() {
            call.mark_ringing(x);
        }
        if let Some(early) = self.early {
            // A caller that hears the early media of one phone is not told the state of another phone.
            if early == leg {
                tell(call, x, said, said.answer.as_ref());
            }
            if early == leg && said.code == 199 {
                self.early = None;
            }
            return;
        }
        let alone = self.hunt.is_single();
        if alone && call.subject_waits(x) {
            call.introduce(x, leg);
        }
        let fits = |spec: &&Spec| {
            let subject = call.subject_leg(x);
            subject.is_some_and(|subject| !subject.talk().is_established() || serves(subject, spec))
        };
        match said.answer.as_ref().filter(|_| alone).filter(fits) {
            Some(spec) => {
                self.silence(call, x);
                tell(call, x, said, Some(spec));
                self.early = Some(leg);
                call.hear_early(x, leg);
            }
            None => self.progress_of_many(call, x, said, alone),
        }
    }

    /// The phone whose early media the caller heard has refused, or is no longer called, and others are: the caller's early
    /// dialog is over (RFC 6228).
    pub(super) fn early_ended(&self, call: &Call, x: &mut Core) {
        if !call
            .subject_leg(x)
            .is_some_and(|leg| leg.is_waiting() && leg.talk().is_established())
        {
            return;
        }
        let said = Said {
            code: 199,
            reason: String::new(),
            answer: None,
        };
        tell(call, x, &said, None);
    }

    /// The caller hears no early media of this phone: the phone sends none, or several phones ring.
    fn progress_of_many(&mut self, call: &mut Call, x: &mut Core, said: &Said, alone: bool) {
        let ring = self.hunt.rings();
        let code = if ring { 180 } else { said.code };
        // RFC 6228: 199 ends one early dialog, but the caller's early dialog goes on with the other phones.
        if code == 199 && !alone {
            return;
        }
        let caller = call.subject_leg(x);
        let heard = caller.is_some_and(|caller| caller.talk().is_established() || caller.is_up());
        // A phone that has a session, even early media, may not play ringback by itself.
        if heard && ring {
            self.ring_back(call, x);
        } else {
            self.silence(call, x);
        }
        let said = Said {
            code,
            reason: if code == said.code {
                said.reason.clone()
            } else {
                String::new()
            },
            answer: None,
        };
        tell(call, x, &said, None);
    }

    /// A phone has changed its session before the answer. The other phone of the early media is offered the change, if it
    /// takes an UPDATE (RFC 3311 section 5.1); otherwise the connection settles it.
    pub(super) fn session_changed(&self, call: &Call, x: &mut Core, leg: LegId, event: &SessionEvent) {
        let Some(early) = self.early else { return };
        let other = match call.subject() {
            Some(subject) if subject == leg => Some(early),
            subject => subject.filter(|_| early == leg),
        };
        if let Some(other) = other.filter(|_| self.talking.is_none()) {
            x.with_leg(other, |leg, cx| match event {
                SessionEvent::Redescribed(spec) if leg.fit(spec) != Fit::Same => leg.offer_own(cx, spec),
                SessionEvent::Accepted(spec) => leg.is_agreed(spec),
                SessionEvent::Redescribed(_)
                | SessionEvent::Offered(_)
                | SessionEvent::Withdrawn
                | SessionEvent::Pending
                | SessionEvent::Refused { .. } => {}
            });
        }
    }

    /// The call has a new subject, which has not been told yet that a phone rings.
    pub(super) fn subject_changed(&mut self, call: &mut Call, x: &mut Core) {
        self.ringback = false;
        let spec = |leg: LegId| x.legs.get(leg).and_then(|leg| leg.heard().cloned());
        let fits = |spec: &Spec| call.subject_leg(x).is_some_and(|subject| serves(subject, spec));
        match self.early.filter(|leg| spec(*leg).is_some_and(|spec| fits(&spec))) {
            Some(leg) => call.hear_early(x, leg),
            None => {
                self.early = None;
                if self.hunt.rings() {
                    self.ring_back(call, x);
                }
            }
        }
    }

    fn ring_back(&mut self, call: &Call, x: &mut Core) {
        if std::mem::replace(&mut self.ringback, true) {
            return;
        }
        call.be_heard(x);
        if let Some(port) = call.subject_port(x) {
            let source = Source::Tone("ringback".into());
            x.stack.media(Command::Play {
                media: port,
                source,
                repeat: true,
                token: 0,
            });
        }
    }

    pub(super) fn silence(&mut self, call: &Call, x: &mut Core) {
        if std::mem::take(&mut self.ringback)
            && let Some(port) = call.subject_port(x)
        {
            x.stack.media(Command::Stop(port));
        }
    }
}

fn tell(call: &Call, x: &mut Core, said: &Said, answer: Option<&Spec>) {
    call.with_subject(x, |leg: &mut Leg, cx| {
        leg.progress(cx, said.code, &said.reason, answer);
    });
}

/// Whether a phone that has a session can hear early media of this description. Early media has no answer of its own,
/// so its direction need not be told to the phone.
fn serves(subject: &Leg, early: &Spec) -> bool {
    let said = subject.talk().said().map(Spec::direction);
    said.is_some_and(|said| subject.fit(&early.clone().with_direction(said)) == Fit::Same)
}
