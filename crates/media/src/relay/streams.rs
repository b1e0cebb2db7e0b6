//! The table of all legs of an engine.

use super::stream::{Stream, sound::Sound};
use crate::MediaId;

/// The legs, by slot. The numbers of slots come from signalling's pool, which gives the lowest free one.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Option<Box<Stream>>>,
    open: usize,
}

impl Streams {
    /// Legs open now.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn get(&mut self, slot: u32) -> Option<&mut Stream> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn look(&self, slot: u32) -> Option<&Stream> {
        self.slots.get(slot as usize)?.as_deref()
    }

    /// What the peer of a leg says, while that is decoded.
    pub(super) fn sound(&self, slot: u32) -> Option<&Sound> {
        self.look(slot)?.ingress.sound.as_deref()
    }

    /// The open leg of that handle.
    pub(super) fn live(&mut self, id: MediaId) -> Option<&mut Stream> {
        self.get(id.slot).filter(|stream| stream.id == id)
    }

    /// Two different legs at once.
    pub(super) fn pair(&mut self, one: u32, other: u32) -> Option<(&mut Stream, &mut Stream)> {
        let [one, other] = self.slots.get_disjoint_mut([one as usize, other as usize]).ok()?;
        Some((one.as_deref_mut()?, other.as_deref_mut()?))
    }

    /// Puts a leg into its slot, which is free.
    pub(super) fn put(&mut self, stream: Box<Stream>) {
        let at = stream.id.slot as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at] = Some(stream);
        self.open += 1;
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Box<Stream>> {
        let stream = self.slots.get_mut(slot as usize)?.take()?;
        self.open -= 1;
        Some(stream)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &Stream> {
        self.slots.iter().flatten().map(Box::as_ref)
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }
}
