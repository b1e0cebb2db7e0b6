//! The servers of a host, and the order in which they are tried (RFC 2782, RFC 3263 section 4.2).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use sip::Transport;

use super::{find::ADDRESSES, routes::Socket};

/// Sockets of one host that are tried in turn.
const SOCKETS: usize = 16;

/// One server of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// The place of its transport among those of the host; lower is tried first.
    pub(super) rank: u16,
    /// Lower is tried first.
    pub(super) priority: u16,
    /// Its share among servers of the same priority.
    pub(super) weight: u16,
    pub(super) transport: Transport,
    pub(super) port: u16,
    pub(super) addresses: Vec<IpAddr>,
}

/// What the look-up of a host has found, and how long that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// By rank and priority.
    servers: Vec<Server>,
    pub(super) ttl: Duration,
}

impl Found {
    pub(super) fn new(mut servers: Vec<Server>, ttl: Duration) -> Self {
        // RFC 2782: servers of weight 0 come first in the list from which is drawn.
        servers.sort_by_key(|server| (server.rank, server.priority, server.weight > 0));
        for server in &mut servers {
            server.addresses = interleaved(&server.addresses);
        }
        Self { servers, ttl }
    }

    /// The sockets in the order in which they are to be tried. `chance` gives a number from 0 to its argument.
    pub(super) fn sockets(&self, mut chance: impl FnMut(u32) -> u32) -> Vec<Socket> {
        let mut sockets = Vec::with_capacity(SOCKETS.min(self.servers.len()));
        for group in self
            .servers
            .chunk_by(|one, other| (one.rank, one.priority) == (other.rank, other.priority))
        {
            let mut left: Vec<&Server> = group.iter().collect();
            while !left.is_empty() && sockets.len() < SOCKETS {
                let server = left.remove(drawn(&left, &mut chance));
                let at = |ip: &IpAddr| Socket {
                    transport: server.transport,
                    remote: SocketAddr::new(*ip, server.port),
                };
                sockets.extend(server.addresses.iter().map(at));
            }
        }
        sockets.truncate(SOCKETS);
        sockets
    }
}

/// The place of the server that is next (RFC 2782, "Weight"): a server is drawn as often as its weight says.
fn drawn(left: &[&Server], chance: &mut impl FnMut(u32) -> u32) -> usize {
    if left.len() < 2 {
        return 0;
    }
    let sum = left.iter().map(|server| u32::from(server.weight)).sum();
    let mark = chance(sum);
    let mut running = 0;
    let reaches = |server: &&Server| {
        running += u32::from(server.weight);
        running >= mark
    };
    left.iter().position(reaches).unwrap_or(0)
}

/// RFC 7984 section 4, RFC 6724: IPv6 first, then each family in turn, so that a family that does not work costs one try
/// only before the other is tried.
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|ip| ip.is_ipv6());
    v6.truncate(ADDRESSES);
    v4.truncate(ADDRESSES);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut mixed = Vec::with_capacity(ADDRESSES);
    while mixed.len() < ADDRESSES {
        let (one, other) = (v6.next(), v4.next());
        if one.is_none() && other.is_none() {
            break;
        }
        mixed.extend(one.into_iter().chain(other));
    }
    mixed.truncate(ADDRESSES);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(priority: u16, weight: u16, last: u8) -> Server {
        Server {
            rank: 0,
            priority,
            weight,
            transport: Transport::Udp,
            port: 5060,
            addresses: vec![IpAddr::from([192, 0, 2, last])],
        }
    }

    fn last(socket: &Socket) -> u8 {
        match socket.remote.ip() {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => 0,
        }
    }

    #[test]
    fn servers_are_tried_by_priority_and_drawn_by_weight() {
        // The example of RFC 2782: old-slow-box 1, new-fast-box 3, sysadmins-box and server of the next priority.
        let found = Found::new(
            vec![server(1, 0, 4), server(0, 3, 2), server(0, 1, 1), server(1, 0, 3)],
            Duration::ZERO,
        );
        let mut first = [0; 5];
        for mark in 0..=4 {
            let mut marks = [mark, 0].into_iter();
            let order: Vec<u8> = found
                .sockets(|sum| marks.next().unwrap().min(sum))
                .iter()
                .map(last)
                .collect();
            first[usize::from(order[0])] += 1;
            assert_eq!(order[2..], [4, 3], "the next priority comes last: {order:?}");
        }
        assert_eq!(
            (first[1], first[2]),
            (1, 4),
            "marks 0 to 3 fall on the server of weight 3"
        );
    }

    #[test]
    fn a_weight_of_nothing_is_drawn_rarely_and_comes_all_the_same() {
        let found = Found::new(vec![server(0, 10, 1), server(0, 0, 2)], Duration::ZERO);
        let order = |mark: u32| -> Vec<u8> { found.sockets(|_| mark).iter().map(last).collect() };
        assert_eq!(order(0), [2, 1]);
        for mark in 1..=10 {
            assert_eq!(order(mark), [1, 2]);
        }
    }

    #[test]
    fn the_families_of_one_server_take_turns() {
        let both = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"].map(|ip| ip.parse().unwrap());
        let order = interleaved(&both).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(order, ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    }

    #[test]
    fn thousands_of_servers_are_cut() {
        let many = (0..4_000).map(|n| server(n / 7, n, 1)).collect();
        assert_eq!(Found::new(many, Duration::ZERO).sockets(|_| 0).len(), SOCKETS);
        let addresses = vec![IpAddr::from([192, 0, 2, 1]); 4_000];
        assert_eq!(interleaved(&addresses).len(), ADDRESSES);
    }
}
