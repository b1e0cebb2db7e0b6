//! A room with voices that are known, and what each listener hears.
//!
//! | file | what it tests |
//! |---|---|
//! | `hearing.rs` | who hears whom |
//! | `levels.rs` | gain, levelling, the limiter, clicks |
//! | `groups.rs` | which listeners share a packet |
//! | `life.rs` | entry and leave, limits, events, random rooms |

mod groups;
mod hearing;
mod levels;
mod life;

use std::{collections::BTreeMap, f64::consts::TAU};

use super::{Config, Form, Mixer, Place, Who};
use crate::{
    MediaId, Payload,
    service::{Others, RecordingId, Seat},
    sound::Rate,
};

/// A leg.
fn leg(slot: u32) -> MediaId {
    MediaId {
        engine: 0,
        slot,
        generation: 7,
    }
}

fn who(slot: u32) -> Who {
    Who::Leg(leg(slot))
}

/// Packets of a codec, 20 ms.
fn form(codec: &str, rate: Rate) -> Option<Form> {
    ptime(codec, rate, 20)
}

fn ptime(codec: &str, rate: Rate, millis: u32) -> Option<Form> {
    let payload = Payload {
        number: 96,
        codec: codec.into(),
        clock_rate: rate.hertz(),
        channels: 1,
        fmtp: None,
    };
    Some(Form::new(&payload, millis, rate))
}

fn pcma() -> Option<Form> {
    form("PCMA", Rate::Narrow)
}

type Wave = Box<dyn Fn(f64) -> f64>;

/// A tone of that peak.
fn tone(hertz: f64, peak: f64) -> Wave {
    Box::new(move |seconds| peak * (TAU * hertz * seconds).sin())
}

struct Mouth {
    place: Place,
    rate: Rate,
    wave: Wave,
}

struct Room {
    mixer: Mixer,
    millis: u64,
    mouths: BTreeMap<Who, Mouth>,
    /// What each has heard.
    heard: BTreeMap<Who, Vec<i16>>,
    /// Packets made, by the tick's end in milliseconds.
    packets: Vec<(u64, usize)>,
}

impl Room {
    fn new(config: Config) -> Room {
        Room {
            mixer: Mixer::new(config),
            millis: 0,
            mouths: BTreeMap::new(),
            heard: BTreeMap::new(),
            packets: Vec::new(),
        }
    }

    /// A leg that says nothing.
    fn sits(&mut self, slot: u32, seat: Seat, form: Option<Form>) -> Place {
        self.mixer.sit(leg(slot), seat, form).unwrap()
    }

    /// A leg that says a wave at the form's rate.
    fn speaks(&mut self, slot: u32, seat: Seat, form: Option<Form>, wave: Wave) -> Place {
        let rate = form.as_ref().map_or(Rate::Narrow, |form| form.rate);
        let place = self.sits(slot, seat, form);
        self.mouths.insert(who(slot), Mouth { place, rate, wave });
        place
    }

    fn source(&mut self, number: u64, rate: Rate, wave: Wave) -> Place {
        let place = self.mixer.source(number, Others::All, 0).unwrap();
        self.mouths.insert(Who::Source(number), Mouth { place, rate, wave });
        place
    }

    fn leaves(&mut self, who: Who) {
        self.mouths.remove(&who);
        let place = self.mixer.place(who).unwrap();
        self.mixer.stand(place);
    }

    fn tick(&mut self) {
        let millis = self.mixer.millis();
        self.mixer.begin(millis);
        for mouth in self.mouths.values() {
            let start = self.millis as f64 / 1000.0;
            let step = 1.0 / f64::from(mouth.rate.hertz());
            let pcm: Vec<i16> = (0..mouth.rate.samples(millis))
                .map(|n| (mouth.wave)(start + n as f64 * step) as i16)
                .collect();
            self.mixer.say(mouth.place, &pcm, mouth.rate);
        }
        self.ends(millis);
    }

    fn ends(&mut self, millis: u32) {
        self.mixer.mix();
        self.millis += u64::from(millis);
        let mut packets = 0;
        let mut sent = Vec::new();
        for group in self.mixer.groups() {
            packets += 1;
            assert!(!group.silent || group.pcm.iter().all(|s| *s == 0));
            assert_eq!(group.pcm.len(), group.form.rate.samples(group.form.ptime.max(millis)));
            for listener in group.listeners {
                assert!(!sent.contains(listener), "{listener:?} is sent one packet");
                sent.push(*listener);
                self.heard.entry(*listener).or_default().extend(group.pcm);
            }
        }
        self.packets.push((self.millis, packets));
    }

    fn run(&mut self, millis: u64) {
        let end = self.millis + millis;
        while self.millis < end {
            self.tick();
        }
    }

    /// What a leg heard in the last milliseconds.
    fn last(&self, who: Who, rate: Rate, millis: u32) -> &[i16] {
        let heard = self.heard.get(&who).map_or(&[][..], Vec::as_slice);
        &heard[heard.len().saturating_sub(rate.samples(millis))..]
    }

    /// The peak of a tone in what a leg heard in the last 400 ms.
    fn peak(&self, slot: u32, rate: Rate, hertz: f64) -> f64 {
        peak(self.last(who(slot), rate, 400), rate, hertz)
    }
}

/// The peak of a tone in samples (a Goertzel filter with a Hann window).
fn peak(pcm: &[i16], rate: Rate, hertz: f64) -> f64 {
    assert!(!pcm.is_empty());
    let step = TAU * hertz / f64::from(rate.hertz());
    let length = pcm.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, s) in pcm.iter().enumerate() {
        let n = n as f64;
        let window = 1.0 - (TAU * (n + 0.5) / length).cos();
        re += f64::from(*s) * window * (step * n).cos();
        im += f64::from(*s) * window * (step * n).sin();
    }
    2.0 * re.hypot(im) / length
}

/// The root of the mean square.
fn rms(pcm: &[i16]) -> f64 {
    (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
}

/// The largest step from one sample to the next.
fn jump(pcm: &[i16]) -> i32 {
    pcm.windows(2)
        .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs())
        .max()
        .unwrap_or(0)
}

/// A recording's number.
fn recording(number: u64) -> (RecordingId, Who) {
    (RecordingId(number), Who::Tap(RecordingId(number)))
}
