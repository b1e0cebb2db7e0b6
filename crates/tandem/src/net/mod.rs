//! Signalling's sockets. All of them live in the thread that owns the switch, so that no message changes threads
//! between the wire and the call.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Net`]: binds, sends and receives | all of [`Net`], [`Limits`] |
//! | `udp.rs` | UDP sockets, and the ICMP errors of what they sent | all of `Udp` |
//! | `tcp.rs` | connections and their limits | all of `Tcp` |
//! | `queue.rs` | messages that wait to be written on one connection | all of `Queue` |
//! | `stream.rs` | messages on one connection | none |
//! | `channel.rs` | what lies between a connection's messages and its socket: nothing, TLS, WebSocket, both | all of `Channel` |
//! | `ws.rs` | WebSocket (RFC 7118), without a socket | all of `WebSocket` |
//! | `handshake.rs` | TLS handshakes, computed on other threads | all of `Handshakes` |
//! | `tls/` | certificates, and whom Tandem believes | all of [`Security`] |
//! | `stun.rs` | the keep-alives of phones over UDP | none |
//! | `resolve/` | look-ups of names (RFC 3263) | all of `Resolver` |
//! | `numbers.rs` | the numbers of connections, and the name that a peer under TLS must prove | all of `Numbers` |
//! | `local.rs` | the address of this machine on the way to a peer | all of `Routes` |

mod channel;
mod handshake;
mod local;
mod numbers;
mod queue;
mod resolve;
mod stream;
mod stun;
mod tcp;
mod tls;
mod udp;
mod ws;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use sip::{Flow, Transport};
use switch::{Input, Listener, QueryId, Transmit};
use tokio::sync::mpsc;

pub use self::{
    handshake::HandshakeLimits,
    local::{interface_address, public_addresses, route_to},
    resolve::{Lookups, Question},
    tls::{Files, Security, TlsError, make_self_signed},
};
use self::{local::Routes, numbers::Numbers, resolve::Resolver, tcp::Tcp, udp::Udp};

/// Where names are looked up, and how much that may take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DnsLimits {
    /// The name server; the system's if `None`.
    pub server: Option<SocketAddr>,
    /// Look-ups at once.
    pub lookups: usize,
    /// How long one may take.
    pub timeout: Duration,
}

impl Default for DnsLimits {
    fn default() -> Self {
        Self {
            server: None,
            lookups: 64,
            timeout: Duration::from_secs(5),
        }
    }
}

/// How much the sockets may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from (or to) one address.
    pub connections_per_source: usize,
    /// Bytes of the longest message taken from a stream.
    pub message: usize,
    /// Bytes that may wait to be written on one connection; one that would need more is closed.
    pub write_queue: usize,
    /// The same of all connections together; beyond it, those with more than a little are closed.
    pub write_queues: usize,
    /// How long a message may be on its way in a stream, how long a new connection may wait before its
    /// first message, and how long a write may make no progress.
    pub message_timeout: Duration,
    /// How long a connection may be silent both ways.
    pub idle_timeout: Duration,
    /// How long a connection that its peer has half closed stays, for the answers that are still to go out.
    pub linger: Duration,
    /// How long the answer to something that cannot be framed may take before the connection is closed.
    pub last_answer: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// TLS handshakes in progress.
    pub handshakes: HandshakeLimits,
    /// Datagrams that may wait on one socket whose buffer is full; further ones are lost, as on any network.
    pub datagram_queue: usize,
    /// Inputs taken from one socket before others have their turn.
    pub batch: usize,
    /// Look-ups of names.
    pub dns: DnsLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_source: 1_000,
            message: 65_535,
            write_queue: 1 << 20,
            write_queues: 64 << 20,
            message_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(7_200),
            // RFC 3261 17.1.1.2: 64*T1, after which no transaction has anything left to say.
            linger: Duration::from_secs(32),
            last_answer: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(10),
            handshakes: HandshakeLimits::default(),
            datagram_queue: 1_024,
            batch: 64,
            dns: DnsLimits::default(),
        }
    }
}

/// Why the sockets could not be had.
#[derive(Debug, thiserror::Error)]
#[error("sip = \"{transport}:{address}\": {}", reason(.source))]
pub struct BindError {
    transport: Transport,
    address: SocketAddr,
    source: io::Error,
}

/// The fault of a socket, in words for the person who configured it.
#[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's list, not ours")]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another program".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        io::ErrorKind::PermissionDenied => "not permitted (ports below 1024 need privileges)".into(),
        _ => error.to_string(),
    }
}

/// Every signalling socket.
pub struct Net {
    listeners: Vec<Listener>,
    udp: Vec<Udp>,
    tcp: Tcp,
    resolver: Resolver,
    numbers: Rc<Numbers>,
    /// Reports of connections, look-ups and ICMP.
    reports: mpsc::Receiver<Input>,
    /// Results that are there at once: sends that failed, literal addresses.
    ready: VecDeque<Input>,
}

/// Reports from connections that may wait for the switch; beyond that, their peers are slowed down.
const REPORTS: usize = 1_024;

impl Net {
    /// Binds every listener. Must be called within a `LocalSet` of the thread that will use it. Without `security` there is
    /// no TLS.
    pub fn bind(wanted: &[Listener], limits: &Limits, security: Option<Arc<Security>>) -> Result<Self, BindError> {
        let (reporter, reports) = mpsc::channel(REPORTS);
        let routes = Rc::new(Routes::default());
        let numbers = Rc::new(Numbers::default());
        let tcp = Tcp::new(limits.clone(), reporter.clone(), Rc::clone(&numbers), security);
        let (mut listeners, mut udp) = (Vec::new(), Vec::new());
        for &Listener { transport, address } in wanted {
            let fault = |source| BindError {
                transport,
                address,
                source,
            };
            let bound = match transport {
                Transport::Udp => {
                    let socket = Udp::bind(address, limits, reporter.clone(), Rc::clone(&routes)).map_err(fault)?;
                    let bound = socket.bound();
                    udp.push(socket);
                    bound
                }
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    tcp.listen(transport, address).map_err(fault)?
                }
            };
            listeners.push(Listener {
                transport,
                address: bound,
            });
        }
        let resolver = Resolver::new(limits, reporter, routes, Rc::clone(&numbers), listeners.clone());
        Ok(Self {
            listeners,
            udp,
            tcp,
            resolver,
            numbers,
            reports,
            ready: VecDeque::new(),
        })
    }

    /// The bound listeners, with the ports that the system chose where 0 was asked for.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Waits until something happened and appends it to `inputs`, at most a few batches of it.
    pub async fn receive(&mut self, inputs: &mut Vec<Input>) {
        std::future::poll_fn(|context| self.poll_receive(context, inputs)).await;
    }

    fn poll_receive(&mut self, context: &mut Context<'_>, inputs: &mut Vec<Input>) -> Poll<()> {
        let before = inputs.len();
        inputs.extend(self.ready.drain(..));
        for socket in &mut self.udp {
            socket.poll(context, inputs);
        }
        for _ in 0..64 {
            match self.reports.poll_recv(context) {
                Poll::Ready(Some(input)) => inputs.push(input),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if inputs.len() == before {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Sends a message the way its flow says, now or as soon as the socket takes it. What cannot be sent
    /// comes back from [`Net::receive`] as [`Input::TransmitFailed`].
    pub fn transmit(&mut self, transmit: Transmit) {
        let flow = transmit.flow;
        let sent = match flow.transport {
            Transport::Udp => match self.datagram_socket(&flow) {
                Some(socket) => socket.send(transmit),
                None => Err(io::ErrorKind::AddrNotAvailable.into()),
            },
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => self.tcp.send(transmit),
        };
        if let Err(error) = sent {
            let peer = flow.connection.and_then(|number| self.numbers.peer(number));
            let name = peer.as_ref().map(|peer| &*peer.name);
            tracing::debug!(%flow, name, %error, "not sent");
            self.ready.push_back(Input::TransmitFailed { flow });
        }
    }

    /// The socket bound to the flow's local address, else one that may send from it.
    fn datagram_socket(&mut self, flow: &Flow) -> Option<&mut Udp> {
        let place = |fits: fn(&Udp, &Flow) -> bool| self.udp.iter().position(|socket| fits(socket, flow));
        let index = place(|socket, flow| socket.bound() == flow.local)
            .or_else(|| place(|socket, flow| covers(socket.bound(), flow.local)))?;
        self.udp.get_mut(index)
    }

    /// Waits until all messages to be sent have left, `patience` at most. Messages that come during this time are lost.
    pub async fn flush(&mut self, patience: Duration) {
        let flushed = async {
            let mut inputs = Vec::new();
            while !self.tcp.is_flushed() || !self.udp.iter().all(Udp::is_flushed) {
                // The end of a write is not reported, so look again soon.
                let _ = tokio::time::timeout(Duration::from_millis(5), self.receive(&mut inputs)).await;
                inputs.clear();
            }
        };
        if tokio::time::timeout(patience, flushed).await.is_err() {
            tracing::debug!("not everything was sent");
        }
    }

    /// Answers a [`switch::Query::Resolve`] with [`Input::Resolved`], which comes from [`Net::receive`] like everything
    /// else.
    pub fn resolve(&mut self, query: QueryId, question: Question<'_>) {
        if let Some(answer) = self.resolver.resolve(query, question) {
            self.ready.push_back(answer);
        }
    }

    /// Has [`Net::receive`] give out this input next: an answer that was known at once.
    pub(crate) fn report(&mut self, input: Input) {
        self.ready.push_back(input);
    }

    /// The figures of look-ups.
    pub fn lookups(&self) -> Lookups {
        self.resolver.lookups()
    }

    /// Counts look-ups into these from now on.
    pub fn counted_by(&mut self, lookups: Lookups) {
        self.resolver.counted_by(lookups);
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.tcp.count()
    }
}

/// Whether a socket bound to the wildcard `bound` serves the concrete `local`.
fn covers(bound: SocketAddr, local: SocketAddr) -> bool {
    bound.ip().is_unspecified() && bound.is_ipv4() == local.is_ipv4() && bound.port() == local.port()
}
