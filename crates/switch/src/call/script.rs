//! The call and its script.

use crate::{
    answer::Answer,
    api::{Event, Outcome, Position, ScriptCommand, ScriptFault, Verb},
    core::Core,
    leg::Cause,
    verbs::{Next, Running, VerbEvent},
};

use super::{Call, Ending, ScriptState};

impl Call {
    pub(super) fn start_script(&mut self, x: &mut Core) {
        if self.has_ended() {
            self.script = ScriptState::Over;
            return;
        }
        self.script = ScriptState::Running;
        let facts = self.facts.clone();
        x.stack.script(ScriptCommand::Start {
            call: self.uid,
            entry: self.entry,
            facts,
        });
    }

    /// The caller is gone: nothing after the verb that runs may run (and nothing begins).
    pub(super) fn cancel_script(&mut self, x: &mut Core) {
        match self.script {
            ScriptState::Running => {
                self.script = ScriptState::Cancelled;
                x.stack.script(ScriptCommand::Cancel { call: self.uid });
            }
            ScriptState::Storing(_) | ScriptState::Waiting => self.script = ScriptState::Over,
            ScriptState::Cancelled | ScriptState::Over => {}
        }
    }

    /// The script asks for something.
    pub fn verb(&mut self, x: &mut Core, verb: Verb, at: Position) {
        let _entered = self.span.clone().entered();
        if self.script != ScriptState::Running {
            return; // it has not yet heard that it is cancelled
        }
        tracing::debug!(file = %at.file, line = at.line, "the dialplan asks: {verb}");
        self.at = at;
        self.doing = crate::verbs::name(&verb);
        self.callee_ended = None;
        let next = crate::verbs::start(self, x, verb);
        self.go_on(x, next);
    }

    /// Something happened that concerns the verb that runs.
    pub fn verb_event(&mut self, x: &mut Core, event: VerbEvent) {
        let _entered = self.span.clone().entered();
        let running = std::mem::replace(&mut self.running, Running::None);
        let next = running.event(self, x, event);
        self.go_on(x, next);
    }

    fn go_on(&mut self, x: &mut Core, next: Next) {
        match next {
            Next::Wait(running) => self.running = running,
            Next::Idle => {}
            Next::Done(outcome) => {
                self.doing = "";
                self.resume(x, outcome);
            }
        }
    }

    fn resume(&mut self, x: &mut Core, outcome: Outcome) {
        if self.script == ScriptState::Running {
            x.stack.script(ScriptCommand::Resume {
                call: self.uid,
                outcome,
            });
        }
    }

    /// The script is over.
    pub fn script_ended(&mut self, x: &mut Core, result: Result<(), ScriptFault>) {
        let _entered = self.span.clone().entered();
        if !self.has_script() {
            return;
        }
        self.script = ScriptState::Over;
        self.verb_event(x, VerbEvent::CallerGone);
        let ending = match result {
            Ok(()) => self.ending_by_return(),
            Err(fault) => {
                let Position { file, line, column } = &fault.position;
                let detail = format!("{file}:{line}:{column}: {}", fault.message);
                tracing::error!(%detail, "the dialplan failed");
                x.stack.event(Event::ScriptFailed { call: self.uid, fault });
                Ending::system(500, &detail)
            }
        };
        if self.has_ended() {
            return;
        }
        let cause = Cause::ours("the dialplan is through").because(ending.why.clone());
        let last = self.last_dial.as_ref().filter(|last| last.code == ending.code);
        let reason = last.map(|last| last.reason.clone());
        let refusal = Answer::of(ending.code)
            .with_reason(reason)
            .explained(ending.why.as_ref());
        self.close_cdr(x, ending);
        self.unbridge(x, &cause);
        x.with_leg(self.caller, |leg, cx| leg.reject(cx, &refusal));
        x.with_leg(self.caller, |leg, cx| leg.hang_up(cx, cause));
    }

    /// How a script ends that returns (see the contract of the dialplan): with the last `dial`'s
    /// code, or 404 where it did nothing.
    fn ending_by_return(&self) -> Ending {
        if self.answered_at.is_some() {
            return match &self.callee_ended {
                Some(ending) => ending.clone(),
                None => Ending::script(200, "the dialplan is through"),
            };
        }
        match &self.last_dial {
            Some(last) => Ending::unanswered(last),
            None => Ending::script(404, "the dialplan did nothing with the call"),
        }
    }

    /// The callee of an answered `dial` is gone; that is how the call ended, unless the script goes on
    /// with something else.
    pub(super) fn note_callee_ended(&mut self, ending: Ending) {
        self.callee_ended = Some(ending);
    }
}
