//! A map that never grows beyond a limit: entries that were unused for the longest time are forgotten.

use std::{collections::HashMap, hash::Hash, mem};

/// A bounded map of recently used entries, in two generations.
///
/// A used entry is put or moved into the young generation. When the young generation is half of the limit, it becomes
/// the old one, and the former old generation is forgotten as a whole. So an entry survives until at least half the
/// limit of other keys was used after it. No operation costs more than a hash look-up, except for freeing a generation
/// once in `limit / 2` insertions.
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// A map of at most `limit` entries (at least 2).
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (limit / 2).max(1),
        }
    }

    /// The entry of `key`, made by `new` if there is none.
    pub(crate) fn touch(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(&key) && self.young.len() >= self.half {
            self.old = mem::take(&mut self.young);
        }
        let old = &mut self.old;
        match self.young.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let value = old.remove(entry.key()).unwrap_or_else(new);
                entry.insert(value)
            }
        }
    }

    /// The entry of `key`, if there is one. Does not count as a use.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.young.get_mut(key) {
            Some(value) => Some(value),
            None => self.old.get_mut(key),
        }
    }

    /// Forgets the entry of `key`.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let young = self.young.remove(key);
        let old = self.old.remove(key);
        young.or(old)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_stays_within_its_limit_and_keeps_used_entries() {
        let mut map = Recent::new(100);
        for key in 0..1_000_000u32 {
            *map.touch(u32::MAX, || 0) += 1;
            map.touch(key, || 0);
            assert!(map.len() <= 100);
        }
        assert_eq!(
            map.touch(u32::MAX, || 0),
            &1_000_000,
            "used all the time, so never forgotten"
        );
        assert!(map.get_mut(&999_999).is_some() && map.get_mut(&1).is_none());
        assert_eq!(map.remove(&u32::MAX), Some(1_000_000));
        assert!(map.get_mut(&u32::MAX).is_none());
    }
}
