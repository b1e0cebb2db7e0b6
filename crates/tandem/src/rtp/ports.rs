//! The local ports: sockets in pairs, opened when a leg needs them, each with what is to be sent through it.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout},
        socket::{setsockopt, sockopt},
    },
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    EngineConfig,
    batch::{FEW, Outbox, Receiver, SIZE, dont_fragment},
};

/// One bound UDP port.
struct Port {
    socket: UdpSocket,
    outbox: Outbox,
    /// Since when no leg has been here, as of the last sweep.
    unused: Option<Duration>,
}

/// All of the range that are bound.
pub(super) struct Ports {
    host: IpAddr,
    first: u16,
    queue: usize,
    dscp: u8,
    /// By distance from `first`, so that a packet finds its socket without a search.
    ports: Vec<Option<Box<Port>>>,
    open: usize,
    /// Ports with something to send.
    dirty: Vec<u16>,
    epoll: Option<Epoll>,
}

impl Ports {
    pub(super) fn new(config: &EngineConfig) -> io::Result<Ports> {
        let span = usize::from(config.last.saturating_sub(config.first)) + 1;
        if config.first > config.last || span < 2 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the range of media ports holds no pair",
            ));
        }
        let mut ports = Vec::new();
        ports.resize_with(span, || None);
        Ok(Ports {
            host: config.host,
            first: config.first,
            queue: config.queue,
            dscp: config.dscp,
            ports,
            open: 0,
            dirty: Vec::new(),
            epoll: None,
        })
    }

    /// From now on, what is open is watched.
    pub(super) fn watch_with(&mut self, epoll: Epoll) -> io::Result<()> {
        for (at, port) in self.ports.iter().enumerate() {
            if let Some(port) = port {
                epoll.add(port.socket.as_fd(), readable(self.first + at as u16))?;
            }
        }
        self.epoll = Some(epoll);
        Ok(())
    }

    pub(super) fn wait(&self, ready: &mut [EpollEvent], timeout: EpollTimeout) -> Result<usize, Errno> {
        self.epoll.as_ref().map_or(Ok(0), |epoll| epoll.wait(ready, timeout))
    }

    pub(super) fn any_open(&self) -> bool {
        self.open > 0
    }

    /// Binds a port and the one above, unless they are.
    pub(super) fn open(&mut self, port: u16) -> io::Result<()> {
        for port in [port, port.saturating_add(1)] {
            match self.slot(port) {
                Some(Some(open)) => open.unused = None,
                Some(None) => {
                    let bound = Box::new(Port {
                        socket: self.bind(port)?,
                        outbox: Outbox::default(),
                        unused: None,
                    });
                    if let Some(epoll) = &self.epoll {
                        epoll.add(bound.socket.as_fd(), readable(port))?;
                    }
                    if let Some(slot) = self.slot(port) {
                        *slot = Some(bound);
                        self.open += 1;
                    }
                }
                None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "outside the range")),
            }
        }
        Ok(())
    }

    fn slot(&mut self, port: u16) -> Option<&mut Option<Box<Port>>> {
        self.ports.get_mut(usize::from(port.checked_sub(self.first)?))
    }

    fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(SocketAddr::new(self.host, port)),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        // A burst must wait for the next tick. Who may gets all of it, others up to the system's limit (net.core.rmem_max);
        // what the kernel does not grant is no reason to fail.
        if setsockopt(&socket, sockopt::RcvBufForce, &self.queue).is_err() {
            let _ = socket.set_recv_buffer_size(self.queue);
        }
        let _ = socket.set_send_buffer_size(self.queue);
        // On a dual-stack socket it is for the IPv4 that passes through.
        let _ = dont_fragment(socket.as_fd());
        let class = u32::from(self.dscp) << 2;
        if self.host.is_ipv6() {
            socket.set_only_v6(!self.host.is_unspecified())?;
            let _ = socket.set_tclass_v6(class);
        } else {
            let _ = socket.set_tos_v4(class);
        }
        socket.bind(&SocketAddr::new(self.host, port).into())?;
        Ok(socket.into())
    }

    /// Takes a batch; how many came, and whether there may be more.
    pub(super) fn receive(&mut self, port: u16, receiver: &mut Receiver, busy: bool) -> (usize, bool) {
        let Some(Some(open)) = self.slot(port) else {
            return (0, false);
        };
        let socket = open.socket.as_fd();
        let (got, asked) = if busy {
            (receiver.receive::<SIZE>(socket), SIZE)
        } else {
            (receiver.receive::<FEW>(socket), FEW)
        };
        let got = got.unwrap_or(0);
        (got, got == asked)
    }

    /// To be sent at the end of the round.
    pub(super) fn queue(&mut self, port: u16, to: SocketAddr, bytes: &[u8]) {
        let dual = self.host.is_ipv6();
        let Some(Some(open)) = self.slot(port) else { return };
        let was_empty = open.outbox.is_empty();
        if open.outbox.push(to, dual, bytes) {
            open.outbox.flush(open.socket.as_fd());
        }
        if was_empty {
            self.dirty.push(port);
        }
    }

    /// Sends all that is queued.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for port in dirty.drain(..) {
            if let Some(Some(open)) = self.slot(port) {
                open.outbox.flush(open.socket.as_fd());
            }
        }
        self.dirty = dirty;
    }

    /// Closes what has had no leg for `linger`.
    pub(super) fn sweep(&mut self, now: Duration, linger: Duration, in_use: impl Fn(u16) -> bool) {
        for (at, slot) in self.ports.iter_mut().enumerate() {
            let Some(port) = slot else { continue };
            let number = self.first + at as u16;
            // RTCP's port lives as long as its RTP's.
            if in_use(number & !1) {
                port.unused = None;
            } else if now >= *port.unused.get_or_insert(now) + linger {
                // Closing the socket takes it off epoll.
                *slot = None;
                self.open -= 1;
            }
        }
    }
}

fn readable(port: u16) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, u64::from(port))
}
