//! Rhai dialplans: engine, limits, modules, fibers and script tests.
//!
//! A [`Generation`] is a folder of scripts, compiled. A [`Fiber`] is one call's run through it: it is
//! resumed with the [`Outcome`](switch::Outcome) of what it asked for and stops at its next
//! [`Verb`](switch::Verb). Nothing here reads a clock, opens a socket or starts a thread; only
//! [`Dialplans`] and [`check`] read files, and only below the dialplan folder (and the last good scripts, where they
//! are kept).
//!
//! [`Limits`] says how much a script may take, so that it does not harm other calls.

mod api;
mod check;
mod engine;
mod entry;
mod fault;
mod fiber;
mod folder;
mod generation;
mod kept;
mod limits;
mod lint;
mod modules;
mod plans;
mod strings;
mod words;

#[cfg(test)]
mod tests;

pub use check::{Report, TestResult, check};
pub use fault::{describe, describe_in};
pub use fiber::{Fiber, Metered, Resume, Step};
pub use folder::{FileError, PlanFile};
pub use generation::Generation;
pub use limits::{CodeLimits, FolderLimits, Limits, LogLimits, OperationLimits, StackLimits, ValueLimits};
pub use lint::Prompts;
pub use plans::{Dialplans, InForce};
