//! What a peer is heard through: RTP packets go in as they arrive, and steady sound comes out.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Ear`], its [`Config`], what goes in and what it counts | all of [`Ear`] |
//! | `intake.rs` | takes packets in | none |
//! | `play.rs` | fills a pull: decodes, conceals, waits | `silent` |
//! | `sequence.rs` | sequence numbers and time stamps without wraps | `sequences`, `timeline` |
//! | `store.rs` | the packets that wait | `store` |
//! | `arrival.rs` | how regularly packets arrive | `arrivals` |
//! | `control.rs` | how long packets wait, and when that changes | `clock`, `control` |
//! | `coders.rs` | a decoder for each payload type | `coders` |
//! | `pcm.rs` | the decoded sound; makes it longer or shorter | `pcm` |
//! | `similar.rs` | finds where sound is like itself | none |
//! | `conceal.rs` | sound in place of lost packets | `conceal` |
//! | `noise.rs` | comfort noise at the rate that is played | none |
//!
//! Packets wait as they came, and are decoded when a pull needs them. A packet that is not there in time is concealed. If
//! it comes later, and no other was played instead, it is played then, and the delay has grown by that. Nothing here
//! touches the statistics of RTCP: those count packets as they arrive.
//!
//! A decoder of Opus takes 70 KiB. A peer that sends nothing for half a second loses its decoders; the next packet makes
//! them anew. Nothing is lost by that: what they knew is of sound that has faded.

mod arrival;
mod coders;
mod conceal;
mod control;
mod intake;
mod noise;
mod pcm;
mod play;
mod sequence;
mod similar;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::{
    arrival::Arrivals,
    coders::Coders,
    conceal::Conceal,
    control::{Control, PullClock},
    pcm::Pcm,
    sequence::{Sequences, Timeline},
    store::Store,
};
use crate::{Payload, sound::Rate};

/// The limits of an ear.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A packet waits about so long where all arrive steadily: from this less a pull, to this and a little.
    pub least: Duration,
    /// No packet waits longer, however irregularly others arrive; later ones are dropped.
    pub most: Duration,
    /// Packets that wait at most.
    pub packets: usize,
    /// Octets of the payloads that wait at most.
    pub octets: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            least: Duration::from_millis(20),
            most: Duration::from_millis(200),
            packets: 100,
            octets: 32 * 1024,
        }
    }
}

/// A packet as it arrived.
#[derive(Copy, Clone, Debug)]
pub struct Heard<'a> {
    /// The sequence number.
    pub sequence: u16,
    /// The time stamp.
    pub timestamp: u32,
    /// The marker bit: the first packet after a pause (RFC 3551 section 4.1).
    pub marker: bool,
    /// The payload type.
    pub number: u8,
    /// The payload.
    pub payload: &'a [u8],
}

/// What the greater part of a pull is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the peer sent.
    Speech,
    /// The peer is silent: comfort noise, or nothing at all while a key is pressed.
    Silence,
    /// Sound in place of packets that did not come.
    Concealed,
    /// The peer was never heard; silence.
    Nothing,
}

/// What an ear has counted. `packets` is the sum of `played`, `late`, `doubled`, `malformed` and `waiting`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that were put in; events do not count.
    pub packets: u64,
    /// Packets that were heard.
    pub played: u64,
    /// Packets that came when their time had passed, or that were one too many for the longest delay.
    pub late: u64,
    /// Packets that came twice.
    pub doubled: u64,
    /// Packets of a wrong length for their codec, and of payload types that Tandem does not decode.
    pub malformed: u64,
    /// Packets that have yet to be heard.
    pub waiting: u64,
    /// Sequence numbers whose time has passed and that have not come since.
    pub lost: u64,
    /// Milliseconds of sound in place of packets that did not come in time.
    pub concealed: u64,
    /// Milliseconds that were put in to make the delay longer.
    pub stretched: u64,
    /// Milliseconds that were left out to make the delay shorter.
    pub shortened: u64,
    /// Milliseconds from the arrival of a packet that was not delayed until its sound is pulled, at the last pull.
    pub delay: u32,
}

/// What is heard at present.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing was heard yet.
    Idle,
    /// Packets follow each other.
    Playing,
    /// The packet that is next is not there.
    Missing,
    /// The peer pauses.
    Pause(Quiet),
}

/// What is heard in a pause.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Quiet {
    Silence,
    /// Comfort noise (RFC 3389), of the coder.
    Noise(usize),
    /// What the codec makes of it.
    Codec(usize),
}

/// Counters in packets and samples.
#[derive(Debug, Default)]
struct Tally {
    packets: u64,
    played: u64,
    late: u64,
    doubled: u64,
    malformed: u64,
    concealed: u64,
    stretched: u64,
    shortened: u64,
    delay: i64,
}

/// Sound that stands in for what is missing.
#[derive(Copy, Clone, Debug, Default)]
struct Gap {
    /// Samples so far.
    samples: usize,
    /// Whether a packet was there that could not be decoded.
    is_broken: bool,
}

/// The coder that was heard last, and the length of its packet in samples.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Last {
    coder: usize,
    samples: usize,
}

/// See the module. All times are given by the caller: of arrival with [`Ear::put`], of the consumer with [`Ear::pull`].
#[derive(Debug)]
pub struct Ear {
    config: Config,
    rate: Rate,
    coders: Coders,
    store: Store,
    sequences: Sequences,
    timeline: Timeline,
    arrivals: Arrivals,
    clock: PullClock,
    control: Control,
    pcm: Pcm,
    conceal: Conceal,
    mode: Mode,
    /// What was heard last, and what is missing since.
    last: (Option<Last>, Gap),
    /// Samples of silence since nothing was there to be heard.
    silent: usize,
    tally: Tally,
}

impl Ear {
    /// An ear for a peer that may send these payload types. Sound comes out at `rate`.
    pub fn new(payloads: &[Payload], rate: Rate) -> Ear {
        Ear::with(Config::default(), payloads, rate)
    }

    /// An ear with limits of its own.
    pub fn with(config: Config, payloads: &[Payload], rate: Rate) -> Ear {
        Ear {
            config,
            rate,
            coders: Coders::new(payloads, rate),
            store: Store::default(),
            sequences: Sequences::default(),
            timeline: Timeline::default(),
            arrivals: Arrivals::default(),
            clock: PullClock::default(),
            control: Control::default(),
            pcm: Pcm::new(rate),
            conceal: Conceal::new(rate),
            mode: Mode::Idle,
            last: (None, Gap::default()),
            silent: 0,
            tally: Tally::default(),
        }
    }

    /// With `true` only voice is of use from now on, as in a room, which mixes those who speak: packets that say that there
    /// is no voice in them are not decoded. Their sound is [`Kind::Silence`].
    pub fn set_thrifty(&mut self, thrifty: bool) {
        self.coders.set_thrifty(thrifty);
    }

    /// The rate of the sound that comes out.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// What was counted, from the beginning on.
    pub fn counters(&self) -> Counters {
        let millis = |samples: u64| samples * 1000 / u64::from(self.rate.hertz());
        let tally = &self.tally;
        Counters {
            packets: tally.packets,
            played: tally.played,
            late: tally.late,
            doubled: tally.doubled,
            malformed: tally.malformed,
            waiting: self.store.counted() as u64,
            lost: self.sequences.lost,
            concealed: millis(tally.concealed),
            stretched: millis(tally.stretched),
            shortened: millis(tally.shortened),
            delay: u32::try_from(tally.delay / 1000).unwrap_or(0),
        }
    }

    /// Octets that the ear takes, without what its decoders keep on the heap.
    pub fn octets(&self) -> usize {
        let heap = [
            self.store.footprint(),
            self.coders.octets(),
            self.pcm.octets(),
            self.conceal.octets(),
        ];
        size_of::<Ear>() + heap.iter().sum::<usize>()
    }

    /// Time in microseconds at a place of the stream.
    fn micros(&self, samples: i64) -> i64 {
        samples * 1_000_000 / i64::from(self.rate.hertz())
    }
}
