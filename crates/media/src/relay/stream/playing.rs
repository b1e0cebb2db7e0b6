//! The play of a leg, packet by packet.

use std::{net::SocketAddr, time::Duration};

use super::{
    Stream,
    voice::{self, WISH},
};
use crate::{
    relay::{
        MAX_PACKET,
        play::{Filled, Play},
    },
    sound::Rate,
};

/// Further behind than this, a play goes on from now instead of catching up in a burst.
const LATE: Duration = Duration::from_millis(200);
/// Samples in the longest packet that Tandem makes: 60 ms at 48 kHz.
const MAX_FRAME: usize = 2_880;

/// The result of a step of a play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Frame {
    /// Nothing is played.
    Idle,
    /// The next frame is due then.
    Next(Duration),
    /// All was played; or a file could not be, in words for the log.
    End(Option<String>),
}

/// Sends the next packet of the play.
pub(in crate::relay) fn frame<F>(
    stream: &mut Stream,
    now: Duration,
    play: &mut Play,
    scratch: &mut [u8; MAX_PACKET],
    out: &mut F,
) -> Frame
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let packets = stream.egress.packets.as_ref();
    // A peer that is not described yet hears nothing, while its play goes on.
    let (rate, ptime) = packets.map_or((Rate::Narrow, 20), |packets| (packets.rate, packets.ptime));
    let Some(mut player) = stream.egress.player.take() else {
        return Frame::Idle;
    };
    if now.saturating_sub(player.next) > LATE {
        player.begin(now);
    }
    // Music is encoded once for all who hear it.
    let packets = stream.egress.packets.as_ref();
    let shared = packets.and_then(|packets| player.packet(&packets.payload, rate, ptime, play));
    let next = player.next + Duration::from_millis(u64::from(ptime));
    if let Some((filled, octets)) = shared {
        player.next = next;
        stream.egress.player = Some(player);
        return match step(filled, next) {
            Ok(next) => {
                voice::send_sound(stream, now, octets, scratch, out);
                next
            }
            Err(other) => other,
        };
    }
    let mut pcm = [0; MAX_FRAME];
    let pcm = &mut pcm[..rate.samples(ptime).min(MAX_FRAME)];
    let filled = player.fill(rate, pcm, play);
    player.next = next;
    stream.egress.player = Some(player);
    match step(filled, next) {
        Ok(next) => {
            if voice::find_voice(stream, WISH).is_some() {
                voice::speak(stream, now, pcm, rate, scratch, out);
            }
            next
        }
        Err(other) => other,
    }
}

/// What follows on a frame: `Ok` where there is sound to be sent.
fn step(filled: Filled, next: Duration) -> Result<Frame, Frame> {
    match filled {
        Filled::Sound => Ok(Frame::Next(next)),
        Filled::Waiting => Err(Frame::Next(next)),
        Filled::End => Err(Frame::End(None)),
        Filled::Fault(fault) => Err(Frame::End(Some(fault))),
    }
}
