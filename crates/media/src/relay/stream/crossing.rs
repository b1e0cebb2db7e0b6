//! Keys of another leg's peer (RFC 4733) on a stream whose audio Tandem encodes, or whose clock is another.
//!
//! Packets that are copied keep the order and distance of their numbers. Here the numbers are Tandem's own, so each packet
//! of an event gets the next number, and all packets of an event get one time stamp.

use std::{net::SocketAddr, time::Duration};

use super::{
    Stream,
    egress::{Header, Passing},
    outgoing::{Join, Position},
};
use crate::relay::MAX_PACKET;

/// The audio is left out for so long after a packet of an event, if the packets that tell of its end are lost.
const HELD: Duration = Duration::from_millis(100);
/// The longest duration in one packet, in units of the clock (RFC 4733 section 2.5.1.3).
const SEGMENT: u64 = 0xffff;

/// The event on the line.
#[derive(Debug, Default)]
pub(in crate::relay) struct Crossing {
    /// The sender's stream and the event's time stamp there, and its time stamp here.
    event: Option<(u32, u32, u32)>,
    /// Until then the event takes the place of the audio.
    until: Duration,
}

impl Crossing {
    /// Whether a key is pressed now.
    pub(in crate::relay) fn is_pressed(&self, now: Duration) -> bool {
        now < self.until
    }
}

/// Sends a packet of an event under that number, in units of that clock.
pub(in crate::relay) fn cross<F>(
    stream: &mut Stream,
    now: Duration,
    packet: &Passing<'_>,
    (number, clock): (u8, u32),
    scratch: &mut [u8; MAX_PACKET],
    to: SocketAddr,
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let [event, flags, high, low, ..] = *packet.payload else {
        return;
    };
    let origin = packet.origin;
    let frame = stream.ptime() * (clock / 1000);
    let egress = &mut stream.egress;
    let following = egress.out.following(now, clock, frame);
    let (begins, start) = match egress.crossing.event {
        Some((ssrc, timestamp, start)) if (ssrc, timestamp) == (origin.ssrc, origin.timestamp) => (false, start),
        Some(_) | None => (true, following.timestamp),
    };
    egress.crossing.event = Some((origin.ssrc, origin.timestamp, start));
    let ended = flags & 0x80 != 0;
    egress.crossing.until = if ended { now } else { now + HELD };
    let duration = u64::from(u16::from_be_bytes([high, low])) * u64::from(clock) / u64::from(origin.clock);
    // RFC 4733 section 2.5.1.3: what is longer than the field goes on in another segment.
    let (segment, rest) = ((duration.max(1) - 1) / SEGMENT, (duration.max(1) - 1) % SEGMENT + 1);
    let [high, low] = (rest as u16).to_be_bytes();
    let position = Position {
        timestamp: start.wrapping_add((segment * SEGMENT) as u32),
        first: begins,
        ..following
    };
    egress.out.sent(now, position, true);
    egress.out.interrupt(Join::Anew);
    let header = Header {
        number,
        marker: begins,
        position,
    };
    stream.send(scratch, to, header, &[event, flags, high, low], None, out);
}
