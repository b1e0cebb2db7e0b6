//! The configuration that the switch gets when it is made.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | `Config`, `Limits`, `Transactions`, `Keys` |
//! | `admission.rs`, `auth.rs`, `registrar.rs` | the settings of those rooms |
//! | `services.rs` | how many conferences and recordings there may be; what a party on hold hears |
//! | `push.rs` | which phones are woken, and how long a call waits for them |
//! | `parking.rs` | the slots of parked calls |
//! | `proxying.rs` | limits of what is passed on to other servers |
//! | `subscriptions.rs` | intervals and limits of subscriptions and publications |
//! | `rate.rs` | how often something may happen |

pub(crate) mod admission;
pub(crate) mod auth;
mod kept;
mod parking;
mod proxying;
mod push;
mod rate;
pub(crate) mod registrar;
mod services;
mod subscriptions;

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::{
    parking::Parking,
    proxying::Proxying,
    push::Push,
    rate::Rate,
    services::{Hold, Services},
    subscriptions::{Publications, Subscriptions, Unsolicited},
};
use crate::api::Trusted;

/// Everything about the switch that can be configured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The SIP domain and digest realm.
    pub domain: String,
    /// The address put into Via, Contact and SDP. `None`: the local address of the flow.
    pub advertise: Option<IpAddr>,
    /// The address on which RTP is received, if it is one concrete address.
    pub media_host: Option<IpAddr>,
    /// The first and the last UDP port for media.
    pub media_ports: (u16, u16),
    /// Media ports that other programs hold: a leg gets one of these only if no other port is free.
    #[serde(default)]
    pub media_ports_taken: Vec<u16>,
    /// A leg is ended if no media of its peer arrives for this long although it should; `None`: never.
    pub media_timeout: Option<Duration>,
    /// The session interval that Tandem offers (RFC 4028).
    pub session_expires: Duration,
    /// Networks whose calls need no challenge.
    pub trusted: Vec<Trusted>,
    /// The value of Server and User-Agent.
    pub product: String,
    /// Whether [`crate::Output::Journal`] reports the parts of each call that outlive a restart.
    #[serde(default)]
    pub journal: bool,
    /// How much is held at once.
    pub limits: Limits,
    /// T1, T2, T4 and the limits of the transaction layer.
    pub transactions: Transactions,
    /// Intervals and limits of the registrar.
    pub registrar: registrar::Config,
    /// Limits of nonces and of wrong passwords.
    pub auth: auth::Config,
    /// Token buckets.
    pub admission: admission::Config,
}

/// Which provisional responses to a caller are sent reliably (RFC 3262). Never to a caller that does not support that,
/// and always to a caller that requires it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReliableProvisional {
    /// Only where the caller requires it.
    Required,
    /// Also those with a session description, where the caller supports it.
    #[default]
    Described,
    /// All, where the caller supports it.
    Always,
}

/// How much is held at once, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Calls at once; a further INVITE gets 503.
    pub calls: usize,
    /// How many targets and contacts one `dial` may ring at once.
    pub branches: usize,
    /// How many phones behind a proxy may answer one INVITE of ours with an early dialog; beyond this the first is
    /// forgotten.
    #[serde(default = "forks")]
    pub forks: usize,
    /// How many 3xx answers and forwards one `dial` follows.
    pub redirects: usize,
    /// An INVITE that no script has decided within this time gets 480. Longer than a `dial` may ring.
    pub setup: Duration,
    /// MESSAGEs in delivery at once; a further MESSAGE gets 503.
    pub messages: usize,
    /// The shortest session interval that is accepted (RFC 4028 allows no less than 90 s).
    #[serde(default = "min_se")]
    pub min_se: Duration,
    /// How many pressed keys of a caller are kept until the script reads them; the oldest are forgotten first.
    pub digits: usize,
    /// The largest SIP message that is accepted, in bytes.
    pub message_bytes: usize,
    /// A UDP request larger than this, in bytes, goes over TCP if possible (RFC 3261 18.1.1).
    pub datagram_bytes: usize,
    /// How long the target of a request may stay silent before the next target is tried, if its name has several (RFC
    /// 3263 section 4.3).
    #[serde(default = "target_silence")]
    pub target_silence: Duration,
    /// How often one request of ours is sent in all: to each target, after a challenge, and with a longer session
    /// interval.
    #[serde(default = "request_tries")]
    pub request_tries: usize,
    /// Before the answer, a caller is told at most one change of the call's progress (180, 182 ...) in this time. After
    /// that time the caller is told the latest change. A first session description is sent at once.
    #[serde(default = "progress")]
    pub progress: Duration,
    /// How many segments, and how many links to other records, the record of one call keeps. The last segment also
    /// covers what comes after it; further links are left out.
    #[serde(default = "record_parts")]
    pub record_parts: usize,
    /// Conferences, recordings and parked calls.
    #[serde(default)]
    pub services: Services,
}

/// The default of [`Limits::record_parts`].
const fn record_parts() -> usize {
    64
}

/// The default of [`Limits::min_se`].
const fn min_se() -> Duration {
    Duration::from_secs(90)
}

/// The default of [`Limits::forks`], also for recorded runs that are older than this limit.
const fn forks() -> usize {
    8
}

/// The default of [`Limits::target_silence`].
const fn target_silence() -> Duration {
    Duration::from_secs(4)
}

/// The default of [`Limits::request_tries`].
const fn request_tries() -> usize {
    12
}

/// The default of [`Limits::progress`], also for recorded runs that are older than this limit.
const fn progress() -> Duration {
    Duration::from_millis(200)
}

/// The transaction layer's timers and bounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transactions {
    /// The estimated round-trip time (RFC 3261 17.1.1.1).
    pub t1: Duration,
    /// The longest retransmission interval of a non-INVITE request.
    pub t2: Duration,
    /// How long a message may live in the network.
    pub t4: Duration,
    /// Client transactions at once.
    pub clients: usize,
    /// Server transactions at once; a further request gets 503.
    pub servers: usize,
    /// Which provisional responses to a caller are sent reliably.
    #[serde(default)]
    pub reliable_provisional: ReliableProvisional,
}

/// Secrets; never recorded and never shown.
#[derive(Clone)]
pub struct Keys {
    /// Signs digest nonces.
    pub nonce: [u8; 32],
    /// Seals temporary GRUUs (RFC 5627). The same after a restart: phones that are registered keep theirs.
    pub gruu: [u8; 32],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 20_000,
            branches: 16,
            forks: forks(),
            redirects: 5,
            setup: Duration::from_secs(900),
            messages: 1_000,
            min_se: min_se(),
            digits: 64,
            message_bytes: 65_535,
            datagram_bytes: 1_300,
            target_silence: target_silence(),
            request_tries: request_tries(),
            progress: progress(),
            record_parts: record_parts(),
            services: Services::default(),
        }
    }
}

impl Default for Transactions {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            clients: 400_000,
            servers: 400_000,
            reliable_provisional: ReliableProvisional::default(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain: "tandem.local".into(),
            advertise: None,
            media_host: None,
            media_ports: (20_000, 20_999),
            media_ports_taken: Vec::new(),
            media_timeout: Some(Duration::from_secs(300)),
            session_expires: Duration::from_secs(1_800),
            trusted: Vec::new(),
            product: concat!("Tandem/", env!("CARGO_PKG_VERSION")).into(),
            journal: false,
            limits: Limits::default(),
            transactions: Transactions::default(),
            registrar: registrar::Config::default(),
            auth: auth::Config::default(),
            admission: admission::Config::default(),
        }
    }
}
