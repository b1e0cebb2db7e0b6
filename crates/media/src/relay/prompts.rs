//! Audio to be played: tones, which are kept here, and prompts, which are read from files outside of the relay.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::stream::play::Part;
use crate::{
    MediaId, Source,
    audio::{Cache, Clip, prompt, tone},
};

/// Prompts in one play.
const MAX_PROMPTS: usize = 128;

/// See the module.
#[derive(Debug)]
pub(super) struct Prompts {
    tones: Cache,
    /// Legs that wait for a prompt, by its name.
    waiting: BTreeMap<String, Vec<MediaId>>,
    /// Prompts to be read that were not asked for yet.
    wanted: VecDeque<String>,
}

impl Prompts {
    /// `cache`: octets of tones that are kept.
    pub(super) fn new(cache: usize) -> Prompts {
        Prompts {
            tones: Cache::new(cache),
            waiting: BTreeMap::new(),
            wanted: VecDeque::new(),
        }
    }

    /// The next prompt to be read.
    pub(super) fn poll(&mut self) -> Option<String> {
        self.wanted.pop_front()
    }

    /// A leg waits for a prompt.
    pub(super) fn want(&mut self, name: String, leg: MediaId) {
        let waiting = self.waiting.entry(name.clone()).or_default();
        if waiting.is_empty() {
            self.wanted.push_back(name);
        }
        if !waiting.contains(&leg) {
            waiting.push(leg);
        }
    }

    /// The legs that waited for a prompt.
    pub(super) fn arrived(&mut self, name: &str) -> Vec<MediaId> {
        self.waiting.remove(name).unwrap_or_default()
    }

    /// The parts of a play, or its fault in words for the log.
    pub(super) fn parts(&mut self, source: Source) -> Result<Vec<Part>, String> {
        match source {
            Source::Prompts(names) if names.len() > MAX_PROMPTS => Err(format!("more than {MAX_PROMPTS} prompts")),
            Source::Prompts(names) => names.into_iter().filter(|n| !n.is_empty()).map(named).collect(),
            Source::Music(name) => named(name).map(|part| vec![part]),
            Source::Tone(name) => Ok(vec![Part::Clip(self.tone(&name)?)]),
        }
    }

    fn tone(&mut self, name: &str) -> Result<Arc<Clip>, String> {
        let plan = tone::plan(name);
        if let Some(clip) = self.tones.get(plan, &()) {
            return Ok(clip);
        }
        let clip = Arc::new(tone::render(name).map_err(|e| e.to_string())?);
        self.tones.put(plan, (), clip.clone());
        Ok(clip)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// The file of a prompt may have changed since the last play. Only the reader of the files knows: it is asked each
/// time.
fn named(name: String) -> Result<Part, String> {
    if prompt::is_name(&name) {
        return Ok(Part::Wanted(name));
    }
    let start: String = name.chars().take(64).collect();
    Err(format!("{start:?} is no prompt name"))
}
