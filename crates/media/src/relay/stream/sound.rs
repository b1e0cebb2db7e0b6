//! What a leg's peer says, decoded: only where a receiver, a room, a recording or a detector needs it.

use std::time::Duration;

use smallvec::SmallVec;

use super::{Stream, egress::Passing, ingress::Onward};
use crate::{
    ear::{Ear, Heard, Kind},
    relay::group::Hearing,
    service::RecordingId,
    sound::Rate,
};

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Sound {
    ear: Ear,
    /// The sound of the last tick.
    pub(in crate::relay) frame: Vec<i16>,
    /// What the last tick brought.
    pub(in crate::relay) kind: Kind,
    /// The peer's audio goes to the other leg of a bridge as sound; otherwise its packets are copied.
    pub(in crate::relay) crosses: bool,
    /// The recordings that take the sound.
    pub(in crate::relay) tapes: SmallVec<[RecordingId; 2]>,
    /// What is listened for.
    pub(in crate::relay) hearing: Option<Box<Hearing>>,
}

impl Sound {
    /// The rate of the frames.
    pub(in crate::relay) fn rate(&self) -> Rate {
        self.ear.rate()
    }

    /// Whether the sound is needed also where no receiver hears it.
    pub(in crate::relay) fn is_tapped(&self) -> bool {
        !self.tapes.is_empty() || self.hearing.is_some()
    }

    /// The peer sends another stream.
    pub(in crate::relay) fn begin_again(&mut self) {
        self.ear.reset();
    }

    /// Packets that came too late to be heard, and packets that came twice.
    fn missed(&self) -> [u64; 2] {
        let counters = self.ear.counters();
        [counters.late, counters.doubled]
    }

    /// The sound of the next `millis` milliseconds becomes the frame. In a room only voice is of use, unless something else
    /// takes the sound as well.
    pub(in crate::relay) fn tick(&mut self, now: Duration, millis: u32, in_room: bool) {
        self.ear.set_thrifty(in_room && !self.is_tapped());
        self.frame.clear();
        self.kind = self.ear.pull(now, millis, &mut self.frame);
    }
}

/// Begins to decode what the peer says, at that rate. What takes the sound already goes on with it.
pub(in crate::relay) fn begin_sound(stream: &mut Stream, rate: Rate) {
    let before = end_sound(stream).map(|before| *before);
    let (crosses, tapes, hearing) = before
        .map(|before| (before.crosses, before.tapes, before.hearing))
        .unwrap_or_default();
    stream.ingress.sound = Some(Box::new(Sound {
        ear: Ear::new(&stream.remote.receive_payloads, rate),
        frame: Vec::with_capacity(rate.samples(20)),
        kind: Kind::Nothing,
        crosses,
        tapes,
        hearing,
    }));
}

/// What the peer says is decoded no longer. What was counted stays.
pub(in crate::relay) fn end_sound(stream: &mut Stream) -> Option<Box<Sound>> {
    let sound = stream.ingress.sound.take()?;
    stream.ingress.incoming.missed(sound.missed());
    Some(sound)
}

/// Packets from the peer that came too late to be heard, and packets that came twice, where they were decoded.
pub(in crate::relay) fn missed(stream: &Stream) -> [u64; 2] {
    let [late, doubled] = stream.ingress.sound.as_ref().map_or([0; 2], |sound| sound.missed());
    let earlier = stream.ingress.incoming.missed_earlier();
    [earlier[0] + late, earlier[1] + doubled]
}

/// A packet of the peer's, for what decodes.
pub(in crate::relay) fn take_sound(stream: &mut Stream, now: Duration, packet: &Passing<'_>, number: u8) {
    let Some(sound) = &mut stream.ingress.sound else { return };
    let origin = &packet.origin;
    if origin.event {
        return sound.ear.put_event(now, origin.sequence, origin.timestamp);
    }
    let crossed = std::mem::replace(&mut sound.crosses, packet.onward == Onward::Sound);
    if !sound.is_tapped() {
        if !sound.crosses {
            return;
        }
        if !crossed {
            // Packets that were copied were never put in: the ear would take them for lost.
            sound.ear.reset();
        }
    }
    let heard = Heard {
        sequence: origin.sequence,
        timestamp: origin.timestamp,
        marker: packet.marker,
        number,
        payload: packet.payload,
    };
    if !sound.ear.put(now, heard) {
        stream.counters.undecodable += 1;
    }
}
