//! Whose request a proxy has passed on.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Where proxies write whom they speak for: each adds the address it was spoken to from at the end.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address a request comes from: that of the connection; or, where this is a trusted proxy's, the last
/// address in X-Forwarded-For that is not a trusted proxy's.
///
/// Addresses before that one come from hosts that are not trusted. If the header is missing or its
/// last part cannot be read, the last proxy that could be told is what counts.
pub(crate) fn client(connection: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = connection.to_canonical();
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut hops = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(client) {
        match hops.next().and_then(address) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    client
}

/// An address as proxies write them: with or without a port, an IPv6 address with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(connection: &str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        client(connection.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_s_counts() {
        for (connection, values, expected) in [
            ("192.0.2.1", &["198.51.100.1"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1 , 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("2001:db8::1", &["[2001:db9::7]:443"], "2001:db9::7"),
            ("2001:db8::1", &["[2001:db9::7]"], "2001:db9::7"),
            ("2001:db8::1", &["2001:db9::7"], "2001:db9::7"),
        ] {
            assert_eq!(client_of(connection, values), expected, "{connection} {values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_nobody_s_address() {
        for value in [
            "",
            "unknown",
            "198.51.100.1, unknown",
            "198.51.100.1,",
            "1.2.3",
            "\u{e9}",
        ] {
            assert_eq!(client_of("10.0.0.1", &[value]), "10.0.0.1", "{value:?}");
        }
        assert_eq!(client_of("10.0.0.1", &["unknown, 10.0.0.2"]), "10.0.0.2");
    }
}
