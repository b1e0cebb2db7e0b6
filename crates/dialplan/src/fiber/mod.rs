//! A script that can wait.
//!
//! Rhai is synchronous, a dialplan waits for phones: so each call's script has a stack of its own, and
//! a verb switches away from it until its outcome is there.

mod memory;
mod stack;
mod state;

use std::sync::Arc;

use switch::{Facts, Outcome, Position, ScriptEntry, ScriptFault, Verb};

use crate::fault;
use crate::generation::Generation;
pub use memory::Metered;
pub(crate) use stack::{Task, Turn, current};
pub(crate) use state::{Ask, State, Stop, ask, ask_plainly, clock, progress};

/// What a fiber is resumed with.
#[derive(Clone, Debug, PartialEq)]
pub enum Resume {
    /// Begin, or go on after [`Step::Yielded`].
    Continue,
    /// What came of the verb it asked for.
    Outcome(Outcome),
}

/// Why a fiber stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It asks for something; resume it with the outcome.
    Verb {
        /// What.
        verb: Verb,
        /// The line that asks.
        at: Position,
    },
    /// It has had its share of the processor; resume it after the others.
    Yielded,
    /// It is over.
    Ended(Result<(), ScriptFault>),
}

/// One call's run through the dialplan. It cannot leave its thread.
///
/// Dropping it ends the script where it stands.
pub struct Fiber {
    task: Option<Task<Result<(), ScriptFault>>>,
}

impl Fiber {
    /// A script about to enter `entry`; nothing of it has run yet. It keeps `generation` to its end.
    ///
    /// A plan without `on_trunk` does nothing with a trunk's call, one without `on_request` nothing with a request. Fails where there is no memory for
    /// another stack.
    pub fn new(generation: &Arc<Generation>, entry: ScriptEntry, facts: Facts) -> Result<Self, ScriptFault> {
        let plan = generation.clone();
        let state = State::new(generation.limits(), facts.id.clone());
        let task = Task::new(state, move || plan.enter(entry, facts)).map_err(|error| ScriptFault {
            position: Position::default(),
            message: format!("no memory for another script: {error}"),
        })?;
        Ok(Self { task: Some(task) })
    }

    /// Runs the script until it asks for something, has had its share, or is over. `unix_micros` is
    /// what `now(..)` tells until the next resume.
    ///
    /// A script that is over stays over: it answers `Ended(Ok(()))`.
    pub fn resume(&mut self, with: Resume, unix_micros: i64) -> Step {
        let Some(task) = &mut self.task else {
            return Step::Ended(Ok(()));
        };
        task.state().set_clock(unix_micros);
        let result = match task.resume(with) {
            Turn::Asked(Ask::Verb { verb, at }) => return Step::Verb { verb, at },
            Turn::Asked(Ask::Turn) => return Step::Yielded,
            Turn::Returned(result) => match (task.state().stop(), result) {
                (Some(stop), result) => fault::of_stop(stop, result, task.state()),
                (None, result) => result,
            },
            Turn::Panicked(message) => Err(ScriptFault {
                position: task.state().last_verb(),
                message: format!("this is an error of Tandem's, not of the script: {message}"),
            }),
        };
        self.task = None;
        Step::Ended(result)
    }

    /// Ends the script where it stands: nothing of it runs any more, not even what a `catch` holds.
    pub fn cancel(&mut self) {
        self.task = None;
    }
}

impl std::fmt::Debug for Fiber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fiber").field("over", &self.task.is_none()).finish()
    }
}
