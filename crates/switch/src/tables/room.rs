//! Frees memory that was needed for a burst only: tables grow with their contents, and would keep that memory for ever.
//!
//! This happens every few seconds, when the shell tells the time, and only for tables that are nearly empty. So a busy
//! switch spends no time on it.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Tables with room for fewer entries than this are left alone.
pub(crate) const SMALL: usize = 1_024;
/// A table may have room for this many times its entries.
pub(crate) const SPARE: usize = 8;

/// A table that can have room for more entries than it holds.
pub(crate) trait Room {
    /// How many entries the table holds, and for how many it has room.
    fn measure(&self) -> (usize, usize);
    /// Keeps room for this many entries.
    fn shrink(&mut self, entries: usize);

    /// Frees memory if very little of it is used. Room for twice the entries stays.
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
    fn a_nearly_empty_table_frees_memory_and_a_full_table_keeps_it() {
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
