//! A simulated desk phone: a user agent on the transaction layer and the dialogs of crate `sip`. It shares no code with
//! the switch.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`Phone`]: transactions, what goes out and what comes in |
//! | `call.rs` | [`PhoneCall`]: one call, its dialog and its session |
//! | `calling.rs` | calls: making, answering, refusing, ending them |
//! | `changes.rs` | within a call: re-INVITE, UPDATE, INFO, MESSAGE |
//! | `transfer.rs` | REFER and its NOTIFYs, INVITE with Replaces |
//! | `reliable.rs` | reliable provisional responses |
//! | `incoming.rs` | requests that come in |
//! | `responses.rs` | responses that come in |
//! | `outside.rs` | REGISTER, MESSAGE, credentials |
//! | `lamps.rs` | [`Lamp`]: SUBSCRIBE and its NOTIFYs |
//! | `mood.rs`, `odd.rs` | habits, and odd ways to write messages |

mod call;
mod calling;
mod changes;
mod incoming;
mod lamps;
mod mood;
mod odd;
mod outside;
mod reliable;
mod responses;
mod transfer;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;
use media::{Local, Session, Spec};
use sip::{
    Flow, Instant, Limits, Message, StatusCode, Transport,
    retransmit::Due,
    transaction::{ClientId, Layer, LayerConfig, TxEvent, TxOutput},
};

use call::answer_to;
pub use call::{Phase, PhoneCall};
pub use lamps::Lamp;
pub use mood::Mood;
pub use odd::ODDITIES;
use odd::written;
pub use reliable::Reliable;
pub use transfer::{Notice, Transfer};

/// The number of received messages that a test can look at.
const KEPT: usize = 100;

#[derive(Copy, Clone)]
enum Purpose {
    Register,
    Invite(usize),
    Change(usize),
    Prack,
    Bye(usize),
    Refer(usize),
    Message,
    Lamp(usize),
    Other,
}

/// A desk phone, with any number of calls at once.
pub struct Phone {
    /// The number of its extension.
    pub number: String,
    password: String,
    /// Its address.
    pub address: SocketAddr,
    /// The address of the PBX, as the phone knows it.
    pub server: SocketAddr,
    /// The host behind the `@` of the numbers it dials: a name, or an address with port.
    pub domain: String,
    layer: Layer,
    /// Its habits.
    pub mood: Mood,
    /// Its calls, the latest last.
    pub calls: Vec<PhoneCall>,
    /// The status of its last REGISTER.
    pub registered: Option<u16>,
    /// The status of its last MESSAGE.
    pub message_code: Option<u16>,
    /// The final answer to the last request of [`Phone::ask`] or [`Phone::within`].
    pub answer: Option<Message>,
    /// The messages it received last.
    pub received: VecDeque<Message>,
    /// What it is subscribed to, in the order of its SUBSCRIBEs.
    pub lamps: Vec<Lamp>,
    /// Texts it received.
    pub texts: Vec<String>,
    /// When each of them came.
    pub texts_came: Vec<Instant>,
    /// The answer to each text that it sent.
    pub text_codes: HashMap<String, u16>,
    /// Requests without an answer and 200s without an ACK.
    pub complaints: Vec<String>,
    /// How often it was told that its call is forwarded, queued, or over for one phone (181, 182, 199).
    pub states: u64,
    /// Reliable provisional responses, sent or received, for which there was a PRACK.
    pub pracked: u64,
    /// Tags of its second answers to one INVITE (as behind a proxy that forks) for which no BYE has come.
    pub twins: Vec<String>,
    /// The messages it sends next.
    pub outbox: VecDeque<(Flow, Bytes)>,
    /// Its private address, behind a NAT.
    pub believes: Option<String>,
    /// Its transport.
    pub transport: Transport,
    /// The number of messages that it sent in an odd way.
    pub spoilt: u64,
    purposes: HashMap<ClientId, Purpose>,
    sent: HashMap<ClientId, Message>,
    now: Instant,
    count: u64,
    seq: u32,
    register_id: String,
    nonces: u32,
}

impl Phone {
    /// A phone that has not registered.
    pub fn new(number: &str, password: &str, address: SocketAddr, server: SocketAddr, domain: &str) -> Self {
        Self {
            number: number.into(),
            password: password.into(),
            address,
            server,
            domain: domain.into(),
            layer: Layer::new(LayerConfig::default()),
            mood: Mood::default(),
            calls: Vec::new(),
            registered: None,
            message_code: None,
            answer: None,
            received: VecDeque::new(),
            lamps: Vec::new(),
            texts: Vec::new(),
            texts_came: Vec::new(),
            text_codes: HashMap::new(),
            complaints: Vec::new(),
            twins: Vec::new(),
            states: 0,
            pracked: 0,
            outbox: VecDeque::new(),
            transport: Transport::Udp,
            spoilt: 0,
            believes: None,
            purposes: HashMap::new(),
            sent: HashMap::new(),
            now: Instant::ZERO,
            count: 0,
            seq: 0,
            register_id: format!("r{}-{number}", address.ip()),
            nonces: 0,
        }
    }

    /// Loses power and comes back: all calls and transactions are forgotten.
    pub fn reboots(&mut self) {
        self.layer = Layer::new(LayerConfig::default());
        self.purposes.clear();
        self.sent.clear();
        self.outbox.clear();
        self.twins.clear();
        for call in &mut self.calls {
            call.lose();
        }
        self.lamps.iter_mut().for_each(Lamp::forget);
        self.mood.dead = false;
    }

    /// Forgets its calls, if all are over and no transaction is open.
    pub fn forgets_calls(&mut self) {
        if self.transactions() == 0 && self.calls.iter().all(|call| matches!(call.phase, Phase::Over(_))) {
            self.calls.clear();
            self.received.clear();
            self.texts.clear();
            self.texts_came.clear();
            self.text_codes.clear();
            self.complaints.clear();
            (self.states, self.pracked) = (0, 0);
            let now = self.now;
            self.lamps.retain(|lamp| !lamp.is_through(now));
        }
    }

    /// Signs in with another password from now on.
    pub fn set_password(&mut self, password: &str) {
        self.password = password.into();
    }

    /// Has another address from now on.
    pub fn moves(&mut self, address: &str) {
        self.address = address.parse().unwrap();
        self.server = crate::world::server_for(self.address);
    }

    pub(super) fn flow(&self) -> Flow {
        Flow {
            transport: self.transport,
            local: self.address,
            remote: self.server,
            connection: None,
        }
    }

    pub(super) fn id(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}x{}p{}", self.number, self.count, self.address.ip())
    }

    pub(super) fn via(&mut self) -> String {
        let branch = self.id("z9hG4bK");
        format!(
            "SIP/2.0/{} {};branch={branch};rport",
            self.transport.via_name(),
            self.address
        )
    }

    pub fn contact(&self) -> String {
        let host = self.believes.clone().unwrap_or_else(|| self.address.to_string());
        match self.transport {
            Transport::Udp => format!("<sip:{}@{host}>", self.number),
            other => format!("<sip:{}@{host};transport={}>", self.number, other.uri_name()),
        }
    }

    /// Time passes.
    pub fn advance(&mut self, now: Instant) {
        self.now = now;
        if self.mood.dead {
            return;
        }
        self.layer.timeout(now);
        let flow = self.flow();
        for index in 0..self.calls.len() {
            self.repeats(index);
            let call = &mut self.calls[index];
            match call.accepted.as_mut().map(|accepted| accepted.due(now)) {
                Some(Due::Retransmit(bytes)) => self.puts(flow, bytes),
                Some(Due::GiveUp) => {
                    call.accepted = None;
                    let name = call.invite.call_id();
                    self.complaints.push(format!("no ACK came in {name}"));
                    if call.phase == Phase::Up {
                        self.hang_up_call(index);
                    }
                }
                Some(Due::Nothing) | None => {}
            }
        }
        self.drain();
    }

    /// When its next timer fires.
    pub fn next(&self) -> Option<Instant> {
        if self.mood.dead {
            return None;
        }
        let accepted = self
            .calls
            .iter()
            .filter_map(|call| call.accepted.as_ref()?.next_timeout());
        let reliable = self.calls.iter().filter_map(|call| call.reliable.next());
        accepted.chain(reliable).chain(self.layer.next_timeout()).min()
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: Bytes) {
        let flow = Flow {
            transport: Transport::Udp,
            remote: from,
            ..self.flow()
        };
        self.receive_from(now, flow, bytes);
    }

    /// A message came on a stream, whose flow is the switch's view of it.
    pub fn receive_stream(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        let flow = Flow {
            local: flow.remote,
            remote: flow.local,
            ..flow
        };
        self.receive_from(now, flow, bytes);
    }

    fn receive_from(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.now = now;
        if self.mood.dead {
            return;
        }
        let Ok(message) = Message::parse(bytes, &Limits::default()) else {
            return;
        };
        let lamp = self.lamp_of(&message);
        if let Some(lamp) = lamp.filter(|lamp| self.lamps[*lamp].answers.0 == 0) {
            self.lamps[lamp].refused = true;
            return;
        }
        if let Err(fault) = message.check() {
            // Only a 400 repeats the fault of a request.
            let bad_request = message.status() == Some(StatusCode::BAD_REQUEST);
            assert!(bad_request, "the switch sent what its own check refuses: {fault}");
            return;
        }
        crate::wire::is_clean(&message);
        if self.received.len() == KEPT {
            self.received.pop_front();
        }
        self.received.push_back(message.clone());
        self.layer.receive(now, flow, message.with_received(flow.remote));
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                TxOutput::Transmit { flow, bytes } => self.puts(flow, bytes),
                TxOutput::Event(event) => self.event(event),
            }
        }
    }

    /// Puts a message out, written in the phone's way.
    pub(super) fn puts(&mut self, flow: Flow, bytes: Bytes) {
        let bytes = self.mood.garble(bytes);
        let bytes = if self.mood.odd {
            self.spoilt += 1;
            odd::spoil(&bytes, flow.transport)
        } else {
            bytes
        };
        self.outbox.push_back((flow, bytes));
    }

    pub(super) fn event(&mut self, event: TxEvent) {
        match event {
            TxEvent::Request { id, message, .. } => match self.lamp_of(&message) {
                Some(lamp) => self.lit(lamp, id, &message),
                None => self.request(id, message),
            },
            TxEvent::Ack { message, .. } => self.acknowledged(&message),
            TxEvent::Cancelled { id, .. } => self.cancelled(id),
            TxEvent::Response { id, message, .. } => self.response(id, &message),
            TxEvent::TimedOut { id } | TxEvent::TransportFailed { id } => {
                self.complain(id);
                self.failed(id);
            }
            TxEvent::ClientGone { id } => {
                self.purposes.remove(&id);
                self.sent.remove(&id);
            }
            TxEvent::ForeignResponse { .. } | TxEvent::ForeignCancel { .. } | TxEvent::Dropped { .. } => {}
            TxEvent::StrayResponse { .. }
            | TxEvent::StrayCancel { .. }
            | TxEvent::AckTimeout { .. }
            | TxEvent::ServerGone { .. }
            | TxEvent::ServerTransportFailed { .. } => {}
        }
    }

    /// Notes that a request got no answer. A change of a call that is over needs none: its 200 is not sent again.
    fn complain(&mut self, id: ClientId) {
        let over = match self.purposes.get(&id) {
            Some(Purpose::Change(index)) => self.calls[*index].phase != Phase::Up,
            // The call may be over before the PRACK arrives.
            Some(Purpose::Prack) => true,
            _ => false,
        };
        if let Some(request) = self.sent.get(&id).filter(|_| !over) {
            let complaint = format!("no answer to {} in {}", request.method(), request.call_id());
            self.complaints.push(complaint);
        }
    }

    fn send(&mut self, message: Message, purpose: Purpose) -> ClientId {
        let flow = self.flow();
        let id = self
            .layer
            .request(self.now, flow, message.clone())
            .expect("a phone has room for its transactions");
        self.purposes.insert(id, purpose);
        self.sent.insert(id, message);
        id
    }

    pub(super) fn session(&self) -> Session {
        let port = 40_000 + u16::try_from(self.calls.len() % 10_000).unwrap() * 2;
        Session::new(Local {
            address: self.address.ip(),
            port,
            session_id: 1,
        })
    }

    pub(super) fn codecs(&self) -> Spec {
        Spec::own(&self.mood.codecs)
    }

    /// Its requests whose transactions are not over.
    pub fn open(&self) -> Vec<String> {
        let requests = self.sent.values();
        requests
            .map(|request| format!("{} {}", request.method(), request.call_id()))
            .collect()
    }

    /// The number of its open transactions.
    pub fn transactions(&self) -> usize {
        self.layer.client_count() + self.layer.server_count()
    }
}
