//! What mixing costs: `cargo bench -p media --bench room`. Sound in and out, without codecs and packets; the best of
//! several rounds, in hundredths of one core's time.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use media::{
    MediaId, Payload,
    room::{Config, Form, Mixer, Place},
    service::{Others, Seat},
    sound::Rate,
};

const MILLIS: u32 = 20;

/// Seconds of sound in a round.
const SECONDS: u32 = 20;

fn form(codec: &str, rate: Rate) -> Form {
    let payload = Payload {
        number: 0,
        codec: codec.into(),
        clock_rate: rate.hertz(),
        channels: 1,
        fmtp: None,
    };
    Form::new(&payload, MILLIS, rate)
}

/// A voice: noise of that peak, in syllables.
fn voice(rate: Rate, peak: i32, seed: u32) -> Vec<i16> {
    let mut state = seed.wrapping_mul(747_796_405) | 1;
    (0..rate.samples(1000))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (((state >> 16) as i32 - 32_768) * peak / 32_768) as i16
        })
        .collect()
}

struct Room {
    mixer: Mixer,
    mouths: Vec<(Place, Rate, Vec<i16>)>,
}

impl Room {
    fn new() -> Room {
        Room {
            mixer: Mixer::new(Config::default()),
            mouths: Vec::new(),
        }
    }

    fn sits(&mut self, number: u32, form: Form, peak: i32) {
        let media = MediaId {
            engine: 0,
            slot: number,
            generation: 0,
        };
        let rate = form.rate;
        let seat = Seat {
            levelled: true,
            ..Seat::default()
        };
        let place = self.mixer.sit(media, seat, Some(form)).unwrap();
        self.mouths.push((place, rate, voice(rate, peak, number)));
    }

    /// One tick; how many samples are to be encoded.
    fn tick(&mut self, tick: usize) -> usize {
        self.mixer.begin(MILLIS);
        for (place, rate, pcm) in &self.mouths {
            let length = rate.samples(MILLIS);
            let start = tick * length % pcm.len();
            self.mixer.say(*place, &pcm[start..start + length], *rate);
        }
        self.mixer.mix();
        while self.mixer.poll_event().is_some() {}
        self.mixer.groups().map(|group| group.pcm.len()).sum()
    }

    fn measure(mut self, name: &str) {
        let packets = |room: &mut Room, ticks: u32| (0..ticks as usize).map(|n| room.tick(n)).sum::<usize>();
        if !std::env::args().any(|argument| argument == "--bench") {
            assert!(packets(&mut self, 10) > 0);
            return;
        }
        packets(&mut self, 100);
        let ticks = SECONDS * 1000 / MILLIS;
        let best = (0..7).map(|_| {
            #[allow(clippy::disallowed_methods)] // a benchmark reads the clock
            let begin = std::time::Instant::now();
            assert!(packets(&mut self, ticks) > 0);
            begin.elapsed().as_secs_f64()
        });
        let best = best.fold(f64::INFINITY, f64::min);
        println!("room: {name} {:.4} %", best * 100.0 / f64::from(SECONDS));
    }
}

fn main() {
    let narrow = || form("PCMA", Rate::Narrow);
    let mut room = Room::new();
    for number in 0..100 {
        room.sits(number, narrow(), if number < 3 { 6000 } else { 8 });
    }
    room.measure("100 seats of G.711, 3 talk, the others send noise");

    let mut room = Room::new();
    for number in 0..100 {
        room.sits(number, narrow(), if number < 16 { 6000 } else { 8 });
    }
    room.measure("100 seats of G.711, 16 talk");

    let mut room = Room::new();
    for number in 0..100 {
        room.sits(number, form("OPUS", Rate::Full), if number < 1 { 6000 } else { 8 });
    }
    room.measure("100 seats of Opus at 48 kHz, 1 talks");

    let mut room = Room::new();
    for number in 0..99 {
        let rate = Rate::ALL[number as usize % 3];
        let form = form(["PCMA", "G722", "OPUS"][rate as usize], rate);
        room.sits(number, form, if number < 3 { 6000 } else { 8 });
    }
    room.measure("99 seats of three rates, 3 talk");

    let mut room = Room::new();
    let held = Seat {
        hears: Others::NoLeg,
        heard_by: Others::NoLeg,
        ..Seat::default()
    };
    for number in 0..1000 {
        let media = MediaId {
            engine: 0,
            slot: number,
            generation: 0,
        };
        room.mixer.sit(media, held, Some(narrow())).unwrap();
    }
    let music = room.mixer.source(1, Others::All, 0).unwrap();
    room.mouths.push((music, Rate::Narrow, voice(Rate::Narrow, 3000, 1)));
    room.measure("music for 1000 held legs");
}
