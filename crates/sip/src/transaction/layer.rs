//! The layer: all transactions, and the way in and out of them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    ClientId, LayerError, Owner, ServerId, TimerConfig, TxEvent, TxOutput,
    calls::Calls,
    client::{self, Client},
    flows::{Flows, Path},
    keys,
    server::{self, Server},
    slots::Slots,
    timers::queue::{Lookup, Pending, Queue},
};
use crate::{ConnectionId, Flow, Message, Method, StatusCode, time::Instant};

/// Limits and times of a [`Layer`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerConfig {
    /// How long each timer runs.
    pub timers: TimerConfig,
    /// Most client transactions at once; the CANCELs that the layer sends come on top.
    pub max_client: usize,
    /// Most server transactions at once.
    pub max_server: usize,
    /// How many more there may be of either kind for requests within a dialog: a call in progress
    /// goes on, and ends in order, when new ones are refused. The last half of it is for BYE.
    pub reserve: usize,
    /// Most server transactions at once with one Call-ID, within a dialog and other than BYE: no
    /// call takes what belongs to all. Over UDP a transaction counts for 32 s.
    pub max_per_call: u32,
    /// Most octets that all server transactions together keep of requests and answers. Requests within a dialog may
    /// take half as much again, the last half of that is for BYE.
    pub max_octets: usize,
    /// Seconds in the Retry-After of the 503 to what is refused.
    pub retry_after: u32,
}

impl Default for LayerConfig {
    fn default() -> Self {
        Self {
            timers: TimerConfig::default(),
            max_client: 100_000,
            max_server: 100_000,
            reserve: 50_000,
            max_per_call: 1_000,
            max_octets: 512 << 20,
            retry_after: 5,
        }
    }
}

impl LayerConfig {
    /// Whether there is room for `request` beside `open` others of `max`.
    fn has_room(&self, request: &Message, open: usize, max: usize) -> bool {
        open < max.saturating_add(share(request, self.reserve))
    }

    /// Whether `request` may be kept beside so many octets of others.
    fn has_room_beside(&self, request: &Message, octets: usize) -> bool {
        let most = self.max_octets.saturating_add(share(request, self.max_octets / 2));
        octets.saturating_add(request.bytes().len()) <= most
    }
}

/// What a request may have of a reserve: nothing outside of a dialog, all of it to end one.
fn share(request: &Message, reserve: usize) -> usize {
    match request.to_tag() {
        None => 0,
        Some(_) if *request.method() == Method::Bye => reserve,
        Some(_) => reserve / 2,
    }
}

/// The transactions themselves.
pub(super) struct Tables {
    pub(super) clients: Slots<Client>,
    pub(super) servers: Slots<Server>,
}

impl Lookup for Tables {
    fn pending(&self, owner: Owner) -> Option<&Pending> {
        match owner {
            Owner::Client(id) => self.clients.get(id.0).map(|client| &client.pending),
            Owner::Server(id) => self.servers.get(id.0).map(|server| &server.pending),
        }
    }

    fn pending_mut(&mut self, owner: Owner) -> Option<&mut Pending> {
        match owner {
            Owner::Client(id) => self.clients.get_mut(id.0).map(|client| &mut client.pending),
            Owner::Server(id) => self.servers.get_mut(id.0).map(|server| &mut server.pending),
        }
    }

    fn count(&self) -> usize {
        self.clients.len() + self.servers.len()
    }
}

/// All transactions of one endpoint: messages go in, outputs come out of [`Layer::poll`].
///
/// Nothing is searched for: keys, timers, failures and ids all find their transaction directly.
/// What comes out depends on what went in and on nothing else.
pub struct Layer {
    pub(super) config: LayerConfig,
    pub(super) tables: Tables,
    pub(super) client_keys: HashMap<Arc<str>, ClientId>,
    pub(super) server_keys: HashMap<Arc<str>, ServerId>,
    pub(super) merged: HashMap<Arc<str>, ServerId>,
    pub(super) calls: Calls,
    /// Octets that the server transactions keep.
    pub(super) octets: usize,
    pub(super) flows: Flows,
    pub(super) queue: Queue,
    pub(super) out: VecDeque<TxOutput>,
    /// The request that the user was told of last.
    handed: Option<ServerId>,
    /// Where keys are written.
    pub(super) key: String,
}

impl Layer {
    /// A layer without transactions.
    pub fn new(config: LayerConfig) -> Self {
        Self {
            config,
            tables: Tables {
                clients: Slots::new(),
                servers: Slots::new(),
            },
            client_keys: HashMap::new(),
            server_keys: HashMap::new(),
            merged: HashMap::new(),
            calls: Calls::default(),
            octets: 0,
            flows: Flows::default(),
            queue: Queue::default(),
            out: VecDeque::new(),
            handed: None,
            key: String::new(),
        }
    }

    /// Takes a message from the network: one that passed [`Message::check`], a request with
    /// [`Message::with_received`]. What cannot be matched is dropped, and said by [`TxEvent::Dropped`].
    pub fn receive(&mut self, now: Instant, flow: Flow, message: Message) {
        self.take(now, flow, message, false);
    }

    /// As [`Layer::receive`], for a response or a CANCEL from an address that has no part in its transaction, but in
    /// what the user knows of its peer: after [`TxEvent::ForeignResponse`] and [`TxEvent::ForeignCancel`].
    pub fn receive_from_known(&mut self, now: Instant, flow: Flow, message: Message) {
        self.take(now, flow, message, true);
    }

    fn take(&mut self, now: Instant, flow: Flow, message: Message, known: bool) {
        if message.is_request() {
            self.receive_request(now, flow, message, known);
        } else {
            self.receive_response(now, flow, message, known);
        }
        self.queue.settle(&mut self.tables);
    }

    /// Sends a request other than ACK and CANCEL in a new client transaction. It is complete: its
    /// top Via has a branch that no other open transaction has (RFC 3261 8.1.1.7).
    ///
    /// # Errors
    /// [`LayerError::WrongKind`], [`LayerError::Method`], [`LayerError::Branch`], and
    /// [`LayerError::Full`] at the configured limit.
    pub fn request(&mut self, now: Instant, flow: Flow, message: Message) -> Result<ClientId, LayerError> {
        if !message.is_request() {
            return Err(LayerError::WrongKind);
        }
        if matches!(message.method(), Method::Ack | Method::Cancel) {
            return Err(LayerError::Method);
        }
        // An INVITE's branch serves its CANCEL, too; an earlier one's may still be open.
        let invite = *message.method() == Method::Invite;
        if (invite && self.is_in_use(&message, &Method::Cancel)) || self.is_in_use(&message, message.method()) {
            return Err(LayerError::Branch);
        }
        let open = self.tables.clients.len();
        if !self.config.has_room(&message, open, self.config.max_client) {
            return Err(LayerError::Full);
        }
        let id = self.start_client(now, flow, message);
        self.queue.settle(&mut self.tables);
        Ok(id)
    }

    /// Answers a request. After a 2xx to an INVITE more of them may follow (its repetitions, which
    /// may as well go through [`Layer::send`]); any other final response can be given once.
    ///
    /// # Errors
    /// [`LayerError::Gone`], [`LayerError::WrongKind`] (also for a provisional response other than 100 to anything but an
    /// INVITE) and [`LayerError::Answered`].
    pub fn respond(&mut self, now: Instant, id: ServerId, message: Message) -> Result<(), LayerError> {
        if self.tables.servers.get(id.0).is_none() {
            return Err(LayerError::Gone);
        }
        let status = message.status().ok_or(LayerError::WrongKind)?;
        // RFC 4320 4.1: no provisional response but 100 to any request other than INVITE.
        let request = self.tables.servers.get(id.0).and_then(|server| server.request());
        let is_other = request.is_some_and(|request| *request.method() != Method::Invite);
        if is_other && status.is_provisional() && status != StatusCode::TRYING {
            return Err(LayerError::WrongKind);
        }
        let input = server::Input::Respond(status);
        let sent = self.server_input(now, id, input, None, Some(message));
        self.queue.settle(&mut self.tables);
        sent.then_some(()).ok_or(LayerError::Answered)
    }

    /// Answers a request finally and forgets it at once (RFC 3261 8.2.7): nothing is kept, and nothing sent again. A
    /// repetition of the request is a new one, so `message` should have the tag of [`stateless_tag`](crate::stateless_tag).
    ///
    /// # Errors
    /// [`LayerError::Gone`], [`LayerError::WrongKind`], and [`LayerError::Answered`] after a final response.
    pub fn dismiss(&mut self, id: ServerId, message: &Message) -> Result<(), LayerError> {
        let server = self.tables.servers.get(id.0).ok_or(LayerError::Gone)?;
        if !message.status().is_some_and(|status| status.is_final()) {
            return Err(LayerError::WrongKind);
        }
        if server.is_answered() {
            return Err(LayerError::Answered);
        }
        self.send(server.reply, message);
        self.event(TxEvent::ServerGone { id });
        self.remove_server(id);
        self.queue.settle(&mut self.tables);
        Ok(())
    }

    /// The user passes the request on as a proxy, which does not take its copies for an error (RFC 3261 section 16.3):
    /// a copy that comes by another way, such as one that comes back, is a request like any other from now on.
    pub fn proxies(&mut self, id: ServerId) {
        if let Some(merged) = self
            .tables
            .servers
            .get_mut(id.0)
            .and_then(|server| server.merged.take())
        {
            self.merged.remove(&merged);
        }
    }

    /// Cancels an INVITE (RFC 3261 9.1): at once if a provisional response has come, else when one
    /// comes; not at all if a final one has. Its transaction ends as any other: with a final
    /// response (487, or a 2xx that was faster), or timed out.
    ///
    /// `reason` is the value of the CANCEL's Reason header field (RFC 3326).
    ///
    /// # Errors
    /// [`LayerError::Gone`], and [`LayerError::Method`] for anything but an INVITE.
    pub fn cancel(&mut self, now: Instant, id: ClientId, reason: Option<&str>) -> Result<(), LayerError> {
        let client = self.tables.clients.get(id.0).ok_or(LayerError::Gone)?;
        if *client.request.method() != Method::Invite {
            return Err(LayerError::Method);
        }
        self.cancel_client(now, id, reason);
        self.queue.settle(&mut self.tables);
        Ok(())
    }

    /// Sends a message outside any transaction: an ACK to a 2xx, or a stateless answer.
    pub fn send(&mut self, flow: Flow, message: &Message) {
        let bytes = message.bytes().clone();
        self.out.push_back(TxOutput::Transmit { flow, bytes });
    }

    /// Tells the transactions that use this flow that it failed: a message could not be sent on it
    /// (RFC 3261 17.1.4, 17.2.4, 18.4).
    pub fn transport_failed(&mut self, now: Instant, flow: &Flow) {
        let affected = self.flows.0.get(&Path::of(flow)).cloned().unwrap_or_default();
        for owner in affected {
            match owner {
                Owner::Client(id) => self.client_input(now, id, client::Input::TransportFailed, None),
                Owner::Server(id) => {
                    self.server_input(now, id, server::Input::TransportFailed, None, None);
                }
            }
        }
        self.queue.settle(&mut self.tables);
    }

    /// A connection has ended. Requests outside of dialogs that nobody has answered on it count as not sent (RFC 3261
    /// 8.1.3.1): whoever did not keep it is not there any more. Within a dialog the peer may come back and
    /// answer over another one (18.2.2), and a call is not to end with a connection; and so may we, as a server.
    pub fn connection_closed(&mut self, now: Instant, connection: ConnectionId) {
        let users = self.flows.0.get(&Path::Connection(connection));
        let affected: Vec<ClientId> = users
            .into_iter()
            .flatten()
            .filter_map(|owner| match owner {
                Owner::Client(id) => Some(*id),
                Owner::Server(_) => None,
            })
            .filter(|id| {
                let client = self.tables.clients.get(id.0);
                client.is_some_and(|client| client.request.to_tag().is_none())
            })
            .collect();
        for id in affected {
            self.client_input(now, id, client::Input::TransportFailed, None);
        }
        self.queue.settle(&mut self.tables);
    }

    /// Fires every timer that is due at `now`.
    pub fn timeout(&mut self, now: Instant) {
        while let Some(owner) = self.queue.pop_due(now, &mut self.tables) {
            while let Some(timer) = self.tables.pending_mut(owner).and_then(|pending| pending.take_due(now)) {
                match owner {
                    Owner::Client(id) => self.client_input(now, id, client::Input::Timer(timer), None),
                    Owner::Server(id) => {
                        self.server_input(now, id, server::Input::Timer(timer), None, None);
                    }
                }
            }
            self.queue.schedule(owner, &mut self.tables);
        }
        self.queue.settle(&mut self.tables);
    }

    /// When [`Layer::timeout`] is to be called next; `None` if nothing is going on.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.queue.next_timeout()
    }

    /// The next thing to do. To be called until `None` after each call that changes something.
    pub fn poll(&mut self) -> Option<TxOutput> {
        // The user has had the last request by now. Only one that waits for its answer costs an entry among the timers.
        if let Some(id) = self.handed.take() {
            self.queue.schedule(Owner::Server(id), &mut self.tables);
        }
        let output = self.out.pop_front();
        if let Some(TxOutput::Event(TxEvent::Request { id, .. })) = &output {
            self.handed = Some(*id);
        }
        output
    }

    /// The request of a server transaction; not of one outside of a dialog that was answered.
    pub fn server_request(&self, id: ServerId) -> Option<&Message> {
        self.tables.servers.get(id.0)?.request()
    }

    /// The way a server transaction's request came.
    pub fn server_flow(&self, id: ServerId) -> Option<Flow> {
        self.tables.servers.get(id.0).map(|server| server.flow)
    }

    /// The way a server transaction's responses go (RFC 3261 18.2.2): also the user's repetitions
    /// of a 2xx.
    pub fn reply_flow(&self, id: ServerId) -> Option<Flow> {
        self.tables.servers.get(id.0).map(|server| server.reply)
    }

    /// The request of a client transaction.
    pub fn client_request(&self, id: ClientId) -> Option<&Message> {
        self.tables.clients.get(id.0).map(|client| &client.request)
    }

    /// How many entries the layer's tables hold in all, those of its indexes and those that wait for
    /// [`Layer::poll`] among them: none once every transaction is over.
    pub fn held(&self) -> usize {
        let indexes = self.client_keys.len() + self.server_keys.len() + self.merged.len() + self.calls.0.len();
        self.tables.count() + indexes + self.flows.0.len() + self.out.len()
    }

    /// How many client transactions are open, CANCELs included.
    pub fn client_count(&self) -> usize {
        self.tables.clients.len()
    }

    /// How many server transactions are open, CANCELs included.
    pub fn server_count(&self) -> usize {
        self.tables.servers.len()
    }

    /// Gives back room that nothing needs any more, of tables with room for more than `small` entries and `spare` times
    /// of what is in them.
    pub fn tidy(&mut self, small: usize, spare: usize) {
        let sparse = |held: usize, room: usize| room > small && held.saturating_mul(spare) < room;
        macro_rules! tidy {
            ($($table:expr),*) => {$(
                if sparse($table.len(), $table.capacity()) {
                    $table.shrink_to($table.len() * 2);
                }
            )*};
        }
        tidy!(
            self.client_keys,
            self.server_keys,
            self.merged,
            self.calls.0,
            self.flows.0,
            self.out
        );
        self.queue.tidy(sparse);
    }

    /// How many entries the largest of its tables has room for.
    pub fn room(&self) -> usize {
        let tables = [
            self.client_keys.capacity(),
            self.server_keys.capacity(),
            self.merged.capacity(),
            self.calls.0.capacity(),
            self.flows.0.capacity(),
            self.out.capacity(),
            self.queue.capacity(),
        ];
        tables.into_iter().max().unwrap_or_default()
    }

    /// Whether a request's branch is missing, or taken for `method`. Leaves the key in the buffer.
    fn is_in_use(&mut self, request: &Message, method: &Method) -> bool {
        !keys::client(&mut self.key, request, method) || self.client_keys.contains_key(self.key.as_str())
    }

    /// Whether there is room for one more server transaction.
    pub(super) fn has_room_for(&self, request: &Message) -> bool {
        let open = self.tables.servers.len();
        self.config.has_room(request, open, self.config.max_server) && self.config.has_room_beside(request, self.octets)
    }
}

#[cfg(test)]
impl Layer {
    /// Asserts that no table holds anything.
    pub(super) fn assert_empty(&self) {
        assert!(self.client_keys.is_empty() && self.server_keys.is_empty() && self.merged.is_empty());
        assert!(self.calls.0.is_empty());
        assert_eq!(self.octets, 0);
        assert!(self.flows.0.is_empty());
        assert_eq!(self.queue.len(), 0);
    }

    /// How many entries the heap of timers has.
    pub(super) fn timers_kept(&self) -> usize {
        self.queue.len()
    }
}
