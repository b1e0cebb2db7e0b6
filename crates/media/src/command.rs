//! The commands that signalling gives to the media engine, and the events that the engine reports.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::{
    codec::{self, Kind, Name, g711::Law},
    service::{Ears, Quality, RecordEnd, Recording, RecordingId, RoomId, Seat, Sound},
};

/// One leg's place in the media engines: which engine, a slot in that engine's table, and a generation, so that a late
/// event for a slot that was given back is never taken for its successor's. Two legs can be bridged only in one engine;
/// each engine has all slots from 0 on for itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MediaId {
    /// Which engine (a thread with its own sockets and range of UDP ports), from 0.
    pub engine: u8,
    /// Index into the engine's table.
    pub slot: u32,
    /// Counts how often the slot was given out.
    pub generation: u32,
}

/// Which way media may flow on a leg, seen from Tandem (RFC 3264 section 5.1).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Direction {
    /// Tandem may send to the peer.
    pub send: bool,
    /// Tandem takes what the peer sends.
    pub receive: bool,
}

/// How one codec is numbered on a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The payload type in RTP packets on this leg, 0 to 127.
    pub number: u8,
    /// The codec, by its rtpmap name in upper case, such as `PCMU` or `TELEPHONE-EVENT`.
    pub codec: Name,
    /// The RTP clock in hertz.
    pub clock_rate: u32,
    /// Channels, 1 unless the rtpmap says otherwise.
    pub channels: u8,
    /// `a=fmtp` parameters of the side that receives the codec, as they came.
    pub fmtp: Option<SmolStr>,
}

impl Payload {
    /// The G.711 law, where it is one.
    pub fn law(&self) -> Option<Law> {
        codec::law_of(&self.codec, self.clock_rate, self.channels)
    }

    /// Speech or music.
    pub fn is_audio(&self) -> bool {
        codec::kind(&self.codec) == Kind::Audio
    }

    /// Comfort noise (RFC 3389).
    pub fn is_noise(&self) -> bool {
        codec::kind(&self.codec) == Kind::Noise
    }

    /// Speech that Tandem decodes and encodes.
    pub fn converts(&self) -> bool {
        codec::converts(&self.codec, self.clock_rate, self.channels)
    }

    /// RFC 4733 events.
    pub fn is_event(&self) -> bool {
        codec::kind(&self.codec) == Kind::Event
    }
}

/// A leg's peer, as far as an offer/answer exchange (or half of it) describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Where signalling says the peer receives RTP; `None` while unknown or on `0.0.0.0` hold.
    pub rtp: Option<SocketAddr>,
    /// Where the peer receives RTCP (RFC 3605 `a=rtcp`, else RTP's port plus one); not used with `rtcp_mux`.
    pub rtcp: Option<SocketAddr>,
    /// Whether both sides have agreed to send RTCP from and to the RTP port (RFC 5761, `a=rtcp-mux`).
    pub rtcp_mux: bool,
    /// Addresses that the peer's packets may come from: the address in its SDP, and the source of its signalling.
    pub expected: SmallVec<[IpAddr; 2]>,
    /// Where the peer's signalling comes from. Media to other addresses is limited until something is heard from there
    /// ([`crate::relay::Config::unheard`]).
    pub signalling: Option<IpAddr>,
    /// Payload types that Tandem sends to the peer, as the peer numbers them.
    pub send_payloads: Vec<Payload>,
    /// Payload types that the peer sends to Tandem, as Tandem's description numbers them.
    pub receive_payloads: Vec<Payload>,
    /// Which way media may flow.
    pub direction: Direction,
    /// Milliseconds of audio a packet that Tandem makes should carry.
    pub ptime: u16,
    /// Datagrams are copied as they are, RTP or not, RTCP too: a line besides the audio ([`crate::line`]). Both legs of a
    /// bridge are of one kind.
    pub raw: bool,
}

/// Audio that Tandem plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Prompts, one after the other, by name; the engine finds their files.
    Prompts(Vec<String>),
    /// A tone of the named plan: `ringback`, `busy`, `congestion`, `dial`, `busy@us` (of a country), or `440/1000`
    /// (hertz/milliseconds).
    Tone(String),
    /// Music on hold, by the name of a file or of a folder of files: all legs hear the same second of it.
    Music(String),
}

/// A command of signalling to the media engine. Commands on one leg are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Take a leg in and receive on `local_port` (RTP; RTCP is the port above), chosen by [`crate::Pool`].
    Open {
        /// The new leg's handle.
        media: MediaId,
        /// The even UDP port.
        local_port: u16,
        /// Addresses the peer may speak from before its description is known.
        expected: SmallVec<[IpAddr; 2]>,
    },
    /// The leg's description changed. With `relearn` the address learned from packets is forgotten.
    Update {
        /// The leg.
        media: MediaId,
        /// The peer as it is described now.
        remote: Remote,
        /// Whether signalling named a new address, so that a new source may be learned.
        relearn: bool,
    },
    /// Relay between two legs of one engine, both ways as each direction allows; ends what either is playing.
    Bridge(MediaId, MediaId),
    /// Relay no longer.
    Unbridge(MediaId),
    /// Play to the leg; ends with [`Event::Played`]. A second one replaces the first.
    Play {
        /// The leg that hears it.
        media: MediaId,
        /// The audio.
        source: Source,
        /// Play it again and again until stopped.
        repeat: bool,
        /// Comes back in [`Event::Played`].
        token: u64,
    },
    /// Stop playing; no [`Event::Played`] follows.
    Stop(MediaId),
    /// Send back to the leg what it says, until stopped.
    Echo(MediaId),
    /// Send a DTMF digit to the leg: as RFC 4733 events, or as a tone in the sound where the peer takes no events. The
    /// digit is not sent where the leg has just got the same one as an event of the other leg of its bridge: some phones send
    /// each key twice.
    Dtmf {
        /// The leg.
        media: MediaId,
        /// `0`-`9`, `*`, `#`, `A`-`D`, and `!` for the hook flash.
        digit: char,
        /// How long, in milliseconds.
        millis: u16,
    },
    /// Begin to send a DTMF digit to the leg, as [`Command::Dtmf`] does; until [`Command::Release`], and for 8 s at most.
    Press {
        /// The leg.
        media: MediaId,
        /// As in [`Command::Dtmf`].
        digit: char,
    },
    /// End the digit that [`Command::Press`] began.
    Release {
        /// The leg.
        media: MediaId,
        /// The digit.
        digit: char,
        /// For how many milliseconds it is sent in all, if it was not sent for longer already.
        millis: u16,
    },
    /// End the leg if nothing is heard from its peer for this long; `None` switches the watch off (hold).
    Watch {
        /// The leg.
        media: MediaId,
        /// How long.
        timeout: Option<Duration>,
    },
    /// Listen for sounds of the leg's peer, from now on only for these.
    Listen {
        /// The leg.
        media: MediaId,
        /// What for.
        ears: Ears,
    },
    /// Open an empty room. Entry and leave of a leg are heard as short tones where `tones` is set.
    OpenRoom {
        /// The room.
        room: RoomId,
        /// Whether a short tone tells of entry and leave.
        tones: bool,
    },
    /// Give a leg a seat in a room, or change its seat there. This ends its relay and what it plays. A leg has one seat.
    Sit {
        /// The room.
        room: RoomId,
        /// The leg.
        media: MediaId,
        /// The seat.
        seat: Seat,
    },
    /// The leg leaves its room.
    Stand(MediaId),
    /// Close a room; legs that are in it leave.
    CloseRoom(RoomId),
    /// Begin to record; ends with [`Event::Recorded`].
    Record(Recording),
    /// Leave out what is said from now on, or go on.
    PauseRecording {
        /// The recording.
        recording: RecordingId,
        /// Whether it pauses.
        paused: bool,
    },
    /// End a recording.
    StopRecording(RecordingId),
    /// The leg is over; the slot may be given out again at once.
    Close(MediaId),
}

/// Packets and octets of one direction of a leg.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// RTP packets taken from the peer.
    pub received: u64,
    /// RTP packets sent to the peer.
    pub sent: u64,
    /// Packets dropped because they came from a foreign source (RTP injection).
    pub injected: u64,
    /// Packets dropped because they were no RTP of the description's payload types, or no RTCP.
    pub malformed: u64,
    /// Packets of sound that was to be decoded and cannot be: their payload is none of their codec.
    #[serde(default)]
    pub undecodable: u64,
    /// Packets not sent, to an address that only the description names and from which nothing was heard.
    pub withheld: u64,
}

/// A report of the media engine to signalling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first packet came: the peer is at this address. Frees the leg's hold on "silent" sharing.
    Learned {
        /// The leg.
        media: MediaId,
        /// The peer's real RTP address.
        remote: SocketAddr,
    },
    /// The peer pressed a key (RFC 4733, or a tone that [`Command::Listen`] asked for), reported once a press.
    Dtmf {
        /// The leg.
        media: MediaId,
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// The peer let that key go, or is listened to no longer. Follows each [`Event::Dtmf`] of an open leg.
    DtmfEnded {
        /// The leg.
        media: MediaId,
        /// The key of the last [`Event::Dtmf`].
        digit: char,
        /// How long it was pressed, in milliseconds.
        millis: u16,
    },
    /// A play has come to its end, or was not possible.
    Played {
        /// The leg.
        media: MediaId,
        /// As in [`Command::Play`].
        token: u64,
        /// The fault, in words for the log (an unknown prompt).
        fault: Option<String>,
        /// Milliseconds that were heard.
        millis: u64,
    },
    /// Nothing was heard for as long as [`Command::Watch`] allows.
    Silent(MediaId),
    /// A sound that [`Command::Listen`] asked for.
    Heard {
        /// The leg.
        media: MediaId,
        /// The sound.
        sound: Sound,
    },
    /// A recording has ended. Its file is whole.
    Recorded {
        /// The recording.
        recording: RecordingId,
        /// The recorded time in milliseconds, pauses not counted.
        millis: u64,
        /// Octets of the file.
        octets: u64,
        /// The file's name below the folder of recordings, without suffix. It differs from [`Recording::file`] where a
        /// file of that name was there before; empty where there is no file.
        file: String,
        /// Why it ended.
        end: RecordEnd,
    },
    /// The quality of a leg since it opened, reported from time to time.
    Measured {
        /// The leg.
        media: MediaId,
        /// The figures.
        quality: Quality,
    },
    /// The leg was closed; its totals.
    Closed {
        /// The leg.
        media: MediaId,
        /// Its totals.
        counters: Counters,
        /// The quality from its beginning to its end.
        quality: Quality,
    },
    /// The local UDP port could not be bound: the leg has no media.
    Failed {
        /// The leg.
        media: MediaId,
        /// Why, in words for the log.
        reason: String,
    },
}
