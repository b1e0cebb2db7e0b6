//! From the command line to a running PBX, and its end.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | the main function and its exit codes | none |
//! | `serve.rs` | starts the threads, waits for signals, stops | none |
//! | `signalling.rs` | the thread of the switch | all of `Signalling`, `Begin` |
//! | `outside.rs` | carries out the outputs of the switch | all of `Outside` |
//! | `push.rs` | asks a webhook to wake phones | all of `Push` |
//! | `database.rs` | the data folder and the first start | all of `Made` |
//! | `recordings.rs` | ends recordings that were cut off, removes old ones | none |
//! | `dialplans.rs` | loads the dialplans | none |
//! | `banner.rs` | the text for a person at start | all of `Banner` |
//! | `metrics.rs` | the shell's figures in `/metrics` | all of `Audio` |
//! | `check.rs` | `--check` and `tandem check` | none |
//! | `replay.rs` | `tandem replay` | none |

mod banner;
mod check;
mod database;
mod dialplans;
mod metrics;
mod outside;
mod push;
mod recordings;
mod replay;
mod serve;
mod signalling;

use std::{ffi::OsString, io::Write, net::SocketAddr, path::Path, process::ExitCode};

use switch::ScriptFault;

use crate::{
    cli::{self, Action, CliError},
    net,
};

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
    Sip(#[from] net::BindError),
    /// A certificate or its key.
    #[error(transparent)]
    Tls(#[from] net::TlsError),
    /// The admin API's socket.
    #[error("http = \"{address}\": {}", net::reason(.source))]
    Http {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A media port.
    #[error("rtp = \"{address}\": {}", net::reason(.source))]
    Rtp {
        /// The port.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder that cannot be made or written.
    #[error("{key} = {path:?}: {source}")]
    Folder {
        /// The setting.
        key: &'static str,
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The dialplans; the first fault, and how many there are.
    #[error("dialplans = {folder:?}: {}{}", dialplan::describe_in(Path::new(.folder), .first), more(*.others))]
    Dialplans {
        /// Their folder.
        folder: String,
        /// The first fault.
        first: ScriptFault,
        /// How many others there are.
        others: usize,
    },
    /// The recording.
    #[error("record = {path:?}: {source}")]
    Record {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A thread or the runtime.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The system has no randomness to give.
    #[error("no random numbers: {0}")]
    Random(String),
    /// Something ended that should not have.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

impl StartError {
    fn random(error: impl std::fmt::Display) -> Self {
        Self::Random(error.to_string())
    }
}

fn more(others: usize) -> String {
    if others == 0 {
        String::new()
    } else {
        format!(" (and {others} more; see tandem check)")
    }
}

/// Everything `main` does. `variable` gives an environment variable, `names` are those of all of them.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String>,
    names: impl IntoIterator<Item = String>,
) -> ExitCode {
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
            for line in cli::unknown_variables(names) {
                tracing::warn!("{line}");
            }
            match serve::serve(&config) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => complain(&error.to_string(), FAILED),
            }
        }
        Action::Serve { config, check: true } => check::settings(&config, &cli::unknown_variables(names)),
        Action::Check { dialplans, prompts } => check::dialplans(&dialplans, &prompts),
        Action::Replay { file } => replay::replay(&file),
    }
}

/// Writes for people to standard output. A closed output is no error.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

fn complain(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "tandem: {line}");
    ExitCode::from(code)
}
