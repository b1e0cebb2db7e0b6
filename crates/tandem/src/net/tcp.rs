//! Connections, under TLS and WebSocket or not: listeners, and the table of connections, by number and by peer.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rustls::Connection;
use sip::{ConnectionId, Flow, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use switch::{Input, Transmit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    task::spawn_local,
    time::Instant,
};

use super::{
    Limits,
    channel::Channel,
    handshake::{self, Handshakes},
    numbers::Numbers,
    queue::Queue,
    stream::{self, End},
    tls::Security,
    ws::WebSocket,
};

/// Connections the kernel may hold for us to accept.
const BACKLOG: u32 = 1_024;
/// How long to wait where accepting fails for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// All connections; a cheap handle.
#[derive(Clone)]
pub(super) struct Tcp {
    shared: Rc<Shared>,
}

pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) reporter: mpsc::Sender<Input>,
    /// Without certificates there is no TLS.
    security: Option<Arc<Security>>,
    handshakes: Rc<Handshakes>,
    numbers: Rc<Numbers>,
    table: RefCell<Table>,
    /// Bytes that wait to be written, on all connections.
    queued: Rc<Cell<usize>>,
    /// One buffer for all connections: each is read only when it has something, and then cut at once.
    chunk: RefCell<Vec<u8>>,
}

#[derive(Default)]
struct Table {
    connections: HashMap<ConnectionId, Entry>,
    /// The connection a new request to this peer goes over.
    by_peer: HashMap<(Transport, SocketAddr), ConnectionId>,
    /// How many a source has that are not half closed.
    by_source: HashMap<IpAddr, usize>,
    /// Half closed ones: the first to go where there are too many.
    retired: BTreeSet<ConnectionId>,
}

struct Entry {
    transport: Transport,
    peer: SocketAddr,
    queue: Rc<Queue>,
    retired: bool,
}

/// Read at once, from whichever connection has something.
const CHUNK: usize = 64 * 1024;

impl Tcp {
    pub(super) fn new(
        limits: Limits,
        reporter: mpsc::Sender<Input>,
        numbers: Rc<Numbers>,
        security: Option<Arc<Security>>,
    ) -> Self {
        Self {
            shared: Rc::new(Shared {
                security,
                handshakes: Handshakes::new(limits.handshakes),
                limits,
                reporter,
                numbers,
                table: RefCell::default(),
                queued: Rc::default(),
                chunk: RefCell::new(vec![0; CHUNK]),
            }),
        }
    }

    /// Listens; returns the bound address.
    pub(super) fn listen(&self, transport: Transport, address: SocketAddr) -> io::Result<SocketAddr> {
        if transport.is_secure() && self.shared.security.is_none() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of the last run in TIME-WAIT must not keep us from starting again.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        spawn_local(accept(Rc::clone(&self.shared), listener, transport));
        Ok(bound)
    }

    /// Sends over the flow's connection, else over one to the same peer, else over a new one (RFC 3261 18.2.2). Where the
    /// peer has half closed the connection, it takes answers at most. A connection under TLS is opened only to a peer whose
    /// name is known (see [`Numbers`]), and to such a peer no other connection leads.
    pub(super) fn send(&self, transmit: Transmit) -> io::Result<()> {
        let shared = &self.shared;
        let flow = transmit.flow;
        let host = flow.connection.and_then(|number| shared.numbers.peer(number));
        let known = {
            let table = shared.table.borrow();
            let named = flow.connection.and_then(|id| table.connections.get(&id));
            let named = named.filter(|entry| !entry.retired || transmit.bytes.starts_with(b"SIP/"));
            let by_peer = || table.by_peer.get(&(flow.transport, flow.remote));
            let other = || table.connections.get(by_peer().filter(|_| host.is_none())?);
            named.or_else(other).map(|entry| Rc::clone(&entry.queue))
        };
        if let Some(queue) = known {
            return queue.push(transmit, &shared.limits);
        }
        // Nobody listens in a browser (RFC 7118 section 5), and a peer without a name can prove nothing.
        let tls = match (flow.transport, host) {
            (Transport::Udp | Transport::Ws | Transport::Wss, _) | (Transport::Tls, None) => {
                return Err(io::ErrorKind::NotConnected.into());
            }
            (Transport::Tcp, _) => None,
            (Transport::Tls, Some(host)) => {
                let security = shared.security.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                Some(security.connect(&host.name).map_err(io::Error::other)?)
            }
        };
        let number = flow.connection.filter(|_| tls.is_some());
        let (id, queue) = shared
            .add(flow.transport, flow.remote, number)
            .ok_or(io::ErrorKind::ResourceBusy)?;
        queue.push(transmit, &shared.limits)?;
        spawn_local(connect(Rc::clone(shared), id, flow, queue, tls));
        Ok(())
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.shared
            .table
            .borrow()
            .connections
            .values()
            .all(|entry| entry.queue.is_empty())
    }

    pub(super) fn count(&self) -> usize {
        self.shared.table.borrow().connections.len()
    }
}

#[cfg(test)]
impl Tcp {
    pub(super) fn of_source(&self, source: IpAddr) -> usize {
        self.shared.table.borrow().by_source.get(&source).copied().unwrap_or(0)
    }
}

impl Table {
    /// New requests no longer go over it; whether they did until now.
    fn retire(&mut self, id: ConnectionId) -> bool {
        let Some(entry) = self.connections.get_mut(&id) else {
            return false;
        };
        if std::mem::replace(&mut entry.retired, true) {
            return false;
        }
        entry.queue.take_answers_only();
        self.retired.insert(id);
        let peer = (entry.transport, entry.peer);
        if self.by_peer.get(&peer) == Some(&id) {
            self.by_peer.remove(&peer);
        }
        if let Some(count) = self.by_source.get_mut(&entry.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&entry.peer.ip());
            }
        }
        true
    }

    /// Makes room by ending the oldest half-closed connection; its task removes it.
    fn give_up_oldest_retired(&mut self) -> Option<()> {
        let oldest = self.retired.pop_first()?;
        let entry = self.connections.get(&oldest)?;
        entry.queue.end();
        Some(())
    }
}

impl Shared {
    /// Reads once; see [`Channel::read`].
    pub(super) fn read(&self, channel: &Channel) -> io::Result<usize> {
        channel.read(&mut self.chunk.borrow_mut())
    }

    /// Tells the log that TLS did not come about: anybody can bring that about, so not at each time.
    fn complain(&self, peer: SocketAddr, why: &handshake::Failed) {
        if self.handshakes.may_complain(Instant::now()) {
            tracing::warn!(%peer, %why, "no TLS");
        } else {
            tracing::debug!(%peer, %why, "no TLS");
        }
    }

    /// Numbers a connection, unless it has its number; `None` where there are too many, in all or with this address, or
    /// where the last one with this number is about to end.
    fn add(
        &self,
        transport: Transport,
        peer: SocketAddr,
        number: Option<ConnectionId>,
    ) -> Option<(ConnectionId, Rc<Queue>)> {
        let mut table = self.table.borrow_mut();
        let table = &mut *table;
        let of_source = table.by_source.get(&peer.ip()).copied().unwrap_or(0);
        if of_source >= self.limits.connections_per_source {
            return None;
        }
        if table.connections.len() >= self.limits.connections {
            table.give_up_oldest_retired()?;
        }
        if number.is_some_and(|number| table.connections.contains_key(&number)) {
            return None;
        }
        let id = number.unwrap_or_else(|| self.numbers.next());
        let queue = Rc::new(Queue::new(Rc::clone(&self.queued)));
        table.connections.insert(
            id,
            Entry {
                transport,
                peer,
                queue: Rc::clone(&queue),
                retired: false,
            },
        );
        table.by_source.insert(peer.ip(), of_source + 1);
        // A peer that connected from this very port can be reached there. The newest connection is the likeliest to
        // live. One with a name is found by its number only (RFC 5923 section 8.2: an alias has to be authenticated).
        if number.is_none() {
            table.by_peer.insert((transport, peer), id);
        }
        Some((id, queue))
    }

    /// How long a connection that its peer has half closed stays. One that we opened makes way for the next.
    pub(super) fn linger(&self, id: Option<ConnectionId>) -> Duration {
        match id.and_then(|id| self.numbers.peer(id)) {
            Some(_) => Duration::ZERO,
            None => self.limits.linger,
        }
    }

    /// The peer says no more on this connection, which is its end for everybody but those whose answers still go
    /// over it.
    pub(super) async fn retire(&self, id: ConnectionId) {
        let ended = self.table.borrow_mut().retire(id);
        if ended {
            let _ = self.reporter.send(Input::ConnectionClosed { connection: id }).await;
        }
    }

    /// Sends an answer over another connection than its own. Gives the answer back where that is not possible.
    fn send_anew(self: &Rc<Self>, answer: Transmit) -> Option<Transmit> {
        let shared = Rc::clone(self);
        let mut flow = answer.flow;
        flow.connection = None;
        let bytes = answer.bytes.clone();
        let sent = Tcp { shared }.send(Transmit { flow, bytes });
        sent.is_err().then_some(answer)
    }

    /// Forgets a connection and reports its end, and what was still to be written.
    async fn remove(self: &Rc<Self>, id: ConnectionId, unsent: Option<Transmit>, failed: bool) {
        let (entry, ended) = {
            let mut table = self.table.borrow_mut();
            let ended = table.retire(id);
            table.retired.remove(&id);
            (table.connections.remove(&id), ended)
        };
        let Some(entry) = entry else { return };
        let rest = std::iter::from_fn(|| entry.queue.pop());
        let unsent = unsent.into_iter().chain(rest).filter(|it| it.bytes != stream::PONG);
        let unsent: Vec<Transmit> = if failed && !ended {
            // RFC 3261 18.2.2: where the connection has gone, answers go over a new one.
            let answers = entry.queue.answered().into_iter().chain(unsent);
            answers.filter_map(|answer| self.send_anew(answer)).collect()
        } else {
            unsent.collect()
        };
        // The receiver is gone only when the whole process ends.
        for Transmit { flow, .. } in unsent {
            let _ = self.reporter.send(Input::TransmitFailed { flow }).await;
        }
        if ended {
            let _ = self.reporter.send(Input::ConnectionClosed { connection: id }).await;
        }
    }
}

async fn accept(shared: Rc<Shared>, listener: TcpListener, transport: Transport) {
    let port = listener.local_addr().map_or(0, |bound| bound.port());
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(local) = stream.local_addr() else { continue };
        let Some((id, queue)) = shared.add(transport, peer, None) else {
            tracing::debug!(%peer, "connection refused: too many");
            continue;
        };
        let local = SocketAddr::new(local.ip(), port);
        let flow = Flow {
            transport,
            local,
            remote: peer,
            connection: Some(id),
        };
        let tls = transport
            .is_secure()
            .then(|| shared.security.as_ref()?.accept().ok())
            .flatten();
        spawn_local(run(Rc::clone(&shared), id, (stream, tls), flow, queue));
    }
}

/// Runs a connection from its beginning; `tls`: what TLS begins with, where the transport is under TLS.
async fn run(
    shared: Rc<Shared>,
    id: ConnectionId,
    (stream, tls): (TcpStream, Option<Connection>),
    flow: Flow,
    queue: Rc<Queue>,
) {
    tune(&stream, shared.limits.message_timeout);
    let (end, unsent) = match channel(&shared, stream, tls, flow).await {
        Ok(channel) => stream::serve(&shared, channel, flow, &queue).await,
        Err(end) => (end, None),
    };
    let (peer, transport) = (flow.remote, flow.transport);
    if let End::Handshake(why) = &end {
        shared.complain(peer, why);
    } else {
        tracing::debug!(connection = id.0, %transport, %peer, %end, "connection ended");
    }
    let failed = matches!(end, End::Failed(_) | End::Handshake(_));
    shared.remove(id, unsent, failed).await;
}

/// Puts on a new connection what its transport asks for.
async fn channel(shared: &Rc<Shared>, stream: TcpStream, tls: Option<Connection>, flow: Flow) -> Result<Channel, End> {
    let longest = shared.limits.message;
    let tls = match tls {
        Some(tls) => {
            let run = shared.handshakes.run(&stream, flow.remote, tls);
            Some(Box::pin(run).await.map_err(End::Handshake)?)
        }
        None if flow.transport.is_secure() => return Err(End::Failed(io::ErrorKind::Unsupported.into())),
        None => None,
    };
    let ws = matches!(flow.transport, Transport::Ws | Transport::Wss).then(|| WebSocket::new(longest));
    Ok(Channel::new(stream, tls, ws, longest))
}

async fn connect(shared: Rc<Shared>, id: ConnectionId, flow: Flow, queue: Rc<Queue>, tls: Option<Connection>) {
    // At debug level: any sender can have answers go to a port on which no program listens.
    match tokio::time::timeout(shared.limits.connect_timeout, open(&flow)).await {
        Ok(Ok(stream)) => {
            let flow = Flow {
                connection: Some(id),
                ..flow
            };
            run(shared, id, (stream, tls), flow, queue).await;
            return;
        }
        Ok(Err(error)) => tracing::debug!(peer = %flow.remote, %error, "cannot connect"),
        Err(_) => tracing::debug!(peer = %flow.remote, "connecting took too long"),
    }
    shared.remove(id, None, true).await;
}

async fn open(flow: &Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // From the address that Via and Contact name, at any port.
    if !flow.local.ip().is_unspecified() {
        socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    }
    socket.connect(flow.remote).await
}

/// Messages are whole when written, so nothing is gained by waiting for more; and a dead peer is noticed.
fn tune(stream: &TcpStream, patience: Duration) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive))
        .and_then(|()| socket.set_tcp_user_timeout(Some(patience)));
    if let Err(error) = tuned {
        tracing::debug!(%error, "connection not tuned");
    }
}
