//! Messages in the log at `trace`, each once: one line without secrets, or, if the log asks for it, the whole message
//! with its secrets masked (`masked.rs`).
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | the line about a message |
//! | `masked.rs` | the whole message without its secrets |

mod masked;

use sip::{Flow, HeaderName, Limits, Message};
use tracing::Level;

/// The target of events that show whole messages. If the log lets it through at `trace`, the whole message replaces the
/// line.
pub const WHOLE_MESSAGES: &str = "sip_message";

/// A message came in.
pub(crate) fn received(flow: &Flow, message: &Message) {
    if is_shown() {
        log("received", flow, message);
    }
}

/// Bytes that go out. Bytes that are not a message (the answer to a keep-alive) are left out.
pub(crate) fn sent(flow: &Flow, bytes: &bytes::Bytes) {
    // The message is our own: it was allowed when it was built, whatever its size.
    let limits = Limits {
        max_message: bytes.len(),
        max_head: bytes.len(),
        max_body: bytes.len(),
        max_header_len: bytes.len(),
        max_headers: bytes.len(),
        max_uri: bytes.len(),
        ..Limits::default()
    };
    if is_shown()
        && let Ok(message) = Message::parse(bytes.clone(), &limits)
    {
        log("sent", flow, &message);
    }
}

fn is_shown() -> bool {
    tracing::enabled!(Level::TRACE) || tracing::enabled!(target: WHOLE_MESSAGES, Level::TRACE)
}

fn log(what: &str, flow: &Flow, message: &Message) {
    let line = match message.status() {
        Some(status) => format!("{} {}", status.code(), sip::clean(message.reason())),
        None => message.method().to_string(),
    };
    let cseq = message.header(HeaderName::CSeq).unwrap_or_default();
    let (peer, call_id) = (flow.remote, message.call_id());
    if tracing::enabled!(target: WHOLE_MESSAGES, Level::TRACE) {
        let whole = masked::text(message);
        tracing::trace!(target: WHOLE_MESSAGES, transport = %flow.transport, %peer, sip_call_id = %call_id,
            cseq = %cseq, sip = %whole, "{what} {line}");
    } else {
        tracing::trace!(transport = %flow.transport, %peer, sip_call_id = %call_id, cseq = %cseq, "{what} {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fmt,
        sync::{Arc, Mutex},
    };

    use sip::{Instant, Transport};
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use super::*;
    use crate::{Config, Input, Keys, Listener, Output, Switch};

    /// The lines logged at `trace`, and whether whole messages are let through.
    #[derive(Clone, Default)]
    struct Log {
        whole: bool,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.whole || metadata.target() != WHOLE_MESSAGES
        }

        fn event(&self, event: &Event<'_>) {
            let mut line = Line::default();
            event.record(&mut line);
            if event.metadata().level() == &Level::TRACE {
                self.lines.lock().unwrap().push(format!("{}{}", line.message, line.sip));
            }
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[derive(Default)]
    struct Line {
        message: String,
        sip: String,
    }

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            match field.name() {
                "message" => self.message = format!("{value:?}"),
                "sip" => self.sip = format!(": {value:?}"),
                _ => {}
            }
        }
    }

    /// The log lines about one OPTIONS, and how many messages were put out.
    fn said(whole: bool) -> (Vec<String>, usize) {
        let log = Log {
            whole,
            ..Log::default()
        };
        let local = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote: "192.0.2.9:5060".parse().unwrap(),
            connection: None,
        };
        let request = "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
            To: <sip:192.0.2.1>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nAuthorization: Basic hush\r\nContent-Length: 0\r\n\r\n";
        let mut sent = 0_usize;
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
                transport: Transport::Udp,
                address: local,
            };
            switch.handle(Instant::ZERO, Input::Listening(vec![listener]));
            let bytes = request.as_bytes().to_vec().into();
            switch.handle(Instant::ZERO, Input::Received { flow, bytes });
            loop {
                let output = switch.poll_output();
                sent += usize::from(matches!(output, Output::Transmit(_)));
                if matches!(output, Output::Timeout(_)) {
                    break;
                }
            }
        });
        let lines = log.lines.lock().unwrap().clone();
        (lines, sent)
    }

    #[test]
    fn each_message_is_logged_once_in_a_line_or_whole() {
        let (lines, sent) = said(false);
        assert_eq!((lines.len(), sent), (2, 1), "{lines:?}");
        assert_eq!(lines[0], "received OPTIONS");
        assert!(lines[1].starts_with("sent ") && !lines[1].contains('\n'), "{lines:?}");
        let (lines, sent) = said(true);
        assert_eq!((lines.len(), sent), (2, 1), "{lines:?}");
        assert!(
            lines[0].starts_with("received OPTIONS: OPTIONS sip:192.0.2.1 SIP/2.0\nVia: ")
                && lines[0].contains("\nAuthorization: Basic ***\n")
                && lines[1].contains(": SIP/2.0 "),
            "{lines:?}"
        );
    }
}
