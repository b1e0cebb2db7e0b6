//! Phones that cannot read the challenges of RFC 8760.

use sip::{Flow, HeaderName, Message, digest::Algorithm};

use crate::{ingress::admission::network, tables::recent::Recent};

/// The beginnings of User-Agent values of phones that give up if any challenge in a response names an algorithm they do
/// not know. They should skip it (RFC 8760 2.4). These are libre before version 3, on which baresip is built, and SIPp
/// before 3.7.
const MD5_ONLY: [&str; 4] = ["baresip v0.", "baresip v1.", "baresip v2.", "SIPp"];

/// After this many unanswered challenges with SHA-256 first, the sender is taken for another phone than the one that
/// has used SHA-256. A phone that sends without waiting for answers has a few requests on the way.
const UNANSWERED: u8 = 4;

/// How many bytes of a user part tell it from others here.
const NAME: usize = 64;

/// Which phones without a User-Agent have used SHA-256: by their network and the user part of their From. Bounded. A
/// stranger at another address learns nothing from this.
pub(super) struct Shown(Recent<(u128, Box<str>), u8>);

impl Shown {
    /// For at most this many phones.
    pub(super) fn new(phones: usize) -> Self {
        Self(Recent::new(phones))
    }

    /// The algorithms with which to challenge the sender of `message`; the preferred one first (RFC 8760 2.3).
    pub(super) fn algorithms(&mut self, message: &Message, flow: &Flow) -> &'static [Algorithm] {
        const STRONG_FIRST: &[Algorithm] = &[Algorithm::Sha256, Algorithm::Md5];
        match message.header(HeaderName::UserAgent) {
            Some(agent) if MD5_ONLY.iter().any(|beginning| agent.starts_with(beginning)) => &[Algorithm::Md5],
            Some(_) => STRONG_FIRST,
            None if self.takes_sha256(message, flow) => STRONG_FIRST,
            // A phone without a User-Agent may read only the first challenge.
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

    /// A device has proved its password with a hash of this algorithm.
    pub(super) fn answered(&mut self, message: &Message, flow: &Flow, algorithm: Algorithm) {
        let Some(key) = key(message, flow) else { return };
        match algorithm {
            // Some phones send User-Agent only in some of their requests.
            Algorithm::Sha256 => *self.0.touch(key, || 0) = 0,
            Algorithm::Md5 if message.header(HeaderName::UserAgent).is_none() => {
                self.0.remove(&key);
            }
            Algorithm::Md5 => {}
        }
    }
}

/// The sender of this message, as far as it can be told before the sender has signed in.
fn key(message: &Message, flow: &Flow) -> Option<(u128, Box<str>)> {
    let from = message.from().ok()?;
    let user = from.uri().ok()?.user_unescaped();
    let name = user.get(..user.floor_char_boundary(NAME))?;
    (!name.is_empty()).then(|| (network(flow.remote.ip()), name.into()))
}
