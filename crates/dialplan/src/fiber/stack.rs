//! Switching stacks. Unsafe, and small for that reason.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::Resume;
use super::state::{Ask, State, Stop};

/// A stack that was used deeper than this gives its memory back instead of waiting for the next script.
const KEEP: usize = 64 << 10;

thread_local! {
    /// The task whose stack this thread is on.
    static CURRENT: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
    static POOL: RefCell<Vec<(usize, DefaultStack)>> = const { RefCell::new(Vec::new()) };
}

/// The way back from a task's stack, while the task lives.
#[derive(Default)]
pub(super) struct Link(Cell<Option<NonNull<Yielder<Resume, Ask>>>>);

/// A function on a stack of its own.
pub(crate) struct Task<T: 'static> {
    coroutine: Option<Coroutine<Resume, Ask, T>>,
    state: Rc<State>,
}

/// Why a task stopped.
pub(crate) enum Turn<T> {
    Asked(Ask),
    Returned(T),
    Panicked(String),
}

/// The task this code runs in.
pub(crate) fn current() -> Option<Rc<State>> {
    CURRENT.with_borrow(Clone::clone)
}

/// The same without a clone; `look` must neither suspend nor resume.
pub(super) fn with_current<R>(look: impl FnOnce(&State) -> R) -> Option<R> {
    CURRENT.with_borrow(|current| current.as_deref().map(look))
}

/// Leaves the current task's stack until the task is resumed. `None` outside of a task.
pub(super) fn suspend(ask: Ask) -> Option<Resume> {
    let state = current()?;
    let yielder = state.link.0.get()?;
    // SAFETY: `link` is set by the task's own function (in `Task::new`) to the yielder that lives on
    // that task's stack for as long as the function runs, and is cleared when it returns or unwinds;
    // so the pointer is valid. `CURRENT` is this state only between the two lines of
    // `Task::resume_inner` around `resume` (and in `recycle` while the task unwinds), that is while this thread is on that stack and on no other
    // (a task resumed from within another sets `CURRENT` to itself and puts it back), which is what
    // `Yielder::suspend` needs. Neither `State` nor `Task` can go to another thread: both hold an `Rc`.
    Some(unsafe { yielder.as_ref() }.suspend(ask))
}

impl<T> Task<T> {
    /// Prepares to run `body` with `state`, taking a stack of the pool or a new one.
    pub(crate) fn new(state: State, body: impl FnOnce() -> T + 'static) -> std::io::Result<Self> {
        let size = state.limits.stack.size;
        let pooled = POOL.with_borrow_mut(|pool| {
            let at = pool.iter().rposition(|(of, _)| *of == size)?;
            Some(pool.swap_remove(at).1)
        });
        let stack = match pooled {
            Some(stack) => stack,
            None => DefaultStack::new(size)?,
        };
        state.set_stack(stack.base().get(), stack.limit().get());
        let state = Rc::new(state);
        let inner = state.clone();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<Resume, Ask>, _: Resume| {
            let _cleared = Cleared(&inner.link);
            inner.link.0.set(Some(NonNull::from(yielder)));
            body()
        });
        Ok(Self {
            coroutine: Some(coroutine),
            state,
        })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Runs until the next ask or the end. A task that is over panics again, so do not.
    pub(crate) fn resume(&mut self, with: Resume) -> Turn<T> {
        let turn = self.resume_inner(with);
        if !matches!(turn, Turn::Asked(_)) {
            self.recycle();
        }
        turn
    }

    fn resume_inner(&mut self, with: Resume) -> Turn<T> {
        let Some(coroutine) = &mut self.coroutine else {
            return Turn::Panicked("resumed after its end".into());
        };
        let before = CURRENT.replace(Some(self.state.clone()));
        self.state.enter();
        let result = catch_unwind(AssertUnwindSafe(|| coroutine.resume(with)));
        self.state.leave();
        CURRENT.set(before);
        match result {
            Ok(CoroutineResult::Yield(ask)) => Turn::Asked(ask),
            Ok(CoroutineResult::Return(value)) => Turn::Returned(value),
            Err(panic) => Turn::Panicked(words(panic.as_ref())),
        }
    }

    fn recycle(&mut self) {
        let Some(coroutine) = self.coroutine.take() else { return };
        if !coroutine.done() {
            // Unwinding runs on the task's stack: the code there must not take another task for its own.
            let before = CURRENT.replace(Some(self.state.clone()));
            drop(coroutine);
            CURRENT.set(before);
            return;
        }
        let stack = coroutine.into_stack();
        if self.state.depth() <= KEEP {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < self.state.limits.stack.pooled {
                    pool.push((self.state.limits.stack.size, stack));
                }
            });
        }
    }
}

/// A suspended task is first asked to return: all it may wait for, and every operation, fails from
/// now on. (Left to itself, a coroutine unwinds, which a native function may swallow.)
impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.coroutine.as_ref().is_some_and(|c| c.started() && !c.done()) {
            self.state.set_stop(Stop::Cancelled);
            drop(self.resume_inner(Resume::Continue));
        }
        self.recycle();
    }
}

struct Cleared<'a>(&'a Link);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.0.0.set(None);
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "panic".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::progress;
    use super::*;
    use crate::limits::{Limits, StackLimits};

    fn task<T: 'static>(body: impl FnOnce() -> T + 'static) -> Task<T> {
        Task::new(State::new(&Limits::default(), String::new()), body).unwrap()
    }

    fn pooled() -> usize {
        POOL.with_borrow(Vec::len)
    }

    fn returned<T>(turn: Turn<T>) -> T {
        match turn {
            Turn::Returned(value) => value,
            Turn::Asked(_) | Turn::Panicked(_) => panic!("it was to return"),
        }
    }

    #[test]
    fn a_task_suspends_and_goes_on() {
        let mut task = task(|| {
            suspend(Ask::Turn).unwrap();
            7
        });
        assert!(matches!(task.resume(Resume::Continue), Turn::Asked(Ask::Turn)));
        assert!(current().is_none(), "this thread is on its own stack again");
        assert_eq!(returned(task.resume(Resume::Continue)), 7);
        assert!(suspend(Ask::Turn).is_none(), "there is nothing to suspend out here");
    }

    #[test]
    fn tasks_within_tasks_suspend_themselves() {
        let mut outer = task(|| {
            let mut inner = task(|| {
                suspend(Ask::Turn);
                1
            });
            assert!(matches!(inner.resume(Resume::Continue), Turn::Asked(_)));
            suspend(Ask::Turn);
            returned(inner.resume(Resume::Continue)) + 1
        });
        assert!(matches!(outer.resume(Resume::Continue), Turn::Asked(_)));
        assert_eq!(returned(outer.resume(Resume::Continue)), 2);
    }

    #[test]
    fn a_panic_ends_its_task_only() {
        let mut other = task(|| suspend(Ask::Turn).is_some());
        assert!(matches!(other.resume(Resume::Continue), Turn::Asked(_)));
        let mut panics = task(|| -> u8 { panic!("at {}", 3) });
        let Turn::Panicked(words) = panics.resume(Resume::Continue) else {
            panic!("it did not")
        };
        assert_eq!(words, "at 3");
        assert!(current().is_none());
        assert!(returned(other.resume(Resume::Continue)));
    }

    #[test]
    fn what_a_dropped_task_holds_is_dropped() {
        let held = Rc::new(());
        let inner = held.clone();
        let mut task = task(move || {
            let _inner = inner;
            while progress().is_none() {
                suspend(Ask::Turn);
            }
        });
        assert!(matches!(task.resume(Resume::Continue), Turn::Asked(_)));
        assert_eq!(Rc::strong_count(&held), 2);
        drop(task);
        assert_eq!(Rc::strong_count(&held), 1);
        let inner = held.clone();
        drop(super::tests::task(move || drop(inner)));
        assert_eq!(Rc::strong_count(&held), 1, "also where it never began");
    }

    #[test]
    fn a_task_that_will_not_return_is_unwound() {
        let held = Rc::new(());
        let inner = held.clone();
        let mut task = task(move || {
            let _inner = inner;
            loop {
                suspend(Ask::Turn);
            }
        });
        assert!(matches!(task.resume(Resume::Continue), Turn::Asked(_)));
        drop(task);
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(current().is_none());
    }

    /// Uses this many bytes of stack, watched.
    fn dive(bytes: usize) {
        let room = [0_u8; 1_024];
        std::hint::black_box(&room);
        progress();
        if bytes > room.len() {
            dive(bytes - room.len());
        }
        std::hint::black_box(&room);
    }

    #[test]
    fn stacks_are_used_again_unless_they_hold_much_memory() {
        let before = pooled();
        returned(task(|| dive(1 << 10)).resume(Resume::Continue));
        assert_eq!(pooled(), before + 1);
        returned(task(|| dive(1 << 10)).resume(Resume::Continue));
        assert_eq!(pooled(), before + 1, "the same one");
        returned(task(|| dive(KEEP)).resume(Resume::Continue));
        assert_eq!(pooled(), before, "it gave its memory back");
    }

    #[test]
    fn the_stack_ends_a_script_long_before_it_ends() {
        let mut deep = task(|| {
            dive(5 << 20);
            progress().is_some()
        });
        let mut turn = deep.resume(Resume::Continue);
        while matches!(turn, Turn::Asked(_)) {
            turn = deep.resume(Resume::Continue);
        }
        assert!(returned(turn));
        assert_eq!(deep.state().stop(), Some(Stop::Stack));
    }

    #[test]
    fn the_pool_is_bounded() {
        let limits = Limits {
            stack: StackLimits {
                pooled: 3,
                ..StackLimits::default()
            },
            ..Limits::default()
        };
        let many: Vec<_> = (0..8)
            .map(|_| Task::new(State::new(&limits, String::new()), || ()).unwrap())
            .collect();
        many.into_iter()
            .for_each(|mut task| returned(task.resume(Resume::Continue)));
        assert_eq!(pooled(), 3);
    }
}
