//! The parts that the shell hands over, and the limits of the API.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use ipnet::IpNet;
use prometheus_client::registry::Registry;
use store::Store;
use switch::Ha1;

use crate::{
    accounts::Accounts,
    auth::Guard,
    http::{http_metrics::HttpMetrics, repeats::Repeats},
    shell::{
        dialplans::Dialplans, events::EventBus, health::Health, recordings::Recordings, switch_handle::SwitchHandle,
        system::System, vault::Vault,
    },
    trunks::Trunks,
};

/// Computes the digest hashes of `user:realm:password` (RFC 7616 section 3.4.2) from a user name and
/// a password; the realm is the shell's.
pub type Hasher = Arc<dyn Fn(&str, &str) -> Ha1 + Send + Sync>;

/// Everything this room needs of the others. The shell builds it.
pub struct AdminState {
    /// The database.
    pub store: Store,
    /// The SIP domain whose extensions and records these are.
    pub domain: Arc<str>,
    /// The way to the switch.
    pub switch: SwitchHandle,
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// The dialplan files.
    pub dialplans: Arc<dyn Dialplans>,
    /// The bus of events.
    pub events: EventBus,
    /// The health that `/healthz` shows.
    pub health: Health,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Seals the passwords of trunks.
    pub vault: Arc<Vault>,
    /// Metrics of the shell, the media engine and so on, shown on `/metrics` beside ours.
    pub registry: Registry,
    /// True if `/metrics` needs a token, like the API.
    pub metrics_need_token: bool,
    /// The addresses that phones sign in at.
    pub system: System,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The limits.
    pub limits: Limits,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState")
            .field("domain", &self.domain)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The limits of the API. All of them may be set; the defaults suit a PBX of some thousand phones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a JSON body.
    pub body: usize,
    /// Bytes of an import.
    pub import_body: usize,
    /// Extensions in one import.
    pub import_lines: usize,
    /// Bytes of a dialplan.
    pub dialplan_body: usize,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Event streams at once; more get 503.
    pub event_streams: usize,
    /// How long a request's head may take to arrive, and an idle connection may stay.
    pub head_timeout: Duration,
    /// How long a client may leave an answer unread before its connection is closed.
    pub write_timeout: Duration,
    /// How long a request may take in all, its body included (not an event stream).
    pub request_timeout: Duration,
    /// Pause after which an event stream gets a comment, so that clients do not take the stream for dead.
    pub keep_alive: Duration,
    /// How long requests may still take once the end was asked for.
    pub shutdown: Duration,
    /// Tokens and links.
    pub access: AccessLimits,
    /// Records that a search for part of a number or name looks at for one page; at least 1.
    pub search_records: u32,
    /// Answers to requests with `Idempotency-Key`.
    pub repeats: RepeatLimits,
}

/// Limits on tokens and links.
#[derive(Clone, Debug)]
pub struct AccessLimits {
    /// Wrong tokens in a row from one address before they are answered 429. Good ones are always taken.
    pub wrong_tokens: u32,
    /// After that, one more is answered 401 each time this has passed.
    pub wrong_token_pause: Duration,
    /// How long a link to a recording is good.
    pub link_time: Duration,
}

impl Default for AccessLimits {
    fn default() -> Self {
        Self {
            wrong_tokens: 20,
            wrong_token_pause: Duration::from_secs(1),
            link_time: Duration::from_secs(900),
        }
    }
}

/// How long and how many answers to requests with `Idempotency-Key` are kept for a client that asks again. They are in
/// memory only, and may hold a generated password.
#[derive(Clone, Debug)]
pub struct RepeatLimits {
    /// How long an answer is kept.
    pub time: Duration,
    /// How many requests are remembered; the oldest answers go first.
    pub most: usize,
    /// Bytes that the answers take together; the oldest go first.
    pub bytes: usize,
}

impl Default for RepeatLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            most: 1_000,
            bytes: 16 * 1024 * 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            import_body: 8 * 1024 * 1024,
            import_lines: 50_000,
            dialplan_body: 1024 * 1024,
            connections: 512,
            event_streams: 64,
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            shutdown: Duration::from_secs(3),
            access: AccessLimits::default(),
            search_records: 50_000,
            repeats: RepeatLimits::default(),
        }
    }
}

/// [`AdminState`] as the handlers share it.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) domain: Arc<str>,
    pub(crate) switch: SwitchHandle,
    pub(crate) changes: Changes,
    pub(crate) recordings: Recordings,
    pub(crate) dialplans: Arc<dyn Dialplans>,
    pub(crate) events: EventBus,
    pub(crate) health: Health,
    pub(crate) guard: Guard,
    pub(crate) metrics: Metrics,
    pub(crate) system: System,
    /// Answers for those who ask again.
    pub(crate) repeats: Arc<Repeats>,
    /// One change of dialplans at a time: its condition holds until it is made.
    pub(crate) dialplan_turn: Arc<std::sync::Mutex<()>>,
    pub(crate) limits: Limits,
    pub(crate) streams: Streams,
}

/// The only ways to change what is in the database and in force.
pub(crate) struct Changes {
    pub(crate) accounts: Accounts,
    pub(crate) trunks: Trunks,
}

/// The event streams.
pub(crate) struct Streams {
    /// One for each that may be open.
    pub(crate) places: Arc<tokio::sync::Semaphore>,
    /// True once the end was asked for: event streams end.
    pub(crate) closing: tokio::sync::watch::Sender<bool>,
}

/// The content of `/metrics`.
pub(crate) struct Metrics {
    /// Of this room.
    pub(crate) http: HttpMetrics,
    /// Of all others; the counters of `http` are in it, too.
    pub(crate) registry: Registry,
    /// True if a token is needed.
    pub(crate) need_token: bool,
}

/// The state that every handler gets.
pub(crate) type App = Arc<Shared>;

impl AdminState {
    pub(crate) fn share(self) -> App {
        let Self {
            store,
            domain,
            switch,
            recordings,
            dialplans,
            events,
            health,
            hasher,
            vault,
            mut registry,
            metrics_need_token,
            system,
            trusted_proxies,
            limits,
        } = self;
        let metrics = Metrics {
            http: HttpMetrics::register(&mut registry),
            registry,
            need_token: metrics_need_token,
        };
        Arc::new(Shared {
            changes: Changes {
                accounts: Accounts::new(store.clone(), domain.clone(), switch.clone(), hasher),
                trunks: Trunks {
                    store: store.clone(),
                    domain: domain.clone(),
                    switch: switch.clone(),
                    vault,
                },
            },
            recordings: Recordings::new(store.clone(), domain.clone(), recordings),
            guard: Guard::new(&limits.access, trusted_proxies),
            streams: Streams {
                places: Arc::new(tokio::sync::Semaphore::new(limits.event_streams)),
                closing: tokio::sync::watch::Sender::new(false),
            },
            store,
            domain,
            switch,
            dialplans,
            events,
            health,
            metrics,
            system,
            repeats: Arc::new(Repeats::new(&limits)),
            dialplan_turn: Arc::default(),
            limits,
        })
    }
}
