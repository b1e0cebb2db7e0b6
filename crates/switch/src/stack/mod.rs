//! What every part of the switch uses: the transaction layer, timers, identifiers, outputs.
//!
//! | file | what it does (and the fields of [`Stack`] that it owns) |
//! |---|---|
//! | `mod.rs` | `Stack`: puts out messages and queries; which of our addresses a peer is shown |
//! | `answers.rs` | `Stack`: answers requests, with and without a transaction |
//! | `body.rs` | which part of a message describes the session |
//! | `capabilities.rs` | what Tandem allows, supports and requires: methods, extensions, bodies |
//! | `closing.rs` | legs whose media is being closed (`outputs.closing`) |
//! | `credentials.rs` | user names and secrets for requests of ours, and the challenges answered with them |
//! | `dialogs.rs` | the table of dialogs and their users (`dialogs`) |
//! | `journal.rs` | which calls may have changed since it was last written what lasts of them (`outputs.journal`) |
//! | `outputs.rs` | the queue of outputs (`outputs`), and its counters |
//! | `refused.rs` | log lines about refused requests, a limited number a second (`refused`) |
//! | `request.rs` | the table of our own requests (`requests`); the room `requests` works on it |
//! | `wire/` | log lines about each message at `trace`, without secrets |

mod answers;
pub(crate) mod body;
pub(crate) mod capabilities;
pub(crate) mod closing;
pub(crate) mod credentials;
pub(crate) mod dialogs;
mod journal;
mod outputs;
pub(crate) mod refused;
pub(crate) mod request;
pub(crate) mod wire;

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use media::{Command, MediaId, Pool};
use sip::{
    Flow, Instant,
    transaction::{Layer, LayerConfig, ServerId, TimerConfig},
};

use crate::{
    api::{Event, Listener, Output, Query, QueryId, Registration, ScriptCommand, Transmit},
    config::{Config, Transactions},
    event::{LegEvent, LegTimer},
    ids::{CallId, Ids, LegId, ProxyId, RequestId, ThroughId, TrunkId},
    tables::timers::Timers,
};

use dialogs::Dialogs;
use outputs::Outputs;
use refused::Refused;
use request::Requests;

/// Every timer of the switch above the transaction layer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerKey {
    /// A timer of a leg.
    Leg(LegId, LegTimer),
    /// The timer of the running verb.
    Verb(CallId),
    /// A call was not decided by its script.
    Setup(CallId),
    /// A request that was passed on within a call has waited long enough for its answer.
    Passed(ServerId),
    /// The target of a request was silent for too long.
    Request(RequestId),
    /// A branch of a proxied INVITE has waited long enough for its final response (timer C of RFC 3261 section 16.8).
    Proxied(ProxyId, u16),
    /// Nothing was heard in a proxied dialog for a long time.
    Through(ThroughId),
    /// A timer of a trunk.
    Trunk(TrunkId, TrunkTimer),
    /// Another change in a conference may be reported.
    Conference(::media::service::RoomId),
}

/// The timers of a trunk.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TrunkTimer {
    /// Look its hosts up again.
    Look,
    /// Register again.
    Register,
    /// Ask with OPTIONS whether it is there.
    Ask,
}

/// See the module.
pub(crate) struct Stack {
    pub now: Instant,
    /// The time of the wall clock at [`Instant::ZERO`], in microseconds since the Unix epoch.
    pub epoch: i64,
    pub config: Arc<Config>,
    pub layer: Layer,
    pub ids: Ids,
    pub timers: Timers<TimerKey>,
    pub pool: Pool,
    pub outputs: Outputs,
    pub leg_events: VecDeque<(LegId, LegEvent)>,
    pub requests: Requests,
    pub servers: HashMap<ServerId, LegId>,
    pub dialogs: Dialogs,
    pub ports: HashMap<MediaId, LegId>,
    pub listeners: Vec<Listener>,
    pub refused: Refused,
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
            outputs: Outputs::default(),
            leg_events: VecDeque::new(),
            requests: Requests::default(),
            servers: HashMap::new(),
            dialogs: Dialogs::default(),
            ports: HashMap::new(),
            listeners: Vec::new(),
            refused: Refused::default(),
            config,
        }
    }

    /// The wall clock, in microseconds since the Unix epoch.
    pub fn unix(&self) -> i64 {
        self.epoch
            .saturating_add(i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX))
    }

    /// The host and port to which peers on this flow should answer.
    pub fn sent_by(&self, flow: &Flow) -> SocketAddr {
        SocketAddr::new(self.config.advertise.unwrap_or(flow.local.ip()), flow.local.port())
    }

    /// The address at which a peer on this flow is offered media.
    pub fn media_address(&self, flow: &Flow) -> IpAddr {
        self.config
            .advertise
            .or(self.config.media_host)
            .unwrap_or(flow.local.ip())
    }

    /// A phone has registered.
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

    /// A new Via value (RFC 3261 8.1.1.7, `rport` of RFC 3581).
    pub fn via(&mut self, flow: &Flow) -> String {
        format!(
            "SIP/2.0/{} {};branch={};rport",
            flow.transport.via_name(),
            self.sent_by(flow),
            self.ids.branch()
        )
    }

    /// A Contact value on this flow. `secure`: the dialog needs a `sips:` URI, whatever the flow (RFC 3261 12.1.1,
    /// 8.1.1.8); see [`sip::dialog::Dialog::is_secure`].
    pub fn contact(&self, flow: &Flow, user: &str, secure: bool) -> String {
        crate::way::contact(flow.transport, self.sent_by(flow), user, secure)
    }

    /// The host of an identity of ours for a peer on this flow: the address by which the peer reaches us, with the port
    /// if that is not the default port. A phone that knows only our address may not be able to use a name, and must be
    /// able to call back after a missed call (RFC 3261 8.1.1.3, 19.1.5).
    pub fn home(&self, flow: &Flow) -> String {
        let address = self.sent_by(flow);
        match (address.port() == flow.transport.default_port(), address.ip()) {
            (false, _) => address.to_string(),
            (true, IpAddr::V4(ip)) => ip.to_string(),
            (true, IpAddr::V6(ip)) => format!("[{ip}]"),
        }
    }

    /// Sends a message out. No other function does. The message is counted and logged here, once.
    pub fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        wire::sent(&flow, &bytes);
        self.outputs.transmit(Transmit { flow, bytes });
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

    pub fn query(&mut self, query: Query) -> QueryId {
        if let Query::Wake(wake) = &query {
            self.outputs.stats.services.wakes.count(wake.why);
        }
        let id = self.outputs.next_query();
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
