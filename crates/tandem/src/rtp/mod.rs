//! The media engine: its sockets and threads around the pure [`media::Relay`].
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Engine`], the commands to it, the rounds of its thread | all of `Engine`, `Mailbox`, `Worker` |
//! | `ports.rs` | the sockets: which are open, and which of them epoll watches | all of `Ports`, `Port` |
//! | `batch.rs` | many datagrams in one system call | all of `Receiver`, `Outbox` |
//! | `files/` | threads that read and write files of sound | see there |
//!
//! One thread, `media`, owns all sockets and all legs, so that a packet meets no lock: commands come to it over a
//! channel, events leave by a callback. Other threads read and write files.
//!
//! # Rounds
//!
//! Wake-ups cost more than system calls, so while packets come the thread works in rounds, one each tick (1 ms), and
//! sleeps between them. A packet waits half a tick on average. With nothing to do the thread blocks, and costs nothing.
//! In a round it
//!
//! 1. takes all that has come to the ports, many datagrams in one system call (`recvmmsg`);
//! 2. lets the relay read the legs of all these packets ahead of time ([`media::Relay::warm`]);
//! 3. gives the packets to the relay one after the other, and queues for each port the packets to be sent;
//! 4. sends the queues, many datagrams in one system call (`sendmmsg`).
//!
//! The kernel has nearly the whole cost of a packet: two thirds for sending, a sixth for receiving. `io_uring` was
//! measured and needs as much as the two calls; segmentation offload (`UDP_SEGMENT`, `UDP_GRO`) has nothing to put
//! together, since two packets to one address and port are 20 ms apart.
//!
//! A core relays some 250,000 packets a second, which is 2,500 calls. More would take several engines on port ranges of
//! their own, each with its share of the calls. Today one engine is started; the pool and `media::MediaId` count
//! engines.

mod batch;
mod files;
mod ports;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::IpAddr,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

pub use files::{Archive, check_prompt, check_recordings};

use media::{Command, Event, Relay, recorder::Written, relay};
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    eventfd::{EfdFlags, EventFd},
};

use self::{
    batch::Receiver,
    files::{Library, Readers, Writers},
    ports::Ports,
};

/// Sockets that one call of epoll may report; further ones are reported by the next call.
const READY: usize = 256;
/// Batches taken from one socket in a round, so that the other sockets have their turn.
const TURN: usize = 16;
/// The token of the thread's own wake-up.
const WAKE: u64 = u64::MAX;

/// The settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where to bind; `0.0.0.0` or `::` for everywhere, the latter for both families.
    pub host: IpAddr,
    /// The range of local ports: the same as the `media::Pool`'s.
    pub first: u16,
    /// Last of the range.
    pub last: u16,
    /// Folder of the prompts, `NAME.wav` or `NAME.opus`; of music also folders of such files.
    pub prompts: PathBuf,
    /// Where recordings are written.
    pub archive: Archive,
    /// From one round to the next, while packets come: the longest that a packet waits.
    pub tick: Duration,
    /// A local port without a leg is closed after this long.
    pub linger: Duration,
    /// Octets asked of the kernel for each socket's queue (it may grant less).
    pub queue: usize,
    /// DSCP of RTP (RFC 4594: expedited forwarding, 46).
    pub dscp: u8,
    /// Limits of the relay; `seed` must be random.
    pub relay: relay::Config,
}

impl EngineConfig {
    /// The usual settings.
    pub fn new(host: IpAddr, first: u16, last: u16, prompts: PathBuf, seed: [u8; 32]) -> EngineConfig {
        EngineConfig {
            host,
            first,
            last,
            prompts,
            archive: Archive {
                folder: "./data/recordings".into(),
                free: 100 << 20,
            },
            tick: Duration::from_millis(1),
            linger: Duration::from_secs(10),
            queue: 4 * 1024 * 1024,
            dscp: 46,
            relay: relay::Config {
                seed: relay::Seed(seed),
                ..relay::Config::default()
            },
        }
    }
}

/// A message to the thread. Signalling sends a few commands a call, and so bounds the length of the channel.
enum Input {
    Command(Command),
    Loaded(relay::Block),
    Written(Written),
    Shutdown,
}

/// The way to the media thread. Dropping it ends the thread.
pub struct Engine {
    mailbox: Mailbox,
    thread: Option<JoinHandle<()>>,
}

/// A sender that wakes the thread, once for many.
#[derive(Clone)]
struct Mailbox {
    inputs: mpsc::Sender<Input>,
    wake: Arc<Wake>,
}

struct Wake {
    event: EventFd,
    pending: AtomicBool,
}

impl Mailbox {
    fn put(&self, input: Input) {
        // The receiver is gone only after shutdown.
        if self.inputs.send(input).is_ok() && !self.wake.pending.swap(true, Ordering::AcqRel) {
            let _ = self.wake.event.write(1);
        }
    }
}

impl Engine {
    /// Starts the threads. `events` is called on the media thread and must not block.
    ///
    /// Fails where the first ports of the range cannot be bound, or a thread cannot be had.
    pub fn start(config: EngineConfig, events: impl Fn(Event) + Send + Sync + 'static) -> io::Result<Engine> {
        let mut ports = Ports::new(&config)?;
        ports.open(config.first.saturating_add(config.first % 2))?;
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let wake = Arc::new(Wake {
            event,
            pending: AtomicBool::new(false),
        });
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(wake.event.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        ports.watch_with(epoll)?;
        let (sender, inputs) = mpsc::channel();
        let mailbox = Mailbox {
            inputs: sender,
            wake: wake.clone(),
        };
        let answer = mailbox.clone();
        let library = Library::new(config.prompts.clone());
        let readers = Readers::start(library, move |block| answer.put(Input::Loaded(block)))?;
        let answer = mailbox.clone();
        let writers = Writers::start(config.archive.clone(), move |written| {
            answer.put(Input::Written(written))
        })?;
        let epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let worker = Worker {
            relay: Relay::new(config.relay.clone()),
            ports,
            receiver: Receiver::new(),
            inputs,
            wake,
            readers,
            writers,
            events: Box::new(events),
            started: Instant::now(),
            epoch,
            tick: config.tick,
            linger: config.linger,
            swept: Duration::ZERO,
            began: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name("media".into())
            .spawn(move || worker.run())?;
        Ok(Engine {
            mailbox,
            thread: Some(thread),
        })
    }

    /// Hands a command to the media thread. Never blocks.
    pub fn send(&self, command: Command) {
        self.mailbox.put(Input::Command(command));
    }

    /// Ends the threads, and with them all media. Open legs end without [`Event::Closed`].
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.mailbox.put(Input::Shutdown);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the media thread had panicked");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

/// All the media thread owns.
struct Worker {
    relay: Relay,
    ports: Ports,
    receiver: Box<Receiver>,
    inputs: mpsc::Receiver<Input>,
    wake: Arc<Wake>,
    readers: Readers,
    writers: Writers,
    events: Box<dyn Fn(Event) + Send + Sync>,
    started: Instant,
    /// The Unix time at `started`: from then on only the monotonic clock counts.
    epoch: Duration,
    tick: Duration,
    linger: Duration,
    /// When unused ports were last looked for.
    swept: Duration,
    /// When the present round began.
    began: Duration,
}

/// How a round of work ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Round {
    Idle,
    Busy,
    Over,
}

impl Worker {
    fn run(mut self) {
        loop {
            // A panic over one packet ends the round, not the calls.
            match catch_unwind(AssertUnwindSafe(|| self.round())) {
                Ok(Round::Over) => return,
                // The work is part of the tick, so that the wait of a packet does not grow with the load.
                Ok(Round::Busy) => std::thread::sleep((self.began + self.tick).saturating_sub(self.now())),
                Ok(Round::Idle) => {}
                Err(_) => {
                    tracing::error!("the media thread panicked; it goes on");
                    std::thread::sleep(self.tick);
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.epoch + self.started.elapsed()
    }

    fn round(&mut self) -> Round {
        let mut ready = [EpollEvent::empty(); READY];
        let waited = self.ports.wait(&mut ready, self.timeout());
        self.began = self.now();
        let ready = match waited {
            Ok(count) => &ready[..count],
            Err(nix::errno::Errno::EINTR) => return Round::Idle,
            Err(error) => {
                tracing::error!(%error, "epoll");
                return Round::Busy;
            }
        };
        let mut round = Round::Idle;
        // After a fault some may be left.
        self.receiver.clear();
        let mut at = 0;
        while let Some(port) = self.ports.unwatched(at) {
            round = Round::Busy;
            self.receive(port);
            at += 1;
        }
        for event in ready {
            match u16::try_from(event.data()) {
                Ok(port) => {
                    round = Round::Busy;
                    self.receive(port);
                }
                Err(_) => {
                    if self.inputs() == Round::Over {
                        return Round::Over;
                    }
                }
            }
        }
        self.relay_received();
        let now = self.now();
        let ports = &mut self.ports;
        self.relay
            .tick(now, &mut |port, to, bytes: &[u8]| ports.queue(port, to, bytes));
        self.ports.flush();
        while let Some(wanted) = self.relay.poll_wanted() {
            self.readers.ask(wanted);
        }
        while let Some(write) = self.relay.poll_write() {
            self.writers.put(write);
        }
        while let Some(event) = self.relay.poll_event() {
            (self.events)(event);
        }
        self.ports.review(now, self.tick);
        self.sweep(now);
        round
    }

    /// How long to block: until the relay's next timer, or until a port may be closed.
    fn timeout(&self) -> EpollTimeout {
        if self.ports.any_unwatched() {
            return EpollTimeout::ZERO;
        }
        let now = self.now();
        let timer = self.relay.next_tick().map(|at| at.saturating_sub(now));
        let sweep = self.ports.any_open().then_some(self.linger);
        match timer.into_iter().chain(sweep).min() {
            // Rounded up: to wake before the time would be to wake twice.
            Some(wait) => EpollTimeout::try_from(wait + Duration::from_micros(999)).unwrap_or(EpollTimeout::MAX),
            None => EpollTimeout::NONE,
        }
    }

    /// Takes what has come to a port. While there is room it is handled only when all ports have been emptied, so that
    /// the legs of many packets are read ahead of time together.
    fn receive(&mut self, port: u16) {
        for turn in 0..TURN {
            if self.receiver.is_full() {
                self.relay_received();
            }
            if !self.ports.receive(port, &mut self.receiver, turn > 0) {
                break;
            }
        }
    }

    /// Handles all that was taken from the sockets, and sends what comes of it.
    fn relay_received(&mut self) {
        let now = self.now();
        let datagrams = self.receiver.datagrams();
        self.relay
            .warm(datagrams.map(|(port, from, bytes)| (port, from, &*bytes)));
        let ports = &mut self.ports;
        for (port, from, bytes) in self.receiver.datagrams() {
            self.relay
                .packet(now, port, from, bytes, &mut |port, to, bytes: &[u8]| {
                    ports.queue(port, to, bytes)
                });
        }
        self.receiver.clear();
        self.ports.flush();
    }

    fn inputs(&mut self) -> Round {
        let _ = self.wake.event.read();
        // Before the channel is emptied: a message that is put in after this wakes the thread again.
        self.wake.pending.store(false, Ordering::Release);
        while let Ok(input) = self.inputs.try_recv() {
            let now = self.now();
            match input {
                Input::Command(command) => self.command(now, command),
                Input::Loaded(block) => self.relay.loaded(now, block),
                Input::Written(written) => {
                    self.writers.closed(written.recording);
                    self.relay.written(now, written);
                }
                Input::Shutdown => return Round::Over,
            }
        }
        Round::Idle
    }

    fn command(&mut self, now: Duration, command: Command) {
        if let Command::Open {
            media: port,
            local_port,
            ..
        } = &command
            && let Err(error) = self.ports.open(*local_port)
        {
            tracing::warn!(port = local_port, %error, "cannot bind a media port");
            let reason = format!("UDP port {local_port}: {error}");
            let failed = Event::Failed { media: *port, reason };
            self.relay.command(now, command);
            return (self.events)(failed);
        }
        self.relay.command(now, command);
    }

    /// Closes the ports that have had no leg for a while.
    fn sweep(&mut self, now: Duration) {
        if now < self.swept + self.linger / 2 {
            return;
        }
        self.swept = now;
        let relay = &self.relay;
        self.ports.sweep(now, self.linger, |port| relay.is_in_use(port));
    }
}
