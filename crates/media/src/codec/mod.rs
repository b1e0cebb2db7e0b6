//! The codecs that Tandem knows, one row each. Reading and writing of descriptions, what Tandem offers by itself, the
//! relay and the audio all ask this table; a further codec is a row here, and its arithmetic a file beside.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`KNOWN`], and how rows are found | all of [`Info`] |
//! | `decoder.rs` | [`Decoder`]: payloads to linear sound | all of [`Decoder`] |
//! | `encoder.rs` | [`Encoder`]: linear sound to payloads | all of [`Encoder`] |
//! | `conceal.rs` | `Conceal`: sound for lost packets, from the sound before them | all of `Conceal` |
//! | `g711.rs` | the two laws of G.711 | none |
//! | `g722.rs` | the two bands of G.722 | none |
//! | `l16.rs` | linear samples in network byte order | none |
//!
//! A codec that is not here is relayed all the same, under the name and clock that its `a=rtpmap` gives it.

mod conceal;
mod decoder;
mod encoder;
pub mod g711;
mod g722;
mod l16;

use smol_str::SmolStr;
use thiserror::Error;

use self::g711::Law;
pub use self::{decoder::Decoder, encoder::Encoder};
use crate::{Codec, Payload, sound::Rate};

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
    /// `a=fmtp` in an offer that Tandem makes by itself.
    pub fmtp: Option<&'static str>,
    /// The use of the codec.
    pub kind: Kind,
    /// How Tandem codes it. `None`: it is only passed through between peers that share it.
    pub coding: Option<Coding>,
}

/// Mono speech at 8 kHz; the rows below name the differences.
const fn plain(name: &'static str, number: Number) -> Info {
    Info {
        name,
        spelling: name,
        number,
        clock_rate: 8000,
        channels: 1,
        fmtp: None,
        kind: Kind::Audio,
        coding: None,
    }
}

const fn law(law: Law, name: &'static str, number: u8) -> Info {
    Info {
        coding: Some(Coding::G711(law)),
        clock_rate: g711::RATE,
        ..plain(name, Number::Static(number))
    }
}

const fn l16(rate: Rate) -> Info {
    Info {
        coding: Some(Coding::L16(rate)),
        clock_rate: rate.hertz(),
        ..plain("L16", Number::Dynamic(96))
    }
}

const fn referring(name: &'static str) -> Info {
    Info {
        kind: Kind::Referring,
        ..plain(name, Number::Dynamic(96))
    }
}

/// All rows. A name that stands twice means its first row, unless a static payload type says otherwise.
pub static KNOWN: [Info; 23] = [
    law(Law::Pcmu, "PCMU", 0),
    plain("GSM", Number::Static(3)),
    plain("G723", Number::Static(4)),
    plain("DVI4", Number::Static(5)),
    Info {
        clock_rate: 16_000,
        ..plain("DVI4", Number::Static(6))
    },
    plain("LPC", Number::Static(7)),
    law(Law::Pcma, "PCMA", 8),
    Info {
        coding: Some(Coding::G722),
        ..plain("G722", Number::Static(9))
    },
    plain("QCELP", Number::Static(12)),
    Info {
        kind: Kind::Noise,
        ..plain("CN", Number::Static(13))
    },
    l16(Rate::Wide),
    l16(Rate::Narrow),
    l16(Rate::Full),
    plain("G728", Number::Static(15)),
    plain("G729", Number::Static(18)),
    Info {
        spelling: "opus",
        clock_rate: 48_000,
        channels: 2,
        fmtp: Some("useinbandfec=1"),
        ..plain("OPUS", Number::Dynamic(111))
    },
    Info {
        spelling: "speex",
        ..plain("SPEEX", Number::Dynamic(96))
    },
    Info {
        spelling: "iLBC",
        ..plain("ILBC", Number::Dynamic(96))
    },
    Info {
        spelling: "telephone-event",
        fmtp: Some("0-16"),
        kind: Kind::Event,
        ..plain(TELEPHONE_EVENT, Number::Dynamic(101))
    },
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

/// The rate of linear samples (L16); `None` for every other codec.
pub fn linear(payload: &Payload) -> Option<Rate> {
    match row(&payload.codec, payload.clock_rate, payload.channels)?.coding? {
        Coding::L16(rate) => Some(rate),
        Coding::G711(_) | Coding::G722 => None,
    }
}

/// The rate of a codec's sound; `None`: Tandem does not convert it.
pub fn rate(payload: &Payload) -> Option<Rate> {
    Decoder::new(payload).map(|decoder| decoder.rate())
}

/// Whether Tandem can decode and encode it: it is sound, not events or comfort noise.
pub fn converts(codec: &Codec) -> bool {
    // The row of Opus has no coding yet.
    let opus = codec.name == "OPUS" && (codec.clock_rate, codec.channels) == (48_000, 2);
    opus || row(&codec.name, codec.clock_rate, codec.channels).is_some_and(|info| info.coding.is_some())
}

/// The G.711 law of a codec with this name (upper case), clock and channels.
pub fn law_of(name: &str, clock_rate: u32, channels: u8) -> Option<Law> {
    match row(name, clock_rate, channels)?.coding? {
        Coding::G711(law) => Some(law),
        Coding::G722 | Coding::L16(_) => None,
    }
}

#[cfg(test)]
mod tests;
