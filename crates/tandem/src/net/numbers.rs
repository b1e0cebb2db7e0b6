//! The numbers of connections, and the name that the peer of a connection of ours has to prove.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, rc::Rc};

use sip::{ConnectionId, Transport};

/// Peers with a name whose numbers are kept, in each of two generations: those used since the last change of generations,
/// and those used before. A number that is forgotten leads nowhere: the message that names it fails.
const NAMED: usize = 4_096;

/// A peer to which Tandem opens connections, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    /// A transport under TLS.
    pub(super) transport: Transport,
    /// Its address.
    pub(super) remote: SocketAddr,
    /// What it has to prove: the host of the URI that led to it, in lower case, without a dot at the end (RFC 5922 section
    /// 7.1). For an address in the URI: that address, as [`std::net::IpAddr`] writes it.
    pub(super) name: Rc<str>,
}

/// The numbers of all connections; see the module and [`switch::Ways`].
#[derive(Default)]
pub(super) struct Numbers {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    recent: Generation,
    earlier: Generation,
}

#[derive(Default)]
struct Generation {
    by_peer: HashMap<Peer, ConnectionId>,
    by_number: HashMap<ConnectionId, Peer>,
}

impl Numbers {
    /// A number for a connection that a peer has opened, or for one to a peer without a name.
    pub(super) fn next(&self) -> ConnectionId {
        self.inner.borrow_mut().next()
    }

    /// The number of the connection to this peer, which need not be open: the same each time.
    pub(super) fn to(&self, peer: Peer) -> ConnectionId {
        let mut inner = self.inner.borrow_mut();
        if let Some(number) = inner.recent.by_peer.get(&peer) {
            return *number;
        }
        let earlier = inner.earlier.by_peer.remove(&peer);
        let number = earlier.unwrap_or_else(|| inner.next());
        inner.earlier.by_number.remove(&number);
        inner.keep(number, peer);
        number
    }

    /// The peer that a connection with this number leads to, if Tandem opens it; `None` for every other connection.
    pub(super) fn peer(&self, number: ConnectionId) -> Option<Peer> {
        let mut inner = self.inner.borrow_mut();
        if let Some(peer) = inner.recent.by_number.get(&number) {
            return Some(peer.clone());
        }
        let peer = inner.earlier.by_number.remove(&number)?;
        inner.earlier.by_peer.remove(&peer);
        inner.keep(number, peer.clone());
        Some(peer)
    }
}

impl Inner {
    fn next(&mut self) -> ConnectionId {
        self.last += 1;
        ConnectionId(self.last)
    }

    fn keep(&mut self, number: ConnectionId, peer: Peer) {
        if self.recent.by_peer.len() >= NAMED {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.by_peer.insert(peer.clone(), number);
        self.recent.by_number.insert(number, peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16, name: &str) -> Peer {
        Peer {
            transport: Transport::Tls,
            remote: SocketAddr::from(([127, 0, 0, 1], port)),
            name: name.into(),
        }
    }

    #[test]
    fn each_name_at_an_address_has_a_connection_of_its_own_that_keeps_its_number() {
        let numbers = Numbers::default();
        let (one, other) = (peer(5061, "a.example"), peer(5061, "b.example"));
        let first = numbers.to(one.clone());
        let accepted = numbers.next();
        let second = numbers.to(other.clone());
        assert!(first != second && accepted != first && accepted != second);
        assert_eq!((numbers.to(one.clone()), numbers.to(other)), (first, second));
        assert_eq!(numbers.peer(first), Some(one));
        assert_eq!(numbers.peer(accepted), None, "a connection that a peer has opened");
    }

    #[test]
    fn a_peer_in_use_is_remembered_and_others_are_forgotten() {
        let numbers = Numbers::default();
        let used = numbers.to(peer(1, "trunk.example"));
        let unused = numbers.to(peer(2, "once.example"));
        for n in 0..3 * NAMED {
            numbers.to(peer(3, &format!("{n}.example")));
            if n % 1_000 == 0 {
                assert_eq!(numbers.to(peer(1, "trunk.example")), used);
            }
        }
        assert_eq!(numbers.peer(used), Some(peer(1, "trunk.example")));
        assert_eq!(numbers.peer(unused), None);
        let inner = numbers.inner.borrow();
        for generation in [&inner.recent, &inner.earlier] {
            assert!(generation.by_peer.len() <= NAMED);
            assert_eq!(generation.by_peer.len(), generation.by_number.len());
        }
    }
}
