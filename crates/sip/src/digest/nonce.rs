//! Nonces that carry their own proof, so that a challenge costs no memory.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::Instant;

/// Issue time, serial number, and the first half of an HMAC-SHA-256 over both.
const TIME: usize = 8;
const SERIAL: usize = 8;
const PROOF: usize = 16;
const LEN: usize = TIME + SERIAL + PROOF;

/// Why a nonce is refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Ours, but older than its lifetime: challenge again with `stale=true`, if the response
    /// itself was right (RFC 7616 3.3).
    #[error("stale nonce")]
    Stale,
    /// Not ours, or not from this run.
    #[error("forged nonce")]
    Forged,
}

/// What a good nonce tells about itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NonceAge {
    /// How long ago it was issued.
    pub age: Duration,
    /// How long it stays good: hand out the next one (nextnonce) when this gets short.
    pub left: Duration,
}

/// The issuer: signs the time into each nonce, and keeps nothing about it.
///
/// No `Debug`: it holds the key. A nonce is not bound to a source address, so that a phone whose
/// NAT gives it a new one need not authenticate twice.
pub struct Nonces {
    keyed: Hmac<Sha256>,
    lifetime: Duration,
    serial: u64,
    /// Of a run that is played again: nonces that were used in it, and whether they were issued again.
    seen: HashMap<[u8; TIME + SERIAL], ([u8; LEN], bool)>,
}

impl Nonces {
    /// An issuer with a random key of its own, whose nonces are good for `lifetime`.
    pub fn new(key: [u8; 32], lifetime: Duration) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        Self {
            // A key padded with zeros to the block's 64 bytes is the same key (RFC 2104 section 2).
            keyed: Hmac::new(&block.into()),
            lifetime,
            serial: 0,
            seen: HashMap::new(),
        }
    }

    /// An issuer for a run that is played again from a recording, which holds no key. Of `seen`, the
    /// nonces in that run's credentials, each is issued again when its turn comes and good from then
    /// on; others are refused, as those of another run were.
    pub fn replaying<'a>(lifetime: Duration, seen: impl IntoIterator<Item = &'a str>) -> Self {
        let seen = seen.into_iter().filter_map(decode);
        Self {
            seen: seen.map(|nonce| (signed(&nonce), (nonce, false))).collect(),
            ..Self::new([0; 32], lifetime)
        }
    }

    /// How long a nonce is good.
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A nonce issued at `now`: 43 characters of base64url. No two are the same.
    pub fn issue(&mut self, now: Instant) -> String {
        let mut nonce = [0; LEN];
        nonce[..TIME].copy_from_slice(&now.as_micros().to_be_bytes());
        nonce[TIME..TIME + SERIAL].copy_from_slice(&self.serial.to_be_bytes());
        self.serial = self.serial.wrapping_add(1);
        if let Some((seen, issued)) = self.seen.get_mut(&signed(&nonce)) {
            *issued = true;
            return URL_SAFE_NO_PAD.encode(*seen);
        }
        let proof = self.keyed.clone().chain_update(&nonce[..TIME + SERIAL]).finalize();
        nonce[TIME + SERIAL..].copy_from_slice(&proof.into_bytes()[..PROOF]);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether `nonce` is one of ours and still good at `now`. Takes the same time for every
    /// forgery that has a nonce's length.
    ///
    /// # Errors
    /// [`NonceError::Stale`] or [`NonceError::Forged`].
    pub fn check(&self, nonce: &str, now: Instant) -> Result<NonceAge, NonceError> {
        let nonce = decode(nonce).ok_or(NonceError::Forged)?;
        if self.seen.get(&signed(&nonce)) != Some(&(nonce, true)) {
            let (signed, proof) = nonce.split_at(TIME + SERIAL);
            let ours = self.keyed.clone().chain_update(signed).verify_truncated_left(proof);
            ours.map_err(|_| NonceError::Forged)?;
        }
        let age = now.since(issued(&nonce));
        match self.lifetime.checked_sub(age) {
            Some(left) if !left.is_zero() => Ok(NonceAge { age, left }),
            Some(_) | None => Err(NonceError::Stale),
        }
    }
}

fn signed(nonce: &[u8; LEN]) -> [u8; TIME + SERIAL] {
    let mut signed = [0; TIME + SERIAL];
    signed.copy_from_slice(&nonce[..TIME + SERIAL]);
    signed
}

pub(super) fn decode(nonce: &str) -> Option<[u8; LEN]> {
    // Room for the decoder's estimate, which may be a little more than what it writes.
    let mut bytes = [0; LEN + 3];
    let len = match nonce.len() {
        43 => URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes).ok()?,
        _ => return None,
    };
    bytes.get(..len)?.try_into().ok()
}

pub(super) fn issued(nonce: &[u8; LEN]) -> Instant {
    let mut time = [0; TIME];
    time.copy_from_slice(&nonce[..TIME]);
    Instant::from_micros(u64::from_be_bytes(time))
}
