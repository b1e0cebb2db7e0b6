//! Networks that are known to be bad, and the proof that they were.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::*;

/// A network between sender and ear. Times are in milliseconds, chances are of a thousand.
#[derive(Copy, Clone, Debug)]
struct Network {
    /// Each packet's way.
    base: i64,
    /// On top, evenly spread.
    jitter: u64,
    /// A stall begins before a packet: packets that are sent during it come at its end.
    stall_chance: u64,
    stall: i64,
    /// Loss comes in bursts: the chance that one begins, that it ends, and of loss while it lasts.
    burst: [u64; 3],
    /// The chance that a packet comes twice.
    doubled: u64,
    /// No packet is sent on from the first to the second of these times.
    black: [i64; 2],
}

const FINE: Network = Network {
    base: 20,
    jitter: 0,
    stall_chance: 0,
    stall: 0,
    burst: [0; 3],
    doubled: 0,
    black: [0; 2],
};

/// What a network did.
#[derive(Copy, Clone, Debug, Default)]
struct Applied {
    /// Of packets between the first and the last that came.
    lost: u64,
    longest_loss: u64,
    doubled: u64,
    reordered: u64,
    /// Milliseconds between the fastest and the slowest packet.
    spread: i64,
}

impl Network {
    /// Sends `count` packets of 20 ms of the voice.
    fn carry(self, world: &mut World, count: u16, seed: u64) -> Applied {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut chance = |of: u64| rng.next_u64() % 1000 < of;
        let mut applied = Applied::default();
        let mut rest = ChaCha8Rng::seed_from_u64(seed + 1);
        let (mut is_bad, mut run, mut newest, mut stalled) = (false, 0, 0, 0);
        let mut ways = [i64::MAX, 0];
        for n in 0..count {
            let sent = i64::from(n) * 20;
            is_bad = match is_bad {
                false => chance(self.burst[0]),
                true => !chance(self.burst[1]),
            };
            if chance(self.stall_chance) {
                stalled = sent + self.stall;
            }
            let is_black = (self.black[0]..self.black[1]).contains(&sent);
            if n > 0 && n + 1 < count && (is_black || is_bad && chance(self.burst[2])) {
                run += 1;
                applied.lost += 1;
                applied.longest_loss = applied.longest_loss.max(run);
                continue;
            }
            run = 0;
            let jitter = (rest.next_u64() % (self.jitter + 1)) as i64;
            let arrival = sent.max(stalled) + self.base + jitter;
            ways = [ways[0].min(arrival - sent), ways[1].max(arrival - sent)];
            applied.reordered += u64::from(arrival < newest);
            newest = newest.max(arrival);
            let packet = alaw(n, u32::from(n) * 160, 20, voice);
            world.send(arrival * 1000, packet.clone());
            if chance(self.doubled) {
                applied.doubled += 1;
                world.send(arrival * 1000 + 3000, packet);
            }
        }
        applied.spread = ways[1] - ways[0];
        applied
    }
}

/// How a minute over a network is heard: what the network did, what the ear counted, and the part of the sound that is
/// at 30 dB or better beside what was sent, in percent of what came in time.
fn minute(network: Network, seed: u64) -> (Applied, Counters, f64) {
    let mut world = World::new(Rate::Narrow, 20);
    let applied = network.carry(&mut world, 3000, seed);
    world.run(59_950_000 + network.base * 1000);
    let counters = world.ear.counters();
    let sum = counters.played + counters.late + counters.doubled + counters.malformed + counters.waiting;
    assert_eq!(sum, counters.packets, "{counters:?}");
    assert_eq!(counters.doubled, applied.doubled, "{counters:?} {applied:?}");
    assert!(roughness(&world.out) < 12_000, "{}", roughness(&world.out));
    let from = (network.base * 8) as usize;
    let quality = segments(&world.out, &reference(voice, 490_000), from + 160, 160);
    let speech = quality
        .iter()
        .zip(&world.kinds)
        .filter(|(_, kind)| **kind == Kind::Speech);
    let speech: Vec<Option<f64>> = speech.map(|(quality, _)| *quality).collect();
    let (_, bad) = judge(&speech);
    let heard = speech.iter().flatten().count();
    (applied, counters, 100.0 - bad as f64 / heard as f64 * 100.0)
}

#[test]
fn a_network_of_bursty_loss_and_jitter() {
    let bursty = Network {
        base: 40,
        jitter: 40,
        burst: [20, 300, 600],
        doubled: 5,
        ..FINE
    };
    for seed in 0..2 {
        let (applied, counters, good) = minute(bursty, seed);
        assert!(
            (60..200).contains(&applied.lost) && applied.longest_loss >= 3,
            "{applied:?}"
        );
        assert!(applied.reordered > 300 && applied.spread >= 39, "{applied:?}");
        assert!(applied.lost.abs_diff(counters.lost) <= 2, "{applied:?} {counters:?}");
        assert!(counters.late <= 30, "{counters:?}");
        assert!((35..=75).contains(&counters.delay), "{counters:?}");
        assert!(good > 90.0, "{good} {counters:?}");
    }
}

#[test]
fn a_mobile_network() {
    let mobile = Network {
        base: 80,
        jitter: 25,
        stall_chance: 6,
        stall: 120,
        burst: [5, 500, 500],
        ..FINE
    };
    for seed in 0..2 {
        let (applied, counters, good) = minute(mobile, seed);
        assert!(applied.spread >= 120 && applied.lost >= 5, "{applied:?}");
        assert!(applied.lost.abs_diff(counters.lost) <= 2, "{applied:?} {counters:?}");
        assert!(counters.late <= 20, "{counters:?}");
        assert!(counters.delay <= 205, "{counters:?}");
        assert!(good > 90.0, "{good} {counters:?}");
    }
}

#[test]
fn a_satellite() {
    let satellite = Network {
        base: 600,
        jitter: 8,
        burst: [5, 900, 900],
        ..FINE
    };
    for seed in 0..2 {
        let (applied, counters, good) = minute(satellite, seed);
        assert!((5..50).contains(&applied.lost) && applied.spread >= 7, "{applied:?}");
        assert_eq!(applied.lost, counters.lost, "{counters:?}");
        assert!(
            counters.late == 0 && counters.delay <= 40,
            "the way itself is no jitter: {counters:?}"
        );
        assert!(good > 97.0, "{good} {counters:?}");
    }
}

#[test]
fn a_network_that_is_gone_for_eight_seconds() {
    let black = Network {
        black: [20_000, 28_000],
        ..FINE
    };
    let mut world = World::new(Rate::Narrow, 20);
    let applied = black.carry(&mut world, 3000, 1);
    assert_eq!((applied.lost, applied.longest_loss), (400, 400));
    world.run(59_950_000);
    let counters = world.ear.counters();
    assert_eq!((counters.lost, counters.late), (400, 0), "{counters:?}");
    let silent: Vec<usize> = (1000..1500).filter(|n| world.kinds[*n] != Kind::Speech).collect();
    let back = *silent.last().unwrap() as i64 * 20 + 25;
    assert!((8_000..8_060).contains(&(silent.len() as i64 * 20)), "{}", silent.len());
    assert!(back - 28_020 <= 60, "{back}");
    let from = (silent.last().unwrap() + 2) * 160;
    let sent = &reference(voice, 490_000)[from - 800..];
    let (worst, _) = judge(&segments(&world.out[from..], sent, 1_000, 800)[2..]);
    assert!(worst > 30.0, "{worst}");
}
