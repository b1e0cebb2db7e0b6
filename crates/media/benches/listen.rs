//! What listening to one leg costs: `cargo bench -p media --bench listen`. The best of several rounds, in hundredths of
//! one core's time.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use media::{listen::Listener, service::Ears};

/// Seconds of sound in a round.
const SECONDS: usize = 60;

fn measure(name: &str, ears: Ears) {
    let mut state = 1u32;
    let noise: Vec<i16> = (0..8000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16
        })
        .collect();
    let mut listener = Listener::new(ears);
    let mut hear = |seconds: usize| {
        let heard = (0..seconds).flat_map(|_| noise.chunks(160));
        heard.map(|pcm| listener.hear(pcm).len()).sum::<usize>()
    };
    if !std::env::args().any(|argument| argument == "--bench") {
        hear(1);
        return;
    }
    let best = (0..7).map(|_| {
        #[allow(clippy::disallowed_methods)] // a benchmark reads the clock
        let begin = std::time::Instant::now();
        std::hint::black_box(hear(SECONDS));
        begin.elapsed().as_secs_f64()
    });
    let best = best.fold(f64::INFINITY, f64::min);
    println!("listen: {name}, one leg {:.4} %", best * 100.0 / SECONDS as f64);
}

fn main() {
    let none = Ears::default();
    measure("keys", Ears { digits: true, ..none });
    measure("voice", Ears { voice: true, ..none });
    let all = Ears {
        digits: true,
        voice: true,
        beep: true,
        fax: true,
        ..none
    };
    measure("keys, voice, beep, fax", all);
}
