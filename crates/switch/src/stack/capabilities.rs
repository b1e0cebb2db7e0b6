//! What Tandem understands: methods, extensions, bodies.

use sip::{HeaderName, Limits, Message, Method, Part, StatusCode};

use super::body::describes_session;
use crate::answer::Answer;

/// The methods a leg understands (RFC 3261 20.5).
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, MESSAGE, REFER";

/// The extensions that a leg supports (RFC 3261 20.37).
pub(crate) const SUPPORTED_BY_LEGS: &str = "timer, replaces";

/// The methods understood outside of a dialog.
pub(crate) const ALLOW_OUTSIDE: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, MESSAGE";

/// Extensions (RFC 3261 19.2) that a request may require of us.
const SUPPORTED: [&str; 3] = ["timer", "path", "replaces"];

/// Whether we understand what a request requires of us and the body it brings (RFC 3261 8.2.2.3, 8.2.3), within
/// a dialog or not.
pub(crate) fn understood(message: &Message) -> Result<(), Answer> {
    let registers = *message.method() == Method::Register;
    let unsupported: Vec<&str> = message
        .values(HeaderName::Require)
        .chain(message.values(HeaderName::ProxyRequire))
        .map(str::trim)
        .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .filter(|tag| !(registers && tag.eq_ignore_ascii_case("outbound")))
        .collect();
    if !unsupported.is_empty() {
        return Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, unsupported.join(", ")));
    }
    let mut encodings = message.values(HeaderName::ContentEncoding);
    let looked_at = *message.method() != Method::Bye;
    if looked_at && encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::AcceptEncoding, "identity"));
    }
    if has_foreign_body(message) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::Accept, "application/sdp"));
    }
    Ok(())
}

/// Whether a request brings a body that must be understood and is not (RFC 3261 8.2.3, 20.11).
///
/// That is a part with `handling=required`. One that does not say counts as required only where there is no session
/// description beside it: location, ISUP and the like often come without saying that they may be passed over.
fn has_foreign_body(message: &Message) -> bool {
    let describes = match message.method() {
        Method::Invite | Method::Update => true,
        // What these bring is the other phone's to understand; and a call must end, whatever a BYE brings.
        Method::Info | Method::Message | Method::Bye | Method::Ack | Method::Cancel => return false,
        Method::Register
        | Method::Options
        | Method::Prack
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Other(_) => false,
    };
    if message.body().is_empty() || message.content_type().is_none() {
        return false;
    }
    let Ok(parts) = message.parts(&Limits::default()) else {
        return describes;
    };
    let known = |part: &&Part<'_>| describes_session(part) && !part.body.is_empty();
    let described = parts.iter().any(|part| known(&part));
    let chosen = parts.iter().filter(known).any(|part| part.alternative);
    let foreign = |part: &Part<'_>| match part.purpose() {
        _ if part.alternative && chosen => false,
        Some(purpose) if purpose.required => true,
        Some(purpose) if purpose.optional => false,
        Some(_) | None => describes && !described,
    };
    parts.iter().any(|part| !known(&part) && foreign(part)) || (describes && parts.is_empty())
}
