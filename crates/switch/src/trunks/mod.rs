//! Trunks: providers, gateways and other PBXes (RFC 3261 section 10.2 seen from the client).
//!
//! A trunk's hosts are looked up when the trunk is set up and from then on again and again, so that a call over it waits
//! for no look-up, and so that a call from it is known by its address.
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Trunks`]: the table, look-ups, timers, states | all of [`Trunks`]; `Entry`: all others |
//! | `register.rs` | REGISTER and its answers, refreshes, waits after failures | `Entry::registration` |
//! | `health.rs` | OPTIONS, and whether a trunk is there | `Entry::asked` |
//! | `outgoing.rs` | the ways of a call to a number behind a trunk, limits | `Entry::calls`, `Entry::second` |
//! | `incoming.rs` | whose an INVITE from outside is, and what it says | |

mod health;
mod incoming;
mod outgoing;
mod register;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use sip::{ConnectionId, Flow, Instant};

pub(crate) use self::incoming::{Caller, caller_of};
use self::register::Registration;
use crate::{
    api::{Event, QueryId, Trunk, TrunkChange, TrunkState, TrunkStatus, Ways},
    ids::{TrunkId, TrunkKind},
    locations::{Access, Look},
    requests::{RequestEvent, TrunkRequest},
    stack::{Stack, TimerKey, TrunkTimer, credentials::Credentials},
    tables::slots::Slots,
    way::addresses,
};

/// How long what a look-up has found is used. The resolver itself keeps answers as long as DNS says.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The same where nothing was found.
const LOOK_SOON: Duration = Duration::from_secs(10);

/// One host of a trunk: the registrar or proxy, or a gateway.
struct Host {
    /// Its SIP URI.
    uri: Box<str>,
    /// The ways to it that the last look-up found.
    flows: Vec<Flow>,
}

/// A trunk with what is known of it.
pub(crate) struct Entry {
    trunk: Trunk,
    access: Arc<Access>,
    /// The user part of our Contact there: strangers cannot guess it, so that a call for it comes from the trunk.
    line: Box<str>,
    /// The outbound proxy or `uri` first, then the gateways.
    hosts: Vec<Host>,
    registration: Option<Registration>,
    /// An OPTIONS is under way.
    asked: bool,
    state: TrunkState,
    last_error: Option<String>,
    calls: usize,
    /// The second in which calls were counted last, and how many.
    second: (u64, u32),
}

/// The trunks, by name.
#[derive(Default)]
pub(crate) struct Trunks {
    entries: Slots<Entry, TrunkKind>,
    by_name: BTreeMap<Box<str>, TrunkId>,
    queries: HashMap<QueryId, (TrunkId, usize)>,
}

impl Trunks {
    /// A trunk is new, changed, or gone. Only that trunk is touched; its calls go on.
    pub fn apply(&mut self, cx: &mut Stack, change: TrunkChange) {
        match change {
            TrunkChange::Put { trunk, password } => self.put(cx, *trunk, password.map(|password| password.0)),
            TrunkChange::Remove(name) => {
                if let Some(id) = self.by_name.remove(name.as_str()) {
                    self.leave(cx, id);
                    self.entries.remove(id);
                }
            }
        }
    }

    fn put(&mut self, cx: &mut Stack, trunk: Trunk, password: Option<String>) {
        let before = self.by_name.get(trunk.name.as_str()).copied();
        if let Some(id) = before {
            self.leave(cx, id);
        }
        let first = trunk.outbound_proxy.as_ref().unwrap_or(&trunk.uri);
        let hosts = std::iter::once(first).chain(&trunk.gateways);
        let hosts = hosts.map(|uri| Host {
            uri: uri.as_str().into(),
            flows: Vec::new(),
        });
        let credentials = trunk.username.as_deref().zip(password.as_deref());
        let credentials = credentials.map(|(user, password)| Arc::new(Credentials::with_password(user, password)));
        let entry = Entry {
            access: Arc::new(Access::new(&trunk, credentials)),
            line: cx.ids.tag().into(),
            hosts: hosts.collect(),
            registration: trunk.register.then(|| Registration::new(&mut cx.ids, trunk.expires)),
            asked: false,
            state: TrunkState::Down,
            last_error: None,
            calls: 0,
            second: (0, 0),
            trunk,
        };
        let id = match before.and_then(|id| Some((id, self.entries.get_mut(id)?))) {
            Some((id, old)) => {
                let calls = old.calls;
                *old = Entry { calls, ..entry };
                id
            }
            None => {
                let name = entry.trunk.name.as_str().into();
                let id = self.entries.insert(entry);
                self.by_name.insert(name, id);
                id
            }
        };
        self.look_up(cx, id);
    }

    /// Gives up what was begun for a trunk that is changed or gone.
    fn leave(&mut self, cx: &mut Stack, id: TrunkId) {
        for timer in [TrunkTimer::Look, TrunkTimer::Register, TrunkTimer::Ask] {
            cx.timers.clear(TimerKey::Trunk(id, timer));
        }
        self.queries.retain(|_, (other, _)| *other != id);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.unregister(cx);
        }
    }

    /// A timer of a trunk has fired.
    pub fn timeout(&mut self, cx: &mut Stack, id: TrunkId, timer: TrunkTimer) {
        match timer {
            TrunkTimer::Look => self.look_up(cx, id),
            TrunkTimer::Register => self.with(cx, id, Entry::register),
            TrunkTimer::Ask => self.with(cx, id, health::ask),
        }
    }

    fn with(&mut self, cx: &mut Stack, id: TrunkId, act: impl FnOnce(&mut Entry, &mut Stack, TrunkId)) {
        if let Some(entry) = self.entries.get_mut(id) {
            act(entry, cx, id);
        }
    }

    fn look_up(&mut self, cx: &mut Stack, id: TrunkId) {
        let Some(entry) = self.entries.get(id) else { return };
        for (at, host) in entry.hosts.iter().enumerate() {
            if let Some(look) = Look::at(&host.uri) {
                self.queries.insert(cx.query(look.query()), (id, at));
            }
        }
        cx.timers
            .set(TimerKey::Trunk(id, TrunkTimer::Look), cx.now + LOOK_AGAIN);
    }

    /// A look-up has ended. Returns whether it was one of a trunk.
    pub fn resolved(&mut self, cx: &mut Stack, query: QueryId, ways: &Ways) -> bool {
        let Some((id, at)) = self.queries.remove(&query) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(id) else {
            return true;
        };
        let was_known = entry.is_known();
        // What was found before is used as long as nothing else is found.
        if let (Some(host), Ok(flows)) = (entry.hosts.get_mut(at), ways) {
            host.flows.clone_from(flows);
        }
        if !entry.is_known() {
            if let Err(why) = ways {
                entry.is_now(cx, TrunkState::Down, Some(why.reason().to_owned()));
            }
            cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Look), cx.now + LOOK_SOON);
        } else if !was_known {
            entry.begin(cx, id);
        }
        true
    }

    /// A request to a trunk came to this.
    pub fn heard(&mut self, cx: &mut Stack, id: TrunkId, request: TrunkRequest, event: &RequestEvent) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        match request {
            TrunkRequest::Register => entry.registered(cx, id, event),
            TrunkRequest::Options => health::answered(entry, cx, event),
        }
    }

    /// A connection has ended: a trunk that is registered over it registers again.
    pub fn connection_closed(&mut self, cx: &mut Stack, connection: ConnectionId) {
        for id in self.entries.ids() {
            self.with(cx, id, |entry, cx, id| entry.lost(cx, id, connection));
        }
    }

    /// What is known of each trunk, by name.
    pub fn list(&self) -> Vec<TrunkStatus> {
        let entries = self.by_name.values().filter_map(|id| self.entries.get(*id));
        entries.map(Entry::status).collect()
    }

    /// The trunk of that name.
    fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.by_name.get(name)?)
    }

    /// The same, to be changed.
    fn named_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.get_mut(*self.by_name.get(name)?)
    }

    /// Whether a host of this trunk is at this canonical address.
    pub fn is_at(&self, id: TrunkId, address: IpAddr) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.is_at(address))
    }

    /// What requests to this trunk have that others have not.
    pub fn access(&self, name: &str) -> Option<Arc<Access>> {
        self.named(name).map(|entry| Arc::clone(&entry.access))
    }

    /// How many look-ups are under way: for the test that nothing is left over.
    pub fn open(&self) -> usize {
        self.queries.len()
    }
}

impl Entry {
    /// Whether there is a way to one of its hosts.
    fn is_known(&self) -> bool {
        self.hosts.iter().any(|host| !host.flows.is_empty())
    }

    /// Its hosts are known for the first time.
    fn begin(&mut self, cx: &mut Stack, id: TrunkId) {
        if self.registration.is_some() {
            self.register(cx, id);
        } else if self.trunk.options_interval > 0 {
            health::ask(self, cx, id);
        } else {
            self.is_now(cx, TrunkState::Reachable, None);
        }
        if self.registration.is_some() && self.trunk.options_interval > 0 {
            let at = cx.now + Duration::from_secs(self.trunk.options_interval.into());
            cx.timers.set(TimerKey::Trunk(id, TrunkTimer::Ask), at);
        }
    }

    /// Whether a packet from this address, which is canonical, comes from one of its hosts.
    fn is_at(&self, address: IpAddr) -> bool {
        let flows = self.hosts.iter().flat_map(|host| &host.flows);
        let more = self.trunk.inbound.addresses.iter().map(IpAddr::to_canonical);
        addresses(flows).chain(more).any(|own| own == address)
    }

    /// Notes a state, and tells of it if it is another one.
    fn is_now(&mut self, cx: &mut Stack, state: TrunkState, error: Option<String>) {
        let changed = self.state != state || (error.is_some() && self.last_error != error);
        self.state = state;
        self.last_error = error;
        if changed {
            let status = self.status();
            tracing::info!(
                trunk = status.name,
                state = state.name(),
                error = status.last_error,
                "trunk"
            );
            cx.event(Event::TrunkChanged(Box::new(status)));
        }
    }

    fn status(&self) -> TrunkStatus {
        TrunkStatus {
            name: self.trunk.name.clone(),
            state: self.state,
            last_error: self.last_error.clone(),
            calls: self.calls,
        }
    }
}

/// How long to wait after the n-th failure in a row: the first wait doubled each time, and of that a part by chance, so
/// that not all trunks come back at once (RFC 5626 section 4.5).
fn backoff(cx: &mut Stack, first: Duration, failures: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(1_800);
    let whole = first.saturating_mul(1 << failures.min(10)).min(LONGEST);
    let half = whole / 2;
    let part = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(cx.ids.below(part))
}

/// The time of the machine in whole seconds.
fn second_of(now: Instant) -> u64 {
    now.as_micros() / 1_000_000
}
