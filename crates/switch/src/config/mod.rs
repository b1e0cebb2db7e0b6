//! What the switch is told when it is made.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | `Config`, `Limits`, `Transactions`, `Keys` |
//! | `admission.rs`, `auth.rs`, `registrar.rs` | the settings of those rooms |
//! | `rate.rs` | how often something may happen |

pub(crate) mod admission;
pub(crate) mod auth;
mod rate;
pub(crate) mod registrar;

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::rate::Rate;
use crate::api::Trusted;

/// Everything that can be configured of the switch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The SIP domain and digest realm.
    pub domain: String,
    /// The address put into Via, Contact and SDP; the flow's local address if `None`.
    pub advertise: Option<IpAddr>,
    /// The address RTP is received on, where it is a concrete one.
    pub media_host: Option<IpAddr>,
    /// First and last UDP port for media.
    pub media_ports: (u16, u16),
    /// Those of them that other programs hold: no leg is given one while there is another.
    #[serde(default)]
    pub media_ports_taken: Vec<u16>,
    /// A leg whose peer should be heard and is not for this long is ended; `None` never.
    pub media_timeout: Option<Duration>,
    /// The session interval offered (RFC 4028).
    pub session_expires: Duration,
    /// Networks whose calls need no challenge.
    pub trusted: Vec<Trusted>,
    /// The value of Server and User-Agent.
    pub product: String,
    /// Whether [`crate::Output::Journal`] tells what lasts of each call.
    #[serde(default)]
    pub journal: bool,
    /// Bounds on what is held at once.
    pub limits: Limits,
    /// T1, T2, T4 and the transaction layer's own bounds.
    pub transactions: Transactions,
    /// The registrar's intervals and bounds.
    pub registrar: registrar::Config,
    /// Nonces and failures.
    pub auth: auth::Config,
    /// Token buckets.
    pub admission: admission::Config,
}

/// Bounds on what is held at once, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Calls at once; further INVITEs get 503.
    pub calls: usize,
    /// Targets and contacts one `dial` may ring at once.
    pub branches: usize,
    /// Phones behind a proxy that may answer one INVITE of ours with an early dialog; of more the first is forgotten.
    #[serde(default = "forks")]
    pub forks: usize,
    /// 3xx answers and forwards followed in one `dial`.
    pub redirects: usize,
    /// An INVITE that no script has decided in this time gets 480; longer than a `dial` may ring.
    pub setup: Duration,
    /// MESSAGEs in delivery at once; further ones get 503.
    pub messages: usize,
    /// The shortest session interval accepted (RFC 4028; 90 s is the least it allows).
    #[serde(default = "min_se")]
    pub min_se: Duration,
    /// Keys a caller may press while nobody reads them; older ones are forgotten.
    pub digits: usize,
    /// Largest SIP message taken, in bytes.
    pub message_bytes: usize,
    /// A UDP request larger than this goes over TCP where that is possible (RFC 3261 18.1.1).
    pub datagram_bytes: usize,
    /// How long the target of a request may say nothing before the next one is tried, where its name has several
    /// (RFC 3263 section 4.3).
    #[serde(default = "target_silence")]
    pub target_silence: Duration,
    /// How often one request of ours is sent in all: to its targets, and again after a challenge or for a longer interval.
    #[serde(default = "request_tries")]
    pub request_tries: usize,
    /// A caller is told at most one change of what a call does before it is answered (180, 182 ...) in this time. The
    /// latest is told when it is over; a first session description is told at once.
    #[serde(default = "progress")]
    pub progress: Duration,
    /// Segments, and links to other records, that the record of one call keeps: the last segment takes in what comes
    /// after it, further links are left out.
    #[serde(default = "record_parts")]
    pub record_parts: usize,
}

/// The default of [`Limits::record_parts`].
const fn record_parts() -> usize {
    64
}

/// The default of [`Limits::min_se`].
const fn min_se() -> Duration {
    Duration::from_secs(90)
}

/// The default of [`Limits::forks`], also for runs that were recorded before there was one.
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

/// The default of [`Limits::progress`], also for runs that were recorded before there was one.
const fn progress() -> Duration {
    Duration::from_millis(200)
}

/// The transaction layer's timers and bounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transactions {
    /// Round-trip estimate (RFC 3261 17.1.1.1).
    pub t1: Duration,
    /// Longest retransmission interval of a non-INVITE.
    pub t2: Duration,
    /// How long a message may live in the network.
    pub t4: Duration,
    /// Client transactions at once.
    pub clients: usize,
    /// Server transactions at once; further requests get 503.
    pub servers: usize,
}

/// Secrets; never recorded, never shown.
#[derive(Clone)]
pub struct Keys {
    /// Signs digest nonces.
    pub nonce: [u8; 32],
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
