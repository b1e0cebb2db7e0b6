//! Finding where a host is (RFC 3263 section 4).
//!
//! What was found before is answered at once, out of the cache; a look-up that is under way serves all who ask the same.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Resolver`]: the cache, limits, look-ups under way | all of [`Resolver`] |
//! | `find.rs` | the procedure: NAPTR, SRV, addresses | none |
//! | `dns.rs` | asking name servers | all of `Dns` |
//! | `servers.rs` | the order in which servers are tried: priority, weight, families | all of `Found` |
//! | `cache.rs` | what was found, while it holds | all of `Cache` |
//! | `routes.rs` | from addresses to ways | all of `Outgoing` |

mod cache;
mod dns;
mod find;
mod routes;
mod servers;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sip::Transport;
use switch::{Input, Listener, QueryId, Unresolved, Ways};
use tokio::{sync::mpsc, time::Instant};

use self::{
    cache::{About, Cache, Kept},
    dns::Dns,
    find::{Failure, Host, find},
    routes::{Outgoing, Socket},
};
use super::{Limits, local::Routes, numbers::Numbers};

/// What is asked: see [`switch::Query::Resolve`].
#[derive(Copy, Clone, Debug)]
pub struct Question<'a> {
    /// A name or an address.
    pub host: &'a str,
    /// If the URI names one.
    pub port: Option<u16>,
    /// If the URI names one.
    pub transport: Option<Transport>,
    /// Only transports under TLS count.
    pub secure: bool,
}

/// The figures of look-ups. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lookups {
    /// Look-ups that asked name servers.
    pub asked: Counter,
    /// Questions that were answered out of the cache.
    pub cached: Counter,
    /// Look-ups that found nothing, for whatever reason.
    pub failed: Counter,
    /// Seconds that look-ups took, together.
    pub seconds: Counter<f64>,
}

/// Transports over which Tandem calls others, the preferred one first (RFC 3263 section 4.1).
const CALLED_BY: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];
/// The longest name (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;

/// Answers questions about hosts.
pub(super) struct Resolver {
    shared: Rc<Shared>,
    most: usize,
    timeout: Duration,
    server: Option<SocketAddr>,
    /// Made by the first look-up, and again when the system's configuration has changed.
    dns: RefCell<Option<Rc<Dns>>>,
}

type Waiting = HashMap<(Rc<str>, About), Vec<QueryId>>;

struct Shared {
    reporter: mpsc::Sender<Input>,
    out: Outgoing,
    ours: Vec<Transport>,
    cache: RefCell<Cache>,
    /// Look-ups under way, and who waits for them.
    waiting: RefCell<Waiting>,
    chance: RefCell<ChaCha8Rng>,
    lookups: RefCell<Lookups>,
}

impl Resolver {
    pub(super) fn new(
        limits: &Limits,
        reporter: mpsc::Sender<Input>,
        routes: Rc<Routes>,
        numbers: Rc<Numbers>,
        listeners: Vec<Listener>,
    ) -> Self {
        let out = Outgoing {
            routes,
            listeners,
            numbers,
        };
        let mut seed = [0; 32];
        // Without a seed the servers of one priority share the load less evenly, and nothing else.
        if let Err(error) = getrandom::fill(&mut seed) {
            tracing::debug!(%error, "no seed for the choice among servers");
        }
        Self {
            shared: Rc::new(Shared {
                reporter,
                ours: CALLED_BY
                    .into_iter()
                    .filter(|transport| out.speaks(*transport))
                    .collect(),
                out,
                cache: RefCell::default(),
                waiting: RefCell::default(),
                chance: RefCell::new(ChaCha8Rng::from_seed(seed)),
                lookups: RefCell::default(),
            }),
            most: limits.dns.lookups,
            timeout: limits.dns.timeout,
            server: limits.dns.server,
            dns: RefCell::default(),
        }
    }

    /// Its figures.
    pub(super) fn lookups(&self) -> Lookups {
        self.shared.lookups.borrow().clone()
    }

    /// Counts into these from now on.
    pub(super) fn counted_by(&self, lookups: Lookups) {
        self.shared.lookups.replace(lookups);
    }

    /// The answer, if it is known at once; otherwise it is reported later.
    pub(super) fn resolve(&self, query: QueryId, question: Question<'_>) -> Option<Input> {
        let ways = self.answer(query, question)?;
        Some(Input::Resolved { query, ways })
    }

    fn answer(&self, query: QueryId, question: Question<'_>) -> Option<Ways> {
        let shared = &self.shared;
        let name = question.host.trim_start_matches('[').trim_end_matches(']');
        let about = About {
            port: question.port,
            transport: question.transport,
            secure: question.secure,
        };
        if about.secure && about.transport.is_some_and(|transport| !transport.is_secure()) {
            return Some(Err(Unresolved::NoWay));
        }
        if let Ok(ip) = name.parse::<IpAddr>() {
            let transport = shared.host(name, about).usual();
            let remote = SocketAddr::new(ip, about.port.unwrap_or(transport.default_port()));
            let name = ip.to_canonical().to_string().into();
            return Some(shared.out.ways([Socket { transport, remote }], &name));
        }
        let name = lower(name.trim_end_matches('.'));
        let known = shared.cache.borrow_mut().get(&name, about, Instant::now());
        if let Some((name, kept)) = known {
            shared.lookups.borrow().cached.inc();
            return Some(shared.ways(&name, &kept));
        }
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Some(Err(Unresolved::NotFound));
        }
        let name: Rc<str> = name.into();
        let mut waiting = shared.waiting.borrow_mut();
        if let Some(others) = waiting.get_mut(&(Rc::clone(&name), about)) {
            others.push(query);
            return None;
        }
        if waiting.len() >= self.most {
            tracing::warn!(host = &*name, "too many name lookups at once");
            shared.lookups.borrow().failed.inc();
            return Some(Err(Unresolved::TooMany));
        }
        let Some(dns) = self.dns() else {
            shared.lookups.borrow().failed.inc();
            return Some(Err(Unresolved::Failed));
        };
        waiting.insert((Rc::clone(&name), about), vec![query]);
        tokio::task::spawn_local(Rc::clone(shared).look_up(dns, name, about, self.timeout));
        None
    }

    /// The name servers, as the system's files name them now.
    fn dns(&self) -> Option<Rc<Dns>> {
        let mut current = self.dns.borrow_mut();
        if current.as_ref().is_none_or(|dns| !dns.is_current()) {
            *current = match Dns::new(self.server) {
                Ok(dns) => Some(Rc::new(dns)),
                Err(error) => {
                    tracing::warn!(error, "no name server can be asked");
                    None
                }
            };
        }
        current.clone()
    }
}

impl Shared {
    fn host<'a>(&'a self, name: &'a str, about: About) -> Host<'a> {
        Host {
            name,
            port: about.port,
            transport: about.transport,
            secure: about.secure,
            ours: &self.ours,
        }
    }

    /// The ways to servers that were found. Each call draws anew (RFC 2782).
    fn ways(&self, name: &Rc<str>, kept: &Kept) -> Ways {
        let found = (**kept).as_ref().map_err(|failure| failure.why)?;
        let mut chance = self.chance.borrow_mut();
        let sockets = found.sockets(|most| draw(&mut chance, most));
        self.out.ways(sockets, name)
    }

    async fn look_up(self: Rc<Self>, dns: Rc<Dns>, name: Rc<str>, about: About, timeout: Duration) {
        let begun = Instant::now();
        self.lookups.borrow().asked.inc();
        let found = tokio::time::timeout(timeout, find(&*dns, self.host(&name, about))).await;
        let found = found.unwrap_or(Err(Failure {
            why: Unresolved::Timeout,
            ttl: timeout,
        }));
        let took = begun.elapsed();
        self.lookups.borrow().seconds.inc_by(took.as_secs_f64());
        if let Err(failure) = &found {
            self.lookups.borrow().failed.inc();
            tracing::info!(
                host = &*name,
                why = failure.why.reason(),
                seconds = took.as_secs_f64(),
                "name not resolved"
            );
        }
        let kept = Rc::new(found);
        self.cache
            .borrow_mut()
            .put(&name, about, Rc::clone(&kept), Instant::now());
        let waiting = self.waiting.borrow_mut().remove(&(Rc::clone(&name), about));
        for query in waiting.into_iter().flatten() {
            let ways = self.ways(&name, &kept);
            // The loop is gone only when the process ends.
            let _ = self.reporter.send(Input::Resolved { query, ways }).await;
        }
    }
}

/// A number from 0 to `most`.
fn draw(chance: &mut ChaCha8Rng, most: u32) -> u32 {
    let scaled = u64::from(chance.next_u32()) * (u64::from(most) + 1);
    u32::try_from(scaled >> 32).unwrap_or(most)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
