//! One leg in the engine.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    address::Announced,
    dtmf::{Detector, Keys},
    play::Player,
    stream::{Incoming, Outgoing},
};
use crate::{Counters, MediaId, Payload, Remote, audio::RATE, codec::g711::Law};

/// Where what a leg's peer says goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Nowhere,
    Peer(u32),
    Echo,
}

/// What to do with a payload type.
#[derive(Copy, Clone, Debug)]
pub(super) enum Entry {
    /// Not in the leg's description.
    Unknown,
    Known {
        clock: u32,
        event: bool,
        /// The receiver's number, and the law to transcode from; `None` where the receiver has no such codec.
        onward: Option<(u8, Option<Law>)>,
    },
}

/// What a payload type means, by number.
pub(super) type Table = [Entry; 128];

/// The timers of a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Watch,
    Play,
    Keys,
    Report,
}

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: MediaId,
    pub(super) local_port: u16,
    pub(super) remote: Remote,
    /// Whether a description has come; before, nothing is known of payload types.
    pub(super) described: bool,
    pub(super) announced: Announced,
    pub(super) announced_rtcp: Announced,
    /// The source all RTP must come from.
    pub(super) learned: Option<SocketAddr>,
    pub(super) learned_rtcp: Option<SocketAddr>,
    /// From which address it sends which SSRC, as the directory knows it.
    pub(super) speaking: Option<(IpAddr, u32)>,
    /// Other streams came from its source that may have been another leg's.
    pub(super) disputed: bool,
    /// Packets that may still go to an address from which nothing was heard.
    pub(super) unheard: u32,
    pub(super) sink: Sink,
    pub(super) table: Box<Table>,
    pub(super) out: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) player: Option<Player>,
    pub(super) keys: Keys,
    pub(super) detector: Detector,
    pub(super) watch: Option<Duration>,
    pub(super) heard: Duration,
    /// When each [`Timer`] is due.
    pub(super) due: [Option<Duration>; 4],
    pub(super) counters: Counters,
    /// The local port's count of strangers' packets when the leg opened.
    pub(super) strangers: u64,
}

impl Leg {
    pub(super) fn new(id: MediaId, local_port: u16, random: u64) -> Leg {
        Leg {
            id,
            local_port,
            remote: Remote::default(),
            described: false,
            announced: Announced::default(),
            announced_rtcp: Announced::default(),
            learned: None,
            learned_rtcp: None,
            speaking: None,
            disputed: false,
            unheard: 0,
            sink: Sink::Nowhere,
            table: Box::new([Entry::Unknown; 128]),
            out: Outgoing::new(random),
            incoming: Incoming::default(),
            player: None,
            keys: Keys::default(),
            detector: Detector::default(),
            watch: None,
            heard: Duration::ZERO,
            due: [None; 4],
            counters: Counters::default(),
            strangers: 0,
        }
    }

    /// Where RTP to the peer goes: to the address it was heard from, before that to the one it signalled.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.learned.or(self.remote.rtp).filter(|_| self.remote.direction.send)
    }

    /// Where RTCP to the peer goes, hold or not (RFC 3264 section 8.4 stops it only for `0.0.0.0`).
    pub(super) fn rtcp_destination(&self) -> Option<SocketAddr> {
        self.remote.rtcp.map(|signalled| self.learned_rtcp.unwrap_or(signalled))
    }

    /// Whether one more packet may be sent there: to where signalling or packets of the peer come from any number, to
    /// others a few ([`super::Config::unheard`]). Counts it.
    pub(super) fn may_send(&mut self, to: SocketAddr) -> bool {
        let heard = [self.learned, self.learned_rtcp];
        let known = heard.contains(&Some(to))
            || self.remote.signalling == Some(to.ip())
            || heard.into_iter().flatten().any(|heard| heard.ip() == to.ip());
        if known {
            return true;
        }
        let left = self.unheard > 0;
        self.unheard = self.unheard.saturating_sub(1);
        self.counters.withheld += u64::from(!left);
        left
    }

    /// The one stream it sends, as far as that is known.
    pub(super) fn stream(&self) -> Option<u32> {
        self.speaking.filter(|_| !self.disputed).map(|(_, ssrc)| ssrc)
    }

    /// The payload type and law in which Tandem's own audio is sent: the peer's first G.711.
    pub(super) fn law(&self) -> Option<(u8, Law)> {
        let mut payloads = self.remote.send_payloads.iter();
        payloads.find_map(|p| Some((p.number, p.law()?)))
    }

    /// The payload type of DTMF events beside 8 kHz audio.
    pub(super) fn event_payload(&self) -> Option<u8> {
        self.remote
            .send_payloads
            .iter()
            .find(|p| p.is_event() && p.clock_rate == RATE)
            .map(|p| p.number)
    }

    /// Milliseconds in a packet that Tandem makes.
    pub(super) fn ptime(&self) -> u32 {
        match self.remote.ptime {
            asked @ (10 | 20 | 30 | 40 | 50 | 60) => u32::from(asked),
            _ => 20,
        }
    }
}

/// What the payload types of `from` become for a receiver with these.
pub(super) fn table(from: &Remote, to: Option<&[Payload]>) -> Table {
    let mut table = [Entry::Unknown; 128];
    // Some peers send by the numbers of their own description: taken where they mean nothing else.
    for payload in from.receive_payloads.iter().chain(&from.send_payloads) {
        let Some(entry @ Entry::Unknown) = table.get_mut(usize::from(payload.number)) else {
            continue;
        };
        *entry = Entry::Known {
            clock: payload.clock_rate.max(1),
            event: payload.is_event(),
            onward: to.and_then(|to| onward(payload, to)),
        };
    }
    table
}

fn onward(payload: &Payload, to: &[Payload]) -> Option<(u8, Option<Law>)> {
    let alike = |p: &&Payload| p.clock_rate == payload.clock_rate && p.channels == payload.channels && p.number < 128;
    if let Some(same) = to.iter().filter(alike).find(|p| p.codec == payload.codec) {
        return Some((same.number, None));
    }
    let law = payload.law()?;
    to.iter()
        .filter(alike)
        .find(|p| p.law().is_some())
        .map(|other| (other.number, Some(law)))
}
