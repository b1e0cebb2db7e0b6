//! Scripts run by hand: what they ask for, what they are told, how they end.

#![allow(clippy::wildcard_enum_match_arm)]

mod faults;
mod lint;
mod parties;
mod sound;
mod verbs;

use std::sync::Arc;

use switch::{DialResult, DialStatus, ExtensionState, Facts, Outcome, RejectCode, ScriptEntry, ScriptFault, Verb};

use crate::folder::Sources;
use crate::generation::Look;
use crate::{Fiber, Generation, Limits, Resume, Step, describe};

/// 2026-11-21 09:30:15 UTC, a Saturday.
const NOW: i64 = 1_795_253_415_000_000;

pub(crate) fn facts() -> Facts {
    Facts {
        id: "c1".into(),
        number: "101".into(),
        name: "Ann".into(),
        dialed: "102".into(),
        extension: Some("101".into()),
        trunk: None,
        source: "192.0.2.1:5060".into(),
        device: None,
        method: String::new(),
    }
}

pub(crate) fn plan(files: &[(&str, &str)], limits: &Limits) -> Result<Arc<Generation>, Vec<String>> {
    let sources: Sources = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Generation::compile(sources, limits, Look::Closely(None))
        .map(Arc::new)
        .map_err(|faults| faults.iter().map(describe).collect())
}

pub(crate) fn on_call(body: &str) -> Arc<Generation> {
    plan(
        &[("main.rhai", &format!("fn on_call(caller) {{\n{body}\n}}"))],
        &Limits::default(),
    )
    .unwrap()
}

pub(crate) fn start(generation: &Arc<Generation>) -> Fiber {
    Fiber::new(generation, ScriptEntry::OnCall, facts()).unwrap()
}

/// The next step that is not a yield.
pub(crate) fn step(fiber: &mut Fiber, with: Resume) -> Step {
    let mut step = fiber.resume(with, NOW);
    while step == Step::Yielded {
        step = fiber.resume(Resume::Continue, NOW);
    }
    step
}

fn verb(step: Step) -> (Verb, u32) {
    match step {
        Step::Verb { verb, at } => (verb, at.line),
        other => panic!("a verb was expected, not {other:?}"),
    }
}

fn ended(step: Step) -> Result<(), String> {
    match step {
        Step::Ended(result) => result.map_err(|fault: ScriptFault| describe(&fault)),
        other => panic!("an end was expected, not {other:?}"),
    }
}

fn done(outcome: Outcome) -> Resume {
    Resume::Outcome(outcome)
}

fn busy() -> Resume {
    done(Outcome::Dial(Box::new(DialResult {
        status: DialStatus::Busy,
        code: 486,
        reason: "Busy Here".into(),
        by: String::new(),
        talk: 0.0,
    })))
}

/// Runs a script that asks for nothing; its fault.
pub(crate) fn fault(body: &str) -> String {
    ended(step(&mut start(&on_call(body)), Resume::Continue)).unwrap_err()
}
