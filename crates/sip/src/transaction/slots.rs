//! Places for transactions: a slot and a generation name one, and only as long as it lives.

use serde::{Deserialize, Serialize};

/// A slot and which of its tenants is meant.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Handle {
    slot: u32,
    generation: u32,
}

struct Slot<T> {
    generation: u32,
    /// In a box: a free slot costs 16 bytes, whatever a burst needed before.
    value: Option<Box<T>>,
}

/// A table with free slots in a list: everything takes the same short time.
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, value: T) -> Handle {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot as usize)
        {
            place.value = Some(Box::new(value));
            let generation = place.generation;
            return Handle { slot, generation };
        }
        // The limits of the layer keep the table far below 2^32.
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            value: Some(Box::new(value)),
        });
        Handle { slot, generation: 0 }
    }

    pub(super) fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.get(handle.slot as usize)?;
        if slot.generation == handle.generation {
            slot.value.as_deref()
        } else {
            None
        }
    }

    pub(super) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.slot as usize)?;
        if slot.generation == handle.generation {
            slot.value.as_deref_mut()
        } else {
            None
        }
    }

    /// Takes the value out; from now on the handle is stale.
    pub(super) fn remove(&mut self, handle: Handle) -> Option<T> {
        let slot = self.slots.get_mut(handle.slot as usize)?;
        if slot.generation != handle.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(handle.slot);
        Some(*value)
    }
}
