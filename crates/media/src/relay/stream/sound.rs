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

    /// The sound of the next `millis` milliseconds becomes the frame.
    pub(in crate::relay) fn tick(&mut self, now: Duration, millis: u32) {
        self.frame.clear();
        self.kind = self.ear.pull(now, millis, &mut self.frame);
    }
}

/// Begins to decode what the peer says, at that rate. What takes the sound already goes on with it.
pub(in crate::relay) fn begin_sound(stream: &mut Stream, rate: Rate) {
    let mut before = stream.ingress.sound.take();
    stream.ingress.sound = Some(Box::new(Sound {
        ear: Ear::new(&stream.remote.receive_payloads, rate),
        frame: Vec::with_capacity(rate.samples(20)),
        kind: Kind::Nothing,
        crosses: before.as_ref().is_some_and(|before| before.crosses),
        tapes: before
            .as_mut()
            .map(|before| std::mem::take(&mut before.tapes))
            .unwrap_or_default(),
        hearing: before.and_then(|before| before.hearing),
    }));
}

/// A packet of the peer's, for what decodes.
pub(in crate::relay) fn take_sound(stream: &mut Stream, now: Duration, packet: &Passing<'_>, number: u8) {
    let Some(sound) = &mut stream.ingress.sound else { return };
    let origin = &packet.origin;
    if origin.event {
        return sound.ear.put_event(now, origin.sequence, origin.timestamp);
    }
    sound.crosses = packet.onward == Onward::Sound;
    if !sound.crosses && !sound.is_tapped() {
        return;
    }
    let heard = Heard {
        sequence: origin.sequence,
        timestamp: origin.timestamp,
        marker: packet.marker,
        number,
        payload: packet.payload,
    };
    if !sound.ear.put(now, heard) {
        stream.counters.malformed += 1;
    }
}
