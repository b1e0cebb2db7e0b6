//! A network that loses, repeats, delays and reorders datagrams, from a seed.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use sip::Instant;

/// The number of datagrams that are kept, to come again later.
const KEPT: usize = 64;

/// What the network does to a datagram, in both directions.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Of a hundred datagrams, how many are lost.
    pub loss: u64,
    /// Of a hundred datagrams, how many come twice.
    pub duplicates: u64,
    /// The shortest time that a datagram takes.
    pub delay: Duration,
    /// The longest time that is added to it, by chance: datagrams overtake each other.
    pub jitter: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            loss: 0,
            duplicates: 0,
            delay: Duration::from_millis(5),
            jitter: Duration::ZERO,
        }
    }
}

/// A datagram under way.
pub struct Datagram {
    /// Sender.
    pub from: SocketAddr,
    /// Receiver.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The network.
pub struct Net {
    /// The present faults.
    pub faults: Faults,
    under_way: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    chance: Chance,
    /// The last datagrams, if they are kept: some come again much later.
    pub kept: Option<VecDeque<(SocketAddr, SocketAddr, Bytes)>>,
    /// The number of lost datagrams: proof that there were faults.
    pub lost: u64,
    /// The number of datagrams that came twice.
    pub doubled: u64,
}

/// Numbers from a seed (SplitMix64).
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// The next random number.
    #[expect(clippy::should_implement_trait, reason = "there is always one")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl Net {
    /// A network that has no faults yet; later faults follow from this seed.
    pub fn new(seed: u64) -> Self {
        let chance = Chance(seed ^ 0x6e65_7477);
        Self {
            faults: Faults::default(),
            under_way: BTreeMap::new(),
            count: 0,
            chance,
            kept: None,
            lost: 0,
            doubled: 0,
        }
    }

    /// Puts a datagram on the wire. Returns a word on its fate for the ladder.
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: Bytes) -> &'static str {
        if let Some(kept) = &mut self.kept {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back((from, to, bytes.clone()));
        }
        if self.chance.percent(self.faults.loss) {
            self.lost += 1;
            return "  -- lost";
        }
        let twice = self.chance.percent(self.faults.duplicates);
        for _ in 0..=u8::from(twice) {
            let jitter = u64::try_from(self.faults.jitter.as_micros()).unwrap();
            let extra = Duration::from_micros(self.chance.below(jitter + 1));
            self.count += 1;
            let datagram = Datagram {
                from,
                to,
                bytes: bytes.clone(),
            };
            self.under_way
                .insert((now + self.faults.delay + extra, self.count), datagram);
        }
        self.doubled += u64::from(twice);
        if twice { "  -- doubled" } else { "" }
    }

    /// When the next datagram arrives.
    pub fn next(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// A datagram that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Datagram> {
        self.next().filter(|at| *at <= now)?;
        self.under_way.pop_first().map(|(_, datagram)| datagram)
    }

    /// The number of datagrams under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// True if no datagram is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}
