//! Messages as the log shows them at `trace`: enough to follow a call by, and nothing that holds a secret (a URI
//! may have a password in it, credentials and bodies are nobody's business).

use sip::{Flow, HeaderName, Limits, Message};
use tracing::Level;

/// A message that came.
pub(crate) fn received(flow: &Flow, message: &Message) {
    if tracing::enabled!(Level::TRACE) {
        log("received", flow, message);
    }
}

/// Bytes that go out; what is no message (an answer to a keep-alive) is left out.
pub(crate) fn sent(flow: &Flow, bytes: &bytes::Bytes) {
    if tracing::enabled!(Level::TRACE)
        && let Ok(message) = Message::parse(bytes.clone(), &Limits::default())
    {
        log("sent", flow, &message);
    }
}

fn log(what: &str, flow: &Flow, message: &Message) {
    let line = match message.status() {
        Some(status) => format!("{} {}", status.code(), message.reason()),
        None => message.method().to_string(),
    };
    let cseq = message.header(HeaderName::CSeq).unwrap_or_default();
    let (peer, call_id) = (flow.remote, message.call_id());
    tracing::trace!(transport = %flow.transport, %peer, sip_call_id = %call_id, cseq = %cseq, "{what} {line}");
}
