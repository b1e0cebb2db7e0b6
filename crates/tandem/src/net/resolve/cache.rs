//! What look-ups have found, for as long as it holds (RFC 2308, RFC 3263 section 4.2).

use std::{collections::HashMap, rc::Rc, time::Duration};

use sip::Transport;
use tokio::time::Instant;

use super::{find::Failure, servers::Found};

/// Hosts that are kept, in each of two generations: those asked for since the last change of generations, and before.
const HOSTS: usize = 4_096;
/// Questions about one host that are kept.
const QUESTIONS: usize = 8;
/// The longest time that something found is believed.
const LONGEST: Duration = Duration::from_secs(3_600);
/// The longest time that a host counts as not found (RFC 2308 section 7 allows five minutes for failures).
const LONGEST_MISSING: Duration = Duration::from_secs(300);

/// What a question says besides the host.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct About {
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) secure: bool,
}

/// An answer in the cache.
pub(super) type Kept = Rc<Result<Found, Failure>>;

struct Entry {
    about: About,
    answer: Kept,
    until: Instant,
}

/// See the module. The names of hosts are in lower case.
#[derive(Default)]
pub(super) struct Cache {
    recent: HashMap<Rc<str>, Vec<Entry>>,
    earlier: HashMap<Rc<str>, Vec<Entry>>,
}

impl Cache {
    /// What is known of a host, if it still holds; with the name as it is kept.
    pub(super) fn get(&mut self, host: &str, about: About, now: Instant) -> Option<(Rc<str>, Kept)> {
        if !self.recent.contains_key(host)
            && let Some((name, entries)) = self.earlier.remove_entry(host)
        {
            self.make_room();
            self.recent.insert(name, entries);
        }
        let (name, entries) = self.recent.get_key_value(host)?;
        let entry = entries.iter().find(|entry| entry.about == about && entry.until > now)?;
        Some((Rc::clone(name), Rc::clone(&entry.answer)))
    }

    /// Keeps an answer for as long as it says.
    pub(super) fn put(&mut self, host: &Rc<str>, about: About, answer: Kept, now: Instant) {
        let ttl = match &*answer {
            Ok(found) => found.ttl.min(LONGEST),
            Err(failure) => failure.ttl.min(LONGEST_MISSING),
        };
        if !self.recent.contains_key(host) {
            self.make_room();
        }
        let entries = self.recent.entry(Rc::clone(host)).or_default();
        entries.retain(|entry| entry.about != about && entry.until > now);
        if entries.len() >= QUESTIONS {
            entries.remove(0);
        }
        let until = now + ttl;
        entries.push(Entry { about, answer, until });
    }

    fn make_room(&mut self) {
        if self.recent.len() >= HOSTS {
            self.earlier = std::mem::take(&mut self.recent);
        }
    }
}

#[cfg(test)]
mod tests {
    use switch::Unresolved;

    use super::*;

    const ABOUT: About = About {
        port: None,
        transport: None,
        secure: false,
    };

    fn found(seconds: u64) -> Kept {
        Rc::new(Ok(Found::new(Vec::new(), Duration::from_secs(seconds))))
    }

    #[test]
    fn an_answer_holds_as_long_as_it_says_and_a_missing_host_not_for_ever() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let why = Unresolved::NotFound;
        let missing = Failure {
            why,
            ttl: Duration::from_secs(86_400),
        };
        cache.put(&"a.example".into(), ABOUT, found(20), start);
        cache.put(&"b.example".into(), ABOUT, Rc::new(Err(missing)), start);
        assert!(cache.get("a.example", ABOUT, at(19)).is_some());
        assert!(cache.get("a.example", ABOUT, at(20)).is_none());
        assert!(cache.get("b.example", ABOUT, at(299)).is_some());
        assert!(cache.get("b.example", ABOUT, at(300)).is_none());
        let secure = About { secure: true, ..ABOUT };
        cache.put(&"a.example".into(), ABOUT, found(20), at(30));
        assert!(cache.get("a.example", secure, at(31)).is_none(), "another question");
        cache.put(&"c.example".into(), ABOUT, found(0), at(30));
        assert!(
            cache.get("c.example", ABOUT, at(30)).is_none(),
            "a TTL of 0 is not kept"
        );
    }

    #[test]
    fn hosts_in_use_stay_and_the_others_are_forgotten() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.put(&"used.example".into(), ABOUT, found(60), now);
        cache.put(&"once.example".into(), ABOUT, found(60), now);
        for n in 0..3 * HOSTS {
            let host: Rc<str> = format!("{n}.example").into();
            cache.put(&host, ABOUT, found(60), now);
            assert!(n % 1_000 != 0 || cache.get("used.example", ABOUT, now).is_some());
        }
        assert!(cache.get("used.example", ABOUT, now).is_some());
        assert!(cache.get("once.example", ABOUT, now).is_none());
        assert!(cache.recent.len() <= HOSTS && cache.earlier.len() <= HOSTS);
        for port in 0..100 {
            let port = Some(port);
            cache.put(&"used.example".into(), About { port, ..ABOUT }, found(60), now);
        }
        assert!(cache.recent["used.example"].len() <= QUESTIONS);
    }
}
