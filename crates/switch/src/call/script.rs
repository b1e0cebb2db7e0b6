//! The call and its script.

use crate::{
    answer::Answer,
    api::{Began, CauseCode, Event, Outcome, Position, QueryId, ScriptCommand, ScriptEntry, ScriptFault},
    core::Core,
    event::Cause,
    hunt::Unanswered,
    ids::LegId,
};

use super::{Call, Ending, VerbEvent, connect, end, transfer};

/// How far the script is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waits until the beginning of the CDR is on disk.
    Storing(QueryId),
    /// Waits until a phone of the person who wanted the call is picked up.
    Waiting,
    /// Runs, or waits for its verb.
    Running,
    /// Was told that the subject is gone.
    Cancelled,
    /// Over, or never begun.
    Over,
}

/// The script of a call, and what it has come to so far.
pub(crate) struct Script {
    pub entry: ScriptEntry,
    pub stage: Stage,
    /// Where in the dialplan the running verb stands.
    pub at: Position,
    /// The running verb, as scripts write it; empty if there is none.
    pub doing: &'static str,
    /// The phones of the person who wants the call ring: the call has no subject so far.
    pub seeks: bool,
    /// What the last `dial` came to, for how the call ends if nothing follows.
    pub last_dial: Option<Unanswered>,
    /// The end of the callee of an answered `dial`, as long as the script has not gone on.
    pub callee_ended: Option<Ending>,
}

impl Script {
    /// A script that has not begun.
    pub fn new(entry: ScriptEntry) -> Self {
        Self {
            entry,
            stage: Stage::Over,
            at: Position::default(),
            doing: "",
            seeks: false,
            last_dial: None,
            callee_ended: None,
        }
    }

    /// Whether a script decides what comes next.
    pub fn runs(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Storing(_) | Stage::Waiting)
    }

    /// Whether the script engine has a script for the call, be it one that was told to stop.
    pub const fn is_there(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Cancelled)
    }

    /// Whether nothing of the script is left.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl Call {
    /// The answer to the question whether the CDR is open has come.
    pub fn stored(&mut self, x: &mut Core, query: QueryId, ok: bool) {
        let _entered = self.span.clone().entered();
        if !ok {
            // People must be able to call also with a full disk; the CDR is written later, or lost with a crash.
            tracing::error!("the beginning of the call's record could not be written; the call goes on");
        }
        if self.script.stage != Stage::Storing(query) {
            return;
        }
        if self.script.seeks {
            self.script.stage = Stage::Waiting;
        } else if self.joins().is_some() {
            self.script.stage = Stage::Over;
        } else {
            self.start_script(x);
        }
    }

    fn start_script(&mut self, x: &mut Core) {
        if self.has_ended() {
            self.script.stage = Stage::Over;
            return;
        }
        self.script.stage = Stage::Running;
        let facts = self.facts.clone();
        x.stack.script(ScriptCommand::Start {
            call: self.uid,
            entry: self.script.entry,
            facts,
        });
    }

    /// Of a call made over the API: a phone rings, the first of the call unless it has one.
    pub fn first_rings(&mut self, x: &Core, leg: LegId) {
        if let Some(found) = x.legs.get(leg).filter(|_| self.subject.is_none()) {
            self.subject = Some(leg);
            self.facts.source = found.path.flow.remote.to_string();
            self.record.sip_call_id = found.invite.call_id().to_owned();
        }
    }

    /// Of a call made over the API: its subject has picked up, and now "dials".
    pub fn subject_found(&mut self, x: &mut Core, leg: LegId) {
        self.subject = Some(leg);
        self.script.seeks = false;
        self.mark_answered(x, Began::Answered);
        match self.script.stage {
            Stage::Waiting if self.joins().is_some() => self.script.stage = Stage::Over,
            Stage::Waiting => self.start_script(x),
            Stage::Storing(_) | Stage::Running | Stage::Cancelled | Stage::Over => {}
        }
    }

    /// The subject is gone: nothing after the verb that runs may run (and nothing begins).
    pub(super) fn cancel_script(&mut self, x: &mut Core) {
        match self.script.stage {
            Stage::Running => {
                self.script.stage = Stage::Cancelled;
                x.stack.script(ScriptCommand::Cancel { call: self.uid });
            }
            Stage::Storing(_) | Stage::Waiting => self.script.stage = Stage::Over,
            Stage::Cancelled | Stage::Over => {}
        }
    }

    /// The script asks for a verb; false if that is not to begin any more.
    pub fn verb_begins(&mut self, name: &'static str, at: Position) -> bool {
        if self.script.stage != Stage::Running {
            return false; // it has not yet heard that it is cancelled
        }
        self.script.at = at;
        self.script.doing = name;
        self.script.callee_ended = None;
        true
    }

    /// The verb is over: the script goes on with what it came to.
    pub fn resume(&mut self, x: &mut Core, outcome: Outcome) {
        self.script.doing = "";
        if self.script.stage == Stage::Running {
            x.stack.script(ScriptCommand::Resume {
                call: self.uid,
                outcome,
            });
        }
    }

    /// The script is over.
    pub fn script_ended(&mut self, x: &mut Core, result: Result<(), ScriptFault>) {
        let _entered = self.span.clone().entered();
        let was = std::mem::replace(&mut self.script.stage, Stage::Over);
        if was != Stage::Running {
            return; // a script that was cancelled decides nothing: the call may go on without it, after a transfer
        }
        self.tell_verb(VerbEvent::SubjectGone);
        let ending = match result {
            Ok(()) => self.ending_by_return(),
            Err(fault) => {
                let Position { file, line, column } = &fault.position;
                let detail = format!("{file}:{line}:{column}: {}", fault.message);
                tracing::error!(%detail, "the dialplan failed");
                x.stack.event(Event::ScriptFailed { call: self.uid, fault });
                Ending::system(CauseCode::ScriptFailed, 500, &detail)
            }
        };
        if self.has_ended() {
            return;
        }
        let cause = Cause::ours("the dialplan is through").because(ending.why.clone());
        let last = self.script.last_dial.as_ref().filter(|last| last.code == ending.code);
        let reason = last.map(|last| last.reason.clone());
        let refusal = Answer::of(ending.code)
            .with_reason(reason)
            .explained(ending.why.as_ref())
            .with_all(last.map_or(&[], |last| &last.fields));
        end::close_record(self, x, ending);
        connect::hang_up_partner(self, x, &cause);
        self.dismiss_subject(x, &refusal, cause);
    }

    /// The subject is refused, or hung up if it is up; a party that a transfer brought here goes back to the call it came
    /// from, if the phone that transferred it is still there.
    pub fn dismiss_subject(&mut self, x: &mut Core, refusal: &Answer, cause: Cause) {
        if transfer::failed(self, x, refusal.status.code()) {
            return;
        }
        self.with_subject(x, |leg, cx| leg.reject(cx, refusal));
        self.with_subject(x, |leg, cx| leg.hang_up(cx, cause));
    }

    /// How a script ends that returns (see the contract of the dialplan): with the last `dial`'s
    /// code, or 404 where it did nothing.
    fn ending_by_return(&self) -> Ending {
        if self.record.answered_at.is_some() {
            return match &self.script.callee_ended {
                Some(ending) => ending.clone(),
                None => Ending::script(CauseCode::ScriptEnded, 200, "the dialplan is through"),
            };
        }
        match &self.script.last_dial {
            Some(last) => Ending::unanswered(last),
            None => Ending::script(
                CauseCode::ScriptDidNothing,
                404,
                "the dialplan did nothing with the call",
            ),
        }
    }
}
