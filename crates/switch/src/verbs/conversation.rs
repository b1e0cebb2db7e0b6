//! A call with its running verb: an entry of the switch's table of calls.

use crate::{
    api::{CauseCode, Position, QueryId, Verb},
    call::{Call, Ending, VerbEvent},
    core::Core,
    stack::TimerKey,
};

use super::{Next, Originating, Running, conference, name, start};

/// See the module.
pub(crate) struct Conversation {
    pub call: Call,
    running: Running,
}

impl Conversation {
    /// A call for which no verb runs.
    pub const fn new(call: Call) -> Self {
        Self {
            call,
            running: Running::None,
        }
    }

    /// The script asks for an action.
    pub fn verb(&mut self, x: &mut Core, verb: Verb, at: Position) {
        let _entered = self.call.span().entered();
        tracing::debug!(file = %at.file, line = at.line, "the dialplan asks: {verb}");
        if self.call.verb_begins(name(&verb), at) {
            let next = start(&mut self.call, x, verb);
            self.go_on(x, next);
        }
    }

    /// For a call made over the API: rings the phones of its extension. False if that is not possible.
    pub fn originate(&mut self, x: &mut Core) -> bool {
        self.call.script.seeks = true;
        match Originating::start(&mut self.call, x) {
            Some(originating) => {
                self.running = Running::Originate(originating);
                true
            }
            None => false,
        }
    }

    /// The beginning of the call's record is on disk: the script begins; or the subject enters the conference it joins.
    pub fn stored(&mut self, x: &mut Core, query: QueryId, ok: bool) {
        self.call.stored(x, query, ok);
        let room = self.call.joins().map(str::to_owned);
        // Who is invited may still be rung.
        if let Some(room) = room.filter(|_| !self.call.has_ended() && !self.call.script.seeks) {
            let _entered = self.call.span().entered();
            let next = conference::join(&mut self.call, x, room);
            self.go_on(x, next);
        }
    }

    /// Passes the queued events to the running verb until the queue is empty.
    pub fn feed(&mut self, x: &mut Core) {
        while let Some(event) = self.call.next_event() {
            let _entered = self.call.span().entered();
            let guest = if let VerbEvent::Guest(guest) = &event {
                (!guest.connected && !guest.subject).then_some(guest.leg)
            } else {
                None
            };
            let running = std::mem::replace(&mut self.running, Running::None);
            let next = running.event(&mut self.call, x, event);
            self.go_on(x, next);
            if let Some(leg) = guest {
                super::refuse_guest(x, leg);
            }
        }
    }

    fn go_on(&mut self, x: &mut Core, next: Next) {
        match next {
            Next::Wait(running) => self.running = running,
            Next::Idle => {}
            Next::Done(_) if self.call.joins().is_some() => {
                let ending = Ending::system(CauseCode::ScriptEnded, 200, "the conference is over");
                if !self.call.has_ended() {
                    self.call.end(x, ending);
                }
            }
            Next::Done(outcome) => self.call.resume(x, outcome),
        }
    }

    /// The call is over: removes its timers.
    pub fn clear_timers(&self, x: &mut Core) {
        x.stack.timers.clear(TimerKey::Verb(self.call.id));
        x.stack.timers.clear(TimerKey::Setup(self.call.id));
    }
}
