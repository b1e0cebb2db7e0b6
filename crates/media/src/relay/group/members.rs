//! Which legs form a group, and what decodes their packets.

use std::time::Duration;

use smallvec::SmallVec;

use crate::relay::{
    Relay,
    route::Route,
    stream::ingress::{Entry, Onward},
};

impl Relay {
    /// The leg's route has ended. What something records or listens to is decoded on; the rest is not.
    pub(in crate::relay) fn leave_group(&mut self, now: Duration, slot: u32) {
        let Some(stream) = self.streams.get(slot) else { return };
        stream.egress.pause();
        let mut due = None;
        if let Some(id) = stream.group.take() {
            due = self.groups.due(id);
            self.groups.leave(id, slot);
        }
        if stream.ingress.sound.as_ref().is_some_and(|sound| sound.is_tapped()) {
            // The clock of what is taken goes on.
            self.join_group(due.unwrap_or(now), slot);
        } else {
            stream.ingress.sound = None;
        }
    }

    /// A recording or a detector takes the leg's sound no longer.
    pub(super) fn rest_sound(&mut self, now: Duration, slot: u32) {
        let Some(stream) = self.streams.get(slot) else { return };
        if partner(stream.route).is_none() && stream.route != Route::Room {
            return self.leave_group(now, slot);
        }
        self.review_sound(slot, false);
        self.disband(slot);
    }

    /// Ends the leg's group where nothing of it is decoded any more.
    fn disband(&mut self, slot: u32) {
        let Some(id) = self.streams.look(slot).and_then(|stream| stream.group) else {
            return;
        };
        let legs = self.groups.legs(id);
        let decodes = |leg: &u32| {
            self.streams
                .look(*leg)
                .is_some_and(|stream| stream.ingress.sound.is_some())
        };
        if legs.iter().any(decodes) {
            return;
        }
        for leg in legs {
            if let Some(stream) = self.streams.get(leg) {
                stream.group = None;
            }
            self.groups.leave(id, leg);
        }
    }

    /// The leg's payload types have changed, or those of the other leg: what decodes its packets is made again where the
    /// types or the rate differ, and ends where nothing needs it.
    pub(in crate::relay) fn review_sound(&mut self, slot: u32, other_types: bool) {
        let Some(stream) = self.streams.get(slot) else { return };
        let Some(sound) = &stream.ingress.sound else { return };
        let (tapped, rate) = (sound.is_tapped(), sound.rate());
        let decoded = |entry: &Entry| match entry {
            Entry::Known { onward, .. } => *onward == Onward::Sound,
            Entry::Unknown => false,
        };
        let needed = tapped || stream.ingress.table.iter().any(decoded);
        if !needed {
            stream.ingress.sound = None;
        } else if other_types {
            stream.begin_sound(rate);
        }
    }

    /// What the peer says is decoded from now on.
    #[cold]
    pub(in crate::relay) fn begin_sound(&mut self, now: Duration, slot: u32) {
        let Some(stream) = self.streams.look(slot) else { return };
        if stream.ingress.sound.is_none() {
            let (best, other) = (stream.best_rate(), partner(stream.route));
            // What is decoded only to be encoded again needs no higher rate than the receiver's.
            let voice = other.and_then(|other| Some(self.streams.get(other)?.find_voice(best)?.rate()));
            let rate = voice.map_or(best, |voice| voice.min(best));
            if let Some(stream) = self.streams.get(slot) {
                stream.begin_sound(rate);
            }
        }
        self.join_group(now, slot);
    }

    /// Puts the leg into a room's group.
    pub(super) fn enter_group(&mut self, slot: u32, id: u32) {
        let Some(stream) = self.streams.get(slot) else { return };
        if let Some(before) = stream.group.replace(id) {
            self.groups.leave(before, slot);
        }
        self.groups.enter(id, slot);
    }

    /// Puts the leg, and the other leg of its bridge, into one group.
    pub(in crate::relay) fn join_group(&mut self, now: Duration, slot: u32) {
        let Some(stream) = self.streams.look(slot) else { return };
        if let (Route::Room, Some(id)) = (stream.route, stream.group) {
            return self.groups.wake(id, now);
        }
        let legs: SmallVec<[u32; 2]> = [slot].into_iter().chain(partner(stream.route)).collect();
        let known: SmallVec<[u32; 2]> = legs.iter().filter_map(|leg| self.streams.look(*leg)?.group).collect();
        let id = known.first().copied().unwrap_or_else(|| self.groups.add(now, None));
        for leg in legs {
            let Some(stream) = self.streams.get(leg) else { continue };
            let before = stream.group.replace(id);
            if before == Some(id) {
                continue;
            }
            if let Some(before) = before {
                self.groups.leave(before, leg);
            }
            self.groups.enter(id, leg);
        }
        self.groups.wake(id, now);
    }
}

/// The other leg of a bridge.
fn partner(route: Route) -> Option<u32> {
    match route {
        Route::Relay(other) => Some(other),
        Route::Nowhere | Route::Echo | Route::Room => None,
    }
}
