//! A folder of scripts, compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, Scope};
use switch::{Facts, ScriptEntry, ScriptFault};

use crate::api::Caller;
use crate::fault;
use crate::fiber::{Resume, State, Task, Turn};
use crate::folder::{self, MAIN, Sources, whole_file};
use crate::limits::Limits;
use crate::modules::Modules;
use crate::{engine, fiber};

/// The stack scripts are compiled on: the parser and what it builds nest with the script.
const COMPILE_STACK: usize = 64 << 20;

/// One state of the dialplan folder, compiled and checked. Calls keep the one they began with.
pub struct Generation {
    engine: Engine,
    main: AST,
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
        let function = match entry {
            ScriptEntry::OnCall => "on_call",
            ScriptEntry::OnTrunk => "on_trunk",
        };
        if !has(&self.main, function) {
            return Ok(());
        }
        let caller = Dynamic::from(Caller::new(facts));
        self.engine
            .call_fn::<Dynamic>(&mut Scope::new(), &self.main, function, (caller,))
            .map(drop)
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
    match scripts.get(MAIN) {
        Some(main) if !has(main, "on_call") => {
            faults.push(whole_file(
                MAIN,
                "there is no fn on_call(caller) in it, where every call begins",
            ));
        }
        None if !plan.contains_key(MAIN) => {
            faults.push(whole_file(MAIN, "there is no such file in the dialplan folder"))
        }
        Some(_) | None => {}
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let Some(main) = scripts.remove(MAIN) else {
        return Err(faults);
    };
    let modules = Modules::new(scripts);
    engine.set_module_resolver(modules.clone());
    for (name, error) in modules.load_all(&engine) {
        faults.push(stoppable(fault::of_error(*error, &name)));
    }
    // What stands outside of functions runs at the start of every call: run it once now.
    if let Err(error) = engine.run_ast_with_scope(&mut Scope::new(), &main) {
        faults.push(stoppable(fault::of_error(*error, MAIN)));
    }
    faults.dedup();
    if faults.is_empty() {
        Ok(Generation {
            engine,
            main,
            limits: limits.clone(),
        })
    } else {
        Err(faults)
    }
}

/// A fault of something that ran too long tells so.
fn stoppable(fault: ScriptFault) -> ScriptFault {
    let Some(state) = fiber::current() else { return fault };
    match state.stop() {
        Some(stop) => fault::of_stop(stop, Err(fault.clone()), &state).err().unwrap_or(fault),
        None => fault,
    }
}

fn compile_one(engine: &Engine, name: &str, text: &str) -> Result<AST, ScriptFault> {
    let mut script = engine
        .compile_with_scope(&engine::known_names(), text)
        .map_err(|error| fault::of_parse(name, &error))?;
    script.set_source(name);
    Ok(script)
}

fn has(script: &AST, function: &str) -> bool {
    script
        .iter_functions()
        .any(|found| found.name == function && found.params.len() == 1)
}

/// Generations go from the thread that loads to those that run.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Generation>>();
};
