//! Packets that arrive.

use std::time::Duration;

use super::{
    Ear, Heard, Mode,
    arrival::Arrivals,
    control::micros,
    sequence::{Order, Step, Timeline},
    store::{Content, Refused, Waiting},
};

/// A time stamp that is so many microseconds ahead of its arrival is no jitter: the sender counts from elsewhere. The
/// second is for packets with the marker.
const AHEAD: [i64; 2] = [1_000_000, 100_000];

impl Ear {
    /// Takes a packet in that arrived at `now`. Packets that are doubled, late or malformed are counted and dropped. Gives
    /// whether it was well formed.
    pub fn put(&mut self, now: Duration, heard: Heard<'_>) -> bool {
        let before = self.tally.malformed;
        self.take(now, heard);
        self.tally.malformed == before
    }

    fn take(&mut self, now: Duration, heard: Heard<'_>) {
        self.tally.packets += 1;
        let Some((content, clock)) = self.coders.read(heard.number, heard.payload) else {
            self.tally.malformed += 1;
            return;
        };
        let mut order = self.sequences.read(heard.sequence);
        if content.is_sound() && self.is_without_place(order, heard.timestamp, clock) {
            order = Order::Late;
        }
        if self.contradicts(order, heard.timestamp, clock) {
            order = self.sequences.stray(heard.sequence);
        }
        let sequence = match order {
            Order::Ahead(sequence) => sequence,
            Order::Restarted(sequence) => {
                self.leave();
                sequence
            }
            Order::Doubled => {
                self.tally.doubled += 1;
                return;
            }
            Order::Late | Order::Stray => {
                if order == Order::Late && content.is_sound() {
                    self.note(micros(now), heard.timestamp, clock);
                }
                match content {
                    Content::Broken => self.tally.malformed += 1,
                    Content::Sound { .. } | Content::Noise { .. } | Content::Event => self.tally.late += 1,
                }
                return;
            }
        };
        let place = self.place(micros(now), sequence, content, &heard, clock);
        self.insert(now, sequence, place, content, heard.payload);
    }

    /// An RFC 4733 event stands in place of sound: its packets are not lost, and silence is heard until sound comes again.
    pub fn put_event(&mut self, now: Duration, sequence: u16, timestamp: u32) {
        let sequence = match self.sequences.read(sequence) {
            Order::Ahead(sequence) => sequence,
            Order::Restarted(sequence) => {
                self.leave();
                sequence
            }
            Order::Doubled | Order::Late | Order::Stray => return,
        };
        let place = match self.timeline.clock() {
            Some(clock) => self.timeline.place(timestamp, clock, self.rate.hertz()),
            None => 0,
        };
        self.insert(now, sequence, place, Content::Event, &[]);
    }

    /// Another source begins (another SSRC): what waits is dropped, decoders begin anew. What was counted stays.
    pub fn reset(&mut self) {
        self.leave();
        self.sequences.reset();
        self.coders.reset();
        self.arrivals = Arrivals::default();
        self.last.0 = None;
    }

    /// Whether a packet is older than the newest, and of a clock that is not known any more.
    fn is_without_place(&mut self, order: Order, timestamp: u32, clock: u32) -> bool {
        let newest = self.sequences.newest();
        matches!(order, Order::Ahead(sequence) if Some(sequence) < newest)
            && self.timeline.clock().is_some_and(|known| known != clock)
            && self
                .timeline
                .place_before(timestamp, clock, self.rate.hertz())
                .is_none()
    }

    /// Whether a packet is older than the newest by its number, but later by its time stamp: the sender began anew.
    fn contradicts(&mut self, order: Order, timestamp: u32, clock: u32) -> bool {
        let is_older = match order {
            Order::Ahead(sequence) => self.sequences.newest().is_some_and(|newest| sequence < newest),
            Order::Late => true,
            Order::Doubled | Order::Stray | Order::Restarted(_) => false,
        };
        is_older
            && self.timeline.clock() == Some(clock)
            && self.timeline.place(timestamp, clock, self.rate.hertz()) >= self.timeline.end
    }

    /// The numbers go on from elsewhere.
    fn leave(&mut self) {
        while let Some(packet) = self.store.pop() {
            self.tally.late += u64::from(packet.content.is_counted());
            self.store.spare(packet.payload);
        }
        self.timeline = Timeline::from(self.pcm.end);
        self.arrivals.restart();
        if matches!(self.mode, Mode::Playing | Mode::Missing) {
            self.hush();
        }
    }

    fn insert(&mut self, now: Duration, sequence: i64, place: i64, content: Content, payload: &[u8]) {
        let packet = Waiting {
            sequence,
            place,
            arrived: micros(now),
            content,
            payload: Vec::new(),
        };
        match self.store.insert(packet, payload) {
            Ok(()) => self.tally.malformed += u64::from(content == Content::Broken),
            Err(_) if content == Content::Event => {}
            Err(Refused::Doubled) => self.tally.doubled += 1,
            Err(Refused::Displaced) if content == Content::Broken => self.tally.malformed += 1,
            Err(Refused::Displaced) => self.tally.late += 1,
        }
        while self.store.exceeds(self.config.packets, self.config.octets) {
            self.shed();
        }
    }

    /// Drops the packet that is next.
    pub(super) fn shed(&mut self) {
        if let Some(packet) = self.store.pop() {
            self.sequences.pass(packet.sequence);
            self.tally.late += u64::from(packet.content.is_counted());
            self.store.spare(packet.payload);
        }
    }

    /// Learns of the way from a packet that cannot be played any more.
    fn note(&mut self, now: i64, timestamp: u32, clock: u32) {
        // A packet of another clock would move the anchor.
        if self.timeline.clock() == Some(clock) {
            let place = self.timeline.place(timestamp, clock, self.rate.hertz());
            self.arrives(now, place, true);
        }
    }

    /// A packet of this place in the stream has come. One that no delay could have helped teaches nothing.
    fn arrives(&mut self, now: i64, place: i64, is_late: bool) {
        let transit = now - self.micros(place);
        let later = self.arrivals.base().map_or(0, |base| transit - base);
        if later <= micros(self.config.most) && later >= -AHEAD[0] {
            self.arrivals.note(now, transit, is_late);
        }
    }

    /// The place of a packet in the stream.
    fn place(&mut self, now: i64, sequence: i64, content: Content, heard: &Heard<'_>, clock: u32) -> i64 {
        let hertz = self.rate.hertz();
        let Content::Sound { samples, .. } = content else {
            // The clock of noise that stands beside a codec of another clock is that codec's.
            let known = self.timeline.clock();
            return match known.filter(|known| *known == clock || content != Content::Broken) {
                Some(known) => self.timeline.place(heard.timestamp, known, hertz),
                None => self.timeline.end,
            };
        };
        let is_newest = self.sequences.newest() == Some(sequence);
        if !is_newest
            && self.timeline.clock() != Some(clock)
            && let Some(place) = self.timeline.place_before(heard.timestamp, clock, hertz)
        {
            return place;
        }
        let mut place = self.timeline.place(heard.timestamp, clock, hertz);
        if is_newest {
            let step = match heard.marker {
                true => Step::Known,
                false => self.timeline.step(sequence, place),
            };
            if self.jumps(now, place, heard.marker, step) {
                place = self.timeline.anchor(heard.timestamp, clock, self.timeline.end);
            }
            self.timeline.ends(sequence, place + samples as i64);
        }
        let is_late = self.mode == Mode::Missing && place < self.pcm.end;
        self.arrives(now, place, is_late);
        place
    }

    /// Whether the newest packet follows the one before, whatever its time stamp says.
    fn jumps(&mut self, now: i64, place: i64, marker: bool, step: Step) -> bool {
        match step {
            Step::Known => {}
            Step::Wrong => return true,
            Step::FoundWrong => {
                self.arrivals.restart();
                return true;
            }
        }
        let Some(base) = self.arrivals.base() else { return false };
        let later = now - self.micros(place) - base;
        let jumped = later > micros(self.config.most) || later < -AHEAD[usize::from(marker)];
        if jumped {
            self.arrivals.restart();
        }
        // Where nothing was heard for a time, all begins from here.
        jumped && !(self.store.is_empty() && self.mode != Mode::Playing)
    }
}
