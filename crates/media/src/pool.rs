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
    ports: Vec<Shared>,
    limit: usize,
    slots: Vec<Slot>,
    free: Vec<u32>,
    in_use: usize,
}

/// One local port.
#[derive(Debug, Default)]
struct Shared {
    legs: usize,
    /// Somebody else's: could not be bound.
    spoilt: bool,
    /// Who silently expects which source: one leg an address.
    silent: BTreeMap<IpAddr, u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    open: bool,
    /// Index into `ports`.
    at: Option<usize>,
    /// The addresses this leg holds in its port's `silent`.
    expected: Addresses,
    spoken: bool,
}

impl Pool {
    /// A pool of the even ports from `first` to `last`; RTCP is on the port above each.
    pub fn new(first: u16, last: u16) -> Pool {
        let first = first.saturating_add(first % 2);
        // The pair's odd port must fit as well.
        let limit = (usize::from(last) + 1).saturating_sub(usize::from(first)) / 2;
        Pool {
            first,
            ports: Vec::new(),
            limit,
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

    /// The local port for a leg whose peer may speak from `expected`: the lowest in use on which no other
    /// silent leg expects one of these, else the next unused. `None` when all are taken, or the handle is stale.
    pub fn take(&mut self, port: PortId, expected: &[IpAddr]) -> Option<u16> {
        self.slot(port)?;
        self.vacate(port);
        let expected = canonical(expected);
        let clear = |p: &Shared| !p.spoilt && expected.iter().all(|ip| !p.silent.contains_key(ip));
        // An unused port below the highest counts as open: its socket may still be.
        let at = match self.ports.iter().position(clear) {
            Some(at) => at,
            None if self.ports.len() < self.limit => {
                self.ports.push(Shared::default());
                self.ports.len() - 1
            }
            None => return None,
        };
        self.ports[at].legs += 1;
        let slot = &mut self.slots[port.slot as usize];
        slot.at = Some(at);
        slot.spoken = false;
        self.claim(port, expected);
        Some(self.number(at))
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
        let taken = |ip: &IpAddr| self.ports[at].silent.get(ip).is_some_and(|holder| *holder != port.slot);
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

    /// The leg's local port could not be bound: it is given to nobody again. The leg itself keeps it until released.
    pub fn failed(&mut self, port: PortId) {
        if let Some(at) = self.slot(port).and_then(|slot| slot.at) {
            self.ports[at].spoilt = true;
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
        for ip in expected {
            self.ports[at].silent.insert(ip, port.slot);
            slot.expected.push(ip);
        }
    }

    fn disclaim(&mut self, port: PortId) {
        let slot = &mut self.slots[port.slot as usize];
        let Some(at) = slot.at else { return };
        for ip in slot.expected.drain(..) {
            self.ports[at].silent.remove(&ip);
        }
    }

    fn vacate(&mut self, port: PortId) {
        self.disclaim(port);
        if let Some(at) = self.slots[port.slot as usize].at.take() {
            self.ports[at].legs -= 1;
            // Ports given out and empty again stay in the list: their numbers are reused lowest first.
            while self.ports.last().is_some_and(|p| p.legs == 0 && !p.spoilt) {
                self.ports.pop();
            }
        }
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
    fn a_port_that_cannot_be_bound_is_given_to_nobody_again() {
        let mut pool = Pool::new(20_000, 20_003);
        let [a, b, c] = [pool.open(), pool.open(), pool.open()];
        pool.take(a, &[ip(1)]);
        pool.failed(a);
        pool.release(a);
        assert_eq!((pool.take(b, &[ip(1)]), pool.take(c, &[ip(1)])), (Some(20_002), None));
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
        assert_eq!((pool.in_use(), pool.slots.len(), pool.ports.len()), (0, 1, 0));
    }
}
