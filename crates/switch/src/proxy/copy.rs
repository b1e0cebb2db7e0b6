//! Copies of messages that are passed on: everything stays as it came, but for what a proxy must change (RFC 3261 16.6 and
//! 16.7).

use sip::{Builder, HeaderName, Message, StatusCode, digest::Credentials};

/// Header fields in which a phone says of itself who it is. A proxy passes them on for trusted networks only (RFC 3325
/// section 5).
const ASSERTED: [HeaderName; 9] = [
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::PAssertedService,
    HeaderName::PServedUser,
    HeaderName::PAssociatedUri,
    HeaderName::PCalledPartyId,
    HeaderName::RemotePartyId,
    HeaderName::Identity,
    HeaderName::IdentityInfo,
];

/// What a copy of a request has that the request has not.
pub(super) struct Changes<'a> {
    pub uri: &'a str,
    pub routes: &'a [String],
    /// Our Record-Route values, the topmost first.
    pub records: &'a [String],
    pub via: &'a str,
    pub breadth: Option<u32>,
    /// Credentials for this realm are ours, and go no further (RFC 3261 section 22.3).
    pub realm: &'a str,
    /// The sender is not believed what it says of its identity.
    pub untrusted: bool,
}

/// The copy of a request (RFC 3261 section 16.6, steps 1 to 9).
pub(super) fn request(request: &Message, changes: &Changes<'_>) -> Message {
    let mut copy = Builder::request(request.method(), changes.uri).header(HeaderName::Via, changes.via);
    for value in changes.records {
        copy = copy.header(HeaderName::RecordRoute, value);
    }
    for route in changes.routes {
        copy = copy.header(HeaderName::Route, route);
    }
    // RFC 3261 16.6 step 3.
    let hops = match request.max_forwards() {
        Ok(Some(hops)) => hops.saturating_sub(1),
        Ok(None) | Err(_) => 70,
    };
    copy = copy.header(HeaderName::MaxForwards, hops);
    if let Some(breadth) = changes.breadth {
        copy = copy.header(HeaderName::MaxBreadth, breadth);
    }
    for (text, name, value) in request.fields() {
        let credentials = matches!(name, HeaderName::Authorization | HeaderName::ProxyAuthorization);
        let dropped = matches!(name, HeaderName::Route | HeaderName::MaxForwards)
            || (name == HeaderName::MaxBreadth && changes.breadth.is_some())
            || (credentials && is_for(value, changes.realm))
            || (changes.untrusted && ASSERTED.contains(&name));
        if !dropped {
            copy = copy.other(text, value);
        }
    }
    copy.octets(request.body()).finish()
}

fn is_for(credentials: &str, realm: &str) -> bool {
    Credentials::parse(credentials).is_ok_and(|credentials| credentials.realm == realm)
}

/// A response without our Via, which is the topmost (RFC 3261 section 16.7 step 3). `None` if it has no other Via: it is for
/// us.
pub(super) fn response(response: &Message) -> Option<Message> {
    let mut vias = response.values(HeaderName::Via).skip(1).peekable();
    vias.peek()?;
    let start = Builder::response_with_reason(response.status()?, response.reason());
    let copy = vias.fold(start, |copy, via| copy.header(HeaderName::Via, via.trim()));
    let fields = response.fields().filter(|(_, name, _)| *name != HeaderName::Via);
    let copy = fields.fold(copy, |copy, (text, _, value)| copy.other(text, value));
    Some(copy.octets(response.body()).finish())
}

/// A response with another status (RFC 3261 section 16.7 step 6: a 503 becomes a 500), and with the challenges of others
/// (step 7).
pub(super) fn changed(
    response: &Message,
    status: StatusCode,
    reason: &str,
    challenges: &[(HeaderName, String)],
) -> Message {
    let same = response.status() == Some(status);
    let mut copy = Builder::response_with_reason(status, reason);
    for (text, name, value) in response.fields() {
        // When a server that is too busy can be asked again says nothing of us.
        if same || name != HeaderName::RetryAfter {
            copy = copy.other(text, value);
        }
    }
    for (name, value) in challenges {
        copy = copy.header(*name, value);
    }
    copy.octets(response.body()).finish()
}
