//! The data that Tandem keeps on disk: extensions, their devices, the contacts that the devices register, what they are subscribed to, call detail
//! records, what was recorded, hashes of admin tokens. The database is SQLite, through sqlx. There is no SQL outside this crate and
//! `/migrations`.
//!
//! There is one writer. What a call waits for (a registration's 200, a call's beginning) goes through
//! [`Writer`], which gathers it into few transactions and says when it is durable; what the admin API
//! changes takes its turn with it on the same connection, so nothing in one process ever finds the
//! database locked. Readers have their own connections and do not wait (WAL).
//!
//! The store reads no clock: times are arguments, in microseconds since the Unix epoch.

mod accounts;
mod cdrs;
mod error;
mod import;
mod lists;
mod open;
mod phones;
mod recordings;
mod rows;
mod tokens;
mod trunks;
mod values;
mod writer;

pub use cdrs::{CdrFilter, CdrSearch};
pub use error::StoreError;
pub use import::{ImportOutcome, ImportReport};
pub use open::{Options, Store, Synchronous};
pub use phones::{log_ons::LogOn, messages::KeptCount};
pub use recordings::{Parties, RecordingFilter, StoredRecording};
pub use rows::{Account, ExtensionPatch, MAX_TEXT, NewExtension, Page, StoredCdr, Token};
pub use trunks::{MAX_TRUNKS, StoredTrunk, Trunks};
pub use writer::{Durable, Writer, WriterStats};

/// The most items of one page.
pub const MAX_PAGE: u32 = 1000;
