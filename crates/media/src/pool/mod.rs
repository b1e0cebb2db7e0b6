//! Which local UDP port a leg gets.
//!
//! # The rule
//!
//! Legs share a small set of ports, and are told apart by (local port, remote address). Until a leg has been heard, only
//! signalling says where its packets may come from, and there are three kinds of such legs:
//!
//! - **Plain**: the description names a public address, or the one that signalling comes from. The leg is told from all
//!   others by that exact address and port, so plain legs of one address share a port. While they are few, each silent
//!   leg has one of the first [`SPREAD`] pairs for itself: a phone that sends from another UDP port than the one it
//!   names is known by its address while no other leg on its port waits for the same. All further legs go to the first
//!   pair.
//! - **Alone**: the description names a private address, and signalling comes from another: a NAT is between, and the
//!   packets may come from any port of the NAT's address. No other silent leg that may be heard from this address shares
//!   the port.
//! - **Undescribed**: an INVITE of ours is not yet answered. The Contact tells whether a NAT is between, and so whether
//!   the leg is plain or alone; and where one address and port has been announced for several calls by a host, its
//!   undescribed legs are alone as well, since the next may announce it again.
//!
//! Two legs that announce the *same* address and port never share a port of their own free will, heard or not. What a
//! leg has held stays held for [`LINGER`] after it, while its last packets may be on the way.
//!
//! Where no port is left by these rules the leg is put where most legs already wait that it may be taken for: calls
//! without sound cost no port, and the fewest legs are in doubt. **Safety does not rest on this module**: the relay
//! gives a packet to a leg only where no other leg on the port can be meant, and to nobody else (see
//! [`crate::relay`]). What the pool decides is who is heard at once, and who only when the others on its port have been
//! heard or are gone.

mod claim;
mod tally;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use thiserror::Error;

pub use self::claim::PeerAddress;
use self::{
    claim::{Claim, Crowd, Kind},
    tally::{Pairs, Tally},
};
use crate::PortId;

/// How many silent plain legs of one address have a pair each. More would make the kernel's batches smaller, fewer would
/// leave fewer phones behind one NAT that may send from another port than they name.
pub const SPREAD: usize = 8;
/// For how long a leg that is over keeps its place from legs it could be taken for. The same as the relay's time in
/// which it learns nothing from the sources of such a leg.
pub const LINGER: Duration = Duration::from_secs(2);

/// Another leg on the same local port may be taken for this one: until one of them is heard or gone, neither is heard
/// from an address that both may have.
#[derive(Copy, Clone, Debug, Error, PartialEq, Eq)]
#[error("another leg on the same port may be heard from the same address")]
pub struct Conflict;

/// The local ports and who sits on them. Pure; run by signalling.
#[derive(Debug)]
pub struct Pool {
    first: u16,
    /// Pairs in the range.
    limit: usize,
    crowds: BTreeMap<IpAddr, Crowd>,
    /// Who announced, or was heard from, this address and port.
    exact: BTreeMap<SocketAddr, Tally>,
    /// How many addresses with ports of this host are several legs'.
    repeated: BTreeMap<IpAddr, u32>,
    /// Places that legs have left, and until when they are held.
    departed: VecDeque<(Duration, Place)>,
    /// Pairs that could not be bound.
    spoilt: Pairs,
    /// Room for [`Pool::fitting`] to work in.
    barred: Pairs,
    slots: Vec<Slot>,
    free: Vec<u32>,
    in_use: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    open: bool,
    place: Option<Place>,
}

/// Where a leg sits, and what decides with whom it may share the pair.
#[derive(Copy, Clone, Debug)]
struct Place {
    /// Which pair, counted from `first`.
    at: u16,
    peer: PeerAddress,
    /// Where its peer was heard from.
    heard: Option<SocketAddr>,
}

impl Place {
    fn claim(&self) -> Claim {
        match self.heard {
            Some(from) => Claim::heard(self.peer.rtp, from),
            None => Claim::silent(&self.peer),
        }
    }
}

impl Pool {
    /// A pool of the even ports from `first` to `last`; RTCP is on the port above each.
    pub fn new(first: u16, last: u16) -> Pool {
        let first = first.saturating_add(first % 2);
        // The pair's odd port must fit as well.
        let limit = (usize::from(last) + 1).saturating_sub(usize::from(first)) / 2;
        Pool {
            first,
            limit,
            crowds: BTreeMap::new(),
            exact: BTreeMap::new(),
            repeated: BTreeMap::new(),
            departed: VecDeque::new(),
            spoilt: Pairs::default(),
            barred: Pairs::default(),
            slots: Vec::new(),
            free: Vec::new(),
            in_use: 0,
        }
    }

    /// A new leg's handle. Give it back with [`Pool::release`].
    pub fn open(&mut self) -> PortId {
        self.in_use += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        entry.open = true;
        PortId {
            slot,
            generation: entry.generation,
        }
    }

    /// The local port for a leg with that peer, by the rule at the top. `now` is any clock that does not go back, the
    /// same at each call. `None` when the range is empty, or the handle is stale.
    pub fn take(&mut self, now: Duration, port: PortId, peer: &PeerAddress) -> Option<u16> {
        self.slot(port)?;
        self.forget(now);
        self.vacate(now, port);
        let claim = Claim::silent(peer);
        if self.spoilt.missing(self.limit).next().is_none() {
            // Whatever kept a port from being bound may be over: better to try than to refuse the call.
            self.spoilt.clear();
        }
        let at = self.fitting(&claim).or_else(|| self.crowded(&claim))?;
        Some(self.sit(port, at, peer))
    }

    /// Puts a leg back on the local port that it had before, as [`Pool::take`] would with the same peer. `None` where the
    /// port is not one of the range, or the handle is stale.
    pub fn take_again(&mut self, now: Duration, port: PortId, peer: &PeerAddress, local_port: u16) -> Option<u16> {
        self.slot(port)?;
        self.forget(now);
        self.vacate(now, port);
        let distance = local_port.checked_sub(self.first).filter(|_| self.covers(local_port))?;
        Some(self.sit(port, usize::from(distance) / 2, peer))
    }

    fn sit(&mut self, port: PortId, at: usize, peer: &PeerAddress) -> u16 {
        let place = Place {
            at: at as u16,
            peer: *peer,
            heard: None,
        };
        self.exchange(port, place);
        self.number(place.at)
    }

    /// A pair on which this leg is taken for no other.
    fn fitting(&mut self, claim: &Claim) -> Option<usize> {
        // Kept for the next leg: the table may be long.
        let mut barred = std::mem::take(&mut self.barred);
        barred.copy(&self.spoilt);
        let found = self.unbarred(claim, &mut barred);
        self.barred = barred;
        found
    }

    fn unbarred(&self, claim: &Claim, barred: &mut Pairs) -> Option<usize> {
        let mut bar = |tally: &Tally| tally.put_into(barred);
        for exact in &claim.exact {
            self.exact.get(exact).into_iter().for_each(&mut bar);
        }
        let mut alone = false;
        for (ip, kind) in &claim.addresses {
            let repeats = claim.undescribed && self.repeated.contains_key(ip);
            alone |= *kind == Kind::Alone || repeats;
            let Some(crowd) = self.crowds.get(ip) else { continue };
            bar(&crowd.alone);
            if *kind == Kind::Alone || repeats {
                bar(&crowd.plain);
            }
            if repeats {
                bar(&crowd.heard);
            }
        }
        let mut free = barred.missing(self.limit);
        if alone {
            return free.next();
        }
        // Where every one of them has a silent leg, the first: the others stay unmistakable, and the kernel's batches large.
        free.take(SPREAD).min_by_key(|at| self.plain(*at, claim) > 0)
    }

    /// Silent plain legs there that may be heard from an address of this one.
    fn plain(&self, at: usize, claim: &Claim) -> u32 {
        let crowds = claim.addresses.iter().filter_map(|(ip, _)| self.crowds.get(ip));
        crowds.map(|crowd| crowd.plain.at(at)).sum()
    }

    /// The pair where most legs are that this one may be taken for: there it does the least harm.
    fn crowded(&self, claim: &Claim) -> Option<usize> {
        let mut rivals = vec![0u32; self.limit];
        self.rivals(claim).for_each(|tally| tally.add_to(&mut rivals));
        self.spoilt.missing(self.limit).max_by_key(|at| rivals[*at])
    }

    /// By whom this leg may be mistaken for another, or another for it.
    fn rivals(&self, claim: &Claim) -> impl Iterator<Item = &Tally> {
        let exact = claim.exact.iter().filter_map(|exact| self.exact.get(exact));
        let crowds = claim
            .addresses
            .iter()
            .filter_map(|(ip, kind)| Some((self.crowds.get(ip)?, kind)));
        let crowds = crowds.flat_map(|(crowd, kind)| match kind {
            Kind::Plain => [Some(&crowd.alone), None],
            Kind::Alone => [Some(&crowd.alone), Some(&crowd.plain)],
            Kind::Heard => [None, None],
        });
        exact.chain(crowds.flatten())
    }

    /// Signalling says where the leg's peer is; it was silent, or has `moved` and is silent again until heard from
    /// there. It keeps its place. The conflict, where there is one, lasts until one of the legs is heard or gone.
    pub fn expect(&mut self, now: Duration, port: PortId, peer: &PeerAddress, moved: bool) -> Result<(), Conflict> {
        let Some(old) = self.place(port).copied() else {
            return Ok(());
        };
        let new = Place {
            peer: *peer,
            heard: old.heard.filter(|_| !moved),
            ..old
        };
        // What comes from the old address is on the way for a while; a description without a move only says more.
        self.exchange(port, new);
        if moved {
            self.depart(now, old);
        } else {
            self.let_go(&old);
        }
        if self.is_in_doubt(port) { Err(Conflict) } else { Ok(()) }
    }

    /// The leg's peer was heard: it is known by that address and no longer keeps others from its port.
    pub fn learned(&mut self, port: PortId, from: SocketAddr) {
        let Some(old) = self.place(port).copied() else { return };
        let heard = Some(from);
        self.exchange(port, Place { heard, ..old });
        self.let_go(&old);
    }

    /// Whether the leg may be taken for another one on its port.
    pub fn is_in_doubt(&self, port: PortId) -> bool {
        self.place(port).is_some_and(|place| {
            let claim = place.claim();
            // It is counted itself: once by each exact address, and as one that is alone.
            let alone = claim.addresses.iter().filter(|(_, kind)| *kind == Kind::Alone);
            let own = (claim.exact.len() + alone.count()) as u32;
            let rivals = self.rivals(&claim).map(|tally| tally.at(usize::from(place.at)));
            rivals.sum::<u32>() > own
        })
    }

    /// The leg's local port could not be bound: it is given out again only when no other can be. The leg itself keeps it
    /// until released.
    pub fn failed(&mut self, port: PortId) {
        if let Some(at) = self.place(port).map(|place| place.at) {
            self.spoilt.insert(usize::from(at));
        }
    }

    /// Somebody else holds this port, or could at the start: its pair is not given out while there is another.
    pub fn avoid(&mut self, port: u16) {
        if self.covers(port) {
            self.spoilt.insert(usize::from(port - self.first) / 2);
        }
    }

    /// The leg is over. A stale handle changes nothing.
    pub fn release(&mut self, now: Duration, port: PortId) {
        if self.slot(port).is_none() {
            return;
        }
        self.forget(now);
        self.vacate(now, port);
        let slot = &mut self.slots[port.slot as usize];
        slot.open = false;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(port.slot);
        self.in_use -= 1;
    }

    /// Whether a port is one of the range, RTCP's among them.
    pub fn covers(&self, port: u16) -> bool {
        port.checked_sub(self.first)
            .is_some_and(|distance| usize::from(distance) < 2 * self.limit)
    }

    /// Legs open now.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// The local port a leg sits on.
    pub fn local_port(&self, port: PortId) -> Option<u16> {
        self.place(port).map(|place| self.number(place.at))
    }

    fn number(&self, at: u16) -> u16 {
        // `limit` keeps this within u16.
        self.first + 2 * at
    }

    fn slot(&self, port: PortId) -> Option<&Slot> {
        self.slots
            .get(port.slot as usize)
            .filter(|s| s.open && s.generation == port.generation)
    }

    fn place(&self, port: PortId) -> Option<&Place> {
        self.slot(port)?.place.as_ref()
    }

    /// Puts a leg elsewhere; what it held counts until it is let go of.
    fn exchange(&mut self, port: PortId, place: Place) {
        self.hold(&place);
        self.slots[port.slot as usize].place = Some(place);
    }

    fn vacate(&mut self, now: Duration, port: PortId) {
        let slot = self.slots.get_mut(port.slot as usize);
        if let Some(place) = slot.and_then(|slot| slot.place.take()) {
            self.depart(now, place);
        }
    }

    /// A place that is given up counts a little longer.
    fn depart(&mut self, now: Duration, place: Place) {
        self.departed.push_back((now + LINGER, place));
    }

    fn forget(&mut self, now: Duration) {
        while self.departed.front().is_some_and(|(until, ..)| *until <= now) {
            if let Some((_, place)) = self.departed.pop_front() {
                self.let_go(&place);
            }
        }
        if self.departed.is_empty() {
            self.departed.shrink_to(64);
        }
    }

    fn hold(&mut self, place: &Place) {
        self.count(place, true);
    }

    fn let_go(&mut self, place: &Place) {
        self.count(place, false);
    }

    fn count(&mut self, place: &Place, add: bool) {
        let (at, claim) = (usize::from(place.at), place.claim());
        let change = |tally: &mut Tally| if add { tally.add(at) } else { tally.remove(at) };
        for exact in &claim.exact {
            let tally = self.exact.entry(*exact).or_default();
            let before = tally.is_several();
            change(tally);
            let several = tally.is_several();
            if tally.is_empty() {
                self.exact.remove(exact);
            }
            if before != several {
                let repeated = self.repeated.entry(exact.ip()).or_default();
                *repeated = if add { *repeated + 1 } else { *repeated - 1 };
                if *repeated == 0 {
                    self.repeated.remove(&exact.ip());
                }
            }
        }
        for (ip, kind) in &claim.addresses {
            let crowd = self.crowds.entry(*ip).or_default();
            change(match kind {
                Kind::Plain => &mut crowd.plain,
                Kind::Alone => &mut crowd.alone,
                Kind::Heard => &mut crowd.heard,
            });
            if crowd.is_empty() {
                self.crowds.remove(ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(1000);
    const LATER: Duration = Duration::from_secs(1002);

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A peer that announces this port of the address it signals from.
    fn plain(last: u8, port: u16) -> PeerAddress {
        PeerAddress {
            rtp: Some(SocketAddr::new(ip(last), port)),
            ..PeerAddress::undescribed(ip(last), false)
        }
    }

    /// A peer behind the NAT at that address.
    fn natted(last: u8, port: u16) -> PeerAddress {
        PeerAddress {
            rtp: Some(SocketAddr::new([10, 0, 0, 5].into(), port)),
            ..PeerAddress::undescribed(ip(last), false)
        }
    }

    /// A peer that was asked and has not answered.
    fn asked(last: u8) -> PeerAddress {
        PeerAddress::undescribed(ip(last), false)
    }

    fn pool() -> Pool {
        Pool::new(20_000, 20_999)
    }

    /// New legs with these peers, and their ports.
    fn take(pool: &mut Pool, peers: &[PeerAddress]) -> Vec<(PortId, u16)> {
        let legs = peers.iter().map(|peer| {
            let leg = pool.open();
            (leg, pool.take(T, leg, peer).unwrap())
        });
        legs.collect()
    }

    fn ports(legs: &[(PortId, u16)]) -> Vec<u16> {
        legs.iter().map(|(_, port)| *port).collect()
    }

    #[test]
    fn legs_of_different_addresses_share_the_first_port() {
        let peers = [
            plain(1, 4000),
            plain(2, 4000),
            natted(3, 4000),
            asked(4),
            plain(5, 4002),
        ];
        let mut pool = pool();
        let legs = take(&mut pool, &peers);
        assert_eq!(ports(&legs), [20_000; 5]);
        assert!(legs.iter().all(|(leg, _)| !pool.is_in_doubt(*leg)));
    }

    #[test]
    fn plain_legs_of_one_address_share_a_handful_of_ports() {
        let mut pool = pool();
        let peers: Vec<PeerAddress> = (0..400).map(|n| plain(1, 30_000 + 2 * n)).collect();
        let legs = take(&mut pool, &peers);
        let few: Vec<u16> = (0..SPREAD as u16).map(|n| 20_000 + 2 * n).collect();
        assert_eq!(ports(&legs)[..SPREAD], few, "as long as they are few each has its own");
        assert!(
            legs[SPREAD..].iter().all(|(_, port)| *port == 20_000),
            "the rest is together, so that the kernel gives it in large batches"
        );
        assert!(legs.iter().all(|(leg, _)| !pool.is_in_doubt(*leg)));
    }

    #[test]
    fn legs_behind_one_nat_have_a_port_each_until_they_are_heard() {
        let mut pool = pool();
        let legs = take(&mut pool, &[natted(1, 4000), natted(1, 4002), plain(1, 4000), asked(1)]);
        assert_eq!(ports(&legs), [20_000, 20_002, 20_004, 20_006]);
        for (leg, _) in &legs {
            pool.learned(*leg, SocketAddr::new(ip(1), 50_000 + leg.slot as u16));
        }
        assert_eq!(ports(&take(&mut pool, &[natted(1, 4004)])), [20_000]);
        assert_eq!(ports(&take(&mut pool, &[natted(1, 4006)])), [20_002]);
    }

    #[test]
    fn a_guess_of_nat_gives_an_unanswered_leg_a_port_of_its_own() {
        let mut pool = pool();
        let behind = PeerAddress::undescribed(ip(1), true);
        assert_eq!(ports(&take(&mut pool, &[behind, behind])), [20_000, 20_002]);
        // It was no NAT: the description says so.
        let legs = take(&mut pool, &[behind, asked(1)]);
        assert_eq!(ports(&legs), [20_004, 20_006]);
        assert_eq!(pool.expect(T, legs[0].0, &plain(1, 4000), false), Ok(()));
        let more: Vec<PeerAddress> = (0..8).map(|n| plain(1, 5000 + n)).collect();
        let more = ports(&take(&mut pool, &more));
        assert!(
            more.contains(&20_004) && !more.contains(&20_000),
            "plain ones may share: {more:?}"
        );
    }

    #[test]
    fn one_address_and_port_announced_twice_never_shares_a_local_port() {
        let mut pool = pool();
        let legs = take(&mut pool, &[plain(1, 4000), plain(1, 4000), plain(1, 4000)]);
        assert_eq!(ports(&legs), [20_000, 20_002, 20_004]);
        legs.iter()
            .for_each(|(leg, _)| pool.learned(*leg, SocketAddr::new(ip(1), 4000)));
        assert_eq!(ports(&take(&mut pool, &[plain(1, 4000)])), [20_006], "heard or not");
        // A host that does so is asked on a port that nobody else of it has.
        assert_eq!(ports(&take(&mut pool, &[asked(1), asked(1)])), [20_008, 20_010]);
    }

    #[test]
    fn a_whole_call_centre_without_sound_costs_no_call() {
        let mut pool = pool();
        for peer in [plain(1, 6000), natted(2, 6000), asked(3)] {
            let legs = take(&mut pool, &vec![peer; 8000]);
            let doubtful = legs.iter().filter(|(leg, _)| pool.is_in_doubt(*leg)).count();
            let expected = if peer == asked(3) { 0 } else { 8000 - 499 };
            assert_eq!(doubtful, expected, "the fewest are in doubt");
            assert!(
                legs.iter()
                    .all(|(_, port)| (20_000..20_999).contains(port) && port % 2 == 0)
            );
        }
        assert_eq!(pool.in_use(), 24_000);
    }

    #[test]
    fn what_a_description_adds_is_counted_and_a_conflict_told() {
        let mut pool = pool();
        let legs = take(&mut pool, &[asked(1), natted(2, 4000)]);
        assert_eq!(ports(&legs), [20_000, 20_000]);
        // The answer names the address from which the other one may be heard.
        let media = PeerAddress {
            rtp: Some(SocketAddr::new(ip(2), 4000)),
            ..asked(1)
        };
        assert_eq!(pool.expect(T, legs[0].0, &media, false), Err(Conflict));
        assert!(legs.iter().all(|(leg, _)| pool.is_in_doubt(*leg)));
        pool.learned(legs[1].0, SocketAddr::new(ip(2), 50_000));
        assert!(!pool.is_in_doubt(legs[0].0));
        assert_eq!(
            ports(&take(&mut pool, &[natted(2, 4002)])),
            [20_002],
            "its new expectation holds"
        );
    }

    #[test]
    fn a_leg_that_moves_is_silent_again_and_leaves_something_behind() {
        let mut pool = pool();
        let legs = take(&mut pool, &[plain(1, 4000)]);
        pool.learned(legs[0].0, SocketAddr::new(ip(1), 4000));
        assert_eq!(pool.expect(T, legs[0].0, &plain(1, 5000), true), Ok(()));
        assert_eq!(
            ports(&take(&mut pool, &[natted(1, 9), plain(1, 4000)])),
            [20_002, 20_004]
        );
        let leg = pool.open();
        assert_eq!(pool.take(LATER, leg, &plain(1, 4000)), Some(20_006), "the third has it");
        let leg = pool.open();
        assert_eq!(pool.take(LATER, leg, &plain(1, 4002)), Some(20_008));
    }

    #[test]
    fn what_a_leg_had_is_kept_from_others_for_a_while() {
        for peer in [plain(1, 4000), natted(2, 4000)] {
            let mut pool = pool();
            let gone = take(&mut pool, &[peer])[0];
            pool.release(T, gone.0);
            let [soon, later] = [pool.open(), pool.open()];
            assert_eq!(pool.take(T, soon, &peer), Some(20_002));
            assert_eq!(pool.take(LATER, later, &peer), Some(20_000));
        }
    }

    #[test]
    fn a_leg_of_before_gets_its_port_back_and_counts_there() {
        let mut pool = pool();
        let (old, _) = take(&mut pool, &[natted(1, 4000)])[0];
        let again = pool.open();
        assert_eq!(pool.take_again(T, again, &natted(1, 4002), 20_004), Some(20_004));
        assert_eq!(
            pool.take_again(T, again, &natted(1, 4002), 20_002),
            Some(20_002),
            "moved"
        );
        assert_eq!(
            ports(&take(&mut pool, &[natted(1, 4004)])),
            [20_006],
            "20,004 is held for a while"
        );
        assert!(!pool.is_in_doubt(again));
        assert_eq!(pool.take_again(T, again, &natted(1, 4002), 20_000), Some(20_000));
        assert!(
            pool.is_in_doubt(again) && pool.is_in_doubt(old),
            "two that one address may be"
        );
        for outside in [0, 19_998, 21_000, u16::MAX] {
            assert_eq!(pool.take_again(T, again, &natted(1, 4002), outside), None, "{outside}");
        }
        pool.release(T, again);
        assert_eq!(
            pool.take_again(T, again, &natted(1, 4002), 20_000),
            None,
            "a stale handle"
        );
    }

    #[test]
    fn media_from_another_public_address_is_told_by_its_port() {
        let mut pool = pool();
        let trunk = |port| PeerAddress {
            rtp: Some(SocketAddr::new(ip(9), port)),
            ..asked(1)
        };
        let peers: Vec<PeerAddress> = (0..1000).map(|n| trunk(10_000 + 2 * n)).collect();
        let legs = take(&mut pool, &peers);
        assert!(legs.iter().all(|(_, port)| *port < 20_000 + 2 * SPREAD as u16));
    }

    #[test]
    fn a_port_that_cannot_be_bound_is_tried_again_when_no_other_can() {
        let mut pool = Pool::new(20_000, 20_003);
        let legs = take(&mut pool, &[natted(1, 1)]);
        pool.failed(legs[0].0);
        pool.release(T, legs[0].0);
        let legs = take(&mut pool, &[natted(1, 1), natted(1, 2)]);
        assert_eq!(
            ports(&legs),
            [20_002, 20_002],
            "a call in doubt is better than one that fails"
        );
        pool.failed(legs[0].0);
        assert_eq!(ports(&take(&mut pool, &[natted(2, 9)])), [20_000]);
    }

    #[test]
    fn what_others_hold_is_left_to_them_while_there_is_another() {
        let mut pool = Pool::new(20_000, 20_005);
        for port in [19_999, 20_000, 20_003, 20_006] {
            pool.avoid(port);
        }
        assert_eq!(ports(&take(&mut pool, &[natted(1, 1), natted(1, 2)])), [20_004; 2]);
        pool.avoid(20_005);
        assert_eq!(
            ports(&take(&mut pool, &[natted(2, 1)])),
            [20_000],
            "nothing else is left"
        );
    }

    #[test]
    fn odd_and_narrow_ranges() {
        for (first, last, pairs) in [
            (20_001, 20_003, 1),
            (20_000, 20_000, 0),
            (20_000, 20_001, 1),
            (65_534, 65_535, 1),
        ] {
            let mut pool = Pool::new(first, last);
            let legs = [pool.open(), pool.open(), pool.open()];
            let got: Vec<u16> = legs
                .iter()
                .filter_map(|leg| pool.take(T, *leg, &natted(1, 1)))
                .collect();
            assert_eq!(got.len(), if pairs == 0 { 0 } else { 3 }, "{first}-{last}");
            assert!(got.iter().all(|port| port % 2 == 0 && pool.covers(*port)));
            let covered = (0..=u16::MAX).filter(|port| pool.covers(*port));
            assert_eq!(covered.count(), 2 * pairs, "{first}-{last}");
        }
    }

    #[test]
    fn a_stale_handle_is_nobody() {
        let mut pool = pool();
        let (old, _) = take(&mut pool, &[natted(1, 1)])[0];
        pool.release(T, old);
        let new = pool.open();
        assert_eq!((new.slot, pool.in_use()), (old.slot, 1));
        assert_eq!(pool.take(LATER, new, &natted(1, 1)), Some(20_000));
        pool.release(LATER, old);
        pool.learned(old, SocketAddr::new(ip(1), 1));
        assert_eq!(pool.take(LATER, old, &natted(9, 1)), None);
        assert_eq!(pool.expect(LATER, old, &natted(9, 1), true), Ok(()));
        assert_eq!(
            (pool.local_port(new), pool.local_port(old), pool.in_use()),
            (Some(20_000), None, 1)
        );
        let other = pool.open();
        assert_eq!(
            pool.take(LATER, other, &natted(1, 1)),
            Some(20_002),
            "still held by the successor"
        );
    }

    #[test]
    fn mapped_addresses_are_the_same_source() {
        let mut pool = pool();
        let mapped = PeerAddress::undescribed("::ffff:192.0.2.1".parse().unwrap(), true);
        assert_eq!(ports(&take(&mut pool, &[natted(1, 1), mapped])), [20_000, 20_002]);
    }

    #[test]
    fn a_hundred_thousand_legs_leave_nothing() {
        let mut pool = pool();
        let mut now = T;
        for i in 0..100_000u32 {
            now += Duration::from_millis(1);
            let leg = pool.open();
            let peer = if i % 2 == 0 {
                plain(i as u8, 4000)
            } else {
                natted(i as u8, 4000)
            };
            assert!(pool.take(now, leg, &peer).is_some());
            if i % 3 == 0 {
                pool.learned(leg, SocketAddr::new(ip(i as u8), 5000));
            }
            if i % 5 == 0 {
                let _ = pool.expect(now, leg, &plain(i as u8, 4002), i % 10 == 0);
            }
            pool.release(now, leg);
            assert!(pool.departed.len() <= 4000);
        }
        pool.forget(now + LINGER);
        assert_eq!((pool.in_use(), pool.slots.len()), (0, 1));
        assert_eq!((pool.crowds.len(), pool.exact.len(), pool.repeated.len()), (0, 0, 0));
    }
}
