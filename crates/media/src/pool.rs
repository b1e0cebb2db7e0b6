//! Which local UDP port a leg gets.
//!
//! Legs share a small set of ports and are told apart by (local port, remote address). That fails only
//! for legs that have not spoken yet, because a peer behind NAT may speak from any port of its address:
//! so no two *silent* legs on one local port may expect the same source address.

use std::{collections::BTreeMap, net::IpAddr};

use smallvec::SmallVec;
use thiserror::Error;

use crate::PortId;

/// Another silent leg on the same local port expects one of these addresses already.
#[derive(Copy, Clone, Debug, Error, PartialEq, Eq)]
#[error("a silent leg on the same port expects this source already")]
pub struct Conflict;

type Addresses = SmallVec<[IpAddr; 2]>;

/// The local ports and who sits on them. Pure; run by signalling.
#[derive(Debug)]
pub struct Pool {
    first: u16,
    /// Pairs in the range.
    limit: usize,
    /// On which ports a silent leg expects this source: at most one leg each.
    silent: BTreeMap<IpAddr, Bits>,
    /// Ports that could not be bound.
    spoilt: Bits,
    slots: Vec<Slot>,
    free: Vec<u32>,
    in_use: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    open: bool,
    /// Which pair, counted from `first`.
    at: Option<usize>,
    /// The addresses this leg holds in `silent`.
    expected: Addresses,
    spoken: bool,
}

/// A set of pairs, one bit each, so that a thousand phones behind one address cost sixteen looks.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
    count: usize,
}

impl Bits {
    fn word(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(0)
    }

    fn has(&self, at: usize) -> bool {
        self.word(at / 64) & (1 << (at % 64)) != 0
    }

    fn set(&mut self, at: usize) {
        if !self.has(at) {
            self.words.resize(self.words.len().max(at / 64 + 1), 0);
            self.words[at / 64] |= 1 << (at % 64);
            self.count += 1;
        }
    }

    fn clear(&mut self, at: usize) {
        if self.has(at) {
            self.words[at / 64] &= !(1 << (at % 64));
            self.count -= 1;
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
            silent: BTreeMap::new(),
            spoilt: Bits::default(),
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

    /// The local port for a leg whose peer may speak from `expected`: the lowest on which no other silent leg expects
    /// one of these. `None` when there is none, or the handle is stale.
    pub fn take(&mut self, port: PortId, expected: &[IpAddr]) -> Option<u16> {
        self.slot(port)?;
        self.vacate(port);
        let expected = canonical(expected);
        let at = self.lowest(&expected).or_else(|| {
            // Whatever kept a port from being bound may be over: better to try than to refuse the call.
            self.spoilt = Bits::default();
            self.lowest(&expected)
        })?;
        let slot = &mut self.slots[port.slot as usize];
        slot.at = Some(at);
        slot.spoken = false;
        self.claim(port, expected);
        Some(self.number(at))
    }

    fn lowest(&self, expected: &[IpAddr]) -> Option<usize> {
        (0..self.limit.div_ceil(64)).find_map(|word| {
            let held = expected
                .iter()
                .filter_map(|ip| self.silent.get(ip))
                .fold(0, |bits, ip| bits | ip.word(word));
            let bit = (!(held | self.spoilt.word(word))).trailing_zeros() as usize;
            Some(word * 64 + bit).filter(|at| bit < 64 && *at < self.limit)
        })
    }

    /// The leg's expectation changed. On a conflict it stays as it was; the leg then must be
    /// reached at its exact signalled address, or moved to another port.
    pub fn expect(&mut self, port: PortId, expected: &[IpAddr]) -> Result<(), Conflict> {
        let Some(slot) = self.slot(port) else { return Ok(()) };
        let Some(at) = slot.at else { return Ok(()) };
        if slot.spoken {
            return Ok(());
        }
        let expected = canonical(expected);
        let taken = |ip: &IpAddr| !slot.expected.contains(ip) && self.silent.get(ip).is_some_and(|bits| bits.has(at));
        if expected.iter().any(taken) {
            return Err(Conflict);
        }
        self.disclaim(port);
        self.claim(port, expected);
        Ok(())
    }

    /// The leg's peer has spoken: it is known by its address and no longer blocks its source.
    pub fn learned(&mut self, port: PortId) {
        if self.slot(port).is_some() {
            self.disclaim(port);
            self.slots[port.slot as usize].spoken = true;
        }
    }

    /// The leg's peer has a new address: it is silent again until heard from there.
    pub fn relearn(&mut self, port: PortId, expected: &[IpAddr]) -> Result<(), Conflict> {
        let Some(slot) = self.slot(port) else { return Ok(()) };
        let spoken = slot.spoken;
        self.slots[port.slot as usize].spoken = false;
        let result = self.expect(port, expected);
        if result.is_err() {
            self.slots[port.slot as usize].spoken = spoken;
        }
        result
    }

    /// The leg's local port could not be bound: it is given out again only when all others are taken. The leg itself
    /// keeps it until released.
    pub fn failed(&mut self, port: PortId) {
        if let Some(at) = self.slot(port).and_then(|slot| slot.at) {
            self.spoilt.set(at);
        }
    }

    /// Somebody else holds this port, or could at the start: its pair is not given out while there is another.
    pub fn avoid(&mut self, port: u16) {
        if self.covers(port) {
            self.spoilt.set(usize::from(port - self.first) / 2);
        }
    }

    /// The leg is over. A stale handle changes nothing.
    pub fn release(&mut self, port: PortId) {
        if self.slot(port).is_none() {
            return;
        }
        self.vacate(port);
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
        self.slot(port)?.at.map(|at| self.number(at))
    }

    fn number(&self, at: usize) -> u16 {
        // `limit` keeps this within u16.
        self.first + 2 * at as u16
    }

    fn slot(&self, port: PortId) -> Option<&Slot> {
        self.slots
            .get(port.slot as usize)
            .filter(|s| s.open && s.generation == port.generation)
    }

    fn claim(&mut self, port: PortId, expected: Addresses) {
        let slot = &mut self.slots[port.slot as usize];
        let Some(at) = slot.at else { return };
        for ip in &expected {
            self.silent.entry(*ip).or_default().set(at);
        }
        slot.expected = expected;
    }

    fn disclaim(&mut self, port: PortId) {
        let slot = &mut self.slots[port.slot as usize];
        let Some(at) = slot.at else { return };
        for ip in slot.expected.drain(..) {
            if let Some(bits) = self.silent.get_mut(&ip) {
                bits.clear(at);
                if bits.count == 0 {
                    self.silent.remove(&ip);
                }
            }
        }
    }

    fn vacate(&mut self, port: PortId) {
        self.disclaim(port);
        self.slots[port.slot as usize].at = None;
    }
}

fn canonical(expected: &[IpAddr]) -> Addresses {
    let mut addresses: Addresses = expected.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn silent_legs_of_one_source_never_share_a_port() {
        let mut pool = Pool::new(20_000, 20_999);
        let [a, b, c] = [pool.open(), pool.open(), pool.open()];
        assert_eq!(pool.take(a, &[ip(1)]), Some(20_000));
        assert_eq!(pool.take(b, &[ip(2)]), Some(20_000), "another source shares");
        assert_eq!(
            pool.take(c, &[ip(3), ip(1)]),
            Some(20_002),
            "one of its addresses is waited for"
        );
    }

    #[test]
    fn a_leg_that_has_spoken_blocks_nobody() {
        let mut pool = Pool::new(20_000, 20_999);
        let [a, b, c] = [pool.open(), pool.open(), pool.open()];
        pool.take(a, &[ip(1)]);
        pool.learned(a);
        assert_eq!(pool.take(b, &[ip(1)]), Some(20_000));
        assert_eq!(pool.relearn(a, &[ip(1)]), Err(Conflict), "b waits for that source");
        pool.release(b);
        assert_eq!(pool.relearn(a, &[ip(1)]), Ok(()));
        assert_eq!(pool.take(c, &[ip(1)]), Some(20_002));
    }

    #[test]
    fn an_expectation_may_change_unless_it_collides() {
        let mut pool = Pool::new(20_000, 20_999);
        let [a, b] = [pool.open(), pool.open()];
        pool.take(a, &[ip(1)]);
        pool.take(b, &[ip(2)]);
        assert_eq!(pool.expect(b, &[ip(1), ip(2)]), Err(Conflict));
        assert_eq!(pool.expect(b, &[ip(2), ip(3)]), Ok(()));
        assert_eq!(pool.expect(a, &[ip(3)]), Err(Conflict), "b's new expectation holds");
        let c = pool.open();
        assert_eq!(pool.take(c, &[ip(2)]), Some(20_002), "and so does its old one");
    }

    #[test]
    fn exhaustion_is_an_answer_and_release_ends_it() {
        let mut pool = Pool::new(20_000, 20_003);
        let legs = [pool.open(), pool.open(), pool.open()];
        assert_eq!(pool.take(legs[0], &[ip(1)]), Some(20_000));
        assert_eq!(pool.take(legs[1], &[ip(1)]), Some(20_002));
        assert_eq!(pool.take(legs[2], &[ip(1)]), None);
        pool.release(legs[0]);
        assert_eq!(pool.take(legs[2], &[ip(1)]), Some(20_000));
    }

    #[test]
    fn a_port_that_cannot_be_bound_is_the_last_to_be_tried_again() {
        let mut pool = Pool::new(20_000, 20_003);
        let [a, b, c] = [pool.open(), pool.open(), pool.open()];
        pool.take(a, &[ip(1)]);
        pool.failed(a);
        pool.release(a);
        assert_eq!(pool.take(b, &[ip(1)]), Some(20_002));
        assert_eq!(pool.take(c, &[ip(1)]), Some(20_000), "nothing else is left");
    }

    #[test]
    fn what_others_hold_is_left_to_them_while_there_is_another() {
        let mut pool = Pool::new(20_000, 20_005);
        for port in [19_999, 20_000, 20_003, 20_006] {
            pool.avoid(port);
        }
        let [a, b] = [pool.open(), pool.open()];
        assert_eq!(pool.take(a, &[ip(1)]), Some(20_004));
        assert_eq!(pool.take(b, &[ip(1)]), Some(20_000), "nothing else is left");
    }

    #[test]
    fn a_whole_range_of_silent_legs_of_one_source() {
        let mut pool = Pool::new(20_000, 20_999);
        let legs: Vec<PortId> = (0..501).map(|_| pool.open()).collect();
        let ports: Vec<Option<u16>> = legs.iter().map(|leg| pool.take(*leg, &[ip(1)])).collect();
        assert!(
            ports[..500]
                .iter()
                .enumerate()
                .all(|(n, port)| *port == Some(20_000 + 2 * n as u16))
        );
        assert_eq!(ports[500], None);
        pool.learned(legs[250]);
        assert_eq!(pool.take(legs[500], &[ip(1), ip(2)]), Some(20_500));
        assert_eq!(
            pool.take(legs[499], &[ip(2)]),
            Some(20_000),
            "a leg that takes anew gives back first"
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
            let got = (0..3).filter(|_| {
                let leg = pool.open();
                pool.take(leg, &[ip(1)]).is_some_and(|p| p % 2 == 0)
            });
            assert_eq!(got.count(), pairs, "{first}-{last}");
            let covered = (0..=u16::MAX).filter(|port| pool.covers(*port));
            assert_eq!(covered.count(), 2 * pairs, "{first}-{last}");
        }
    }

    #[test]
    fn a_stale_handle_is_nobody() {
        let mut pool = Pool::new(20_000, 20_999);
        let old = pool.open();
        pool.take(old, &[ip(1)]);
        pool.release(old);
        let new = pool.open();
        assert_eq!((new.slot, pool.in_use()), (old.slot, 1));
        pool.take(new, &[ip(1)]);
        pool.release(old);
        pool.learned(old);
        assert_eq!(pool.take(old, &[ip(9)]), None);
        assert_eq!(
            (pool.local_port(new), pool.local_port(old), pool.in_use()),
            (Some(20_000), None, 1)
        );
        let other = pool.open();
        assert_eq!(pool.take(other, &[ip(1)]), Some(20_002), "still held by the successor");
    }

    #[test]
    fn mapped_addresses_are_the_same_source() {
        let mut pool = Pool::new(20_000, 20_999);
        let [a, b] = [pool.open(), pool.open()];
        pool.take(a, &[ip(1)]);
        assert_eq!(pool.take(b, &["::ffff:192.0.2.1".parse().unwrap()]), Some(20_002));
    }

    #[test]
    fn a_hundred_thousand_legs_leave_nothing() {
        let mut pool = Pool::new(20_000, 20_999);
        for i in 0..100_000u32 {
            let leg = pool.open();
            assert!(pool.take(leg, &[ip(i as u8)]).is_some());
            if i % 3 == 0 {
                pool.learned(leg);
            }
            pool.release(leg);
        }
        assert_eq!((pool.in_use(), pool.slots.len(), pool.silent.len()), (0, 1, 0));
    }
}
