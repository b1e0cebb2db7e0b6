//! Rooms: many legs that hear each other. Linear sound in, linear sound out; no packets, no codecs, no clock.
//!
//! Each leg in a [`Mixer`] hears all others but not itself. A tick is 10 or 20 ms of sound ([`Mixer::millis`]):
//!
//! 1. [`Mixer::begin`] begins the tick;
//! 2. [`Mixer::say`] for each leg and source from which sound came; where nothing came, or comfort noise, there is no call;
//! 3. [`Mixer::mix`] mixes;
//! 4. [`Mixer::groups`] are the packets that are due: each is encoded once, and sent to all listeners of its group.
//!
//! Only those who speak are mixed. A leg speaks while its sound is above its own noise floor (`listen/activity.rs`); sound above -50 dBov always
//! is, and each leg goes on to be mixed for [`Config::hangover`], so that no quiet speaker is cut. All who are silent, and
//! take packets of one [`Form`], hear the same: they are one group. Who speaks has a group alone, and joins the others when
//! it is quiet, or after [`Config::apart`].
//!
//! Sound of another rate is resampled once for all who hear it, never for each listener; sound of the listener's own rate
//! is not resampled at all. So two wide-band phones hear each other in wide band, whoever else is in the room.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Mixer`]: the calls of its user | `elapsed`, `ticks`, `millis`, `changed`, `events` |
//! | `members.rs` | who is in the room, and who may hear whom | all of `Members` |
//! | `floor.rs` | who speaks: chosen, faded in and out, made louder or quieter | all of `Floor` |
//! | `leveller.rs` | brings quiet and loud voices to one level | all of `Leveller` |
//! | `chime.rs` | the short tones of entry and leave | all of `Chimes` |
//! | `buses.rs` | the sums by rate, and their resampling | all of `Buses` |
//! | `streams.rs` | which listeners share a stream of packets | all of `Streams` |
//! | `render.rs` | one stream's sound | none |
//! | `limiter.rs` | keeps a sum within 16 bits without distortion that is heard | all of `Limiter` |

mod buses;
mod chime;
mod floor;
mod leveller;
mod limiter;
mod members;
mod render;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use smol_str::SmolStr;
use thiserror::Error;

pub use self::streams::{Group, StreamId};
use self::{
    buses::Buses,
    chime::{Chime, Chimes},
    floor::Floor,
    members::Members,
    streams::Streams,
};
use crate::{
    MediaId, Payload,
    codec::Name,
    service::{Others, RecordingId, Seat, Sound},
    sound::Rate,
};

/// Limits of a room.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Legs, sources and taps in one room, at most.
    pub max_seats: usize,
    /// Legs that are mixed at once, 1 to 64; the loudest are. Sources are not counted.
    pub max_talkers: usize,
    /// For so many milliseconds a leg is still mixed after its sound has fallen to its noise floor.
    pub hangover: u32,
    /// Who has spoken goes on with a stream of packets alone for so many milliseconds at most while others speak; in
    /// silence the listener joins the shared one at once. A codec with a state does not like another encoder in the middle
    /// of a word.
    pub apart: u32,
    /// Whether a short tone tells of entry and leave.
    pub tones: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_seats: 4096,
            max_talkers: 16,
            hangover: 500,
            apart: 2000,
            tones: false,
        }
    }
}

/// The room has [`Config::max_seats`] seats already.
#[derive(Copy, Clone, Debug, Error, PartialEq, Eq)]
#[error("the room is full: it has {0} seats")]
pub struct Full(pub usize);

/// Who has a place in a room.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A leg.
    Leg(MediaId),
    /// Sound that comes from no leg: music, a prompt, a tone. The number is the caller's.
    Source(u64),
    /// A recording. Hears what a silent leg hears.
    Tap(RecordingId),
}

/// A place in a room. It is never given to somebody else, so that a late call for it does nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    slot: u32,
    generation: u32,
}

/// The packets that a listener takes. Listeners of equal forms can be sent one packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// The codec, as in [`Payload::codec`]; empty for linear samples (a tap).
    pub codec: Name,
    /// As in [`Payload::clock_rate`].
    pub clock_rate: u32,
    /// As in [`Payload::channels`].
    pub channels: u8,
    /// As in [`Payload::fmtp`]: what the encoder must heed.
    pub fmtp: Option<SmolStr>,
    /// Milliseconds of sound in a packet, a multiple of 10; other values are rounded up to one, and at most 200.
    pub ptime: u32,
    /// The rate of the encoder's input.
    pub rate: Rate,
}

impl Form {
    /// The packets of a codec. The payload's number is no part of the form: each listener may number the codec
    /// differently.
    pub fn new(payload: &Payload, ptime: u32, rate: Rate) -> Form {
        Form {
            codec: payload.codec.clone(),
            clock_rate: payload.clock_rate,
            channels: payload.channels,
            fmtp: payload.fmtp.clone(),
            ptime: whole(ptime),
            rate,
        }
    }

    /// Linear samples, `ptime` milliseconds at a time.
    pub fn linear(ptime: u32, rate: Rate) -> Form {
        Form {
            codec: Name::default(),
            clock_rate: rate.hertz(),
            channels: 1,
            fmtp: None,
            ptime: whole(ptime),
            rate,
        }
    }
}

/// A ptime in whole ticks of 10 ms.
fn whole(ptime: u32) -> u32 {
    ptime.clamp(10, 200).next_multiple_of(10)
}

/// One room.
#[derive(Debug)]
pub struct Mixer {
    config: Config,
    members: Members,
    floor: Floor,
    chimes: Chimes,
    buses: Buses,
    streams: Streams,
    events: VecDeque<(MediaId, Sound)>,
    /// Milliseconds that were mixed, and ticks.
    elapsed: u64,
    ticks: u64,
    /// Of this tick.
    millis: u32,
    /// Whether somebody came, left, or has other rules than at the last tick.
    changed: bool,
}

impl Mixer {
    /// An empty room.
    pub fn new(config: Config) -> Mixer {
        Mixer {
            config,
            members: Members::default(),
            floor: Floor::default(),
            chimes: Chimes::default(),
            buses: Buses::default(),
            streams: Streams::default(),
            events: VecDeque::new(),
            elapsed: 0,
            ticks: 0,
            millis: 20,
            changed: false,
        }
    }

    /// Gives a leg a place, or changes its seat and form. With `form: None` the leg speaks and hears nothing.
    ///
    /// # Errors
    /// The room is full.
    pub fn sit(&mut self, leg: MediaId, seat: Seat, form: Option<Form>) -> Result<Place, Full> {
        let new = self.members.find(Who::Leg(leg)).is_none();
        let place = self.enter(Who::Leg(leg), seat, form)?;
        if new && seat.heard_by == Others::All {
            self.chime(Chime::Entry, Some(place.slot));
        }
        Ok(place)
    }

    /// Gives a source of sound a place; or changes who hears the source, and its gain (in decibels, -40 to 20). All legs
    /// hear a source for all, also those that hear no other leg: a room of such legs and a source is music on hold.
    ///
    /// # Errors
    /// The room is full.
    pub fn source(&mut self, number: u64, heard_by: Others, gain: i8) -> Result<Place, Full> {
        let seat = Seat {
            hears: Others::NoLeg,
            heard_by,
            gain,
            levelled: false,
        };
        self.enter(Who::Source(number), seat, None)
    }

    /// Gives a recording a place: it takes linear samples at `rate`, `ptime` milliseconds at a time.
    ///
    /// # Errors
    /// The room is full.
    pub fn tap(&mut self, recording: RecordingId, ptime: u32, rate: Rate) -> Result<Place, Full> {
        let seat = Seat {
            heard_by: Others::NoLeg,
            ..Seat::default()
        };
        self.enter(Who::Tap(recording), seat, Some(Form::linear(ptime, rate)))
    }

    fn enter(&mut self, who: Who, seat: Seat, form: Option<Form>) -> Result<Place, Full> {
        if self.members.find(who).is_none() && self.members.len() >= self.config.max_seats {
            return Err(Full(self.config.max_seats));
        }
        self.changed = true;
        let form = form.map(|form| self.streams.forms.intern(form));
        let (place, before) = self.members.enter(who, seat, form);
        if let Some(form) = before {
            self.streams.forms.release(form);
        }
        Ok(place)
    }

    /// Leaves the room. What was said in this tick is still heard, and fades.
    pub fn stand(&mut self, place: Place) {
        let Some(mut member) = self.members.leave(place) else {
            return;
        };
        self.changed = true;
        self.floor.leave(place.slot, &mut member);
        self.chimes.leave(place.slot);
        if let Some(form) = member.form {
            self.streams.forms.release(form);
        }
        if let Who::Leg(leg) = member.who {
            if member.mouth.activity.speaking() {
                self.events.push_back((leg, Sound::SpeechEnds));
            }
            if member.seat.heard_by == Others::All {
                self.chime(Chime::Leave, None);
            }
        }
    }

    fn chime(&mut self, chime: Chime, owner: Option<u32>) {
        if self.config.tones {
            self.chimes.ring(chime, owner);
        }
    }

    /// The place of somebody.
    pub fn place(&self, who: Who) -> Option<Place> {
        self.members.find(who)
    }

    /// Places that are taken: of legs, sources and taps.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is in the room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Legs and sources that were mixed in the last tick.
    pub fn talking(&self) -> usize {
        self.floor.voices.len()
    }

    /// How long the next tick must be: 20 ms, or 10 where a listener's packets are no multiple of 20 ms.
    pub fn millis(&self) -> u32 {
        let odd = !self.elapsed.is_multiple_of(20) || self.streams.forms.any(|form| form.ptime % 20 != 0);
        if odd { 10 } else { 20 }
    }

    /// Begins a tick of 10 or 20 ms. Groups of the tick before are gone.
    pub fn begin(&mut self, millis: u32) {
        self.millis = if millis <= 10 { 10 } else { 20 };
        self.streams.begin();
        if self.changed {
            self.members.resolve();
        }
    }

    /// One tick of sound from a leg or a source. Too few samples are filled up with silence, too many are left out. A
    /// second call in one tick replaces the first.
    pub fn say(&mut self, place: Place, pcm: &[i16], rate: Rate) {
        let millis = self.millis;
        let Some(member) = self.members.get_mut(place) else {
            return;
        };
        let pcm = &pcm[..pcm.len().min(rate.samples(millis))];
        self.floor.say(place.slot, member, pcm, (rate, millis), &self.config);
    }

    /// Mixes what was said since [`Mixer::begin`].
    pub fn mix(&mut self) {
        if self.changed {
            self.members.resolve();
        }
        self.floor
            .gather(&mut self.members, self.millis, &self.config, &mut self.events);
        self.chimes.sound(self.millis, &mut self.floor);
        self.buses.sum(&self.floor, self.millis);
        let moved = self.floor.moved();
        if moved || self.changed || self.streams.settling {
            let apart = self.config.apart.into();
            self.streams
                .arrange(&mut self.members, &self.floor, self.elapsed, apart);
        }
        self.changed = false;
        let of = render::Room {
            members: &self.members,
            floor: &self.floor,
            millis: self.millis,
            tick: self.ticks,
        };
        render::all(&of, &mut self.buses, &mut self.streams);
        self.elapsed += u64::from(self.millis);
        self.ticks += 1;
        self.streams.due(self.elapsed);
    }

    /// The packets that are due after [`Mixer::mix`]. Each listener is in at most one group.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.streams.groups()
    }

    /// The next leg that began or ended to speak.
    pub fn poll_event(&mut self) -> Option<(MediaId, Sound)> {
        self.events.pop_front()
    }
}
