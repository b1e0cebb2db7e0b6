//! DTMF as RFC 4733 events: one report a press, and presses of Tandem's own.

use std::{collections::VecDeque, ops::Range, time::Duration};

use smallvec::SmallVec;

use crate::listen::Heard;

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
/// A press whose packets come no longer has ended after this time: the packets with its end are lost. Some phones send a
/// packet every 50 ms.
pub(in crate::relay) const LOST: Duration = Duration::from_millis(150);
/// A key that comes by two ways (RFC 4733 and INFO) is one key within this time.
const SAME_KEY: Duration = Duration::from_secs(1);
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
    open: Option<Open>,
}

#[derive(Copy, Clone, Debug)]
struct Press {
    timestamp: u32,
    event: u8,
    duration: u16,
    ended: bool,
    /// The duration of its earlier segments.
    before: u32,
}

/// A press that was reported, and its end was not.
#[derive(Copy, Clone, Debug)]
struct Open {
    digit: char,
    clock: u32,
    duration: u32,
}

impl Detector {
    /// What a packet tells: a press with its first packet, and the end of one. The time stamp counts in that clock.
    pub(in crate::relay) fn packet(
        &mut self,
        now: Duration,
        (timestamp, clock): (u32, u32),
        payload: &[u8],
    ) -> SmallVec<[Heard; 2]> {
        let mut heard = SmallVec::new();
        let [event, flags, high, low, ..] = *payload else {
            return heard;
        };
        let Some(digit) = DIGITS.get(usize::from(event)).copied().map(char::from) else {
            return heard;
        };
        let mut press = Press {
            timestamp,
            event,
            duration: u16::from_be_bytes([high, low]),
            ended: flags & 0x80 != 0,
            before: 0,
        };
        if let Some(last) = self.last {
            let age = timestamp.wrapping_sub(last.timestamp);
            let same = age == 0 && event == last.event;
            if same {
                // Update, or a repeated end. What comes late does not shorten it.
                press.duration = press.duration.max(last.duration);
                press.ended |= last.ended;
                press.before = last.before;
            } else if age > u32::MAX / 2 {
                return heard;
            }
            // RFC 4733 section 2.5.1.3: a long press goes on in a new segment, begun where the last one ended.
            let continued = !last.ended && event == last.event && age == u32::from(last.duration) && age >= 0xff00;
            if continued {
                press.before = last.before.saturating_add(age);
            }
            if same || continued {
                self.goes_on(press);
                heard.extend(press.ended.then(|| self.end()).flatten());
                return heard;
            }
            // The packets with the end of the last press are lost.
            heard.extend(self.end());
        }
        self.last = Some(press);
        if self.reported.is_some_and(|at| now < at + REPORT_GAP) {
            return heard;
        }
        self.reported = Some(now);
        heard.push(Heard::Pressed(digit));
        self.open = Some(Open {
            digit,
            clock,
            duration: 0,
        });
        self.goes_on(press);
        heard.extend(press.ended.then(|| self.end()).flatten());
        heard
    }

    fn goes_on(&mut self, press: Press) {
        self.last = Some(press);
        if let Some(open) = &mut self.open {
            open.duration = press.before.saturating_add(u32::from(press.duration));
        }
    }

    /// No more packets of the press come: its end, unless that was told.
    pub(in crate::relay) fn end(&mut self) -> Option<Heard> {
        let open = self.open.take()?;
        Some(Heard::Released {
            digit: open.digit,
            millis: (u64::from(open.duration) * 1000 / u64::from(open.clock)) as u32,
        })
    }

    /// Whether a press was told, and its end was not.
    pub(in crate::relay) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Another stream begins. Its time stamps are independent of the earlier ones.
    pub(in crate::relay) fn reset(&mut self) {
        self.last = None;
    }
}

/// Digits being sent.
#[derive(Debug, Default)]
pub(in crate::relay) struct Keys {
    queue: VecDeque<(u8, Option<u16>)>,
    current: Option<Sending>,
    /// The last key, and when it came or was on the line last.
    last: Option<(u8, Duration)>,
}

#[derive(Debug)]
struct Sending {
    event: u8,
    /// Samples at 8 kHz; `None`: until it is released.
    total: Option<u32>,
    elapsed: u32,
    ends: u8,
    timestamp: Option<u32>,
}

/// The next packet of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Packet {
    pub(in crate::relay) payload: [u8; 4],
    /// The event's first: marker, and the event's time stamp begins now.
    pub(in crate::relay) timestamp: Option<u32>,
    /// The part of the key that this step adds, in samples at 8 kHz from its beginning. Empty while its end is repeated.
    pub(in crate::relay) part: Range<u32>,
    /// The length of the key, once it is known.
    pub(in crate::relay) total: Option<u32>,
}

/// The result of a step of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Step {
    /// Send this, and come again after [`STEP`].
    Send(Packet),
    /// Come again after this pause.
    Pause(Duration),
    /// Nothing left.
    Done,
}

impl Keys {
    /// Adds a digit; `false` if the queue is full. Without a duration it lasts until it is released.
    pub(in crate::relay) fn press(&mut self, now: Duration, event: u8, millis: Option<u16>) -> bool {
        if self.queue.len() >= MAX_QUEUE {
            return false;
        }
        self.last = Some((event, now));
        let millis = millis.map(|millis| millis.clamp(MIN_MILLIS, MAX_MILLIS));
        self.queue.push_back((event, millis));
        true
    }

    /// Ends the first digit of that code that lasts until it is released: it lasts for so long in all, or as long as it has
    /// lasted already.
    pub(in crate::relay) fn release(&mut self, event: u8, millis: u16) {
        let millis = millis.clamp(MIN_MILLIS, MAX_MILLIS);
        if let Some(current) = self.current.as_mut().filter(|current| current.event == event)
            && current.total.is_none()
        {
            current.total = Some((u32::from(millis) * 8).max(current.elapsed));
        } else if let Some(waiting) = self.queue.iter_mut().find(|waiting| **waiting == (event, None)) {
            waiting.1 = Some(millis);
        }
    }

    /// The keys that last until they are released will not be released any more.
    pub(in crate::relay) fn let_go(&mut self) {
        if let Some(current) = self.current.as_mut().filter(|current| current.total.is_none()) {
            current.total = Some((u32::from(MIN_MILLIS) * 8).max(current.elapsed));
        }
        for (_, millis) in &mut self.queue {
            millis.get_or_insert(MIN_MILLIS);
        }
    }

    /// Whether the other leg's event of that code is this leg's last key, which came by INFO, too. A key counts for one event.
    pub(in crate::relay) fn was_last(&mut self, now: Duration, event: u8) -> bool {
        let same = |(last, at): &mut (u8, Duration)| *last == event && now.saturating_sub(*at) <= SAME_KEY;
        self.last.take_if(same).is_some()
    }

    /// An event is on the line: until its end, nothing else is sent.
    pub(in crate::relay) fn is_pressed(&self) -> bool {
        self.current.is_some()
    }

    /// The next step, every [`STEP`].
    pub(in crate::relay) fn step(&mut self, now: Duration) -> Step {
        let Some(current) = &mut self.current else {
            let Some((event, millis)) = self.queue.pop_front() else {
                return Step::Done;
            };
            let sending = Sending {
                event,
                total: millis.map(|millis| u32::from(millis) * 8),
                elapsed: 0,
                ends: 0,
                timestamp: None,
            };
            self.current = Some(sending);
            return self.step(now);
        };
        if current.ends == ENDS {
            self.current = None;
            return if self.queue.is_empty() {
                Step::Done
            } else {
                Step::Pause(GAP)
            };
        }
        let most = current.total.unwrap_or(u32::from(MAX_MILLIS) * 8);
        let before = current.elapsed;
        current.elapsed = (before + STEP.as_millis() as u32 * 8).min(most);
        let end = current.elapsed == most;
        if end {
            current.total = Some(most);
        }
        current.ends += u8::from(end);
        if let Some(last) = self.last.as_mut().filter(|last| last.0 == current.event) {
            last.1 = now;
        }
        let [high, low] = (current.elapsed as u16).to_be_bytes();
        let payload = [current.event, if end { 0x80 | VOLUME } else { VOLUME }, high, low];
        Step::Send(Packet {
            payload,
            timestamp: current.timestamp,
            part: before..current.elapsed,
            total: current.total,
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
            let heard = d.packet(at(now), (ts, 8000), &[event, flags, high, low]);
            heard.iter().find_map(|heard| match heard {
                Heard::Pressed(digit) => Some(*digit),
                Heard::Released { .. } | Heard::Sound(_) => None,
            })
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
        assert!(d.packet(at(1000), (9999, 8000), &[1, 2]).is_empty());
    }

    fn released(digit: char, millis: u32) -> Heard {
        Heard::Released { digit, millis }
    }

    #[test]
    fn a_long_press_in_segments_is_one() {
        let mut d = Detector::default();
        let mut packet = |now, ts, payload: &[u8]| d.packet(at(now), (ts, 8000), payload).into_vec();
        assert_eq!(packet(0, 1000, &[1, 10, 0xff, 0xff]), [Heard::Pressed('1')]);
        assert_eq!(packet(100, 1000 + 0xffff, &[1, 10, 0, 160]), []);
        assert_eq!(packet(120, 1000 + 0xffff, &[1, 0x8a, 1, 65]), [released('1', 8232)]);
        assert_eq!(packet(120, 1000 + 0xffff, &[1, 0x8a, 1, 65]), [], "an end is repeated");
        d.reset();
        let heard = d.packet(at(200), (5, 8000), &[2, 10, 0, 160]);
        assert_eq!(heard.as_slice(), [Heard::Pressed('2')], "a new stream");
    }

    #[test]
    fn a_press_ends_once_by_its_end_by_the_next_press_or_when_its_packets_come_no_longer() {
        let mut d = Detector::default();
        let mut packet = |now, ts, clock, payload: &[u8]| d.packet(at(now), (ts, clock), payload).into_vec();
        packet(0, 0, 48_000, &[1, 10, 0, 160]);
        assert_eq!(packet(20, 0, 48_000, &[1, 0x8a, 0x12, 0xc0]), [released('1', 100)]);
        let only_end = [Heard::Pressed('2'), released('2', 100)];
        assert_eq!(packet(200, 9600, 48_000, &[2, 0x8a, 0x12, 0xc0]), only_end);
        packet(400, 19_200, 48_000, &[3, 10, 0x12, 0xc0]);
        let next = [released('3', 100), Heard::Pressed('4')];
        assert_eq!(packet(600, 28_800, 48_000, &[4, 10, 0x09, 0x60]), next);
        assert!(d.is_open());
        assert_eq!((d.end(), d.end()), (Some(released('4', 50)), None));
        assert!(!d.is_open());
    }

    #[test]
    fn a_key_without_a_duration_is_sent_until_it_is_released() {
        let mut keys = Keys::default();
        keys.press(at(0), 1, None);
        let mut parts = Vec::new();
        let mut step = |keys: &mut Keys| match keys.step(at(0)) {
            Step::Send(packet) => parts.push((packet.part, packet.payload[1] & 0x80 != 0)),
            Step::Pause(_) | Step::Done => {}
        };
        (0..3).for_each(|_| step(&mut keys));
        keys.release(2, 100);
        keys.release(1, 70);
        (0..4).for_each(|_| step(&mut keys));
        let expected = [
            (0..160, false),
            (160..320, false),
            (320..480, false),
            (480..560, true),
            (560..560, true),
            (560..560, true),
        ];
        assert_eq!(parts, expected);
        // One that is never released, one that is released before its turn, and one that has lasted for longer.
        keys.press(at(0), 3, None);
        keys.press(at(0), 4, None);
        keys.press(at(0), 4, None);
        keys.release(4, 40);
        let mut lengths = Vec::new();
        for n in 0.. {
            if n == 500 {
                keys.release(4, 40);
            }
            match keys.step(at(0)) {
                Step::Send(packet) if packet.part.is_empty() => lengths.extend(packet.total),
                Step::Send(_) | Step::Pause(_) => {}
                Step::Done => break,
            }
        }
        assert_eq!(lengths[..4], [64_000, 64_000, 320, 320]);
        assert!(lengths[4] > 320, "{lengths:?}");
    }

    #[test]
    fn a_digit_is_sent_with_growing_duration_and_three_ends() {
        let mut keys = Keys::default();
        assert!(keys.press(at(0), code('#').unwrap(), Some(60)) && keys.press(at(0), code('d').unwrap(), Some(1)));
        let mut steps = Vec::new();
        for _ in 0..6 {
            steps.push(keys.step(at(0)));
            keys.began(77);
        }
        let send = |event, flags, duration: u16, part: Range<u32>, timestamp| {
            let [high, low] = duration.to_be_bytes();
            Step::Send(Packet {
                payload: [event, flags, high, low],
                timestamp,
                part,
                total: Some(if event == 11 { 480 } else { 320 }),
            })
        };
        let expected = [
            send(11, 10, 160, 0..160, None),
            send(11, 10, 320, 160..320, Some(77)),
            send(11, 0x8a, 480, 320..480, Some(77)),
            send(11, 0x8a, 480, 480..480, Some(77)),
            send(11, 0x8a, 480, 480..480, Some(77)),
            Step::Pause(GAP),
        ];
        assert_eq!(steps, expected);
        assert!(!keys.is_pressed());
        assert_eq!(keys.step(at(0)), send(15, 10, 160, 0..160, None));
    }

    #[test]
    fn the_queue_is_bounded_and_letters_are_not_digits() {
        let mut keys = Keys::default();
        assert_eq!((0..100).filter(|_| keys.press(at(0), 1, Some(100))).count(), MAX_QUEUE);
        assert_eq!((code('E'), code('*'), code('a')), (None, Some(10), Some(12)));
        assert_eq!(code('!'), Some(16), "the flash");
    }
}
