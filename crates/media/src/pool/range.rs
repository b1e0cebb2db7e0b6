//! The local ports of one engine: which leg is on which port, by the rule at the head of the [pool](super).

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    Conflict, LINGER, PeerAddress, SPREAD,
    claim::{Claim, Crowd, Kind},
    tally::{Pairs, Tally},
};
use crate::MediaId;

/// One engine's local ports, and the legs on them.
#[derive(Debug)]
pub(super) struct Range {
    engine: u8,
    first: u16,
    /// Pairs in the range.
    limit: usize,
    crowds: BTreeMap<IpAddr, Crowd>,
    /// The legs that announced, or were heard from, this address and port.
    exact: BTreeMap<SocketAddr, Tally>,
    /// How many addresses with ports of this host belong to several legs.
    repeated: BTreeMap<IpAddr, u32>,
    /// Places that legs have left, and until when they are held.
    departed: VecDeque<(Duration, Place)>,
    /// Pairs that could not be bound.
    spoilt: Pairs,
    /// Room for [`Range::fitting`] to work in.
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

impl Range {
    /// The even ports from `first` to `last`; RTCP is on the port above each.
    pub(super) fn new(engine: u8, first: u16, last: u16) -> Range {
        let first = first.saturating_add(first % 2);
        // The pair's odd port must fit as well.
        let limit = (usize::from(last) + 1).saturating_sub(usize::from(first)) / 2;
        Range {
            engine,
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

    /// A new leg's handle.
    pub(super) fn open(&mut self) -> MediaId {
        self.in_use += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        entry.open = true;
        MediaId {
            engine: self.engine,
            slot,
            generation: entry.generation,
        }
    }

    /// The local port for a leg with that peer, by the rule at the top. `now` is any clock that does not go back, the
    /// same at each call. `None` when the range is empty, or the handle is stale.
    pub(super) fn take(&mut self, now: Duration, leg: MediaId, peer: &PeerAddress) -> Option<u16> {
        self.take_apart(now, leg, peer, &[])
    }

    /// As [`Range::take`], on none of these ports.
    pub(super) fn take_apart(
        &mut self,
        now: Duration,
        leg: MediaId,
        peer: &PeerAddress,
        others: &[u16],
    ) -> Option<u16> {
        self.slot(leg)?;
        self.forget(now);
        self.vacate(now, leg);
        let claim = Claim::silent(peer);
        if self.spoilt.missing(self.limit).next().is_none() {
            // Whatever kept a port from being bound may be over: better to try than to refuse the call.
            self.spoilt.clear();
        }
        let first = self.first;
        let apart = |at: &usize| {
            others
                .iter()
                .all(|port| usize::from(port.saturating_sub(first)) / 2 != *at)
        };
        let at = self
            .fitting(&claim, others)
            .or_else(|| self.crowded(&claim).filter(apart))?;
        Some(self.sit(leg, at, peer))
    }

    /// Puts a leg back on the local port that it had before, as [`Range::take`] would with the same peer. `None` where
    /// the port is not one of the range, or the handle is stale.
    pub(super) fn take_again(
        &mut self,
        now: Duration,
        leg: MediaId,
        peer: &PeerAddress,
        local_port: u16,
    ) -> Option<u16> {
        self.slot(leg)?;
        self.forget(now);
        self.vacate(now, leg);
        let distance = local_port.checked_sub(self.first).filter(|_| self.covers(local_port))?;
        Some(self.sit(leg, usize::from(distance) / 2, peer))
    }

    fn sit(&mut self, leg: MediaId, at: usize, peer: &PeerAddress) -> u16 {
        let place = Place {
            at: at as u16,
            peer: *peer,
            heard: None,
        };
        self.exchange(leg, place);
        self.number(place.at)
    }

    /// A pair on which this leg is taken for no other.
    fn fitting(&mut self, claim: &Claim, others: &[u16]) -> Option<usize> {
        // Kept for the next leg: the table may be long.
        let mut barred = std::mem::take(&mut self.barred);
        barred.copy(&self.spoilt);
        for port in others.iter().filter(|port| self.covers(**port)) {
            barred.insert(usize::from(port - self.first) / 2);
        }
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
        // Where every one of them has a silent leg, the first: the others stay unmistakable, and the kernel's batches
        // large.
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
    pub(super) fn expect(
        &mut self,
        now: Duration,
        leg: MediaId,
        peer: &PeerAddress,
        moved: bool,
    ) -> Result<(), Conflict> {
        let Some(old) = self.place(leg).copied() else {
            return Ok(());
        };
        let new = Place {
            peer: *peer,
            heard: old.heard.filter(|_| !moved),
            ..old
        };
        // After a move, packets from the old address are on the way for a while. A description without a move only adds
        // to what is known.
        self.exchange(leg, new);
        if moved {
            self.depart(now, old);
        } else {
            self.let_go(&old);
        }
        if self.is_in_doubt(leg) { Err(Conflict) } else { Ok(()) }
    }

    /// The leg's peer was heard: it is known by that address and no longer keeps others from its port.
    pub(super) fn learned(&mut self, leg: MediaId, from: SocketAddr) {
        let Some(old) = self.place(leg).copied() else { return };
        let heard = Some(from);
        self.exchange(leg, Place { heard, ..old });
        self.let_go(&old);
    }

    /// Whether the leg may be taken for another one on its port.
    pub(super) fn is_in_doubt(&self, leg: MediaId) -> bool {
        self.place(leg).is_some_and(|place| {
            let claim = place.claim();
            // The leg itself is counted, too: once for each exact address, and once for each address where it is alone.
            let alone = claim.addresses.iter().filter(|(_, kind)| *kind == Kind::Alone);
            let own = (claim.exact.len() + alone.count()) as u32;
            let rivals = self.rivals(&claim).map(|tally| tally.at(usize::from(place.at)));
            rivals.sum::<u32>() > own
        })
    }

    /// The leg's local port could not be bound: it is given out again only when no other can be. The leg itself keeps
    /// it until released.
    pub(super) fn failed(&mut self, leg: MediaId) {
        if let Some(at) = self.place(leg).map(|place| place.at) {
            self.spoilt.insert(usize::from(at));
        }
    }

    /// Another program holds this port, or may at the start: its pair is not given out while there is another.
    pub(super) fn avoid(&mut self, port: u16) {
        if self.covers(port) {
            self.spoilt.insert(usize::from(port - self.first) / 2);
        }
    }

    /// The leg is over. A stale handle changes nothing.
    pub(super) fn release(&mut self, now: Duration, leg: MediaId) {
        if self.slot(leg).is_none() {
            return;
        }
        self.forget(now);
        self.vacate(now, leg);
        let slot = &mut self.slots[leg.slot as usize];
        slot.open = false;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(leg.slot);
        self.in_use -= 1;
    }

    /// Whether a port is one of the range, RTCP's among them.
    pub(super) fn covers(&self, port: u16) -> bool {
        port.checked_sub(self.first)
            .is_some_and(|distance| usize::from(distance) < 2 * self.limit)
    }

    /// Legs open now.
    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    /// The local port a leg sits on.
    pub(super) fn local_port(&self, leg: MediaId) -> Option<u16> {
        self.place(leg).map(|place| self.number(place.at))
    }

    /// The sizes of the tables: slots, and entries of each table, with places that are only held for a while.
    #[cfg(test)]
    pub(super) fn sizes(&mut self, now: Duration) -> [usize; 5] {
        self.forget(now);
        let departed = self.departed.len();
        [
            self.slots.len(),
            self.crowds.len(),
            self.exact.len(),
            self.repeated.len(),
            departed,
        ]
    }

    fn number(&self, at: u16) -> u16 {
        // `limit` keeps this within u16.
        self.first + 2 * at
    }

    fn slot(&self, leg: MediaId) -> Option<&Slot> {
        self.slots
            .get(leg.slot as usize)
            .filter(|s| s.open && leg.engine == self.engine && s.generation == leg.generation)
    }

    fn place(&self, leg: MediaId) -> Option<&Place> {
        self.slot(leg)?.place.as_ref()
    }

    /// Puts a leg at another place. Its old place counts until it is let go of.
    fn exchange(&mut self, leg: MediaId, place: Place) {
        self.hold(&place);
        self.slots[leg.slot as usize].place = Some(place);
    }

    fn vacate(&mut self, now: Duration, leg: MediaId) {
        let slot = self.slots.get_mut(leg.slot as usize);
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
