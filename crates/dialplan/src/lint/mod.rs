//! What can be known to be wrong before a script runs.
//!
//! Rhai finds functions when they are called. A call of something that is not there, on a rarely taken
//! way through the script, would wait for its day; so calls are looked at when the file is compiled.
#![allow(clippy::wildcard_enum_match_arm)] // Rhai's syntax tree is large, and only corners matter

mod caller;
mod calls;

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, Stmt};
use switch::ScriptFault;

use crate::fault;
use calls::Calls;

/// Every fault found in one file of a plan.
pub(crate) fn lint(file: &str, script: &AST, plan: &BTreeMap<String, AST>) -> Vec<ScriptFault> {
    let own: Vec<&str> = script.iter_functions().map(|function| function.name).collect();
    let calls = Calls::new(script, plan);
    let mut faults = Vec::new();
    script.walk(&mut |path: &[ASTNode]| {
        let checked = match path.last() {
            Some(ASTNode::Expr(Expr::Dot(dot, ..))) => caller::check(dot, &own),
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                calls.check(call, *at)
            }
            _ => Ok(()),
        };
        if let Err((position, message)) = checked {
            faults.push(ScriptFault {
                position: fault::position(file, position),
                message,
            });
        }
        true
    });
    // The walk meets functions in no order of the file's.
    faults.sort_by_key(|fault| (fault.position.line, fault.position.column));
    faults
}
