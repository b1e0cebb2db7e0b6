//! A folder of scripts, compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, ParseErrorType, Scope};
use switch::{Facts, Position, RejectCode, ScriptEntry, ScriptFault, Verb};

use crate::api::{Caller, arguments};
use crate::entry::Entry;
use crate::fault;
use crate::fiber::{Resume, State, Task, Turn};
use crate::folder::{self, MAIN, Sources, whole_file};
use crate::limits::{Limits, StackLimits, ValueLimits};
use crate::lint::Prompts;
use crate::modules::Modules;
use crate::words::Tokens;
use crate::{engine, fiber, lint, words};

/// The stack scripts are compiled on: the parser and what it builds nest with the script.
const COMPILE_STACK: usize = 64 << 20;
/// Bytes that all scripts together may hold once compiled.
const COMPILE_MEMORY: usize = 256 << 20;

/// One state of the dialplan folder, compiled and checked. Calls keep the one they began with.
pub struct Generation {
    scripts: Result<Scripts, ScriptFault>,
    limits: Limits,
}

struct Scripts {
    engine: Engine,
    main: AST,
    on_call: Entry,
    on_trunk: Option<Entry>,
    on_request: Option<Entry>,
}

/// How closely scripts are looked at.
#[derive(Clone)]
pub(crate) enum Look {
    /// At every fault that can be known before a script runs. At prompts, too, if there is a list of them.
    Closely(Option<Prompts>),
    /// Only whether they compile: they ran before.
    Briefly,
}

impl Generation {
    /// Reads and compiles a folder. Every fault found is told.
    pub fn load(folder: &Path, limits: &Limits) -> Result<Self, Vec<ScriptFault>> {
        let (plan, _tests) = folder::read(folder, limits)?;
        Self::compile(plan, limits, Look::Closely(None))
    }

    /// Compiles scripts that are already in memory.
    pub(crate) fn compile(plan: Sources, limits: &Limits, look: Look) -> Result<Self, Vec<ScriptFault>> {
        let on = Limits {
            stack: StackLimits {
                size: COMPILE_STACK,
                pooled: 0,
            },
            values: ValueLimits {
                memory: COMPILE_MEMORY,
                ..limits.values.clone()
            },
            ..limits.clone()
        };
        let inner = limits.clone();
        let scripts = aside(&on, move || compile(&plan, &inner, &look))??;
        Ok(Self {
            scripts: Ok(scripts),
            limits: limits.clone(),
        })
    }

    /// In place of scripts where there are none that compile: every call ends with this fault.
    pub(crate) fn none(limits: &Limits, why: ScriptFault) -> Self {
        Self {
            scripts: Err(why),
            limits: limits.clone(),
        }
    }

    /// Whether there are scripts that calls can run.
    pub fn is_running(&self) -> bool {
        self.scripts.is_ok()
    }

    /// What its scripts may take.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs a call's script to its end, on the stack of a fiber.
    pub(crate) fn enter(&self, entry: ScriptEntry, facts: Facts) -> Result<(), ScriptFault> {
        let scripts = self.scripts.as_ref().map_err(Clone::clone)?;
        // A number that a phone dials is no fault of the script. A number that no extension can have need not reach it.
        // `conf=` names a conference (RFC 4240 section 5).
        let dialed = facts.dialed.strip_prefix("conf=").unwrap_or(&facts.dialed);
        if entry != ScriptEntry::OnRequest && arguments::number(dialed).is_err() {
            fiber::ask_plainly(Verb::Reject {
                code: RejectCode::NOT_FOUND,
                reason: None,
            });
            return Ok(());
        }
        let door = match entry {
            ScriptEntry::OnCall => Some(&scripts.on_call),
            ScriptEntry::OnTrunk => scripts.on_trunk.as_ref(),
            ScriptEntry::OnRequest => scripts.on_request.as_ref(),
        };
        let Some(door) = door else { return Ok(()) };
        door.run(&scripts.engine, &scripts.main, Dynamic::from(Caller::new(facts)))
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

fn compile(plan: &Sources, limits: &Limits, look: &Look) -> Result<Scripts, Vec<ScriptFault>> {
    let mut engine = engine::new(limits);
    let mut faults = Vec::new();
    let (mut scripts, mut tokens) = (BTreeMap::new(), BTreeMap::new());
    for (name, text) in plan {
        let compiled = compile_one(&engine, name, text);
        faults.extend(compiled.faults);
        tokens.insert(name, compiled.tokens);
        scripts.extend(compiled.script.map(|script| (name.clone(), script)));
    }
    if let Look::Closely(prompts) = look {
        for (name, script) in &scripts {
            if let Some(tokens) = tokens.get(name) {
                faults.extend(lint::lint(name, script, tokens, (plan, &scripts), prompts.as_ref()));
            }
        }
    }
    // Neither the walk through a file nor the parser keeps to the order of the lines.
    faults.sort_by(|a, b| in_order(&a.position).cmp(&in_order(&b.position)));
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
        // A module fails if a module that it imports fails: the fault is told once.
        let fault = stoppable(fault::of_error(*error, &name));
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    // Code outside of functions runs at the start of every call: run it once now.
    if let Err(error) = engine.run_ast_with_scope(&mut Scope::new(), &main) {
        return Err(vec![stoppable(fault::of_error(*error, MAIN))]);
    }
    let on_trunk = Entry::find(&main, "on_trunk", 1);
    let on_request = Entry::find(&main, "on_request", 1);
    Ok(Scripts {
        engine,
        main,
        on_call,
        on_trunk,
        on_request,
    })
}

fn in_order(at: &Position) -> (&str, u32, u32) {
    (&at.file, at.line, at.column)
}

/// A fault of something that ran too long tells so.
fn stoppable(fault: ScriptFault) -> ScriptFault {
    let Some(state) = fiber::current() else { return fault };
    match state.stop() {
        Some(stop) => fault::of_stop(stop, Err(fault.clone()), &state).err().unwrap_or(fault),
        None => fault,
    }
}

/// The result of one file.
pub(crate) struct Compiled {
    /// Also where names in it are not known, so that it can be looked at further.
    pub(crate) script: Option<AST>,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Vec<ScriptFault>,
}

/// Unknown names that are told of one file; the parser is asked again for each.
const UNKNOWN_NAMES: usize = 32;
/// Bytes it may read again for that.
const READ_AGAIN: usize = 256 << 10;

/// Compiles a file. The parser ends at the first fault; an unknown name is no reason not to read on.
pub(crate) fn compile_one(engine: &Engine, name: &str, text: &str) -> Compiled {
    let (mut known, mut faults, mut unknown) = (engine::known_names(), Vec::new(), Vec::new());
    loop {
        let (parsed, tokens) = words::noted(|| engine.compile_with_scope(&known, text));
        let error = match parsed {
            Ok(script) => {
                let again = words::put_right(&tokens, || engine.compile_with_scope(&known, text));
                let mut script = again.and_then(Result::ok).unwrap_or(script);
                script.set_source(name);
                return Compiled {
                    script: Some(script),
                    tokens,
                    faults,
                };
            }
            Err(error) => error,
        };
        let kind = error.err_type();
        let undefined = if let ParseErrorType::VariableUndefined(name) = kind {
            Some(name)
        } else {
            None
        };
        let may_go_on = unknown.len() < UNKNOWN_NAMES && unknown.len() * text.len() < READ_AGAIN;
        let more = undefined.filter(|_| may_go_on).cloned();
        // An assignment that fails only because its name was taken for a constant that is known.
        let taken = matches!(kind, ParseErrorType::AssignmentToConstant(name) if unknown.contains(name));
        if more.is_none() && !taken {
            faults.push(fault::of_parse(name, &error));
        }
        let Some(more) = more else {
            return Compiled {
                script: None,
                tokens,
                faults,
            };
        };
        faults.push(fault::of_parse(name, &error));
        known.push_constant_dynamic(more.clone(), Dynamic::UNIT);
        unknown.push(more);
    }
}

/// Generations go from the thread that loads to those that run.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Generation>>();
};
