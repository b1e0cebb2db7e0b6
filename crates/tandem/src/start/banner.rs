//! The text for a person at start: settings for a phone, and the address of the page.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

use sip::Transport;
use switch::Listener;

use super::database::Made;

/// The facts of the banner.
pub(super) struct Banner<'a> {
    pub(super) listeners: &'a [Listener],
    pub(super) http: SocketAddr,
    /// The realm of the digests, which some phones ask for.
    pub(super) domain: &'a str,
    /// The addresses phones reach this machine by, of either family at most one.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) made: &'a Made,
    /// The fault of the dialplan, if there is one.
    pub(super) broken: Option<&'a str>,
}

impl Banner<'_> {
    /// The text, ending in an empty line.
    pub(super) fn text(&self) -> String {
        let mut text = String::from("\nTandem is running.\n\n");
        for (number, (place, transports)) in servers(self.listeners, &self.addresses).into_iter().enumerate() {
            let names: Vec<_> = transports.iter().map(|transport| transport.via_name()).collect();
            let server = format!("{place} ({})", names.join(" or "));
            let label = if number == 0 { "Phones: server" } else { "" };
            let _ = writeln!(text, "  {label:<15} {server}");
        }
        let _ = writeln!(
            text,
            "  {:<15} {} (if the phone asks for one)",
            "        domain", self.domain
        );
        for (user, password) in &self.made.extensions {
            let _ = writeln!(text, "  {:<15} {user}   password {password}", "        user");
        }
        let _ = writeln!(
            text,
            "  {:<15} http://{}/",
            "Web page:",
            reached(&self.addresses, self.http).unwrap_or(self.http)
        );
        if let Some(token) = &self.made.token {
            let _ = writeln!(text, "  {:<15} {token}", "Admin token:");
        }
        let shown_once = !self.made.extensions.is_empty() || self.made.token.is_some();
        if shown_once {
            text.push_str("\nThe secrets are shown only this once; only hashes are kept.");
        }
        if let [(first, _), (second, _), ..] = self.made.extensions.as_slice() {
            let _ = write!(
                text,
                "\nPut {first} and {second} into two phones, then dial {second} from {first}; *43 is an echo test."
            );
        }
        text.push_str(if shown_once { "\n" } else { "" });
        if let Some(broken) = self.broken {
            let _ = writeln!(text, "{broken}");
        }
        text.push_str("Stop with Ctrl-C. More: tandem serve --help\n\n");
        text
    }
}

/// The address by which other machines reach a bound socket, if they can. A socket that is bound to all addresses is
/// reached by one of `addresses`.
fn reached(addresses: &[IpAddr], bound: SocketAddr) -> Option<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return Some(bound);
    }
    let ip = addresses.iter().find(|ip| ip.is_ipv4() == bound.is_ipv4())?;
    Some(SocketAddr::new(*ip, bound.port()))
}

/// Where phones sign in: each address once, with its port and transports.
pub(super) fn servers(listeners: &[Listener], addresses: &[IpAddr]) -> Vec<(SocketAddr, Vec<Transport>)> {
    let mut places: Vec<(SocketAddr, Vec<Transport>)> = Vec::new();
    for listener in listeners {
        let Some(place) = reached(addresses, listener.address) else {
            continue;
        };
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, transports)) => transports.push(listener.transport),
            None => places.push((place, vec![listener.transport])),
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> Vec<Listener> {
        [
            "udp:0.0.0.0:5060",
            "tcp:0.0.0.0:5060",
            "udp:[::1]:5070",
            "tcp:[::]:5060",
        ]
        .map(|text| {
            let (transport, address) = text.split_once(':').unwrap();
            Listener {
                transport: Transport::from_name(transport).unwrap(),
                address: address.parse().unwrap(),
            }
        })
        .into()
    }

    fn text(made: &Made) -> String {
        let addresses = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        Banner {
            listeners: &listeners(),
            http: "0.0.0.0:8080".parse().unwrap(),
            domain: "pbx.example",
            addresses,
            made,
            broken: None,
        }
        .text()
    }

    #[test]
    fn a_first_start_says_what_to_type_into_a_phone() {
        let extensions = vec![("101".into(), "secret1".into()), ("102".into(), "secret2".into())];
        let text = text(&Made {
            extensions,
            token: Some("tdm_x".into()),
        });
        for part in [
            "192.0.2.7:5060 (UDP or TCP)\n",
            "[::1]:5070 (UDP)\n",
            "domain  pbx.example (",
            "101   password secret1",
            "102   password secret2",
            "tdm_x",
            "http://192.0.2.7:8080/",
            "[2001:db8::7]:5060 (TCP)\n",
            "only this once",
            "dial 102 from 101",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("[::]") && !text.contains("0.0.0.0"));
    }

    #[test]
    fn the_addresses_that_phones_sign_in_at_are_each_told_once() {
        let addresses = ["192.0.2.7".parse().unwrap()];
        let told = servers(&listeners(), &addresses);
        let expected = [
            ("192.0.2.7:5060", vec![Transport::Udp, Transport::Tcp]),
            ("[::1]:5070", vec![Transport::Udp]),
        ];
        assert_eq!(
            told,
            expected.map(|(place, transports)| (place.parse().unwrap(), transports))
        );
    }

    #[test]
    fn a_later_start_says_no_secret() {
        let text = text(&Made::default());
        assert!(text.contains("192.0.2.7:5060 (UDP or TCP)"));
        assert!(!text.contains("password") && !text.contains("token") && !text.contains("once"));
    }
}
