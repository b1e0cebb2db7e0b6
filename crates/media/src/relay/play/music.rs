//! Music on hold. A file or folder that several legs hear at one rate is a station: it is read once, and all legs hear
//! the same second of it. A packet is encoded once for all legs with the same codec and packet length.
//!
//! A station has no timer. Its time is cut into units of 10 ms; the first leg that asks for a unit makes it. The legs'
//! packets begin at multiples of their length, so that legs whose packets are due at different moments still share them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    Filled, Named, Owner,
    files::Files,
    queue::{Part, Queue},
};
use crate::{Payload, codec::Encoder, sound::Rate};

/// Milliseconds of a unit.
pub(super) const UNIT: u32 = 10;
/// Units that are kept: legs may be behind by so many.
const KEPT: u64 = 64;
/// Packets that are kept of each codec.
const PACKETS: usize = 8;
/// Octets of a packet, at most.
const MAX_PAYLOAD: usize = 1_500;

/// All music that is heard now.
#[derive(Debug, Default)]
pub(in crate::relay) struct Music {
    stations: BTreeMap<u32, Station>,
    last: u32,
    /// Room for the frame that is encoded.
    scratch: Vec<i16>,
}

/// See the module.
#[derive(Debug)]
struct Station {
    name: String,
    rate: Rate,
    queue: Queue,
    legs: usize,
    /// When the first unit was heard.
    began: Duration,
    /// Units that were made; the last [`KEPT`] are in `units`, unit n at n modulo `KEPT`.
    made: u64,
    units: Vec<i16>,
    /// Nothing was heard yet.
    waits: bool,
    fault: Option<String>,
    coded: Vec<Coded>,
}

/// The packets of one codec and length.
#[derive(Debug)]
struct Coded {
    payload: Payload,
    /// Units of a packet.
    length: u64,
    encoder: Encoder,
    /// The unit that follows the last packet.
    next: u64,
    /// First unit and payload of the last packets.
    packets: VecDeque<(u64, Vec<u8>)>,
}

impl Music {
    /// A leg begins to hear music. Gives the station's number.
    pub(super) fn join(&mut self, now: Duration, name: &str, rate: Rate, files: &mut Files) -> u32 {
        let found = self.stations.iter_mut().find(|(_, s)| s.name == name && s.rate == rate);
        if let Some((id, station)) = found {
            station.legs += 1;
            return *id;
        }
        self.last = self.last.wrapping_add(1);
        let id = self.last;
        let parts = vec![Part::File(Named::Music(name.to_owned()))];
        let station = Station {
            name: name.to_owned(),
            rate,
            queue: Queue::new(Owner::Music(id), parts, false, files),
            legs: 1,
            began: now,
            made: 0,
            units: vec![0; rate.samples(UNIT) * KEPT as usize],
            waits: true,
            fault: None,
            coded: Vec::new(),
        };
        self.stations.insert(id, station);
        id
    }

    /// A leg hears it no longer. Music that is not heard ends.
    pub(super) fn leave(&mut self, id: u32, files: &mut Files) {
        let Some(station) = self.stations.get_mut(&id) else {
            return;
        };
        station.legs -= 1;
        if station.legs == 0 {
            station.queue.close(files);
            self.stations.remove(&id);
        }
    }

    /// The station's queue, for an answer of the reader of files.
    pub(super) fn queue(&mut self, id: u32) -> Option<&mut Queue> {
        Some(&mut self.stations.get_mut(&id)?.queue)
    }

    /// The unit at that time, as a multiple of `length`.
    pub(super) fn unit(&self, id: u32, at: Duration, length: u64) -> u64 {
        let began = self.stations.get(&id).map_or(at, |station| station.began);
        let units = at.saturating_sub(began).as_millis() as u64 / u64::from(UNIT);
        units / length.max(1) * length.max(1)
    }

    /// Fills a frame with the sound from that unit on.
    pub(super) fn fill(&mut self, id: u32, unit: u64, frame: &mut [i16], files: &mut Files) -> Filled {
        let Some(station) = self.stations.get_mut(&id) else {
            frame.fill(0);
            return Filled::End;
        };
        station.fill(unit, frame, files)
    }

    /// The packet that begins with that unit, of `length` units. An empty one: nothing is to be sent.
    pub(super) fn packet(
        &mut self,
        id: u32,
        unit: u64,
        length: u64,
        payload: &Payload,
        files: &mut Files,
    ) -> (Filled, &[u8]) {
        let Some(station) = self.stations.get_mut(&id) else {
            return (Filled::End, &[]);
        };
        let frame = &mut self.scratch;
        frame.resize(station.rate.samples(UNIT) * length as usize, 0);
        let is = |coded: &Coded| coded.length == length && same(&coded.payload, payload);
        let at = match station.coded.iter().position(is) {
            Some(at) => at,
            None => {
                let Some(coded) = Coded::new(payload, unit, length, station.rate) else {
                    return (station.fill(unit, frame, files), &[]);
                };
                station.coded.push(coded);
                station.coded.len() - 1
            }
        };
        if !station.coded[at].has(unit) {
            let filled = station.fill(unit, frame, files);
            if filled != Filled::Sound {
                return (filled, &[]);
            }
            station.coded[at].encode(unit, frame);
        }
        (Filled::Sound, station.coded[at].packet(unit).unwrap_or_default())
    }

    #[cfg(test)]
    pub(super) fn stations(&self) -> usize {
        self.stations.len()
    }
}

/// Whether packets for one can be sent as packets of the other: their numbers may differ.
fn same(one: &Payload, other: &Payload) -> bool {
    let key = |p: &Payload| (p.clock_rate, p.channels);
    one.codec == other.codec && key(one) == key(other) && one.fmtp == other.fmtp
}

impl Station {
    fn fill(&mut self, unit: u64, frame: &mut [i16], files: &mut Files) -> Filled {
        frame.fill(0);
        if let Some(fault) = &self.fault {
            return Filled::Fault(fault.clone());
        }
        let samples = self.rate.samples(UNIT);
        let end = unit + frame.len().div_ceil(samples) as u64;
        // After a stall the music goes on from where it was.
        if end > self.made + KEPT {
            self.made = end - frame.len().div_ceil(samples) as u64;
        }
        while self.made < end {
            let at = (self.made % KEPT) as usize * samples;
            match self.queue.fill(self.rate, &mut self.units[at..at + samples], files) {
                Filled::Sound => self.waits = false,
                Filled::Waiting => return Filled::Waiting,
                Filled::End => return Filled::End,
                Filled::Fault(fault) => {
                    self.fault = Some(fault.clone());
                    return Filled::Fault(fault);
                }
            }
            self.made += 1;
        }
        let first = unit.max(self.made.saturating_sub(KEPT));
        for (unit, part) in (first..end).zip(frame.chunks_mut(samples)) {
            let at = (unit % KEPT) as usize * samples;
            part.copy_from_slice(&self.units[at..at + part.len()]);
        }
        Filled::Sound
    }
}

impl Coded {
    fn new(payload: &Payload, unit: u64, length: u64, rate: Rate) -> Option<Coded> {
        let encoder = Encoder::at(payload, length as u32 * UNIT, rate)?;
        // Some codecs have no packets of that length.
        if encoder.rate() != rate || encoder.ptime() != length as u32 * UNIT {
            return None;
        }
        Some(Coded {
            payload: payload.clone(),
            length,
            encoder,
            next: unit,
            packets: VecDeque::with_capacity(PACKETS),
        })
    }

    /// The packet that begins with that unit, where it is kept.
    fn packet(&self, unit: u64) -> Option<&[u8]> {
        let (_, octets) = self.packets.iter().rev().find(|(first, _)| *first == unit)?;
        Some(octets)
    }

    fn has(&self, unit: u64) -> bool {
        self.packet(unit).is_some()
    }

    fn encode(&mut self, unit: u64, frame: &[i16]) {
        let mut octets = if self.packets.len() < PACKETS {
            Vec::new()
        } else {
            self.packets.pop_front().map(|(_, octets)| octets).unwrap_or_default()
        };
        octets.resize(MAX_PAYLOAD, 0);
        let length = self.encoder.encode(frame, &mut octets);
        octets.truncate(length);
        self.packets.push_back((unit, octets));
        self.next = unit + self.length;
    }
}
