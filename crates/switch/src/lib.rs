//! The PBX as one deterministic machine: calls, legs, registrar, admission.
//!
//! Pure: no socket, no clock, no randomness of its own. See [`Input`] and [`Output`].

pub mod api;

pub use api::*;
