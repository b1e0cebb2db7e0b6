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
        [
            Event::Dtmf {
                media: id(1),
                digit: '5'
            },
            ended('5', 60)
        ]
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

fn ended(digit: char, millis: u16) -> Event {
    Event::DtmfEnded {
        media: id(1),
        digit,
        millis,
    }
}

#[test]
fn a_key_whose_end_is_lost_has_ended_when_its_packets_come_no_longer() {
    let mut w = World::bridged();
    w.say(AT_A, A, 1);
    w.events();
    for n in 0..3 {
        w.rtp(AT_A, A, 101, 2 + n, 320, 77, &[7, 10, 1 + n as u8, 0x40]);
        w.pass(50);
    }
    let pressed = Event::Dtmf {
        media: id(1),
        digit: '7',
    };
    assert_eq!(w.events(), [pressed]);
    w.pass(99);
    assert_eq!(w.events(), []);
    w.pass(1);
    assert_eq!(w.events(), [ended('7', 104)]);
    w.rtp(AT_A, A, 101, 5, 320, 77, &[7, 0x8a, 4, 0x40]);
    w.pass(500);
    assert_eq!(w.events(), [], "its end comes late");
}

/// The events that are sent to leg 2, each with how often its key begins.
fn begins(sent: &[Sent]) -> Vec<(u8, u32)> {
    let mut begins: Vec<(u8, u32)> = Vec::new();
    for packet in sent.iter().filter(|packet| packet.number == 101) {
        let begin = (packet.payload[0], packet.timestamp);
        if !begins.contains(&begin) {
            begins.push(begin);
        }
    }
    begins
}

#[test]
fn a_key_that_comes_by_info_and_as_an_event_is_sent_once() {
    let info = |w: &mut World| {
        w.command(Command::Dtmf {
            media: id(2),
            digit: '5',
            millis: 100,
        });
    };
    for event_first in [true, false] {
        let mut w = World::bridged();
        w.say(AT_A, A, 1);
        let mut sent = Vec::new();
        for press in 0..3u16 {
            if !event_first {
                info(&mut w);
            }
            let at = 1_000 + u32::from(press) * 4_800;
            for n in 0..12u16 {
                let [high, low] = (160 * (n + 1)).to_be_bytes();
                let end = if n > 9 { 0x80 } else { 0 };
                sent.extend(w.rtp(AT_A, A, 101, 10 + 50 * press + n, at, 77, &[5, end, high, low]));
                sent.extend(w.pass(20));
            }
            if event_first {
                info(&mut w);
            }
            sent.extend(w.pass(300));
        }
        assert_eq!(begins(&sent).len(), 3, "{event_first}");
        // Another key, and the same key much later, are keys of their own.
        sent.extend(w.rtp(AT_A, A, 101, 400, 90_000, 77, &[6, 0x80, 3, 0x20]));
        info(&mut w);
        sent.extend(w.pass(2_000));
        info(&mut w);
        sent.extend(w.pass(2_000));
        sent.extend(w.rtp(AT_A, A, 101, 500, 120_000, 77, &[5, 0x80, 3, 0x20]));
        assert_eq!(begins(&sent).len(), 7, "{event_first}");
    }
}

#[test]
fn a_peer_without_events_or_a_codec_of_ours_keeps_its_voice() {
    let mut w = World::bridged();
    w.update(1, remote(A, &[(18, "G729")]), false);
    w.update(2, remote(B, &[(18, "G729")]), false);
    w.command(Command::Dtmf {
        media: id(2),
        digit: '1',
        millis: 100,
    });
    w.pass(20);
    assert_eq!(w.rtp(AT_A, A, 18, 1, 160, 77, &[1; 20]).len(), 1);
}
