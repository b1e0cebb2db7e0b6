//! Which file is read for whom, and tones, which are kept here.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Named, Piece, Track, Wanted, queue::Part};
use crate::{
    MediaId, Source,
    audio::{Cache, Clip, Country, prompt, tone},
};

/// Prompts in one play.
const MAX_PROMPTS: usize = 128;

/// For whom a file is read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Owner {
    Leg(MediaId),
    /// Music that several legs hear, by its number.
    Music(u32),
}

/// See the module.
#[derive(Debug)]
pub(in crate::relay) struct Files {
    tones: Cache,
    country: Country,
    /// Tracks that are being read.
    owners: HashMap<Track, Owner>,
    wanted: VecDeque<Wanted>,
    last: u64,
}

impl Files {
    pub(super) fn new(cache: usize, country: Country) -> Files {
        Files {
            tones: Cache::new(cache),
            country,
            owners: HashMap::new(),
            wanted: VecDeque::new(),
            last: 0,
        }
    }

    /// The next question to the reader of files.
    pub(in crate::relay) fn poll(&mut self) -> Option<Wanted> {
        self.wanted.pop_front()
    }

    /// For whom a track is read; `None` once it is closed.
    pub(in crate::relay) fn owner(&self, track: Track) -> Option<Owner> {
        self.owners.get(&track).copied()
    }

    pub(super) fn open(&mut self, owner: Owner, name: Named) -> Track {
        self.last += 1;
        let track = Track(self.last);
        self.owners.insert(track, owner);
        self.wanted.push_back(Wanted::Open { track, name });
        track
    }

    pub(super) fn more(&mut self, track: Track) {
        self.wanted.push_back(Wanted::More(track));
    }

    /// The relay wants no more of it.
    pub(super) fn close(&mut self, track: Track) {
        if self.owners.remove(&track).is_some() {
            self.wanted.push_back(Wanted::Close(track));
        }
    }

    /// The reader has closed it.
    pub(super) fn closed(&mut self, track: Track) {
        self.owners.remove(&track);
    }

    /// The parts of a play, or its fault in words for the log.
    pub(in crate::relay) fn parts(&mut self, source: Source) -> Result<Vec<Part>, String> {
        match source {
            Source::Prompts(names) if names.len() > MAX_PROMPTS => Err(format!("more than {MAX_PROMPTS} prompts")),
            Source::Prompts(names) => names
                .into_iter()
                .filter(|n| !n.is_empty())
                .map(|name| Ok(Part::File(Named::Prompt(named(name)?))))
                .collect(),
            Source::Music(name) => Ok(vec![Part::File(Named::Music(named(name)?))]),
            Source::Tone(name) => Ok(vec![Part::Clip(Piece {
                clip: self.tone(&name)?,
                last: true,
            })]),
        }
    }

    fn tone(&mut self, name: &str) -> Result<Arc<Clip>, String> {
        let plan = tone::plan_in(name, self.country);
        if let Some(clip) = self.tones.get(plan, &()) {
            return Ok(clip);
        }
        let clip = Arc::new(tone::render(plan).map_err(|e| e.to_string())?);
        self.tones.put(plan, (), clip.clone());
        Ok(clip)
    }

    #[cfg(test)]
    pub(super) fn tracks(&self) -> usize {
        self.owners.len()
    }
}

fn named(name: String) -> Result<String, String> {
    if prompt::is_name(&name) {
        return Ok(name);
    }
    let start: String = name.chars().take(64).collect();
    Err(format!("{start:?} is no prompt name"))
}
