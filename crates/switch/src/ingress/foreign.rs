//! Messages from unexpected addresses. They change nothing; the log says why at `debug`.

use std::net::IpAddr;

use sip::{
    Flow, Message, StatusCode,
    transaction::{ClientId, ServerId},
};

use super::{Ingress, admission::Kind};
use crate::{answer::Answer, core::Core, ids::LegId, locations::Peer, proxy, requests::Owner};

/// An answer came from another address than the one that was asked (RFC 3261 26.1.2). It is taken if the peer is known
/// at that address: a phone with several interfaces, a phone that has changed networks, another host of the name that
/// was called.
pub(crate) fn foreign_response(g: &mut Ingress, x: &mut Core, id: ClientId, flow: Flow, message: Message) {
    let address = flow.remote.ip().to_canonical();
    let known = match x.stack.requests.owner_of(id) {
        Some(
            Owner::Invite(leg)
            | Owner::Change(leg)
            | Owner::Bye(leg)
            | Owner::Prack(leg)
            | Owner::Notify(leg)
            | Owner::Passed(leg, _)
            | Owner::Key(leg),
        ) => speaks_from(g, x, leg, address),
        Some(Owner::Delivery(delivery)) => {
            let to = g.deliveries.to(delivery);
            to.is_some_and(|(peer, others)| others.contains(&address) || x.locations.is_registered_from(peer, address))
        }
        Some(Owner::Subscription(id)) => x.subscribed.table.get(id).is_some_and(|subscription| {
            let watcher = Peer::extension(subscription.watcher());
            x.locations.is_registered_from(&watcher, address)
        }),
        // A provider may answer from another of its hosts.
        Some(Owner::Trunk(id, _)) => x.outside.trunks.is_at(id, address),
        Some(Owner::Stray) => false,
        None => proxy::is_known(&x.outside.proxied, id, address),
    };
    if !known {
        return dropped(g, x, &flow, "it came from an address that was not asked");
    }
    let now = x.stack.now;
    x.stack.layer.receive_from_known(now, flow, message);
}

/// A CANCEL came from another address than its INVITE (RFC 3261 26.1.2, 9.2: it cannot be challenged).
pub(crate) fn foreign_cancel(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: Message) {
    let leg = x.stack.servers.get(&id).copied();
    let address = flow.remote.ip().to_canonical();
    let now = x.stack.now;
    if leg.is_some_and(|leg| speaks_from(g, x, leg, address)) {
        return x.stack.layer.receive_from_known(now, flow, message);
    }
    let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
    x.stack.answer_statelessly(&flow, &message, &answer);
    dropped(g, x, &flow, "a CANCEL from an address that did not call");
}

/// Whether the peer of a leg is known to use this address. It is if the peer used it before, if a phone of its
/// extension has registered from there, if the name that was called has this address, or if the address is in the
/// trusted network of this extension.
fn speaks_from(g: &Ingress, x: &Core, leg: LegId, address: IpAddr) -> bool {
    x.legs.get(leg).is_some_and(|leg| {
        leg.path.leads_to(address)
            || x.locations.is_registered_from(&leg.peer, address)
            || g.trusted
                .extension(address)
                .is_some_and(|number| leg.peer.is_extension(number))
    })
}

/// A message that changes nothing.
pub(crate) fn dropped(g: &mut Ingress, x: &mut Core, flow: &Flow, why: &str) {
    x.stack.outputs.stats.messages_dropped += 1;
    let now = x.stack.now;
    g.admission.stray(now, flow.remote.ip());
    tracing::debug!(source = %flow.remote, why, "a message is dropped");
}

/// Admission control has dropped a message.
pub(crate) fn log_refused(flow: &Flow, kind: Kind) {
    let why = match kind {
        Kind::KeepAlive => return,
        Kind::Junk => "it is no SIP",
        Kind::InProgress | Kind::Response => "too much from its source belongs to nothing",
        Kind::Call | Kind::Registration | Kind::Other => "its source has sent too many",
    };
    tracing::debug!(source = %flow.remote, why, "a message is dropped");
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::{self, Write as _},
        sync::{Arc, Mutex},
    };

    use sip::{Instant, Transport};
    use tracing::{
        Event, Level, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use crate::{Config, Input, Keys, Listener, Output, Switch};

    /// The reasons that `debug` shows, one line each.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let _ = write!(self.0, "{}={value:?} ", field.name());
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::DEBUG
        }

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    /// The log line about a message from an unknown address.
    fn said(text: &str) -> Vec<String> {
        let log = Log::default();
        let flow = sip::Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.9:5060".parse().unwrap(),
            connection: None,
        };
        tracing::subscriber::with_default(log.clone(), || {
            let mut switch = Switch::new(
                Config::default(),
                [0; 32],
                &Keys {
                    nonce: [0; 32],
                    gruu: [0; 32],
                },
            );
            let listener = Listener {
                transport: flow.transport,
                address: flow.local,
            };
            switch.handle(Instant::ZERO, Input::Listening(vec![listener]));
            let bytes = text.as_bytes().to_vec().into();
            switch.handle(Instant::ZERO, Input::Received { flow, bytes });
            while !matches!(switch.poll_output(), Output::Timeout(_)) {}
        });
        let lines = log.0.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn every_dropped_message_is_explained_at_debug() {
        let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n";
        let rest = "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\n";
        for (text, why) in [
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), "it is no SIP"),
            (
                format!("SIP/2.0 200 OK\r\n{rest}CSeq: 1 INVITE\r\n\r\n"),
                "400 the header field is missing in Via",
            ),
            (
                format!("SIP/2.0 200 OK\r\n{via}{rest}\r\n"),
                "400 the header field is missing in CSeq",
            ),
            (
                format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n{rest}CSeq: 1 INVITE\r\n\r\n"),
                "its topmost Via has no branch",
            ),
            (
                format!("SIP/2.0 200 OK\r\n{via}{rest}CSeq: 1 INVITE\r\n\r\n"),
                "it answers no request of ours",
            ),
            (
                format!("SIP/2.0 200 OK\r\n{via}{rest}CSeq: 1 INVITE\r\nContent-Length: 9\r\n\r\n"),
                "Content-Length is larger than the message",
            ),
            (
                format!("ACK sip:c SIP/2.0\r\n{via}{rest}CSeq: 1 BYE\r\n\r\n"),
                "not that of the request in CSeq",
            ),
            (
                format!("ACK sip:c SIP/2.0\r\n{via}{rest}CSeq: 1 ACK\r\n\r\n"),
                "an ACK of no call of ours",
            ),
            (
                format!("CANCEL sip:c SIP/2.0\r\n{via}{rest}CSeq: 1 CANCEL\r\n\r\n"),
                "a CANCEL of no request that is open",
            ),
        ] {
            let lines = said(&text);
            let [line] = &lines[..] else {
                panic!("one line for {text}: {lines:?}")
            };
            assert!(
                line.contains(why) && line.contains("source=192.0.2.9:5060"),
                "{why}: {line}"
            );
        }
        assert_eq!(
            said("\r\n\0"),
            [""; 0],
            "a keep-alive is not dropped: it has done its work"
        );
    }
}
