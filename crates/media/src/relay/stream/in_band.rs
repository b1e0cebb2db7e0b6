//! Digits as tones in the sound (ITU-T Q.23), for peers that take no events.

use std::{f32::consts::TAU, net::SocketAddr, time::Duration};

use super::{
    Stream,
    dtmf::{Packet, STEP},
    voice::{self, WISH},
};
use crate::{relay::MAX_PACKET, sound::Rate};

const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The place of each event's key in rows and columns (RFC 4733 section 3.2: 0 to 9, `*`, `#`, `A` to `D`).
const PLACES: [(usize, usize); 16] = [
    (3, 1),
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, 0),
    (2, 1),
    (2, 2),
    (3, 0),
    (3, 2),
    (0, 3),
    (1, 3),
    (2, 3),
    (3, 3),
];
/// Peaks of the tones: -9 dBm0 and -7 dBm0, which ETSI ES 201 235-2 wants of a sender.
const PEAKS: [f32; 2] = [8_070.0, 10_160.0];
/// Milliseconds of fade at either end, against clicks. Samples at 8 kHz.
const FADE: f32 = 16.0;
/// Samples of a step at the highest rate.
const MOST: usize = Rate::Full.samples(STEP.as_millis() as u32);

/// Whether a tone is known for the event; none is for the hook flash.
pub(in crate::relay) fn has_tone(event: u8) -> bool {
    usize::from(event) < PLACES.len()
}

/// Sends the sound of one step: its part of the key, then silence.
pub(in crate::relay) fn send<F>(
    stream: &mut Stream,
    now: Duration,
    packet: &Packet,
    scratch: &mut [u8; MAX_PACKET],
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(rate) = voice::find_voice(stream, WISH).map(|voice| voice.rate()) else {
        return;
    };
    let mut sound = [0; MOST];
    let sound = &mut sound[..rate.samples(STEP.as_millis() as u32)];
    render(packet, rate, sound);
    voice::say(stream, now, sound, rate, scratch, out);
}

fn render(packet: &Packet, rate: Rate, sound: &mut [i16]) {
    let Some(&(row, column)) = PLACES.get(usize::from(packet.payload[0])) else {
        return;
    };
    let (begin, end) = (packet.part.start as f32, packet.part.end as f32);
    let of_8000 = 8_000.0 / rate.hertz() as f32;
    for (n, sample) in sound.iter_mut().enumerate() {
        let at = begin + n as f32 * of_8000;
        if at >= end {
            break;
        }
        let rest = packet.total.map_or(FADE, |total| total as f32 - at);
        let gain = (at.min(rest) / FADE).clamp(0.0, 1.0);
        let tones = [LOW[row], HIGH[column]].map(|hertz| {
            // In turns: exact for the 8 s of the longest key.
            let turns = f64::from(hertz) * f64::from(at) / 8_000.0;
            (turns.fract() as f32 * TAU).sin()
        });
        *sample = (gain * (tones[0] * PEAKS[0] + tones[1] * PEAKS[1])) as i16;
    }
}
