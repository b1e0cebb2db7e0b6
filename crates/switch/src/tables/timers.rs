//! Timers as a table: one deadline for each key, the earliest first.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use sip::Instant;

use super::room::Room;

/// At most one deadline for each key.
pub struct Timers<K> {
    by_key: HashMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets the key's deadline and replaces an earlier deadline.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.by_key.insert(key, at) {
            self.by_time.remove(&(old, key));
        }
        self.by_time.insert((at, key));
    }

    /// Removes the key's deadline.
    pub fn clear(&mut self, key: K) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out a key whose deadline has passed.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// Frees memory that no deadline needs.
    pub fn tidy(&mut self) {
        self.by_key.tidy();
    }

    /// How many deadlines the table has room for.
    pub fn room(&self) -> usize {
        self.by_key.capacity()
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_the_earliest_comes_first() {
        let mut timers = Timers::default();
        timers.set('a', Instant::from_micros(5));
        timers.set('b', Instant::from_micros(3));
        timers.set('a', Instant::from_micros(1));
        timers.set('c', Instant::from_micros(2));
        timers.clear('c');
        assert_eq!(timers.next(), Some(Instant::from_micros(1)));
        assert_eq!(timers.pop(Instant::from_micros(4)), Some('a'));
        assert_eq!(timers.pop(Instant::from_micros(2)), None);
        assert_eq!(timers.pop(Instant::from_micros(4)), Some('b'));
        assert_eq!(timers.len(), 0);
    }
}
