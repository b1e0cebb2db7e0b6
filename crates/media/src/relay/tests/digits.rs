//! DTMF digits, in both directions.

use super::*;

#[test]
fn digits_pass_and_are_reported_once_a_press() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.events();
    let mut passed = Vec::new();
    for (n, duration) in [160u16, 320, 480].into_iter().enumerate() {
        let [high, low] = duration.to_be_bytes();
        passed.extend(w.rtp(AT_A, A, 101, 2 + n as u16, 320, 77, &[5, 10, high, low]));
    }
    for n in 0..3 {
        passed.extend(w.rtp(AT_A, A, 101, 5 + n, 320, 77, &[5, 0x8a, 1, 0xe0]));
    }
    assert_eq!(passed.len(), 6);
    assert!(
        passed
            .iter()
            .all(|p| p.timestamp == passed[0].timestamp && p.number == 101)
    );
    assert_eq!(
        w.events(),
        [Event::Dtmf {
            media: id(1),
            digit: '5'
        }]
    );
}

#[test]
fn a_digit_tandem_sends_takes_the_line_and_gives_it_back() {
    let mut w = World::bridged();
    let before = w.say(AT_A, A, 1).remove(0);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '#',
        millis: 60,
    });
    let mut events = Vec::new();
    for n in 2..12 {
        events.extend(w.pass(20));
        events.extend(w.say(AT_A, A, n));
    }
    let (digits, audio): (Vec<_>, Vec<_>) = events.into_iter().partition(|s| s.number == 101);
    assert_eq!(
        digits.iter().map(|d| d.payload.clone()).collect::<Vec<_>>(),
        [
            [11, 10, 0, 160],
            [11, 10, 1, 64],
            [11, 0x8a, 1, 0xe0],
            [11, 0x8a, 1, 0xe0],
            [11, 0x8a, 1, 0xe0]
        ]
    );
    assert!(digits[0].marker && !digits[1].marker && digits.iter().all(|d| d.timestamp == digits[0].timestamp));
    let numbers: Vec<u16> = digits
        .iter()
        .chain(&audio)
        .map(|s| s.sequence.wrapping_sub(before.sequence))
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u16).collect::<Vec<_>>());
    // The clock of the voice went on during the event.
    assert_eq!(audio.last().unwrap().timestamp, before.timestamp.wrapping_add(10 * 160));
}

#[test]
fn a_peer_without_events_keeps_its_voice() {
    let mut w = World::bridged();
    w.update(2, remote(B, &[(0, "PCMU")]), false);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '1',
        millis: 100,
    });
    w.pass(20);
    assert_eq!(w.say(AT_A, A, 1).len(), 1);
}
