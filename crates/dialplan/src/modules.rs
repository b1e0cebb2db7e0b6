//! `import "name" as x;`: only what was read from the dialplan folder, compiled before any call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

use crate::fault::Thrown;
use crate::fiber::current;

type SharedModule = Shared<Module>;

/// The modules of one generation. Nothing is read from disk here, so no name leads out of the folder.
#[derive(Clone)]
pub(crate) struct Modules(Arc<Inner>);

struct Inner {
    scripts: BTreeMap<String, AST>,
    modules: Mutex<BTreeMap<String, Loaded>>,
}

enum Loaded {
    /// Its own statements are running: who imports it now goes round in a circle.
    Loading,
    Ready(SharedModule),
}

impl Modules {
    pub(crate) fn new(scripts: BTreeMap<String, AST>) -> Self {
        Self(Arc::new(Inner {
            scripts,
            modules: Mutex::default(),
        }))
    }

    /// Evaluates every module once, so that a fault of one shows before any call. Ends at the first
    /// that runs away: nothing runs after it.
    pub(crate) fn load_all(&self, engine: &Engine) -> Vec<(String, Thrown)> {
        let mut faults = Vec::new();
        for name in self.0.scripts.keys() {
            if let Err(error) = self.load(engine, name, Position::NONE) {
                faults.push((name.clone(), error));
            }
            if current().is_some_and(|state| state.stop().is_some()) {
                break;
            }
        }
        faults
    }

    fn load(&self, engine: &Engine, name: &str, position: Position) -> Result<SharedModule, Thrown> {
        let Some(script) = self.0.scripts.get(name) else {
            let known = self.0.scripts.keys().map(String::as_str);
            return Err(runtime(missing(name, known), position));
        };
        match self.0.modules.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(Loaded::Ready(module)) => return Ok(module.clone()),
            Some(Loaded::Loading) => return Err(runtime(format!("{name} imports itself, directly or not"), position)),
            None => {}
        }
        // The lock is not held here: the module's own imports come back to this function.
        self.set(name, Some(Loaded::Loading));
        match Module::eval_ast_as_new(Scope::new(), script, engine) {
            Ok(module) => {
                let module = SharedModule::from(module);
                self.set(name, Some(Loaded::Ready(module.clone())));
                Ok(module)
            }
            Err(error) => {
                self.set(name, None);
                Err(EvalAltResult::ErrorInModule(name.to_owned(), error, position).into())
            }
        }
    }

    fn set(&self, name: &str, loaded: Option<Loaded>) {
        let mut modules = self.0.modules.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Some(loaded) => drop(modules.insert(name.to_owned(), loaded)),
            None => drop(modules.remove(name)),
        }
    }
}

/// The complaint about a file that is not there, or is nobody's module.
pub(crate) fn missing<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.map(|name| name.trim_end_matches(".rhai")).collect();
    let near = switch::did_you_mean(name.trim_end_matches(".rhai"), known.iter().copied());
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    format!("there is no module {name:?} in the dialplan folder; there are: {known}{near}")
}

/// The file that is meant by `import "path"`.
pub(crate) fn file_name(path: &str) -> String {
    if path.ends_with(".rhai") {
        path.to_owned()
    } else {
        format!("{path}.rhai")
    }
}

impl ModuleResolver for Modules {
    fn resolve(
        &self,
        engine: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<SharedModule, Thrown> {
        self.load(engine, &file_name(path), position)
    }
}

fn runtime(message: String, position: Position) -> Thrown {
    EvalAltResult::ErrorRuntime(Dynamic::from(message), position).into()
}
