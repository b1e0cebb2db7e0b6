//! The PBX as one deterministic machine: calls, legs, registrar, admission.
//!
//! Pure: no socket, no clock, no randomness of its own. See [`Input`] and [`Output`].

pub mod accounts;
mod activity;
pub mod answer;
pub mod api;
mod bridge;
mod call;
mod conferences;
mod config;
mod core;
mod diversion;
pub mod domain;
mod event;
mod hunt;
mod ids;
mod ingress;
mod leg;
mod locations;
mod machine;
mod nearest;
mod own;
mod parking;
mod proxy;
mod recordings;
pub mod registrar;
mod requests;
mod stack;
mod subscriptions;
mod tables;
mod trunks;
mod verbs;
mod way;

/// The names of tones, and what is wrong with the name or plan of one.
pub use ::media::audio::tone::{NAMES as TONES, check as check_tone};
pub use accounts::{Accounts, Gone, Identity};
pub use answer::Answer;
pub use api::*;
pub use config::{
    Config, Hold, Keys, Limits, Parking, Proxying, Publications, Push, ReliableProvisional, Services, Subscriptions,
    Transactions, Unsolicited,
};
pub use domain::Domain;
pub use ingress::{admission, auth};
pub use machine::Switch;
pub use nearest::{did_you_mean, nearest};
pub use stack::wire::WHOLE_MESSAGES;
