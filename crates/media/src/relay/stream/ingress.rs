//! Packets from a leg's peer: their sources, the meaning of their payload types, and their counts.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rtp_rs::RtpReader;

use super::{Stream, dtmf::Detector, rtcp::incoming::Incoming, sound::Sound};
use crate::{
    Payload, Remote,
    codec::g711::Law,
    relay::{
        MAX_PACKET,
        address::{Announced, Directory, Match},
    },
};

/// The treatment of a payload type.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) enum Entry {
    /// Not in the leg's description.
    Unknown,
    Known {
        clock: u32,
        event: bool,
        onward: Onward,
    },
}

/// What becomes of a packet of that payload type, for the receiver at the other end of the route.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Onward {
    /// The receiver has nothing that it could become.
    Nowhere,
    /// It goes on as it is, under the receiver's number.
    Copy(u8),
    /// It goes on under the receiver's number, octet by octet in the other law of G.711.
    Law(u8, Law),
    /// A key of RFC 4733 goes on under the receiver's number, its time in units of the receiver's clock.
    Key(u8, u32),
    /// It is decoded: the receiver has none of the sender's encoding.
    Sound,
}

/// The treatment of each payload type, by number.
pub(in crate::relay) type Table = [Entry; 128];

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Ingress {
    pub(in crate::relay) announced: Announced,
    pub(in crate::relay) announced_rtcp: Announced,
    /// The source all RTP must come from.
    pub(in crate::relay) learned: Option<SocketAddr>,
    pub(in crate::relay) learned_rtcp: Option<SocketAddr>,
    /// From which address the peer sends which SSRC, as the directory knows it.
    pub(in crate::relay) speaking: Option<(IpAddr, u32)>,
    /// Other streams came from its source that may have been another leg's.
    pub(in crate::relay) disputed: bool,
    /// Whether a description has come; before, nothing is known of payload types.
    pub(in crate::relay) described: bool,
    pub(in crate::relay) table: Box<Table>,
    pub(in crate::relay) incoming: Incoming,
    pub(in crate::relay) detector: Detector,
    /// How long the peer may be silent.
    pub(in crate::relay) watch: Option<Duration>,
    /// What the peer says, decoded; `None` while nothing needs it.
    pub(in crate::relay) sound: Option<Box<Sound>>,
    /// Tones of keys are left out of what the peer says: it is decoded also where it could be copied.
    pub(in crate::relay) filtered: bool,
    /// When the peer was heard last.
    pub(in crate::relay) heard: Duration,
    /// The local port's count of strangers' packets when the leg opened.
    pub(in crate::relay) strangers: u64,
}

impl Ingress {
    pub(in crate::relay) fn new(now: Duration) -> Ingress {
        Ingress {
            announced: Announced::default(),
            announced_rtcp: Announced::default(),
            learned: None,
            learned_rtcp: None,
            speaking: None,
            disputed: false,
            described: false,
            table: Box::new([Entry::Unknown; 128]),
            incoming: Incoming::default(),
            detector: Detector::default(),
            watch: None,
            sound: None,
            filtered: false,
            heard: now,
            strangers: 0,
        }
    }

    /// The stream that the peer sends, as far as it is known.
    pub(in crate::relay) fn ssrc(&self) -> Option<u32> {
        self.speaking.filter(|_| !self.disputed).map(|(_, ssrc)| ssrc)
    }
}

/// A packet of the peer's that was opened and understood.
pub(in crate::relay) struct Heard<'a> {
    pub(in crate::relay) rtp: RtpReader<'a>,
    /// The RTP clock of its codec.
    pub(in crate::relay) clock: u32,
    /// RFC 4733 events, not audio.
    pub(in crate::relay) event: bool,
    pub(in crate::relay) onward: Onward,
}

impl Stream {
    /// RTP of the peer's, of a payload type that its description has.
    pub(in crate::relay) fn open<'a>(&mut self, bytes: &'a mut [u8]) -> Option<Heard<'a>> {
        if bytes.len() >= MAX_PACKET {
            return None;
        }
        let rtp = RtpReader::new(self.guard.open(bytes)?).ok()?;
        match self.ingress.table[usize::from(rtp.payload_type())] {
            Entry::Unknown => None,
            Entry::Known { clock, event, onward } => Some(Heard {
                rtp,
                clock,
                event,
                onward,
            }),
        }
    }

    /// From now on RTP comes from that source alone.
    pub(in crate::relay) fn learn(&mut self, directory: &mut Directory, now: Duration, from: SocketAddr, found: Match) {
        let (id, port) = (self.id, self.local_port);
        let ssrc = self.ingress.ssrc();
        if let Some(before) = self.ingress.learned.replace(from) {
            directory.unbind(now, port, before, ssrc);
        }
        self.forget_speaker(directory);
        directory.bind(id, port, from);
        directory.withdraw(id, port, &self.ingress.announced);
        // A leg that was learned by its address alone may still be heard from the exact source that its description
        // names.
        let still = self.remote.rtp.filter(|_| matches!(found, Match::Address(_)));
        self.ingress.announced = directory.correct(id, port, still);
    }

    /// The peer is known by no stream.
    pub(in crate::relay) fn forget_speaker(&mut self, directory: &mut Directory) {
        directory.speaks(self.id, self.local_port, self.ingress.speaking.take(), None);
        self.ingress.disputed = false;
    }

    /// Another stream comes from the leg's own source. Whether it is the leg's.
    pub(in crate::relay) fn begins(
        &mut self,
        directory: &mut Directory,
        now: Duration,
        from: SocketAddr,
        ssrc: u32,
    ) -> bool {
        let key = (self.local_port, from);
        let ingress = &mut self.ingress;
        if ingress.speaking.is_some() && directory.is_contested(now, self.id, key, self.remote.rtp, ssrc) {
            ingress.disputed = true;
            return false;
        }
        if ingress.incoming.ssrc != Some(ssrc) {
            ingress.detector.reset();
            if let Some(sound) = &mut ingress.sound {
                sound.begin_again();
            }
        }
        let before = ingress.speaking.replace((from.ip(), ssrc));
        directory.speaks(self.id, self.local_port, before, ingress.speaking);
        true
    }
}

/// The other end of a route.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) enum Target<'a> {
    /// There is none.
    Nowhere,
    /// A peer that takes these payload types.
    Peer(&'a [Payload]),
    /// What takes decoded sound.
    Sound,
}

/// The payload types of `from`, as they become for a receiver with these. `filtered`: what can be decoded is.
pub(in crate::relay) fn table(from: &Remote, to: Target<'_>, filtered: bool) -> Table {
    let mut table = [Entry::Unknown; 128];
    // Some peers send by the numbers of their own description: taken where they mean nothing else.
    for payload in from.receive_payloads.iter().chain(&from.send_payloads) {
        let Some(entry @ Entry::Unknown) = table.get_mut(usize::from(payload.number)) else {
            continue;
        };
        *entry = Entry::Known {
            clock: payload.clock_rate.max(1),
            event: payload.is_event(),
            onward: match to {
                Target::Nowhere => Onward::Nowhere,
                Target::Peer(to) => onward(payload, &from.receive_payloads, to, filtered),
                Target::Sound => decoded(payload),
            },
        };
    }
    table
}

fn decoded(payload: &Payload) -> Onward {
    if payload.converts() || payload.is_noise() {
        Onward::Sound
    } else {
        Onward::Nowhere
    }
}

/// `own`: all payload types of the sender.
fn onward(payload: &Payload, own: &[Payload], to: &[Payload], filtered: bool) -> Onward {
    // Comfort noise belongs to the speech beside it: where that is decoded, the noise is, too.
    let noise = payload.is_noise();
    let speech = if noise {
        own.iter().find(|p| p.is_audio() && p.clock_rate == payload.clock_rate)
    } else {
        Some(payload)
    };
    if noise && speech.is_some_and(|speech| onward(speech, own, to, filtered) == Onward::Sound) {
        return Onward::Sound;
    }
    if filtered && payload.converts() && to.iter().any(Payload::converts) {
        return Onward::Sound;
    }
    let alike = |p: &&Payload| p.clock_rate == payload.clock_rate && p.channels == payload.channels && p.number < 128;
    if let Some(same) = to.iter().filter(alike).find(|p| p.codec == payload.codec) {
        return Onward::Copy(same.number);
    }
    if payload.is_event() {
        return key(to);
    }
    if let Some(law) = payload.law()
        && let Some(other) = to.iter().filter(alike).find(|p| p.law().is_some())
    {
        return Onward::Law(other.number, law);
    }
    let shared = |speech: &Payload| {
        to.iter()
            .any(|p| p.codec == speech.codec && p.clock_rate == speech.clock_rate)
    };
    match speech {
        Some(speech) if speech.converts() && !shared(speech) && to.iter().any(Payload::converts) => Onward::Sound,
        Some(_) | None => Onward::Nowhere,
    }
}

/// The receiver's type for keys: at the clock of its first codec (RFC 4733 section 2.5.1.1 wants one clock for both).
fn key(to: &[Payload]) -> Onward {
    let clock = to.iter().find(|p| p.is_audio()).map(|p| p.clock_rate);
    let events = || to.iter().filter(|p| p.is_event() && p.number < 128);
    let found = events()
        .find(|p| Some(p.clock_rate) == clock)
        .or_else(|| events().next());
    found.map_or(Onward::Nowhere, |p| Onward::Key(p.number, p.clock_rate))
}
