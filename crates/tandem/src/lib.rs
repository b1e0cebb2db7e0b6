//! The shell around the switch: sockets, clocks, threads, settings.
//!
//! Everything that thinks is in the pure crates; here it is given what happens, and what it wants is done.

pub mod cli;
pub mod clock;
pub mod config;
pub mod log;
pub mod memory;
pub mod net;
pub mod recorder;
pub mod rtp;
pub mod run;
pub mod scripts;
mod start;

pub use start::main;
