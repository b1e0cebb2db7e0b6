//! Which way a message takes: functions of addresses only.

use std::net::{IpAddr, SocketAddr};

use sip::{Flow, Transport};

/// The way of a request within a dialog: to its next hop, if that address can be believed.
///
/// RFC 3261 12.2.1.1 sends the request to the first Route or to the remote target. A phone behind a NAT names an
/// address that cannot be reached from outside. So for a phone only the address that its messages come from is used. A
/// peer that is not a phone of ours (`outside`) is believed. The GRUU of a phone names the phone, and no socket
/// (RFC 5627 section 3.3): where it speaks from is the way to it. A connection is used as long as it is open (RFC 5626); the
/// address tells where another connection would be opened.
pub(crate) fn within(next_hop: &str, flow: &Flow, outside: bool) -> Flow {
    let Ok(uri) = sip::Uri::parse(next_hop) else {
        return *flow;
    };
    if !outside && uri.param("gr").is_some() {
        return *flow;
    }
    let transport = uri.transport().unwrap_or(Transport::Udp);
    let Some(address) = uri.host.ip().map(|ip| ip.to_canonical()) else {
        return *flow;
    };
    let same = address == flow.remote.ip().to_canonical();
    let family = address.is_ipv4() == flow.local.ip().to_canonical().is_ipv4();
    if flow.transport != transport || !(same || outside && family) {
        return *flow;
    }
    if !same {
        let remote = SocketAddr::new(address, uri.port.unwrap_or(transport.default_port()));
        return Flow {
            remote,
            connection: None,
            ..*flow
        };
    }
    // Keeps the zone of a link-local IPv6 address (RFC 4007): without the zone the address leads nowhere.
    let mut remote = flow.remote;
    remote.set_port(uri.port.unwrap_or(transport.default_port()));
    Flow { remote, ..*flow }
}

/// A Contact value: how `user` is reached by this transport. `secure` asks for a `sips:` URI.
pub(crate) fn contact(transport: Transport, host: SocketAddr, user: &str, secure: bool) -> String {
    let (user, scheme) = (sip::escape_user(user), if secure { "sips" } else { "sip" });
    match transport {
        Transport::Udp => format!("<{scheme}:{user}@{host}>"),
        // RFC 3261 26.2.2: `sips` means TLS.
        Transport::Tls if secure => format!("<{scheme}:{user}@{host}>"),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            format!("<{scheme}:{user}@{host};transport={}>", transport.uri_name())
        }
    }
}

/// The addresses of these flows, in canonical form.
pub(crate) fn addresses<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> impl Iterator<Item = IpAddr> {
    flows.into_iter().map(|flow| flow.remote.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_sips_where_the_dialog_asks_for_it_and_names_its_transport() {
        let host = "192.0.2.1:5061".parse().unwrap();
        for (transport, plain, secure) in [
            (Transport::Udp, "<sip:1@192.0.2.1:5061>", "<sips:1@192.0.2.1:5061>"),
            (
                Transport::Tcp,
                "<sip:1@192.0.2.1:5061;transport=tcp>",
                "<sips:1@192.0.2.1:5061;transport=tcp>",
            ),
            (
                Transport::Tls,
                "<sip:1@192.0.2.1:5061;transport=tls>",
                "<sips:1@192.0.2.1:5061>",
            ),
            // RFC 7118 5.2: `wss` is not a value of the parameter.
            (
                Transport::Ws,
                "<sip:1@192.0.2.1:5061;transport=ws>",
                "<sips:1@192.0.2.1:5061;transport=ws>",
            ),
            (
                Transport::Wss,
                "<sip:1@192.0.2.1:5061;transport=ws>",
                "<sips:1@192.0.2.1:5061;transport=ws>",
            ),
        ] {
            assert_eq!(contact(transport, host, "1", false), plain);
            assert_eq!(contact(transport, host, "1", true), secure);
        }
    }

    #[test]
    fn a_gruu_leads_to_where_the_phone_speaks_from() {
        let flow = Flow {
            transport: Transport::Udp,
            local: "127.0.0.1:15060".parse().unwrap(),
            remote: "127.0.0.1:15782".parse().unwrap(),
            connection: None,
        };
        let to = |uri: &str| within(uri, &flow, false).remote.port();
        assert_eq!(
            to("sip:102@127.0.0.1;gr=urn:uuid:00f7362e-811b-00ff-bf3b-ae046a27bd11"),
            15_782
        );
        assert_eq!(to("sip:t1@127.0.0.1;gr"), 15_782);
        assert_eq!(to("sip:102@127.0.0.1:5062"), 5_062);
    }

    #[test]
    fn the_way_within_a_dialog_keeps_the_zone_of_a_link_local_address() {
        let flow = Flow {
            transport: Transport::Udp,
            local: "[fe80::1]:5060".parse().unwrap(),
            remote: "[fe80::9%3]:6060".parse().unwrap(),
            connection: None,
        };
        let to = |uri: &str| within(uri, &flow, false).remote.to_string();
        assert_eq!(to("sip:101@[fe80::9]:5062"), "[fe80::9%3]:5062");
        assert_eq!(to("sip:101@[fe80::9]"), "[fe80::9%3]:5060");
        assert_eq!(to("sip:101@[fe80::8]:5062"), "[fe80::9%3]:6060");
    }
}
