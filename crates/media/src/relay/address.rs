//! Whose packet is it: legs on one local port, told apart by remote address.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use foldhash::HashMap;
use smallvec::SmallVec;

/// An address that has just left a leg is not learned again for this long: its last packets may still be on the way.
const GHOST: Duration = Duration::from_secs(2);
/// Ghosts kept at most; the oldest go first.
const MAX_GHOSTS: usize = 4096;

type Key = (u16, SocketAddr);
type List = SmallVec<[u32; 2]>;

/// What a silent leg has told the directory, so that the same can be withdrawn.
#[derive(Debug, Default)]
pub(super) struct Announced {
    exact: Option<SocketAddr>,
    addresses: SmallVec<[IpAddr; 2]>,
}

/// Why a source was taken for a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It is the address signalling named.
    Exact(u32),
    /// It comes from an address the leg expects, through some other port (NAT).
    Address(u32),
}

/// The tables behind every packet's first question. `HashMap` order is never looked at.
#[derive(Debug, Default)]
pub(super) struct Directory {
    routes: HashMap<Key, u32>,
    exact: HashMap<Key, List>,
    waiting: HashMap<(u16, IpAddr), List>,
    ghosts: HashMap<Key, Duration>,
    ghost_order: VecDeque<(Duration, Key)>,
    /// Which leg on a port sends which SSRC.
    speakers: HashMap<(u16, u32), u32>,
}

impl Directory {
    /// The leg that has learned this source.
    pub(super) fn find(&self, port: u16, from: SocketAddr) -> Option<u32> {
        self.routes.get(&(port, from)).copied()
    }

    /// The silent leg that this new source must belong to, if exactly one can be meant.
    pub(super) fn candidate(&self, now: Duration, port: u16, from: SocketAddr) -> Option<Match> {
        if let Some(slot) = self.exact.get(&(port, from)).and_then(|list| list.first()) {
            return Some(Match::Exact(*slot));
        }
        if self.ghosts.get(&(port, from)).is_some_and(|until| *until > now) {
            return None;
        }
        match self.waiting.get(&(port, from.ip()))?.as_slice() {
            [slot] => Some(Match::Address(*slot)),
            _ => None,
        }
    }

    /// A leg waits to be heard from its signalled address, or from any port of these.
    pub(super) fn announce(&mut self, slot: u32, port: u16, exact: Option<SocketAddr>, from: &[IpAddr]) -> Announced {
        let mut announced = Announced {
            exact,
            addresses: SmallVec::new(),
        };
        if let Some(exact) = exact {
            self.exact.entry((port, exact)).or_default().push(slot);
        }
        for ip in from.iter().map(IpAddr::to_canonical) {
            if !announced.addresses.contains(&ip) {
                announced.addresses.push(ip);
                self.waiting.entry((port, ip)).or_default().push(slot);
            }
        }
        announced
    }

    /// The leg waits no longer for any port of its addresses.
    pub(super) fn withdraw_addresses(&mut self, slot: u32, port: u16, announced: &mut Announced) {
        for ip in announced.addresses.drain(..) {
            remove(&mut self.waiting, (port, ip), slot);
        }
    }

    /// The leg waits no longer at all.
    pub(super) fn withdraw(&mut self, slot: u32, port: u16, announced: &mut Announced) {
        self.withdraw_addresses(slot, port, announced);
        if let Some(exact) = announced.exact.take() {
            remove(&mut self.exact, (port, exact), slot);
        }
    }

    /// From now on this source is that leg's.
    pub(super) fn bind(&mut self, slot: u32, port: u16, from: SocketAddr) {
        self.routes.insert((port, from), slot);
        self.ghosts.remove(&(port, from));
    }

    /// The source is nobody's again, and not learned by mere address for a while.
    pub(super) fn unbind(&mut self, now: Duration, port: u16, from: SocketAddr) {
        let key = (port, from);
        self.routes.remove(&key);
        while let Some((until, key)) = self.ghost_order.front().copied() {
            if until > now && self.ghost_order.len() < MAX_GHOSTS {
                break;
            }
            self.ghost_order.pop_front();
            if self.ghosts.get(&key) == Some(&until) {
                self.ghosts.remove(&key);
            }
        }
        self.ghosts.insert(key, now + GHOST);
        self.ghost_order.push_back((now + GHOST, key));
    }

    /// The leg on that port that sends this SSRC.
    pub(super) fn speaker(&self, port: u16, ssrc: u32) -> Option<u32> {
        self.speakers.get(&(port, ssrc)).copied()
    }

    /// A leg sends another SSRC than before.
    pub(super) fn speaks(&mut self, slot: u32, port: u16, before: Option<u32>, now: Option<u32>) {
        if let Some(before) = before
            && self.speaker(port, before) == Some(slot)
        {
            self.speakers.remove(&(port, before));
        }
        if let Some(now) = now {
            self.speakers.insert((port, now), slot);
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 5] {
        [
            self.routes.len(),
            self.exact.len(),
            self.waiting.len(),
            self.ghosts.len().max(self.ghost_order.len()),
            self.speakers.len(),
        ]
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &mut HashMap<K, List>, key: K, slot: u32) {
    if let Some(list) = map.get_mut(&key) {
        if let Some(at) = list.iter().position(|s| *s == slot) {
            list.remove(at);
        }
        if list.is_empty() {
            map.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const START: Duration = Duration::from_secs(100);

    #[test]
    fn the_signalled_address_wins_over_the_mere_one() {
        let mut d = Directory::default();
        let exact = at("192.0.2.1:4000");
        let mut one = d.announce(1, 20_000, None, &[exact.ip()]);
        d.announce(2, 20_000, Some(exact), &[]);
        assert_eq!(d.candidate(START, 20_000, exact), Some(Match::Exact(2)));
        assert_eq!(
            d.candidate(START, 20_000, at("192.0.2.1:4002")),
            Some(Match::Address(1))
        );
        assert_eq!(d.candidate(START, 20_002, exact), None, "another local port");
        d.withdraw(1, 20_000, &mut one);
        assert_eq!(d.candidate(START, 20_000, at("192.0.2.1:4002")), None);
    }

    #[test]
    fn two_that_wait_for_one_address_are_not_guessed_at() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        d.announce(1, 20_000, None, &[from.ip()]);
        let mut two = d.announce(2, 20_000, None, &[from.ip(), from.ip()]);
        assert_eq!(d.candidate(START, 20_000, from), None);
        d.withdraw(2, 20_000, &mut two);
        assert_eq!(d.candidate(START, 20_000, from), Some(Match::Address(1)));
    }

    #[test]
    fn a_source_that_left_is_not_learned_at_once() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        d.bind(1, 20_000, from);
        assert_eq!(d.find(20_000, from), Some(1));
        d.unbind(START, 20_000, from);
        d.announce(2, 20_000, None, &[from.ip()]);
        assert_eq!((d.find(20_000, from), d.candidate(START, 20_000, from)), (None, None));
        assert_eq!(d.candidate(START + GHOST, 20_000, from), Some(Match::Address(2)));
    }

    #[test]
    fn ghosts_are_few() {
        let mut d = Directory::default();
        for i in 0..20_000u16 {
            d.unbind(START, 20_000, SocketAddr::new([192, 0, 2, 1].into(), i));
        }
        assert!(d.sizes()[3] <= MAX_GHOSTS);
        d.unbind(START + GHOST, 20_000, at("192.0.2.2:1"));
        assert_eq!(d.sizes()[3], 1);
    }
}
