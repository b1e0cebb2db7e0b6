//! Scenarios in the deterministic world, one file a behaviour.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod call;
