//! Requests of ours that are under way, as plain data. The room `requests/` acts on them.

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
    ids::{LegId, RequestId, RequestKind, SubscriptionId, TrunkId},
    tables::{room::Room, slots::Slots},
};

/// The owner of a request, which is told the result.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A leg: its first INVITE.
    Invite(LegId),
    /// A leg: a re-INVITE or UPDATE.
    Change(LegId),
    /// A leg: its BYE.
    Bye(LegId),
    /// A leg: an INFO or MESSAGE of the other leg's phone, with the server transaction that waits for the answer.
    Passed(LegId, ServerId),
    /// A leg: an INFO of ours with a key.
    Key(LegId),
    /// A MESSAGE in delivery.
    Delivery(u64),
    /// A leg: a NOTIFY within its dialog.
    Notify(LegId),
    /// A leg: the PRACK of a provisional response. A PRACK that fails changes nothing, since the phone then refuses the
    /// call itself (RFC 3262 section 3).
    Prack(LegId),
    /// A subscription: a NOTIFY within its dialog.
    Subscription(SubscriptionId),
    /// A trunk: a REGISTER or an OPTIONS.
    Trunk(TrunkId, TrunkRequest),
    /// No owner: the BYE that ends a dialog without a user.
    Stray,
}

/// What a request to a trunk is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum TrunkRequest {
    Register,
    Options,
}

/// One way to the target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub way: Flow,
    /// Where the way is a further flow of the same phone (RFC 5626): what the request says there.
    pub aim: Option<Box<Aim>>,
}

/// What leads a request to one flow of a phone: each flow has a contact and a Path of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    /// The Request-URI.
    pub uri: String,
    /// Route values, topmost first.
    pub routes: Vec<String>,
}

/// The ways to a request's target that were not tried yet, best first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub ways: VecDeque<Target>,
    /// They are gateways of a trunk, each of which may do what the others cannot: the next one is tried after any 5xx.
    pub gateways: bool,
}

impl Targets {
    /// The first way, and the further ways of the same name.
    pub fn of(first: Flow, further: &[Flow]) -> Self {
        let ways = std::iter::once(first).chain(further.iter().copied());
        let ways = ways.map(|way| Target { way, aim: None }).collect();
        Self { ways, gateways: false }
    }

    /// With further ways, which come last.
    pub fn then(mut self, further: &[Target]) -> Self {
        self.ways.extend(further.iter().cloned());
        self
    }
}

/// How far a request has come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was heard from the present target.
    Silent,
    /// A provisional response came, with this code.
    Heard(u16),
    /// The owner no longer wants it.
    Cancelled,
    /// The owner was told the result.
    Done,
}

/// A request of ours, with all its tries.
pub(crate) struct Request {
    pub owner: Owner,
    /// The message of the last try.
    pub message: Message,
    /// It belongs to a dialog, which numbers its requests.
    pub in_dialog: bool,
    /// The way to the present target.
    pub way: Flow,
    /// The transaction of the last try.
    pub client: ClientId,
    /// How many transactions there are, including those of earlier tries.
    pub transactions: usize,
    /// Where it goes next if the present target fails.
    pub targets: Targets,
    /// It went over TCP because of its size, and goes back to UDP if that fails (RFC 3261 18.1.1).
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

    /// The request to which a transaction belongs.
    pub fn find(&self, client: ClientId) -> Option<RequestId> {
        self.by_client.get(&client).copied()
    }

    /// The owner of the request to which a transaction belongs.
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

    /// A transaction is over. If it was the last one of its request, the request is removed and its id returned.
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

    /// How many transactions these requests have.
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
