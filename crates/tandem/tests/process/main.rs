//! The built binary as its user meets it: its text, its answers to phones, and its exit codes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod calls;
mod logs;
mod phone;
mod start;
mod support;
mod targets;
