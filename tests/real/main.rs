//! The built binary against real sockets and real phones: baresip, linphone, SIPp, and ours on raw sockets.
//!
//! Needs `target/debug/tandem` (`cargo build -p tandem`, or another one named by `TANDEM_BIN`) and the programs
//! of `tests/install.sh`; `make test` sees to both. Every test has a Tandem, ports and a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod phones;
mod support;

mod audio;
mod calls;
mod conformance;
mod crowd;
mod desk;
mod floods;
mod hostile;
mod lies;
mod load;
mod restart;
mod secure;
mod sound;
mod streams;
mod trunks;
