//! One stream's sound: what its listeners hear of the voices of a tick.

use super::{
    buses::{Buses, add},
    floor::{Floor, Voice},
    limiter::Limiter,
    members::{Members, Rule},
    streams::{Forms, Key, Stream, Streams, hears},
};
use crate::sound::{Rate, Resampler};

/// What a tick is made from.
pub(super) struct Room<'a> {
    pub(super) members: &'a Members,
    pub(super) floor: &'a Floor,
    pub(super) millis: u32,
    /// Counts the ticks.
    pub(super) tick: u64,
}

/// Room to work in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    sum: Vec<i32>,
    part: Vec<i32>,
    narrow: Vec<i16>,
    crossed: Vec<i16>,
    /// What those hear who are silent and hear all, by rate: made once for all codecs.
    mixed: [Mixed; 3],
}

#[derive(Debug, Default)]
struct Mixed {
    pcm: Vec<i16>,
    limiter: Limiter,
    /// The last tick that it was made in, plus 1.
    made: u64,
}

/// Adds the tick to all streams.
pub(super) fn all(room: &Room<'_>, buses: &mut Buses, streams: &mut Streams) {
    let Streams {
        forms, list, scratch, ..
    } = streams;
    // Resamplers of one stream alone go on from the states that the shared ones have before this tick.
    for stream in list.iter_mut().filter(|stream| stream.is_heard()) {
        if let Some(form) = forms.get(stream.form) {
            prepare(room, buses, stream, form.rate);
        }
    }
    for stream in list.iter_mut().filter(|stream| stream.is_heard()) {
        one(room, buses, stream, forms, scratch);
    }
}

/// Whom a stream is for, and its rule.
fn listener(room: &Room<'_>, key: Key) -> (Option<u32>, Rule) {
    match key {
        Key::Shared(rule) => (None, rule),
        Key::Own(slot) => (
            Some(slot),
            room.members.at(slot).map_or(Rule::NoLeg, |member| member.hears),
        ),
    }
}

/// Whether the listener hears another sum of a rate than those who are silent and hear all.
fn apart(room: &Room<'_>, of: (Option<u32>, Rule), rate: Rate) -> bool {
    let differs = |voice: &Voice| hears(of.0, of.1, voice) != hears(None, Rule::All, voice);
    of.1 != Rule::All
        || room
            .floor
            .voices
            .iter()
            .any(|voice| voice.rate == rate && differs(voice))
}

fn prepare(room: &Room<'_>, buses: &Buses, stream: &mut Stream, to: Rate) {
    let of = listener(room, stream.key);
    for from in Rate::ALL {
        let crossing = &mut stream.crossings[from as usize];
        if from == to || !apart(room, of, from) {
            crossing.resampler = None;
            continue;
        }
        if crossing.resampler.is_none() && room.floor.voices.iter().any(|voice| voice.rate == from) {
            let shared = buses.by_rate[from as usize].resampler(to).filter(|_| of.1 == Rule::All);
            crossing.resampler = Some(shared.cloned().unwrap_or_else(|| Resampler::new(from, to)));
        }
    }
}

fn one(room: &Room<'_>, buses: &mut Buses, stream: &mut Stream, forms: &Forms, scratch: &mut Scratch) {
    let Some(form) = forms.get(stream.form) else { return };
    let of = listener(room, stream.key);
    let length = form.rate.samples(room.millis);
    let sounds = room.floor.voices.iter().any(|voice| hears(of.0, of.1, voice));
    let tail = std::mem::replace(&mut stream.tail, sounds);
    if !sounds && !tail {
        stream.pcm.resize(stream.pcm.len() + length, 0);
        return;
    }
    stream.silent = false;
    if stream.key != Key::Shared(Rule::All) {
        sum(room, buses, (of, form.rate), stream, scratch);
        stream.limiter.limit(&scratch.sum, room.millis, &mut stream.pcm);
        return;
    }
    if scratch.mixed[form.rate as usize].made != room.tick + 1 {
        sum(room, buses, (of, form.rate), stream, scratch);
        let mixed = &mut scratch.mixed[form.rate as usize];
        mixed.pcm.clear();
        mixed.limiter.limit(&scratch.sum, room.millis, &mut mixed.pcm);
        mixed.made = room.tick + 1;
    }
    let mixed = &scratch.mixed[form.rate as usize];
    stream.pcm.extend_from_slice(&mixed.pcm);
    stream.limiter.clone_from(&mixed.limiter);
}

/// Sums what the stream's listener hears, at the stream's rate.
fn sum(
    room: &Room<'_>,
    buses: &mut Buses,
    of: ((Option<u32>, Rule), Rate),
    stream: &mut Stream,
    scratch: &mut Scratch,
) {
    let (of, to) = of;
    let Scratch {
        sum,
        part,
        narrow,
        crossed,
        ..
    } = scratch;
    sum.clear();
    sum.resize(to.samples(room.millis), 0);
    for from in Rate::ALL {
        let bus = &buses.by_rate[from as usize];
        if !apart(room, of, from) {
            if from == to {
                if bus.live {
                    add(sum, &bus.sum);
                }
            } else if bus.sounds() {
                let crossed = buses.cross(from, to, room.millis, room.tick);
                sum.iter_mut().zip(crossed).for_each(|(sum, s)| *sum += i32::from(*s));
            }
            continue;
        }
        let sounds = listed(
            room,
            of,
            from,
            (bus.live && of.1 == Rule::All).then_some(&bus.sum[..]),
            part,
        );
        if from == to {
            if sounds {
                add(sum, part);
            }
            continue;
        }
        let crossing = &mut stream.crossings[from as usize];
        let tail = std::mem::replace(&mut crossing.tail, sounds);
        if let Some(resampler) = crossing.resampler.as_mut().filter(|_| sounds || tail) {
            narrow.clear();
            narrow.extend(part.iter().map(|s| (*s).clamp(i16::MIN.into(), i16::MAX.into()) as i16));
            crossed.clear();
            resampler.process(narrow, crossed);
            sum.iter_mut().zip(&*crossed).for_each(|(sum, s)| *sum += i32::from(*s));
        }
    }
}

/// Sums the voices of a rate that a listener hears: from the sum of all for the rate where that is given, by taking away
/// and adding what differs. `false` if none is heard.
fn listed(room: &Room<'_>, of: (Option<u32>, Rule), rate: Rate, all: Option<&[i32]>, part: &mut Vec<i32>) -> bool {
    part.clear();
    match all {
        Some(all) => part.extend_from_slice(all),
        None => part.resize(rate.samples(room.millis), 0),
    }
    let mut sounds = false;
    for voice in room.floor.voices.iter().filter(|voice| voice.rate == rate) {
        let heard = hears(of.0, of.1, voice);
        let in_all = all.is_some() && hears(None, Rule::All, voice);
        sounds |= heard;
        let samples = room.floor.samples(voice);
        match (heard, in_all) {
            (true, false) => add(part, samples),
            (false, true) => part.iter_mut().zip(samples).for_each(|(sum, s)| *sum -= s),
            (true, true) | (false, false) => {}
        }
    }
    sounds
}
