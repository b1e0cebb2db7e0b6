//! Scenarios in the deterministic world, one file a behaviour.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod call;
mod cancel;
mod change;
mod early;
mod forks;
mod glare;
mod hold;
mod identity;
mod loss;
mod privacy;
mod refusals;
mod restart;
mod timers;
