//! Phones that cannot read what RFC 8760 has us send.

use sip::{Flow, HeaderName, Message, digest::Algorithm};

use crate::{ingress::admission::network, tables::recent::Recent};

/// The beginnings of User-Agent values of phones that give up when any challenge of an answer names an
/// algorithm they do not know, instead of passing over it (RFC 8760 2.4): libre before its version 3,
/// which baresip is made of, and SIPp before 3.7.
const MD5_ONLY: [&str; 4] = ["baresip v0.", "baresip v1.", "baresip v2.", "SIPp"];

/// So many challenges with SHA-256 first may stay unanswered before a phone is taken for another one than
/// that which has shown SHA-256. A phone that does not wait for answers has a few requests on the way.
const UNANSWERED: u8 = 4;

/// Bytes of a user part that tell it from others here.
const NAME: usize = 64;

/// Which phones that do not say what they are have shown that they take SHA-256: by the network they are in
/// and the user part of their From. Bounded. Strangers elsewhere learn nothing from it.
pub(super) struct Shown(Recent<(u128, Box<str>), u8>);

impl Shown {
    /// For at most so many phones.
    pub(super) fn new(phones: usize) -> Self {
        Self(Recent::new(phones))
    }

    /// What to challenge the sender of `message` with; the one we like best comes first (RFC 8760 2.3).
    pub(super) fn algorithms(&mut self, message: &Message, flow: &Flow) -> &'static [Algorithm] {
        const STRONG_FIRST: &[Algorithm] = &[Algorithm::Sha256, Algorithm::Md5];
        match message.header(HeaderName::UserAgent) {
            Some(agent) if MD5_ONLY.iter().any(|beginning| agent.starts_with(beginning)) => &[Algorithm::Md5],
            Some(_) => STRONG_FIRST,
            None if self.takes_sha256(message, flow) => STRONG_FIRST,
            // A phone that does not say what it is may well read the first challenge only.
            None => &[Algorithm::Md5, Algorithm::Sha256],
        }
    }

    fn takes_sha256(&mut self, message: &Message, flow: &Flow) -> bool {
        let Some(key) = key(message, flow) else { return false };
        let Some(unanswered) = self.0.get_mut(&key) else {
            return false;
        };
        *unanswered += 1;
        if *unanswered > UNANSWERED {
            self.0.remove(&key);
            return false;
        }
        true
    }

    /// The right password was shown by a hash of this algorithm.
    pub(super) fn answered(&mut self, message: &Message, flow: &Flow, algorithm: Algorithm) {
        let Some(key) = key(message, flow) else { return };
        match algorithm {
            // Phones say what they are in some of their requests only.
            Algorithm::Sha256 => *self.0.touch(key, || 0) = 0,
            Algorithm::Md5 if message.header(HeaderName::UserAgent).is_none() => {
                self.0.remove(&key);
            }
            Algorithm::Md5 => {}
        }
    }
}

/// Who sends this, as far as that shows before it has signed in.
fn key(message: &Message, flow: &Flow) -> Option<(u128, Box<str>)> {
    let from = message.from().ok()?;
    let user = from.uri().ok()?.user_unescaped();
    let name = user.get(..user.floor_char_boundary(NAME))?;
    (!name.is_empty()).then(|| (network(flow.remote.ip()), name.into()))
}
