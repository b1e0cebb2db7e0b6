//! Incoming messages, until they belong to a leg: who sent them, and which room acts on them.
//!
//! | file | what it does | fields of [`Ingress`] |
//! |---|---|---|
//! | `endpoint.rs` | admission, parsing, dispatch by method and transaction | `arrivals` |
//! | `absent.rs` | MESSAGEs for phones that are away | `absent` |
//! | `admission/` | token buckets, flood control | `admission` |
//! | `auth/` | digest, nonces, back-off, trusted networks | `auth`, `trusted` |
//! | `challenge.rs` | who sent a request; challenges and refusals | |
//! | `deliver.rs` | MESSAGE to every phone of an extension | `deliveries` |
//! | `demands.rs` | what a request demands: priorities, security agreements, preconditions | |
//! | `foreign.rs` | messages from unexpected addresses | |
//! | `outside/` | requests for other domains, and their scripts; OPTIONS | `outside` |
//! | `subscribe.rs` | SUBSCRIBE and PUBLISH: who sent them, and the requests within a dialog | |
//! | `responses.rs` | responses to our own requests, and which room hears of them | |
//! | `refer.rs` | REFER outside of a dialog | |
//! | `trunk.rs` | calls of trunks | |
//! | `register.rs` | REGISTER, and the effects that the registrar asks for | |

pub(crate) mod absent;
pub mod admission;
pub mod auth;
mod challenge;
pub(crate) mod deliver;
mod demands;
mod endpoint;
mod foreign;
pub(crate) mod outside;
mod refer;
mod register;
mod responses;
mod subscribe;
mod trunk;

use std::collections::VecDeque;

use sip::{Flow, Message, transaction::ServerId};

pub(crate) use endpoint::{received, transaction_event};
pub(crate) use register::{register_stored, registrar_effects};
pub(crate) use responses::silent;
pub(crate) use subscribe::{settings_stored, subscription_stored};

use crate::{
    config::{Config, Keys},
    core::Beginning,
    ids::LegId,
    leg::inbound::Sender,
};

/// The state that incoming messages need before they reach a call.
pub(crate) struct Ingress {
    pub admission: admission::Admission,
    pub auth: auth::Authenticator,
    pub trusted: auth::TrustedNets,
    pub deliveries: deliver::Deliveries,
    pub absent: absent::Absent,
    pub outside: outside::Outside,
    /// INVITEs that become calls, the oldest first.
    pub arrivals: VecDeque<Arrival>,
}

/// The Max-Forwards of what goes on after a request: one less than it had (RFC 3261 16.6 step 3).
fn hops_left(request: &Message) -> u32 {
    let hops = request.max_forwards().ok().flatten().unwrap_or(70);
    hops.min(255).saturating_sub(1)
}

/// An INVITE that is authenticated and addressed to us.
pub(crate) struct Arrival {
    pub server: ServerId,
    pub flow: Flow,
    pub invite: Message,
    pub from: Sender,
    pub beginning: Beginning,
    /// What it wants of a call in progress.
    pub wanted: Option<Wanted>,
}

/// What an INVITE wants of a call in progress.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The place of this leg (RFC 3891).
    Replace(LegId),
    /// To talk with this leg and its partner (RFC 3911).
    Join(LegId),
}

impl Ingress {
    /// As configured; nothing has come in yet.
    pub fn new(now: sip::Instant, config: &Config, keys: &Keys) -> Self {
        Self {
            admission: admission::Admission::new(now, config.admission.clone()),
            auth: auth::Authenticator::new(keys.nonce, &config.auth),
            trusted: auth::TrustedNets::new(config.trusted.clone()),
            deliveries: deliver::Deliveries::default(),
            absent: absent::Absent::default(),
            outside: outside::Outside::default(),
            arrivals: VecDeque::new(),
        }
    }
}
