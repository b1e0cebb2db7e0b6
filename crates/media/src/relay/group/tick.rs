//! One tick of a group: each ear gives the sound of the tick, and each receiver gets what it is to hear.

use std::{net::SocketAddr, time::Duration};

use super::{Hall, REST, SHORT, TICK, hearing, tapes};
use crate::{
    ear::Kind,
    relay::{
        Relay,
        route::Route,
        stream::{sound::Sound, voice},
    },
};

/// Further behind than this, a group goes on from now instead of catching up.
const LATE: Duration = Duration::from_millis(200);

/// Carries out all ticks that are due.
pub(in crate::relay) fn tick_groups<F>(relay: &mut Relay, now: Duration, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    while let Some((at, id)) = relay.groups.due.first().copied().filter(|(at, _)| *at <= now) {
        let Some(group) = relay.groups.get(id) else {
            relay.groups.due.remove(&(at, id));
            continue;
        };
        let (legs, heard) = (group.legs.clone(), group.heard);
        let hall = group.hall.take();
        let millis = hall
            .as_ref()
            .map_or_else(|| tick_of(relay, &legs), |hall| hall.millis());
        let from = if now.saturating_sub(at) > LATE { now } else { at };
        let rests = now.saturating_sub(heard) > REST
            && !legs
                .iter()
                .any(|slot| relay.streams.sound(*slot).is_some_and(Sound::is_tapped))
            && hall.as_ref().is_none_or(|hall| hall.is_empty());
        let next = from + Duration::from_millis(u64::from(millis));
        relay.groups.arm(id, (!rests).then_some(next));
        for slot in &legs {
            if let Some(sound) = relay.streams.get(*slot).and_then(|leg| leg.ingress.sound.as_mut()) {
                sound.tick(now, millis, hall.is_some());
            }
        }
        for slot in &legs {
            tapes::take_tapes(relay, now, *slot);
            hearing::hear_frame(relay, *slot);
        }
        match hall {
            Some(hall) => tick_hall(relay, now, (id, hall), (&legs, millis), out),
            None => legs.iter().for_each(|slot| cross(relay, now, *slot, out)),
        }
        if rests {
            rest(relay, &legs);
        }
    }
}

/// Nobody is heard: the legs give up their encoders, of which one of Opus takes 38 KiB. The next sound makes them anew. A
/// leg to which something is played needs its encoder.
fn rest(relay: &mut Relay, legs: &[u32]) {
    for slot in legs {
        if let Some(leg) = relay.streams.get(*slot)
            && leg.egress.player.is_none()
        {
            leg.egress.voice = None;
        }
    }
}

/// One tick of a room.
fn tick_hall<F>(
    relay: &mut Relay,
    now: Duration,
    (id, mut hall): (u32, Box<Hall>),
    (legs, millis): (&[u32], u32),
    out: &mut F,
) where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    hall.begin(millis);
    for slot in legs {
        hall.say(&relay.streams, *slot);
    }
    hall.mix(now, &mut relay.streams, &mut relay.recordings, &mut relay.scratch, out);
    while let Some(event) = hall.poll_event() {
        relay.events.push_back(event);
    }
    if let Some(group) = relay.groups.get(id) {
        group.hall = Some(hall);
    }
}

/// Milliseconds of a tick that suit the packets of all legs.
fn tick_of(relay: &Relay, legs: &[u32]) -> u32 {
    let suits = |slot: &u32| {
        relay
            .streams
            .look(*slot)
            .is_none_or(|leg| leg.ptime().is_multiple_of(TICK))
    };
    if legs.iter().all(suits) { TICK } else { SHORT }
}

/// Lets the other leg of the bridge hear the frame of this leg, where its packets are not copied.
fn cross<F>(relay: &mut Relay, now: Duration, slot: u32, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(Route::Relay(other)) = relay.streams.look(slot).map(|stream| stream.route) else {
        return;
    };
    let Some((stream, peer)) = relay.streams.pair(slot, other) else {
        return;
    };
    let Some(sound) = stream.ingress.sound.as_deref().filter(|sound| sound.crosses) else {
        return;
    };
    if peer.sounds_key() {
        return;
    }
    let taken = stream.remote.direction.receive;
    if sound.kind == Kind::Nothing || !taken || peer.egress.player.is_some() {
        peer.egress.pause();
        return;
    }
    if voice::find_voice(peer, sound.rate()).is_some() {
        voice::speak(peer, now, &sound.frame, sound.rate(), &mut relay.scratch, out);
    }
}
