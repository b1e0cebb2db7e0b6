//! Sound that Tandem encodes for a leg's peer, in packets of the peer's ptime.

use std::{net::SocketAddr, time::Duration};

use super::{Stream, egress::Header, outgoing::Position};
use crate::{
    Payload,
    codec::{self, Encoder},
    relay::MAX_PACKET,
    sound::{Rate, Resampling},
};

/// Sound is made at this rate where the peer's codec has the choice.
pub(in crate::relay) const WISH: Rate = Rate::Wide;

/// The packets that Tandem makes for a peer: of its first codec that Tandem converts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Packets {
    /// The codec, as the peer describes it.
    pub(in crate::relay) payload: Payload,
    /// Milliseconds in a packet: what the peer asks for, or the next shorter that the codec has.
    pub(in crate::relay) ptime: u32,
    /// The rate that an encoder takes of sound at [`WISH`].
    pub(in crate::relay) rate: Rate,
}

/// An encoder, and the samples that do not fill a packet yet.
#[derive(Debug)]
pub(in crate::relay) struct Voice {
    encoder: Encoder,
    /// From the rate of the sound to that of the encoder.
    resampling: Resampling,
    pending: Vec<i16>,
}

impl Voice {
    /// Samples are taken at this rate.
    pub(in crate::relay) fn rate(&self) -> Rate {
        self.encoder.rate()
    }

    /// The share of packets in percent that the peer loses.
    pub(in crate::relay) fn set_loss(&mut self, percent: u8) {
        self.encoder.set_loss(percent);
    }

    /// Forgets what fills no packet yet.
    pub(in crate::relay) fn clear(&mut self) {
        self.pending.clear();
    }
}

/// The peer was described: sets the packets that are made for it. Where they are others, their encoder is made again.
pub(in crate::relay) fn describe(stream: &mut Stream) {
    let payload = stream.remote.send_payloads.iter().find(|payload| payload.converts());
    let packets = payload.and_then(|payload| {
        let (rate, ptime) = codec::plan(payload, stream.ptime(), WISH)?;
        Some(Packets {
            payload: payload.clone(),
            ptime,
            rate,
        })
    });
    if stream.egress.packets != packets {
        stream.egress.packets = packets;
        stream.egress.voice = None;
    }
}

/// Makes the peer's encoder, unless it is there. `wish`: the rate of the sound. Another rate makes no new encoder: the
/// sound is resampled.
pub(in crate::relay) fn find_voice(stream: &mut Stream, wish: Rate) -> Option<&mut Voice> {
    if stream.egress.voice.is_none() {
        let packets = stream.egress.packets.as_ref()?;
        let mut encoder = Encoder::at(&packets.payload, packets.ptime, wish)?;
        if let Some(loss) = stream.reports.loss() {
            encoder.set_loss(loss);
        }
        stream.egress.voice = Some(Box::new(Voice {
            resampling: Resampling::default(),
            pending: Vec::with_capacity(2 * encoder.samples()),
            encoder,
        }));
    }
    stream.egress.voice.as_deref_mut()
}

/// Encodes sound of that rate, and sends the packets that it fills; not while the tone of a key is on the line.
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
    if !stream.sounds_key() {
        say(stream, now, sound, rate, scratch, out);
    }
}

/// As [`speak`], whatever is on the line.
pub(in crate::relay) fn say<F>(
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
    let to = voice.rate();
    voice.resampling.process(sound, (rate, to), &mut voice.pending);
    let length = voice.encoder.samples();
    let mut packet = [0; MAX_PACKET];
    let mut at = 0;
    while let Some(samples) = voice.pending.get(at..at + length) {
        at += length;
        let octets = voice.encoder.encode(samples, &mut packet);
        let packet = packet.get(..octets).unwrap_or_default();
        put(stream, now, packet, scratch, out);
    }
    voice.pending.drain(..at);
    stream.egress.voice = Some(voice);
}

/// Sends one encoded packet of those that the peer takes; not while the tone of a key is on the line. An empty packet is a
/// pause of discontinuous transmission.
pub(in crate::relay) fn send_sound<F>(
    stream: &mut Stream,
    now: Duration,
    octets: &[u8],
    scratch: &mut [u8; MAX_PACKET],
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    if !stream.sounds_key() {
        put(stream, now, octets, scratch, out);
    }
}

fn put<F>(stream: &mut Stream, now: Duration, octets: &[u8], scratch: &mut [u8; MAX_PACKET], out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(packets) = &stream.egress.packets else { return };
    let (number, clock) = (packets.payload.number, packets.payload.clock_rate);
    let ticks = packets.ptime * (clock / 1000);
    let egress = &mut stream.egress;
    let following = egress.out.following(now, clock, ticks);
    let (timestamp, first) = (egress.made.unwrap_or(following.timestamp), egress.made.is_none());
    egress.made = Some(timestamp.wrapping_add(ticks));
    let pressed = egress.keys.is_pressed() || egress.crossing.is_pressed(now);
    // The tone of a key is sound itself.
    let pressed = pressed && !stream.sounds_key();
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
        number,
        marker: first,
        position,
    };
    stream.send(scratch, destination, header, octets, None, out);
}
