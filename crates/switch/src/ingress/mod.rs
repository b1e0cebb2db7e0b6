//! From bytes to whoever is concerned: what comes in before it belongs to a leg.
//!
//! | file | what it does | fields of [`Ingress`] |
//! |---|---|---|
//! | `endpoint.rs` | admission, parsing, dispatch by method and transaction | `arrivals` |
//! | `admission/` | token buckets, flood control | `admission` |
//! | `auth/` | digest, nonces, back-off, trusted networks | `auth`, `trusted` |
//! | `challenge.rs` | whose request it is | |
//! | `deliver.rs` | MESSAGE to every phone of an extension | `deliveries` |
//! | `foreign.rs` | messages from addresses that were not asked | |
//! | `responses.rs` | what our own requests come to, and who is told | |
//! | `register.rs` | REGISTER, and what the registrar wants done | |

pub mod admission;
pub mod auth;
mod challenge;
pub(crate) mod deliver;
mod endpoint;
mod foreign;
mod register;
mod responses;

use std::collections::VecDeque;

use sip::{Flow, Message, transaction::ServerId};

pub(crate) use endpoint::{received, transaction_event};
pub(crate) use register::{register_stored, registrar_effects};
pub(crate) use responses::silent;

use crate::{
    config::{Config, Keys},
    core::Beginning,
    ids::LegId,
    locations::Peer,
};

/// What stands before calls: who may come in, and who it is.
pub(crate) struct Ingress {
    pub admission: admission::Admission,
    pub auth: auth::Authenticator,
    pub trusted: auth::TrustedNets,
    pub deliveries: deliver::Deliveries,
    /// INVITEs that are to become calls, the oldest first.
    pub arrivals: VecDeque<Arrival>,
}

/// An INVITE that was authenticated and is for us.
pub(crate) struct Arrival {
    pub server: ServerId,
    pub flow: Flow,
    pub invite: Message,
    /// The extension that calls, and the codecs of its device.
    pub from: (Peer, Vec<String>),
    pub beginning: Beginning,
    /// The leg whose place it is to take (RFC 3891).
    pub replaces: Option<LegId>,
}

impl Ingress {
    /// As configured; nothing has come in so far.
    pub fn new(now: sip::Instant, config: &Config, keys: &Keys) -> Self {
        Self {
            admission: admission::Admission::new(now, config.admission.clone()),
            auth: auth::Authenticator::new(keys.nonce, &config.auth),
            trusted: auth::TrustedNets::new(config.trusted.clone()),
            deliveries: deliver::Deliveries::default(),
            arrivals: VecDeque::new(),
        }
    }
}
