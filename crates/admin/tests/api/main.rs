//! The admin API as its clients meet it: every status code of the contract, over a real store and a
//! fake switch.

#![allow(clippy::unwrap_used)]

mod auth;
mod contract;
mod garbage;
mod repeats;
mod routes;
mod serve;
mod settings;
mod support;
mod trunks;
mod versions;
