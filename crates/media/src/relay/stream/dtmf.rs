//! DTMF as RFC 4733 events: one report a press, and presses of Tandem's own.

use std::{collections::VecDeque, time::Duration};

/// Digits waiting to be sent to one leg; more are dropped.
const MAX_QUEUE: usize = 64;
/// Between two digits, and the shortest press (ITU-T Q.24 asks for 40 ms).
const GAP: Duration = Duration::from_millis(60);
const MIN_MILLIS: u16 = 40;
/// The longest press: its duration in samples fits the field (RFC 4733 section 2.5.1.3 needs no segments).
const MAX_MILLIS: u16 = 8000;
/// Two presses closer than this are one press, or a flood: the second is not reported.
const REPORT_GAP: Duration = Duration::from_millis(30);
/// Between two packets of an event.
pub(in crate::relay) const STEP: Duration = Duration::from_millis(20);
/// The last packet is sent this often (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;
/// -10 dBm0.
const VOLUME: u8 = 10;

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// The hook flash, and its event code (RFC 4734 section 2).
const FLASH: (char, u8) = ('!', 16);

/// The event code of a digit or of the flash.
pub(in crate::relay) fn code(digit: char) -> Option<u8> {
    if digit == FLASH.0 {
        return Some(FLASH.1);
    }
    DIGITS
        .iter()
        .position(|d| char::from(*d) == digit.to_ascii_uppercase())
        .map(|code| code as u8)
}

/// Tells presses apart in a stream of events.
#[derive(Debug, Default)]
pub(in crate::relay) struct Detector {
    last: Option<Press>,
    reported: Option<Duration>,
}

#[derive(Copy, Clone, Debug)]
struct Press {
    timestamp: u32,
    event: u8,
    duration: u16,
    ended: bool,
}

impl Detector {
    /// The digit, with the first packet of its press.
    pub(in crate::relay) fn packet(&mut self, now: Duration, timestamp: u32, payload: &[u8]) -> Option<char> {
        let [event, flags, high, low, ..] = *payload else {
            return None;
        };
        let digit = char::from(*DIGITS.get(usize::from(event))?);
        let press = Press {
            timestamp,
            event,
            duration: u16::from_be_bytes([high, low]),
            ended: flags & 0x80 != 0,
        };
        if let Some(last) = self.last {
            let age = timestamp.wrapping_sub(last.timestamp);
            if age == 0 && event == last.event {
                // Update, or a repeated end. What comes late does not shorten it.
                let duration = press.duration.max(last.duration);
                self.last = Some(Press {
                    duration,
                    ended: press.ended || last.ended,
                    ..press
                });
                return None;
            }
            if age > u32::MAX / 2 {
                return None;
            }
            // RFC 4733 section 2.5.1.3: a long press goes on in a new segment, begun where the last one ended.
            let continued = !last.ended && event == last.event && age == u32::from(last.duration) && age >= 0xff00;
            self.last = Some(press);
            if continued {
                return None;
            }
        }
        self.last = Some(press);
        if self.reported.is_some_and(|at| now < at + REPORT_GAP) {
            return None;
        }
        self.reported = Some(now);
        Some(digit)
    }

    /// Another stream begins. Its time stamps are independent of the earlier ones.
    pub(in crate::relay) fn reset(&mut self) {
        self.last = None;
    }
}

/// Digits being sent.
#[derive(Debug, Default)]
pub(in crate::relay) struct Keys {
    queue: VecDeque<(u8, u16)>,
    current: Option<Sending>,
}

#[derive(Debug)]
struct Sending {
    event: u8,
    /// Samples at 8 kHz.
    total: u32,
    elapsed: u32,
    ends: u8,
    timestamp: Option<u32>,
}

/// The next packet of an event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Packet {
    pub(in crate::relay) payload: [u8; 4],
    /// The event's first: marker, and the event's time stamp begins now.
    pub(in crate::relay) timestamp: Option<u32>,
}

/// The result of a step of sending.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Step {
    /// Send this, and come again after [`STEP`].
    Send(Packet),
    /// Come again after this pause.
    Pause(Duration),
    /// Nothing left.
    Done,
}

impl Keys {
    /// Adds a digit; `false` if the queue is full.
    pub(in crate::relay) fn press(&mut self, event: u8, millis: u16) -> bool {
        if self.queue.len() >= MAX_QUEUE {
            return false;
        }
        self.queue.push_back((event, millis.clamp(MIN_MILLIS, MAX_MILLIS)));
        true
    }

    /// An event is on the line: until its end, nothing else is sent.
    pub(in crate::relay) fn is_pressed(&self) -> bool {
        self.current.is_some()
    }

    /// The next step, every [`STEP`].
    pub(in crate::relay) fn step(&mut self) -> Step {
        let Some(current) = &mut self.current else {
            let Some((event, millis)) = self.queue.pop_front() else {
                return Step::Done;
            };
            let sending = Sending {
                event,
                total: u32::from(millis) * 8,
                elapsed: 0,
                ends: 0,
                timestamp: None,
            };
            self.current = Some(sending);
            return self.step();
        };
        if current.ends == ENDS {
            self.current = None;
            return if self.queue.is_empty() {
                Step::Done
            } else {
                Step::Pause(GAP)
            };
        }
        current.elapsed = (current.elapsed + STEP.as_millis() as u32 * 8).min(current.total);
        let end = current.elapsed == current.total;
        current.ends += u8::from(end);
        let [high, low] = (current.elapsed as u16).to_be_bytes();
        let payload = [current.event, if end { 0x80 | VOLUME } else { VOLUME }, high, low];
        Step::Send(Packet {
            payload,
            timestamp: current.timestamp,
        })
    }

    /// The time stamp the event began with.
    pub(in crate::relay) fn began(&mut self, timestamp: u32) {
        if let Some(current) = &mut self.current {
            current.timestamp = Some(timestamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_press_is_reported_once_whatever_is_lost_or_repeated() {
        let mut d = Detector::default();
        let press = |d: &mut Detector, now, ts, event, flags, duration: u16| {
            let [high, low] = duration.to_be_bytes();
            d.packet(at(now), ts, &[event, flags, high, low])
        };
        assert_eq!(press(&mut d, 0, 1000, 5, 10, 160), Some('5'));
        assert_eq!(press(&mut d, 20, 1000, 5, 10, 320), None);
        for _ in 0..3 {
            assert_eq!(press(&mut d, 40, 1000, 5, 0x8a, 480), None);
        }
        assert_eq!(
            press(&mut d, 200, 2600, 11, 0x8a, 800),
            Some('#'),
            "only its end arrived"
        );
        assert_eq!(press(&mut d, 210, 1000, 5, 0x8a, 480), None, "an old end, late");
        assert_eq!(press(&mut d, 400, 4000, 11, 10, 160), Some('#'), "the same key again");
        assert_eq!(press(&mut d, 401, 4001, 12, 10, 160), None, "a flood");
        assert_eq!(press(&mut d, 900, 9000, 16, 10, 160), None, "flash is no digit");
        assert_eq!(d.packet(at(1000), 9999, &[1, 2]), None);
    }

    #[test]
    fn a_long_press_in_segments_is_one() {
        let mut d = Detector::default();
        assert_eq!(d.packet(at(0), 1000, &[1, 10, 0xff, 0xff]), Some('1'));
        assert_eq!(d.packet(at(100), 1000 + 0xffff, &[1, 10, 0, 160]), None);
        d.reset();
        assert_eq!(d.packet(at(200), 5, &[2, 10, 0, 160]), Some('2'), "a new stream");
    }

    #[test]
    fn a_digit_is_sent_with_growing_duration_and_three_ends() {
        let mut keys = Keys::default();
        assert!(keys.press(code('#').unwrap(), 60) && keys.press(code('d').unwrap(), 1));
        let mut steps = Vec::new();
        for _ in 0..6 {
            steps.push(keys.step());
            keys.began(77);
        }
        let send = |event, flags, duration: u16, timestamp| {
            let [high, low] = duration.to_be_bytes();
            Step::Send(Packet {
                payload: [event, flags, high, low],
                timestamp,
            })
        };
        let expected = [
            send(11, 10, 160, None),
            send(11, 10, 320, Some(77)),
            send(11, 0x8a, 480, Some(77)),
            send(11, 0x8a, 480, Some(77)),
            send(11, 0x8a, 480, Some(77)),
            Step::Pause(GAP),
        ];
        assert_eq!(steps, expected);
        assert!(!keys.is_pressed());
        assert_eq!(keys.step(), send(15, 10, 160, None));
    }

    #[test]
    fn the_queue_is_bounded_and_letters_are_not_digits() {
        let mut keys = Keys::default();
        assert_eq!((0..100).filter(|_| keys.press(1, 100)).count(), MAX_QUEUE);
        assert_eq!((code('E'), code('*'), code('a')), (None, Some(10), Some(12)));
        assert_eq!(code('!'), Some(16), "the flash");
    }
}
