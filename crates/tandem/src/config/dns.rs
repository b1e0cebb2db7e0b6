//! The settings of look-ups of host names.

use std::net::SocketAddr;

use super::{
    keys::{Key, NETWORK, key, one},
    limits::limit,
    values,
};

pub(super) const KEYS: &[Key] = &[
    key(
        NETWORK,
        "dns",
        "HOST:PORT",
        "system",
        "Name server that is asked where SIP hosts are (NAPTR, SRV, A, AAAA)",
        |c, v| {
            c.limits.dns.server = server(one(v))?;
            Ok(())
        },
    ),
    limit(
        "dns-lookups",
        "N",
        "64",
        "Look-ups of host names at once; targets of further ones count as not found (dns.too_many)",
        |c, v| {
            c.limits.dns.lookups = values::whole(one(v), 0, 10_000)?;
            Ok(())
        },
    ),
    limit(
        "dns-timeout",
        "SECONDS",
        "5",
        "How long the look-up of a host may take, all questions together",
        |c, v| {
            c.limits.dns.timeout = values::seconds(one(v), 0.1, 60.0)?;
            Ok(())
        },
    ),
];

/// `system`, or the address of a name server.
fn server(value: &str) -> Result<Option<SocketAddr>, String> {
    const EXPECTED: &str = "expected system, or the name server as HOST:PORT with an IP address (IPv6 in brackets) and a \
                            port from 1 to 65535, such as 192.0.2.53:53";
    if value == "system" {
        return Ok(None);
    }
    let address = values::address(value).ok().filter(|address| address.port() != 0);
    address.map(Some).ok_or_else(|| EXPECTED.into())
}
