//! The deterministic world of the scenarios: a switch, phones, a network with faults, real dialplan scripts, and a
//! clock that only counts.
//!
//! A scenario reads as a sentence: `alice.calls("102"); bob.rings(); bob.answers();`. A scenario that
//! fails prints the ladder of its messages. Nothing sleeps. A seed always plays the same scenario.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

pub mod engine;
pub mod hearing;
pub mod ladder;
pub mod net;
pub mod phone;
pub mod scripts;
pub mod sounding;
pub mod stage;
pub mod streams;
pub mod wait;
pub mod wire;
pub mod world;

pub use phone::{Mood, Phase, Phone};
pub use stage::{Actor, Stage};
pub use wire::{Wire, sdp};
pub use world::{Settings, World};
