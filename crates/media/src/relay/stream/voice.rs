//! Sound that Tandem encodes for a leg's peer, in packets of the peer's ptime.

use std::{net::SocketAddr, time::Duration};

use super::{Stream, egress::Header, outgoing::Position};
use crate::{
    Payload,
    codec::{self, Encoder},
    relay::MAX_PACKET,
    sound::{Rate, Resampler},
};

/// The packets that Tandem makes for a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Packets {
    /// The codec, as the peer describes it.
    pub(in crate::relay) payload: Payload,
    /// Milliseconds in a packet: what the peer asks for, or the next shorter that the codec has.
    pub(in crate::relay) ptime: u32,
    /// The rate that the encoder takes.
    pub(in crate::relay) rate: Rate,
}

impl Packets {
    /// The time stamps from one packet to the next.
    fn ticks(&self) -> u32 {
        self.ptime * (self.payload.clock_rate / 1000)
    }
}

/// An encoder, and the samples that do not fill a packet yet.
#[derive(Debug)]
pub(in crate::relay) struct Voice {
    packets: Packets,
    encoder: Encoder,
    /// From the rate of the sound to that of the encoder, where they differ.
    resampler: Option<(Rate, Resampler)>,
    pending: Vec<i16>,
}

impl Voice {
    /// Samples are taken at this rate.
    pub(in crate::relay) fn rate(&self) -> Rate {
        self.encoder.rate()
    }

    /// Whether it makes such packets. The rate of the sound makes no new encoder: the sound is resampled.
    fn makes(&self, packets: &Packets) -> bool {
        self.packets.payload == packets.payload && self.packets.ptime == packets.ptime
    }

    /// The share of packets in percent that the peer loses.
    pub(in crate::relay) fn set_loss(&mut self, percent: u8) {
        self.encoder.set_loss(percent);
    }

    /// Forgets what fills no packet yet.
    pub(in crate::relay) fn clear(&mut self) {
        self.pending.clear();
    }

    fn take(&mut self, sound: &[i16], rate: Rate) {
        if rate == self.rate() {
            self.resampler = None;
            return self.pending.extend_from_slice(sound);
        }
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resampler = Some((rate, Resampler::new(rate, self.rate())));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            resampler.process(sound, &mut self.pending);
        }
    }
}

/// The packets that Tandem makes for the peer: of its first codec that Tandem converts, from sound of the rate `wish`
/// where the codec has the choice.
pub(in crate::relay) fn packets(stream: &Stream, wish: Rate) -> Option<Packets> {
    let payload = stream.remote.send_payloads.iter().find(|payload| payload.converts())?;
    let (rate, ptime) = codec::plan(payload, stream.ptime(), wish)?;
    Some(Packets {
        payload: payload.clone(),
        ptime,
        rate,
    })
}

/// Makes the encoder for the first codec of the peer's that Tandem converts, unless it is there. `wish`: the rate of
/// the sound.
pub(in crate::relay) fn find_voice(stream: &mut Stream, wish: Rate) -> Option<&mut Voice> {
    let packets = packets(stream, wish)?;
    if stream.egress.voice.as_ref().is_none_or(|voice| !voice.makes(&packets)) {
        let mut encoder = Encoder::at(&packets.payload, packets.ptime, wish)?;
        if let Some(loss) = stream.reports.loss() {
            encoder.set_loss(loss);
        }
        stream.egress.voice = Some(Box::new(Voice {
            resampler: None,
            pending: Vec::with_capacity(2 * encoder.rate().samples(packets.ptime)),
            packets,
            encoder,
        }));
    }
    stream.egress.voice.as_deref_mut()
}

/// Encodes sound of that rate, and sends the packets that it fills.
pub(in crate::relay) fn speak<F>(
    stream: &mut Stream,
    now: Duration,
    sound: &[i16],
    rate: Rate,
    scratch: &mut [u8; MAX_PACKET],
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(mut voice) = stream.egress.voice.take() else {
        return;
    };
    voice.take(sound, rate);
    let length = voice.encoder.rate().samples(voice.packets.ptime);
    let mut packet = [0; MAX_PACKET];
    let mut at = 0;
    while let Some(samples) = voice.pending.get(at..at + length) {
        at += length;
        let octets = voice.encoder.encode(samples, &mut packet);
        let packet = packet.get(..octets).unwrap_or_default();
        send_sound(stream, now, &voice.packets, packet, scratch, out);
    }
    voice.pending.drain(..at);
    stream.egress.voice = Some(voice);
}

/// Sends one encoded packet. An empty one is a pause of discontinuous transmission.
pub(in crate::relay) fn send_sound<F>(
    stream: &mut Stream,
    now: Duration,
    packets: &Packets,
    octets: &[u8],
    scratch: &mut [u8; MAX_PACKET],
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let (clock, ticks) = (packets.payload.clock_rate, packets.ticks());
    let egress = &mut stream.egress;
    let following = egress.out.following(now, clock, ticks);
    let (timestamp, first) = (egress.made.unwrap_or(following.timestamp), egress.made.is_none());
    egress.made = Some(timestamp.wrapping_add(ticks));
    let pressed = egress.keys.is_pressed() || egress.crossing.is_pressed(now);
    let Some(destination) = stream.destination().filter(|_| !pressed && !octets.is_empty()) else {
        return;
    };
    let position = Position {
        timestamp,
        first,
        ..following
    };
    let egress = &mut stream.egress;
    egress.out.sent(now, position, false);
    egress.out.source = None;
    let header = Header {
        number: packets.payload.number,
        marker: first,
        position,
    };
    stream.send(scratch, destination, header, octets, None, out);
}
