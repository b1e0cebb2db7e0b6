//! What every part of the switch works with: the transaction layer, timers, identifiers, outputs.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | `Stack`: sends, answers, asks the outside, sets timers |
//! | `body.rs` | which part of a message describes the session |
//! | `capabilities.rs` | what Tandem allows, supports and requires: methods, extensions, bodies |
//! | `refused.rs` | what the log is told of refused requests, so many lines a second |
//! | `wire/` | what the log is told of each message at `trace`, without secrets |

pub(crate) mod body;
pub(crate) mod capabilities;
pub(crate) mod refused;
pub(crate) mod wire;

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use media::{Command, Pool, PortId};
use sip::{
    Builder, Flow, HeaderName, Instant, Message, Method, Transport,
    dialog::DialogId,
    transaction::{ClientId, Layer, LayerConfig, ServerId, TimerConfig},
};

use crate::{
    answer::Answer,
    api::{Event, Listener, Output, Query, QueryId, Registration, ScriptCommand, Transmit},
    config::{Config, Transactions},
    event::{LegEvent, LegTimer},
    ids::{CallId, Ids, LegId},
    tables::timers::Timers,
};

use refused::Refused;

/// Every timer of the switch above the transaction layer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerKey {
    /// A leg's.
    Leg(LegId, LegTimer),
    /// The running verb's.
    Verb(CallId),
    /// A call that no script decides.
    Setup(CallId),
    /// What was sent on within a call has waited long enough for its answer.
    Passed(ServerId),
}

/// Whose a client transaction is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientUse {
    /// A leg's INVITE.
    Invite(LegId),
    /// A leg's re-INVITE or UPDATE.
    Modify(LegId),
    /// A leg's BYE.
    Bye(LegId),
    /// What one phone of a call sent by INFO or MESSAGE, sent on to the leg of the other.
    Passed(LegId, ServerId),
    /// A NOTIFY of a leg's REFER.
    Notify(LegId),
    /// A MESSAGE in delivery.
    Message(u64),
}

/// A request that was moved from UDP to TCP for its size, as it would go over UDP.
type Fallback = (Flow, Message);

/// See the module.
pub(crate) struct Stack {
    pub now: Instant,
    /// What the wall clock showed at [`Instant::ZERO`], in microseconds since the Unix epoch.
    pub epoch: i64,
    pub config: Arc<Config>,
    pub layer: Layer,
    pub ids: Ids,
    pub timers: Timers<TimerKey>,
    pub pool: Pool,
    pub outputs: VecDeque<Output>,
    pub leg_events: VecDeque<(LegId, LegEvent)>,
    pub clients: HashMap<ClientId, ClientUse>,
    pub servers: HashMap<ServerId, LegId>,
    pub dialogs: HashMap<DialogId, LegId>,
    pub ports: HashMap<PortId, LegId>,
    pub listeners: Vec<Listener>,
    pub refused: Refused,
    /// Messages given out, retransmissions included.
    pub messages_sent: u64,
    fallbacks: HashMap<ClientId, Fallback>,
    next_query: u64,
    /// Dialogs that nobody wanted and that were ended, the latest last.
    strays: VecDeque<DialogId>,
}

impl Stack {
    pub fn new(config: Arc<Config>, layer: Layer, ids: Ids) -> Self {
        let (first, last) = config.media_ports;
        let mut pool = Pool::new(first, last);
        for port in &config.media_ports_taken {
            pool.avoid(*port);
        }
        Self {
            now: Instant::ZERO,
            epoch: 0,
            layer,
            ids,
            timers: Timers::default(),
            pool,
            outputs: VecDeque::new(),
            leg_events: VecDeque::new(),
            clients: HashMap::new(),
            servers: HashMap::new(),
            dialogs: HashMap::new(),
            ports: HashMap::new(),
            listeners: Vec::new(),
            refused: Refused::default(),
            messages_sent: 0,
            fallbacks: HashMap::new(),
            next_query: 0,
            strays: VecDeque::new(),
            config,
        }
    }

    /// The wall clock, in microseconds since the Unix epoch.
    pub fn unix(&self) -> i64 {
        self.epoch
            .saturating_add(i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX))
    }

    /// The host and port that peers on this flow should answer to.
    pub fn sent_by(&self, flow: &Flow) -> SocketAddr {
        SocketAddr::new(self.config.advertise.unwrap_or(flow.local.ip()), flow.local.port())
    }

    /// The address media is offered at to a peer on this flow.
    pub fn media_address(&self, flow: &Flow) -> IpAddr {
        self.config
            .advertise
            .or(self.config.media_host)
            .unwrap_or(flow.local.ip())
    }

    /// A phone is new.
    pub fn registration_added(&mut self, registration: Registration) {
        let Registration { number, source, .. } = &registration;
        tracing::info!(number, %source, phone = registration.user_agent, "registered");
        self.event(Event::RegistrationAdded(Box::new(registration)));
    }

    /// A phone is gone.
    pub fn registration_removed(&mut self, registration: Registration) {
        let Registration { number, source, .. } = &registration;
        tracing::info!(number, %source, "no longer registered");
        self.event(Event::RegistrationRemoved(Box::new(registration)));
    }

    /// A fresh Via value (RFC 3261 8.1.1.7, `rport` of RFC 3581).
    pub fn via(&mut self, flow: &Flow) -> String {
        format!(
            "SIP/2.0/{} {};branch={};rport",
            flow.transport.via_name(),
            self.sent_by(flow),
            self.ids.branch()
        )
    }

    /// A Contact value on this flow. `secure` says that the dialog needs a `sips:` URI, whatever the flow (RFC 3261
    /// 12.1.1, 8.1.1.8): [`sip::dialog::Dialog::is_secure`].
    pub fn contact(&self, flow: &Flow, user: &str, secure: bool) -> String {
        crate::way::contact(flow.transport, self.sent_by(flow), user, secure)
    }

    /// The host of an identity of ours that a peer on this flow is shown: the address it reaches us by, with
    /// the port where that is not the transport's own. A name may mean nothing to a phone that knows only the
    /// address, and a missed call has to be called back (RFC 3261 8.1.1.3, 19.1.5).
    pub fn home(&self, flow: &Flow) -> String {
        let address = self.sent_by(flow);
        match (address.port() == flow.transport.default_port(), address.ip()) {
            (false, _) => address.to_string(),
            (true, IpAddr::V4(ip)) => ip.to_string(),
            (true, IpAddr::V6(ip)) => format!("[{ip}]"),
        }
    }

    /// Starts a client transaction; `None` if there are too many.
    pub fn request(&mut self, flow: Flow, message: Message, purpose: ClientUse) -> Option<ClientId> {
        let (flow, message, fallback) = self.fit(flow, message);
        let id = self.layer.request(self.now, flow, message).ok()?;
        self.clients.insert(id, purpose);
        if let Some(fallback) = fallback {
            self.fallbacks.insert(id, fallback);
        }
        Some(id)
    }

    // RFC 3261 18.1.1: a request within 200 bytes of the path MTU, or over 1300 bytes where the MTU
    // is unknown, goes over a congestion-controlled transport.
    fn fit(&mut self, flow: Flow, message: Message) -> (Flow, Message, Option<Fallback>) {
        let large = flow.transport == Transport::Udp && message.bytes().len() > self.config.limits.datagram_bytes;
        let Some(tcp) = self.stream_listener(flow.local).filter(|_| large) else {
            return (flow, message, None);
        };
        let local = SocketAddr::new(flow.local.ip(), tcp.address.port());
        let stream = Flow {
            transport: Transport::Tcp,
            local,
            remote: flow.remote,
            connection: None,
        };
        let moved = self.with_via(&message, &stream);
        (stream, moved, Some((flow, message)))
    }

    /// The TCP listener at an address of ours, or else one of its family: what Via names is where it listens.
    fn stream_listener(&self, local: SocketAddr) -> Option<&Listener> {
        let family = |listener: &&Listener| {
            listener.transport == Transport::Tcp && listener.address.is_ipv4() == local.is_ipv4()
        };
        let mut listeners = self.listeners.iter().filter(family);
        let at = |listener: &&Listener| {
            let bound = listener.address.ip();
            bound == local.ip() || bound.is_unspecified()
        };
        listeners.clone().find(at).or_else(|| listeners.next())
    }

    fn with_via(&mut self, message: &Message, flow: &Flow) -> Message {
        let head = Builder::request(message.method(), message.uri()).header(HeaderName::Via, self.via(flow));
        let copy = copy_fields(head, message, &[HeaderName::Via]);
        match message.content_type() {
            Some(content_type) => copy.body(content_type, message.body()).finish(),
            None => copy.finish(),
        }
    }

    /// Cancels an INVITE, which then does not go back to UDP either: it would ring again.
    pub fn cancel(&mut self, id: ClientId, reason: Option<&str>) {
        self.fallbacks.remove(&id);
        let _ = self.layer.cancel(self.now, id, reason);
    }

    /// A client transaction failed on its transport: goes back to UDP if it was moved from there
    /// for its size (RFC 3261 18.1.1). Returns the transaction that goes on in its place.
    pub fn fall_back(&mut self, id: ClientId) -> Option<(ClientId, ClientUse)> {
        let (flow, message) = self.fallbacks.remove(&id)?;
        let purpose = self.clients.remove(&id)?;
        let again = self.layer.request(self.now, flow, message).ok()?;
        self.clients.insert(again, purpose);
        Some((again, purpose))
    }

    /// A dialog that nobody wants is ended; false if that was done before. The last few are remembered: a repeated 2xx
    /// comes within seconds.
    pub fn note_stray(&mut self, dialog: &DialogId) -> bool {
        const KEPT: usize = 256;
        if self.strays.contains(dialog) {
            return false;
        }
        if self.strays.len() == KEPT {
            self.strays.pop_front();
        }
        self.strays.push_back(dialog.clone());
        true
    }

    /// How many requests could still go back to UDP.
    pub fn fallbacks(&self) -> usize {
        self.fallbacks.len()
    }

    /// The client transaction is over.
    pub fn forget_client(&mut self, id: ClientId) -> Option<ClientUse> {
        self.fallbacks.remove(&id);
        self.clients.remove(&id)
    }

    /// Answers a request; a stale handle (the peer gave up long ago) is no fault.
    pub fn respond(&mut self, id: ServerId, message: Message) {
        if let Err(stale) = self.layer.respond(self.now, id, message) {
            tracing::debug!(%stale, "an answer came too late for its transaction");
        }
    }

    /// Answers a request that makes no dialog.
    pub fn answer(&mut self, id: ServerId, request: &Message, answer: &Answer) {
        let flow = self.layer.server_flow(id);
        self.refused.request(self.now, flow, request, answer);
        let tag = match request.to_tag() {
            Some(tag) => tag.to_owned(),
            None => self.ids.tag(),
        };
        let answer = answer.warned(&self.config.domain);
        self.respond(id, answer.reply(request, &tag).finish());
    }

    /// Answers what anybody may send, once, and keeps nothing of it (RFC 3261 8.2.7, 26.3.2.4): a flood of it costs no
    /// memory, and nobody is sent more answers than there were requests, wherever a made-up Via leads them.
    pub fn answer_and_forget(&mut self, id: ServerId, request: &Message, answer: &Answer) {
        let flow = self.layer.server_flow(id);
        let reply = self.stateless_reply(flow, request, answer);
        if let Err(stale) = self.layer.dismiss(id, &reply) {
            tracing::debug!(%stale, "an answer came too late for its transaction");
        }
    }

    /// Answers a request without a transaction (RFC 3261 8.2.7).
    pub fn answer_statelessly(&mut self, flow: &Flow, request: &Message, answer: &Answer) {
        if request.is_request() && *request.method() != Method::Ack {
            let reply = self.stateless_reply(Some(*flow), request, answer);
            self.layer.send(sip::reply_address(request, flow), &reply);
        }
    }

    /// A response whose tag is the same for each repetition of its request; where it refuses, the log is told.
    fn stateless_reply(&mut self, flow: Option<Flow>, request: &Message, answer: &Answer) -> Message {
        self.refused.request(self.now, flow, request, answer);
        let answer = answer.warned(&self.config.domain);
        answer.reply(request, &sip::stateless_tag(request)).finish()
    }

    /// A message leaves: the only way out for one. It is counted and logged here, once.
    pub fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        wire::sent(&flow, &bytes);
        self.messages_sent += 1;
        self.outputs.push_back(Output::Transmit(Transmit { flow, bytes }));
    }

    pub fn media(&mut self, command: Command) {
        self.outputs.push_back(Output::Media(command));
    }

    pub fn script(&mut self, command: ScriptCommand) {
        self.outputs.push_back(Output::Script(command));
    }

    pub fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// A number for a question to the outside.
    pub fn next_query(&mut self) -> QueryId {
        self.next_query += 1;
        QueryId(self.next_query)
    }

    pub fn query(&mut self, query: Query) -> QueryId {
        let id = self.next_query();
        self.outputs.push_back(Output::Query(id, query));
        id
    }
}

/// The transaction layer's configuration from ours.
pub(crate) fn layer_config(config: &Transactions) -> LayerConfig {
    let timers = TimerConfig::derive(config.t1, config.t2, config.t4);
    LayerConfig {
        timers,
        max_client: config.clients,
        max_server: config.servers,
        ..LayerConfig::default()
    }
}

/// Adds every field of `message` but those in `except` and those that describe its body.
pub(crate) fn copy_fields(mut builder: Builder, message: &Message, except: &[HeaderName]) -> Builder {
    for (name, id, value) in message.fields() {
        let body = [HeaderName::ContentLength, HeaderName::ContentType].contains(&id);
        if !body && !except.contains(&id) {
            builder = builder.other(name, value);
        }
    }
    builder
}
