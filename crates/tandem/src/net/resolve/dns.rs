//! Asking name servers, by `hickory-resolver`.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, RData, Record, RecordType},
    },
};
use switch::Unresolved;

use super::find::{Answer, Ask, Failure, Naptr, RECORDS, Srv};

/// How long one server may take to answer; then it is asked once more, or another one is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a failure of the name servers holds: every call in this time fails at once, and asks nothing.
const FAILED: Duration = Duration::from_secs(5);
/// How long a missing name counts as missing where the answer does not say (RFC 2308 section 5).
const MISSING: Duration = Duration::from_secs(5);
/// How long the file of hosts is believed.
const FIXED: Duration = Duration::from_secs(5);
/// CNAME records that are followed within one answer.
const ALIASES: usize = 16;

/// What tells whether these files have changed.
type Stamps = [Option<SystemTime>; 2];

/// The name servers of this machine, or the configured one, and the file of hosts.
pub(super) struct Dns {
    resolver: TokioResolver,
    hosts: Arc<Hosts>,
    stamps: Stamps,
}

fn stamps() -> Stamps {
    ["/etc/hosts", "/etc/resolv.conf"].map(|file| fs::metadata(file).and_then(|file| file.modified()).ok())
}

impl Dns {
    /// `server`: the configured name server; the system's if `None`. An error is in words.
    pub(super) fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let stamps = stamps();
        let hosts = Arc::new(Hosts::from_system().unwrap_or_default());
        let mut builder = match server {
            Some(server) => {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().unwrap_or_else(|error| {
                // resolv.conf(5): without an entry, the name server is on this machine.
                tracing::warn!(%error, "/etc/resolv.conf names no name server");
                let server = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }),
        };
        let options = builder.options_mut();
        options.timeout = options.timeout.min(PATIENCE);
        options.attempts = options.attempts.min(2);
        // What is found is kept by `Cache`, whole.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Always;
        let mut resolver = builder.build().map_err(|error| error.to_string())?;
        resolver.set_hosts(Arc::clone(&hosts));
        Ok(Self {
            resolver,
            hosts,
            stamps,
        })
    }

    /// Whether `/etc/hosts` and `/etc/resolv.conf` are as they were.
    pub(super) fn is_current(&self) -> bool {
        self.stamps == stamps()
    }

    /// The addresses of a name in the file of hosts.
    fn fixed(&self, host: &str) -> Vec<IpAddr> {
        let Ok(name) = Name::from_ascii(host) else {
            return Vec::new();
        };
        let kinds = [RecordType::AAAA, RecordType::A].into_iter();
        let found = kinds.filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)));
        found
            .flat_map(|found| {
                found
                    .answers()
                    .iter()
                    .filter_map(|record| address(&record.data))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    async fn ask<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Answer<T> {
        let missing = Failure {
            why: Unresolved::NotFound,
            ttl: MISSING,
        };
        let name = Name::from_ascii(name).map_err(|_| missing)?;
        let found = self.resolver.lookup(name, kind).await;
        let found = found.map_err(|error| failure(&error))?;
        let records = own(&found);
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or_default();
        let read: Vec<T> = records.iter().filter_map(|record| read(&record.data)).collect();
        if read.is_empty() {
            return Err(missing);
        }
        Ok((read, Duration::from_secs(ttl.into())))
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(ip) = data {
        return Some(IpAddr::V4(ip.0));
    }
    let RData::AAAA(ip) = data else { return None };
    Some(IpAddr::V6(ip.0))
}

/// The records of the name that was asked for, or of the name it is an alias of. An answer may hold records of other
/// names: whoever controls one name must not speak for another.
fn own(found: &Lookup) -> Vec<&Record> {
    let answers = found.answers();
    let mut owner: &Name = found.query().name();
    for _ in 0..ALIASES {
        let alias = answers.iter().find_map(|record| {
            let RData::CNAME(target) = &record.data else {
                return None;
            };
            is(&record.name, owner).then_some(&target.0)
        });
        match alias {
            Some(target) => owner = target,
            None => break,
        }
    }
    let kind = found.query().query_type();
    let fits = |record: &&Record| record.record_type() == kind && is(&record.name, owner);
    answers.iter().filter(fits).take(RECORDS * RECORDS).collect()
}

/// Whether both are the same name, in whatever case.
fn is(one: &Name, other: &Name) -> bool {
    one.num_labels() == other.num_labels() && one.to_lowercase().iter().eq(other.to_lowercase().iter())
}

fn failure(error: &NetError) -> Failure {
    if let NetError::Dns(DnsError::NoRecordsFound(none)) = error
        && matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
    {
        let seconds = none.negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
        let ttl = seconds.unwrap_or(MISSING);
        return Failure {
            why: Unresolved::NotFound,
            ttl,
        };
    }
    if matches!(error, NetError::Timeout) {
        return Failure {
            why: Unresolved::Timeout,
            ttl: FAILED,
        };
    }
    failed()
}

const fn failed() -> Failure {
    Failure {
        why: Unresolved::Failed,
        ttl: FAILED,
    }
}

/// A name as a question: one with a dot is complete, and `localhost` is (RFC 6761 section 6.3). Others may be continued by
/// a search domain of the system.
fn whole(name: &str) -> String {
    if name.contains('.') || name == "localhost" {
        format!("{}.", name.trim_end_matches('.'))
    } else {
        name.to_owned()
    }
}

/// A name out of a record.
fn text(name: &Name) -> String {
    let name = name.to_lowercase().to_ascii();
    name.trim_end_matches('.').to_owned()
}

impl Ask for Dns {
    fn is_fixed(&self, host: &str) -> bool {
        !self.fixed(host).is_empty()
    }

    async fn naptr(&self, name: &str) -> Answer<Naptr> {
        let read = |data: &RData| {
            let RData::NAPTR(naptr) = data else { return None };
            // RFC 3263 4.1: only the flag `s` leads to SRV records. So a record never leads to further NAPTR records.
            naptr.flags.eq_ignore_ascii_case(b"s").then(|| Naptr {
                order: naptr.order,
                preference: naptr.preference,
                service: String::from_utf8_lossy(&naptr.services).into_owned(),
                replacement: text(&naptr.replacement),
            })
        };
        self.ask(&whole(name), RecordType::NAPTR, read).await
    }

    async fn srv(&self, name: &str) -> Answer<Srv> {
        let read = |data: &RData| {
            let RData::SRV(srv) = data else { return None };
            Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: text(&srv.target),
            })
        };
        self.ask(&whole(name), RecordType::SRV, read).await
    }

    async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        let fixed = self.fixed(name);
        if !fixed.is_empty() {
            return Ok((fixed, FIXED));
        }
        let name = whole(name);
        let both = tokio::join!(
            self.ask(&name, RecordType::AAAA, address),
            self.ask(&name, RecordType::A, address)
        );
        match both {
            (Ok((mut addresses, one)), Ok((more, other))) => {
                addresses.extend(more);
                Ok((addresses, one.min(other)))
            }
            // The other family may be there as well: that is asked again soon.
            (Ok((addresses, ttl)), Err(failure)) | (Err(failure), Ok((addresses, ttl))) => {
                let missing = failure.why == Unresolved::NotFound;
                Ok((addresses, if missing { ttl } else { ttl.min(failure.ttl) }))
            }
            // That a name is missing is said by an answer, and counts only if both are missing.
            (Err(one), Err(other)) if one.why == Unresolved::NotFound => Err(other),
            (Err(one), Err(_)) => Err(one),
        }
    }
}
