//! Recordings of legs and rooms: which sound goes to which.

use std::time::Duration;

use smallvec::SmallVec;

use super::{hall, members};
use crate::{
    Event, MediaId,
    recorder::Recordings,
    relay::{Relay, streams::Streams},
    service::{RecordEnd, Recording, RecordingId, Taken},
    sound::{Rate, Resampling},
};

/// A recording in progress, as the legs know it. A recording of a room is a listener in its mixer instead.
#[derive(Debug)]
pub(in crate::relay) struct Tape {
    rate: Rate,
    sides: SmallVec<[Side; 2]>,
}

#[derive(Debug)]
struct Side {
    leg: MediaId,
    /// From the rate of the leg's sound to that of the file.
    resampling: Resampling,
    frame: Vec<i16>,
}

impl Side {
    /// The leg's sound of this tick, at the rate of the file. Empty: the leg is gone.
    fn fill(&mut self, streams: &Streams, rate: Rate) {
        self.frame.clear();
        if let Some(sound) = streams.sound(self.leg.slot).filter(|_| self.is_live(streams)) {
            self.resampling
                .process(&sound.frame, (sound.rate(), rate), &mut self.frame);
        }
    }

    /// Whether the leg is there.
    fn is_live(&self, streams: &Streams) -> bool {
        streams.look(self.leg.slot).is_some_and(|stream| stream.id == self.leg)
    }
}

impl Tape {
    /// Whether this leg is the first of the recording's legs that is there: its group takes the sound of both.
    fn is_led_by(&self, streams: &Streams, slot: u32) -> bool {
        let first = self.sides.iter().find(|side| side.is_live(streams));
        first.is_some_and(|side| side.leg.slot == slot)
    }

    /// Takes the sound of a tick. `false`: the recording takes no more.
    fn take(&mut self, id: RecordingId, streams: &Streams, recordings: &mut Recordings) -> bool {
        let rate = self.rate;
        for side in &mut self.sides {
            side.fill(streams, rate);
        }
        match self.sides.as_slice() {
            [left, right] => recordings.take(id, &left.frame, Some(&right.frame)),
            [left, ..] => recordings.take(id, &left.frame, None),
            [] => false,
        }
    }
}

/// Begins a recording with the next tick.
pub(in crate::relay) fn record(relay: &mut Relay, now: Duration, recording: &Recording) {
    let begun = match recording.taken {
        Taken::Leg(media) => record_legs(relay, now, recording, &[media]),
        Taken::Call { left, right, .. } => record_legs(relay, now, recording, &[left, right]),
        Taken::Room(room) => hall::record_room(relay, now, recording, room),
    };
    if let Err(fault) = begun {
        relay.events.push_back(Event::Recorded {
            recording: recording.id,
            millis: 0,
            octets: 0,
            file: String::new(),
            end: RecordEnd::Fault(fault),
        });
    }
}

fn record_legs(relay: &mut Relay, now: Duration, recording: &Recording, legs: &[MediaId]) -> Result<(), String> {
    if legs.iter().any(|media| relay.streams.live(*media).is_none()) {
        return Err("the leg is gone".to_owned());
    }
    let rates = legs
        .iter()
        .filter_map(|media| Some(relay.streams.live(*media)?.best_rate()));
    // Speech has nothing above 8 kHz that is worth a file of three times the size.
    let rate = rates.max().unwrap_or(Rate::Narrow).min(Rate::Wide);
    relay.recordings.begin(recording, rate)?;
    for media in legs {
        members::begin_sound(relay, now, media.slot);
        if let Some(sound) = relay
            .streams
            .get(media.slot)
            .and_then(|stream| stream.ingress.sound.as_mut())
        {
            sound.tapes.push(recording.id);
        }
    }
    let side = |leg: &MediaId| Side {
        leg: *leg,
        resampling: Resampling::default(),
        frame: Vec::new(),
    };
    let tape = Tape {
        rate,
        sides: legs.iter().map(side).collect(),
    };
    relay.tapes.insert(recording.id, tape);
    Ok(())
}

/// Gives the recordings of a leg the sound of this tick.
pub(super) fn take_tapes(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(sound) = relay.streams.sound(slot) else { return };
    let mut ended: SmallVec<[RecordingId; 2]> = SmallVec::new();
    for id in &sound.tapes {
        if let Some(tape) = relay.tapes.get_mut(id)
            && tape.is_led_by(&relay.streams, slot)
            && !tape.take(*id, &relay.streams, &mut relay.recordings)
        {
            ended.push(*id);
        }
    }
    for id in ended {
        forget_tape(relay, now, id);
    }
}

/// Ends a recording.
pub(in crate::relay) fn end_recording(relay: &mut Relay, now: Duration, recording: RecordingId, end: RecordEnd) {
    relay.recordings.end(recording, end);
    forget_tape(relay, now, recording);
    relay.groups.untap(recording);
}

/// The legs' sound is no longer taken for the recording.
fn forget_tape(relay: &mut Relay, now: Duration, recording: RecordingId) {
    let Some(tape) = relay.tapes.remove(&recording) else {
        return;
    };
    for side in tape.sides {
        if let Some(stream) = relay.streams.live(side.leg)
            && let Some(sound) = &mut stream.ingress.sound
        {
            sound.tapes.retain(|id| *id != recording);
            members::rest_sound(relay, now, side.leg.slot);
        }
    }
}

/// A leg is about to be closed: the recordings end that have no other leg.
pub(in crate::relay) fn end_recordings_of(relay: &mut Relay, now: Duration, slot: u32) {
    let Some(sound) = relay.streams.sound(slot) else { return };
    let alone = |id: &&RecordingId| {
        let tape = relay.tapes.get(*id);
        tape.is_none_or(|tape| tape.sides.iter().filter(|side| side.is_live(&relay.streams)).count() < 2)
    };
    let ended: SmallVec<[RecordingId; 2]> = sound.tapes.iter().filter(alone).copied().collect();
    for id in ended {
        end_recording(relay, now, id, RecordEnd::Closed);
    }
}
