//! A datagram's way through the relay.

use std::{net::SocketAddr, time::Duration};

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::{
    MAX_PACKET, Relay,
    address::{Directory, Match},
    canonical,
    leg::{Entry, Leg, Sink},
    stream::{Join, Origin, Place},
};
use crate::{Event, codec::g711::Law};

impl Relay {
    /// Takes a datagram that came to `local_port` (RTP on the even one, RTCP on the odd one above); what it gives rise
    /// to goes through `out` as (local port, destination, octets).
    pub fn packet<F>(&mut self, now: Duration, local_port: u16, from: SocketAddr, bytes: &[u8], out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let from = canonical(from);
        if local_port % 2 == 1 {
            return self.rtcp(now, local_port, from, bytes, out);
        }
        let Some(slot) = self
            .directory
            .find(local_port, from)
            .or_else(|| self.learn(now, local_port, from, bytes))
        else {
            return;
        };
        let Some(leg) = self.legs.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some((rtp, Entry::Known { clock, event, onward })) = read(leg, bytes) else {
            leg.counters.malformed += 1;
            return;
        };
        let (sequence, timestamp, ssrc) = (u16::from(rtp.sequence_number()), rtp.timestamp(), rtp.ssrc());
        if leg.speaking != Some((from.ip(), ssrc)) && !begins(&mut self.directory, leg, now, from, ssrc) {
            if let Some(port) = self.ports.get_mut(&local_port) {
                port.strangers += 1;
            }
            return;
        }
        leg.counters.received += 1;
        leg.heard = now;
        leg.incoming.packet(now, ssrc, sequence, timestamp, clock);
        let payload = rtp.payload();
        let takes = leg.remote.direction.receive;
        if event
            && takes
            && let Some(digit) = leg.detector.packet(now, timestamp, payload)
        {
            self.events.push_back(Event::Dtmf { media: leg.id, digit });
        }
        let sink = match leg.sink {
            Sink::Nowhere => return,
            Sink::Peer(other) => other,
            Sink::Echo => slot,
        };
        let Some(target) = self.legs.get_mut(sink as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let destination = match target.destination() {
            Some(destination) if takes && target.player.is_none() => destination,
            // Hold, or something else is on the line: what comes after is no continuation.
            _ => return target.out.interrupt(Join::Anew),
        };
        if target.keys.is_pressed() {
            return target.out.interrupt(Join::Sequence);
        }
        let Some((number, transcode)) = onward else { return };
        if payload.is_empty() {
            return;
        }
        let origin = Origin {
            slot,
            ssrc,
            sequence,
            timestamp,
            clock,
            event,
        };
        let frame = target.ptime() * (clock / 1000);
        let place = target.out.relay(now, origin, frame);
        let marker = rtp.mark() || (place.first && !event);
        let header = Header {
            number,
            marker,
            place,
            ssrc: target.out.ssrc,
        };
        send(&mut self.scratch, target, destination, header, payload, transcode, out);
    }

    /// The leg that this new source must belong to, by the rule of `address.rs`.
    pub(super) fn candidate(&self, now: Duration, port: u16, from: SocketAddr, ssrc: u32) -> Option<Match> {
        let found = self.directory.candidate(now, port, from, ssrc)?;
        // An address that only a description names may be a stranger's, who is about to be described there.
        let (slot, stranger) = match found {
            Match::Exact(slot) => (slot, Some(from.ip())),
            Match::Address(slot) => (slot, None),
        };
        let leg = self.legs.get(slot as usize)?.as_deref()?;
        let own = !leg.described || leg.remote.signalling == Some(from.ip());
        (own || !self.directory.is_undescribed(port & !1, stranger)).then_some(found)
    }

    /// The silent leg this new source belongs to, which from now on takes packets from it alone.
    fn learn(&mut self, now: Duration, local_port: u16, from: SocketAddr, bytes: &[u8]) -> Option<u32> {
        let ssrc = bytes
            .get(8..12)
            .and_then(|word| Some(u32::from_be_bytes(*word.first_chunk()?)));
        let found = self.candidate(now, local_port, from, ssrc.unwrap_or_default());
        let (slot, exact) = match found {
            Some(Match::Exact(slot)) => (slot, true),
            Some(Match::Address(slot)) => (slot, false),
            None => {
                if let Some(port) = self.ports.get_mut(&local_port) {
                    port.strangers += 1;
                }
                return None;
            }
        };
        let leg = self.legs.get_mut(slot as usize)?.as_deref_mut()?;
        // Only audio of the leg's own description can bind an address to it.
        if read(leg, bytes).is_none() {
            leg.counters.malformed += u64::from(leg.described);
            return None;
        }
        let stream = leg.stream();
        if let Some(before) = leg.learned.replace(from) {
            self.directory.unbind(now, local_port, before, stream);
        }
        self.directory.speaks(leg.id, local_port, leg.speaking.take(), None);
        leg.disputed = false;
        self.directory.bind(leg.id, local_port, from);
        self.directory.withdraw(leg.id, local_port, &leg.announced);
        let still = leg.remote.rtp.filter(|_| !exact);
        leg.announced = self.directory.correct(leg.id, local_port, still);
        leg.unheard = self.config.unheard;
        self.events.push_back(Event::Learned {
            media: leg.id,
            remote: from,
        });
        Some(slot)
    }
}

/// Another stream comes from a leg's own source. Whether it is the leg's.
fn begins(directory: &mut Directory, leg: &mut Leg, now: Duration, from: SocketAddr, ssrc: u32) -> bool {
    let key = (leg.local_port, from);
    if leg.speaking.is_some() && directory.is_contested(now, leg.id, key, leg.remote.rtp, ssrc) {
        leg.disputed = true;
        return false;
    }
    if leg.incoming.ssrc != Some(ssrc) {
        leg.detector.reset();
    }
    let before = leg.speaking.replace((from.ip(), ssrc));
    directory.speaks(leg.id, leg.local_port, before, leg.speaking);
    true
}

/// RTP of a payload type that the leg's description has.
fn read<'a>(leg: &Leg, bytes: &'a [u8]) -> Option<(RtpReader<'a>, Entry)> {
    if bytes.len() >= MAX_PACKET {
        return None;
    }
    let rtp = RtpReader::new(bytes).ok()?;
    match leg.table[usize::from(rtp.payload_type())] {
        Entry::Unknown => None,
        known @ Entry::Known { .. } => Some((rtp, known)),
    }
}

/// The header of a packet to be sent.
#[derive(Copy, Clone, Debug)]
pub(super) struct Header {
    pub(super) number: u8,
    pub(super) marker: bool,
    pub(super) place: Place,
    pub(super) ssrc: u32,
}

/// Writes a packet anew (no contributing sources, extensions or padding of the other leg's go along) and sends it.
pub(super) fn send<F>(
    scratch: &mut [u8; MAX_PACKET],
    leg: &mut Leg,
    to: SocketAddr,
    header: Header,
    payload: &[u8],
    transcode: Option<Law>,
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    if !leg.may_send(to) {
        return;
    }
    let builder = RtpPacketBuilder::new()
        .payload_type(header.number)
        .marked(header.marker)
        .sequence(Seq::from(header.place.sequence))
        .timestamp(header.place.timestamp)
        .ssrc(header.ssrc)
        .payload(payload);
    let Ok(length) = builder.build_into(&mut scratch[..]) else {
        return;
    };
    if let Some(law) = transcode {
        let table = law.to_other();
        for octet in &mut scratch[RtpReader::MIN_HEADER_LEN..length] {
            *octet = table[usize::from(*octet)];
        }
    }
    leg.out.count(payload.len());
    leg.counters.sent += 1;
    out(leg.local_port, to, &scratch[..length]);
}
