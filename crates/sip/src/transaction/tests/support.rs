//! A layer with a clock, and messages to feed it.

use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use crate::{Builder, ConnectionId, Limits, Method, StatusCode, Transport, time::Instant};

/// A way over UDP.
pub(super) fn udp() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.2:5060".parse().unwrap(),
        connection: None,
    }
}

/// A way over TCP, on connection 7.
pub(super) fn tcp() -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(7)),
        ..udp()
    }
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn parse(text: &str) -> Message {
    let bytes = Bytes::from(text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes());
    Message::parse(bytes, &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A request as it comes from a peer, or as we send it.
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) branch: &'static str,
    pub(super) number: u32,
    pub(super) to_tag: &'static str,
    pub(super) extra: &'static str,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            method: "INVITE",
            branch: "z9hG4bK1",
            number: 1,
            to_tag: "",
            extra: "",
        }
    }
}

impl Ask {
    pub(super) fn message(&self) -> Message {
        let Self {
            method,
            branch,
            number,
            to_tag,
            extra,
        } = self;
        let branch = if branch.is_empty() {
            String::new()
        } else {
            format!(";branch={branch}")
        };
        let tag = if to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        parse(&format!(
            "{method} sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2:5060{branch}\nMax-Forwards: 70\n\
             From: <sip:alice@192.0.2.2>;tag=a\nTo: <sip:bob@192.0.2.1>{tag}\nCall-ID: call\nCSeq: {number} {method}\n\
             {extra}Content-Length: 0\n\n"
        ))
    }
}

pub(super) fn invite() -> Message {
    Ask::default().message()
}

pub(super) fn options() -> Message {
    let method = "OPTIONS";
    Ask {
        method,
        ..Ask::default()
    }
    .message()
}

/// The ACK to a non-2xx answer to [`invite`].
pub(super) fn ack() -> Message {
    let (method, to_tag) = ("ACK", "b");
    Ask {
        method,
        to_tag,
        ..Ask::default()
    }
    .message()
}

pub(super) fn cancel() -> Message {
    let method = "CANCEL";
    Ask {
        method,
        ..Ask::default()
    }
    .message()
}

pub(super) fn answer(request: &Message, code: u16) -> Message {
    let tag = if code == 100 { None } else { Some("b") };
    Builder::reply(request, StatusCode::new(code).unwrap(), tag).finish()
}

/// A layer, the time, and what came out so far.
pub(super) struct World {
    pub(super) layer: Layer,
    pub(super) now: Instant,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(LayerConfig::default())
    }

    pub(super) fn with(config: LayerConfig) -> Self {
        Self {
            layer: Layer::new(config),
            now: Instant::ZERO,
        }
    }

    /// All that came out, a word each: `INVITE`, `200`, `Request`, `TimedOut` ...
    pub(super) fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.layer.poll())
            .map(|output| word(&output))
            .collect()
    }

    /// Runs the clock, and tells what came out when: `500 INVITE`.
    pub(super) fn run(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut said: Vec<String> = Vec::new();
        while let Some(at) = self.layer.next_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "a timer in the past");
            self.now = at;
            let open = self.layer.client_count() + self.layer.server_count();
            self.layer.timeout(at);
            let words = self.said();
            // A CANCEL's transaction ends in silence.
            let ended = self.layer.client_count() + self.layer.server_count() < open;
            assert!(ended || !words.is_empty(), "woken for nothing at {at:?}");
            said.extend(words.iter().map(|word| format!("{} {word}", at.as_micros() / 1_000)));
        }
        self.now = end;
        said
    }

    pub(super) fn receive(&mut self, message: Message) -> Vec<String> {
        self.receive_on(udp(), message)
    }

    pub(super) fn receive_on(&mut self, flow: Flow, message: Message) -> Vec<String> {
        self.layer.receive(self.now, flow, message);
        self.said()
    }

    /// Takes a request in; gives its transaction.
    pub(super) fn arrives(&mut self, flow: Flow, request: Message) -> ServerId {
        self.layer.receive(self.now, flow, request);
        let id = match self.layer.poll() {
            Some(TxOutput::Event(TxEvent::Request { id, .. })) => id,
            other => panic!("{other:?}"),
        };
        assert!(self.layer.poll().is_none());
        id
    }

    pub(super) fn respond(&mut self, id: ServerId, code: u16) -> Vec<String> {
        let answer = answer(&self.layer.server_request(id).unwrap().clone(), code);
        self.layer.respond(self.now, id, answer).unwrap();
        self.said()
    }

    /// Sends a request; gives its transaction.
    pub(super) fn sends(&mut self, flow: Flow, request: Message) -> ClientId {
        let method = request.method().to_string();
        let id = self.layer.request(self.now, flow, request).unwrap();
        assert_eq!(self.said(), [method]);
        id
    }

    /// Asserts that nothing is left over.
    pub(super) fn is_empty(&self) {
        assert_eq!((self.layer.client_count(), self.layer.server_count()), (0, 0));
        assert_eq!(self.layer.next_timeout(), None);
        self.layer.assert_empty();
    }
}

pub(super) fn word(output: &TxOutput) -> String {
    match output {
        TxOutput::Transmit { bytes, .. } => {
            let message = Message::parse(bytes.clone(), &Limits::default()).unwrap();
            match message.status() {
                Some(status) if *message.method() == Method::Cancel => format!("{} CANCEL", status.code()),
                Some(status) => status.code().to_string(),
                None => message.method().to_string(),
            }
        }
        TxOutput::Event(event) => match event {
            TxEvent::Request { .. } => "Request".into(),
            TxEvent::Ack { .. } => "Ack".into(),
            TxEvent::Cancelled { .. } => "Cancelled".into(),
            TxEvent::Response { message, .. } => format!("Response {}", message.status().unwrap().code()),
            TxEvent::ForeignResponse { .. } => "ForeignResponse".into(),
            TxEvent::ForeignCancel { .. } => "ForeignCancel".into(),
            TxEvent::Dropped { why, .. } => format!("Dropped: {why}"),
            TxEvent::StrayResponse { .. } => "StrayResponse".into(),
            TxEvent::StrayCancel { .. } => "StrayCancel".into(),
            TxEvent::TimedOut { .. } => "TimedOut".into(),
            TxEvent::TransportFailed { .. } => "TransportFailed".into(),
            TxEvent::AckTimeout { .. } => "AckTimeout".into(),
            TxEvent::ClientGone { .. } => "ClientGone".into(),
            TxEvent::ServerGone { .. } => "ServerGone".into(),
            TxEvent::ServerTransportFailed { .. } => "ServerTransportFailed".into(),
        },
    }
}

/// A way from somebody else.
pub(super) fn elsewhere() -> Flow {
    Flow {
        remote: "198.51.100.66:5060".parse().unwrap(),
        ..udp()
    }
}
