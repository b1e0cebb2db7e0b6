//! Which part of a message describes the session.

use sip::{Limits, Message, Part};

/// The session description in a message: its body, or that part of a multipart one (RFC 5621 section 3.1). Empty where
/// there is none.
pub(crate) fn description(message: &Message) -> &[u8] {
    if message.content_type().is_none() {
        return message.body();
    }
    let parts = message.parts(&Limits::default()).unwrap_or_default();
    parts
        .iter()
        .find(|part| describes_session(part))
        .map_or(&[], |part| part.body)
}

/// Whether a part describes the session; the description of an early session (RFC 3959) does not.
pub(crate) fn describes_session(part: &Part<'_>) -> bool {
    let early = || {
        part.purpose()
            .is_some_and(|purpose| purpose.kind.eq_ignore_ascii_case("early-session"))
    };
    part.is("application", "sdp") && !early()
}
