//! What a running script has used up, and why it must stop.

use std::cell::{Cell, RefCell};

use rhai::{Dynamic, EvalAltResult, NativeCallContext};
use switch::{Outcome, PickupStatus, Position, Verb};

use super::Resume;
use super::memory::held;
use super::stack::{self, Link, with_current};
use crate::folder::MAIN;
use crate::limits::Limits;
use crate::{fault, fault::Thrown};

/// What each verb adds to the operations of its call, so that a loop of verbs ends too.
const VERB_OPERATIONS: u64 = 1_000;

/// What a script leaves its stack for.
pub(crate) enum Ask {
    Verb { verb: Verb, at: Position },
    Turn,
}

/// Why nothing of a script may run any more. Once set it stays, and no `catch` holds it up.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The caller is gone.
    Cancelled,
    /// It asked for something after it had rejected, redirected or hung up.
    Over,
    /// Too much work without asking for anything.
    Operations,
    /// Too much work in all.
    Total,
    /// Its stack is nearly used up.
    Stack,
    /// It holds too much memory.
    Memory,
}

/// What a script may still take of its limits.
struct Left {
    /// Operations until it lets others run.
    slice: Cell<u32>,
    /// Operations until its next verb.
    budget: Cell<u64>,
    /// Operations until its end.
    total: Cell<u64>,
    /// Lines of the log until its next verb.
    log_lines: Cell<u32>,
    /// Lines of the log until its end.
    log_total: Cell<u32>,
}

pub(crate) struct State {
    pub(super) link: Link,
    pub(crate) limits: Limits,
    call: String,
    in_call: bool,
    stop: Cell<Option<Stop>>,
    over: Cell<bool>,
    left: Left,
    unix_micros: Cell<i64>,
    /// Bytes held when it last stopped, and what the thread held when it was last resumed.
    held: Cell<isize>,
    held_before: Cell<isize>,
    base: Cell<usize>,
    floor: Cell<usize>,
    lowest: Cell<usize>,
    last_verb: RefCell<Position>,
}

impl State {
    /// For a script in a call.
    pub(crate) fn new(limits: &Limits, call: String) -> Self {
        Self {
            link: Link::default(),
            call,
            in_call: true,
            stop: Cell::new(None),
            over: Cell::new(false),
            left: Left {
                slice: Cell::new(limits.operations.slice),
                budget: Cell::new(limits.operations.between_verbs),
                total: Cell::new(limits.operations.per_call),
                log_lines: Cell::new(limits.log.between_verbs),
                log_total: Cell::new(limits.log.per_call),
            },
            unix_micros: Cell::new(0),
            held: Cell::new(0),
            held_before: Cell::new(0),
            base: Cell::new(0),
            floor: Cell::new(0),
            lowest: Cell::new(usize::MAX),
            last_verb: RefCell::default(),
            limits: limits.clone(),
        }
    }

    /// For scripts that are compiled or tested: there is no call, and no switch to ask.
    pub(crate) fn outside_of_a_call(limits: &Limits) -> Self {
        Self {
            in_call: false,
            ..Self::new(limits, String::new())
        }
    }

    pub(crate) fn call(&self) -> &str {
        &self.call
    }

    pub(crate) fn stop(&self) -> Option<Stop> {
        self.stop.get()
    }

    /// The first reason stays.
    pub(crate) fn set_stop(&self, stop: Stop) {
        if self.stop.get().is_none() {
            self.stop.set(Some(stop));
        }
    }

    /// After this, asking for anything ends the script.
    pub(crate) fn set_over(&self) {
        self.over.set(true);
    }

    pub(crate) fn set_clock(&self, unix_micros: i64) {
        self.unix_micros.set(unix_micros);
    }

    pub(crate) fn last_verb(&self) -> Position {
        self.last_verb.borrow().clone()
    }

    /// Half of the stack is for what runs without being watched: native functions, and copying,
    /// comparing and dropping nested values.
    pub(super) fn set_stack(&self, base: usize, limit: usize) {
        self.base.set(base);
        self.lowest.set(base);
        self.floor.set(limit + (base - limit) / 2);
    }

    /// How deep the stack was seen to be used.
    pub(super) fn depth(&self) -> usize {
        self.base.get() - self.lowest.get()
    }

    /// From here on the thread allocates for this script.
    pub(super) fn enter(&self) {
        self.held_before.set(held());
    }

    /// From here on it does not.
    pub(super) fn leave(&self) {
        self.held.set(self.memory());
    }

    /// Bytes the running script holds.
    fn memory(&self) -> isize {
        self.held
            .get()
            .wrapping_add(held().wrapping_sub(self.held_before.get()))
    }

    /// A value goes out of the script (`sign` -1) or comes in (`sign` 1): the side that frees it is not the side that
    /// allocated it. Its size is measured on a copy.
    fn hand_over<T: Clone>(&self, thing: &T, sign: isize) {
        let before = held();
        let copy = thing.clone();
        let size = held().wrapping_sub(before);
        drop(copy);
        self.held.set(self.held.get().wrapping_add(size * sign));
    }

    /// Whether another line may go to the log: `Some(true)` for the last one.
    pub(crate) fn log_line(&self) -> Option<bool> {
        let (lines, total) = (
            self.left.log_lines.get().checked_sub(1)?,
            self.left.log_total.get().checked_sub(1)?,
        );
        self.left.log_lines.set(lines);
        self.left.log_total.set(total);
        Some(lines == 0 || total == 0)
    }

    /// Counts one operation. `true` when it is the others' turn.
    fn count(&self) -> bool {
        let here = 0u8;
        let here = std::ptr::from_ref(&here).addr();
        self.lowest.set(self.lowest.get().min(here));
        if here < self.floor.get() {
            self.set_stop(Stop::Stack);
        }
        match self.left.budget.get().checked_sub(1) {
            Some(left) => self.left.budget.set(left),
            None => self.set_stop(Stop::Operations),
        }
        match self.left.total.get().checked_sub(1) {
            Some(left) => self.left.total.set(left),
            None => self.set_stop(Stop::Total),
        }
        if self.memory() > self.limits.values.memory.cast_signed() {
            self.set_stop(Stop::Memory);
        }
        self.left.slice.set(self.left.slice.get().saturating_sub(1));
        self.left.slice.get() == 0
    }

    fn refill(&self) {
        self.left.slice.set(self.limits.operations.slice);
        self.left.budget.set(self.limits.operations.between_verbs);
        self.left.log_lines.set(self.limits.log.between_verbs);
        self.left
            .total
            .set(self.left.total.get().saturating_sub(VERB_OPERATIONS));
    }
}

/// Called by Rhai at every operation; `Some` ends the script in a way no `catch` can hold up.
pub(crate) fn progress() -> Option<Dynamic> {
    let (stop, turn) = with_current(|state| (state.stop(), state.stop().is_none() && state.count()))?;
    if stop.is_some() {
        return Some(Dynamic::UNIT);
    }
    if turn {
        stack::suspend(Ask::Turn);
        with_current(|state| state.left.slice.set(state.limits.operations.slice));
    }
    with_current(State::stop).flatten().map(|_| Dynamic::UNIT)
}

/// The error that ends a script in a way no `catch` can hold up.
pub(crate) fn stopped(context: &NativeCallContext) -> Thrown {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, context.call_position()).into()
}

/// The task this code runs in.
use stack::current;

/// What the clock showed when the script was last resumed.
pub(crate) fn clock() -> i64 {
    with_current(|state| state.unix_micros.get()).unwrap_or(0)
}

/// Asks the switch for something and waits.
pub(crate) fn ask(context: &NativeCallContext, verb: Verb) -> Result<Outcome, Thrown> {
    let Some(state) = current().filter(|state| state.in_call) else {
        return Err(fault::thrown(
            context,
            "there is no call here: this works inside on_call, on_trunk and on_request only",
        ));
    };
    if state.over.get() {
        state.set_stop(Stop::Over);
    }
    if state.stop().is_some() {
        return Err(stopped(context));
    }
    let at = fault::place(context);
    state.last_verb.replace(at.clone());
    let ends = matches!(
        verb,
        Verb::Reject { .. } | Verb::Redirect { .. } | Verb::Hangup | Verb::Transfer(_)
    );
    state.hand_over(&verb, -1);
    state.hand_over(&at, -1);
    let resumed = stack::suspend(Ask::Verb { verb, at });
    if state.stop().is_some() {
        return Err(stopped(context));
    }
    state.refill();
    match resumed {
        Some(Resume::Outcome(Outcome::Fault(message))) => Err(fault::thrown(context, &message)),
        Some(Resume::Outcome(outcome)) => {
            state.hand_over(&outcome, 1);
            let has_left = matches!(&outcome, Outcome::PickedUp(taken) if taken.status == PickupStatus::Answered);
            if ends || has_left {
                state.set_over();
            }
            Ok(outcome)
        }
        Some(Resume::Continue) | None => Err(fault::thrown(context, "resumed without an outcome")),
    }
}

/// Asks the switch for something that no line of a script asks for; what comes of it does not matter.
pub(crate) fn ask_plainly(verb: Verb) {
    let at = Position {
        file: MAIN.to_owned(),
        line: 0,
        column: 0,
    };
    stack::suspend(Ask::Verb { verb, at });
}
