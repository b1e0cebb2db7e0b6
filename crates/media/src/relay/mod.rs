//! The pure heart of the media engine: packets in, packets out, no socket and no clock.
//!
//! `now` is the time since the Unix epoch, and never goes back. A packet that is relayed costs no allocation and no
//! lock. Several legs share a local port: whose a packet is follows the rule of `address.rs`, and where that leaves two
//! legs in question it is nobody's. What a leg's peer hears is one stream with one SSRC, numbered without a gap, whatever Tandem puts on it.

mod address;
mod commands;
mod dtmf;
mod leg;
mod packets;
mod play;
mod rtcp;
mod stream;
#[cfg(test)]
mod tests;
mod timers;
mod warm;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use self::{
    address::Directory,
    leg::{Leg, Sink, Timer},
};
use crate::{
    Event, MediaId,
    audio::{Cache, Clip},
};

/// Octets of a packet, at most; longer ones are dropped.
pub const MAX_PACKET: usize = 1600;

/// Limits and intervals.
#[derive(Clone, Debug)]
pub struct Config {
    /// From it the SSRCs and first numbers of all streams follow: random, and secret.
    pub seed: u64,
    /// Slots that may be open at once; an `Open` beyond is answered with [`Event::Failed`].
    pub max_legs: u32,
    /// Octets of tones kept for the next who plays them. Prompts are kept by whoever reads them, who sees when they change.
    pub cache: usize,
    /// Between two sender reports of what Tandem plays (RFC 3550 section 6.2).
    pub report: Duration,
    /// RTP and RTCP packets that a leg sends to an address that only its description names, before anything is heard
    /// from there: whoever writes a stranger's address into a description must not turn Tandem's media on the stranger
    /// (the attack of RFC 8445 section 19.5.1). The address that signalling comes from is not limited.
    pub unheard: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 0,
            max_legs: 65_536,
            cache: 64 * 1024 * 1024,
            report: Duration::from_secs(5),
            unheard: 50,
        }
    }
}

/// A local port's totals of what belongs to no leg.
#[derive(Debug, Default)]
struct Port {
    legs: usize,
    strangers: u64,
}

/// All legs of one engine thread.
#[derive(Debug)]
pub struct Relay {
    config: Config,
    legs: Vec<Option<Box<Leg>>>,
    open: usize,
    directory: Directory,
    ports: HashMap<u16, Port>,
    timers: BTreeSet<(Duration, u32, Timer)>,
    events: VecDeque<Event>,
    cache: Cache,
    /// Who waits for which prompt, and which prompts nobody has been asked for yet.
    waiting: BTreeMap<String, Vec<MediaId>>,
    wanted: VecDeque<String>,
    made: u64,
    scratch: Box<[u8; MAX_PACKET]>,
    /// Room for [`Relay::warm`] to work in: a leg and a payload type for each datagram.
    ways: Vec<(u32, u8)>,
}

impl Relay {
    /// An engine without legs.
    pub fn new(config: Config) -> Relay {
        Relay {
            legs: Vec::new(),
            open: 0,
            directory: Directory::default(),
            ports: HashMap::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
            cache: Cache::new(config.cache),
            waiting: BTreeMap::new(),
            wanted: VecDeque::new(),
            made: 0,
            scratch: Box::new([0; MAX_PACKET]),
            ways: Vec::new(),
            config,
        }
    }

    /// What signalling should know, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A prompt to be read and handed to [`Relay::loaded`], by name.
    pub fn poll_wanted(&mut self) -> Option<String> {
        self.wanted.pop_front()
    }

    /// When [`Relay::tick`] has something to do next.
    pub fn next_tick(&self) -> Option<Duration> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// Legs open now.
    pub fn legs(&self) -> usize {
        self.open
    }

    /// Whether any leg sits on this local port.
    pub fn is_in_use(&self, local_port: u16) -> bool {
        self.ports.contains_key(&local_port)
    }

    /// A prompt was read, or could not be.
    pub fn loaded(&mut self, now: Duration, name: &str, clip: Result<Arc<Clip>, String>) {
        let ports = self.waiting.remove(name).unwrap_or_default();
        for port in ports {
            let Some(leg) = self.live(port) else { continue };
            let slot = port.slot;
            let Some(player) = leg.player.as_mut().filter(|p| p.wanted().any(|w| w == name)) else {
                continue;
            };
            match &clip {
                Ok(clip) => {
                    player.loaded(name, clip);
                    if player.wanted().next().is_none() {
                        player.next = now;
                        self.arm(slot, Timer::Play, Some(now));
                    }
                }
                Err(fault) => {
                    let fault = format!("prompt {name:?}: {fault}");
                    self.end_play(slot, Some(fault));
                }
            }
        }
    }

    /// The open leg of that handle.
    fn live(&mut self, port: MediaId) -> Option<&mut Leg> {
        self.leg(port.slot).filter(|leg| leg.id == port)
    }

    fn leg(&mut self, slot: u32) -> Option<&mut Leg> {
        self.legs.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Two different legs at once.
    fn pair(&mut self, one: u32, other: u32) -> Option<(&mut Leg, &mut Leg)> {
        let [one, other] = self.legs.get_disjoint_mut([one as usize, other as usize]).ok()?;
        Some((one.as_deref_mut()?, other.as_deref_mut()?))
    }

    /// Sets or clears one timer of a leg.
    fn arm(&mut self, slot: u32, timer: Timer, at: Option<Duration>) {
        let Some(leg) = self.legs.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let due = &mut leg.due[timer as usize];
        if *due == at {
            return;
        }
        if let Some(before) = due.take() {
            self.timers.remove(&(before, slot, timer));
        }
        if let Some(at) = at {
            self.timers.insert((at, slot, timer));
        }
        *due = at;
    }

    /// Numbers that cannot be guessed from outside without the seed (splitmix64).
    fn random(&mut self) -> u64 {
        self.made = self.made.wrapping_add(1);
        let mut z = self
            .config
            .seed
            .wrapping_add(self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Ends what is being played, with [`Event::Played`].
    fn end_play(&mut self, slot: u32, fault: Option<String>) {
        let Some(leg) = self.leg(slot) else { return };
        let (port, player) = (leg.id, leg.player.take());
        self.arm(slot, Timer::Play, None);
        if let Some(player) = player {
            self.events.push_back(Event::Played {
                media: port,
                token: player.token,
                fault,
            });
        }
    }

    /// What the slot's leg says goes nowhere, and nobody's goes to it.
    fn unlink(&mut self, slot: u32) {
        let Some(leg) = self.leg(slot) else { return };
        let sink = std::mem::replace(&mut leg.sink, Sink::Nowhere);
        if let Sink::Peer(other) = sink
            && let Some(peer) = self.leg(other).filter(|peer| peer.sink == Sink::Peer(slot))
        {
            peer.sink = Sink::Nowhere;
            self.rebuild(other);
        }
        self.rebuild(slot);
    }

    /// The table of payload types, after either end of the leg's relaying changed.
    fn rebuild(&mut self, slot: u32) {
        let Some(leg) = self.legs.get(slot as usize).and_then(Option::as_deref) else {
            return;
        };
        let target = match leg.sink {
            Sink::Nowhere => None,
            Sink::Peer(other) => self.legs.get(other as usize).and_then(Option::as_deref),
            Sink::Echo => Some(leg),
        };
        let table = leg::table(&leg.remote, target.map(|t| t.remote.send_payloads.as_slice()));
        if let Some(leg) = self.leg(slot) {
            *leg.table = table;
        }
    }
}

/// IPv4 in IPv6's clothes is IPv4: what a dual-stack socket reports.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_none() => address,
        SocketAddr::V4(_) | SocketAddr::V6(_) => SocketAddr::new(address.ip().to_canonical(), address.port()),
    }
}
