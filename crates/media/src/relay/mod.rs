//! The pure heart of the media engine: packets in, packets out, no socket and no clock.
//!
//! `now` is the time since the Unix epoch, and never goes back. Several legs share a local port: which leg a packet
//! belongs to follows the rule in `address.rs`. Where two legs fit by this rule, the packet is dropped. A leg's peer
//! hears one stream with one SSRC, numbered without a gap, from whichever source its audio comes.
//!
//! # The way of a packet
//!
//! 1. The source of the packet gives its leg.
//! 2. The leg's guard opens the packet.
//! 3. The ingress counts it, and learns its source.
//! 4. The leg's route says where it goes.
//! 5. The egress of the other leg gives it a number and a time stamp, writes, seals and sends it.
//!
//! The route is one match. A packet that is relayed costs no allocation and no lock.
//!
//! # Files
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Relay`]: the calls of the shell, and work that is due | `config`, `events`, `recordings`, `random`, `scratch`, `farewells` |
//! | `commands.rs` | the commands of signalling | writes `remote`, `route`, `watch`, `player` of a leg |
//! | `packets.rs` | a datagram's way through the relay | `ports` (counts of strangers) |
//! | `address.rs` | which leg a packet belongs to | all of `Directory` and `Announced` |
//! | `stream/` | one leg | all of `Stream` |
//! | `streams.rs` | the table of legs | all of `Streams` |
//! | `group/` | legs whose sound is decoded | all of `Groups` |
//! | `route.rs` | where the packets of a leg's peer go | `Stream::route`, `Ingress::table` |
//! | `play/` | tones, files and music that Tandem plays | all of `Play` |
//! | `raw.rs` | datagrams that are copied as they are | none |
//! | `timers.rs` | when something is due | all of `Timers` and `Due` |
//! | `warm.rs` | reads the legs of a batch ahead of time | `ways` |

mod address;
mod commands;
mod group;
mod packets;
mod play;
mod raw;
mod route;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod timers;
mod warm;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    net::SocketAddr,
    time::Duration,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub use self::play::{Block, Named, PIECE, Piece, Track, Wanted};
use self::{
    address::Directory,
    group::{Groups, Tape, hearing, tapes, tick},
    play::{Owner, Play, Player},
    stream::{
        playing::{self, Frame},
        rtcp::{self, Farewell},
    },
    streams::Streams,
    timers::{Timer, Timers},
};
#[cfg(doc)]
use crate::MediaId;
use crate::{
    Event,
    audio::Country,
    recorder::{self, Recordings, Write, Written},
    room,
    service::{RecordEnd, RecordingId},
};

/// Octets of a packet, at most; longer ones are dropped.
pub const MAX_PACKET: usize = 1600;
/// The shortest interval of a timer.
const SHORTEST: Duration = Duration::from_millis(100);

/// 32 random, secret octets: the numbers of all streams are drawn from them. Never shown.
#[derive(Clone, Default)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Limits and intervals.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SSRCs and first numbers of all streams are drawn from it.
    pub seed: Seed,
    /// The engine's number, as in [`MediaId::engine`]: legs of other engines are refused.
    pub engine: u8,
    /// Slots that may be open at once; an `Open` beyond is answered with [`Event::Failed`].
    pub max_legs: u32,
    /// Octets of tones kept for the next play. The reader of prompts keeps those, because it sees when a file changes.
    pub cache: usize,
    /// The country of tones that are named without one.
    pub tones: Country,
    /// The minimum interval of RTCP (RFC 3550 section 6.2), from which that of each report is drawn.
    pub report: Duration,
    /// Between two [`Event::Measured`] of a leg; not less than 100 ms.
    pub quality: Duration,
    /// RTP and RTCP packets that a leg sends to an address that only its description names, before anything is heard
    /// from there: a description with the address of a stranger must not turn Tandem's media on the stranger (the
    /// attack of RFC 8445 section 19.5.1). The address that signalling comes from is not limited.
    pub unheard: u32,
    /// Limits of a room; [`crate::Command::OpenRoom`] says whether entry and leave are heard.
    pub room: room::Config,
    /// Limits of recordings.
    pub recordings: recorder::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: Seed::default(),
            engine: 0,
            max_legs: 65_536,
            cache: 64 * 1024 * 1024,
            tones: Country::default(),
            report: Duration::from_secs(5),
            quality: Duration::from_secs(10),
            unheard: 50,
            room: room::Config::default(),
            recordings: recorder::Limits::default(),
        }
    }
}

/// A local port: its legs, and the packets that belonged to none of them.
#[derive(Debug, Default)]
struct Port {
    legs: usize,
    strangers: u64,
}

/// All legs of one engine thread.
#[derive(Debug)]
pub struct Relay {
    config: Config,
    streams: Streams,
    directory: Directory,
    groups: Groups,
    tapes: BTreeMap<RecordingId, Tape>,
    recordings: Recordings,
    ports: HashMap<u16, Port>,
    timers: Timers,
    events: VecDeque<Event>,
    play: Play,
    /// Last packets of legs that are closed.
    farewells: Vec<Farewell>,
    random: ChaCha8Rng,
    /// Room for the packet that is being written.
    scratch: Box<[u8; MAX_PACKET]>,
    /// Room for [`Relay::warm`] to work in: a leg and a payload type for each datagram.
    ways: Vec<(u32, u8)>,
}

impl Relay {
    /// An engine without legs.
    pub fn new(config: Config) -> Relay {
        Relay {
            streams: Streams::default(),
            directory: Directory::default(),
            groups: Groups::default(),
            tapes: BTreeMap::new(),
            recordings: Recordings::new(config.recordings.clone()),
            ports: HashMap::new(),
            timers: Timers::default(),
            events: VecDeque::new(),
            play: Play::new(config.cache, config.tones),
            farewells: Vec::new(),
            random: ChaCha8Rng::from_seed(config.seed.0),
            scratch: Box::new([0; MAX_PACKET]),
            ways: Vec::new(),
            config,
        }
    }

    /// The next event for signalling, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next question to the reader of files, answered by [`Relay::loaded`].
    pub fn poll_wanted(&mut self) -> Option<Wanted> {
        self.play.files.poll()
    }

    /// The next message to the thread that writes recordings.
    pub fn poll_write(&mut self) -> Option<Write> {
        self.recordings.poll_write()
    }

    /// A recorded file is closed.
    pub fn written(&mut self, now: Duration, written: Written) {
        let recording = written.recording;
        if let Some(event) = self.recordings.written(written) {
            self.events.push_back(event);
        }
        // After a fault the sound may still be taken.
        tapes::end_recording(self, now, recording, RecordEnd::Stopped);
    }

    /// When [`Relay::tick`] has something to do next.
    pub fn next_tick(&self) -> Option<Duration> {
        if !self.farewells.is_empty() {
            return Some(Duration::ZERO);
        }
        [self.timers.first(), self.groups.first()].into_iter().flatten().min()
    }

    /// Legs open now.
    pub fn legs(&self) -> usize {
        self.streams.open()
    }

    /// Whether any leg sits on this local port.
    pub fn is_in_use(&self, local_port: u16) -> bool {
        self.ports.contains_key(&local_port)
    }

    /// Reads what [`Relay::packet`] will need for these datagrams, given as (local port, source, octets). Changes
    /// nothing: a packet is handled alike with and without.
    pub fn warm<'a>(&mut self, datagrams: impl Iterator<Item = (u16, SocketAddr, &'a [u8])>) {
        warm::read(&self.directory, &self.streams, &mut self.ways, datagrams);
    }

    /// An answer of the reader of files. One that is not awaited any more changes nothing.
    pub fn loaded(&mut self, now: Duration, block: Block) {
        let Block { track, piece } = block;
        match self.play.files.owner(track) {
            Some(Owner::Music(station)) => self.play.arrived(station, track, piece),
            Some(Owner::Leg(leg)) => {
                let Some(stream) = self.streams.live(leg) else { return };
                let Some(player) = &mut stream.egress.player else {
                    return;
                };
                let waited = player.waits();
                player.arrived(track, piece, &mut self.play);
                if waited && !player.waits() {
                    player.next = now;
                    self.arm(leg.slot, Timer::Play, Some(now));
                }
            }
            None => {}
        }
    }

    /// Does all work that is due.
    pub fn tick<F>(&mut self, now: Duration, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        for farewell in self.farewells.drain(..) {
            out(farewell.port, farewell.to, farewell.bytes());
        }
        while let Some((slot, timer)) = self.timers.pop(now) {
            let Some(stream) = self.streams.get(slot) else { continue };
            Timers::fired(&mut stream.due, timer);
            let next = match timer {
                Timer::Watch => {
                    let until = stream.ingress.watch.and_then(|w| stream.ingress.heard.checked_add(w));
                    if until.is_some_and(|until| until <= now) {
                        self.events.push_back(Event::Silent(stream.id));
                    }
                    until.filter(|until| *until > now)
                }
                Timer::Play => match playing::frame(stream, now, &mut self.play, &mut self.scratch, out) {
                    Frame::Idle => None,
                    Frame::Next(at) => Some(at),
                    Frame::End(fault) => {
                        self.end_play(slot, fault);
                        continue;
                    }
                },
                Timer::Keys => stream.key(now, &mut self.scratch, out),
                Timer::Held => {
                    let (media, ended) = (stream.id, stream.ingress.detector.end());
                    self.events.extend(ended.map(|heard| hearing::event(media, heard)));
                    None
                }
                Timer::Report => {
                    rtcp::report(stream, now, out);
                    let next = rtcp::interval(self.config.report, false, self.random.next_u32());
                    // A description that names an address again sets the timer again.
                    stream.rtcp_destination().map(|_| now + next)
                }
                Timer::Measure => {
                    let media = stream.id;
                    let measured = rtcp::measure::since(stream);
                    self.events
                        .extend(measured.map(|quality| Event::Measured { media, quality }));
                    Some(now + self.config.quality.max(SHORTEST))
                }
            };
            self.arm(slot, timer, next);
        }
        tick::tick_groups(self, now, out);
    }

    /// Sets or clears one timer of a leg.
    fn arm(&mut self, slot: u32, timer: Timer, at: Option<Duration>) {
        if let Some(stream) = self.streams.get(slot) {
            self.timers.arm(slot, &mut stream.due, timer, at);
        }
    }

    /// Ends a play, with [`Event::Played`].
    fn end_play(&mut self, slot: u32, fault: Option<String>) {
        let Some(stream) = self.streams.get(slot) else { return };
        let media = stream.id;
        if let Some(player) = self.unplay(slot) {
            self.events.push_back(Event::Played {
                media,
                token: player.token,
                fault,
                millis: player.position(),
            });
        }
    }

    /// Ends a play without an event.
    fn unplay(&mut self, slot: u32) -> Option<Player> {
        let mut player = self.streams.get(slot)?.egress.player.take()?;
        player.close(&mut self.play);
        self.arm(slot, Timer::Play, None);
        Some(player)
    }
}

/// An IPv4-mapped IPv6 address, which a dual-stack socket reports, as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_none() => address,
        SocketAddr::V4(_) | SocketAddr::V6(_) => SocketAddr::new(address.ip().to_canonical(), address.port()),
    }
}
