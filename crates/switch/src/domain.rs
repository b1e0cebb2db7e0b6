//! Our own names: the domain, and the addresses to which requests may be addressed.

use std::net::{IpAddr, SocketAddr};

use sip::{Flow, Host, Uri};

use crate::Listener;

/// The names and addresses that mean this PBX.
#[derive(Clone, Debug)]
pub struct Domain {
    name: String,
    advertised: Option<IpAddr>,
    listeners: Vec<Listener>,
}

impl Domain {
    /// The SIP domain, and the address put into Via and Contact if one is configured.
    pub fn new(name: impl Into<String>, advertised: Option<IpAddr>) -> Self {
        Self {
            name: name.into(),
            advertised,
            listeners: Vec::new(),
        }
    }

    /// The SIP domain: also the realm of digest authentication.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a host is the SIP domain by name.
    pub fn is_name(&self, host: Host<'_>) -> bool {
        matches!(host, Host::Name(name) if name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case(&self.name))
    }

    /// Tells on which sockets we listen.
    pub fn listen(&mut self, listeners: &[Listener]) {
        self.listeners = listeners.to_vec();
    }

    /// Whether a host means us. It does if it is the domain (in any case, with or without a final dot), `localhost`,
    /// the advertised address, an address on which we listen, or the address to which the message came. If we listen on
    /// a wildcard, any loopback address means us too.
    ///
    /// The port does not count: see [`Domain::is_meant_by`].
    pub fn owns(&self, host: Host<'_>, flow: &Flow) -> bool {
        match host {
            Host::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name.eq_ignore_ascii_case(&self.name) || name.eq_ignore_ascii_case("localhost")
            }
            Host::V4(address) => self.owns_address(address.into(), flow),
            Host::V6(address) => self.owns_address(address.into(), flow),
        }
    }

    /// Whether a Request-URI means us (RFC 3261 8.2.2.1). Its host must mean us. If the host is an address on which we
    /// listen and the URI names a port, we must listen on that port: another port of the same machine belongs to
    /// another program.
    ///
    /// The port does not count for a name, nor for an advertised address that is not an address of this machine: behind
    /// a NAT or a container's port mapping the port is another one.
    pub fn is_meant_by(&self, uri: &Uri<'_>, flow: &Flow) -> bool {
        self.owns(uri.host, flow)
            && match (uri.host.ip(), uri.port) {
                (Some(address), Some(port)) => self.is_mapped(address, flow) || self.listens_on(port, flow),
                (Some(_) | None, _) => true,
            }
    }

    /// Whether an address is our address as seen from outside, and not an address of this machine.
    fn is_mapped(&self, address: IpAddr, flow: &Flow) -> bool {
        let address = address.to_canonical();
        let mut bound = self
            .listeners
            .iter()
            .map(|listener| listener.address.ip().to_canonical());
        self.advertised
            .is_some_and(|advertised| advertised.to_canonical() == address)
            && address != flow.local.ip().to_canonical()
            && !bound.any(|bound| bound == address)
    }

    fn listens_on(&self, port: u16, flow: &Flow) -> bool {
        port == flow.local.port() || self.listeners.iter().any(|listener| listener.address.port() == port)
    }

    fn owns_address(&self, address: IpAddr, flow: &Flow) -> bool {
        let address = address.to_canonical();
        if address.is_unspecified() {
            return false;
        }
        address == flow.local.ip().to_canonical()
            || self
                .advertised
                .is_some_and(|advertised| advertised.to_canonical() == address)
            || self.listeners.iter().any(|listener| {
                let bound = listener.address.ip().to_canonical();
                bound == address || (bound.is_unspecified() && address.is_loopback())
            })
    }

    /// Whether a From URI hides the number of its caller: `sip:anonymous@anonymous.invalid` (RFC 3323 4.1.1.3). Some
    /// phones write one of our hosts instead.
    pub fn is_anonymous(&self, uri: &Uri<'_>, flow: &Flow) -> bool {
        let invalid = matches!(uri.host, Host::Name(name) if name.eq_ignore_ascii_case("anonymous.invalid"));
        let host_fits = invalid || self.owns(uri.host, flow);
        host_fits && uri.user_unescaped().eq_ignore_ascii_case("anonymous")
    }

    /// Whether a URI leads back to one of our listeners, so that a request to it would come to us again.
    pub fn is_own_socket(&self, uri: &Uri<'_>, flow: &Flow) -> bool {
        let Some(address) = uri.host.ip() else {
            let listened = |port| self.listeners.iter().any(|listener| listener.address.port() == port);
            return uri.port.is_none_or(listened) && self.owns(uri.host, flow);
        };
        let transport = uri.transport().unwrap_or(flow.transport);
        let port = uri.port.unwrap_or(transport.default_port());
        let port_is_ours = self.listeners.iter().any(|listener| listener.address.port() == port);
        let target = SocketAddr::new(address.to_canonical(), port);
        target == SocketAddr::new(flow.local.ip().to_canonical(), flow.local.port())
            || (port_is_ours && self.owns_address(address, flow))
    }
}

#[cfg(test)]
mod tests {
    use sip::Transport;

    use super::*;

    fn domain() -> (Domain, Flow) {
        let mut domain = Domain::new("Example.com", Some([192, 0, 2, 1].into()));
        let listener = |text: &str| Listener {
            transport: Transport::Udp,
            address: text.parse().unwrap(),
        };
        domain.listen(&[listener("0.0.0.0:5060"), listener("[2001:db8::1]:5062")]);
        let flow = Flow {
            transport: Transport::Udp,
            local: "198.51.100.7:5060".parse().unwrap(),
            remote: "203.0.113.9:5060".parse().unwrap(),
            connection: None,
        };
        (domain, flow)
    }

    #[test]
    fn the_domain_and_every_address_of_ours_are_ours() {
        let (domain, flow) = domain();
        for (host, ours) in [
            ("example.COM", true),
            ("example.com.", true),
            ("localhost", true),
            ("192.0.2.1", true),
            ("198.51.100.7", true),
            ("127.0.0.1", true),
            ("[2001:db8::1]", true),
            ("[::ffff:192.0.2.1]", true),
            ("203.0.113.9", false),
            ("0.0.0.0", false),
            ("[2001:db8::2]", false),
            ("sub.example.com", false),
            ("example.org", false),
        ] {
            let uri = format!("sip:{host}:7000");
            assert_eq!(domain.owns(Uri::parse(&uri).unwrap().host, &flow), ours, "{host}");
        }
    }

    #[test]
    fn a_phone_means_us_by_each_of_our_addresses_with_a_port_of_ours_or_none() {
        let mut domain = Domain::new("Example.com", Some([192, 0, 2, 1].into()));
        domain.listen(&[Listener {
            transport: Transport::Udp,
            address: "0.0.0.0:5070".parse().unwrap(),
        }]);
        let flow = Flow {
            local: "198.51.100.7:5062".parse().unwrap(),
            ..self::domain().1
        };
        for (uri, ours) in [
            ("sip:103@example.com", true),
            ("sips:103@example.com:5070", true),
            ("sip:103@192.0.2.1", true),
            ("sip:103@198.51.100.7;transport=tcp", true),
            ("sip:103@198.51.100.7:5062", true),
            ("sip:103@127.0.0.1:5070", true),
            // The advertised address: a port mapping may have changed our port.
            ("sip:103@192.0.2.1:5060", true),
            ("sip:103@127.0.0.1:5071", false),
            ("sip:103@example.org", false),
            ("sip:103@203.0.113.9:5070", false),
        ] {
            assert_eq!(domain.is_meant_by(&Uri::parse(uri).unwrap(), &flow), ours, "{uri}");
        }
    }

    #[test]
    fn another_port_of_an_address_of_ours_is_not_ours() {
        let (mut domain, flow) = domain();
        for (uri, ours) in [
            ("sip:101@198.51.100.7", true),
            ("sip:101@198.51.100.7:5060", true),
            ("sip:101@198.51.100.7:5062", true),
            ("sip:101@198.51.100.7:7000", false),
            ("sip:101@127.0.0.1:7000", false),
            ("sip:101@[2001:db8::1]:7000", false),
            ("sip:101@203.0.113.9:5060", false),
            // A NAT or a port mapping may have changed our port.
            ("sip:101@192.0.2.1:7000", true),
            ("sip:101@example.com:7000", true),
        ] {
            assert_eq!(domain.is_meant_by(&Uri::parse(uri).unwrap(), &flow), ours, "{uri}");
        }
        // An advertised address that is an address of this machine is not mapped.
        domain.advertised = Some(flow.local.ip());
        assert!(!domain.is_meant_by(&Uri::parse("sip:101@198.51.100.7:7000").unwrap(), &flow));
    }

    #[test]
    fn a_uri_that_leads_back_to_us_is_known() {
        let (domain, flow) = domain();
        for (uri, own) in [
            ("sip:101@198.51.100.7:5060", true),
            ("sip:101@198.51.100.7", true),
            ("sip:101@198.51.100.7:5062", true),
            ("sip:101@127.0.0.1:5060;transport=tcp", true),
            ("sip:101@127.0.0.1:5070", false),
            ("sip:101@203.0.113.9:5060", false),
            ("sip:101@example.com", true),
            ("sip:101@example.com:5062", true),
            ("sip:101@example.com:5099", false),
            ("sip:101@phone.example.org", false),
        ] {
            assert_eq!(domain.is_own_socket(&Uri::parse(uri).unwrap(), &flow), own, "{uri}");
        }
    }
}
