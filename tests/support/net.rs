//! A network that loses, repeats, delays and reorders, from a seed.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use sip::Instant;

/// How many datagrams are kept to come again.
const KEPT: usize = 64;

/// What the network does to a datagram, in both directions.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Of a hundred datagrams, how many are lost.
    pub loss: u64,
    /// Of a hundred datagrams, how many come twice.
    pub duplicates: u64,
    /// The least time under way.
    pub delay: Duration,
    /// Up to how much longer some take, so that they overtake each other.
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
    /// What.
    pub bytes: Bytes,
}

/// See the module.
pub struct Net {
    /// As of now.
    pub faults: Faults,
    under_way: BTreeMap<(Instant, u64), Datagram>,
    count: u64,
    chance: Chance,
    /// The last datagrams sent, if they are kept: some come again much later.
    pub kept: Option<VecDeque<(SocketAddr, SocketAddr, Bytes)>>,
    /// How many were lost or came twice, as proof that faults were there.
    pub lost: u64,
    /// See `lost`.
    pub doubled: u64,
}

/// Numbers from a seed (SplitMix64).
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "there is always one")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl Net {
    /// A network without faults, whose later ones come from this seed.
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

    /// Puts a datagram on the wire; says what will become of it.
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

    /// When the next one arrives.
    pub fn next(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// One that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Datagram> {
        self.next().filter(|at| *at <= now)?;
        self.under_way.pop_first().map(|(_, datagram)| datagram)
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}
