//! Nonces that carry their own proof, so that a challenge costs no memory.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::Instant;

/// Issue time, serial number, and the first half of an HMAC-SHA-256 over both and the holder.
const TIME: usize = 8;
const SERIAL: usize = 8;
const PROOF: usize = 16;
const LEN: usize = TIME + SERIAL + PROOF;
/// The bit of the serial number that says: bound to a user.
const TO_USER: u64 = 1 << 63;

/// Who shows a nonce, or is given one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The network the request came from, in a form of the caller's choice.
    pub source: u128,
    /// The user name in the credentials; of no importance to a nonce that is bound to a source.
    pub user: &'a str,
}

/// What of its holder a nonce is bound to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The source: nobody elsewhere can use it (RFC 7616 5.4: a nonce may be good for one client only).
    Source,
    /// The user, at whatever source: for a phone that was challenged at one address and has answered
    /// with the right password from another one. Without this a phone whose NAT changes its address
    /// with each packet would be challenged for ever.
    User,
}

impl Binding {
    fn bytes(self, holder: &Holder<'_>) -> Vec<u8> {
        match self {
            Self::Source => holder.source.to_be_bytes().to_vec(),
            Self::User => holder.user.as_bytes().to_vec(),
        }
    }

    /// The binding that a nonce claims for itself; its proof says whether that is true.
    fn claimed(nonce: &[u8; LEN]) -> Self {
        if nonce[TIME] & 0x80 == 0 {
            Self::Source
        } else {
            Self::User
        }
    }
}

/// Why a nonce is refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Ours, but older than its lifetime: challenge again with `stale=true`, if the response
    /// itself was right (RFC 7616 3.3).
    #[error("stale nonce")]
    Stale(Binding),
    /// Not ours, not from this run, or given to another holder.
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
    /// What of its holder it is bound to.
    pub binding: Binding,
}

/// The issuer: signs the time and the holder into each nonce, and keeps nothing about it.
///
/// No `Debug`: it holds the key.
pub struct Nonces {
    keyed: Hmac<Sha256>,
    lifetime: Duration,
    serial: u64,
    /// Of a run that is played again: nonces that were used in it.
    seen: HashMap<[u8; TIME + SERIAL], Seen>,
}

/// A nonce of the run that is played again.
struct Seen {
    nonce: [u8; LEN],
    /// What of which holder it was bound to when it was issued again.
    holder: Option<Vec<u8>>,
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
            seen: seen
                .map(|nonce| (signed(&nonce), Seen { nonce, holder: None }))
                .collect(),
            ..Self::new([0; 32], lifetime)
        }
    }

    /// How long a nonce is good.
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A nonce issued at `now` for `holder`, of whom it is bound to `binding`: 43 characters of
    /// base64url. No two are the same.
    pub fn issue(&mut self, now: Instant, binding: Binding, holder: &Holder<'_>) -> String {
        let serial = match binding {
            Binding::Source => self.serial,
            Binding::User => self.serial | TO_USER,
        };
        self.serial = self.serial.wrapping_add(1) & !TO_USER;
        let mut nonce = [0; LEN];
        nonce[..TIME].copy_from_slice(&now.as_micros().to_be_bytes());
        nonce[TIME..TIME + SERIAL].copy_from_slice(&serial.to_be_bytes());
        let bound_to = binding.bytes(holder);
        if let Some(seen) = self.seen.get_mut(&signed(&nonce)) {
            seen.holder = Some(bound_to);
            return URL_SAFE_NO_PAD.encode(seen.nonce);
        }
        let proof = self.proof(&signed(&nonce), &bound_to).finalize();
        nonce[TIME + SERIAL..].copy_from_slice(&proof.into_bytes()[..PROOF]);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether `nonce` is one of ours, was given to `holder`, and is still good at `now`. Takes the
    /// same time for every forgery that has a nonce's length.
    ///
    /// # Errors
    /// [`NonceError::Stale`] or [`NonceError::Forged`].
    pub fn check(&self, nonce: &str, now: Instant, holder: &Holder<'_>) -> Result<NonceAge, NonceError> {
        let nonce = decode(nonce).ok_or(NonceError::Forged)?;
        let binding = Binding::claimed(&nonce);
        let bound_to = binding.bytes(holder);
        let again = self.seen.get(&signed(&nonce));
        if !again.is_some_and(|seen| seen.nonce == nonce && seen.holder.as_ref() == Some(&bound_to)) {
            let ours = self
                .proof(&signed(&nonce), &bound_to)
                .verify_truncated_left(&nonce[TIME + SERIAL..]);
            ours.map_err(|_| NonceError::Forged)?;
        }
        let age = now.since(issued(&nonce));
        match self.lifetime.checked_sub(age) {
            Some(left) if !left.is_zero() => Ok(NonceAge { age, left, binding }),
            Some(_) | None => Err(NonceError::Stale(binding)),
        }
    }

    fn proof(&self, signed: &[u8; TIME + SERIAL], bound_to: &[u8]) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(signed).chain_update(bound_to)
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
