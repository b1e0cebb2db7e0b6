//! Sequence numbers (RFC 3550 appendix A.1) and time stamps without their wraps, and which packets were accounted for.

/// Numbers so far ahead or so far back are of a sender that began anew (RFC 3550 appendix A.1: MAX_DROPOUT, MAX_MISORDER).
const MAX_AHEAD: i16 = 3000;
const MAX_BACK: i16 = 100;
/// So many packets in a row are off by the same, and their time stamps are of a wrong clock (G.722 at 16 kHz: RFC 3551
/// section 4.5.2 says 8 kHz, which its first senders did not know).
const WRONG: u32 = 5;
/// Time stamps further apart than this are counted from a new anchor.
const FAR: i32 = 1 << 30;

/// What a sequence number means.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Not played yet.
    Ahead(i64),
    /// Its time has passed, and it had not come.
    Late,
    /// It was accounted for before.
    Doubled,
    /// Far from all others: to be dropped, unless the next one follows.
    Stray,
    /// The second one far from all others: the sender began anew.
    Restarted(i64),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    newest: Option<i64>,
    first: i64,
    /// The last one that was accounted for in order, and for each before it whether it was, too.
    passed: Option<i64>,
    seen: u128,
    /// What follows a stray.
    expected: Option<u16>,
    /// Of the numbers that were passed: those that have not come.
    pub(super) lost: u64,
}

impl Sequences {
    /// Reads the number of a packet that has come.
    pub(super) fn read(&mut self, number: u16) -> Order {
        let Some(newest) = self.newest else {
            return self.begin(number, Order::Ahead);
        };
        let ahead = number.wrapping_sub(newest as u16) as i16;
        if !(-MAX_BACK..=MAX_AHEAD).contains(&ahead) {
            return self.stray(number);
        }
        let sequence = newest + i64::from(ahead);
        self.newest = Some(newest.max(sequence));
        match self.passed.map(|passed| passed - sequence) {
            None | Some(..=-1) => Order::Ahead(sequence),
            Some(age @ 0..=127) => {
                let bit = 1u128 << age;
                if self.seen & bit != 0 {
                    return Order::Doubled;
                }
                self.seen |= bit;
                self.lost = self.lost.saturating_sub(u64::from(sequence > self.first));
                Order::Late
            }
            Some(_) => Order::Late,
        }
    }

    /// A packet whose number contradicts all others, or its time stamp: [`Order::Restarted`] if it follows another such.
    pub(super) fn stray(&mut self, number: u16) -> Order {
        if self.expected == Some(number) {
            return self.begin(number, Order::Restarted);
        }
        self.expected = Some(number.wrapping_add(1));
        Order::Stray
    }

    fn begin(&mut self, number: u16, order: fn(i64) -> Order) -> Order {
        // Far from zero: those before it are positive, too.
        let sequence = (1 << 32) | i64::from(number);
        *self = Sequences {
            newest: Some(sequence),
            lost: self.lost,
            ..Sequences::default()
        };
        order(sequence)
    }

    /// The newest that has come.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Whether nothing is missing between what was passed last and this one.
    pub(super) fn follows(&self, sequence: i64) -> bool {
        self.passed == Some(sequence - 1)
    }

    /// This one is accounted for; what is missing before it is lost.
    pub(super) fn pass(&mut self, sequence: i64) {
        let Some(passed) = self.passed.replace(sequence) else {
            (self.first, self.seen) = (sequence, 1);
            return;
        };
        let step = u32::try_from(sequence - passed).unwrap_or(1).max(1);
        self.lost += u64::from(step - 1);
        self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
    }

    /// Another source begins.
    pub(super) fn reset(&mut self) {
        *self = Sequences {
            lost: self.lost,
            ..Sequences::default()
        };
    }
}

/// Places packets in the stream, in samples of what is played.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    anchor: Option<Anchor>,
    /// The last anchor of another clock.
    before: Option<Anchor>,
    /// Where the newest packet ends.
    pub(super) end: i64,
    /// The number of that packet.
    last: i64,
    /// How far each of the last packets was from the end of the one before, and how many these are.
    off: i64,
    times: u32,
}

/// What a packet's time stamp says, beside its number.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// When its sound was.
    Known,
    /// Nothing, from now on: the clock is wrong.
    FoundWrong,
    /// Nothing.
    Wrong,
}

#[derive(Copy, Clone, Debug)]
struct Anchor {
    timestamp: u32,
    clock: u32,
    place: i64,
}

impl Timeline {
    /// A stream whose first packet comes at that place.
    pub(super) fn from(place: i64) -> Timeline {
        Timeline {
            end: place,
            ..Timeline::default()
        }
    }

    /// The clock that time stamps are read with.
    pub(super) fn clock(&self) -> Option<u32> {
        self.anchor.map(|anchor| anchor.clock)
    }

    /// The place of a time stamp. The first one, and the first of another clock, follow what came before.
    pub(super) fn place(&mut self, timestamp: u32, clock: u32, hertz: u32) -> i64 {
        let Some(anchor) = self.anchor.filter(|anchor| anchor.clock == clock) else {
            return self.anchor(timestamp, clock, self.end);
        };
        let place = anchor.place(timestamp, hertz);
        if anchor.ahead(timestamp).checked_abs().is_none_or(|far| far > FAR) {
            self.anchor(timestamp, clock, place);
        }
        place
    }

    /// The place of a packet from before the clock has changed.
    pub(super) fn place_before(&self, timestamp: u32, clock: u32, hertz: u32) -> Option<i64> {
        let before = self.before.filter(|before| before.clock == clock)?;
        Some(before.place(timestamp, hertz))
    }

    /// Looks at the newest packet. To be called before [`Timeline::ends`].
    pub(super) fn step(&mut self, sequence: i64, place: i64) -> Step {
        let off = place - self.end;
        let follows = sequence == self.last + 1 && off != 0;
        self.times = match follows {
            true if off == self.off => self.times.saturating_add(1),
            true => 1,
            false => 0,
        };
        self.off = off;
        match self.times {
            0..WRONG => Step::Known,
            WRONG => Step::FoundWrong,
            _ => Step::Wrong,
        }
    }

    /// The newest packet ends there.
    pub(super) fn ends(&mut self, sequence: i64, end: i64) {
        (self.last, self.end) = (sequence, end);
    }

    /// From now on this time stamp is at that place.
    pub(super) fn anchor(&mut self, timestamp: u32, clock: u32, place: i64) -> i64 {
        if self.anchor.is_some_and(|anchor| anchor.clock != clock) {
            self.before = self.anchor;
        }
        self.anchor = Some(Anchor {
            timestamp,
            clock,
            place,
        });
        place
    }
}

impl Anchor {
    fn ahead(&self, timestamp: u32) -> i32 {
        timestamp.wrapping_sub(self.timestamp) as i32
    }

    fn place(&self, timestamp: u32, hertz: u32) -> i64 {
        self.place + i64::from(self.ahead(timestamp)) * i64::from(hertz) / i64::from(self.clock.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap() {
        let mut sequences = Sequences::default();
        let Order::Ahead(mut before) = sequences.read(65_500) else {
            panic!("the first one")
        };
        sequences.pass(before);
        for number in (65_501..=u16::MAX).chain(0..100) {
            assert_eq!(sequences.read(number), Order::Ahead(before + 1));
            before += 1;
            assert!(sequences.follows(before));
            sequences.pass(before);
        }
        assert_eq!(sequences.lost, 0);
    }

    #[test]
    fn late_ones_are_no_longer_lost_and_the_second_of_them_is_doubled() {
        let mut sequences = Sequences::default();
        for number in [10, 11, 14] {
            let Order::Ahead(sequence) = sequences.read(number) else {
                panic!("{number}")
            };
            sequences.pass(sequence);
        }
        assert_eq!(sequences.lost, 2);
        assert_eq!(sequences.read(11), Order::Doubled);
        assert_eq!(sequences.read(12), Order::Late);
        assert_eq!(sequences.read(12), Order::Doubled);
        assert_eq!(sequences.lost, 1);
        assert_eq!(sequences.read(9), Order::Late, "before the first");
        assert_eq!(sequences.lost, 1);
    }

    #[test]
    fn two_far_numbers_in_a_row_begin_anew() {
        let mut sequences = Sequences::default();
        sequences.read(100);
        assert_eq!(sequences.read(30_000), Order::Stray);
        assert!(matches!(sequences.read(101), Order::Ahead(_)));
        assert_eq!(sequences.read(40_000), Order::Stray, "does not follow");
        assert!(matches!(sequences.read(102), Order::Ahead(_)));
        assert!(matches!(sequences.read(40_001), Order::Restarted(_)));
        assert!(matches!(sequences.read(40_002), Order::Ahead(_)));
    }

    #[test]
    fn time_stamps_wrap_and_keep_their_place_for_days() {
        let mut timeline = Timeline::default();
        let mut timestamp = u32::MAX - 1000;
        assert_eq!(timeline.place(timestamp, 48_000, 8000), 0);
        for n in 1..20_000_000i64 {
            timestamp = timestamp.wrapping_add(960);
            assert_eq!(timeline.place(timestamp, 48_000, 8000), n * 160);
        }
    }
}
