//! Dialplan scripts, run without threads: real Rhai scripts, or canned ones in Rust.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use dialplan::{Fiber, Generation, Limits, Resume, Step};
use switch::{CallUid, Facts, Outcome, Position, ScriptCommand, ScriptEvent, ScriptFault, Verb};

/// The next step of a canned script.
pub enum Next {
    /// Asks for a verb.
    Ask(Verb),
    /// Returns.
    Return,
    /// Fails.
    Throw,
}

/// A canned script: gets the outcome of its last verb (`None` at the start), and returns its next step.
pub type CannedScript = Box<dyn FnMut(Option<&Outcome>) -> Next>;

/// Makes the canned script of a call from the facts of the call.
pub type CannedPlan = Box<dyn FnMut(&Facts) -> CannedScript>;

/// The scripts that run, by call.
pub enum Scripts {
    /// Scripts of a real dialplan.
    Rhai {
        /// The compiled dialplan.
        plan: Arc<Generation>,
        /// The running scripts.
        fibers: BTreeMap<CallUid, Fiber>,
    },
    /// Rust closures in place of scripts: much faster.
    Canned {
        /// Makes a script for each call.
        plan: CannedPlan,
        /// The running scripts.
        running: BTreeMap<CallUid, CannedScript>,
    },
}

thread_local! {
    /// Compiled plans by their text: to compile a plan takes longer than to run many calls.
    static PLANS: RefCell<BTreeMap<String, Arc<Generation>>> = const { RefCell::new(BTreeMap::new()) };
}

fn compile(main: &str, limits: &Limits) -> Arc<Generation> {
    let folder = tempfile::tempdir().expect("a folder for the dialplan");
    std::fs::write(folder.path().join("main.rhai"), main).expect("the dialplan is written");
    Arc::new(Generation::load(folder.path(), limits).expect("the dialplan compiles"))
}

impl Scripts {
    /// Compiles `main`, the text of a `main.rhai`.
    pub fn new(main: &str) -> Self {
        Self::within(main, &Limits::default())
    }

    /// The same with other limits (the first ones where the same text was compiled before).
    pub fn within(main: &str, limits: &Limits) -> Self {
        let plan = PLANS.with_borrow_mut(|plans| {
            let plan = plans.entry(main.to_owned()).or_insert_with(|| compile(main, limits));
            Arc::clone(plan)
        });
        Self::Rhai {
            plan,
            fibers: BTreeMap::new(),
        }
    }

    /// Canned scripts.
    pub fn canned(plan: CannedPlan) -> Self {
        Self::Canned {
            plan,
            running: BTreeMap::new(),
        }
    }

    /// Carries out a command. Returns the reply of the script, if there is one.
    pub fn apply(&mut self, command: ScriptCommand, unix_micros: i64) -> Option<ScriptEvent> {
        match self {
            Self::Rhai { plan, fibers } => fiber(plan, fibers, command, unix_micros),
            Self::Canned { plan, running } => canned(plan, running, command),
        }
    }

    /// The number of running scripts.
    pub fn len(&self) -> usize {
        match self {
            Self::Rhai { fibers, .. } => fibers.len(),
            Self::Canned { running, .. } => running.len(),
        }
    }

    /// True if no script runs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn fiber(
    plan: &Arc<Generation>,
    fibers: &mut BTreeMap<CallUid, Fiber>,
    command: ScriptCommand,
    unix_micros: i64,
) -> Option<ScriptEvent> {
    let (call, with) = match command {
        ScriptCommand::Start { call, entry, facts } => match Fiber::new(plan, entry, *facts) {
            Ok(fiber) => {
                fibers.insert(call, fiber);
                (call, Resume::Continue)
            }
            Err(fault) => {
                let result = Err(fault);
                return Some(ScriptEvent::Ended { call, result });
            }
        },
        ScriptCommand::Resume { call, outcome } => (call, Resume::Outcome(outcome)),
        ScriptCommand::Cancel { call } => {
            fibers.remove(&call)?.cancel();
            return Some(ScriptEvent::Ended { call, result: Ok(()) });
        }
    };
    run(fibers, call, with, unix_micros)
}

fn run(
    fibers: &mut BTreeMap<CallUid, Fiber>,
    call: CallUid,
    mut with: Resume,
    unix_micros: i64,
) -> Option<ScriptEvent> {
    let fiber = fibers.get_mut(&call)?;
    loop {
        match fiber.resume(with, unix_micros) {
            Step::Verb { verb, at } => return Some(ScriptEvent::Verb { call, verb, at }),
            Step::Yielded => with = Resume::Continue,
            Step::Ended(result) => {
                fibers.remove(&call);
                return Some(ScriptEvent::Ended { call, result });
            }
        }
    }
}

fn canned(
    plan: &mut CannedPlan,
    running: &mut BTreeMap<CallUid, CannedScript>,
    command: ScriptCommand,
) -> Option<ScriptEvent> {
    let (call, outcome) = match command {
        ScriptCommand::Start { call, facts, .. } => {
            running.insert(call, plan(&facts));
            (call, None)
        }
        ScriptCommand::Resume { call, outcome } => (call, Some(outcome)),
        ScriptCommand::Cancel { call } => {
            let was = running.remove(&call);
            return was.map(|_| ScriptEvent::Ended { call, result: Ok(()) });
        }
    };
    let next = running.get_mut(&call)?(outcome.as_ref());
    let at = Position::default();
    let result = match next {
        Next::Ask(verb) => return Some(ScriptEvent::Verb { call, verb, at }),
        Next::Return => Ok(()),
        Next::Throw => Err(ScriptFault {
            position: at,
            message: "it was thrown".into(),
        }),
    };
    running.remove(&call);
    Some(ScriptEvent::Ended { call, result })
}
