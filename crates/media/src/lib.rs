//! Session descriptions (RFC 4566, RFC 3264), RTP relaying and the audio Tandem itself makes.
//!
//! Pure: knows no SIP, no socket and no clock.

pub mod command;

pub use command::{Command, Counters, Direction, Event, Payload, PortId, Remote, Source};
