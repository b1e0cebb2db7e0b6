//! The doors of a dialplan: `on_call`, `on_trunk` and `on_request`, and each of its tests.
//!
//! Rhai gives an error of a limit the position of the call that led to it, level by level, and a
//! function called from outside has none: the line would be lost. So a door's statements are run here
//! as if they stood at the end of the file.

use rhai::{AST, ASTNode, Caches, Dynamic, Engine, Scope, Stmt};

use crate::fault::Thrown;

/// A function calls enter by.
pub(crate) struct Entry {
    parameter: Option<String>,
    statements: Vec<Stmt>,
}

impl Entry {
    /// The function of that name with that many parameters (none, or one), where there is one.
    pub(crate) fn find(script: &AST, name: &str, parameters: usize) -> Option<Self> {
        let door = script.shared_lib().get_script_fn(name, parameters)?;
        let mut statements = Vec::new();
        // Of all functions only this one is left, so only its statements are found.
        let mut alone = script.clone_functions_only();
        alone.retain_functions(|_, _, found, of| found == name && of == parameters);
        alone.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                statements.push((*statement).clone());
            }
            true
        });
        Some(Self {
            parameter: door.params.first().map(ToString::to_string),
            statements,
        })
    }

    /// Runs what stands outside of functions (imports and constants), then the function.
    pub(crate) fn run(&self, engine: &Engine, script: &AST, argument: Dynamic) -> Result<(), Thrown> {
        let mut global = engine.new_global_runtime_state();
        let mut caches = Caches::new();
        let mut scope = Scope::new();
        global.source = script.source().map(Into::into);
        global.lib.push(script.shared_lib().clone());
        run(engine, &mut global, &mut caches, &mut scope, script.statements())?;
        // A function sees nothing of what is outside but imports and constants.
        scope.clear();
        if let Some(parameter) = &self.parameter {
            scope.push_dynamic(parameter.as_str(), argument);
        }
        global.scope_level = 1;
        run(engine, &mut global, &mut caches, &mut scope, &self.statements)
    }
}

#[allow(deprecated)] // the way there is in this version of Rhai, which is pinned
fn run(
    engine: &Engine,
    global: &mut rhai::GlobalRuntimeState,
    caches: &mut Caches,
    scope: &mut Scope,
    statements: &[Stmt],
) -> Result<(), Thrown> {
    engine.eval_statements_raw(global, caches, scope, statements).map(drop)
}
