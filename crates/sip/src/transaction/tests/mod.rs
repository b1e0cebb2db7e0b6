//! The layer on a fake clock: each test is a short story of messages and times.

mod cancel;
mod client;
mod flows;
mod limits;
mod matching;
mod random;
mod server;
mod support;
mod timers;
