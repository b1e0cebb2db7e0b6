//! Clips that are kept for the next play.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::Clip;

/// Clips up to a number of octets. The oldest clip makes room for a new one. A clip in use lives on with its player.
///
/// Each clip has a stamp for the state of its source: once a file has changed, the clip that was read before is not
/// found.
#[derive(Debug)]
pub struct Cache<S = ()> {
    limit: usize,
    held: usize,
    clips: HashMap<String, (S, Arc<Clip>)>,
    order: VecDeque<String>,
}

impl<S: PartialEq> Cache<S> {
    /// An empty cache for `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            held: 0,
            clips: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The clip of that name and stamp.
    pub fn get(&self, name: &str, stamp: &S) -> Option<Arc<Clip>> {
        let (of, clip) = self.clips.get(name)?;
        (of == stamp).then(|| clip.clone())
    }

    /// Keeps a clip, in place of an older one of that name.
    pub fn put(&mut self, name: &str, stamp: S, clip: Arc<Clip>) {
        self.forget(name);
        if clip.size() > self.limit {
            return;
        }
        self.held += clip.size();
        self.clips.insert(name.to_owned(), (stamp, clip));
        self.order.push_back(name.to_owned());
        // An empty clip still takes a place: count entries too.
        while self.held > self.limit || self.order.len() > MAX_ENTRIES {
            let Some(oldest) = self.order.front().cloned() else {
                break;
            };
            self.forget(&oldest);
        }
    }

    /// Drops the clip of that name.
    pub fn forget(&mut self, name: &str) {
        if let Some((_, clip)) = self.clips.remove(name) {
            self.held -= clip.size();
            self.order.retain(|one| one != name);
        }
    }
}

/// Clips held at most, however small.
const MAX_ENTRIES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(samples: usize) -> Arc<Clip> {
        Arc::new(Clip::from_linear(&vec![0; samples]))
    }

    #[test]
    fn the_oldest_make_room() {
        let mut cache = Cache::new(2500);
        for name in ["a", "b", "b", "c"] {
            cache.put(name, (), clip(500));
        }
        let has = |cache: &Cache, name| cache.get(name, &()).is_some();
        assert!(!has(&cache, "a") && has(&cache, "b") && has(&cache, "c"));
        cache.put("huge", (), clip(5000));
        assert!(!has(&cache, "huge"));
        for i in 0..5_000 {
            cache.put(&i.to_string(), (), clip(0));
        }
        assert!(cache.clips.len() <= MAX_ENTRIES && cache.order.len() == cache.clips.len());
    }

    #[test]
    fn a_clip_of_another_state_of_its_file_is_not_found_and_makes_room_for_the_next() {
        let mut cache = Cache::new(2500);
        cache.put("a", 1, clip(1000));
        assert!(cache.get("a", &1).is_some() && cache.get("a", &2).is_none());
        cache.put("a", 2, clip(500));
        cache.put("b", 1, clip(500));
        assert!(cache.get("a", &2).is_some() && cache.get("a", &1).is_none() && cache.get("b", &1).is_some());
        cache.forget("b");
        assert_eq!((cache.held, cache.order.len()), (1000, 1));
    }
}
