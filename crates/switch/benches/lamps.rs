//! What lamps cost on top of calls: 200 extensions that take 500 calls a second, with and without 2,000 subscriptions to
//! their lines, through the pure switch.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p switch --bench lamps`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

mod common;

use std::time::Duration;

use common::{Bench, CALLER};
use sip::{Builder, HeaderName, Method};
use switch::Config;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Extensions that are called.
const CALLED: u64 = 200;
/// Subscriptions to each of them.
const WATCHERS: u64 = 10;
/// Virtual time between two steps of all calls: a call has five, and five calls are under way at a time.
const STEP: u64 = 400;
/// Calls in each of six measurements.
const CALLS: u32 = 4_000;

fn number(n: u64) -> String {
    format!("{}", 1_000 + n % CALLED)
}

fn bench() -> Bench {
    let mut config = Config::default();
    config.limits.services.subscriptions.per_extension = 10_000;
    Bench::new(config, (0..CALLED).map(number).chain([CALLER.into()]))
}

/// Phones subscribe to the lines of all, and are told.
fn watch(bench: &mut Bench) {
    for n in 0..CALLED * WATCHERS {
        let uri = format!("sip:{}@127.0.0.1", number(n));
        let subscribe = Builder::request(&Method::Subscribe, &uri)
            .header(
                HeaderName::Via,
                format_args!("SIP/2.0/UDP 127.0.0.1:8580;branch=z9hG4bKs{n}"),
            )
            .header(HeaderName::From, format_args!("<sip:{CALLER}@127.0.0.1>;tag=w{n}"))
            .header(HeaderName::To, format_args!("<{uri}>"))
            .header(HeaderName::CallId, format_args!("lamp-{n}"))
            .header(HeaderName::CSeq, "1 SUBSCRIBE")
            .header(HeaderName::Contact, format_args!("<sip:{CALLER}@127.0.0.1:8580>"))
            .header(HeaderName::Event, "dialog")
            .header(HeaderName::MaxForwards, 70)
            .finish();
        bench.receive(8580, &subscribe);
        bench.pass(1_000);
    }
    bench.pass(20_000_000);
}

/// The time that one call takes in the switch, in microseconds, and the NOTIFYs for each call.
fn cost(bench: &mut Bench) -> (f64, f64) {
    let mut best = f64::MAX;
    let mut told = 0.0;
    let mut n = 0;
    for _ in 0..6 {
        (bench.spent, bench.notifies) = (Duration::ZERO, 0);
        for _ in 0..CALLS {
            n += 1;
            bench.call(n, &number(n * 7), STEP);
        }
        best = best.min(bench.spent.as_secs_f64() * 1e6 / f64::from(CALLS));
        told = bench.notifies as f64 / f64::from(CALLS);
    }
    (best, told)
}

fn main() {
    let (alone, _) = cost(&mut bench());
    let mut watched = bench();
    watch(&mut watched);
    let (watched, told) = cost(&mut watched);
    println!("lamps_call_alone {alone:.1} us");
    println!("lamps_call_watched {watched:.1} us");
    println!("lamps_notifies_a_call {told:.2} notifies");
    println!("lamps_cost {:.1} percent", (watched / alone - 1.0) * 100.0);
}
