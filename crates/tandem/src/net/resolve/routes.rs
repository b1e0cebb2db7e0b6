//! From the addresses of a host to ways: each needs one of our listeners to be sent from.

use std::{net::SocketAddr, rc::Rc};

use sip::{Flow, Transport};
use switch::{Listener, Unresolved, Ways};

use crate::net::{
    local::Routes,
    numbers::{Numbers, Peer},
};

/// One socket of a host.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
}

/// What we have to send from.
pub(super) struct Outgoing {
    pub(super) routes: Rc<Routes>,
    pub(super) listeners: Vec<Listener>,
    pub(super) numbers: Rc<Numbers>,
}

impl Outgoing {
    /// Whether we listen on this transport.
    pub(super) fn speaks(&self, transport: Transport) -> bool {
        self.listeners.iter().any(|listener| listener.transport == transport)
    }

    /// The ways to these sockets of a host, in their order. `name`: what a peer under TLS must prove; see
    /// [`Peer::name`].
    pub(super) fn ways(&self, sockets: impl IntoIterator<Item = Socket>, name: &Rc<str>) -> Ways {
        let flows: Vec<Flow> = sockets
            .into_iter()
            .filter_map(|socket| self.way(socket, name))
            .collect();
        if flows.is_empty() {
            return Err(Unresolved::NoWay);
        }
        Ok(flows)
    }

    fn way(&self, Socket { transport, remote }: Socket, name: &Rc<str>) -> Option<Flow> {
        let mut usable = self
            .listeners
            .iter()
            .filter(|l| l.transport == transport && l.address.is_ipv4() == remote.is_ipv4());
        // Most machines have no listener for some of the addresses: no need to ask for a route.
        usable.clone().next()?;
        let source = self.routes.to(remote.ip())?;
        let exact = usable.clone().find(|l| l.address.ip() == source);
        let any = usable.clone().find(|l| l.address.ip().is_unspecified());
        let listener = exact.or(any).or_else(|| usable.next())?;
        let ip = if listener.address.ip().is_unspecified() {
            source
        } else {
            listener.address.ip()
        };
        let connection = transport.is_secure().then(|| {
            self.numbers.to(Peer {
                transport,
                remote,
                name: Rc::clone(name),
            })
        });
        Some(Flow {
            transport,
            local: SocketAddr::new(ip, listener.address.port()),
            remote,
            connection,
        })
    }
}

#[cfg(test)]
mod tests {
    use sip::ConnectionId;

    use super::*;

    fn outgoing(listeners: &[(Transport, &str)]) -> Outgoing {
        let listener = |(transport, address): &(Transport, &str)| Listener {
            transport: *transport,
            address: address.parse().unwrap(),
        };
        Outgoing {
            routes: Rc::default(),
            listeners: listeners.iter().map(listener).collect(),
            numbers: Rc::default(),
        }
    }

    #[test]
    fn a_way_under_tls_names_the_connection_on_which_its_peer_proves_the_host_of_the_uri() {
        let out = outgoing(&[(Transport::Udp, "127.0.0.1:5060"), (Transport::Tls, "127.0.0.1:5061")]);
        let sockets = |transports: &[Transport]| -> Vec<Socket> {
            let socket = |transport: &Transport| Socket {
                transport: *transport,
                remote: "127.0.0.9:5071".parse().unwrap(),
            };
            transports.iter().map(socket).collect()
        };
        let connections = |name: &str, transports: &[Transport]| -> Vec<Option<ConnectionId>> {
            let flows = out.ways(sockets(transports), &name.into()).unwrap();
            flows.iter().map(|flow| flow.connection).collect()
        };
        let [Some(one), None] = connections("a.example", &[Transport::Tls, Transport::Udp])[..] else {
            panic!("only TLS has to prove a name")
        };
        let [Some(other)] = connections("b.example", &[Transport::Tls])[..] else {
            panic!("no connection")
        };
        assert_ne!(one, other, "another name is proved on another connection");
        assert_eq!(connections("a.example", &[Transport::Tls]), [Some(one)]);
        assert_eq!(out.numbers.peer(one).map(|peer| peer.name), Some("a.example".into()));
        assert_eq!(
            out.ways(sockets(&[Transport::Tcp]), &"a.example".into()),
            Err(Unresolved::NoWay)
        );
    }
}
