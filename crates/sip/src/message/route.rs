//! Where an answer goes (RFC 3261 section 18.2, RFC 3581).

use std::{fmt::Write, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

use super::{Field, Inner, Message, Span, Start};
use crate::{Flow, HeaderName, Transport, headers::find_top};

/// See [`Message::with_received`].
pub(super) fn with_received(message: Message, source: SocketAddr) -> Message {
    if message.is_response() {
        return message;
    }
    let Ok(via) = message.top_via() else { return message };
    let ip = source.ip().to_canonical();
    let rport = via.params.has("rport");
    let stale = via.params.has("received");
    // RFC 3261 18.2.1: where the host is a name, or not the address it came from.
    // RFC 3581 4: with rport, in any case.
    let needed = rport || via.host().ip() != Some(ip);
    if !needed && !stale {
        return message;
    }
    let mut text = String::with_capacity(160);
    for part in [via.protocol, "/", via.version, "/", via.transport, " ", via.host] {
        text.push_str(part);
    }
    if let Some(port) = via.port {
        let _ = write!(text, ":{port}");
    }
    for (name, value) in via.params.iter() {
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        text.push(';');
        text.push_str(name);
        if name.eq_ignore_ascii_case("rport") {
            let _ = write!(text, "={}", source.port());
        } else if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    if needed {
        let _ = write!(text, ";received={ip}");
    }
    with_top_via(&message, &text)
}

/// See [`Message::with_keep`].
pub(super) fn with_keep(message: Message, seconds: u32) -> Message {
    let Ok(via) = message.top_via() else { return message };
    let asks = |(name, value): (&str, &str)| name.eq_ignore_ascii_case("keep") && value.is_empty();
    if message.is_response() || via.params.iter().filter(|param| asks(*param)).count() != 1 {
        return message;
    }
    let mut text = format!("{}/{}/{} {}", via.protocol, via.version, via.transport, via.host);
    if let Some(port) = via.port {
        let _ = write!(text, ":{port}");
    }
    for (name, value) in via.params.iter() {
        text.push(';');
        text.push_str(name);
        if asks((name, value)) {
            let _ = write!(text, "={seconds}");
        } else if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    with_top_via(&message, &text)
}

fn with_top_via(message: &Message, via: &str) -> Message {
    let Some(field) = message.inner.fields.iter().find(|field| field.name == HeaderName::Via) else {
        return message.clone();
    };
    let value = message.text(field.value);
    let len = find_top(value, b',', false).unwrap_or(value.len());
    splice(
        message,
        Span::new(field.value.at as usize, field.value.at as usize + len),
        via,
    )
}

/// The same message with the octets of `old` replaced; `old` must be inside one field's value.
fn splice(message: &Message, old: Span, new: &str) -> Message {
    let inner = &message.inner;
    let (at, end) = (old.range().start, old.range().end);
    let mut bytes = Vec::with_capacity(inner.bytes.len() + new.len());
    bytes.extend_from_slice(inner.bytes.get(..at).unwrap_or(&[]));
    bytes.extend_from_slice(new.as_bytes());
    bytes.extend_from_slice(inner.bytes.get(end..).unwrap_or(&[]));
    let moved = |place: u32| {
        if place as usize >= end {
            (place as usize - (end - at) + new.len()).try_into().unwrap_or(place)
        } else {
            place
        }
    };
    let shift = |span: Span| {
        let from = moved(span.at);
        let to = moved(span.at + span.len);
        Span {
            at: from,
            len: to.saturating_sub(from),
        }
    };
    let start = match inner.start {
        Start::Request { uri } => Start::Request { uri: shift(uri) },
        Start::Response { status, reason } => Start::Response {
            status,
            reason: shift(reason),
        },
    };
    let fields = inner
        .fields
        .iter()
        .map(|field| Field {
            name: field.name,
            text: shift(field.text),
            value: shift(field.value),
        })
        .collect();
    let body = shift(inner.body);
    let bytes = Bytes::from(bytes);
    let head_len = inner.head.len() - (end - at) + new.len();
    let Ok(head) = ByteString::try_from(bytes.slice(..head_len)) else {
        return message.clone();
    };
    let method = inner.method.clone();
    Message {
        inner: Arc::new(Inner {
            bytes,
            head,
            start,
            method,
            fields,
            body,
        }),
    }
}

/// The flow on which the answer to a request that came on `flow` goes (RFC 3261 section 18.2.2,
/// RFC 3581 section 4).
///
/// A `maddr` is not followed, although 18.2.2 has it so: whoever writes one into a request could send our answers to
/// anybody (26.1.5), and multicast, which it was made for, is not served.
///
/// Works on the request and on its answer alike: both have the same top Via. A stream's connection
/// stays; `remote` then is where a new one is opened if it has gone.
pub fn reply_address(message: &Message, flow: &Flow) -> Flow {
    let Ok(via) = message.top_via() else { return *flow };
    let sent_by = via.port.unwrap_or(flow.transport.default_port());
    // With the zone of a link-local IPv6 address (RFC 4007), without which it leads nowhere.
    let mut source = flow.remote;
    source.set_port(sent_by);
    let remote = match flow.transport {
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => source,
        Transport::Udp if via.rport().is_some() => flow.remote,
        Transport::Udp => source,
    };
    Flow { remote, ..*flow }
}
