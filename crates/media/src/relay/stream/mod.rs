//! One leg in the engine, made of parts.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Stream`]: decisions that need several parts: where packets to the peer go, and in which payload types | `id`, `local_port`, `remote`, `counters` |
//! | `guard.rs` | opens and seals packets | all of [`Guard`] |
//! | `ingress.rs` | packets from the peer: sources, payload types | all of [`Ingress`] |
//! | `egress.rs` | packets to the peer: relayed, played, pressed | all of [`Egress`] |
//! | `outgoing.rs` | numbers and time stamps of the one stream to the peer | all of `Outgoing` |
//! | `sound.rs` | what the peer says, decoded | all of `Sound` |
//! | `voice.rs` | sound that Tandem encodes for the peer | all of `Voice` |
//! | `crossing.rs` | keys beside sound that Tandem encodes | all of `Crossing` |
//! | `in_band.rs` | digits as tones, for peers that take no events | none |
//! | `dtmf.rs` | digits, heard and pressed | all of `Detector` and `Keys` |
//! | `playing.rs` | the next packet of a play | none |
//! | `rtcp/` | reports to and from the peer, feedback, the quality of the leg | all of `Incoming` and `Reports` |

pub(in crate::relay) mod crossing;
pub(in crate::relay) mod dtmf;
pub(in crate::relay) mod egress;
pub(in crate::relay) mod guard;
pub(in crate::relay) mod in_band;
pub(in crate::relay) mod ingress;
pub(in crate::relay) mod outgoing;
pub(in crate::relay) mod playing;
pub(in crate::relay) mod rtcp;
pub(in crate::relay) mod sound;
pub(in crate::relay) mod voice;

use std::{net::SocketAddr, time::Duration};

use rand_chacha::ChaCha8Rng;

use self::{egress::Egress, guard::Guard, ingress::Ingress, rtcp::Reports};
use super::{group::Seated, route::Route, timers::Due};
use crate::{Counters, MediaId, Remote, audio::RATE, codec, sound::Rate};

/// A leg's place in the engine.
#[derive(Debug)]
pub(in crate::relay) struct Stream {
    pub(in crate::relay) id: MediaId,
    /// The UDP port of its RTP; RTCP has the port above, or the same where both sides agreed to that.
    pub(in crate::relay) local_port: u16,
    /// The peer as signalling describes it.
    pub(in crate::relay) remote: Remote,
    pub(in crate::relay) guard: Guard,
    pub(in crate::relay) ingress: Ingress,
    pub(in crate::relay) route: Route,
    /// The group that decodes the leg's sound.
    pub(in crate::relay) group: Option<u32>,
    /// The leg's seat, while it is in a room.
    pub(in crate::relay) seated: Option<Seated>,
    pub(in crate::relay) egress: Egress,
    pub(in crate::relay) reports: Reports,
    pub(in crate::relay) due: Due,
    pub(in crate::relay) counters: Counters,
}

impl Stream {
    pub(in crate::relay) fn new(
        now: Duration,
        id: MediaId,
        local_port: u16,
        random: &mut ChaCha8Rng,
        unheard: u32,
    ) -> Stream {
        Stream {
            id,
            local_port,
            remote: Remote::default(),
            guard: Guard::default(),
            ingress: Ingress::new(now),
            route: Route::Nowhere,
            group: None,
            seated: None,
            egress: Egress::new(random, unheard),
            reports: Reports::default(),
            due: Due::default(),
            counters: Counters::default(),
        }
    }

    /// Where RTP to the peer goes: to the address that it was heard from, or to the signalled address before that.
    pub(in crate::relay) fn destination(&self) -> Option<SocketAddr> {
        let to = self.ingress.learned.or(self.remote.rtp);
        to.filter(|_| self.remote.direction.send)
    }

    /// Where RTCP to the peer goes, hold or not (RFC 3264 section 8.4 stops it only for `0.0.0.0`).
    pub(in crate::relay) fn rtcp_destination(&self) -> Option<SocketAddr> {
        if self.remote.rtcp_mux {
            let signalled = self.remote.rtp?;
            return Some(self.ingress.learned.unwrap_or(signalled));
        }
        let signalled = self.remote.rtcp?;
        Some(self.ingress.learned_rtcp.unwrap_or(signalled))
    }

    /// The local port that RTCP is sent from.
    pub(in crate::relay) fn rtcp_port(&self) -> u16 {
        self.local_port + u16::from(!self.remote.rtcp_mux)
    }

    /// Whether what came to the RTP port is RTCP (RFC 5761 section 4: payload types 64 to 95 are not used for RTP).
    pub(in crate::relay) fn is_rtcp(&self, bytes: &[u8]) -> bool {
        bytes.get(1).is_some_and(|kind| kind & 0xe0 == 0xc0) && self.remote.rtcp_mux
    }

    /// Whether one more packet may be sent there, and counts it. An address that the peer's signalling or packets come
    /// from has no limit; another address gets a few packets only ([`crate::relay::Config::unheard`]).
    pub(in crate::relay) fn may_send(&mut self, to: SocketAddr) -> bool {
        let heard = [self.ingress.learned, self.ingress.learned_rtcp];
        let known = heard.contains(&Some(to))
            || self.remote.signalling == Some(to.ip())
            || heard.into_iter().flatten().any(|heard| heard.ip() == to.ip());
        if known {
            return true;
        }
        let left = self.egress.unheard > 0;
        self.egress.unheard = self.egress.unheard.saturating_sub(1);
        self.counters.withheld += u64::from(!left);
        left
    }

    /// The highest rate of what the peer may send.
    pub(in crate::relay) fn best_rate(&self) -> Rate {
        let rates = self.remote.receive_payloads.iter().filter_map(codec::rate);
        rates.max().unwrap_or(Rate::Narrow)
    }

    /// The payload type of DTMF events beside 8 kHz audio.
    pub(in crate::relay) fn event_payload(&self) -> Option<u8> {
        self.remote
            .send_payloads
            .iter()
            .find(|p| p.is_event() && p.clock_rate == RATE)
            .map(|p| p.number)
    }

    /// Whether the tone of a key is on the line, in place of all other sound: the peer takes no events.
    pub(in crate::relay) fn sounds_key(&self) -> bool {
        self.egress.keys.is_pressed() && self.event_payload().is_none()
    }

    /// Milliseconds in a packet that Tandem makes.
    pub(in crate::relay) fn ptime(&self) -> u32 {
        match self.remote.ptime {
            asked @ (10 | 20 | 30 | 40 | 50 | 60) => u32::from(asked),
            _ => 20,
        }
    }
}
