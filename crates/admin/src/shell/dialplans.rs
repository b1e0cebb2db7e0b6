//! The seam to the dialplan files: the shell implements it over the dialplan crate.

use std::io;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A dialplan file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "main", "bytes": 1234, "modified_at": "2026-01-05T08:30:00Z"}))]
pub struct DialplanInfo {
    /// Its name, without `.rhai`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last changed, where known.
    #[schema(required = true)]
    pub modified_at: Option<Timestamp>,
}

/// A fault of a dialplan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Which file, such as `main.rhai`.
    pub file: String,
    /// Counted from 1; 0 where it concerns the whole file.
    pub line: u32,
    /// Counted from 1; 0 where it concerns the whole line.
    pub column: u32,
    /// What, for people.
    pub detail: String,
}

/// Why something could not be done with a dialplan.
#[derive(Debug, thiserror::Error)]
pub enum DialplanError {
    /// No file of that name.
    #[error("no such dialplan")]
    NotFound,
    /// It does not compile; what runs stays as it was, and so does the file.
    #[error("{}:{}:{}: {}", .0.file, .0.line, .0.column, .0.detail)]
    Fault(Fault),
    /// It may not be done, such as deleting `main`.
    #[error("{0}")]
    Refused(String),
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The dialplan files. Called on a thread where blocking is allowed. Names were checked by the
/// caller: 1 to 64 of `A-Z a-z 0-9 _ -`, no path, no `.rhai`.
pub trait Dialplans: Send + Sync + 'static {
    /// All of them, by name.
    fn list(&self) -> Result<Vec<DialplanInfo>, DialplanError>;
    /// What keeps the files, as they are on the disk, from being in force; what ran before them runs.
    fn fault(&self) -> Option<Fault>;
    /// Whether any dialplan runs. There is none where the files were broken at the start and no earlier ones were kept:
    /// every call then fails.
    fn is_running(&self) -> bool {
        true
    }
    /// The text of one.
    fn read(&self, name: &str) -> Result<String, DialplanError>;
    /// Compiles the whole set with this text in it, and only if that is good writes the file and
    /// puts the new generation in force.
    fn put(&self, name: &str, text: &str) -> Result<(), DialplanError>;
    /// Removes the file, if what remains compiles.
    fn delete(&self, name: &str) -> Result<(), DialplanError>;
}
