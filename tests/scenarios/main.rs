//! Scenarios in the deterministic world, one file a behaviour.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod absent;
mod admin;
mod causes;
mod changes;
mod events;
mod identity;
mod lamps;
mod media;
mod message;
mod odd;
mod passing;
mod proxy;
mod quality;
mod records;
mod reliable;
mod restart;
mod routing;
mod script;
mod security;
mod segments;
mod setup;
mod team;
mod transfer;
mod transport;
mod trunks;
mod verbs;
