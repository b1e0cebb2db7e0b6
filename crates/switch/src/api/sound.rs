//! What the verbs `collect`, `record` and `conference` take, and what they return.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RecordingFormat, RecordingUid};

/// Declares how a verb can end, with the word of each end in scripts.
macro_rules! statuses {
    ($(#[$about:meta])* $name:ident: $($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$about])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that scripts compare with.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads that word.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.as_str() == text)
            }
        }
    };
}

/// The arguments of `collect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    /// What is played until the first key; may be empty.
    pub prompts: Vec<String>,
    /// After so many keys the verb is over; at least 1.
    pub max: usize,
    /// How long the next key may take. For the first key the time begins at the end of the prompts.
    pub timeout: Duration,
    /// The key that ends the verb and does not belong to the digits.
    pub terminator: Option<char>,
}

statuses! {
    /// How a `collect` ended.
    CollectStatus:
    /// The terminator was pressed, or as many keys as are wanted.
    Done = "done",
    /// The caller pressed some keys, and then none for too long.
    Timeout = "timeout",
    /// The caller pressed no key.
    Empty = "empty",
}

/// The result of `collect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectResult {
    /// The keys, without the terminator.
    pub digits: String,
    /// How it ended.
    pub status: CollectStatus,
}

/// The arguments of `record`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The name: the beginning of the file's name.
    pub name: String,
    /// The longest recording.
    pub max: Duration,
    /// The recording ends after so much silence.
    pub silence: Option<Duration>,
    /// The format of the file.
    pub format: RecordingFormat,
    /// Whether the caller hears a beep before it.
    pub beep: bool,
}

statuses! {
    /// How a `record` ended, as scripts see it. (After a hang-up no script goes on.)
    RecordStatus:
    /// The caller pressed a key.
    Done = "done",
    /// The caller was silent for too long.
    Silence = "silence",
    /// The longest duration was reached.
    Max = "max",
    /// Nothing, or not all, could be recorded.
    Failed = "failed",
}

/// The result of `record`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordResult {
    /// How it ended.
    pub status: RecordStatus,
    /// The recorded time.
    pub seconds: f64,
    /// The file, relative to the folder of recordings. Empty if there is none.
    pub file: String,
    /// The id of the recording, if there is one.
    pub id: Option<RecordingUid>,
    /// The key that ended it.
    pub digit: Option<char>,
}

/// The arguments of `conference`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConferenceOptions {
    /// The name of the conference.
    pub room: String,
    /// Who enters has to know it.
    pub pin: Option<Pin>,
    /// What is played to ask for the PIN; a beep if it is empty.
    pub prompts: Vec<String>,
    /// Whether the others hear the caller only after the caller, or the admin API, has said so.
    pub muted: bool,
    /// Record the conference under this name, unless it is recorded already.
    pub record: Option<String>,
    /// The key by which the caller leaves; without it only a hang-up does.
    pub leave: Option<char>,
    /// Whether a short tone tells of entry and leave. The first who enters decides.
    pub tones: bool,
}

/// The PIN of a conference: keys. It is not shown in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin(pub String);

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

statuses! {
    /// How a `conference` ended, as scripts see it. (After a hang-up no script goes on.)
    ConferenceStatus:
    /// The caller pressed the key to leave.
    Left = "left",
    /// The admin API removed the caller.
    Removed = "removed",
    /// The caller did not know the PIN.
    Pin = "pin",
    /// The conference has all the members it may have, or there are too many conferences.
    Full = "full",
    /// The caller has no sound that could be mixed.
    Failed = "failed",
}

/// The result of `conference`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConferenceResult {
    /// How it ended.
    pub status: ConferenceStatus,
    /// How long the caller was in the conference.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_read_by_its_word() {
        for &status in CollectStatus::ALL {
            assert_eq!(CollectStatus::parse(status.as_str()), Some(status));
        }
        for &status in RecordStatus::ALL {
            assert_eq!(RecordStatus::parse(status.as_str()), Some(status));
        }
        for &status in ConferenceStatus::ALL {
            assert_eq!(ConferenceStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(CollectStatus::parse("answered"), None);
    }

    #[test]
    fn a_pin_is_not_shown() {
        assert_eq!(format!("{:?}", Pin("1234".into())), "Pin(..)");
    }
}
