//! The addresses of a leg's peer, and the entries that the leg holds on its port for them.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use super::tally::Tally;
use crate::Remote;

/// Where a leg's peer may be heard from, as signalling has it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// Where its signalling comes from.
    pub signalling: IpAddr,
    /// Where its description says that it takes RTP; `None` while there is no description.
    pub rtp: Option<SocketAddr>,
    /// Whether there seems to be a NAT between, while there is no description.
    pub behind_nat: bool,
}

impl PeerAddress {
    /// A peer of which only the signalling address is known.
    pub fn undescribed(signalling: IpAddr, behind_nat: bool) -> PeerAddress {
        PeerAddress {
            signalling: signalling.to_canonical(),
            rtp: None,
            behind_nat,
        }
    }

    /// A peer as its description has it.
    pub fn described(signalling: IpAddr, remote: &Remote) -> PeerAddress {
        let rtp = remote.rtp;
        PeerAddress {
            signalling: signalling.to_canonical(),
            rtp: rtp.map(|rtp| SocketAddr::new(rtp.ip().to_canonical(), rtp.port())),
            behind_nat: false,
        }
    }

    fn is_alone(&self) -> bool {
        match self.rtp {
            Some(rtp) => rtp.ip() != self.signalling && is_private(rtp.ip()),
            None => self.behind_nat,
        }
    }
}

/// An address that means another host elsewhere (RFC 1918, RFC 6598, RFC 4193, and link-local ones).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The legs that may be heard from one address, by pair.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Silent, and told apart by an exact address.
    pub(super) plain: Tally,
    /// Silent, and to be told by the address alone.
    pub(super) alone: Tally,
    /// Heard.
    pub(super) heard: Tally,
}

impl Crowd {
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.alone.is_empty() && self.heard.is_empty()
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Alone,
    Heard,
}

/// The entries that a leg holds on its pair.
#[derive(Debug)]
pub(super) struct Claim {
    /// No description yet.
    pub(super) undescribed: bool,
    /// The addresses with ports of its own: as announced, and as heard.
    pub(super) exact: SmallVec<[SocketAddr; 2]>,
    /// The addresses that it may be heard from, and how it is told from other legs there.
    pub(super) addresses: SmallVec<[(IpAddr, Kind); 2]>,
}

impl Claim {
    pub(super) fn silent(peer: &PeerAddress) -> Claim {
        let kind = if peer.is_alone() { Kind::Alone } else { Kind::Plain };
        let mut addresses = SmallVec::from_slice(&[(peer.signalling, kind)]);
        if let Some(rtp) = peer.rtp.filter(|rtp| rtp.ip() != peer.signalling) {
            // Behind NATs many phones have the same private address: it is of use only with its port.
            addresses.push((rtp.ip(), Kind::Plain));
        }
        Claim {
            undescribed: peer.rtp.is_none(),
            exact: peer.rtp.into_iter().collect(),
            addresses,
        }
    }

    pub(super) fn heard(announced: Option<SocketAddr>, from: SocketAddr) -> Claim {
        let mut exact = SmallVec::from_slice(&[from]);
        exact.extend(announced.filter(|announced| *announced != from));
        Claim {
            undescribed: false,
            exact,
            addresses: SmallVec::from_slice(&[(from.ip(), Kind::Heard)]),
        }
    }
}
