//! The codecs that Tandem knows, one row each. Reading and writing of descriptions, what Tandem offers by itself, the
//! relay and the audio all ask this table; a further codec is a row here, and its arithmetic a file beside.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`KNOWN`], and how rows are found | all of [`Info`] |
//! | `decoder.rs` | [`Decoder`]: payloads to linear sound | all of [`Decoder`] |
//! | `encoder.rs` | [`Encoder`]: linear sound to payloads | all of [`Encoder`] |
//! | `fmtp.rs` | the parameters of an `a=fmtp` line | none |
//! | `g711.rs` | the two laws of G.711 | none |
//! | `g722.rs` | the two bands of G.722 | none |
//! | `l16.rs` | linear samples in network byte order | none |
//! | `opus/` | Opus, its packets and parameters | see there |
//!
//! A codec that is not here is relayed all the same, under the name and clock that its `a=rtpmap` gives it.

mod decoder;
mod encoder;
mod fmtp;
pub mod g711;
mod g722;
mod l16;
pub mod opus;

use smol_str::SmolStr;
use thiserror::Error;

use self::g711::Law;

pub use self::{
    decoder::Decoder,
    encoder::{Encoder, MAX_OCTETS, plan},
};
use crate::{Payload, sound::Rate};

/// A codec's name in upper case, as in `a=rtpmap`. Short names cost no allocation.
pub type Name = SmolStr;

/// RFC 4733's name of DTMF events.
pub const TELEPHONE_EVENT: &str = "TELEPHONE-EVENT";

/// The use of a codec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Speech or music.
    Audio,
    /// DTMF and other events (RFC 4733).
    Event,
    /// Comfort noise (RFC 3389).
    Noise,
    /// Names other payload types by number (RFC 2198, RFC 4588, RFC 5109): a relay that gives other numbers would break
    /// it, so that it is left out of every description.
    Referring,
}

/// How a codec is numbered in RTP.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// A payload type that always means this codec (RFC 3551 section 6).
    Static(u8),
    /// Any of 96 to 127; this one where Tandem offers the codec by itself and the number is free.
    Dynamic(u8),
}

/// How Tandem encodes and decodes a codec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// ITU-T G.711.
    G711(Law),
    /// ITU-T G.722 at 64 kbit/s.
    G722,
    /// Linear samples of 16 bits (RFC 3551 section 4.5.11), at that rate.
    L16(Rate),
    /// Opus (RFC 6716).
    Opus,
}

/// A payload that its codec cannot have produced.
#[derive(Copy, Clone, Debug, Error, PartialEq, Eq)]
#[error("not a payload of its codec")]
pub struct Malformed;

/// One row.
#[derive(Debug)]
pub struct Info {
    /// In upper case.
    pub name: &'static str,
    /// Names are case-insensitive (RFC 4855 section 3), but some peers know only this spelling.
    pub spelling: &'static str,
    /// Its payload type.
    pub number: Number,
    /// The RTP clock in hertz. G.722's is not the rate of its samples (RFC 3551 section 4.5.2).
    pub clock_rate: u32,
    /// Channels.
    pub channels: u8,
    /// Microseconds of one frame: a packet holds a whole number of them. `None`: any number of samples.
    pub frame: Option<u32>,
    /// `a=fmtp` in an offer that Tandem makes by itself.
    pub fmtp: Option<&'static str>,
    /// Parameters of `a=fmtp` that must be equal at both ends, and their values where they are not stated: the payload
    /// has another format otherwise. All others say what their author prefers to receive.
    pub same: &'static [(&'static str, &'static str)],
    /// The use of the codec.
    pub kind: Kind,
    /// How Tandem codes it. `None`: it is only passed through between peers that share it.
    pub coding: Option<Coding>,
    /// About how much CPU time encoding and decoding takes, where G.711 takes 1 (20 microseconds for a second of sound);
    /// 0 where Tandem does neither.
    pub cost: u16,
}

/// Mono speech at 8 kHz; the rows below name the differences.
const fn plain(name: &'static str, number: Number) -> Info {
    Info {
        name,
        spelling: name,
        number,
        clock_rate: 8000,
        channels: 1,
        frame: None,
        fmtp: None,
        same: &[],
        kind: Kind::Audio,
        coding: None,
        cost: 0,
    }
}

const fn law(law: Law, name: &'static str, number: u8) -> Info {
    Info {
        coding: Some(Coding::G711(law)),
        clock_rate: g711::RATE,
        cost: 1,
        ..plain(name, Number::Static(number))
    }
}

const fn l16(rate: Rate) -> Info {
    Info {
        coding: Some(Coding::L16(rate)),
        clock_rate: rate.hertz(),
        cost: 1,
        ..plain("L16", Number::Dynamic(96))
    }
}

/// A codec of frames of so many microseconds, which is passed through.
const fn framed(name: &'static str, number: Number, frame: u32) -> Info {
    Info {
        frame: Some(frame),
        ..plain(name, number)
    }
}

/// RFC 4867 section 8.1: these say how the bits lie in the payload.
const fn amr(name: &'static str, clock_rate: u32) -> Info {
    Info {
        clock_rate,
        same: &[
            ("octet-align", "0"),
            ("crc", "0"),
            ("robust-sorting", "0"),
            ("interleaving", ""),
        ],
        ..framed(name, Number::Dynamic(96), 20_000)
    }
}

const fn speex(clock_rate: u32) -> Info {
    Info {
        spelling: "speex",
        clock_rate,
        ..framed("SPEEX", Number::Dynamic(96), 20_000)
    }
}

const fn noise(clock_rate: u32, number: Number) -> Info {
    Info {
        kind: Kind::Noise,
        clock_rate,
        ..plain("CN", number)
    }
}

/// RFC 4733 section 2.1: events have the clock of the sound that they stand beside.
const fn events(clock_rate: u32, number: u8) -> Info {
    Info {
        spelling: "telephone-event",
        clock_rate,
        fmtp: Some("0-16"),
        kind: Kind::Event,
        ..plain(TELEPHONE_EVENT, Number::Dynamic(number))
    }
}

const fn referring(name: &'static str) -> Info {
    Info {
        kind: Kind::Referring,
        ..plain(name, Number::Dynamic(96))
    }
}

const fn dvi4(clock_rate: u32, number: u8) -> Info {
    Info {
        clock_rate,
        ..plain("DVI4", Number::Static(number))
    }
}

/// All rows. A name that stands twice means its first row, unless a clock or a static payload type says otherwise.
pub static KNOWN: [Info; 41] = [
    law(Law::Pcmu, "PCMU", 0),
    framed("GSM", Number::Static(3), 20_000),
    framed("G723", Number::Static(4), 30_000),
    dvi4(8000, 5),
    dvi4(16_000, 6),
    framed("LPC", Number::Static(7), 20_000),
    law(Law::Pcma, "PCMA", 8),
    Info {
        coding: Some(Coding::G722),
        cost: 50,
        ..plain("G722", Number::Static(9))
    },
    l16(Rate::Wide),
    l16(Rate::Narrow),
    l16(Rate::Full),
    Info {
        clock_rate: 44_100,
        channels: 2,
        ..plain("L16", Number::Static(10))
    },
    Info {
        clock_rate: 44_100,
        ..plain("L16", Number::Static(11))
    },
    framed("QCELP", Number::Static(12), 20_000),
    noise(8000, Number::Static(13)),
    noise(16_000, Number::Dynamic(105)),
    noise(48_000, Number::Dynamic(106)),
    framed("G728", Number::Static(15), 2500),
    dvi4(11_025, 16),
    dvi4(22_050, 17),
    framed("G729", Number::Static(18), 10_000),
    Info {
        spelling: "opus",
        clock_rate: 48_000,
        channels: 2,
        fmtp: Some("useinbandfec=1"),
        coding: Some(Coding::Opus),
        cost: 400,
        ..framed("OPUS", Number::Dynamic(111), 2500)
    },
    speex(8000),
    speex(16_000),
    speex(32_000),
    Info {
        spelling: "iLBC",
        ..framed("ILBC", Number::Dynamic(96), 30_000)
    },
    amr("AMR", 8000),
    amr("AMR-WB", 16_000),
    plain("G726-32", Number::Dynamic(96)),
    plain("G726-40", Number::Dynamic(96)),
    plain("G726-24", Number::Dynamic(96)),
    plain("G726-16", Number::Dynamic(96)),
    events(8000, 101),
    events(16_000, 100),
    events(32_000, 102),
    events(44_100, 103),
    events(48_000, 110),
    referring("RED"),
    referring("RTX"),
    referring("ULPFEC"),
    referring("PARITYFEC"),
];

/// The row of that name (upper case).
pub fn named(name: &str) -> Option<&'static Info> {
    KNOWN.iter().find(|info| info.name == name)
}

/// The row that always has this payload type.
pub fn numbered(number: u8) -> Option<&'static Info> {
    KNOWN.iter().find(|info| info.number == Number::Static(number))
}

/// The use of a codec of that name (upper case). A codec without a row is audio.
pub fn kind(name: &str) -> Kind {
    named(name).map_or(Kind::Audio, |info| info.kind)
}

/// The row of a codec with this name (upper case), clock and channels.
pub fn row(name: &str, clock_rate: u32, channels: u8) -> Option<&'static Info> {
    let is_it = |info: &&Info| info.name == name && info.clock_rate == clock_rate && info.channels == channels;
    KNOWN.iter().find(is_it)
}

/// The rate of a codec's sound, as [`Decoder::new`] gives it; `None`: Tandem does not convert it.
pub fn rate(payload: &Payload) -> Option<Rate> {
    match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
        Coding::G711(_) => Some(Rate::Narrow),
        Coding::G722 => Some(Rate::Wide),
        Coding::L16(rate) => Some(rate),
        Coding::Opus => Some(opus::Parameters::read(payload.fmtp.as_deref()).playback_rate()),
    }
}

/// Whether payloads of a codec with this name (upper case), clock and channels have the same format at two ends, by what
/// both say in `a=fmtp`.
pub fn same_format(name: &str, clock_rate: u32, channels: u8, fmtps: [Option<&str>; 2]) -> bool {
    let same = row(name, clock_rate, channels).map_or([].as_slice(), |info| info.same);
    same.iter().all(|(name, unstated)| {
        let [one, other] = fmtps.map(|fmtp| {
            let stated = fmtp::parameters(fmtp).find(|(stated, _)| stated.eq_ignore_ascii_case(name));
            stated.map_or(*unstated, |(_, value)| value)
        });
        one == other
    })
}

/// Whether Tandem can decode and encode it: it is sound, not events or comfort noise.
pub fn converts(name: &str, clock_rate: u32, channels: u8) -> bool {
    row(name, clock_rate, channels).is_some_and(|info| info.coding.is_some())
}

/// The G.711 law of a codec with this name (upper case), clock and channels.
pub fn law_of(name: &str, clock_rate: u32, channels: u8) -> Option<Law> {
    match row(name, clock_rate, channels)?.coding? {
        Coding::G711(law) => Some(law),
        Coding::G722 | Coding::L16(_) | Coding::Opus => None,
    }
}

#[cfg(test)]
mod tests;
