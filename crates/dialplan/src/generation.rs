//! A folder of scripts, compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, Scope};
use switch::{Facts, ScriptEntry, ScriptFault, Verb};

use crate::api::{Caller, arguments};
use crate::entry::Entry;
use crate::fault;
use crate::fiber::{Resume, State, Task, Turn};
use crate::folder::{self, MAIN, Sources, whole_file};
use crate::limits::Limits;
use crate::modules::Modules;
use crate::{engine, fiber, lint};

/// The stack scripts are compiled on: the parser and what it builds nest with the script.
const COMPILE_STACK: usize = 64 << 20;
/// What all of them together may hold once compiled.
const COMPILE_MEMORY: usize = 256 << 20;

/// One state of the dialplan folder, compiled and checked. Calls keep the one they began with.
pub struct Generation {
    engine: Engine,
    main: AST,
    on_call: Entry,
    on_trunk: Option<Entry>,
    limits: Limits,
}

impl Generation {
    /// Reads and compiles the folder. Every fault found is told.
    pub fn load(folder: &Path, limits: &Limits) -> Result<Self, Vec<ScriptFault>> {
        let (plan, _tests) = folder::read(folder, limits)?;
        Self::compile(plan, limits)
    }

    /// Compiles scripts that are already in memory.
    pub(crate) fn compile(plan: Sources, limits: &Limits) -> Result<Self, Vec<ScriptFault>> {
        let on = Limits {
            stack: COMPILE_STACK,
            memory: COMPILE_MEMORY,
            pooled_stacks: 0,
            ..limits.clone()
        };
        let inner = limits.clone();
        aside(&on, move || compile(&plan, &inner))?
    }

    /// What its scripts may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs a call's script to its end, on the stack of a fiber.
    pub(crate) fn enter(&self, entry: ScriptEntry, facts: Facts) -> Result<(), ScriptFault> {
        // What a phone dials is no fault of the script, and need not reach it where nobody can have it.
        if arguments::number(&facts.dialed).is_err() {
            fiber::ask_plainly(Verb::Reject {
                code: 404,
                reason: None,
            });
            return Ok(());
        }
        let door = match entry {
            ScriptEntry::OnCall => Some(&self.on_call),
            ScriptEntry::OnTrunk => self.on_trunk.as_ref(),
        };
        let Some(door) = door else { return Ok(()) };
        door.run(&self.engine, &self.main, Dynamic::from(Caller::new(facts)))
            .map_err(|error| fault::of_error(*error, MAIN))
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Does something that is no call on a stack of its own, watched like a script.
pub(crate) fn aside<T: 'static>(limits: &Limits, body: impl FnOnce() -> T + 'static) -> Result<T, Vec<ScriptFault>> {
    let failed = |message: String| vec![whole_file("", message)];
    let state = State::outside_of_a_call(limits);
    let mut task = Task::new(state, body).map_err(|error| failed(format!("no memory to compile: {error}")))?;
    loop {
        match task.resume(Resume::Continue) {
            Turn::Asked(fiber::Ask::Turn | fiber::Ask::Verb { .. }) => {}
            Turn::Returned(value) => return Ok(value),
            Turn::Panicked(message) => return Err(failed(format!("the compiler failed: {message}"))),
        }
    }
}

fn compile(plan: &Sources, limits: &Limits) -> Result<Generation, Vec<ScriptFault>> {
    let mut engine = engine::new(limits);
    let mut faults = Vec::new();
    let mut scripts = BTreeMap::new();
    for (name, text) in plan {
        match compile_one(&engine, name, text) {
            Ok(script) => drop(scripts.insert(name.clone(), script)),
            Err(fault) => faults.push(fault),
        }
    }
    for (name, script) in &scripts {
        faults.extend(lint::lint(name, script, &scripts));
    }
    let main = scripts.remove(MAIN);
    let on_call = main.as_ref().and_then(|main| Entry::find(main, "on_call", 1));
    if main.is_some() && on_call.is_none() {
        faults.push(whole_file(
            MAIN,
            "there is no fn on_call(caller) in it, where every call begins",
        ));
    }
    if !plan.contains_key(MAIN) {
        faults.push(whole_file(MAIN, "there is no such file in the dialplan folder"));
    }
    let (Some(main), Some(on_call), true) = (main, on_call, faults.is_empty()) else {
        return Err(faults);
    };
    let modules = Modules::new(scripts);
    engine.set_module_resolver(modules.clone());
    for (name, error) in modules.load_all(&engine) {
        // A module fails where one that it imports does: told once.
        let fault = stoppable(fault::of_error(*error, &name));
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    // What stands outside of functions runs at the start of every call: run it once now.
    if let Err(error) = engine.run_ast_with_scope(&mut Scope::new(), &main) {
        return Err(vec![stoppable(fault::of_error(*error, MAIN))]);
    }
    let on_trunk = Entry::find(&main, "on_trunk", 1);
    Ok(Generation {
        engine,
        main,
        on_call,
        on_trunk,
        limits: limits.clone(),
    })
}

/// A fault of something that ran too long tells so.
fn stoppable(fault: ScriptFault) -> ScriptFault {
    let Some(state) = fiber::current() else { return fault };
    match state.stop() {
        Some(stop) => fault::of_stop(stop, Err(fault.clone()), &state).err().unwrap_or(fault),
        None => fault,
    }
}

pub(crate) fn compile_one(engine: &Engine, name: &str, text: &str) -> Result<AST, ScriptFault> {
    let mut script = engine
        .compile_with_scope(&engine::known_names(), text)
        .map_err(|error| fault::of_parse(name, &error))?;
    script.set_source(name);
    Ok(script)
}

/// Generations go from the thread that loads to those that run.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Generation>>();
};
