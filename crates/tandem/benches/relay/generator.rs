//! The phones: each sends a G.711 packet every 20 ms (by default) and counts what comes.

use std::{
    io::{ErrorKind, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns},
        time::TimeSpec,
    },
};

use super::{Fault, Options, Relay, Run, cpu};

/// Octets of a packet of 20 ms of G.711.
const LENGTH: usize = 172;
/// Where in it the time of sending is, while delays are measured.
const TIME: std::ops::Range<usize> = 12..20;

/// Phone `n`'s own address, so that no two share one.
fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250 + 1) as u8)
}

struct Phones {
    sockets: Vec<UdpSocket>,
    /// Sending order: neighbours and the two ends of a stream are spread over the interval.
    order: Vec<usize>,
    sequence: Vec<u16>,
    next: usize,
    sent: u64,
    received: u64,
    /// The delays of the packets received, in nanoseconds, where they are measured.
    delays: Option<Vec<u64>>,
}

impl Phones {
    fn new(count: usize, one_address: bool) -> Result<Phones, Fault> {
        let mut sockets = Vec::new();
        for n in 0..count {
            let socket = UdpSocket::bind((address(if one_address { 0 } else { n }), 0))?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
        let mut order: Vec<usize> = (0..count).collect();
        let mut state = 12_345u64;
        for i in (1..count).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        Ok(Phones {
            sequence: vec![0; count],
            sockets,
            order,
            next: 0,
            sent: 0,
            received: 0,
            delays: None,
        })
    }

    /// One packet from the phone whose turn it is.
    fn send(&mut self) {
        let phone = self.order[self.next];
        self.next = (self.next + 1) % self.order.len();
        let sequence = &mut self.sequence[phone];
        *sequence = sequence.wrapping_add(1);
        let mut packet = [0xd5; LENGTH];
        packet[..2].copy_from_slice(&[0x80, 8]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(*sequence) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&(phone as u32 + 1).to_be_bytes());
        if self.delays.is_some() {
            packet[TIME].copy_from_slice(&wall_clock().to_ne_bytes());
        }
        if self.sockets[phone].send(&packet).is_ok() {
            self.sent += 1;
        }
    }

    /// Takes what has come to a phone.
    fn drain(&mut self, phone: usize) -> Result<(), Fault> {
        if self.delays.is_some() {
            return self.drain_with_times(phone);
        }
        let mut buffer = [0; 2048];
        loop {
            match self.sockets[phone].recv(&mut buffer) {
                Ok(LENGTH) => self.received += 1,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // A refused port while the relay is not there yet.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The same, and notes how long each packet was under way.
    fn drain_with_times(&mut self, phone: usize) -> Result<(), Fault> {
        let mut buffer = [0; 2048];
        let mut control = nix::cmsg_space!(TimeSpec);
        loop {
            let mut vectors = [IoSliceMut::new(&mut buffer)];
            let socket = self.sockets[phone].as_raw_fd();
            let message = match recvmsg::<()>(socket, &mut vectors, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let mut stamp = None;
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmTimestampns(time) = control {
                    stamp = Some(Duration::from(time).as_nanos() as u64);
                }
            }
            if message.bytes != LENGTH {
                continue;
            }
            self.received += 1;
            let mut sent = [0; 8];
            sent.copy_from_slice(&buffer[TIME]);
            if let (Some(stamp), Some(delays)) = (stamp, &mut self.delays) {
                delays.push(stamp.saturating_sub(u64::from_ne_bytes(sent)));
            }
        }
    }

    /// The delays of the median packet and of the 99th percentile, in milliseconds.
    fn measure_delays(&mut self, pps: u64, time: Duration) -> Result<[f64; 2], Fault> {
        for socket in &self.sockets {
            setsockopt(socket, ReceiveTimestampns, &true)?;
        }
        self.delays = Some(Vec::new());
        // The kernel begins to stamp packets a moment after it was asked, and packets under way carry no time.
        self.talk(pps, Duration::from_millis(500))?;
        self.delays = Some(Vec::new());
        self.talk(pps, time)?;
        let mut delays = self.delays.take().unwrap_or_default();
        delays.sort_unstable();
        let at = |percent: usize| {
            delays
                .get(delays.len() * percent / 100)
                .map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
        };
        Ok([at(50), at(99)])
    }

    fn drain_all(&mut self) -> Result<(), Fault> {
        (0..self.sockets.len()).try_for_each(|phone| self.drain(phone))
    }

    /// Sends at the rate for that time, and waits a little longer for packets that are under way.
    fn talk(&mut self, pps: u64, time: Duration) -> Result<(), Fault> {
        let rate = self.sockets.len() as u128 * u128::from(pps);
        let (start, before) = (Instant::now(), self.sent);
        let mut swept = 0;
        while start.elapsed() < time {
            let due = (start.elapsed().as_nanos() * rate / 1_000_000_000) as u64;
            while self.sent - before < due {
                self.send();
            }
            // A tenth of the phones every other millisecond: each is read often enough for its queue.
            let until = (start.elapsed().as_millis() as usize / 2) * self.sockets.len() / 10;
            for phone in swept..until {
                self.drain(phone % self.sockets.len())?;
            }
            swept = until;
            std::thread::park_timeout(Duration::from_micros(100));
        }
        for _ in 0..50 {
            self.drain_all()?;
            std::thread::park_timeout(Duration::from_millis(4));
        }
        Ok(())
    }
}

fn wall_clock() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    time.unwrap_or_default().as_nanos() as u64
}

/// Puts that many streams on the relay and measures it.
pub(crate) fn run(relay: &mut dyn Relay, options: &Options, streams: usize, one_address: bool) -> Result<Run, Fault> {
    let pps = options.pps;
    let mut phones = Phones::new(2 * streams, one_address)?;
    let addresses = phones
        .sockets
        .iter()
        .map(UdpSocket::local_addr)
        .collect::<Result<Vec<SocketAddr>, _>>()?;
    let to = relay.set_up(&addresses)?;
    for (socket, to) in phones.sockets.iter().zip(to) {
        socket.connect(to)?;
    }
    // Until every leg is known and every path is warm.
    phones.talk(pps, Duration::from_secs(1))?;
    let (before, sent, received) = (cpu(relay.pid())?, phones.sent, phones.received);
    phones.talk(pps, Duration::from_secs(options.seconds))?;
    let used = cpu(relay.pid())? - before;
    let (sent, received) = (phones.sent - sent, phones.received - received);
    if received == 0 {
        return Err("nothing was relayed".into());
    }
    Ok(Run {
        cpu: used.as_secs_f64() * 1e6 / received as f64,
        lost: 1.0 - received as f64 / sent as f64,
        delay: phones.measure_delays(pps, Duration::from_secs(1))?,
    })
}
