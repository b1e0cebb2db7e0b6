//! Where a message came from and the way it goes: transports and flows.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// A transport of RFC 3261 section 18 or RFC 7118.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// Datagrams: unreliable, one message each.
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream under TLS.
    Tls,
    /// RFC 7118 over plain WebSocket.
    Ws,
    /// RFC 7118 over secure WebSocket.
    Wss,
}

impl Transport {
    /// Whether the transport retransmits by itself (RFC 3261 17.1.1.1), so that timers A, E and G
    /// are off and timers D, I, J and K are zero.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether the transport may carry a `sips:` request (RFC 3261 26.2.2).
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The name in a Via header field, such as `UDP`.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The name in settings, records and logs, such as `udp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The value of a URI's `transport` parameter, such as `udp`.
    ///
    /// RFC 7118 section 5.2 knows `ws` only: that the WebSocket is secure is said by the scheme `sips`.
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Udp | Self::Tcp | Self::Tls | Self::Ws => self.name(),
            Self::Wss => Self::Ws.name(),
        }
    }

    /// The same under TLS: what a `sips:` URI means by this `transport` parameter (RFC 3261 26.2.2, RFC 7118 section 5.2).
    /// UDP has none such here and stays as it is.
    pub const fn secured(self) -> Self {
        match self {
            Self::Udp => Self::Udp,
            Self::Tcp | Self::Tls => Self::Tls,
            Self::Ws | Self::Wss => Self::Wss,
        }
    }

    /// The port where none is given (RFC 3261 19.1.2, RFC 7118 section 5.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Reads a transport's name as it stands in a Via, a URI parameter or a setting, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| name.eq_ignore_ascii_case(transport.name()))
    }
}

/// Not the name of a transport.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct UnknownTransport;

impl std::str::FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(name: &str) -> Result<Self, UnknownTransport> {
        Self::from_name(name).ok_or(UnknownTransport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One connection of a connection-oriented transport, as the shell numbers them; never reused.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// The way between us and a peer: what a message came in on, and what it goes out on.
///
/// `local` is an address of one of our listeners (with the concrete address that routes to the
/// peer, never a wildcard), also on a TCP connection that we opened from an ephemeral port: it is
/// what Via and Contact say. A message sent with a `connection` that has gone is sent over another
/// one to `remote`, opened if there is none (RFC 3261 18.2.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// Our listener's side.
    pub local: SocketAddr,
    /// The peer's side, as seen from here (behind its NAT).
    pub remote: SocketAddr,
    /// The connection, where there is one already.
    pub connection: Option<ConnectionId>,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secure_websocket_is_ws_in_a_uri_and_wss_elsewhere() {
        let wss = Transport::Wss;
        assert_eq!((wss.uri_name(), wss.name(), wss.via_name()), ("ws", "wss", "WSS"));
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, wss] {
            assert_eq!(Transport::from_name(transport.via_name()), Some(transport));
            assert_eq!(transport.to_string().parse(), Ok(transport));
        }
    }
}
