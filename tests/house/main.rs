//! The house keeps its shape: what may use what, how large things may get, where `unsafe` may stand, and that every test
//! that a table names is there.
//!
//! | file | what it checks |
//! |---|---|
//! | `crates.rs` | which crate may use which, and what stands at the top of the repository |
//! | `rooms.rs` | which room of `crates/switch/src` may use which |
//! | `sizes.rs` | lines of files, functions and test modules; fields of structs; files of an `impl`; files of a folder |
//! | `words.rs` | `unsafe`, skipped tests, sleeping tests, `?` in log lines |
//! | `tables.rs` | CONFORMANCE.md names tests that exist; every file of `tests` is run |
//! | `source.rs` | reads the Rust files |
//! | `offenders.rs` | what is known to be too large, until it is mended |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crates;
mod offenders;
mod rooms;
mod sizes;
mod source;
mod tables;
mod words;

/// Fails with one line a fault.
fn expect_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
