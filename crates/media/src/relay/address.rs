//! Finds the leg of a packet: several legs share a local port, and the remote address tells them apart.
//!
//! # The rule
//!
//! A packet that comes to a local port belongs to, in this order:
//!
//! 1. the leg that has learned its source;
//! 2. the silent leg whose description names this source. If the leg's signalling comes from another address, this step
//!    counts only while no leg without a description expects the source's address;
//! 3. the leg that was learned by its address alone and whose description names this source, if no silent leg expects
//!    this address;
//! 4. the silent leg that expects this address, at any port (NAT). If the leg's signalling comes from another address,
//!    this step counts only while every leg on the port has a description.
//!
//! Where two legs fit at one of these steps, the packet belongs to no leg, and the later steps are not taken.
//!
//! A leg that has ended or moved may still be sending for [`GHOST`]. During this time its packets belong to no other
//! leg. Where the leg was never heard, its whole address is closed. Where it was heard, its exact source is closed,
//! except to another stream (another SSRC, RFC 3550 section 8.1).
//!
//! A source can be contested: one leg has it, and a silent leg announces it too, or another leg had it just before.
//! Then the first leg gets its present stream only, and any other stream belongs to no leg
//! ([`Directory::is_contested`]).
//!
//! # Why no leg gets another's packets
//!
//! Assumptions:
//!
//! - Each peer sends from one socket until signalling says otherwise. The socket is at the address and port that the
//!   description names, or at any port of an address that the leg expects. In the second case the description names no
//!   socket of another peer at the signalling address.
//! - A peer stops within [`GHOST`] of the end of its leg.
//! - Two peers share a socket only where their descriptions name the same address and port. They have SSRCs of their
//!   own, and do not send before these descriptions are known.
//!
//! Then a source that a leg has learned is the source of its own peer:
//!
//! - At step 2 or 4, every other leg whose peer could have sent the packet would be in the same list, and the list had
//!   one leg. A leg that had just left the list would have left a ghost, which forbids the step.
//! - At step 3 the packet could only be a silent leg's, and there was none.
//! - Another peer with the same socket announces the same address. So the source is contested, and the stream of that
//!   peer belongs to no leg.
//!
//! The property test `no_leg_gets_what_anothers_peer_has_sent` tries this. The pool decides which leg is heard at once
//! ([`crate::pool`]). A peer that breaks the assumptions (it sends from the socket of another program on its own host,
//! or of another phone behind its own NAT) can be taken for that other one, as by any receiver of plain RTP.

use std::{
    collections::{VecDeque, hash_map::Entry},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use foldhash::HashMap;
use smallvec::SmallVec;

use crate::{MediaId, pool::LINGER};

/// An address that has just left a leg is not learned again for this long: its last packets may still be on the way.
pub(super) const GHOST: Duration = LINGER;
/// Ghosts kept at most. While there were more, nothing is learned that one of them could have forbidden.
const MAX_GHOSTS: usize = 65_536;

type Key = (u16, SocketAddr);
type List = SmallVec<[MediaId; 1]>;

/// The entries that a leg has in the directory, kept to withdraw them.
#[derive(Debug, Default)]
pub(super) struct Announced {
    exact: Option<SocketAddr>,
    /// The leg was learned by its address alone: a packet from the exact source may still correct it.
    corrects: bool,
    /// There is no description yet.
    undescribed: bool,
    addresses: SmallVec<[IpAddr; 2]>,
}

/// The reason why a source was taken for a leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Signalling named this address and port.
    Exact(u32),
    /// The leg expects this address; the port is another one (NAT).
    Address(u32),
}

impl Match {
    /// The leg's slot.
    pub(super) fn slot(self) -> u32 {
        match self {
            Match::Exact(slot) | Match::Address(slot) => slot,
        }
    }
}

/// A leg may still be sending after its end.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Ghost {
    until: Duration,
    /// A leg that may be heard from there all the same: it waited there before and has not moved.
    of: Option<MediaId>,
    /// The SSRC of the stream; `None` where the leg was not heard, or for several streams.
    ssrc: Option<u32>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
enum Haunt {
    Source(Key),
    Address(u16, IpAddr),
}

/// The tables that find the leg of each packet. The order of a `HashMap` is never used.
#[derive(Debug, Default)]
pub(super) struct Directory {
    routes: HashMap<Key, u32>,
    /// Silent legs, by the address their descriptions name.
    exact: HashMap<Key, List>,
    /// Legs that were learned by their address alone, by the address their descriptions name.
    corrects: HashMap<Key, List>,
    /// Silent legs, by the addresses they may be heard from.
    waiting: HashMap<(u16, IpAddr), List>,
    /// The number of silent legs without a description, by address; under `None` all of the port.
    undescribed: HashMap<(u16, Option<IpAddr>), usize>,
    ghosts: HashMap<Haunt, Ghost>,
    ghost_order: VecDeque<(Duration, Haunt)>,
    /// Until this time some ghosts are missing here, because there were too many.
    blind: Duration,
    /// Which legs on a port send this SSRC from this address.
    speakers: HashMap<(u16, IpAddr, u32), List>,
}

impl Directory {
    /// The leg that has learned this source.
    pub(super) fn find(&self, port: u16, from: SocketAddr) -> Option<u32> {
        self.routes.get(&(port, from)).copied()
    }

    /// The leg that this new source must belong to, if exactly one can be meant.
    pub(super) fn candidate(&self, now: Duration, port: u16, from: SocketAddr, ssrc: u32) -> Option<Match> {
        let key = (port, from);
        let ghost = self.ghost(now, Haunt::Source(key));
        if let Some(list) = self.exact.get(&key) {
            let [leg] = list.as_slice() else { return None };
            return (now >= self.blind && ghost.is_none_or(|ghost| ghost.lets(*leg, ssrc)))
                .then_some(Match::Exact(leg.slot));
        }
        if now < self.blind || ghost.is_some() {
            return None;
        }
        let ghost = self.ghost(now, Haunt::Address(port, from.ip()));
        let waiting = self.waiting.get(&(port, from.ip()));
        if let Some(list) = self.corrects.get(&key) {
            let [leg] = list.as_slice() else { return None };
            return (waiting.is_none() && ghost.is_none()).then_some(Match::Exact(leg.slot));
        }
        let [leg] = waiting?.as_slice() else { return None };
        ghost
            .is_none_or(|ghost| ghost.of == Some(*leg))
            .then_some(Match::Address(leg.slot))
    }

    fn ghost(&self, now: Duration, haunt: Haunt) -> Option<&Ghost> {
        self.ghosts.get(&haunt).filter(|ghost| ghost.until > now)
    }

    /// Whether a new stream from a leg's own source may be another leg's: of a silent one that announces that source,
    /// or the address that the leg itself has `announced`; or of one that has just done so.
    pub(super) fn is_contested(
        &self,
        now: Duration,
        leg: MediaId,
        (port, from): Key,
        announced: Option<SocketAddr>,
        ssrc: u32,
    ) -> bool {
        [Some(from), announced].into_iter().flatten().any(|source| {
            let key = (port, source);
            let ghost = self.ghost(now, Haunt::Source(key));
            self.exact.contains_key(&key) || ghost.is_some_and(|ghost| !ghost.lets(leg, ssrc))
        })
    }

    /// Whether a leg on the port has no description yet: any, or one that expects this address. It may yet be described
    /// at any port of it.
    pub(super) fn is_undescribed(&self, port: u16, ip: Option<IpAddr>) -> bool {
        self.undescribed.contains_key(&(port, ip))
    }

    /// A leg waits to be heard from any port of these; there is no description yet.
    pub(super) fn open(&mut self, leg: MediaId, port: u16, from: &[IpAddr]) -> Announced {
        let mut announced = self.announce(leg, port, None, from);
        announced.undescribed = true;
        for ip in announced.addresses.iter().copied().map(Some).chain([None]) {
            *self.undescribed.entry((port, ip)).or_default() += 1;
        }
        announced
    }

    /// A leg waits to be heard from its signalled address, or from any port of these.
    pub(super) fn announce(
        &mut self,
        leg: MediaId,
        port: u16,
        exact: Option<SocketAddr>,
        from: &[IpAddr],
    ) -> Announced {
        let mut announced = Announced {
            exact,
            ..Announced::default()
        };
        if let Some(exact) = exact {
            self.exact.entry((port, exact)).or_default().push(leg);
        }
        for ip in from.iter().map(IpAddr::to_canonical) {
            if !announced.addresses.contains(&ip) {
                announced.addresses.push(ip);
                self.waiting.entry((port, ip)).or_default().push(leg);
            }
        }
        announced
    }

    /// A leg that was learned by a mere address may still be heard from the signalled one.
    pub(super) fn correct(&mut self, leg: MediaId, port: u16, exact: Option<SocketAddr>) -> Announced {
        if let Some(exact) = exact {
            self.corrects.entry((port, exact)).or_default().push(leg);
        }
        Announced {
            exact,
            corrects: true,
            ..Announced::default()
        }
    }

    /// The leg waits no longer.
    pub(super) fn withdraw(&mut self, leg: MediaId, port: u16, announced: &Announced) {
        for ip in &announced.addresses {
            remove(&mut self.waiting, (port, *ip), leg);
        }
        let addresses = announced.addresses.iter().copied().map(Some).chain([None]);
        for ip in addresses.filter(|_| announced.undescribed) {
            if let Entry::Occupied(mut count) = self.undescribed.entry((port, ip)) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        if let Some(exact) = announced.exact {
            let map = if announced.corrects {
                &mut self.corrects
            } else {
                &mut self.exact
            };
            remove(map, (port, exact), leg);
        }
    }

    /// Leaves ghosts at the addresses where a silent leg no longer waits: packets may be on the way from there.
    /// `leg` may be heard from there all the same.
    pub(super) fn haunt(&mut self, now: Duration, leg: Option<MediaId>, port: u16, was: &Announced, is: &Announced) {
        if was.corrects {
            return;
        }
        if let Some(exact) = was.exact.filter(|exact| is.exact != Some(*exact)) {
            self.leave(now, Haunt::Source((port, exact)), leg, None);
        }
        for ip in was.addresses.iter().filter(|ip| !is.addresses.contains(ip)) {
            self.leave(now, Haunt::Address(port, *ip), leg, None);
        }
    }

    /// From now on this source belongs to that leg.
    pub(super) fn bind(&mut self, leg: MediaId, port: u16, from: SocketAddr) {
        self.routes.insert((port, from), leg.slot);
    }

    /// The source of this stream belongs to no leg again, and no leg learns it for a while.
    pub(super) fn unbind(&mut self, now: Duration, port: u16, from: SocketAddr, ssrc: Option<u32>) {
        self.routes.remove(&(port, from));
        self.leave(now, Haunt::Source((port, from)), None, ssrc);
    }

    fn leave(&mut self, now: Duration, haunt: Haunt, leg: Option<MediaId>, ssrc: Option<u32>) {
        while let Some((until, oldest)) = self.ghost_order.front().copied() {
            if until > now {
                if self.ghost_order.len() < MAX_GHOSTS {
                    break;
                }
                self.blind = self.blind.max(until);
            }
            self.ghost_order.pop_front();
            if self.ghosts.get(&oldest).is_some_and(|ghost| ghost.until == until) {
                self.ghosts.remove(&oldest);
            }
        }
        let until = now + GHOST;
        let mut ghost = Ghost { until, of: leg, ssrc };
        if let Some(before) = self.ghosts.get(&haunt).filter(|before| before.until > now) {
            ghost.of = ghost.of.filter(|of| before.of == Some(*of));
            ghost.ssrc = ghost.ssrc.filter(|ssrc| before.ssrc == Some(*ssrc));
        }
        self.ghosts.insert(haunt, ghost);
        self.ghost_order.push_back((until, haunt));
    }

    /// The leg on that port that sends this SSRC from this address, if it is one, and no silent leg that may do so too.
    pub(super) fn speaker(&self, now: Duration, port: u16, ip: IpAddr, ssrc: u32) -> Option<u32> {
        let [leg] = self.speakers.get(&(port, ip, ssrc))?.as_slice() else {
            return None;
        };
        let others = self.waiting.contains_key(&(port, ip))
            || now < self.blind
            || self.ghost(now, Haunt::Address(port, ip)).is_some();
        (!others).then_some(leg.slot)
    }

    /// A leg sends another SSRC, or from another address, than before.
    pub(super) fn speaks(
        &mut self,
        leg: MediaId,
        port: u16,
        before: Option<(IpAddr, u32)>,
        now: Option<(IpAddr, u32)>,
    ) {
        if let Some((ip, ssrc)) = before {
            remove(&mut self.speakers, (port, ip, ssrc), leg);
        }
        if let Some((ip, ssrc)) = now {
            self.speakers.entry((port, ip, ssrc)).or_default().push(leg);
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 7] {
        [
            self.routes.len(),
            self.exact.len(),
            self.corrects.len(),
            self.waiting.len(),
            self.undescribed.len(),
            self.ghosts.len().max(self.ghost_order.len()),
            self.speakers.len(),
        ]
    }
}

impl Ghost {
    /// Whether the leg that announces the source may have this stream: it is not the ghost's.
    fn lets(&self, leg: MediaId, ssrc: u32) -> bool {
        self.of == Some(leg) || self.ssrc.is_some_and(|gone| gone != ssrc)
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &mut HashMap<K, List>, key: K, leg: MediaId) {
    if let Some(list) = map.get_mut(&key) {
        if let Some(at) = list.iter().position(|l| *l == leg) {
            list.swap_remove(at);
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

    fn id(slot: u32) -> MediaId {
        MediaId {
            engine: 0,
            slot,
            generation: 0,
        }
    }

    const START: Duration = Duration::from_secs(100);

    #[test]
    fn the_signalled_address_wins_over_the_mere_one() {
        let mut d = Directory::default();
        let exact = at("192.0.2.1:4000");
        let one = d.announce(id(1), 20_000, None, &[exact.ip()]);
        d.announce(id(2), 20_000, Some(exact), &[]);
        assert_eq!(d.candidate(START, 20_000, exact, 7), Some(Match::Exact(2)));
        let other = at("192.0.2.1:4002");
        assert_eq!(d.candidate(START, 20_000, other, 7), Some(Match::Address(1)));
        assert_eq!(d.candidate(START, 20_002, exact, 7), None, "another local port");
        d.withdraw(id(1), 20_000, &one);
        assert_eq!(d.candidate(START, 20_000, other, 7), None);
    }

    #[test]
    fn two_that_wait_for_one_address_are_not_guessed_at() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        d.announce(id(1), 20_000, None, &[from.ip()]);
        let two = d.announce(id(2), 20_000, None, &[from.ip(), from.ip()]);
        assert_eq!(d.candidate(START, 20_000, from, 7), None);
        d.withdraw(id(2), 20_000, &two);
        assert_eq!(d.candidate(START, 20_000, from, 7), Some(Match::Address(1)));
    }

    #[test]
    fn two_that_announce_the_same_are_not_guessed_at() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        let one = d.announce(id(1), 20_000, Some(from), &[from.ip()]);
        d.announce(id(2), 20_000, Some(from), &[from.ip()]);
        d.announce(id(3), 20_000, None, &[at("192.0.2.9:1").ip()]);
        assert_eq!(d.candidate(START, 20_000, from, 7), None);
        d.withdraw(id(1), 20_000, &one);
        assert_eq!(d.candidate(START, 20_000, from, 7), Some(Match::Exact(2)));
        d.haunt(START, Some(id(1)), 20_000, &one, &Announced::default());
        assert_eq!(d.candidate(START, 20_000, from, 7), None, "it may be the first one's");
        assert_eq!(d.candidate(START + GHOST, 20_000, from, 7), Some(Match::Exact(2)));
    }

    #[test]
    fn a_leg_that_is_heard_elsewhere_gives_way_to_one_that_is_not() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        d.correct(id(1), 20_000, Some(from));
        assert_eq!(d.candidate(START, 20_000, from, 7), Some(Match::Exact(1)));
        d.announce(id(2), 20_000, Some(from), &[]);
        assert_eq!(d.candidate(START, 20_000, from, 7), Some(Match::Exact(2)));
    }

    #[test]
    fn a_source_that_left_is_not_learned_at_once() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        d.bind(id(1), 20_000, from);
        assert_eq!(d.find(20_000, from), Some(1));
        d.unbind(START, 20_000, from, Some(7));
        let waits = d.announce(id(2), 20_000, None, &[from.ip()]);
        assert_eq!(
            (d.find(20_000, from), d.candidate(START, 20_000, from, 8)),
            (None, None)
        );
        assert_eq!(d.candidate(START + GHOST, 20_000, from, 8), Some(Match::Address(2)));
        // The next call of the same phone has a stream of its own.
        d.withdraw(id(2), 20_000, &waits);
        d.announce(id(2), 20_000, Some(from), &[]);
        assert_eq!(d.candidate(START, 20_000, from, 7), None);
        assert_eq!(d.candidate(START, 20_000, from, 8), Some(Match::Exact(2)));
    }

    #[test]
    fn the_address_of_a_leg_that_was_never_heard_is_not_learned_at_once() {
        let mut d = Directory::default();
        let from = at("192.0.2.1:4000");
        let one = d.announce(id(1), 20_000, None, &[from.ip()]);
        d.announce(id(2), 20_000, None, &[from.ip()]);
        d.withdraw(id(1), 20_000, &one);
        d.haunt(START, Some(id(1)), 20_000, &one, &Announced::default());
        assert_eq!(d.candidate(START, 20_000, from, 7), None);
        assert_eq!(d.candidate(START + GHOST, 20_000, from, 7), Some(Match::Address(2)));
    }

    #[test]
    fn reports_are_known_by_their_stream_where_no_other_leg_can_have_it() {
        let mut d = Directory::default();
        let ip = at("192.0.2.1:1").ip();
        d.speaks(id(1), 20_000, None, Some((ip, 7)));
        assert_eq!(d.speaker(START, 20_000, ip, 7), Some(1));
        assert_eq!(d.speaker(START, 20_000, at("192.0.2.2:1").ip(), 7), None);
        let waits = d.announce(id(2), 20_000, None, &[ip]);
        assert_eq!(d.speaker(START, 20_000, ip, 7), None);
        d.withdraw(id(2), 20_000, &waits);
        d.speaks(id(3), 20_000, None, Some((ip, 7)));
        assert_eq!(d.speaker(START, 20_000, ip, 7), None);
    }

    #[test]
    fn ghosts_are_few_and_what_they_would_forbid_waits() {
        let mut d = Directory::default();
        let from = at("192.0.2.2:4000");
        d.announce(id(2), 20_000, Some(from), &[from.ip()]);
        for i in 0..70_000u32 {
            let gone = SocketAddr::new([192, 0, 2, (i >> 16) as u8].into(), i as u16);
            d.unbind(START, 20_000, gone, None);
        }
        assert!(d.sizes()[5] <= MAX_GHOSTS);
        assert_eq!(d.candidate(START, 20_000, from, 7), None);
        assert_eq!(d.candidate(START + GHOST, 20_000, from, 7), Some(Match::Exact(2)));
        d.unbind(START + GHOST, 20_000, at("192.0.2.2:1"), None);
        assert_eq!(d.sizes()[5], 1);
    }
}
