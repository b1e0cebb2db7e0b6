//! From Rhai's errors to a file, a line, a column and words.
#![allow(clippy::wildcard_enum_match_arm)] // Rhai's errors are many and will be more

use std::path::Path;

use rhai::{Dynamic, EvalAltResult, NativeCallContext, ParseError};
use switch::{Position, ScriptFault};

use crate::fiber::{State, Stop};
use crate::folder::MAIN;

/// What a native function throws.
pub(crate) type Thrown = Box<EvalAltResult>;

/// An error a script may catch, at the line that called.
pub(crate) fn thrown(context: &NativeCallContext, message: &str) -> Thrown {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.to_owned()), context.call_position()).into()
}

/// The line that called a native function.
pub(crate) fn place(context: &NativeCallContext) -> Position {
    position(context.call_source().unwrap_or(MAIN), context.call_position())
}

pub(crate) fn position(file: &str, position: rhai::Position) -> Position {
    Position {
        file: file.to_owned(),
        line: position.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
        column: position
            .position()
            .and_then(|column| u32::try_from(column).ok())
            .unwrap_or(0),
    }
}

/// `file:line:column: message`, as compilers print it; what is not known is left out.
pub fn describe(fault: &ScriptFault) -> String {
    let Position { file, line, column } = &fault.position;
    match (file.as_str(), *line) {
        ("", _) => fault.message.clone(),
        (file, 0) => format!("{file}: {}", fault.message),
        (file, line) => format!("{file}:{line}:{column}: {}", fault.message),
    }
}

/// The same with the file's path as an editor opens it: `dialplans/main.rhai:3:5: ..` of the folder `./dialplans`.
pub fn describe_in(folder: &Path, fault: &ScriptFault) -> String {
    let mut fault = fault.clone();
    if !fault.position.file.is_empty() {
        let folder = folder.strip_prefix("./").unwrap_or(folder);
        fault.position.file = folder.join(&fault.position.file).display().to_string();
    }
    describe(&fault)
}

pub(crate) fn of_parse(file: &str, error: &ParseError) -> ScriptFault {
    let message = match error.err_type() {
        rhai::ParseErrorType::VariableUndefined(name) if name == "db" => "db is not there yet".to_owned(),
        other => other.to_string(),
    };
    ScriptFault {
        position: position(file, error.position()),
        message,
    }
}

/// Where and what, from the innermost error that knows.
pub(crate) fn of_error(error: EvalAltResult, file: &str) -> ScriptFault {
    let mut at = position(file, rhai::Position::NONE);
    let mut error = error;
    loop {
        // An inner error without a position happened where the outer one says.
        let here = error.position();
        if !here.is_none() {
            at = position(&at.file, here);
        }
        match error {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                // `here` is where the function was called; what is inside is in the function's own file.
                if !source.is_empty() && !inner.position().is_none() {
                    at.file = source;
                }
                error = *inner;
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                if !inner.position().is_none() {
                    at.file = module;
                }
                error = *inner;
            }
            mut last => {
                last.clear_position();
                return ScriptFault {
                    position: at,
                    message: words(&last),
                };
            }
        }
    }
}

/// Characters of a message: a script may throw what it likes.
const MESSAGE: usize = 400;

fn words(error: &EvalAltResult) -> String {
    let text = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => match crate::api::missing_verb(signature) {
            Some(verb) => format!("caller.{verb} is not there yet"),
            None => format!("no such function, or not with these arguments: {signature}"),
        },
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no property {name}"),
        EvalAltResult::ErrorStackOverflow(_) => "functions call one another too deeply".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MESSAGE) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The result of a script that was stopped.
pub(crate) fn of_stop(stop: Stop, result: Result<(), ScriptFault>, state: &State) -> Result<(), ScriptFault> {
    let limits = &state.limits;
    let message = match stop {
        Stop::Cancelled | Stop::Over => return Ok(()),
        Stop::Operations => {
            format!(
                "ran {} operations without asking for anything",
                limits.operations.between_verbs
            )
        }
        Stop::Total => format!("ran {} operations in one call", limits.operations.per_call),
        Stop::Memory => format!("holds more than {} bytes", limits.values.memory),
        Stop::Stack => "nested too deeply for its stack".to_owned(),
    };
    let last = state.last_verb();
    let position = match result {
        Err(fault) if fault.position.line > 0 => fault.position,
        Err(_) | Ok(()) => last.clone(),
    };
    let message = match last.line {
        0 => message,
        line => format!("{message} (last verb: {}:{line})", last.file),
    };
    Err(ScriptFault { position, message })
}
