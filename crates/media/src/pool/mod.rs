//! Which local UDP port a leg gets.
//!
//! # The rule
//!
//! Legs share a small set of ports, and are told apart by (local port, remote address). Until a leg has been heard,
//! only signalling says where its packets may come from, and there are three kinds of such legs:
//!
//! - **Plain**: the description names a public address, or the source of signalling. The exact address and port tell
//!   the leg from all others, so plain legs of one address share a local port. While such legs are few, each silent leg
//!   has one of the first [`SPREAD`] pairs for itself: then a phone that sends from another UDP port than it names is
//!   still known by its address, because no other leg on its port waits for that address. All further legs go to the
//!   first pair.
//! - **Alone**: the description names a private address, and signalling comes from another address: a NAT is between,
//!   and the packets may come from any port of the NAT's address. No other silent leg that may be heard from this
//!   address shares the port.
//! - **Undescribed**: an INVITE of ours is not yet answered. The Contact tells whether a NAT is between, and so whether
//!   the leg is plain or alone. Where a host has announced one address and port for several calls, its undescribed legs
//!   are alone as well, because its next description may name this address and port again.
//!
//! Two legs that announce the *same* address and port share no local port while another port is left, heard or not. An
//! address that a leg has held stays held for [`LINGER`] after the leg, while its last packets may be on the way.
//!
//! Where these rules leave no port, the leg goes to the port with the most legs that it may be taken for. So calls
//! without sound cost no port, and the fewest legs are in doubt.
//!
//! **Safety does not rest on this module**: the relay gives a packet to a leg only where no other leg on the port can
//! be meant (see [`crate::relay`]). The pool decides which leg is heard at once, and which leg only after the others on
//! its port have been heard or have ended.
//!
//! # Files
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Pool`]: which engine a leg is in | `ranges` |
//! | `range.rs` | the ports of one engine, and the rule above | all of `Range`, its slots and places |
//! | `claim.rs` | the addresses of a peer, and the entries that a leg holds for them | all of [`PeerAddress`], `Claim`, `Crowd` |
//! | `tally.rs` | how many legs have something, by pair of ports | all of `Tally`, `Pairs` |

mod claim;
mod range;
mod tally;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, time::Duration};

use thiserror::Error;

pub use self::claim::PeerAddress;
use self::range::Range;
use crate::MediaId;

/// How many silent plain legs of one address have a pair each. More would make the kernel's batches smaller, fewer
/// would leave fewer phones behind one NAT that may send from another port than they name.
pub const SPREAD: usize = 8;
/// How long a leg that has ended keeps its place from legs that it could be taken for. For the same time the relay
/// learns nothing from the sources of such a leg.
pub const LINGER: Duration = Duration::from_secs(2);

/// Another leg on the same local port may be taken for this leg. Until one of the two is heard or ends, neither is
/// heard from an address that both may have.
#[derive(Copy, Clone, Debug, Error, PartialEq, Eq)]
#[error("another leg on the same port may be heard from the same address")]
pub struct Conflict;

/// The local ports of all engines, and the legs on them. Pure; run by signalling.
#[derive(Debug)]
pub struct Pool {
    /// One for each engine, in the order of their numbers; never empty.
    ranges: Vec<Range>,
}

impl Pool {
    /// A pool of one engine: the even ports from `first` to `last`; RTCP is on the port above each.
    pub fn new(first: u16, last: u16) -> Pool {
        Pool::of_engines(&[(first, last)])
    }

    /// A pool of several engines (at most 256), each with a range of ports (first and last) of its own. Ranges must not
    /// overlap; without any there is one engine without ports.
    pub fn of_engines(ranges: &[(u16, u16)]) -> Pool {
        let ranges = (0..=u8::MAX)
            .zip(ranges)
            .map(|(engine, (first, last))| Range::new(engine, *first, *last));
        let mut ranges: Vec<Range> = ranges.collect();
        if ranges.is_empty() {
            ranges.push(Range::new(0, 1, 0));
        }
        Pool { ranges }
    }

    /// A new leg's handle, on the engine with the fewest legs. Give it back with [`Pool::release`].
    pub fn open(&mut self) -> MediaId {
        let fewest = self.ranges.iter().enumerate().min_by_key(|(_, range)| range.in_use());
        let at = fewest.map_or(0, |(at, _)| at);
        self.ranges[at].open()
    }

    /// A new leg's handle, on the engine of another leg of the same call: only legs of one engine can be bridged.
    pub fn open_beside(&mut self, other: MediaId) -> MediaId {
        match self.range_mut(other) {
            Some(range) => range.open(),
            None => self.open(),
        }
    }

    /// The local port for a leg with that peer, by the rule at the top. `now` is any clock that does not go back, the
    /// same at each call. `None` when the range is empty, or the handle is stale.
    pub fn take(&mut self, now: Duration, leg: MediaId, peer: &PeerAddress) -> Option<u16> {
        self.range_mut(leg)?.take(now, leg, peer)
    }

    /// As [`Pool::take`], on none of these ports: those of the other media lines of the same phone. `None` also where
    /// there is no other port.
    pub fn take_apart(&mut self, now: Duration, leg: MediaId, peer: &PeerAddress, others: &[u16]) -> Option<u16> {
        self.range_mut(leg)?.take_apart(now, leg, peer, others)
    }

    /// Puts a leg back on the local port that it had before, as [`Pool::take`] would with the same peer. `None` where
    /// the port is not one of the engine's range, or the handle is stale.
    pub fn take_again(&mut self, now: Duration, leg: MediaId, peer: &PeerAddress, local_port: u16) -> Option<u16> {
        self.range_mut(leg)?.take_again(now, leg, peer, local_port)
    }

    /// Signalling says where the leg's peer is; the peer was silent, or has `moved` and is silent again until it is
    /// heard from there. The leg keeps its port. A stale handle changes nothing.
    ///
    /// # Errors
    /// Another leg on the port may be taken for this one. That lasts until one of the two is heard or gone.
    pub fn expect(&mut self, now: Duration, leg: MediaId, peer: &PeerAddress, moved: bool) -> Result<(), Conflict> {
        self.range_mut(leg)
            .map_or(Ok(()), |range| range.expect(now, leg, peer, moved))
    }

    /// The leg's peer was heard: it is known by that address and no longer keeps others from its port.
    pub fn learned(&mut self, leg: MediaId, from: SocketAddr) {
        if let Some(range) = self.range_mut(leg) {
            range.learned(leg, from);
        }
    }

    /// Whether the leg may be taken for another one on its port.
    pub fn is_in_doubt(&self, leg: MediaId) -> bool {
        self.range(leg).is_some_and(|range| range.is_in_doubt(leg))
    }

    /// The leg's local port could not be bound: it is given out again only when no other can be. The leg itself keeps
    /// it until released.
    pub fn failed(&mut self, leg: MediaId) {
        if let Some(range) = self.range_mut(leg) {
            range.failed(leg);
        }
    }

    /// Another program has this port, or had at the start: its pair is not given out while there is another.
    pub fn avoid(&mut self, port: u16) {
        self.ranges.iter_mut().for_each(|range| range.avoid(port));
    }

    /// The leg is over. A stale handle changes nothing.
    pub fn release(&mut self, now: Duration, leg: MediaId) {
        if let Some(range) = self.range_mut(leg) {
            range.release(now, leg);
        }
    }

    /// Whether a port is in the range of an engine, as one of RTP or of RTCP.
    pub fn covers(&self, port: u16) -> bool {
        self.ranges.iter().any(|range| range.covers(port))
    }

    /// Legs open now.
    pub fn in_use(&self) -> usize {
        self.ranges.iter().map(Range::in_use).sum()
    }

    /// The local port a leg sits on.
    pub fn local_port(&self, leg: MediaId) -> Option<u16> {
        self.range(leg)?.local_port(leg)
    }

    fn range(&self, leg: MediaId) -> Option<&Range> {
        self.ranges.get(usize::from(leg.engine))
    }

    fn range_mut(&mut self, leg: MediaId) -> Option<&mut Range> {
        self.ranges.get_mut(usize::from(leg.engine))
    }
}
