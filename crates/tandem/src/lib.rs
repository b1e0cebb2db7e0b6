//! The shell around the switch: sockets, clocks, threads, settings.
//!
//! All decisions are made in the pure crates. This crate gives them their inputs and carries out their outputs.

mod certificates;
pub mod cli;
pub mod clock;
pub mod config;
pub mod log;
pub mod net;
pub mod recorder;
pub mod rtp;
pub mod run;
pub mod scripts;
mod start;

pub use start::main;
