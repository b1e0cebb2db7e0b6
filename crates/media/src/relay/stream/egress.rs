//! The stream to a leg's peer: packets that are relayed, audio that Tandem plays, digits that it presses. Each packet
//! is written, sealed and sent here.

use std::{net::SocketAddr, time::Duration};

use rand_chacha::ChaCha8Rng;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::{
    Stream,
    crossing::{self, Crossing},
    dtmf::{self, Keys, Packet, Step},
    in_band,
    ingress::Onward,
    outgoing::{Join, Origin, Outgoing, Position},
    voice::{Packets, Voice},
};
use crate::{
    audio::RATE,
    codec::g711::Law,
    relay::{MAX_PACKET, play::Player},
};

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Egress {
    pub(in crate::relay) out: Outgoing,
    /// Packets that may still go to an address from which nothing was heard.
    pub(in crate::relay) unheard: u32,
    pub(in crate::relay) player: Option<Player>,
    pub(in crate::relay) keys: Keys,
    /// Encodes what is heard of others.
    pub(in crate::relay) voice: Option<Box<Voice>>,
    /// The packets that Tandem makes; `None` where Tandem converts none of the peer's codecs.
    pub(in crate::relay) packets: Option<Packets>,
    /// The time stamp of the next packet that Tandem makes; `None` while the packets of another leg are copied, or nothing
    /// is sent.
    pub(in crate::relay) made: Option<u32>,
    /// The key of another leg that is on the line.
    pub(in crate::relay) crossing: Crossing,
}

impl Egress {
    pub(in crate::relay) fn new(random: &mut ChaCha8Rng, unheard: u32) -> Egress {
        Egress {
            out: Outgoing::new(random),
            unheard,
            player: None,
            keys: Keys::default(),
            voice: None,
            packets: None,
            made: None,
            crossing: Crossing::default(),
        }
    }

    /// Whether a packet of the other leg's belongs to a key that was sent to the peer before, by its INFO.
    fn repeats(&mut self, now: Duration, packet: &Passing<'_>) -> bool {
        let Some(event) = packet.payload.first().copied().filter(|_| packet.origin.event) else {
            return false;
        };
        let press = (packet.origin.ssrc, packet.origin.timestamp);
        if !self.crossing.is_new(now, press, event) {
            return self.crossing.is_left_out(press);
        }
        let repeats = self.keys.was_last(now, event);
        if repeats {
            self.crossing.leave_out(press);
        }
        repeats
    }

    /// The packets of another leg are copied again. A key that is copied says nothing of the audio beside it.
    fn copied(&mut self, event: bool) {
        if self.made.is_some() && !event {
            self.pause();
            self.out.interrupt(Join::Anew);
        }
    }

    /// Tandem makes no sound for the peer now.
    pub(in crate::relay) fn pause(&mut self) {
        self.made = None;
        if let Some(voice) = &mut self.voice {
            voice.clear();
        }
    }
}

/// A packet on its way to a leg.
pub(in crate::relay) struct Passing<'a> {
    pub(in crate::relay) origin: Origin,
    pub(in crate::relay) marker: bool,
    /// Whether the sender is listened to now.
    pub(in crate::relay) taken: bool,
    pub(in crate::relay) onward: Onward,
    pub(in crate::relay) payload: &'a [u8],
}

/// The header of a packet to be sent; the SSRC is the stream's.
#[derive(Copy, Clone, Debug)]
pub(in crate::relay) struct Header {
    pub(in crate::relay) number: u8,
    pub(in crate::relay) marker: bool,
    pub(in crate::relay) position: Position,
}

impl Stream {
    /// Puts a packet of another leg's peer (or, for an echo, of its own) on the stream to the leg's peer.
    pub(in crate::relay) fn relay<F>(
        &mut self,
        now: Duration,
        packet: &Passing<'_>,
        scratch: &mut [u8; MAX_PACKET],
        out: &mut F,
    ) where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let destination = match self.destination() {
            Some(destination) if packet.taken && self.egress.player.is_none() => destination,
            // Hold, or another sender is on the line: the next packet does not continue the stream.
            _ => return self.egress.out.interrupt(Join::Anew),
        };
        if self.egress.repeats(now, packet) || self.egress.keys.is_pressed() {
            return self.egress.out.interrupt(Join::Sequence);
        }
        let origin = packet.origin;
        let (number, transcode) = match packet.onward {
            Onward::Copy(number) if origin.event && self.egress.made.is_some() => {
                return crossing::cross(self, now, packet, (number, origin.clock), scratch, destination, out);
            }
            Onward::Key(number, clock) => {
                return crossing::cross(self, now, packet, (number, clock), scratch, destination, out);
            }
            Onward::Copy(number) => (number, None),
            Onward::Law(number, law) => (number, Some(law)),
            Onward::Sound | Onward::Nowhere => return,
        };
        if packet.payload.is_empty() {
            return;
        }
        self.egress.copied(origin.event);
        let frame = self.ptime() * (origin.clock / 1000);
        let position = self.egress.out.relay(now, origin, frame);
        let header = Header {
            number,
            marker: packet.marker || (position.first && !origin.event),
            position,
        };
        self.send(scratch, destination, header, packet.payload, transcode, out);
    }

    /// Writes a packet of our own (no contributing sources, extensions or padding of the other leg's go along), seals
    /// it and sends it.
    pub(in crate::relay) fn send<F>(
        &mut self,
        scratch: &mut [u8; MAX_PACKET],
        to: SocketAddr,
        header: Header,
        payload: &[u8],
        transcode: Option<Law>,
        out: &mut F,
    ) where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        if !self.may_send(to) {
            return;
        }
        let builder = RtpPacketBuilder::new()
            .payload_type(header.number)
            .marked(header.marker)
            .sequence(Seq::from(header.position.sequence))
            .timestamp(header.position.timestamp)
            .ssrc(self.egress.out.ssrc)
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
        let Some(packet) = self.guard.seal(&mut scratch[..], length) else {
            return;
        };
        self.egress.out.count(header.number, payload.len());
        self.counters.sent += 1;
        out(self.local_port, to, packet);
    }

    /// Sends the next packet of the digits that are pressed. Gives the time when the packet after it is due.
    pub(in crate::relay) fn key<F>(
        &mut self,
        now: Duration,
        scratch: &mut [u8; MAX_PACKET],
        out: &mut F,
    ) -> Option<Duration>
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let packet = match self.egress.keys.step(now) {
            Step::Done => return None,
            Step::Pause(pause) => return Some(now + pause),
            Step::Send(packet) => packet,
        };
        if self.event_payload().is_none() {
            in_band::send(self, now, &packet, scratch, out);
            return Some(now + dtmf::STEP);
        }
        let Packet { payload, timestamp, .. } = packet;
        let frame = self.ptime() * (RATE / 1000);
        let following = self.egress.out.following(now, RATE, frame);
        let position = Position {
            timestamp: timestamp.unwrap_or(following.timestamp),
            ..following
        };
        self.egress.keys.began(position.timestamp);
        self.egress.out.interrupt(Join::Sequence);
        if let (Some(number), Some(destination)) = (self.event_payload(), self.destination()) {
            self.egress.out.sent(now, position, true);
            let header = Header {
                number,
                marker: timestamp.is_none(),
                position,
            };
            self.send(scratch, destination, header, &payload, None, out);
        }
        Some(now + dtmf::STEP)
    }
}
