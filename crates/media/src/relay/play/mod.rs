//! Sound that Tandem plays: tones from memory, files piece by piece, music that many legs hear.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | what is asked of the reader of files, and what it answers; [`Play`] | all of [`Wanted`], [`Block`], [`Piece`], [`Play`] |
//! | `files.rs` | which file is read for whom; tones | all of `Files` |
//! | `queue.rs` | the parts of a play, one after the other, at any rate | all of `Queue`, `Feed` |
//! | `music.rs` | music on hold: read and encoded once for all legs | all of `Music`, `Station`, `Coded` |
//! | `player.rs` | a leg's play | all of `Player` |
//!
//! # The reader of files
//!
//! The relay never waits for a file. It asks ([`Wanted`]) for the first piece of a file, and for the next one while the
//! piece before is heard, so that two pieces of a file are in memory at most. The answers ([`Block`]) may come in any
//! order and at any time; a piece that comes too late is heard late, with silence before it.

mod files;
mod music;
mod player;
mod queue;

use std::sync::Arc;

use self::{files::Files, music::Music};
pub(super) use self::{
    files::Owner,
    player::{Filled, Player},
};
use crate::audio::{Clip, Country};
#[cfg(doc)]
use crate::sound::Rate;

/// Milliseconds of a piece of a file, but for a small file, which is one piece.
pub const PIECE: u32 = 500;

/// A file that is read for the relay. Never used twice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Track(pub u64);

/// The file of a track, by its name below the folder of prompts; the reader adds the suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A file, once through.
    Prompt(String),
    /// A file, or the files of a folder in the order of their names, again and again. Such a track has no end.
    Music(String),
}

/// What the relay asks of the reader of files. For each track one answer is open at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Open a file, and give its first piece. The file may have changed since it was last read.
    Open {
        /// The new track.
        track: Track,
        /// The file.
        name: Named,
    },
    /// Give the next piece.
    More(Track),
    /// No more pieces are wanted; there is no answer.
    Close(Track),
}

/// A piece of a file, in memory.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The sound. The rate of a track of music may change from piece to piece.
    pub clip: Arc<Clip>,
    /// Whether the file ends with it: the reader has closed the track.
    pub last: bool,
}

/// An answer of the reader of files.
#[derive(Clone, Debug)]
pub struct Block {
    /// The track.
    pub track: Track,
    /// A piece; or the fault in words for the log, after which the track is closed.
    pub piece: Result<Piece, String>,
}

/// What all plays of an engine share.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) files: Files,
    pub(super) music: Music,
}

impl Play {
    /// `cache`: octets of tones that are kept; `country`: of tones that are named without one.
    pub(super) fn new(cache: usize, country: Country) -> Play {
        Play {
            files: Files::new(cache, country),
            music: Music::default(),
        }
    }

    /// An answer of the reader of files for music.
    pub(super) fn arrived(&mut self, station: u32, track: Track, piece: Result<Piece, String>) {
        if let Some(queue) = self.music.queue(station) {
            queue.arrived(track, piece, &mut self.files);
        }
    }

    /// Tracks and stations that are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.files.tracks() + self.music.stations()
    }
}
