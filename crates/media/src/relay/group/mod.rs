//! Legs whose sound is decoded together, at one steady clock.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Groups`]: the table, and when a group is due | all of [`Groups`] and [`Group`] |
//! | `members.rs` | which legs form a group, and what decodes their packets | `Group::legs`, `Stream::group` |
//! | `hall.rs` | a room | all of `Hall` and `Seated` |
//! | `hearing.rs` | what is listened for in a leg's sound | all of `Hearing` |
//! | `tapes.rs` | which sound goes to which recording | all of `Tape` |
//! | `tick.rs` | the sound of one tick: from ears to encoders | none |
//!
//! A relayed packet meets none of this. A leg is in a group where its sound is needed: because the other leg of its bridge
//! has none of its codecs, because it is in a room, or because something records it or listens to it. Both legs of a bridge
//! are in one group, so that their sound is taken at the same moments.

pub(super) mod hall;
pub(super) mod hearing;
pub(super) mod members;
pub(super) mod tapes;
pub(super) mod tick;

use std::{collections::BTreeSet, time::Duration};

use smallvec::SmallVec;

pub(super) use self::{
    hall::{Hall, Seated},
    hearing::Hearing,
    tapes::Tape,
};
use crate::service::{RecordingId, RoomId};

/// Milliseconds of sound taken at once.
const TICK: u32 = 20;
/// The same where a leg of the group wants packets of a length that is no multiple.
const SHORT: u32 = 10;
/// A group that hears nothing for so long rests until the next packet comes.
const REST: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
struct Group {
    legs: SmallVec<[u32; 2]>,
    /// When the next tick is due; `None` while the group rests.
    next: Option<Duration>,
    /// When something was heard last.
    heard: Duration,
    /// The room, where the legs are in one.
    hall: Option<Box<Hall>>,
}

/// All groups of an engine.
#[derive(Debug, Default)]
pub(super) struct Groups {
    table: Vec<Option<Group>>,
    due: BTreeSet<(Duration, u32)>,
}

impl Groups {
    /// When the first tick is due.
    pub(super) fn first(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    fn get(&mut self, id: u32) -> Option<&mut Group> {
        self.table.get_mut(id as usize)?.as_mut()
    }

    /// A new group without legs.
    fn add(&mut self, now: Duration, hall: Option<Box<Hall>>) -> u32 {
        let free = self.table.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.table.push(None);
            self.table.len() - 1
        });
        self.table[at] = Some(Group {
            legs: SmallVec::new(),
            next: None,
            heard: now,
            hall,
        });
        at as u32
    }

    /// When the next tick of a group is due.
    fn due(&mut self, id: u32) -> Option<Duration> {
        self.get(id)?.next
    }

    fn enter(&mut self, id: u32, leg: u32) {
        if let Some(group) = self.get(id) {
            group.legs.push(leg);
        }
    }

    /// A group that is no room ends with its last leg.
    fn leave(&mut self, id: u32, leg: u32) {
        let Some(group) = self.get(id) else { return };
        group.legs.retain(|other| *other != leg);
        if group.legs.is_empty() && group.hall.is_none() {
            self.remove(id);
        }
    }

    /// The legs of a group.
    fn legs(&self, id: u32) -> SmallVec<[u32; 2]> {
        let group = self.table.get(id as usize).and_then(Option::as_ref);
        group.map(|group| group.legs.clone()).unwrap_or_default()
    }

    fn hall(&mut self, id: u32) -> Option<&mut Hall> {
        self.get(id)?.hall.as_deref_mut()
    }

    /// The group of a room.
    fn room(&self, room: RoomId) -> Option<u32> {
        let is_it = |group: &Option<Group>| {
            let hall = group.as_ref().and_then(|group| group.hall.as_ref());
            hall.is_some_and(|hall| hall.is(room))
        };
        let at = self.table.iter().position(is_it)?;
        Some(at as u32)
    }

    /// A recording ends: no room goes on to give sound to it.
    fn untap(&mut self, recording: RecordingId) {
        for group in self.table.iter_mut().flatten() {
            if let Some(hall) = &mut group.hall {
                hall.untap(recording);
            }
        }
    }

    fn arm(&mut self, id: u32, at: Option<Duration>) {
        let Some(group) = self.table.get_mut(id as usize).and_then(Option::as_mut) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut group.next, at) {
            self.due.remove(&(before, id));
        }
        if let Some(at) = at {
            self.due.insert((at, id));
        }
    }

    /// Something came for a group: the group has work again.
    pub(super) fn wake(&mut self, id: u32, now: Duration) {
        if let Some(group) = self.get(id) {
            group.heard = now;
            if group.next.is_none() {
                self.arm(id, Some(now));
            }
        }
    }

    fn remove(&mut self, id: u32) {
        self.arm(id, None);
        if let Some(place) = self.table.get_mut(id as usize) {
            *place = None;
        }
    }

    /// The loss that each encoder of a room works against.
    #[cfg(test)]
    pub(super) fn losses(&self) -> Vec<u8> {
        let halls = self.table.iter().flatten().filter_map(|group| group.hall.as_ref());
        halls.flat_map(|hall| hall.losses()).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.iter().flatten().count()
    }
}
