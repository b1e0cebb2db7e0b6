//! Finding where a host is (RFC 3263, address records only).

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use sip::{Flow, Transport};
use switch::{Input, Listener, QueryId};
use tokio::sync::mpsc;

use super::{Limits, local::Routes};

/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;

pub(super) struct Resolver {
    reporter: mpsc::Sender<Input>,
    ways: Rc<Ways>,
    running: Rc<Cell<usize>>,
    most: usize,
    timeout: Duration,
}

impl Resolver {
    pub(super) fn new(
        limits: &Limits,
        reporter: mpsc::Sender<Input>,
        routes: Rc<Routes>,
        listeners: Vec<Listener>,
    ) -> Self {
        Self {
            reporter,
            ways: Rc::new(Ways { routes, listeners }),
            running: Rc::default(),
            most: limits.lookups,
            timeout: limits.lookup_timeout,
        }
    }

    /// The answer, if it is known at once; otherwise it is reported later.
    pub(super) fn resolve(
        &self,
        query: QueryId,
        host: &str,
        port: Option<u16>,
        transport: Option<Transport>,
    ) -> Option<Input> {
        // RFC 3263 4.1: without a transport and with a literal address or a port, it is UDP for `sip:`.
        // Where we speak no UDP, it can only be TCP.
        let transport = transport.unwrap_or(if self.ways.speak(Transport::Udp) {
            Transport::Udp
        } else {
            Transport::Tcp
        });
        let port = port.unwrap_or(transport.default_port());
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let flows = self.ways.to(&[SocketAddr::new(ip, port)], transport);
            return Some(Input::Resolved { query, flows });
        }
        if self.running.get() >= self.most {
            tracing::warn!(host, "too many name lookups at once");
            return Some(Input::Resolved {
                query,
                flows: Vec::new(),
            });
        }
        self.running.set(self.running.get() + 1);
        let (ways, running, reporter, timeout) = (
            Rc::clone(&self.ways),
            Rc::clone(&self.running),
            self.reporter.clone(),
            self.timeout,
        );
        let host = host.to_owned();
        tokio::task::spawn_local(async move {
            let name = host.clone();
            let mut lookup = tokio::task::spawn_local(async move {
                let found = tokio::net::lookup_host((name.as_str(), port)).await;
                found.map(|addresses| addresses.take(ADDRESSES).collect())
            });
            let found = tokio::time::timeout(timeout, &mut lookup).await;
            let addresses: Vec<SocketAddr> = match found {
                Ok(Ok(Ok(addresses))) => addresses,
                Ok(Ok(Err(error))) => {
                    tracing::info!(host, %error, "name not found");
                    Vec::new()
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::info!(host, "name lookup took too long");
                    Vec::new()
                }
            };
            let flows = ways.to(&addresses, transport);
            // The loop is gone only when the process ends.
            let _ = reporter.send(Input::Resolved { query, flows }).await;
            if !lookup.is_finished() {
                // The system's resolver cannot be stopped; until it is done, its thread counts.
                let _ = lookup.await;
            }
            running.set(running.get() - 1);
        });
        None
    }
}

/// Turns addresses into ways: each needs one of our listeners to be sent from.
struct Ways {
    routes: Rc<Routes>,
    listeners: Vec<Listener>,
}

impl Ways {
    fn speak(&self, transport: Transport) -> bool {
        self.listeners.iter().any(|listener| listener.transport == transport)
    }

    fn to(&self, addresses: &[SocketAddr], transport: Transport) -> Vec<Flow> {
        addresses
            .iter()
            .filter_map(|remote| self.way(*remote, transport))
            .collect()
    }

    fn way(&self, remote: SocketAddr, transport: Transport) -> Option<Flow> {
        let source = self.routes.to(remote.ip())?;
        let mut usable = self
            .listeners
            .iter()
            .filter(|l| l.transport == transport && l.address.is_ipv4() == remote.is_ipv4());
        let exact = usable.clone().find(|l| l.address.ip() == source);
        let any = usable.clone().find(|l| l.address.ip().is_unspecified());
        let listener = exact.or(any).or_else(|| usable.next())?;
        let ip = if listener.address.ip().is_unspecified() {
            source
        } else {
            listener.address.ip()
        };
        Some(Flow {
            transport,
            local: SocketAddr::new(ip, listener.address.port()),
            remote,
            connection: None,
        })
    }
}
