//! Real dialplan scripts, run without threads.

use std::{collections::BTreeMap, sync::Arc};

use dialplan::{Fiber, Generation, Limits, Resume, Step};
use switch::{CallUid, ScriptCommand, ScriptEvent};

/// The scripts that run, by call.
pub struct Scripts {
    plan: Arc<Generation>,
    fibers: BTreeMap<CallUid, Fiber>,
}

impl Scripts {
    /// Compiles `main`, the text of a `main.rhai`.
    pub fn new(main: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the dialplan");
        std::fs::write(folder.path().join("main.rhai"), main).expect("the dialplan is written");
        let plan = Generation::load(folder.path(), &Limits::default()).expect("the dialplan compiles");
        Self {
            plan: Arc::new(plan),
            fibers: BTreeMap::new(),
        }
    }

    /// Carries out a command; what the script says is the answer.
    pub fn apply(&mut self, command: ScriptCommand, unix_micros: i64) -> Option<ScriptEvent> {
        match command {
            ScriptCommand::Start { call, entry, facts } => match Fiber::new(&self.plan, entry, *facts) {
                Ok(fiber) => {
                    self.fibers.insert(call, fiber);
                    self.run(call, Resume::Continue, unix_micros)
                }
                Err(fault) => Some(ScriptEvent::Ended {
                    call,
                    result: Err(fault),
                }),
            },
            ScriptCommand::Resume { call, outcome } => self.run(call, Resume::Outcome(outcome), unix_micros),
            ScriptCommand::Cancel { call } => {
                let mut fiber = self.fibers.remove(&call)?;
                fiber.cancel();
                Some(ScriptEvent::Ended { call, result: Ok(()) })
            }
        }
    }

    fn run(&mut self, call: CallUid, mut with: Resume, unix_micros: i64) -> Option<ScriptEvent> {
        let fiber = self.fibers.get_mut(&call)?;
        loop {
            match fiber.resume(with, unix_micros) {
                Step::Verb { verb, at } => return Some(ScriptEvent::Verb { call, verb, at }),
                Step::Yielded => with = Resume::Continue,
                Step::Ended(result) => {
                    self.fibers.remove(&call);
                    return Some(ScriptEvent::Ended { call, result });
                }
            }
        }
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.fibers.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.fibers.is_empty()
    }
}
