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
    /// The last press of the other leg's peer.
    last: Option<Passed>,
}

/// A press of the other leg's peer.
#[derive(Copy, Clone, Debug)]
struct Passed {
    /// The sender's stream and time stamp.
    press: (u32, u32),
    event: u8,
    /// When a packet of it came last.
    at: Duration,
    /// The key came by INFO, too, and was sent for that.
    left_out: bool,
}

/// A key that comes by RFC 4733 and by INFO is one key within this time.
const SAME_KEY: Duration = Duration::from_secs(1);

impl Crossing {
    /// A packet of a press came: whether it is the first of the press.
    pub(in crate::relay) fn is_new(&mut self, now: Duration, press: (u32, u32), event: u8) -> bool {
        if let Some(last) = self.last.as_mut().filter(|last| last.press == press) {
            last.at = now;
            return false;
        }
        self.last = Some(Passed {
            press,
            event,
            at: now,
            left_out: false,
        });
        true
    }

    /// The press is not passed on.
    pub(in crate::relay) fn leave_out(&mut self, press: (u32, u32)) {
        if let Some(last) = self.last.as_mut().filter(|last| last.press == press) {
            last.left_out = true;
        }
    }

    /// Whether that press is not passed on.
    pub(in crate::relay) fn is_left_out(&self, press: (u32, u32)) -> bool {
        self.last.is_some_and(|last| last.press == press && last.left_out)
    }

    /// Whether this key has just been passed on. One press counts for one key.
    pub(in crate::relay) fn was_last(&mut self, now: Duration, event: u8) -> bool {
        let same = |last: &mut Passed| !last.left_out && last.event == event && now.saturating_sub(last.at) <= SAME_KEY;
        self.last.take_if(same).is_some()
    }

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
