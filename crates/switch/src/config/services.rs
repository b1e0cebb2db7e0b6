//! Limits of conferences, recordings, media lines, subscriptions, messages and lists of forwards; what a party on hold hears.

use serde::{Deserialize, Serialize};

use super::{Parking, Proxying, Subscriptions, kept::Kept};

/// How many conferences and recordings there may be at once, media lines of a leg, and forwards that a caller tells of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Services {
    /// Conferences; a caller that would begin another one is told that it is full.
    pub conferences: usize,
    /// Members of one conference.
    pub conference_members: usize,
    /// Recordings in progress; what is to be recorded beyond that is not.
    pub recordings: usize,
    /// Media lines besides the audio of one leg (pictures, fax, BFCP); further lines are refused.
    pub media_lines: usize,
    /// Phones that one page reaches; further ones are left out.
    pub page_phones: usize,
    /// The slots of parked calls.
    pub parking: Parking,
    /// Subscriptions.
    pub subscriptions: Subscriptions,
    /// Forwards that a caller or a 3xx tells of and that are passed on, the latest ones (Diversion, History-Info).
    pub diversions: usize,
    /// Messages for phones that are away.
    pub kept: Kept,
    /// Requests that are passed on to other servers.
    pub proxy: Proxying,
    /// What a party on hold hears.
    pub hold: Hold,
}

/// What becomes of a phone's hold (RFC 3264 section 8.4).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// The other party hears music, where there is any, and its phone is not told.
    #[default]
    Music,
    /// The other phone is told, and shows that it is on hold.
    Pass,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            conferences: 200,
            conference_members: 250,
            recordings: 1_000,
            media_lines: media::line::MAX_LINES,
            page_phones: 50,
            parking: Parking::default(),
            subscriptions: Subscriptions::default(),
            diversions: 5,
            kept: Kept::default(),
            proxy: Proxying::default(),
            hold: Hold::default(),
        }
    }
}
