//! Which legs form a group, and what decodes their packets.

use std::time::Duration;

use smallvec::SmallVec;

use crate::relay::{
    Relay,
    route::Route,
    stream::{
        ingress::{Entry, Onward},
        sound, voice,
    },
};

/// The leg's route has ended. What something records or listens to is decoded on; the rest is not.
pub(in crate::relay) fn leave_group(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    stream.egress.pause();
    let mut due = None;
    if let Some(id) = stream.group.take() {
        due = relay.groups.due(id);
        relay.groups.leave(id, slot);
    }
    if stream.ingress.sound.as_ref().is_some_and(|sound| sound.is_tapped()) {
        // The clock of what is taken goes on.
        join_group(relay, due.unwrap_or(now), slot);
    } else {
        sound::end_sound(stream);
    }
}

/// A recording or a detector takes the leg's sound no longer.
pub(super) fn rest_sound(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    if partner(stream.route).is_none() && stream.route != Route::Room {
        return leave_group(relay, now, slot);
    }
    review_sound(relay, slot, false);
    disband(relay, slot);
}

/// Ends the leg's group where nothing of it is decoded any more.
fn disband(relay: &mut Relay, slot: u32) {
    let Some(id) = relay.streams.look(slot).and_then(|stream| stream.group) else {
        return;
    };
    let legs = relay.groups.legs(id);
    if legs.iter().any(|leg| relay.streams.sound(*leg).is_some()) {
        return;
    }
    for leg in legs {
        if let Some(stream) = relay.streams.get(leg) {
            stream.group = None;
        }
        relay.groups.leave(id, leg);
    }
}

/// The leg's payload types have changed, or those of the other leg: what decodes its packets is made again where the
/// types or the rate differ, and ends where nothing needs it.
pub(in crate::relay) fn review_sound(relay: &mut Relay, slot: u32, other_types: bool) {
    let Some(stream) = relay.streams.get(slot) else { return };
    let Some(sound) = &stream.ingress.sound else { return };
    let (tapped, rate) = (sound.is_tapped(), sound.rate());
    let decoded = |entry: &Entry| match entry {
        Entry::Known { onward, .. } => *onward == Onward::Sound,
        Entry::Unknown => false,
    };
    let needed = tapped || stream.ingress.table.iter().any(decoded);
    if !needed {
        sound::end_sound(stream);
    } else if other_types {
        sound::begin_sound(stream, rate);
    }
}

/// What the peer says is decoded from now on.
#[cold]
pub(in crate::relay) fn begin_sound(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(stream) = relay.streams.look(slot) else { return };
    if stream.ingress.sound.is_none() {
        let (best, other) = (stream.best_rate(), partner(stream.route));
        // What is decoded only to be encoded again needs no higher rate than the receiver's.
        let voice = other.and_then(|other| Some(voice::find_voice(relay.streams.get(other)?, best)?.rate()));
        let rate = voice.map_or(best, |voice| voice.min(best));
        if let Some(stream) = relay.streams.get(slot) {
            sound::begin_sound(stream, rate);
        }
    }
    join_group(relay, now, slot);
}

/// Puts the leg into a room's group.
pub(super) fn enter_group(relay: &mut Relay, slot: u32, id: u32) {
    let Some(stream) = relay.streams.get(slot) else { return };
    if let Some(before) = stream.group.replace(id) {
        relay.groups.leave(before, slot);
    }
    relay.groups.enter(id, slot);
}

/// Puts the leg, and the other leg of its bridge, into one group.
pub(in crate::relay) fn join_group(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(stream) = relay.streams.look(slot) else { return };
    if let (Route::Room, Some(id)) = (stream.route, stream.group) {
        return relay.groups.wake(id, now);
    }
    let legs: SmallVec<[u32; 2]> = [slot].into_iter().chain(partner(stream.route)).collect();
    let known: SmallVec<[u32; 2]> = legs.iter().filter_map(|leg| relay.streams.look(*leg)?.group).collect();
    let id = known.first().copied().unwrap_or_else(|| relay.groups.add(now, None));
    for leg in legs {
        let Some(stream) = relay.streams.get(leg) else { continue };
        let before = stream.group.replace(id);
        if before == Some(id) {
            continue;
        }
        if let Some(before) = before {
            relay.groups.leave(before, leg);
        }
        relay.groups.enter(id, leg);
    }
    relay.groups.wake(id, now);
}

/// The other leg of a bridge.
fn partner(route: Route) -> Option<u32> {
    match route {
        Route::Relay(other) => Some(other),
        Route::Nowhere | Route::Echo | Route::Room => None,
    }
}
