//! The procedure of RFC 3263 section 4: from the host of a URI to the servers that serve it.

use std::{net::IpAddr, time::Duration};

use futures_util::future::join_all;
use sip::Transport;
use switch::Unresolved;

use super::servers::{Found, Server};

/// Answers of NAPTR, and targets of SRV records of one service, that count. Further ones are left out.
pub(super) const RECORDS: usize = 16;
/// Addresses of one host that count.
pub(super) const ADDRESSES: usize = 8;

/// A NAPTR record that leads to SRV records (RFC 3403, RFC 3263 section 4.1): one with the flag `s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Naptr {
    pub(super) order: u16,
    pub(super) preference: u16,
    /// Such as `SIP+D2U`.
    pub(super) service: String,
    pub(super) replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Srv {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    /// Empty where the record says that the domain does not have the service.
    pub(super) target: String,
}

/// Why a question has no answer, and how long that holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: Unresolved,
    pub(super) ttl: Duration,
}

/// Records, and how long they hold.
pub(super) type Answer<T> = Result<(Vec<T>, Duration), Failure>;

/// What name servers are asked. The answers hold only records of the name that was asked for.
pub(super) trait Ask {
    /// Whether the file of hosts has addresses of this name: then nothing else counts.
    fn is_fixed(&self, host: &str) -> bool;
    async fn naptr(&self, name: &str) -> Answer<Naptr>;
    async fn srv(&self, name: &str) -> Answer<Srv>;
    /// IPv6 and IPv4 addresses.
    async fn addresses(&self, name: &str) -> Answer<IpAddr>;
}

/// A host as a URI names it; see [`super::Question`].
#[derive(Copy, Clone, Debug)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
    pub(super) secure: bool,
    /// The transports we have, best first.
    pub(super) ours: &'a [Transport],
}

/// A service: its transport, and the name of its SRV records.
type Service = (Transport, String);

impl Host<'_> {
    /// RFC 3263 4.1: the transport where neither the URI nor DNS names one. Where we have no UDP, it can only be TCP.
    pub(super) fn usual(&self) -> Transport {
        match self.transport {
            Some(transport) => transport,
            None if self.secure => Transport::Tls,
            None if self.ours.contains(&Transport::Udp) => Transport::Udp,
            None => Transport::Tcp,
        }
    }

    fn takes(&self, transport: Transport) -> bool {
        self.ours.contains(&transport) && (transport.is_secure() || !self.secure)
    }
}

/// The prefix of the SRV name of a transport (RFC 3263 section 4.1, RFC 7118 section 5.5 has none for WebSocket).
const fn prefix(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp"),
        Transport::Tcp => Some("_sip._tcp"),
        Transport::Tls => Some("_sips._tcp"),
        Transport::Ws | Transport::Wss => None,
    }
}

/// The transport of a service in a NAPTR record (RFC 3263 section 4.1).
fn transport_of(service: &str) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
    ];
    let mut known = known.into_iter();
    known.find_map(|(name, transport)| service.eq_ignore_ascii_case(name).then_some(transport))
}

/// The servers of a host.
pub(super) async fn find(ask: &impl Ask, host: Host<'_>) -> Result<Found, Failure> {
    // RFC 3263 4.2: with a port, or a name that this machine knows itself, only addresses count. A name of one label is
    // no domain that could publish its services.
    if host.port.is_some() || ask.is_fixed(host.name) || !host.name.contains('.') {
        return at_the_host(ask, host).await;
    }
    let usual = |transport: &Transport| Some((*transport, format!("{}.{}", prefix(*transport)?, host.name)));
    let services: Vec<Service> = match host.transport {
        Some(transport) => usual(&transport).into_iter().collect(),
        None => {
            let published = published(ask, host).await;
            let takes = |transport: &&Transport| host.takes(**transport);
            published.unwrap_or_else(|| host.ours.iter().filter(takes).filter_map(usual).collect())
        }
    };
    match servers(ask, &services).await? {
        Some(found) => Ok(found),
        None => at_the_host(ask, host).await,
    }
}

/// The services that NAPTR records name, best first; `None` if there is none that we could use.
///
/// A name server that cannot answer for NAPTR counts as one without such records: many of them never learnt the type.
async fn published(ask: &impl Ask, host: Host<'_>) -> Option<Vec<Service>> {
    let (mut records, _) = ask.naptr(host.name).await.ok()?;
    records.sort_by_key(|record| (record.order, record.preference));
    let usable = |record: &Naptr| {
        let transport = transport_of(&record.service).filter(|transport| host.takes(*transport))?;
        Some((record.order, (transport, record.replacement.clone())))
    };
    let mut usable = records.iter().filter_map(usable).take(RECORDS).peekable();
    // RFC 3403 4.1: once a record of one order fits, no record of a higher order counts.
    let order = usable.peek()?.0;
    Some(
        usable
            .take_while(|(of, _)| *of == order)
            .map(|(_, service)| service)
            .collect(),
    )
}

/// The servers that SRV records name; `None` if there are no such records.
async fn servers(ask: &impl Ask, services: &[Service]) -> Result<Option<Found>, Failure> {
    let answers = join_all(services.iter().map(|(_, name)| ask.srv(name))).await;
    let mut targets: Vec<(Server, String)> = Vec::new();
    let (mut ttl, mut denied, mut timeout) = (Duration::MAX, None, None);
    for (rank, ((transport, _), answer)) in services.iter().zip(answers).enumerate() {
        let (records, holds) = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.why == Unresolved::Timeout => {
                timeout = Some(failure);
                continue;
            }
            Err(_) => continue,
        };
        ttl = ttl.min(holds);
        let (none, mut some): (Vec<Srv>, Vec<Srv>) = records.into_iter().partition(|record| record.target.is_empty());
        if !none.is_empty() {
            denied = Some(Failure {
                why: Unresolved::NotFound,
                ttl: holds,
            });
        }
        some.sort_by_key(|record| record.priority);
        targets.extend(some.into_iter().take(RECORDS).map(|record| {
            let server = Server {
                rank: u16::try_from(rank).unwrap_or(u16::MAX),
                priority: record.priority,
                weight: record.weight,
                transport: *transport,
                port: record.port,
                addresses: Vec::new(),
            };
            (server, record.target)
        }));
    }
    if targets.is_empty() {
        // A domain that has the service elsewhere must not be called at its web server.
        return match timeout.or(denied) {
            Some(failure) => Err(failure),
            None => Ok(None),
        };
    }
    let answers = join_all(targets.iter().map(|(_, target)| ask.addresses(target))).await;
    let (mut found, mut failed) = (Vec::new(), None);
    for ((server, _), answer) in targets.into_iter().zip(answers) {
        match answer {
            Ok((addresses, holds)) => {
                ttl = ttl.min(holds);
                found.push(Server { addresses, ..server });
            }
            Err(failure) => failed = Some(failure),
        }
    }
    match failed {
        Some(failure) if found.is_empty() => Err(failure),
        // A server that could not be found for now is looked for again soon.
        Some(failure) => Ok(Some(Found::new(found, ttl.min(failure.ttl)))),
        None => Ok(Some(Found::new(found, ttl))),
    }
}

/// RFC 3263 4.2: no SRV records, so the host itself is the server.
async fn at_the_host(ask: &impl Ask, host: Host<'_>) -> Result<Found, Failure> {
    let transport = host.usual();
    let (addresses, ttl) = ask.addresses(host.name).await?;
    let server = Server {
        rank: 0,
        priority: 0,
        weight: 0,
        transport,
        port: host.port.unwrap_or(transport.default_port()),
        addresses,
    };
    Ok(Found::new(vec![server], ttl))
}

#[cfg(test)]
mod tests;
