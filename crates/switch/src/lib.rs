//! The PBX as one deterministic machine: calls, legs, registrar, admission.
//!
//! Pure: no socket, no clock, no randomness of its own. See [`Input`] and [`Output`].

pub mod accounts;
pub mod admission;
pub mod answer;
pub mod api;
pub mod auth;
mod call;
mod challenge;
mod command;
mod config;
pub mod domain;
mod endpoint;
mod exchange;
mod foreign;
mod held;
mod ids;
mod leg;
mod message;
mod nearest;
mod recent;
mod refused;
mod register;
pub mod registrar;
mod room;
mod slots;
mod stack;
mod switch;
mod timers;
mod verbs;
mod warning;
mod wire;

/// The names of tones, and what is wrong with the name or plan of one.
pub use ::media::audio::tone::{NAMES as TONES, check as check_tone};
pub use accounts::{Accounts, Gone};
pub use answer::Answer;
pub use api::*;
pub use auth::Identity;
pub use config::{Config, Keys, Limits, Transactions};
pub use domain::Domain;
pub use nearest::{did_you_mean, nearest};
pub use switch::Switch;
pub use wire::WHOLE_MESSAGES;
