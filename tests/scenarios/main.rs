//! Scenarios in the deterministic world, one file a behaviour.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admin;
mod call;
mod cancel;
mod causes;
mod change;
mod consistency;
mod descriptions;
mod dial;
mod digits;
mod direction;
mod early;
mod forks;
mod forward;
mod glare;
mod hold;
mod identity;
mod locations;
mod loss;
mod malformed;
mod message;
mod network;
mod odd;
mod passing;
mod ports;
mod privacy;
mod progress;
mod records;
mod refusals;
mod registrar;
mod restart;
mod script;
mod secure;
mod spoofed;
mod streams;
mod targets;
mod timers;
mod transfer;
mod warning;
