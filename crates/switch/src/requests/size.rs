//! Requests that are too large for UDP.

use std::net::SocketAddr;

use sip::{Flow, Message, Transport};

use super::again::{Changes, rewritten};
use crate::{api::Listener, stack::Stack};

/// The way and the form of a request, and whether it may go back to UDP.
///
/// RFC 3261 18.1.1: a request within 200 bytes of the path MTU, or over 1300 bytes where the MTU is unknown, goes over a
/// congestion-controlled transport.
pub(super) fn fit(cx: &mut Stack, way: Flow, message: Message) -> (Flow, Message, bool) {
    let large = way.transport == Transport::Udp && message.bytes().len() > cx.config.limits.datagram_bytes;
    let Some(stream) = stream_way(cx, &way).filter(|_| large) else {
        return (way, message, false);
    };
    let moved = rewritten(cx, &message, &stream, &Changes::default());
    (stream, moved, true)
}

/// The way to the same address over TCP; `None` if we do not listen on TCP.
pub(crate) fn stream_way(cx: &Stack, way: &Flow) -> Option<Flow> {
    let tcp = stream_listener(&cx.listeners, way.local)?;
    Some(Flow {
        transport: Transport::Tcp,
        local: SocketAddr::new(way.local.ip(), tcp.address.port()),
        remote: way.remote,
        connection: None,
    })
}

/// The TCP listener at an address of ours, or else one of the same IP version. Via must name a socket on which we
/// listen.
fn stream_listener(listeners: &[Listener], local: SocketAddr) -> Option<&Listener> {
    let family =
        |listener: &&Listener| listener.transport == Transport::Tcp && listener.address.is_ipv4() == local.is_ipv4();
    let mut listeners = listeners.iter().filter(family);
    let at = |listener: &&Listener| {
        let bound = listener.address.ip();
        bound == local.ip() || bound.is_unspecified()
    };
    listeners.clone().find(at).or_else(|| listeners.next())
}
