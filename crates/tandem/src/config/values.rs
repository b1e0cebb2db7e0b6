//! Reads the text of one setting. Every error names the accepted values, and nothing else.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use media::audio::Country;
use sip::Transport;
use switch::{Hold, Listener, Trusted};

use super::{Rtp, Secret};

/// Each of a list's texts, read by `read`; an empty list is refused.
pub(super) fn each<T>(values: &[String], read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    values.iter().map(|value| read(value)).collect()
}

pub(super) fn directory(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        Err("expected a path".into())
    } else {
        Ok(PathBuf::from(value))
    }
}

pub(super) fn country(value: &str) -> Result<Country, String> {
    let codes = || Country::codes().collect::<Vec<_>>().join(", ");
    Country::named(value).ok_or_else(|| format!("expected one of {}", codes()))
}

pub(super) fn hold(value: &str) -> Result<Hold, String> {
    match value {
        "music" => Ok(Hold::Music),
        "pass" => Ok(Hold::Pass),
        _ => Err("expected music or pass".into()),
    }
}

/// `IP:PORT`, IPv6 in brackets; `localhost` is `127.0.0.1`.
pub(super) fn address(value: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str =
        "expected HOST:PORT with an IP address (IPv6 in brackets) or localhost, and a port from 0 to 65535";
    let (host, port) = value.rsplit_once(':').ok_or(EXPECTED)?;
    let port = number(port).ok_or(EXPECTED)?;
    Ok(SocketAddr::new(host_address(host).ok_or(EXPECTED)?, port))
}

fn host_address(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Digits only: `parse` would also take a plus sign.
fn number<T: std::str::FromStr>(value: &str) -> Option<T> {
    value
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| value.parse().ok())?
}

pub(super) fn listen(value: &str) -> Result<Listener, String> {
    const EXPECTED: &str =
        "expected TRANSPORT:HOST:PORT, with udp, tcp, tls, ws or wss, such as udp:0.0.0.0:5060 or tls:[::]:5061";
    let (name, rest) = value.split_once(':').ok_or(EXPECTED)?;
    let transport = Transport::from_name(name).ok_or(EXPECTED)?;
    Ok(Listener {
        transport,
        address: address(rest).map_err(|_| EXPECTED)?,
    })
}

pub(super) fn rtp(value: &str) -> Result<Rtp, String> {
    const EXPECTED: &str = "expected HOST:FIRST-LAST with an IP address (IPv6 in brackets) and at least 4 ports from 1024 to 65535, such as 0.0.0.0:20000-20999";
    let (host, ports) = value.rsplit_once(':').ok_or(EXPECTED)?;
    let (first, last) = ports.split_once('-').ok_or(EXPECTED)?;
    let (first, last): (u16, u16) = (number(first).ok_or(EXPECTED)?, number(last).ok_or(EXPECTED)?);
    if first < 1024 || last < first || last - first < 3 {
        return Err(EXPECTED.into());
    }
    Ok(Rtp {
        host: host_address(host).ok_or(EXPECTED)?,
        first,
        last,
    })
}

/// `CIDR`, or one address.
fn ip_network(text: &str) -> Option<IpNet> {
    let network = text.parse().ok();
    network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

pub(super) fn proxy(value: &str) -> Result<IpNet, String> {
    ip_network(value).ok_or_else(|| "expected an IP network or address, such as 10.0.0.0/8 or ::1".into())
}

/// A Route value (RFC 3608 section 5): a loose-routing SIP URI.
pub(super) fn route(value: &str) -> Result<String, String> {
    let uri = sip::Uri::parse(value).ok();
    let good = uri.is_some_and(|uri| matches!(uri.scheme, sip::Scheme::Sip | sip::Scheme::Sips) && uri.is_loose());
    good.then(|| format!("<{value}>"))
        .ok_or_else(|| "expected a SIP URI with lr, such as sip:edge.example.com;lr".into())
}

pub(super) fn trust(value: &str) -> Result<Trusted, String> {
    const EXPECTED: &str =
        "expected CIDR=EXTENSION, such as 192.0.2.0/24=101; an extension is 1 to 32 of A-Z a-z 0-9 * # + . _ -";
    let (network, extension) = value.split_once('=').ok_or(EXPECTED)?;
    let network = ip_network(network).ok_or(EXPECTED)?;
    if !switch::is_number(extension) {
        return Err(EXPECTED.into());
    }
    Ok(Trusted {
        network: network.network(),
        prefix: network.prefix_len(),
        extension: extension.into(),
    })
}

/// A domain name or an address, as a SIP URI (RFC 3261 section 25.1) and a realm may have it.
pub(super) fn domain(value: &str) -> Result<String, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
    };
    if value.len() > 253 || !value.split('.').all(label) {
        return Err("expected a domain name, such as pbx.example.org".into());
    }
    Ok(value.to_ascii_lowercase())
}

/// An absolute http or https URL that can stand in quotes, or `none`.
pub(super) fn url(value: &str) -> Result<Option<String>, String> {
    if value == "none" {
        return Ok(None);
    }
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>');
    if rest.is_none_or(str::is_empty) || value.len() > 1_024 || !value.bytes().all(fits) {
        return Err("expected none, or a URL that begins with https:// or http://".into());
    }
    Ok(Some(value.to_owned()))
}

pub(super) fn advertise(value: &str) -> Result<IpAddr, String> {
    let ip: Option<IpAddr> = value.parse().ok();
    ip.filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
        .ok_or_else(|| "expected one IP address that peers can reach, such as 203.0.113.7".into())
}

pub(super) fn seconds(value: &str, least: f64, most: f64) -> Result<Duration, String> {
    let expected = || format!("expected seconds from {least} to {most}");
    let seconds: f64 = value.parse().map_err(|_| expected())?;
    if !(least..=most).contains(&seconds) {
        return Err(expected());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| expected())
}

pub(super) fn whole<T>(value: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    number(value)
        .filter(|count| (&least..=&most).contains(&count))
        .ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

/// The first and the last slot of parked calls.
pub(super) fn slots(value: &str) -> Result<(u32, u32), String> {
    const MOST: u32 = 1_000;
    let range = value
        .split_once('-')
        .and_then(|(first, last)| Some((number(first)?, number(last)?)));
    range
        .filter(|(first, last)| (1..=999_999_999).contains(last) && (1..=*last).contains(first) && last - first < MOST)
        .ok_or_else(|| format!("expected FIRST-LAST, at most {MOST} numbers, such as 701-720"))
}

pub(super) fn switch(value: &str) -> Result<bool, String> {
    choice(value, &[("0", false), ("1", true), ("false", false), ("true", true)])
}

pub(super) fn choice<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(value))
        .map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A header value carries the token, so it is visible ASCII.
pub(super) fn token(value: &str) -> Result<Secret, String> {
    if !(16..=512).contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected 16 to 512 visible ASCII characters".into());
    }
    Ok(Secret::new(value))
}

pub(super) fn filter(value: &str) -> Result<String, String> {
    const EXPECTED: &str = "expected error, warn, info, debug, trace, off, or a filter such as info,tandem=debug";
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    // A filter takes any bare word as the name of a module; here that is a misspelt level.
    let level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
    let misspelt = |part: &str| !part.contains(['=', '[', ':']) && !level(part);
    if value.is_empty() || value.split(',').any(misspelt) {
        return Err(EXPECTED.into());
    }
    tracing_subscriber::EnvFilter::try_new(value).map_err(|_| EXPECTED)?;
    Ok(value.into())
}
