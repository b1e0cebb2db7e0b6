//! Timers: late clocks, odd settings, none left over.

use super::{super::*, support::*};

#[test]
fn a_late_clock_fires_each_timer_once() {
    let mut world = World::new();
    world.sends(udp(), invite());
    world.layer.timeout(world.now + ms(20_000));
    assert_eq!(world.said(), ["INVITE"]);
    world.layer.timeout(world.now + ms(99_000));
    assert_eq!(world.said(), ["TimedOut", "ClientGone"]);
    world.is_empty();
}

#[test]
fn timers_of_zero_do_not_spin() {
    let zero = TimerConfig::derive(ms(0), ms(0), ms(0));
    let mut world = World::with(LayerConfig {
        timers: zero,
        ..LayerConfig::default()
    });
    world.sends(udp(), invite());
    world.sends(udp(), options());
    world.layer.timeout(world.now + ms(10));
    assert_eq!(world.said(), ["TimedOut", "ClientGone", "TimedOut", "ClientGone"]);
    world.is_empty();
}

#[test]
fn intervals_of_zero_are_a_millisecond() {
    let mut timers = TimerConfig::derive(ms(0), ms(0), ms(0));
    (timers.b, timers.f) = (ms(5), ms(5));
    let mut world = World::with(LayerConfig {
        timers,
        ..LayerConfig::default()
    });
    world.sends(udp(), invite());
    let said = world.run(ms(10));
    let expected = [
        "1 INVITE",
        "2 INVITE",
        "3 INVITE",
        "4 INVITE",
        "5 TimedOut",
        "5 ClientGone",
    ];
    assert_eq!(said, expected);
}

#[test]
fn terminated_transactions_leave_no_timers_behind() {
    let mut world = World::new();
    // One whose timer comes first, so that the others' cannot simply fall off the top.
    world.sends(udp(), invite());
    for number in 2..10_000 {
        let branch: &'static str = format!("z9hG4bK{number}").leak();
        let ask = Ask {
            branch,
            number,
            method: "OPTIONS",
            ..Ask::default()
        }
        .message();
        world.sends(tcp(), ask.clone());
        assert_eq!(
            world.receive_on(tcp(), answer(&ask, 200)),
            ["Response 200", "ClientGone"]
        );
        assert!(world.layer.timers_kept() <= 66, "{}", world.layer.timers_kept());
    }
    world.run(ms(60_000));
    world.is_empty();
}
