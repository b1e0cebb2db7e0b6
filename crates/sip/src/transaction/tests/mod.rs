//! The layer on a fake clock: each test is a short story of messages and times.

mod layer;
mod random;
mod support;
