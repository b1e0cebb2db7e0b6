//! The services of the media engine beyond relaying: rooms, recordings, and what the engine listens for. Plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::MediaId;

/// A room of the media engine: a conference, or two legs that a third one listens to. Chosen by signalling, never used
/// twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(pub u64);

/// A recording in progress. Chosen by signalling, never used twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordingId(pub u64);

/// Whom a leg in a room hears, or by whom it is heard.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Others {
    /// All other legs in the room.
    #[default]
    All,
    /// No other leg. For "heard by": the leg is muted.
    NoLeg,
    /// One leg alone, as for a whisper.
    Only(MediaId),
}

/// A leg's seat in a room.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Whom the leg hears.
    pub hears: Others,
    /// Who hears the leg.
    pub heard_by: Others,
    /// How much louder the others hear the leg, in decibels; -40 to 20.
    pub gain: i8,
    /// Whether quiet and loud voices are brought to one level.
    pub levelled: bool,
}

/// The sound that a recording takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// What the leg's peer says.
    Leg(MediaId),
    /// What both legs' peers say, mixed; or with `split` the first leg's as the left channel, the other's as the right.
    Call {
        /// The first.
        left: MediaId,
        /// The other.
        right: MediaId,
        /// One side a channel.
        split: bool,
    },
    /// What a listener in the room hears.
    Room(RoomId),
}

/// The format of a recorded file.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileFormat {
    /// WAV, 16 bit.
    #[default]
    Wav,
    /// Opus in an Ogg container (RFC 7845).
    OggOpus,
}

impl FileFormat {
    /// The end of the file's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::OggOpus => "opus",
        }
    }
}

/// What to record, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The recording.
    pub id: RecordingId,
    /// The sound.
    pub taken: Taken,
    /// The file below the folder of recordings, without its suffix: a name as of a prompt ([`crate::audio::prompt::is_name`]).
    pub file: String,
    /// The format.
    pub format: FileFormat,
    /// The longest recording, pauses not counted; `None`: the engine's limit.
    pub max: Option<Duration>,
    /// The recording ends after so much silence.
    pub silence: Option<Duration>,
}

/// Why a recording has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordEnd {
    /// By command.
    Stopped,
    /// It reached its longest duration.
    Full,
    /// Silence.
    Silence,
    /// The leg, or the last leg of the room, was closed.
    Closed,
    /// The file could not be written, in words for the log (a full disk). What was written before is kept.
    Fault(String),
}

/// What the engine listens for in a leg's sound; nothing by default, since it costs a decoder.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ears {
    /// DTMF as tones in the sound: for peers that agreed on neither RFC 4733 nor INFO.
    pub digits: bool,
    /// Nobody hears the tones of these keys: neither the other leg of a bridge nor a room. A recording of the leg does.
    /// A bridge then decodes what it would copy.
    pub mute: bool,
    /// When the peer begins and ends to speak.
    pub voice: bool,
    /// The beep of an answering machine.
    pub beep: bool,
    /// The tones of a fax: CNG (1,100 Hz) and CED (2,100 Hz).
    pub fax: bool,
}

impl Ears {
    /// Whether there is anything to listen for.
    pub const fn any(self) -> bool {
        self.digits || self.voice || self.beep || self.fax
    }
}

/// A sound that was heard.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sound {
    /// The peer begins to speak.
    SpeechBegins,
    /// The peer has ended to speak.
    SpeechEnds,
    /// An answering machine's beep.
    Beep,
    /// A calling fax (ITU-T T.30: 1,100 Hz).
    FaxCalling,
    /// An answering fax (ITU-T T.30: 2,100 Hz).
    FaxAnswering,
}

/// The quality of a leg's sound, measured over a time.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// From the peer to Tandem.
    pub received: Way,
    /// From Tandem to the peer, as the peer reports it (RFC 3550 section 6.4). What had not come to Tandem from the other
    /// leg is no loss of this way.
    pub sent: Way,
    /// Mean round trip in milliseconds, from the peer's reports; `None` without reports.
    pub round_trip: Option<u32>,
}

/// One direction of a leg's sound.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Packets that arrived.
    pub packets: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Packets that came too late to be heard, and packets that came twice; only where sound is decoded, or where the
    /// peer tells of it (RFC 3611 section 4.7).
    pub late: u64,
    /// See `late`.
    pub doubled: u64,
    /// Mean interarrival jitter in microseconds (RFC 3550 section 6.4.1).
    pub jitter: u32,
    /// Mean opinion score by the E-model (ITU-T G.107) in hundredths, 100 to 450; `None` where nothing was heard.
    pub mos: Option<u16>,
}
