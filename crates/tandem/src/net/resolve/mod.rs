//! Finding where a host is (RFC 3263, address records only).

mod routes;

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use sip::Transport;
use switch::{Input, Listener, QueryId, Unresolved, Ways};
use tokio::sync::mpsc;

use self::routes::{Outgoing, Socket};
use super::{Limits, local::Routes, numbers::Numbers};

/// Addresses of one host that are tried.
const ADDRESSES: usize = 8;

/// What is asked: see [`switch::Query::Resolve`].
#[derive(Copy, Clone, Debug)]
pub struct Question<'a> {
    /// A name or an address.
    pub host: &'a str,
    /// If the URI names one.
    pub port: Option<u16>,
    /// If the URI names one.
    pub transport: Option<Transport>,
    /// Only transports under TLS count.
    pub secure: bool,
}

pub(super) struct Resolver {
    reporter: mpsc::Sender<Input>,
    out: Rc<Outgoing>,
    running: Rc<Cell<usize>>,
    most: usize,
    timeout: Duration,
}

impl Resolver {
    pub(super) fn new(
        limits: &Limits,
        reporter: mpsc::Sender<Input>,
        routes: Rc<Routes>,
        numbers: Rc<Numbers>,
        listeners: Vec<Listener>,
    ) -> Self {
        Self {
            reporter,
            out: Rc::new(Outgoing {
                routes,
                listeners,
                numbers,
            }),
            running: Rc::default(),
            most: limits.lookups,
            timeout: limits.lookup_timeout,
        }
    }

    /// The answer, if it is known at once; otherwise it is reported later.
    pub(super) fn resolve(&self, query: QueryId, question: Question<'_>) -> Option<Input> {
        let Question {
            host,
            port,
            transport,
            secure,
        } = question;
        // RFC 3263 4.1: without a transport and with a literal address or a port, it is UDP for `sip:`.
        // Where we speak no UDP, it can only be TCP.
        let transport = match transport {
            Some(transport) => transport,
            None if secure => Transport::Tls,
            None if self.out.speaks(Transport::Udp) => Transport::Udp,
            None => Transport::Tcp,
        };
        let answer = |ways| Some(Input::Resolved { query, ways });
        if secure && !transport.is_secure() {
            return answer(Err(Unresolved::NoWay));
        }
        let port = port.unwrap_or(transport.default_port());
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse::<IpAddr>() {
            let remote = SocketAddr::new(ip, port);
            return answer(self.out.ways([Socket { transport, remote }], &ip.to_string().into()));
        }
        if self.running.get() >= self.most {
            tracing::warn!(host, "too many name lookups at once");
            return answer(Err(Unresolved::TooMany));
        }
        self.running.set(self.running.get() + 1);
        let (out, running, reporter, timeout) = (
            Rc::clone(&self.out),
            Rc::clone(&self.running),
            self.reporter.clone(),
            self.timeout,
        );
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        tokio::task::spawn_local(async move {
            let name = host.clone();
            let mut lookup = tokio::task::spawn_local(async move {
                let found = tokio::net::lookup_host((name.as_str(), port)).await;
                found.map(|addresses| addresses.take(ADDRESSES).collect())
            });
            let found = tokio::time::timeout(timeout, &mut lookup).await;
            let addresses: Result<Vec<SocketAddr>, Unresolved> = match found {
                Ok(Ok(Ok(addresses))) => Ok(addresses),
                Ok(Ok(Err(error))) => {
                    tracing::info!(host, %error, "name not found");
                    Err(Unresolved::NotFound)
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::info!(host, "name lookup took too long");
                    Err(Unresolved::Timeout)
                }
            };
            let socket = |remote| Socket { transport, remote };
            let ways: Ways =
                addresses.and_then(|addresses| out.ways(addresses.into_iter().map(socket), &host.as_str().into()));
            // The loop is gone only when the process ends.
            let _ = reporter.send(Input::Resolved { query, ways }).await;
            if !lookup.is_finished() {
                // The system's resolver cannot be stopped; until it is done, its thread counts.
                let _ = lookup.await;
            }
            running.set(running.get() - 1);
        });
        None
    }
}
