//! Recordings: what was recorded of a call or of a conference, and where it is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::CallUid;

/// The id of a recording: random, unique across restarts. Written as 16 hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingUid(pub u64);

impl RecordingUid {
    /// Reads the 16 hexadecimal digits that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for RecordingUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for RecordingUid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordingUid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a recording's id is 16 hexadecimal digits"))
    }
}

/// A recording, in progress or ended. Of one recording there are two reports with the same id: at its beginning with
/// `ended: None`, and at its end. A recording without a second report was cut off by a crash; its file is whole up to the
/// last seconds before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its id.
    pub id: RecordingUid,
    /// The call that is recorded; of a conference the call in which the recording was asked for. A call may have several
    /// recordings. Some end a moment after the call's record was closed.
    pub call_id: CallUid,
    /// Whose sound it is.
    pub kind: RecordingKind,
    /// The name that the dialplan gave, or that was chosen for it; of a conference the room.
    pub name: String,
    /// The file with its suffix, relative to the folder of recordings; parts are separated by `/`.
    pub file: String,
    /// The format of the file.
    pub format: RecordingFormat,
    /// 1, or 2: the subject of the call left, the other party right.
    pub channels: u8,
    /// When it began.
    pub started_at: i64,
    /// How it ended; `None` while it goes on.
    pub ended: Option<RecordingEnded>,
}

/// The end of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingEnded {
    /// The recorded time in milliseconds; pauses do not count.
    pub millis: u64,
    /// Octets of the file.
    pub octets: u64,
    /// Why it ended.
    pub end: RecordingEnd,
    /// The fault, in words for people; empty without one.
    pub fault: String,
}

/// Declares an enum whose values have one word each, in the database, in the API and in scripts.
macro_rules! words {
    ($(#[$about:meta])* $name:ident: $($(#[$doc:meta])* $variant:ident = $word:tt,)*) => {
        $(#[$about])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the database, the admin API and in scripts.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads that word.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == text)
            }
        }
    };
}

words! {
    /// Whose sound is recorded.
    RecordingKind:
    /// Both parties of a call.
    Call = "call",
    /// The caller alone, by the verb `record`.
    Caller = "caller",
    /// A conference.
    Conference = "conference",
}

words! {
    /// The format of a recorded file.
    RecordingFormat:
    /// WAV, 16 bit.
    Wav = "wav",
    /// Opus in an Ogg container.
    Opus = "opus",
}

words! {
    /// Why a recording ended.
    RecordingEnd:
    /// A key, the dialplan, the admin API, or the end of what is recorded.
    Stopped = "stopped",
    /// It reached its longest duration.
    Max = "max",
    /// Silence.
    Silence = "silence",
    /// The recorded party hung up.
    HangUp = "hangup",
    /// The file could not be written.
    Failed = "failed",
    /// Tandem was killed meanwhile.
    Interrupted = "interrupted",
}

impl RecordingFormat {
    /// The media type of the file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Opus => "audio/ogg",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_named_by_16_hexadecimal_digits() {
        for id in [0, 9, u64::MAX] {
            let id = RecordingUid(id);
            assert_eq!(RecordingUid::parse(&id.to_string()), Some(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<RecordingUid>(&json).unwrap(), id);
        }
        for bad in ["", "9", "+000000000000009", "g00000000000000f"] {
            assert_eq!(RecordingUid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_word_is_written_everywhere() {
        for &kind in RecordingKind::ALL {
            assert_eq!(RecordingKind::parse(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for &end in RecordingEnd::ALL {
            assert_eq!(RecordingEnd::parse(end.name()), Some(end));
            assert_eq!(serde_json::to_value(end).unwrap(), end.name());
        }
        for &format in RecordingFormat::ALL {
            assert_eq!(RecordingFormat::parse(format.name()), Some(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
    }
}
