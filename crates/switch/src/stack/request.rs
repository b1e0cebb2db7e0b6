//! Requests of ours that are under way, as plain data. What is done with them stands in `requests/`.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use sip::{
    Flow, Message,
    transaction::{ClientId, ServerId},
};

use super::credentials::{Answered, Credentials};
use crate::{
    ids::{LegId, RequestId, RequestKind},
    tables::{room::Room, slots::Slots},
};

/// Who sent a request and hears what it comes to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A leg: the INVITE it begins with.
    Invite(LegId),
    /// A leg: a re-INVITE or UPDATE.
    Change(LegId),
    /// A leg: its BYE.
    Bye(LegId),
    /// A leg: what the phone of the other leg sent by INFO or MESSAGE, with the transaction that waits for the answer.
    Passed(LegId, ServerId),
    /// A MESSAGE in delivery.
    Delivery(u64),
    /// A leg: a NOTIFY within its dialog.
    Notify(LegId),
    /// None: the BYE that ends a dialog without a user.
    Stray,
}

/// The ways to the target of a request that were not tried, best first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub ways: VecDeque<Flow>,
}

impl Targets {
    /// A way, and the further ones that its name has.
    pub fn of(first: Flow, further: &[Flow]) -> Self {
        let ways = std::iter::once(first).chain(further.iter().copied()).collect();
        Self { ways }
    }
}

/// How far a request is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was heard of where it was sent last.
    Silent,
    /// A provisional response came, with this code.
    Heard(u16),
    /// Its owner no longer wants it.
    Cancelled,
    /// Its owner was told what it came to.
    Done,
}

/// A request of ours, through all its tries.
pub(crate) struct Request {
    pub owner: Owner,
    /// As it was sent last.
    pub message: Message,
    /// It belongs to a dialog, which numbers its requests.
    pub in_dialog: bool,
    /// The way to the present target.
    pub way: Flow,
    /// The transaction of the last try.
    pub client: ClientId,
    /// How many transactions there are, those of earlier tries included.
    pub transactions: usize,
    /// Where it can go if the present target fails.
    pub targets: Targets,
    /// It went over TCP for its size and goes back to UDP where that fails (RFC 3261 18.1.1).
    pub back_to_udp: bool,
    pub credentials: Option<Arc<Credentials>>,
    pub answered: Vec<Answered>,
    pub tries: usize,
    pub stage: Stage,
}

/// The requests that are under way.
#[derive(Default)]
pub(crate) struct Requests {
    open: Slots<Request, RequestKind>,
    by_client: HashMap<ClientId, RequestId>,
}

impl Requests {
    /// Adds a request whose first transaction has begun.
    pub fn insert(&mut self, request: Request) -> Option<RequestId> {
        let client = request.client;
        let id = self.open.try_insert_with(|_| Ok::<_, ()>(request)).ok()?;
        self.by_client.insert(client, id);
        Some(id)
    }

    /// The request, unless it is over.
    pub fn get(&self, id: RequestId) -> Option<&Request> {
        self.open.get(id)
    }

    /// The request, unless it is over.
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut Request> {
        self.open.get_mut(id)
    }

    /// The request that a transaction is a try of.
    pub fn find(&self, client: ClientId) -> Option<RequestId> {
        self.by_client.get(&client).copied()
    }

    /// Whose request a transaction is a try of.
    pub fn owner_of(&self, client: ClientId) -> Option<Owner> {
        self.get(self.find(client)?).map(|request| request.owner)
    }

    /// A request is tried again in a new transaction.
    pub fn tried(&mut self, id: RequestId, client: ClientId) {
        if let Some(request) = self.open.get_mut(id) {
            request.client = client;
            request.transactions += 1;
            self.by_client.insert(client, id);
        }
    }

    /// A transaction is over, and with the last one its request, which is given back.
    pub fn forget(&mut self, client: ClientId) -> Option<RequestId> {
        let id = self.by_client.remove(&client)?;
        let request = self.open.get_mut(id)?;
        request.transactions -= 1;
        if request.transactions > 0 {
            return None;
        }
        self.open.remove(id);
        Some(id)
    }

    /// How many requests are under way.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// How many transactions they have.
    pub fn transactions(&self) -> usize {
        self.by_client.len()
    }
}

impl Room for Requests {
    fn measure(&self) -> (usize, usize) {
        self.by_client.measure()
    }

    fn shrink(&mut self, entries: usize) {
        self.by_client.shrink(entries);
    }
}
