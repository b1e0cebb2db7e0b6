//! Faults of a script that can be known before it runs.
//!
//! Rhai finds functions when they are called. A call of something that is not there, on a rarely taken
//! way through the script, would wait for its day; so calls are looked at when the file is compiled.
#![allow(clippy::wildcard_enum_match_arm)] // Rhai's syntax tree is large, and only corners matter

mod caller;
mod calls;
mod results;

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, Stmt};
use switch::ScriptFault;

use crate::fault;
use crate::folder::Sources;
use crate::words::Tokens;
use calls::Calls;

/// The most faults that are told of one file: a person does not read more at once, and finding them takes time.
const FAULTS: usize = 100;

/// What is wrong, and where.
type Found = Vec<(rhai::Position, String)>;

/// Says what is wrong with the prompt of that name, where prompts are looked at.
pub type Prompts = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Every fault found in one file of a plan: of all its `files`, `plan` has those that could be parsed.
pub(crate) fn lint(
    file: &str,
    script: &AST,
    tokens: &Tokens,
    (files, plan): (&Sources, &BTreeMap<String, AST>),
    prompts: Option<&Prompts>,
) -> Vec<ScriptFault> {
    let own: Vec<&str> = script.iter_functions().map(|function| function.name).collect();
    let calls = Calls::new(script, files, plan);
    let mut found = Found::new();
    script.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Dot(dot, ..))) => caller::check(dot, &own, prompts, &mut found),
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                calls.check(call, *at, &mut found);
            }
            Some(ASTNode::Stmt(Stmt::Import(import, _))) => calls.import(import, &mut found),
            _ => {}
        }
        found.len() < FAULTS
    });
    if found.len() < FAULTS {
        results::check(tokens, &mut found);
    }
    if found.len() >= FAULTS {
        found.truncate(FAULTS);
        found.push((
            rhai::Position::NONE,
            format!("more faults are in it than these {FAULTS}"),
        ));
    }
    let fault = |(position, message)| ScriptFault {
        position: fault::position(file, position),
        message,
    };
    found.into_iter().map(fault).collect()
}
