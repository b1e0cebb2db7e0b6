//! The built binary as its user meets it: what it prints, what phones hear, and how it exits.
#![allow(clippy::unwrap_used, reason = "a test")]

mod calls;
mod logs;
mod phone;
mod start;
mod support;
mod targets;
