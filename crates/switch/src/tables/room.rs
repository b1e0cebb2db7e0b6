//! Giving back what a burst needed: tables grow with what is in them, and would keep that room for ever.
//!
//! It is done when the shell shows the clock, every few seconds, and only to tables that are nearly empty, so a busy
//! switch spends nothing on it.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Tables with less room than this are left alone.
pub(crate) const SMALL: usize = 1_024;
/// So many times of what is in it a table may have room for.
pub(crate) const SPARE: usize = 8;

/// What has room for more than is in it.
pub(crate) trait Room {
    /// Entries there are, and entries there is room for.
    fn measure(&self) -> (usize, usize);
    /// Keeps room for so many.
    fn shrink(&mut self, entries: usize);

    /// Gives room back where very little of it is used; twice of what is there stays.
    fn tidy(&mut self) {
        let (held, room) = self.measure();
        if room > SMALL && held.saturating_mul(SPARE) < room {
            self.shrink(held.saturating_mul(2));
        }
    }
}

impl<K: Eq + Hash, V> Room for HashMap<K, V> {
    fn measure(&self) -> (usize, usize) {
        (self.len(), self.capacity())
    }

    fn shrink(&mut self, entries: usize) {
        self.shrink_to(entries);
    }
}

impl<T> Room for VecDeque<T> {
    fn measure(&self) -> (usize, usize) {
        (self.len(), self.capacity())
    }

    fn shrink(&mut self, entries: usize) {
        self.shrink_to(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_nearly_empty_gives_its_room_back_and_a_full_one_keeps_it() {
        let mut table: HashMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
        let full = table.capacity();
        table.tidy();
        assert_eq!(table.capacity(), full);
        table.retain(|n, _| *n < 100);
        table.tidy();
        assert!((200..SMALL).contains(&table.capacity()) && table.len() == 100);
        let mut queue: VecDeque<u32> = (0..10_000).collect();
        queue.clear();
        queue.tidy();
        assert!(queue.capacity() <= SMALL);
    }
}
