//! TCP in the world: connections without loss, which may end.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use sip::{ConnectionId, Flow, Frame, FrameError, Framer, Instant, Limits, Transport};
use switch::{Input, Transmit};

use crate::world::World;

/// The time that a message or a refusal takes.
const DELAY: Duration = Duration::from_millis(5);

/// The open connections, and the messages under way on them.
#[derive(Default)]
pub struct Streams {
    open: BTreeMap<ConnectionId, SocketAddr>,
    /// Cut the octets that come to the switch into messages.
    framers: BTreeMap<ConnectionId, Framer>,
    under_way: BTreeMap<(Instant, u64), Piece>,
    count: u64,
    /// The number of messages that came between two keep-alives.
    pub kept_alive: u64,
    /// Addresses where the switch can open a connection.
    pub listening: BTreeSet<SocketAddr>,
}

struct Piece {
    to_switch: bool,
    flow: Flow,
    bytes: Bytes,
}

impl Streams {
    /// When the next message arrives.
    pub fn next(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// True if there is a connection with an address.
    pub fn has(&self, peer: SocketAddr) -> bool {
        self.open.values().any(|at| *at == peer)
    }

    fn connect(&mut self, peer: SocketAddr) -> ConnectionId {
        self.count += 1;
        let id = ConnectionId(self.count);
        self.open.insert(id, peer);
        id
    }

    fn to_peer(&self, peer: SocketAddr) -> Option<ConnectionId> {
        self.open.iter().rev().find(|(_, at)| **at == peer).map(|(id, _)| *id)
    }

    /// The messages that these octets complete, without the keep-alives between them. Of a message without a length
    /// only the head is returned.
    fn cut(&mut self, id: ConnectionId, bytes: &[u8]) -> Vec<Bytes> {
        let framer = self.framers.entry(id).or_insert_with(|| Framer::new(Limits::default()));
        framer.push(bytes);
        let frames: Vec<_> = std::iter::from_fn(|| framer.next()).collect();
        if frames.iter().any(Result::is_err) {
            self.framers.remove(&id); // later octets are read as on a new connection
        }
        let messages = frames.into_iter().filter_map(|frame| match frame {
            Ok(Frame::Message(bytes)) | Err(FrameError::TooLarge(bytes) | FrameError::NoLength(bytes)) => Some(bytes),
            Ok(Frame::Ping | Frame::Pong) | Err(FrameError::HeadTooLarge) => None,
        });
        messages.collect()
    }

    /// Every connection ends, with what is under way to the switch: the switch that had them is no more.
    pub fn end(&mut self) {
        self.open.clear();
        self.framers.clear();
        self.under_way.retain(|_, piece| !piece.to_switch);
    }

    fn put(&mut self, now: Instant, piece: Piece) {
        self.count += 1;
        self.under_way.insert((now + DELAY, self.count), piece);
    }
}

impl World {
    /// The switch sends on a stream: over the connection named, else over one to the same peer, else over a new one.
    pub fn stream_out(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes } = transmit;
        let streams = &mut self.streams;
        let named = flow.connection.filter(|id| streams.open.contains_key(id));
        let found = named.or_else(|| streams.to_peer(flow.remote));
        let id = match found {
            Some(id) => Some(id),
            None => streams
                .listening
                .contains(&flow.remote)
                .then(|| streams.connect(flow.remote)),
        };
        let fate = if id.is_some() { " [tcp]" } else { " [tcp] -- refused" };
        self.ladder.message(self.now, flow.local, flow.remote, &bytes, fate);
        match id {
            Some(id) => {
                let peer = self.streams.open[&id];
                let flow = Flow {
                    remote: peer,
                    connection: Some(id),
                    ..flow
                };
                let piece = Piece {
                    to_switch: false,
                    flow,
                    bytes,
                };
                self.streams.put(self.now, piece);
            }
            None => self.after(DELAY, Input::TransmitFailed { flow }),
        }
    }

    /// A phone sends on a stream; on a new one where its connection has ended.
    pub fn stream_in(&mut self, local: SocketAddr, flow: Flow, bytes: Bytes) {
        let named = flow.connection.filter(|id| self.streams.open.contains_key(id));
        let id = named
            .or_else(|| self.streams.to_peer(local))
            .unwrap_or_else(|| self.streams.connect(local));
        self.ladder.message(self.now, local, flow.remote, &bytes, " [tcp]");
        let phone = self.phones.iter().find(|phone| phone.address == local);
        let bytes = match phone.and_then(|phone| phone.mood.keeps_alive) {
            Some(alive) => {
                self.streams.kept_alive += 1;
                Bytes::from([alive.as_bytes(), &bytes, alive.as_bytes()].concat())
            }
            None => bytes,
        };
        let flow = Flow {
            transport: Transport::Tcp,
            local: flow.remote,
            remote: local,
            connection: Some(id),
        };
        let piece = Piece {
            to_switch: true,
            flow,
            bytes,
        };
        self.streams.put(self.now, piece);
    }

    /// The messages that have arrived on streams by now.
    pub fn streams_arrive(&mut self) {
        while self.streams.next().is_some_and(|at| at <= self.now) {
            let Some((_, piece)) = self.streams.under_way.pop_first() else {
                return;
            };
            let Piece { to_switch, flow, bytes } = piece;
            if to_switch && let Some(id) = flow.connection {
                for bytes in self.streams.cut(id, &bytes) {
                    self.handle(Input::Received { flow, bytes });
                }
            } else if let Some(phone) = self.phones.iter_mut().find(|phone| phone.address == flow.remote) {
                phone.receive_stream(self.now, flow, bytes);
            }
        }
    }

    /// Every connection of an address ends.
    pub fn cuts(&mut self, address: SocketAddr) {
        let ended: Vec<ConnectionId> = {
            let of = self.streams.open.iter().filter(|(_, peer)| **peer == address);
            of.map(|(id, _)| *id).collect()
        };
        assert!(!ended.is_empty(), "there is a connection to cut");
        for connection in ended {
            self.streams.open.remove(&connection);
            self.streams.framers.remove(&connection);
            self.handle(Input::ConnectionClosed { connection });
        }
    }
}
