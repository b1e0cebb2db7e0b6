//! A table whose handles are a slot and a generation. The type of a handle tells what it names.

use std::{fmt, hash, marker::PhantomData};

/// Names an entry of [`Slots<T>`]. Stale once the entry is gone; it never names another entry.
pub struct Id<T> {
    slot: u32,
    generation: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Copy for Id<T> {}
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.slot, self.generation) == (other.slot, other.generation)
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.slot, self.generation).cmp(&(other.slot, other.generation))
    }
}
impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (self.slot, self.generation).hash(state);
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Slot<T> {
    generation: u32,
    /// In a box, so that a free slot costs only 16 bytes.
    entry: Option<Box<T>>,
}

/// Entries in slots that are used again, each time with a new generation. `K` is the type of the handles: a kind that
/// rooms below the entry's own room may name.
pub struct Slots<T, K = T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    kind: PhantomData<fn() -> K>,
}

impl<T, K> Default for Slots<T, K> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<T, K> Slots<T, K> {
    /// Puts in an entry.
    pub fn insert(&mut self, entry: T) -> Id<K> {
        let Ok(id) = self.try_insert_with(|_| Ok::<_, std::convert::Infallible>(entry));
        id
    }

    /// Puts in the entry that `make` builds for the handle it is given, if it builds one.
    pub fn try_insert_with<E>(&mut self, make: impl FnOnce(Id<K>) -> Result<T, E>) -> Result<Id<K>, E> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                entry: None,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.slots[slot as usize];
        let id = Id {
            slot,
            generation: place.generation,
            kind: PhantomData,
        };
        match make(id) {
            Ok(entry) => {
                place.entry = Some(Box::new(entry));
                Ok(id)
            }
            Err(error) => {
                // `make` may have passed the handle on before it failed: the handle must not become that of another
                // entry.
                place.generation = place.generation.wrapping_add(1);
                self.free.push(slot);
                Err(error)
            }
        }
    }

    /// The entry, if the handle is not stale.
    pub fn get(&self, id: Id<K>) -> Option<&T> {
        let place = self.slots.get(id.slot as usize)?;
        place.entry.as_deref().filter(|_| place.generation == id.generation)
    }

    /// The entry, if the handle is not stale.
    pub fn get_mut(&mut self, id: Id<K>) -> Option<&mut T> {
        let place = self.slots.get_mut(id.slot as usize)?;
        let current = place.generation == id.generation;
        place.entry.as_deref_mut().filter(|_| current)
    }

    /// Takes the entry out; its handle is stale from now on.
    pub fn remove(&mut self, id: Id<K>) -> Option<T> {
        let place = self.slots.get_mut(id.slot as usize)?;
        if place.generation != id.generation {
            return None;
        }
        let entry = place.entry.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.slot);
        Some(*entry)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Every handle, by slot.
    pub fn ids(&self) -> Vec<Id<K>> {
        let used = self.slots.iter().enumerate().filter(|(_, place)| place.entry.is_some());
        used.map(|(slot, place)| Id {
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            generation: place.generation,
            kind: PhantomData,
        })
        .collect()
    }

    /// Every entry, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|place| place.entry.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_never_reaches_its_slot_s_next_entry() {
        let mut slots: Slots<&str> = Slots::default();
        let insert = |slots: &mut Slots<_>, what| slots.try_insert_with(|_| Ok::<_, ()>(what)).unwrap();
        let first = insert(&mut slots, "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = insert(&mut slots, "second");
        assert_eq!(slots.try_insert_with(|_| Err(7)), Err(7));
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }
}
