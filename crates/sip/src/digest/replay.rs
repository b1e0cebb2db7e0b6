//! Which nonce counts were used already.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::nonce;
use crate::time::Instant;

/// How far behind the highest count of its nonce a request may arrive: requests sent at once over
/// UDP overtake each other.
const WINDOW: u32 = 32;

type Key = [u8; 32];

struct Used {
    highest: u32,
    /// Bit n: the count `highest - n` was used.
    window: u32,
}

impl Used {
    /// The nonce was used without a count: no count is left.
    const WHOLE: Self = Self {
        highest: u32::MAX,
        window: u32::MAX,
    };
}

/// The nonce counts used with each nonce that somebody authenticated with (RFC 7616 5.12).
///
/// Bounded: at most `max` nonces, each for its lifetime. Where more are in use at once, the oldest
/// is forgotten, and from then on every nonce issued no later than that one that is not in the
/// table counts as used: its owner is challenged afresh, no replay gets in. Ask it only after the
/// response was verified, so that nobody without a password can fill it.
pub struct Replay {
    used: HashMap<Key, Used>,
    order: VecDeque<Key>,
    max: usize,
    lifetime: Duration,
    newest: Instant,
    /// Nonces issued up to here were forgotten before their time.
    forgotten: Option<Instant>,
}

impl Replay {
    /// A table of at most `max` nonces (at least one) that live for `lifetime`.
    pub fn new(max: usize, lifetime: Duration) -> Self {
        Self {
            used: HashMap::new(),
            order: VecDeque::new(),
            max: max.max(1),
            lifetime,
            newest: Instant::ZERO,
            forgotten: None,
        }
    }

    /// Marks `(nonce, nc)` as used; true if it was already, or cannot be told: refuse the request
    /// with a fresh challenge and `stale=true`. `nonce` has passed [`super::Nonces::check`].
    ///
    /// Without a count (a client of RFC 2069 sends none) the nonce is good for this request only, and
    /// only where it was not used before: such a response could be sent again as it is.
    pub fn seen(&mut self, nonce: &str, nc: Option<u32>) -> bool {
        let Some(key) = nonce::decode(nonce) else {
            return true;
        };
        if let Some(used) = self.used.get_mut(&key) {
            return nc.is_none_or(|nc| used.mark(nc));
        }
        let issued = nonce::issued(&key);
        if self.forgotten.is_some_and(|until| issued <= until) {
            return true;
        }
        self.newest = self.newest.max(issued);
        self.make_room();
        self.order.push_back(key);
        let first = nc.map_or(Used::WHOLE, |highest| Used { highest, window: 1 });
        self.used.insert(key, first);
        false
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Drops what has expired, then as many of the oldest as the limit demands.
    fn make_room(&mut self) {
        while let Some(oldest) = self.order.front() {
            let issued = nonce::issued(oldest);
            // A nonce as old as that is refused as stale before anybody asks here.
            let expired = self.newest.since(issued) > self.lifetime;
            if !expired && self.used.len() < self.max {
                return;
            }
            if !expired {
                self.forgotten = self.forgotten.max(Some(issued));
            }
            self.used.remove(oldest);
            self.order.pop_front();
        }
    }
}

impl Used {
    fn mark(&mut self, nc: u32) -> bool {
        if nc > self.highest {
            let shift = nc - self.highest;
            self.window = if shift < WINDOW { self.window << shift } else { 0 } | 1;
            self.highest = nc;
            return false;
        }
        let behind = self.highest - nc;
        if behind >= WINDOW {
            return true;
        }
        let bit = 1 << behind;
        let seen = self.window & bit != 0;
        self.window |= bit;
        seen
    }
}
