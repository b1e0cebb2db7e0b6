//! Phones that cannot read what RFC 8760 has us send.

use sip::{HeaderName, Message, digest::Algorithm};

/// The beginnings of User-Agent values of phones that give up when any challenge of an answer names an
/// algorithm they do not know, instead of passing over it (RFC 8760 2.4): libre before its version 3,
/// which baresip is made of, and SIPp before 3.7.
const MD5_ONLY: [&str; 4] = ["baresip v0.", "baresip v1.", "baresip v2.", "SIPp"];

/// What to challenge the sender of `message` with; the one we like best comes first (RFC 8760 2.3).
pub(super) fn algorithms(message: &Message) -> &'static [Algorithm] {
    match message.header(HeaderName::UserAgent) {
        // Whoever does not say what it is may well read the first challenge only.
        None => &[Algorithm::Md5, Algorithm::Sha256],
        Some(agent) if MD5_ONLY.iter().any(|beginning| agent.starts_with(beginning)) => &[Algorithm::Md5],
        Some(_) => &[Algorithm::Sha256, Algorithm::Md5],
    }
}
