//! SIP, from bytes to events and back (RFC 3261 and its family).
//!
//! Everything here is pure: no socket, no clock, no randomness. Time is an [`Instant`] argument,
//! bodies are opaque, and nothing is sent: what should be sent comes out as a value.

pub mod time;
pub mod transport;

pub use time::Instant;
pub use transport::{ConnectionId, Flow, Transport};
