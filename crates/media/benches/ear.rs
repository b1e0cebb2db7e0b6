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

/// A stream of A-law that repeats, so that pieces of it are alike.
struct Stream {
    ear: Ear,
    now: Duration,
    /// When the next packet arrives, and how long after it the one after that.
    arrival: Duration,
    step: Duration,
    sent: u32,
    payload: Vec<u8>,
    out: Vec<i16>,
}

impl Stream {
    fn new(rate: Rate, step: Duration) -> Stream {
        let payload = Payload {
            number: 8,
            codec: "PCMA".into(),
            clock_rate: 8000,
            channels: 1,
            fmtp: None,
        };
        let now = Duration::from_secs(1_800_000_000);
        Stream {
            ear: Ear::new(&[payload], rate),
            now,
            arrival: now,
            step,
            sent: 0,
            payload: (0..160u32).map(|n| (n % 40 * 37 % 251) as u8).collect(),
            out: Vec::with_capacity(rate.samples(20)),
        }
    }

    /// A pull, and the packets that arrive before it but for those that are lost.
    fn frame(&mut self, lost: impl Fn(u32) -> bool) {
        self.now += FRAME;
        while self.arrival < self.now {
            if !lost(self.sent) {
                self.ear.put(
                    self.arrival,
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
            self.arrival += self.step;
        }
        self.out.clear();
        black_box(self.ear.pull(self.now, 20, &mut self.out));
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
    let mut narrow = Stream::new(Rate::Narrow, FRAME);
    measure("ear_g711", || narrow.frame(|_| false));
    println!("ear_g711_memory {} octets", narrow.ear.octets());
    let mut wide = Stream::new(Rate::Wide, FRAME);
    measure("ear_g711_at_16_khz", || wide.frame(|_| false));
    let mut full = Stream::new(Rate::Full, FRAME);
    measure("ear_g711_at_48_khz", || full.frame(|_| false));
    let mut lossy = Stream::new(Rate::Narrow, FRAME);
    measure("ear_g711_with_5_percent_lost", || lossy.frame(|n| n % 20 == 19));
    // A clock that is wrong by 1 %: its sound is made shorter all the time.
    let mut fast = Stream::new(Rate::Narrow, FRAME * 99 / 100);
    measure("ear_g711_of_a_fast_clock", || fast.frame(|_| false));
}
