//! The registrar and location service: RFC 3261 section 10, RFC 3327 (Path), RFC 5626 (outbound),
//! RFC 5627 (GRUU).
//!
//! | file | what it does | which fields of [`Registrar`] it owns |
//! |---|---|---|
//! | `mod.rs` | [`Registrar`]: takes a REGISTER from planning to its answer, ends bindings | `config`, `busy`, `queries`, `effects`, `last_id` |
//! | `request.rs` | what a REGISTER asks for, as far as that needs no binding | |
//! | `plan.rs` | what a REGISTER changes in the bindings, and the limits | |
//! | `push.rs` | push notifications (RFC 8599) | |
//! | `table.rs` | the bindings in memory, by id, extension, connection and end | `table` |
//! | `gruu.rs` | GRUUs (RFC 5627): made, and opened | `gruus` |
//! | `contact.rs` | [`Contact`] and [`Change`]: what other rooms are told | |
//! | `reply.rs` | the 200 to a REGISTER | |
//!
//! The registrar reads a REGISTER, plans it against the bindings it has, and asks for the plan to be stored. Only after
//! that it changes the bindings and answers: [`Registrar::register`] leads to an [`Effect::Store`]; the result goes to
//! [`Registrar::stored`], which leads to an [`Effect::Reply`]. So a phone that got 200 is still registered after a
//! crash, and a phone that got 500 has changed nothing. While a REGISTER of an extension is being stored, further
//! REGISTERs of that extension wait in order.
//!
//! Decisions that the RFCs leave open:
//! - An older or repeated CSeq of the same Call-ID gets 500 (10.3 step 7: "the request fails"). A retransmission never
//!   comes here: its transaction answers it.
//! - `Contact: *` removes the contacts of all devices of the extension, as the RFC says.
//! - A phone that comes back with the same `+sip.instance` and another Call-ID replaces its contact. Two phones with
//!   different instances at different addresses have two contacts, even if the Contact URIs are equal.
//! - A device with too many contacts loses the contact that was refreshed longest ago. Where other devices have used up
//!   the limit of the extension, the answer is 403.
//! - A Path without `Supported: path` is taken, or with `require_path_support` gets 420.
//! - A binding stays until its time ends, even if its connection has closed. In that state, a phone behind a NAT (the
//!   host of its Contact, or of its Path, is not the source address) and an outbound phone cannot be reached; any other
//!   phone is reached at its Contact or by its Path.

mod contact;
mod gruu;
mod plan;
mod push;
mod reply;
mod request;
mod table;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use sip::{ConnectionId, Flow, HeaderName, Instant, Message, StatusCode, Uri};
use smallvec::{SmallVec, smallvec};

pub use self::contact::{Change, Contact};
use self::{
    gruu::Gruus,
    plan::Clock,
    request::Request,
    table::{Bound, Plan, Table},
};
pub use crate::config::registrar::Config;
use crate::{Accounts, Answer, Binding, BindingChange, Domain, Identity, QueryId, Registration, api::PushTarget};
pub(crate) use reply::date;

/// In seconds. A binding from before a restart may have got more than the present limit, but never more than this.
const DAY: u32 = 86_400;

/// What the registrar wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer the REGISTER that came with this number.
    Reply {
        /// As it was given to [`Registrar::register`].
        query: QueryId,
        /// What to answer.
        answer: Answer,
    },
    /// Make this durable, then call [`Registrar::stored`]: [`crate::Query::SaveBindings`].
    Store {
        /// As it was given to [`Registrar::register`].
        query: QueryId,
        /// In this order.
        changes: Vec<BindingChange>,
    },
    /// Tell the room that sends calls and messages to contacts.
    Located(Change),
    /// A phone of this extension sleeps, and its registration ends soon: wake it.
    Wake(String, PushTarget),
    /// Write this when convenient: [`crate::Output::Forget`].
    Forget(SmallVec<[BindingChange; 1]>),
    /// A contact is new.
    Added(Registration),
    /// A contact is gone.
    Removed(Registration),
}

/// A REGISTER that is being stored, and the REGISTERs that wait for it.
struct Busy {
    query: QueryId,
    request: Request,
    plan: Plan,
    waiting: VecDeque<Request>,
}

impl Busy {
    /// The connection of the REGISTER that is being stored, or of one that waits, has closed.
    fn lose(&mut self, connection: ConnectionId) {
        for bound in &mut self.plan.saves {
            bound.lose(connection);
        }
        for request in &mut self.waiting {
            if request.flow.connection == Some(connection) {
                request.flow.connection = None;
            }
        }
    }
}

/// The registrar. After each change, take its effects with [`Registrar::poll`].
pub struct Registrar {
    config: Config,
    table: Table,
    busy: HashMap<Box<str>, Busy>,
    queries: HashMap<QueryId, Box<str>>,
    effects: VecDeque<Effect>,
    last_id: u64,
    gruus: Gruus,
}

impl Registrar {
    /// Without bindings.
    pub fn new(config: Config) -> Self {
        Self {
            table: Table::new(config.push.lead),
            config,
            busy: HashMap::new(),
            queries: HashMap::new(),
            effects: VecDeque::new(),
            last_id: 0,
            gruus: Gruus::new(&[0; 32], [0; 32], ""),
        }
    }

    /// Checks a REGISTER before its sender is challenged (10.3 steps 1 and 2).
    ///
    /// # Errors
    /// What to answer instead: 404, 416, 420, 400.
    pub fn preconditions(message: &Message, flow: &Flow, domain: &Domain) -> Result<(), Answer> {
        request::preconditions(message, flow, domain)
    }

    /// Takes a REGISTER of an authenticated sender. `query` is a new number: it comes back in the one
    /// [`Effect::Reply`], and in the [`Effect::Store`] before that, if there is one.
    #[allow(clippy::too_many_arguments)] // each is a fact of its own
    pub fn register(
        &mut self,
        now: Instant,
        unix_micros: i64,
        query: QueryId,
        message: &Message,
        flow: &Flow,
        identity: &Identity,
        accounts: &Accounts,
        domain: &Domain,
    ) {
        let clock = Clock { now, unix_micros };
        let request = match request::read(query, message, flow, identity, (accounts, domain, &self.config)) {
            Ok(request) => request,
            Err(answer) => return self.reply(query, answer),
        };
        let Some(busy) = self.busy.get_mut(request.number.as_str()) else {
            self.begin(clock, request, VecDeque::new());
            return;
        };
        if busy.waiting.len() < self.config.waiting {
            busy.waiting.push_back(request);
        } else {
            let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, "2");
            self.reply(query, answer);
        }
    }

    /// An [`Effect::Store`] was carried out, or failed. False if the registrar did not ask for it.
    pub fn stored(&mut self, now: Instant, unix_micros: i64, query: QueryId, ok: bool) -> bool {
        let Some(number) = self.queries.remove(&query) else {
            return false;
        };
        let Some(mut busy) = self.busy.remove(&number) else {
            return false;
        };
        let clock = Clock { now, unix_micros };
        if ok {
            self.commit(busy.plan);
            let answer = self.ok(clock, &busy.request);
            self.reply(busy.query, answer);
        } else {
            // 10.3 step 7: the request fails and changes nothing.
            for bound in &busy.plan.saves {
                self.table.watch(bound.binding().id);
            }
            self.reply(
                busy.query,
                Answer::because(StatusCode::SERVER_INTERNAL_ERROR, "Registration Not Stored"),
            );
        }
        while let Some(next) = busy.waiting.pop_front() {
            let rest = std::mem::take(&mut busy.waiting);
            busy.waiting = self.begin(clock, next, rest);
        }
        true
    }

    /// The next effect; `None` until something happens.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Puts in a binding that was on disk at start; a binding that has ended since is forgotten. The connection of its
    /// REGISTER, if there was one, is closed.
    pub fn restore(&mut self, now: Instant, unix_micros: i64, mut binding: Binding) {
        self.last_id = self.last_id.max(binding.id);
        let left = u64::try_from(binding.expires_at.saturating_sub(unix_micros)).unwrap_or(0);
        // The wall clock may have been ahead when the phone registered. Then more time is left than was ever granted.
        let left = left.min(u64::from(self.config.max_expires.max(DAY)) * 1_000_000);
        binding.expires_at = unix_micros.saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
        let leads_back = Uri::parse(&binding.contact).ok().map(|uri| {
            let transport = uri.transport().unwrap_or(binding.flow.transport);
            let port = uri.port.unwrap_or(transport.default_port());
            uri.host.ip().map(|host| SocketAddr::new(host, port)) == Some(binding.flow.local)
        });
        let (1.., Some(leads_back)) = (left, leads_back) else {
            self.effects
                .push_back(Effect::Forget(smallvec![BindingChange::Remove(binding.id)]));
            return;
        };
        binding.flow.connection = None;
        let lost = binding.flow.transport.is_reliable();
        let expires = now + Duration::from_micros(left);
        let push = Uri::parse(&binding.contact).ok();
        let push = push.and_then(|uri| push::target(&uri, &self.config.push)).map(Box::new);
        let contact = Arc::new(Contact {
            binding,
            lost,
            leads_back,
            push,
        });
        self.put(Bound {
            contact,
            expires,
            refreshed: now,
        });
    }

    /// When the next binding ends.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.table.next_expiry()
    }

    /// Wakes phones whose registration ends soon, and removes the bindings that have ended. A binding whose refresh is
    /// being stored stays until that is stored.
    pub fn timeout(&mut self, now: Instant) {
        while let Some(id) = self.table.take_sleeper(now) {
            let contact = self.table.get(id).map(|bound| &bound.contact);
            let push = contact.and_then(|contact| Some((contact.binding.number.clone(), contact.push.clone()?)));
            self.effects
                .extend(push.map(|(number, push)| Effect::Wake(number, *push)));
        }
        while let Some(id) = self.table.take_due(now) {
            let number = self.table.get(id).map(|bound| bound.binding().number.as_str());
            let busy = number.and_then(|number| self.busy.get(number));
            if !busy.is_some_and(|busy| busy.plan.saves_id(id)) {
                self.discard(id);
            }
        }
    }

    /// Removes one binding. False if there is none with this id.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(bound) = self.table.get(id) else { return false };
        let number = bound.binding().number.clone();
        self.revoke(&number, |binding| binding.id == id);
        self.discard(id);
        true
    }

    /// Removes the bindings of an extension that is gone.
    pub fn remove_extension(&mut self, number: &str) {
        self.remove_where(number, |_| true);
    }

    /// Removes the bindings of a device that is gone.
    pub fn remove_device(&mut self, number: &str, username: &str) {
        self.remove_where(number, |name| name == username);
    }

    /// A connection has closed: the contacts that registered over it cannot be reached over it any more (RFC 5626
    /// section 5.3).
    pub fn connection_closed(&mut self, connection: ConnectionId) {
        for contact in self.table.lose(connection) {
            self.effects.push_back(Effect::Located(Change::Put(contact)));
        }
        for busy in self.busy.values_mut() {
            busy.lose(connection);
        }
    }

    /// Every contact, by number, oldest first.
    pub fn registrations(&self) -> Vec<Registration> {
        self.table
            .sorted()
            .into_iter()
            .map(|bound| self.shown(&bound.contact))
            .collect()
    }

    /// The binding with this id.
    pub fn binding(&self, id: u64) -> Option<&Binding> {
        self.table.get(id).map(Bound::binding)
    }

    /// The bindings of an extension, oldest first.
    pub fn bindings_of(&self, number: &str) -> impl Iterator<Item = &Binding> {
        self.table.of(number).map(Bound::binding)
    }

    /// Whether an extension has a contact.
    pub fn has_contacts(&self, number: &str) -> bool {
        self.table.of(number).next().is_some()
    }

    /// How many contacts there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// How many REGISTERs are being stored, or wait for their turn.
    pub fn waiting(&self) -> usize {
        self.queries.len() + self.busy.values().map(|busy| busy.waiting.len()).sum::<usize>()
    }

    /// Whether there are no contacts.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Takes other limits, for the REGISTERs that follow.
    pub fn configure(&mut self, config: Config) {
        self.config = config;
    }

    fn reply(&mut self, query: QueryId, answer: Answer) {
        self.effects.push_back(Effect::Reply { query, answer });
    }

    fn ok(&mut self, clock: Clock, request: &Request) -> Answer {
        let mut best_first: SmallVec<[&Bound; 4]> = self.table.of(&request.number).collect();
        best_first.sort_by_key(|bound| std::cmp::Reverse((bound.binding().q, bound.binding().id)));
        reply::ok(request, &best_first, &self.config, clock, &mut self.gruus)
    }

    /// Plans a request. If the plan must be stored, the waiting REGISTERs go on waiting; if not, they are returned.
    fn begin(&mut self, clock: Clock, request: Request, waiting: VecDeque<Request>) -> VecDeque<Request> {
        let query = request.query;
        match plan::plan(&request, &self.table, &self.config, clock, &mut self.last_id) {
            Err(answer) => self.reply(query, answer),
            Ok(plan) if plan.is_empty() => {
                let answer = self.ok(clock, &request);
                self.reply(query, answer);
            }
            Ok(plan) => {
                self.effects.push_back(Effect::Store {
                    query,
                    changes: plan.changes(),
                });
                let number: Box<str> = request.number.as_str().into();
                self.queries.insert(query, number.clone());
                self.busy.insert(
                    number,
                    Busy {
                        query,
                        request,
                        plan,
                        waiting,
                    },
                );
                return VecDeque::new();
            }
        }
        waiting
    }

    fn commit(&mut self, plan: Plan) {
        for id in plan.removes {
            if let Some(bound) = self.take_out(id) {
                self.effects.push_back(Effect::Removed(self.shown(&bound.contact)));
            }
        }
        for bound in plan.saves {
            let contact = Arc::clone(&bound.contact);
            let former = self.put(bound);
            if let Some(former) = &former {
                if former.binding().contact == contact.binding.contact {
                    continue;
                }
                self.effects.push_back(Effect::Removed(self.shown(&former.contact)));
            }
            self.effects.push_back(Effect::Added(self.shown(&contact)));
        }
    }

    /// Puts a contact into memory and tells that; returns the former binding with its id.
    fn put(&mut self, bound: Bound) -> Option<Bound> {
        let change = Change::Put(Arc::clone(&bound.contact));
        self.effects.push_back(Effect::Located(change));
        self.table.put(bound)
    }

    /// Takes a contact out of memory and tells that.
    fn take_out(&mut self, id: u64) -> Option<Bound> {
        let bound = self.table.remove(id)?;
        let number = bound.binding().number.clone();
        self.effects.push_back(Effect::Located(Change::Remove { number, id }));
        Some(bound)
    }

    /// Takes a binding out of memory now, and off the disk later.
    fn discard(&mut self, id: u64) {
        if let Some(bound) = self.take_out(id) {
            self.effects
                .push_back(Effect::Forget(smallvec![BindingChange::Remove(id)]));
            self.effects.push_back(Effect::Removed(self.shown(&bound.contact)));
        }
    }

    fn remove_where(&mut self, number: &str, is_gone: impl Fn(&str) -> bool) {
        self.revoke(number, |binding| is_gone(&binding.username));
        let ids: Vec<u64> = self
            .table
            .of(number)
            .filter(|bound| is_gone(&bound.binding().username))
            .map(|bound| bound.binding().id)
            .collect();
        for id in ids {
            self.discard(id);
        }
        let Some(busy) = self.busy.get_mut(number) else { return };
        let (gone, rest) = std::mem::take(&mut busy.waiting)
            .into_iter()
            .partition(|request| is_gone(&request.username));
        busy.waiting = rest;
        let gone: VecDeque<Request> = gone;
        for request in gone {
            self.reply(request.query, Answer::new(StatusCode::FORBIDDEN));
        }
    }

    /// Takes back bindings that are being stored: they reach the disk, and are removed there.
    fn revoke(&mut self, number: &str, which: impl Fn(&Binding) -> bool) {
        let Some(busy) = self.busy.get_mut(number) else { return };
        let (gone, kept) = std::mem::take(&mut busy.plan.saves)
            .into_iter()
            .partition(|bound| which(bound.binding()));
        busy.plan.saves = kept;
        let gone: Vec<Bound> = gone;
        for bound in gone.iter().filter(|bound| self.table.get(bound.binding().id).is_none()) {
            self.effects
                .push_back(Effect::Forget(smallvec![BindingChange::Remove(bound.binding().id)]));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
