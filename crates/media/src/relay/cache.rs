//! Clips shared by all who play them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::audio::Clip;

/// At most so many octets of clips; the oldest go first. A clip in use lives on with its player.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    held: usize,
    clips: HashMap<String, Arc<Clip>>,
    order: VecDeque<String>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Cache {
        Cache {
            limit,
            held: 0,
            clips: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Clip>> {
        self.clips.get(name).cloned()
    }

    pub(super) fn put(&mut self, name: &str, clip: Arc<Clip>) {
        if clip.size() > self.limit || self.clips.contains_key(name) {
            return;
        }
        self.held += clip.size();
        self.clips.insert(name.to_owned(), clip);
        self.order.push_back(name.to_owned());
        // An empty clip still takes a place: count entries too.
        while self.held > self.limit || self.order.len() > MAX_ENTRIES {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(clip) = self.clips.remove(&oldest) {
                self.held -= clip.size();
            }
        }
    }
}

/// Clips held at most, however small.
const MAX_ENTRIES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let clip = || Arc::new(Clip::from_linear(&[0; 500]));
        let mut cache = Cache::new(2500);
        for name in ["a", "b", "b", "c"] {
            cache.put(name, clip());
        }
        assert!(cache.get("a").is_none() && cache.get("b").is_some() && cache.get("c").is_some());
        cache.put("huge", Arc::new(Clip::from_linear(&[0; 5000])));
        assert!(cache.get("huge").is_none());
        for i in 0..10_000 {
            cache.put(&i.to_string(), Arc::new(Clip::from_linear(&[])));
        }
        assert!(cache.clips.len() <= MAX_ENTRIES && cache.order.len() == cache.clips.len());
    }
}
