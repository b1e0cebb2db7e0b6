//! A hundred thousand calls in small worlds. Each world follows from a seed: its phones, its network, its troubles.
//!
//! A world has some phones of a few extensions (`life.rs`). Events come by chance (`acts/`) in a weather that is drawn
//! with the world (`weather.rs`), and the world is judged while it goes on and at its end (`verdict/`, one table).
//!
//! `TANDEM_SIMULATED_CALLS` is the number of calls; `TANDEM_SIMULATED_FIRST` the seed of the first world;
//! `TANDEM_SIMULATED_WORLD` plays one world alone, with its ladder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod acts;
mod ending;
mod life;
mod memory;
mod odd;
mod replay;
mod scripts;
mod tally;
mod verdict;
mod weather;

use std::{panic::catch_unwind, time::Instant};

use life::Life;
use tally::Tally;

const CALLS: u64 = 100_000;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The number of calls of all worlds together.
fn wanted() -> u64 {
    setting("TANDEM_SIMULATED_CALLS").unwrap_or(CALLS)
}

/// The seed of the only world to play, if there is one.
fn chosen() -> Option<u64> {
    setting("TANDEM_SIMULATED_WORLD")
}

/// Plays a world and counts what happened in it. A world that fails is played again with its ladder.
fn world(seed: u64) -> Tally {
    let Ok(tally) = catch_unwind(|| Life::new(seed, false).play()) else {
        memory::FAILED.store(true, std::sync::atomic::Ordering::Relaxed);
        eprintln!(
            "world {seed} failed. It is played again with its ladder, as by\n  TANDEM_SIMULATED_WORLD={seed} cargo test -p tests --test simulation\n"
        );
        Life::new(seed, true).play();
        panic!("world {seed} did not fail when it was played again: something in it is not from its seed");
    };
    tally
}

/// Plays every second world until half of all calls are played.
fn lane(first: u64) {
    if let Some(seed) = chosen() {
        if first == 0 {
            let mut life = Life::new(seed, true);
            life.world.ladder.kept = 5_000;
            life.play();
        }
        return;
    }
    let _shared = memory::ALONE.read();
    let (begin, wanted) = (Instant::now(), wanted().div_ceil(2));
    let begins = setting("TANDEM_SIMULATED_FIRST").unwrap_or_default();
    let (mut tally, mut seed) = (Tally::default(), begins + first);
    let mut memory = memory::Watch::new();
    while tally.calls < wanted {
        tally += world(seed);
        seed += 2;
        memory.look(tally.calls, wanted);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = tally.calls as f64 / seconds;
    eprintln!("{tally}, {seconds:.1} s: {rate:.0} calls a second; {memory}");
    let lacks = tally.lacks();
    if !lacks.is_empty() {
        // To tell where a test has panicked takes as much memory as many worlds.
        memory::FAILED.store(true, std::sync::atomic::Ordering::Relaxed);
        panic!("too seldom to prove anything: {}", lacks.join(", "));
    }
}

#[test]
fn nothing_is_left_over_in_any_even_world() {
    lane(0);
}

#[test]
fn nothing_is_left_over_in_any_odd_world() {
    lane(1);
}

/// Days of one switch. Its memory is measured first after a tenth of them, when all tables have their size.
const DAYS: u64 = 60;
/// How much the switch may grow from then on, in bytes. No other world runs at that time.
const SWITCH_GROWTH: u64 = 4 << 20;

fn days(shown: bool) {
    let mut life = Life::lasting(1, shown);
    let (mut tally, mut base) = (Tally::default(), None);
    for day in 0..DAYS {
        tally += life.another_day();
        if day == DAYS / 10 {
            base = Some(memory::resident());
        }
    }
    let grown = memory::resident().saturating_sub(base.expect("some days are over"));
    eprintln!("one switch: {tally}; grew by {} KiB", grown >> 10);
    assert!(shown || grown <= SWITCH_GROWTH, "grew by {grown} bytes");
}

#[test]
fn one_switch_holds_no_more_after_many_days_than_after_a_few() {
    let _alone = memory::ALONE.write();
    if chosen().is_none() && catch_unwind(|| days(false)).is_err() {
        memory::FAILED.store(true, std::sync::atomic::Ordering::Relaxed);
        days(true);
        panic!("too much memory, or something that is not from the seed");
    }
}
