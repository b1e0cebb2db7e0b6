//! Turns any bytes into a history of the transaction layer: messages, times, answers and failures,
//! in whatever order. Nothing may panic, spin, or be left over.

use std::time::Duration;

use bytes::Bytes;
use sip::{
    Builder, ConnectionId, Flow, HeaderName, Instant, Limits, Message, Method, StatusCode, Transport,
    dialog::{Dialog, DialogId},
    digest::{ChallengeParsed, Credentials},
    transaction::{ClientId, Layer, LayerConfig, ServerId, TxEvent, TxOutput},
};

/// Most transactions of either kind.
const LIMIT: usize = 32;
/// Between the steps of a history; no SIP message of interest holds it.
const SEPARATOR: u8 = 0xff;

struct History {
    layer: Layer,
    now: Instant,
    servers: Vec<(ServerId, Message)>,
    clients: Vec<ClientId>,
}

/// Runs the history that `bytes` describe: steps between 0xff, each a byte that says what happens
/// and then a message.
pub fn run(bytes: &[u8]) {
    let config = LayerConfig {
        max_client: LIMIT,
        max_server: LIMIT,
        reserve: LIMIT,
        ..LayerConfig::default()
    };
    let mut history = History {
        layer: Layer::new(config),
        now: Instant::ZERO,
        servers: Vec::new(),
        clients: Vec::new(),
    };
    for step in bytes.split(|byte| *byte == SEPARATOR) {
        let Some((what, rest)) = step.split_first() else {
            continue;
        };
        history.step(*what, rest);
        history.drain();
    }
    history.end();
}

fn flow(tcp: bool) -> Flow {
    Flow {
        transport: if tcp { Transport::Tcp } else { Transport::Udp },
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([192, 0, 2, 9], 5062).into(),
        connection: tcp.then_some(ConnectionId(1)),
    }
}

impl History {
    /// The lowest three bits say what happens, the next one over what, the rest how much.
    fn step(&mut self, what: u8, rest: &[u8]) {
        let (flow, amount) = (flow(what & 8 != 0), usize::from(what >> 4));
        let read = || Message::parse(Bytes::copy_from_slice(rest), &Limits::default());
        match what & 7 {
            0 | 1 => {
                if let Ok(message) = read()
                    && message.check().is_ok()
                {
                    touch(&message);
                    let message = message.with_received(flow.remote);
                    self.layer.receive(self.now, flow, message);
                }
            }
            // A response to what was read.
            2 => {
                let code = [100, 180, 183, 200, 202, 302, 401, 486][amount % 8];
                if let (Ok(request), Some(status)) = (read(), StatusCode::new(code))
                    && request.is_request()
                {
                    let answer = Builder::reply(&request, status, Some("t")).finish();
                    if let Ok(dialog) = Dialog::uac(&request, &answer) {
                        end(dialog);
                    }
                    self.layer.receive(self.now, flow, answer);
                }
            }
            3 => {
                if let Ok(request) = read()
                    && request.check().is_ok()
                    && let Ok(id) = self.layer.request(self.now, flow, request)
                {
                    self.clients.push(id);
                }
            }
            4 => {
                let code = [100, 180, 183, 200, 202, 302, 401, 486][amount % 8];
                let which = rest.first().map_or(0, |byte| usize::from(*byte));
                if let (Some((id, request)), Some(status)) = (self.servers.get(which), StatusCode::new(code)) {
                    let answer = Builder::reply(request, status, Some("t")).finish();
                    let _ = self.layer.respond(self.now, *id, answer);
                }
            }
            5 => {
                if let Some(id) = self.clients.get(amount) {
                    let _ = self.layer.cancel(self.now, *id, std::str::from_utf8(rest).ok());
                }
            }
            6 => self.layer.transport_failed(self.now, &flow),
            _ => self.wait(Duration::from_millis(100 << amount)),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.layer.next_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "a timer in the past");
            self.now = at;
            self.layer.timeout(at);
            assert!(self.layer.next_timeout().is_none_or(|next| next > at), "it would spin");
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                TxOutput::Transmit { bytes, .. } => {
                    Message::parse(bytes, &Limits::default()).expect("what is sent can be read");
                }
                TxOutput::Event(TxEvent::Request { id, message, .. }) => self.servers.push((id, message)),
                TxOutput::Event(_) => {}
            }
        }
        assert!(self.layer.client_count() <= 3 * LIMIT && self.layer.server_count() <= 2 * LIMIT);
    }

    /// What is open is answered; then time passes, and nothing is left.
    fn end(mut self) {
        for (id, request) in std::mem::take(&mut self.servers) {
            let answer = Builder::reply(&request, StatusCode::SERVICE_UNAVAILABLE, Some("t")).finish();
            let _ = self.layer.respond(self.now, id, answer);
        }
        self.drain();
        self.wait(Duration::from_secs(2_000));
        assert_eq!((self.layer.client_count(), self.layer.server_count()), (0, 0));
        assert_eq!(self.layer.next_timeout(), None);
    }
}

/// What the users of a request do with it.
fn touch(message: &Message) {
    let _ = DialogId::of_request(message);
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        message.headers(name).for_each(|value| drop(Credentials::parse(value)));
    }
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        message
            .headers(name)
            .for_each(|value| drop(ChallengeParsed::parse(value)));
    }
    if let Ok(mut dialog) = Dialog::uas(message, "t") {
        let _ = dialog.accept_order(message);
        end(dialog);
    }
}

/// A request in the dialog can be written, and read again, whatever made the dialog.
fn end(mut dialog: Dialog) {
    let bye = dialog
        .request(&Method::Bye, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbye")
        .finish();
    let read = Message::parse(bye.bytes().clone(), &Limits::default()).expect("our BYE can be read");
    assert_eq!((read.method(), read.call_id()), (&Method::Bye, dialog.call_id()));
}
