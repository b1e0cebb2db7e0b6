//! What it costs to hear a peer: 20 ms of sound put in as a packet and pulled. Prints lines of `name value unit`.
//!
//! Each figure is the best of several rounds: the machine's other work only ever adds to it.

#![allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
#![allow(clippy::print_stdout, reason = "the figures are its result")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use media::{
    Payload,
    ear::{Ear, Heard},
    sound::Rate,
};

const FRAME: Duration = Duration::from_millis(20);

/// A stream of A-law: noise that repeats, so that pieces of it are alike.
struct Stream {
    ear: Ear,
    now: Duration,
    sent: u32,
    payload: Vec<u8>,
    out: Vec<i16>,
}

impl Stream {
    fn new(rate: Rate) -> Stream {
        let payload = Payload {
            number: 8,
            codec: "PCMA".into(),
            clock_rate: 8000,
            channels: 1,
            fmtp: None,
        };
        Stream {
            ear: Ear::new(&[payload], rate),
            now: Duration::from_secs(1_800_000_000),
            sent: 0,
            payload: (0..160u32).map(|n| (n % 40 * 37 % 251) as u8).collect(),
            out: Vec::with_capacity(rate.samples(20)),
        }
    }

    /// A packet, unless it is lost, and a pull 5 ms later.
    fn frame(&mut self, is_lost: bool) {
        if !is_lost {
            self.ear.put(
                self.now,
                Heard {
                    sequence: self.sent as u16,
                    timestamp: self.sent.wrapping_mul(160),
                    marker: false,
                    number: 8,
                    payload: &self.payload,
                },
            );
        }
        self.sent = self.sent.wrapping_add(1);
        self.out.clear();
        black_box(self.ear.pull(self.now + FRAME / 4, 20, &mut self.out));
        self.now += FRAME;
    }
}

fn measure(name: &str, mut frame: impl FnMut()) {
    // `cargo bench -- NAME` measures that one alone.
    let mut asked = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
    if asked.peek().is_some() && !asked.any(|arg| arg == name) {
        return;
    }
    const ROUNDS: u32 = 40;
    const TIMES: u32 = 5_000;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..TIMES {
            frame();
        }
        best = best.min(begin.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES));
    }
    println!("{name} {best:.0} ns");
}

fn main() {
    let mut narrow = Stream::new(Rate::Narrow);
    measure("ear_g711", || narrow.frame(false));
    println!("ear_g711_memory {} octets", narrow.ear.octets());
    let mut wide = Stream::new(Rate::Wide);
    measure("ear_g711_at_16_khz", || wide.frame(false));
    let mut full = Stream::new(Rate::Full);
    measure("ear_g711_at_48_khz", || full.frame(false));
    let mut lossy = Stream::new(Rate::Narrow);
    measure("ear_g711_with_5_percent_lost", || {
        let is_lost = lossy.sent % 20 == 19;
        lossy.frame(is_lost);
    });
    // A clock that is wrong by 1 %: its sound is made shorter all the time.
    let mut fast = Stream::new(Rate::Narrow);
    measure("ear_g711_from_a_fast_clock", || {
        fast.frame(false);
        fast.now -= FRAME / 100;
    });
}
