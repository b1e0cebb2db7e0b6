//! One script thread.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::SystemTime;

use dialplan::{Dialplans, Fiber, Resume, Step};
use switch::{CallUid, Facts, Outcome, Position, ScriptCommand, ScriptEntry, ScriptEvent, ScriptFault};

pub(super) struct Worker<S> {
    plans: Arc<Dialplans>,
    alive: Arc<AtomicUsize>,
    sink: S,
    scripts: HashMap<CallUid, Script>,
    /// Whose turn it is. A script is here as often as it is [`State::Ready`]: once, or not.
    ready: VecDeque<CallUid>,
}

struct Script {
    fiber: Fiber,
    state: State,
}

enum State {
    /// Has something to run with.
    Ready(Resume),
    /// Waits for the outcome of a verb.
    Waiting,
}

impl<S: Fn(ScriptEvent)> Worker<S> {
    pub(super) fn new(plans: Arc<Dialplans>, alive: Arc<AtomicUsize>, sink: S) -> Self {
        Self {
            plans,
            alive,
            sink,
            scripts: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// Runs until the last sender of commands is dropped.
    pub(super) fn run(mut self, commands: &Receiver<ScriptCommand>) {
        loop {
            // All that waits is taken before each slice, so that a cancellation is not kept waiting.
            let command = if self.ready.is_empty() {
                commands.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                commands.try_recv()
            };
            match command {
                Ok(command) => drop(contained(|| self.apply(command))),
                Err(TryRecvError::Empty) => drop(contained(|| self.turn())),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    fn apply(&mut self, command: ScriptCommand) {
        match command {
            ScriptCommand::Start { call, entry, facts } => self.start(call, entry, *facts),
            ScriptCommand::Resume { call, outcome } => self.resume(call, outcome),
            ScriptCommand::Cancel { call } => self.cancel(call),
        }
    }

    fn start(&mut self, call: CallUid, entry: ScriptEntry, mut facts: Facts) {
        if self.scripts.contains_key(&call) {
            // One call, one script: the second start is not answered, or the first would seem to end.
            self.alive.fetch_sub(1, Ordering::Relaxed);
            tracing::error!(%call, "a script was started twice");
            return;
        }
        if facts.id.is_empty() {
            facts.id = call.to_string();
        }
        match Fiber::new(&self.plans.current(), entry, facts) {
            Ok(fiber) => {
                self.scripts.insert(
                    call,
                    Script {
                        fiber,
                        state: State::Ready(Resume::Continue),
                    },
                );
                self.ready.push_back(call);
            }
            Err(fault) => self.ended(call, Err(fault)),
        }
    }

    /// An outcome for a script that has ended is dropped: the script was cancelled before.
    fn resume(&mut self, call: CallUid, outcome: Outcome) {
        let Some(script) = self.scripts.get_mut(&call) else {
            return;
        };
        match script.state {
            State::Waiting => {
                script.state = State::Ready(Resume::Outcome(outcome));
                self.ready.push_back(call);
            }
            State::Ready(_) => tracing::error!(%call, "a script was resumed while it runs"),
        }
    }

    /// The end of a script that has ended by itself is not reported twice.
    fn cancel(&mut self, call: CallUid) {
        let Some(script) = self.scripts.remove(&call) else {
            return;
        };
        contained(|| drop(script));
        self.ended(call, Ok(()));
    }

    /// Lets the next script run for its slice.
    fn turn(&mut self) {
        let Some(call) = self.ready.pop_front() else { return };
        // A cancelled script may still stand in the queue.
        let Some(script) = self.scripts.get_mut(&call) else {
            return;
        };
        let State::Ready(with) = std::mem::replace(&mut script.state, State::Waiting) else {
            return;
        };
        let fiber = &mut script.fiber;
        let now = unix_micros();
        match contained(|| fiber.resume(with, now)) {
            Some(Step::Verb { verb, at }) => (self.sink)(ScriptEvent::Verb { call, verb, at }),
            Some(Step::Yielded) => {
                script.state = State::Ready(Resume::Continue);
                self.ready.push_back(call);
            }
            Some(Step::Ended(result)) => self.over(call, result),
            None => self.over(call, Err(internal())),
        }
    }

    fn over(&mut self, call: CallUid, result: Result<(), ScriptFault>) {
        let script = self.scripts.remove(&call);
        contained(|| drop(script));
        self.ended(call, result);
    }

    fn ended(&self, call: CallUid, result: Result<(), ScriptFault>) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        if let Err(fault) = &result {
            // Its call says so, at a level for everybody.
            tracing::debug!(%call, "the dialplan failed: {}", dialplan::describe(fault));
        }
        (self.sink)(ScriptEvent::Ended { call, result });
    }
}

/// A panic in `body` ends `body` only, not the thread with the scripts of other calls.
fn contained<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

fn internal() -> ScriptFault {
    ScriptFault {
        position: Position::default(),
        message: "this is an error of Tandem's, not of the script".into(),
    }
}

fn unix_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
