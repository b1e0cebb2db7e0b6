//! How a call begins: what is offered and answered, what the caller is told, and how the caller gives up.

mod call;
mod cancel;
mod descriptions;
mod direction;
mod early;
pub(crate) mod exchange;
mod ports;
pub(crate) mod progress;
mod warning;
