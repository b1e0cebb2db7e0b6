//! Which transaction a message belongs to: RFC 3261 17.1.3 and 17.2.3.

use std::fmt::Write as _;

use crate::{CSeq, HeaderName, Message, Method};

/// What the branch of every RFC 3261 request begins with (8.1.1.7).
const COOKIE: &str = "z9hG4bK";
/// Between the parts of a key; no header value holds it.
const SEPARATOR: char = '\n';

/// Whether a branch identifies its transaction: it has the cookie, and something behind it.
fn is_unique(branch: &str) -> bool {
    branch.len() > COOKIE.len()
        && branch
            .get(..COOKIE.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(COOKIE))
}

/// The method that names a server transaction: an ACK and a CANCEL look for their INVITE.
pub(super) fn target(method: &Method) -> &Method {
    if *method == Method::Ack {
        &Method::Invite
    } else {
        method
    }
}

/// Writes the key of a client transaction, from its request or from a response to it: the branch
/// of the top Via and the CSeq's method (RFC 3261 17.1.3). False where there is no branch.
pub(super) fn client(key: &mut String, message: &Message, method: &Method) -> bool {
    key.clear();
    let Ok(via) = message.top_via() else { return false };
    let Some(branch) = via.branch().filter(|branch| !branch.is_empty()) else {
        return false;
    };
    let _ = write!(key, "{branch}{SEPARATOR}{method}");
    true
}

/// Writes the key of the server transaction with `method` that a request makes or belongs to
/// (RFC 3261 17.2.3). False where it has no readable top Via or CSeq.
pub(super) fn server(key: &mut String, request: &Message, method: &Method) -> bool {
    key.clear();
    let Ok(via) = request.top_via() else { return false };
    if let Some(branch) = via.branch().filter(|branch| is_unique(branch)) {
        let _ = write!(key, "{branch}{SEPARATOR}");
        let host = key.len();
        key.push_str(via.host);
        key[host..].make_ascii_lowercase();
        let port = via
            .port
            .or_else(|| via.transport().map(|transport| transport.default_port()));
        let _ = write!(key, ":{}{SEPARATOR}{method}", port.unwrap_or_default());
        return true;
    }
    // RFC 2543: no branch, or one that need not be unique. The To tag is compared afterwards,
    // because that of an ACK is the response's.
    let Ok(CSeq { number, .. }) = request.cseq() else {
        return false;
    };
    let top = request.values(HeaderName::Via).next().unwrap_or_default();
    let (uri, from, call) = (request.uri(), request.from_tag().unwrap_or_default(), request.call_id());
    for part in [top, uri, from, call] {
        let _ = write!(key, "{SEPARATOR}{part}");
    }
    let _ = write!(key, "{SEPARATOR}{number}{SEPARATOR}{method}");
    true
}

/// Whether [`server`] matched by the rules of RFC 2543, so that the To tag is still to be compared.
pub(super) fn is_legacy(key: &str) -> bool {
    key.starts_with(SEPARATOR)
}

/// Writes the key that all copies of one forked request share (RFC 3261 8.2.2.2): From tag,
/// Call-ID and CSeq. False for a request within a dialog.
pub(super) fn merged(key: &mut String, request: &Message) -> bool {
    key.clear();
    if request.to_tag().is_some() {
        return false;
    }
    let (Some(from), Ok(CSeq { number, method })) = (request.from_tag(), request.cseq()) else {
        return false;
    };
    let _ = write!(
        key,
        "{from}{SEPARATOR}{}{SEPARATOR}{number}{SEPARATOR}{method}",
        request.call_id()
    );
    true
}
