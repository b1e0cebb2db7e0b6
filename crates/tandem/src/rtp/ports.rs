//! The local ports: sockets in pairs, opened when a leg needs them, each with a queue of datagrams to be sent.

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

/// Ticks between two looks at which ports are busy.
const REVIEW: u32 = 32;

/// One bound UDP port.
struct Port {
    socket: UdpSocket,
    outbox: Outbox,
    /// Datagrams that came since the last review.
    came: u32,
    /// Whether epoll watches it; else it is looked at in every round.
    watched: bool,
    /// Since when no leg has been here, as of the last sweep.
    unused: Option<Duration>,
}

/// The ports of the range, and the sockets of those that are open.
pub(super) struct Ports {
    host: IpAddr,
    first: u16,
    queue: usize,
    dscp: u8,
    /// By distance from `first`: a port's socket is found without a search.
    ports: Vec<Option<Box<Port>>>,
    open: usize,
    /// Ports with something to send.
    dirty: Vec<u16>,
    /// Ports to which anything came since the last review.
    came: Vec<u16>,
    /// Ports that epoll does not watch, because they are busy.
    unwatched: Vec<u16>,
    reviewed: Duration,
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
            came: Vec::new(),
            unwatched: Vec::new(),
            reviewed: Duration::ZERO,
            epoll: None,
        })
    }

    /// Watches all open ports with this epoll from now on, and those that are opened later.
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

    /// Binds a port and the port above, unless they are bound.
    pub(super) fn open(&mut self, port: u16) -> io::Result<()> {
        for port in [port, port.saturating_add(1)] {
            match self.slot(port) {
                Some(Some(open)) => open.unused = None,
                Some(None) => {
                    let bound = Box::new(Port {
                        socket: self.bind(port)?,
                        outbox: Outbox::default(),
                        came: 0,
                        watched: true,
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
        slot(&mut self.ports, self.first, port)
    }

    fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(SocketAddr::new(self.host, port)),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        // The queue must hold all that comes within a tick. A privileged process gets the size it asks for, any other at
        // most the system's limit (net.core.rmem_max). A smaller queue is no reason to fail.
        if setsockopt(&socket, sockopt::RcvBufForce, &self.queue).is_err() {
            let _ = socket.set_recv_buffer_size(self.queue);
        }
        let _ = socket.set_send_buffer_size(self.queue);
        // On a dual-stack socket the option holds for IPv4 packets.
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

    /// Takes a batch of what has come to a port; whether there may be more.
    pub(super) fn receive(&mut self, port: u16, receiver: &mut Receiver, more: bool) -> bool {
        let Some(Some(open)) = self.slot(port) else {
            return false;
        };
        let socket = open.socket.as_fd();
        let (got, asked) = if more || !open.watched {
            (receiver.receive::<SIZE>(port, socket), SIZE)
        } else {
            (receiver.receive::<FEW>(port, socket), FEW)
        };
        let got = got.unwrap_or(0);
        let is_first = open.came == 0 && got > 0;
        open.came = open.came.saturating_add(got as u32);
        if is_first {
            self.came.push(port);
        }
        got == asked
    }

    /// The port at that place in the list of the ports that epoll does not watch: these must be looked at in every round.
    pub(super) fn unwatched(&self, at: usize) -> Option<u16> {
        self.unwatched.get(at).copied()
    }

    /// Whether there are ports that epoll does not watch.
    pub(super) fn any_unwatched(&self) -> bool {
        !self.unwatched.is_empty()
    }

    /// Decides from time to time which ports epoll watches. A port that gets a datagram a tick or more is taken off
    /// epoll and looked at in every round; a port that gets less than half of that is watched again. A watched socket
    /// costs more: for each datagram that leaves through it the kernel tells epoll that there is room again, and each
    /// one that arrives must be reported.
    pub(super) fn review(&mut self, now: Duration, tick: Duration) {
        let passed = now.saturating_sub(self.reviewed);
        if passed < tick * REVIEW {
            return;
        }
        self.reviewed = now;
        let Some(epoll) = &self.epoll else { return };
        let rounds = (passed.as_nanos() / tick.as_nanos().max(1)) as u64;
        let (ports, first) = (&mut self.ports, self.first);
        self.unwatched.retain(|port| {
            // A port that was closed and opened again is watched.
            let Some(open) = slot(ports, first, *port)
                .and_then(Option::as_mut)
                .filter(|open| !open.watched)
            else {
                return false;
            };
            let is_quiet = u64::from(open.came) * 2 < rounds;
            open.watched = is_quiet && epoll.add(open.socket.as_fd(), readable(*port)).is_ok();
            !open.watched
        });
        for port in self.came.drain(..) {
            let Some(Some(open)) = slot(ports, first, port) else {
                continue;
            };
            let came = u64::from(std::mem::take(&mut open.came));
            if open.watched && came >= rounds && epoll.delete(open.socket.as_fd()).is_ok() {
                open.watched = false;
                self.unwatched.push(port);
            }
        }
    }

    /// Queues a datagram, to be sent with the next [`Ports::flush`] or when the queue is full.
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

    /// Closes the ports that have had no leg for `linger`.
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

fn slot(ports: &mut [Option<Box<Port>>], first: u16, port: u16) -> Option<&mut Option<Box<Port>>> {
    ports.get_mut(usize::from(port.checked_sub(first)?))
}

fn readable(port: u16) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, u64::from(port))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use nix::sys::epoll::EpollCreateFlags;

    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    /// Ports with one pair open, and a phone that sends to its even port.
    struct Bench {
        ports: Ports,
        receiver: Box<Receiver>,
        phone: UdpSocket,
        port: u16,
        now: Duration,
    }

    impl Bench {
        fn new() -> Bench {
            let host = IpAddr::from([127, 0, 0, 1]);
            loop {
                let free = UdpSocket::bind((host, 0)).and_then(|socket| socket.local_addr());
                let port = free.unwrap().port() & !1;
                let config = EngineConfig::new(host, port, port + 1, PathBuf::new(), [1; 32]);
                let mut ports = Ports::new(&config).unwrap();
                ports
                    .watch_with(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap())
                    .unwrap();
                // Another test may have taken the port.
                if ports.open(port).is_ok() {
                    let phone = UdpSocket::bind((host, 0)).unwrap();
                    phone.connect((host, port)).unwrap();
                    let receiver = Receiver::new();
                    let now = Duration::from_secs(1000);
                    return Bench {
                        ports,
                        receiver,
                        phone,
                        port,
                        now,
                    };
                }
            }
        }

        /// Review after review, with that many datagrams before each.
        fn pass(&mut self, datagrams: usize) {
            for _ in 0..datagrams {
                self.phone.send(&[7; 20]).unwrap();
            }
            while self.ports.receive(self.port, &mut self.receiver, true) {
                self.receiver.clear();
            }
            self.receiver.clear();
            self.now += TICK * REVIEW;
            self.ports.review(self.now, TICK);
        }

        /// Whether epoll reports a datagram that came.
        fn is_reported(&mut self) -> bool {
            self.phone.send(&[7; 20]).unwrap();
            let mut ready = [EpollEvent::empty(); 4];
            let count = self.ports.wait(&mut ready, EpollTimeout::ZERO).unwrap();
            self.ports.receive(self.port, &mut self.receiver, false);
            self.receiver.clear();
            count == 1 && ready[0].data() == u64::from(self.port)
        }
    }

    #[test]
    fn a_busy_port_is_not_watched_until_it_is_quiet() {
        let mut bench = Bench::new();
        bench.pass(1);
        assert_eq!((bench.ports.unwatched(0), bench.is_reported()), (None, true));
        bench.pass(REVIEW as usize);
        assert_eq!(
            (bench.ports.unwatched(0), bench.is_reported()),
            (Some(bench.port), false)
        );
        bench.pass(REVIEW as usize / 2);
        assert_eq!(
            bench.ports.unwatched(0),
            Some(bench.port),
            "half of it is not yet quiet"
        );
        bench.pass(1);
        assert_eq!((bench.ports.unwatched(0), bench.is_reported()), (None, true));
        assert!(!bench.ports.any_unwatched(), "the thread may block again");
    }

    #[test]
    fn datagrams_are_counted_by_the_time_they_took() {
        let mut bench = Bench::new();
        bench.now += Duration::from_secs(10);
        bench.pass(200);
        assert_eq!(bench.ports.unwatched(0), None, "twenty a second are not many");
    }

    #[test]
    fn an_unwatched_port_that_was_closed_is_watched_when_it_is_opened_again() {
        let mut bench = Bench::new();
        bench.pass(0);
        bench.pass(REVIEW as usize);
        assert!(bench.ports.any_unwatched());
        let later = bench.now + Duration::from_secs(60);
        for now in [bench.now, later] {
            bench.ports.sweep(now, Duration::from_secs(10), |_| false);
        }
        assert!(!bench.ports.any_open());
        assert!(!bench.ports.receive(bench.port, &mut bench.receiver, false));
        bench.ports.open(bench.port).unwrap();
        bench.pass(0);
        assert_eq!((bench.ports.unwatched(0), bench.is_reported()), (None, true));
    }
}
