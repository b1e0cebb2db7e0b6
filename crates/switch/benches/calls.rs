//! Calls through the pure switch: INVITE in, ringing, answer, ACK, BYE from the caller, all of it.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p switch`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

mod common;

use std::time::Instant as Clock;

use common::{Bench, CALLER};
use switch::Config;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls in each of five measurements.
const CALLS: u32 = 20_000;

fn main() {
    for phones in [1, 10_000] {
        let numbers = (0..phones).map(|n| format!("u{n:04}"));
        let numbers = numbers.filter(|number| number != CALLER);
        let mut bench = Bench::new(Config::default(), numbers.chain([CALLER.into(), "uas".into()]));
        let mut n = 0;
        let mut rates: Vec<f64> = (0..5)
            .map(|_| {
                let begin = Clock::now();
                for _ in 0..CALLS {
                    n += 1;
                    bench.call(n, "uas", 0);
                    bench.skip(700);
                }
                f64::from(CALLS) / begin.elapsed().as_secs_f64()
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        println!("switch_calls_with_{phones}_phones {:.0} calls/s", rates[2]);
    }
}
