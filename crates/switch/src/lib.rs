//! The PBX as one deterministic machine: calls, legs, registrar, admission.
//!
//! Pure: no socket, no clock, no randomness of its own. See [`Input`] and [`Output`].

pub mod accounts;
pub mod admission;
pub mod answer;
pub mod api;
pub mod auth;
pub mod domain;
mod recent;
pub mod registrar;

pub use accounts::{Accounts, Gone};
pub use answer::Answer;
pub use api::*;
pub use auth::Identity;
pub use domain::Domain;
