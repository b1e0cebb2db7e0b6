//! TCP: listeners, and the table of connections, by number and by peer.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use sip::{ConnectionId, Flow, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use switch::{Input, Transmit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, tcp::ReadHalf},
    sync::{Notify, mpsc},
    task::spawn_local,
    time::Instant,
};

use super::{
    Limits,
    numbers::Numbers,
    stream::{self, End},
};

/// Connections the kernel may hold for us to accept.
const BACKLOG: u32 = 1_024;
/// How long to wait where accepting fails for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// All of TCP; a cheap handle.
#[derive(Clone)]
pub(super) struct Tcp {
    shared: Rc<Shared>,
}

pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) reporter: mpsc::Sender<Input>,
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
    by_peer: HashMap<SocketAddr, ConnectionId>,
    /// How many a source has that are not half closed.
    by_source: HashMap<IpAddr, usize>,
    /// Half closed ones: the first to go where there are too many.
    retired: BTreeSet<ConnectionId>,
}

struct Entry {
    peer: SocketAddr,
    queue: Rc<Queue>,
    retired: bool,
}

/// Answers kept that were written on a connection whose peer has closed its half.
const ANSWERS: usize = 16;

/// Read at once, from whichever connection has something.
const CHUNK: usize = 64 * 1024;

/// The memory that a message takes while it waits. A peer that sends pings and reads no pongs must not fill memory.
fn weight(transmit: &Transmit) -> usize {
    transmit.bytes.len() + size_of::<Transmit>()
}

/// Messages that wait to be written on one connection.
pub(super) struct Queue {
    items: RefCell<VecDeque<Transmit>>,
    bytes: Cell<usize>,
    /// The bytes of the queues of all connections together.
    all: Rc<Cell<usize>>,
    overflown: Cell<bool>,
    /// Whether the peer has closed its half: then only answers are written.
    answers: Cell<bool>,
    /// Answers that were written after that, and may not have arrived.
    answered: RefCell<Vec<Transmit>>,
    spoken: Cell<Option<Instant>>,
    pub(super) changed: Notify,
}

/// While all queues together are too long, a queue may have only this fraction (1/n) of its usual length. That is
/// enough for a peer that reads; the connection of a peer that does not read is closed.
const SCARCE: usize = 16;

impl Queue {
    fn new(all: Rc<Cell<usize>>) -> Self {
        Self {
            items: RefCell::default(),
            bytes: Cell::new(0),
            all,
            overflown: Cell::new(false),
            answers: Cell::new(false),
            answered: RefCell::default(),
            spoken: Cell::new(None),
            changed: Notify::new(),
        }
    }

    /// Adds a message, unless that makes the queue too long; then the connection is over.
    pub(super) fn push(&self, transmit: Transmit, limits: &Limits) -> io::Result<()> {
        let weight = weight(&transmit);
        let (bytes, all) = (self.bytes.get() + weight, self.all.get() + weight);
        let most = if all > limits.write_queues {
            limits.write_queue / SCARCE
        } else {
            limits.write_queue
        };
        if bytes > most || self.overflown.get() {
            self.end();
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.bytes.set(bytes);
        self.all.set(all);
        self.items.borrow_mut().push_back(transmit);
        self.changed.notify_one();
        Ok(())
    }

    /// The next message to be written; [`Queue::written`] says when it was.
    pub(super) fn pop(&self) -> Option<Transmit> {
        self.items.borrow_mut().pop_front()
    }

    /// It has gone out.
    pub(super) fn written(&self, transmit: Transmit) {
        let weight = weight(&transmit);
        self.bytes.set(self.bytes.get().saturating_sub(weight));
        self.all.set(self.all.get().saturating_sub(weight));
        self.spoken.set(Some(Instant::now()));
        let mut answered = self.answered.borrow_mut();
        if self.answers.get() && transmit.bytes != stream::PONG && answered.len() < ANSWERS {
            answered.push(transmit);
        }
    }

    /// When something last went out; if anything ever did.
    pub(super) fn spoken(&self) -> Option<Instant> {
        self.spoken.get()
    }

    fn end(&self) {
        self.overflown.set(true);
        self.changed.notify_one();
    }

    pub(super) fn is_overflown(&self) -> bool {
        self.overflown.get()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.bytes.get()));
    }
}

impl Tcp {
    pub(super) fn new(limits: Limits, reporter: mpsc::Sender<Input>, numbers: Rc<Numbers>) -> Self {
        Self {
            shared: Rc::new(Shared {
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
    pub(super) fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
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
        spawn_local(accept(Rc::clone(&self.shared), listener));
        Ok(bound)
    }

    /// Sends over the flow's connection, else over one to the same peer, else over a new one
    /// (RFC 3261 18.2.2). Where the peer has half closed the connection, it takes answers at most.
    pub(super) fn send(&self, transmit: Transmit) -> io::Result<()> {
        let shared = &self.shared;
        let known = {
            let table = shared.table.borrow();
            let named = transmit.flow.connection.and_then(|id| table.connections.get(&id));
            let named = named.filter(|entry| !entry.retired || transmit.bytes.starts_with(b"SIP/"));
            let entry = named.or_else(|| {
                table
                    .by_peer
                    .get(&transmit.flow.remote)
                    .and_then(|id| table.connections.get(id))
            });
            entry.map(|entry| Rc::clone(&entry.queue))
        };
        if let Some(queue) = known {
            return queue.push(transmit, &shared.limits);
        }
        let flow = transmit.flow;
        let (id, queue) = shared.add(flow.remote).ok_or(io::ErrorKind::ResourceBusy)?;
        queue.push(transmit, &shared.limits)?;
        spawn_local(connect(Rc::clone(shared), id, flow, queue));
        Ok(())
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.shared
            .table
            .borrow()
            .connections
            .values()
            .all(|entry| entry.queue.bytes.get() == 0)
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
        entry.queue.answers.set(true);
        self.retired.insert(id);
        if self.by_peer.get(&entry.peer) == Some(&id) {
            self.by_peer.remove(&entry.peer);
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
    /// Reads once and hands over what came; its length, 0 at the end of the stream.
    pub(super) fn read(&self, reader: &ReadHalf<'_>, take: impl FnOnce(&[u8])) -> io::Result<usize> {
        let mut chunk = self.chunk.borrow_mut();
        let count = reader.try_read(&mut chunk)?;
        take(chunk.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Numbers a connection; `None` where there are too many, in all or with this address.
    fn add(&self, peer: SocketAddr) -> Option<(ConnectionId, Rc<Queue>)> {
        let mut table = self.table.borrow_mut();
        let table = &mut *table;
        let of_source = table.by_source.get(&peer.ip()).copied().unwrap_or(0);
        if of_source >= self.limits.connections_per_source {
            return None;
        }
        if table.connections.len() >= self.limits.connections {
            table.give_up_oldest_retired()?;
        }
        let id = self.numbers.next();
        let queue = Rc::new(Queue::new(Rc::clone(&self.queued)));
        table.connections.insert(
            id,
            Entry {
                peer,
                queue: Rc::clone(&queue),
                retired: false,
            },
        );
        table.by_source.insert(peer.ip(), of_source + 1);
        // A peer that connected from this very port can be reached there. The newest connection is the likeliest to
        // live.
        table.by_peer.insert(peer, id);
        Some((id, queue))
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
            let answers = entry.queue.answered.take().into_iter().chain(unsent);
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

async fn accept(shared: Rc<Shared>, listener: TcpListener) {
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
        let Some((id, queue)) = shared.add(peer) else {
            tracing::debug!(%peer, "connection refused: too many");
            continue;
        };
        let local = SocketAddr::new(local.ip(), port);
        let flow = Flow {
            transport: Transport::Tcp,
            local,
            remote: peer,
            connection: Some(id),
        };
        spawn_local(run(Rc::clone(&shared), id, stream, flow, queue));
    }
}

async fn run(shared: Rc<Shared>, id: ConnectionId, stream: TcpStream, flow: Flow, queue: Rc<Queue>) {
    tune(&stream, shared.limits.message_timeout);
    let (end, unsent) = stream::serve(&shared, stream, flow, &queue).await;
    tracing::debug!(connection = id.0, peer = %flow.remote, %end, "connection ended");
    let failed = matches!(end, End::Failed(_));
    shared.remove(id, unsent, failed).await;
}

async fn connect(shared: Rc<Shared>, id: ConnectionId, flow: Flow, queue: Rc<Queue>) {
    // At debug level: any sender can have answers go to a port on which no program listens.
    match tokio::time::timeout(shared.limits.connect_timeout, open(&flow)).await {
        Ok(Ok(stream)) => {
            let flow = Flow {
                connection: Some(id),
                ..flow
            };
            run(shared, id, stream, flow, queue).await;
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
