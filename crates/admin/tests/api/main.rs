//! The admin API as its clients meet it: every status code of the contract, over a real store and a
//! fake switch.

#![allow(clippy::unwrap_used)]

mod auth;
mod calls;
mod cdrs;
mod contract;
mod dialplans;
mod events;
mod extensions;
mod garbage;
mod import;
mod repeats;
mod serve;
mod support;
mod system;
mod versions;
