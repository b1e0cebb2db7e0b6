//! Which local address packets to a peer leave from.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// Peers whose route is remembered; beyond that, all are forgotten and asked for again.
const REMEMBERED: usize = 4_096;
/// How long a route is believed: an interface may come or go.
const BELIEVED: Duration = Duration::from_secs(30);

/// The routing table's answers, remembered for a while.
#[derive(Default)]
pub(super) struct Routes {
    known: RefCell<HashMap<IpAddr, (Instant, Option<IpAddr>)>>,
}

impl Routes {
    /// The local address that routes to `peer`; `None` if there is no route.
    pub(super) fn to(&self, peer: IpAddr) -> Option<IpAddr> {
        let mut known = self.known.borrow_mut();
        let now = Instant::now();
        if let Some((asked, local)) = known.get(&peer)
            && now.duration_since(*asked) < BELIEVED
        {
            return *local;
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let local = route_to(peer);
        known.insert(peer, (now, local));
        local
    }
}

/// The local address packets to `peer` leave from. (Connecting a datagram socket sends nothing, but makes
/// the kernel choose.)
pub fn route_to(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(peer, 9)).ok()?;
    let local = socket.local_addr().ok()?.ip();
    (!local.is_unspecified()).then_some(local)
}

/// The addresses other machines most likely reach this one by: those that route outwards.
pub fn public_addresses() -> Vec<IpAddr> {
    // For documentation (RFC 5737, RFC 3849): nothing is sent there.
    let outside: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::new(203, 0, 113, 1).into(), Ipv4Addr::LOCALHOST.into()),
        (
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    ];
    let ours = |(outside, alone): (IpAddr, IpAddr)| {
        let address = route_to(outside).or_else(|| interface_address(outside.is_ipv4()));
        address.unwrap_or(alone)
    };
    outside.map(ours).into()
}

/// The address of the first interface that others may reach us by: for a machine without a way outwards.
pub fn interface_address(v4: bool) -> Option<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().ok()?;
    let address = |interface: nix::ifaddrs::InterfaceAddress| -> Option<IpAddr> {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    };
    interfaces
        .filter_map(address)
        .find(|ip| ip.is_ipv4() == v4 && !ip.is_loopback() && !is_link_local(ip))
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
