//! From the command line to a running PBX, and its end.

mod serve;
mod signalling;

use std::{ffi::OsString, io::Write, process::ExitCode};

use crate::cli::{self, Action, CliError};

/// A wrong command line or setting.
const WRONG: u8 = 2;
/// It could not start, or had to end.
const FAILED: u8 = 1;

/// Why there is no PBX; one line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    /// A signalling socket.
    #[error(transparent)]
    Sip(#[from] crate::net::BindError),
    /// A thread or the runtime.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The recording.
    #[error("record = {path:?}: {source}")]
    Record {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Something ended that should not have.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

/// Everything `main` does.
pub fn main(arguments: impl IntoIterator<Item = OsString>, variable: impl Fn(&str) -> Option<String>) -> ExitCode {
    let action = match cli::parse(arguments, variable) {
        Ok(action) => action,
        Err(CliError::Shown(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(CliError::Usage(line)) => return complain(&line, WRONG),
        Err(CliError::Config(error)) => return complain(&error.to_string(), WRONG),
    };
    match action {
        Action::Serve { config, check: false } => {
            crate::log::start(&config.log);
            match serve::serve(&config) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => complain(&error.to_string(), FAILED),
            }
        }
        Action::Serve { config: _, check: true } | Action::Check { .. } | Action::Replay { .. } => {
            complain("not there yet", FAILED)
        }
    }
}

/// Writes for people to standard output; a closed one is nobody's fault.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn complain(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "tandem: {line}");
    ExitCode::from(code)
}
