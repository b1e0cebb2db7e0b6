//! `collect`: plays prompts and takes the keys that the caller presses.
//!
//! Keys that were pressed before, and that no verb has taken, count. The first key ends the prompts. Keys beyond those that
//! are wanted stay for the next verb.

use ::media::Source;

use crate::{
    api::{Collect, CollectResult, CollectStatus, Outcome},
    call::{self, Call, VerbEvent},
    core::Core,
    stack::TimerKey,
};

use super::{
    Next, Running,
    answer::pick_up,
    sound::{Played, Sound},
};

/// A question to the caller that is answered by keys.
pub(crate) struct Asking {
    want: Collect,
    /// What is played in place of no prompts.
    otherwise: Option<Source>,
    digits: String,
    sound: Sound,
}

/// How far a question is.
pub(crate) enum Asked {
    /// The caller may press more keys.
    Waits(Asking),
    /// It is answered, or not in time.
    Has(CollectResult),
    /// It could not be asked: the outcome of the verb.
    Failed(Outcome),
}

/// `caller.collect(prompts, #{ max, timeout, terminator })`.
pub(super) fn collect(call: &mut Call, x: &mut Core, want: Collect) -> Next {
    next(Asking::start(call, x, want))
}

/// How the verb goes on.
pub(super) fn next(asked: Asked) -> Next {
    match asked {
        Asked::Waits(asking) => Next::Wait(Running::Collect(Box::new(asking))),
        Asked::Has(result) => Next::Done(Outcome::Collected(result)),
        Asked::Failed(outcome) => Next::Done(outcome),
    }
}

impl Asking {
    /// Begins; answers the caller if need be.
    pub fn start(call: &mut Call, x: &mut Core, want: Collect) -> Asked {
        Self::start_with(call, x, want, None)
    }

    /// The same; without prompts the caller hears a beep.
    pub fn start_with_beep(call: &mut Call, x: &mut Core, want: Collect) -> Asked {
        Self::start_with(call, x, want, Some(Source::Tone("beep".into())))
    }

    fn start_with(call: &mut Call, x: &mut Core, mut want: Collect, otherwise: Option<Source>) -> Asked {
        want.max = want.max.max(1);
        want.prompts.retain(|prompt| !prompt.is_empty());
        let mut asking = Self {
            want,
            otherwise,
            digits: String::new(),
            sound: Sound::Silence,
        };
        if !pick_up(call, x) {
            return asking.end(call, x, None);
        }
        call::listen(call, x, false);
        if asking.take(call) {
            return asking.end(call, x, Some(CollectStatus::Done));
        }
        asking.ask(call, x)
    }

    /// Plays the prompts, unless keys are there already.
    fn ask(mut self, call: &mut Call, x: &mut Core) -> Asked {
        let source = match &self.want.prompts {
            _ if !self.digits.is_empty() => None,
            none if none.is_empty() => self.otherwise.clone(),
            prompts => Some(Source::Prompts(prompts.clone())),
        };
        let Some(source) = source else {
            call.be_heard(x);
            self.wait_for_key(call, x);
            return Asked::Waits(self);
        };
        x.stack.timers.clear(TimerKey::Verb(call.id));
        match Sound::play(call, x, source, false) {
            Ok(sound) => {
                self.sound = sound;
                Asked::Waits(self)
            }
            Err(outcome) => Asked::Failed(outcome),
        }
    }

    fn wait_for_key(&self, call: &Call, x: &mut Core) {
        let until = x.stack.now + self.want.timeout;
        x.stack.timers.set(TimerKey::Verb(call.id), until);
    }

    /// Takes the keys that wait. True where there are enough.
    fn take(&mut self, call: &mut Call) -> bool {
        let keys = &mut call.keys.waiting;
        while !keys.is_empty() {
            let key = keys.remove(0);
            if Some(key) == self.want.terminator {
                return true;
            }
            self.digits.push(key);
            if self.digits.len() >= self.want.max {
                return true;
            }
        }
        false
    }

    /// Something happened.
    pub fn event(mut self, call: &mut Call, x: &mut Core, event: &VerbEvent) -> Asked {
        match event {
            VerbEvent::Digit(_) => {
                self.sound.stop(x);
                if self.take(call) {
                    return self.end(call, x, Some(CollectStatus::Done));
                }
                self.wait_for_key(call, x);
                Asked::Waits(self)
            }
            VerbEvent::Timer | VerbEvent::SubjectGone => self.end(call, x, None),
            // The new phone has heard nothing of the prompts.
            VerbEvent::Guest(guest) if guest.subject => {
                call::listen(call, x, false);
                let asks = self.sound.lasts();
                self.sound = Sound::Silence;
                if asks { self.ask(call, x) } else { Asked::Waits(self) }
            }
            VerbEvent::Guest(_)
            | VerbEvent::Media(..)
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_)
            | VerbEvent::Resolved(..) => match self.sound.event(call, x, event) {
                Played::GoesOn | Played::Begins => Asked::Waits(self),
                Played::Over => {
                    self.wait_for_key(call, x);
                    Asked::Waits(self)
                }
                Played::Fault(outcome) => Asked::Failed(outcome),
            },
        }
    }

    /// It is over; `None`: no further key came.
    fn end(mut self, call: &Call, x: &mut Core, status: Option<CollectStatus>) -> Asked {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        self.sound.stop(x);
        let status = status.unwrap_or(if self.digits.is_empty() {
            CollectStatus::Empty
        } else {
            CollectStatus::Timeout
        });
        Asked::Has(CollectResult {
            digits: self.digits,
            status,
        })
    }
}
