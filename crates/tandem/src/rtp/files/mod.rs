//! Files of sound, off the media thread, which never waits for a disk.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | which files there are | none |
//! | `readers.rs` | the threads that read for plays | all of `Readers`, `Desk` |
//! | `reading.rs` | one file: opened, and read piece by piece | all of `Library`, `Open` |
//! | `album.rs` | music: the files of a folder, again and again | all of `Album` |
//! | `writers.rs` | the thread that writes recordings | all of `Writers`, `Scribe`, [`Archive`] |
//! | `writing.rs` | the file of one recording; repair after a crash | all of `Recorded`, `Disk` |

mod album;
mod readers;
mod reading;
#[cfg(test)]
mod tests;
mod writers;
mod writing;

pub(super) use readers::Readers;
pub(super) use reading::Library;
pub use reading::check_prompt;
pub use writers::Archive;
pub(super) use writers::Writers;
pub use writing::check_recordings;
