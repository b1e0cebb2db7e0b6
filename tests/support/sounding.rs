//! The real media engine beside the one without media. It gets the same commands, so that phones can say something to each
//! other through it.

use std::{net::SocketAddr, time::Duration};

use media::{
    Command, Payload, Relay, Remote,
    codec::Encoder,
    recorder::{Write, Written},
    relay::{Block, Config, Wanted},
};
use sip::Instant;

use crate::world::EPOCH;

/// Milliseconds of a packet that a phone sends.
const PTIME: u32 = 20;
/// Milliseconds between two ticks of the engine.
const STEP: u32 = 5;
/// What a key takes beside its duration: the packets of its end, and the pause before the next key.
const AROUND_KEY: Duration = Duration::from_millis(200);
/// How long a key is sent at most whose end is not told.
const LONGEST_KEY: Duration = Duration::from_secs(8);
/// A group of legs that hears nothing rests after this time.
const REST: Duration = Duration::from_millis(1_200);
/// As [`REST`], where no phone has said anything since the group last rested: what Tandem itself plays needs no rest.
const MOMENT: Duration = Duration::from_millis(60);
/// Phones are told apart by their addresses.
const SSRC: u32 = 7;

/// See the module.
pub struct Sounding {
    relay: Relay,
    /// The engine's time never goes back.
    now: Duration,
    /// How long the keys last that were pressed since the engine's clock last ran: while a key is pressed, its receiver is
    /// sent no sound.
    pressed: Duration,
    /// A phone has said something, and the engine has not come to rest since.
    stirred: bool,
}

impl Default for Sounding {
    fn default() -> Self {
        Self {
            relay: Relay::new(Config::default()),
            now: Duration::ZERO,
            pressed: Duration::ZERO,
            stirred: false,
        }
    }
}

impl Sounding {
    /// Carries out a command.
    pub fn apply(&mut self, now: Instant, command: &Command) {
        let epoch = Duration::from_micros(EPOCH.unsigned_abs() + now.as_micros());
        let rest = if std::mem::take(&mut self.stirred) {
            REST
        } else {
            MOMENT
        };
        self.pass_until(epoch, rest);
        if let Command::Dtmf { millis, .. } = command {
            self.pressed += Duration::from_millis(u64::from(*millis)) + AROUND_KEY;
        }
        // A key that a world never lets go.
        if let Command::Press { .. } = command {
            self.pressed += LONGEST_KEY + AROUND_KEY;
        }
        self.relay.command(self.now, command.clone());
        self.serve();
    }

    /// Files cannot be read; recordings are written at once.
    fn serve(&mut self) {
        while let Some(wanted) = self.relay.poll_wanted() {
            if let Wanted::Open { track, .. } | Wanted::More(track) = wanted {
                let piece = Err("no file is there".to_owned());
                self.relay.loaded(self.now, Block { track, piece });
            }
        }
        while let Some(write) = self.relay.poll_write() {
            if let Write::End { recording } = write {
                let written = Written {
                    recording,
                    octets: 44,
                    file: String::new(),
                    fault: None,
                };
                self.relay.written(self.now, written);
            }
        }
        while self.relay.poll_event().is_some() {}
    }

    /// Lets time pass. The engine's clock ticks for the time `rest`, until what it decodes has come to rest; from then on
    /// nothing is heard that could differ.
    fn pass_until(&mut self, until: Duration, rest: Duration) {
        let rested = until.min(self.now + rest);
        while let Some(at) = self.relay.next_tick().filter(|at| *at <= rested) {
            self.now = self.now.max(at);
            self.relay.tick(self.now, &mut |_, _, _: &[u8]| {});
        }
        self.now = self.now.max(until);
    }

    /// The phone of a leg sends so many packets of sound, as the engine knows the phone (`said`). Returns how many
    /// packets of sound the phone of the other leg is sent; `None` where the phone has no address or no codec that is known
    /// here.
    pub fn say(&mut self, (local_port, said): (u16, &Remote), heard: &Remote, packets: u32) -> Option<u32> {
        let (source, to) = (said.rtp?, heard.rtp?);
        let payload = said.receive_payloads.iter().find(|payload| is_sound(payload))?;
        let mut encoder = Encoder::new(payload, PTIME)?;
        let sound = vec![1_000; encoder.samples()];
        let mut octets = [0; 1_500];
        let mut came = 0;
        let released = self.now + std::mem::take(&mut self.pressed);
        while self.now < released {
            self.pass_until((self.now + REST).min(released), REST);
        }
        self.stirred = true;
        for _ in 0..packets {
            let length = encoder.encode(&sound, &mut octets);
            let mut packet = self.header(payload);
            packet.extend_from_slice(&octets[..length]);
            let mut count = |_: u16, at: SocketAddr, bytes: &[u8]| {
                let number = bytes[1] & 0x7f;
                let is = heard
                    .send_payloads
                    .iter()
                    .any(|payload| payload.number == number && is_sound(payload));
                came += u32::from(at == to && is);
            };
            self.relay.packet(self.now, local_port, source, &mut packet, &mut count);
            for _ in 0..PTIME / STEP {
                self.now += Duration::from_millis(u64::from(STEP));
                self.relay.tick(self.now, &mut count);
            }
        }
        self.serve();
        Some(came)
    }

    /// The RTP header of a packet that is sent now: number and time stamp go with the time, as from a phone that always
    /// talks.
    fn header(&self, payload: &Payload) -> Vec<u8> {
        let millis = self.now.as_millis();
        let sequence = (millis / u128::from(PTIME)) as u16;
        let ticks = (millis * u128::from(payload.clock_rate / 1000)) as u32;
        let mut header = vec![0x80, payload.number];
        header.extend_from_slice(&sequence.to_be_bytes());
        header.extend_from_slice(&ticks.to_be_bytes());
        header.extend_from_slice(&SSRC.to_be_bytes());
        header
    }

    /// Legs that are open.
    pub fn legs(&self) -> usize {
        self.relay.legs()
    }
}

fn is_sound(payload: &Payload) -> bool {
    payload.is_audio() && payload.converts()
}
