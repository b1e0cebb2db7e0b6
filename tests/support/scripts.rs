//! Dialplan scripts, run without threads: real ones, or Rust's own that cost nothing.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use dialplan::{Fiber, Generation, Limits, Resume, Step};
use switch::{CallUid, Facts, Outcome, Position, ScriptCommand, ScriptEvent, ScriptFault, Verb};

/// What a stand-in for a script does next.
pub enum Act {
    /// Asks for this.
    Ask(Verb),
    /// Returns.
    Return,
    /// Fails.
    Throw,
}

/// A stand-in for a script: told what came of what it asked for (`None` at first), it says what is next.
pub type Play = Box<dyn FnMut(Option<&Outcome>) -> Act>;

/// Makes the stand-in for a call's script.
pub type Director = Box<dyn FnMut(&Facts) -> Play>;

enum Troupe {
    Rhai {
        plan: Arc<Generation>,
        fibers: BTreeMap<CallUid, Fiber>,
    },
    Rust {
        director: Director,
        plays: BTreeMap<CallUid, Play>,
    },
}

/// The scripts that run, by call.
pub struct Scripts(Troupe);

thread_local! {
    /// Plans by their text: compiling one costs more than many calls.
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
        Self(Troupe::Rhai {
            plan,
            fibers: BTreeMap::new(),
        })
    }

    /// Stand-ins instead of scripts.
    pub fn played(director: Director) -> Self {
        Self(Troupe::Rust {
            director,
            plays: BTreeMap::new(),
        })
    }

    /// Carries out a command; what the script says is the answer.
    pub fn apply(&mut self, command: ScriptCommand, unix_micros: i64) -> Option<ScriptEvent> {
        match &mut self.0 {
            Troupe::Rhai { plan, fibers } => fiber(plan, fibers, command, unix_micros),
            Troupe::Rust { director, plays } => play(director, plays, command),
        }
    }

    /// How many run.
    pub fn len(&self) -> usize {
        match &self.0 {
            Troupe::Rhai { fibers, .. } => fibers.len(),
            Troupe::Rust { plays, .. } => plays.len(),
        }
    }

    /// Whether none runs.
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

fn play(director: &mut Director, plays: &mut BTreeMap<CallUid, Play>, command: ScriptCommand) -> Option<ScriptEvent> {
    let (call, outcome) = match command {
        ScriptCommand::Start { call, facts, .. } => {
            plays.insert(call, director(&facts));
            (call, None)
        }
        ScriptCommand::Resume { call, outcome } => (call, Some(outcome)),
        ScriptCommand::Cancel { call } => {
            let was = plays.remove(&call);
            return was.map(|_| ScriptEvent::Ended { call, result: Ok(()) });
        }
    };
    let act = plays.get_mut(&call)?(outcome.as_ref());
    let at = Position::default();
    let result = match act {
        Act::Ask(verb) => return Some(ScriptEvent::Verb { call, verb, at }),
        Act::Return => Ok(()),
        Act::Throw => Err(ScriptFault {
            position: at,
            message: "it was thrown".into(),
        }),
    };
    plays.remove(&call);
    Some(ScriptEvent::Ended { call, result })
}
