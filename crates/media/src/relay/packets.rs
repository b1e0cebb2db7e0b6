//! A datagram's way through the relay.

use std::{net::SocketAddr, time::Duration};

use super::{
    Relay,
    address::{Announced, Match},
    canonical,
    group::{self, hearing},
    raw,
    route::Route,
    stream::{
        dtmf,
        egress::Passing,
        ingress::Onward,
        outgoing::Origin,
        rtcp::{self, feedback, reader::Compound},
        sound,
    },
    timers::Timer,
};
use crate::Event;

impl Relay {
    /// Takes a datagram that came to `local_port` (RTP on the even port, RTCP on the odd port above). Packets that are
    /// to be sent go through `out` as (local port, destination, octets). An encrypted packet is decrypted in place.
    pub fn packet<F>(&mut self, now: Duration, local_port: u16, from: SocketAddr, bytes: &mut [u8], out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let from = canonical(from);
        if local_port % 2 == 1 {
            return self.rtcp(now, local_port, from, bytes, out);
        }
        let (slot, new) = match self.directory.find(local_port, from) {
            Some(slot) => (slot, None),
            None => match self.candidate(now, local_port, from, ssrc_of(bytes).unwrap_or_default()) {
                Some(found) => (found.slot(), Some(found)),
                None => return self.stranger(local_port),
            },
        };
        let Some(mut stream) = self.streams.get(slot) else {
            return;
        };
        if stream.remote.raw || stream.is_rtcp(bytes) {
            return self.other(now, (slot, new), from, bytes, out);
        }
        let Some(heard) = stream.open(bytes) else {
            stream.counters.malformed += u64::from(stream.ingress.described);
            return;
        };
        let rtp = heard.rtp;
        if let Some(found) = new {
            // Only audio of the leg's own description comes as far as this, and can bind an address to it.
            stream.learn(&mut self.directory, now, from, found);
            stream.egress.unheard = self.config.unheard;
            let media = stream.id;
            self.events.push_back(Event::Learned { media, remote: from });
        }
        let origin = Origin {
            slot,
            ssrc: rtp.ssrc(),
            sequence: u16::from(rtp.sequence_number()),
            timestamp: rtp.timestamp(),
            clock: heard.clock,
            event: heard.event,
        };
        let speaking = Some((from.ip(), origin.ssrc));
        if stream.ingress.speaking != speaking && !stream.begins(&mut self.directory, now, from, origin.ssrc) {
            return self.stranger(local_port);
        }
        stream.counters.received += 1;
        let ingress = &mut stream.ingress;
        ingress.heard = now;
        ingress.incoming.packet(now, &origin, rtp.payload_type());
        let packet = Passing {
            origin,
            marker: rtp.mark(),
            taken: stream.remote.direction.receive,
            onward: heard.onward,
            payload: rtp.payload(),
        };
        if origin.event && packet.taken {
            self.key(now, slot, &packet);
            match self.streams.get(slot) {
                Some(again) => stream = again,
                None => return,
            }
        }
        if stream.ingress.sound.is_some() || (packet.onward == Onward::Sound && packet.taken) {
            self.hear(now, slot, &packet, rtp.payload_type());
            match self.streams.get(slot) {
                Some(again) => stream = again,
                None => return,
            }
        }
        match stream.route {
            Route::Nowhere | Route::Room => {}
            Route::Relay(other) => {
                if let Some(target) = self.streams.get(other) {
                    target.relay(now, &packet, &mut self.scratch, out);
                }
            }
            Route::Echo => stream.relay(now, &packet, &mut self.scratch, out),
        }
    }

    /// A packet of a key (RFC 4733): tells signalling what it says.
    fn key(&mut self, now: Duration, slot: u32, packet: &Passing<'_>) {
        let Some(stream) = self.streams.get(slot) else { return };
        let (media, stamp) = (stream.id, (packet.origin.timestamp, packet.origin.clock));
        let detector = &mut stream.ingress.detector;
        let heard = detector.packet(now, stamp, packet.payload);
        let until = detector.is_open().then_some(now + dtmf::LOST);
        self.events
            .extend(heard.into_iter().map(|heard| hearing::event(media, heard)));
        self.arm(slot, Timer::Held, until);
    }

    /// What came to the RTP port and is no RTP of audio: a datagram of a line besides the audio, or RTCP (RFC 5761).
    fn other<F>(
        &mut self,
        now: Duration,
        (slot, new): (u32, Option<Match>),
        from: SocketAddr,
        bytes: &mut [u8],
        out: &mut F,
    ) where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(stream) = self.streams.get(slot) else { return };
        if !stream.remote.raw {
            let port = stream.local_port;
            // Only RTP tells the address of a phone behind NAT.
            return match new {
                Some(Match::Address(_)) => self.stranger(port),
                found => self.reports(now, slot, found.map(|_| from), bytes, out),
            };
        }
        if let Some(found) = new {
            stream.learn(&mut self.directory, now, from, found);
            stream.egress.unheard = self.config.unheard;
            let media = stream.id;
            self.events.push_back(Event::Learned { media, remote: from });
        }
        raw::pass(&mut self.streams, now, slot, bytes, false, out);
    }

    /// From now on RTCP comes from that source alone.
    fn learn_reports(&mut self, slot: u32, port: u16, from: SocketAddr) {
        let Some(stream) = self.streams.get(slot) else { return };
        stream.ingress.learned_rtcp = Some(from);
        self.directory.bind(stream.id, port, from);
        self.directory.withdraw(stream.id, port, &stream.ingress.announced_rtcp);
        stream.ingress.announced_rtcp = Announced::default();
        stream.egress.unheard = self.config.unheard;
    }

    /// A packet that is to be decoded, or a key between such packets.
    fn hear(&mut self, now: Duration, slot: u32, packet: &Passing<'_>, number: u8) {
        if !packet.taken {
            return;
        }
        if self
            .streams
            .look(slot)
            .is_some_and(|stream| stream.ingress.sound.is_none())
        {
            group::members::begin_sound(self, now, slot);
        }
        let Some(stream) = self.streams.get(slot) else { return };
        sound::take_sound(stream, now, packet, number);
        if let Some(group) = stream.group {
            self.groups.wake(group, now);
        }
    }

    /// Counts a packet that belongs to no leg on the port.
    fn stranger(&mut self, rtp_port: u16) {
        if let Some(port) = self.ports.get_mut(&rtp_port) {
            port.strangers += 1;
        }
    }

    /// The leg that this new source must belong to, by the rule of `address.rs`.
    fn candidate(&self, now: Duration, port: u16, from: SocketAddr, ssrc: u32) -> Option<Match> {
        let found = self.directory.candidate(now, port, from, ssrc)?;
        // An address that only a description names may belong to a stranger whose own description comes soon.
        let stranger = match found {
            Match::Exact(_) => Some(from.ip()),
            Match::Address(_) => None,
        };
        let stream = self.streams.look(found.slot())?;
        let own = !stream.ingress.described || stream.remote.signalling == Some(from.ip());
        (own || !self.directory.is_undescribed(port & !1, stranger)).then_some(found)
    }

    fn rtcp<F>(&mut self, now: Duration, port: u16, from: SocketAddr, bytes: &mut [u8], out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        // The sender's SSRC is readable in SRTCP, too (RFC 3711 section 3.4).
        let Some(ssrc) = ssrc_at(bytes, 4) else { return };
        let known = self.directory.find(port, from);
        let Some(slot) = known.or_else(|| self.rtcp_candidate(now, port, from, ssrc)) else {
            return self.stranger(port - 1);
        };
        self.reports(now, slot, known.is_none().then_some(from), bytes, out);
    }

    /// RTCP of the peer of the leg in that slot; `learn` is its source where that is new.
    fn reports<F>(&mut self, now: Duration, slot: u32, learn: Option<SocketAddr>, bytes: &mut [u8], out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(stream) = self.streams.get(slot) else { return };
        let port = stream.local_port + 1;
        if stream.remote.raw {
            if let Some(from) = learn {
                self.learn_reports(slot, port, from);
            }
            return raw::pass(&mut self.streams, now, slot, bytes, true, out);
        }
        let Some(compound) = stream.guard.open_rtcp(bytes).and_then(Compound::parse) else {
            stream.counters.malformed += u64::from(stream.ingress.described);
            return;
        };
        if let Some(from) = learn {
            self.learn_reports(slot, port, from);
        }
        let Some(stream) = self.streams.get(slot) else { return };
        stream.ingress.heard = now;
        rtcp::take(stream, now, compound);
        let Route::Relay(other) = stream.route else { return };
        if let Some((stream, peer)) = self.streams.pair(slot, other) {
            feedback::pass(compound, stream, peer, &mut self.scratch[..], out);
        }
    }

    /// RTCP's source is learned where it is the signalled one, or comes from the host the leg's RTP comes from and
    /// names the same stream.
    fn rtcp_candidate(&self, now: Duration, port: u16, from: SocketAddr, ssrc: u32) -> Option<u32> {
        let signalled = match self.candidate(now, port, from, ssrc) {
            Some(Match::Exact(slot)) => Some(slot),
            Some(Match::Address(_)) | None => None,
        };
        signalled.or_else(|| {
            let speaker = self.directory.speaker(now, port - 1, from.ip(), ssrc)?;
            let stream = self.streams.look(speaker)?;
            stream.ingress.learned_rtcp.is_none().then_some(speaker)
        })
    }
}

/// The SSRC in a packet, which is never encrypted: octet 8 in RTP, 4 in RTCP.
fn ssrc_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The SSRC in a packet that came to the RTP port, which may be RTCP (RFC 5761 section 4).
fn ssrc_of(bytes: &[u8]) -> Option<u32> {
    let is_rtcp = bytes.get(1)? & 0xe0 == 0xc0;
    ssrc_at(bytes, if is_rtcp { 4 } else { 8 })
}
