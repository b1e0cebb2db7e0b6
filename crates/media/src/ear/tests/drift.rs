//! Clocks that are not the same.

use super::*;

/// Four hours of a sender whose clock is wrong by so many parts in a million. Returns what was counted, the least and the
/// greatest delay in milliseconds, and the greatest second difference.
fn four_hours(ppm: i64, millis: u32, signal: Signal) -> (Counters, [u32; 2], i32) {
    let mut ear = Ear::new(&payloads(), Rate::Narrow);
    let mut out = Vec::new();
    let mut last = Vec::new();
    let mut delays = [u32::MAX, 0];
    let mut rough = 0;
    // The signal repeats after 10 s.
    let packets: Vec<Packet> = (0..500).map(|n| alaw(n, u32::from(n) * 160, 20, signal)).collect();
    let mut arrival = 0;
    let mut pull = 7_000;
    for n in 0..4 * 3600 * 50u32 {
        let mut packet = packets[(n % 500) as usize].clone();
        (packet.sequence, packet.timestamp) = (n as u16, n.wrapping_mul(160));
        while pull < arrival {
            last.drain(..last.len().saturating_sub(2));
            out.clear();
            ear.pull(micros(pull), millis, &mut out);
            last.extend_from_slice(&out);
            rough = rough.max(roughness(&last));
            pull += i64::from(millis) * 1000;
            if n > 500 {
                let delay = ear.counters().delay;
                delays = [delays[0].min(delay), delays[1].max(delay)];
            }
        }
        ear.put(micros(arrival), heard(&packet));
        arrival = i64::from(n + 1) * (20_000 + ppm * 20_000 / 1_000_000);
    }
    (ear.counters(), delays, rough)
}

fn expect_followed(ppm: i64, millis: u32, signal: Signal) {
    let (counters, delays, rough) = four_hours(ppm, millis, signal);
    assert_eq!(
        (counters.lost, counters.late, counters.concealed),
        (0, 0, 0),
        "{counters:?}"
    );
    let [less, more] = match ppm > 0 {
        true => [counters.shortened, counters.stretched],
        false => [counters.stretched, counters.shortened],
    };
    // 4 h at 300 ppm are 4,320 ms.
    let drift = more as i64 - less as i64;
    assert!((4_250..=4_400).contains(&drift), "{counters:?}");
    assert!(less <= 2_200, "what is put in is hardly left out again: {counters:?}");
    assert!(delays[1] <= 60, "{delays:?}");
    assert!(rough < 9_000, "{rough}");
}

#[test]
fn four_hours_of_a_clock_that_is_too_slow_by_300_ppm() {
    expect_followed(300, 20, tone);
}

#[test]
fn four_hours_of_a_clock_that_is_too_fast_by_300_ppm() {
    expect_followed(-300, 10, voice);
}
