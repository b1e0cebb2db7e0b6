//! Peers that say tones, and what is heard of the tones.

use super::*;
use crate::{
    codec::{Decoder, Encoder},
    sound::Rate,
};

pub(super) fn payload(number: u8, codec: &str, clock_rate: u32) -> Payload {
    Payload {
        number,
        codec: codec.into(),
        clock_rate,
        channels: 1,
        fmtp: None,
    }
}

pub(super) fn with(rtp: &str, payloads: &[Payload], ptime: u16) -> Remote {
    Remote {
        send_payloads: payloads.to_vec(),
        receive_payloads: payloads.to_vec(),
        ptime,
        ..remote(rtp, &[])
    }
}

/// A peer that says a tone.
pub(super) struct Talker {
    pub(super) encoder: Encoder,
    pub(super) payload: Payload,
    pub(super) hertz: f64,
    /// Milliseconds said so far.
    pub(super) said: u32,
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
    pub(super) ptime: u32,
}

impl Talker {
    pub(super) fn new(payload: Payload, hertz: f64, ptime: u32) -> Talker {
        Talker {
            encoder: Encoder::new(&payload, ptime).unwrap(),
            payload,
            hertz,
            said: 0,
            sequence: 65_530,
            ssrc: 77,
            ptime,
        }
    }

    pub(super) fn timestamp(&self) -> u32 {
        self.said * (self.payload.clock_rate / 1000)
    }

    pub(super) fn packet(&mut self) -> Vec<u8> {
        let rate = self.encoder.rate();
        let start = rate.samples(self.said);
        let sound: Vec<i16> = (start..start + rate.samples(self.ptime))
            .map(|n| {
                let phase = std::f64::consts::TAU * self.hertz * n as f64 / f64::from(rate.hertz());
                (phase.sin() * 8000.0) as i16
            })
            .collect();
        let mut octets = [0; 1500];
        let length = self.encoder.encode(&sound, &mut octets);
        let packet = rtp(
            self.payload.number,
            self.sequence,
            self.timestamp(),
            self.ssrc,
            &octets[..length],
        );
        self.said += self.ptime;
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}

/// The share of a tone in sound, 0 to 1.
pub(super) fn share(sound: &[i16], rate: Rate, hertz: f64) -> f64 {
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let phase = std::f64::consts::TAU * hertz * n as f64 / f64::from(rate.hertz());
        let sample = f64::from(*sample);
        re += sample * phase.cos();
        im += sample * phase.sin();
        energy += sample * sample;
    }
    2.0 * (re * re + im * im) / (energy * sound.len() as f64).max(1.0)
}

pub(super) fn decoded(packets: &[Sent], payload: &Payload) -> (Vec<i16>, Rate) {
    let mut decoder = Decoder::new(payload).unwrap();
    let mut sound = Vec::new();
    for packet in packets.iter().filter(|packet| packet.number == payload.number) {
        decoder.decode(&packet.payload, &mut sound).unwrap();
    }
    (sound, decoder.rate())
}

/// What is sent to the other side while the talker talks.
pub(super) fn talk(w: &mut World, (at, from): (u16, &str), talker: &mut Talker, millis: u32) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..millis / talker.ptime {
        w.raw(at, from, &talker.packet());
        sent.append(&mut w.sent);
        sent.extend(w.pass(u64::from(talker.ptime)));
    }
    sent
}
