//! The names of legs, calls, requests and subscriptions, and identifiers. Strangers cannot guess the identifiers; the
//! same seed gives the same ones.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{api::CallUid, tables::slots::Id};

/// The type of the handles of legs.
pub(crate) enum LegKind {}
/// Names a leg.
pub(crate) type LegId = Id<LegKind>;
/// The type of the handles of calls.
pub(crate) enum CallKind {}
/// Names a call.
pub(crate) type CallId = Id<CallKind>;
/// The type of the handles of our own requests.
pub(crate) enum RequestKind {}
/// Names a request of ours, through all its tries.
pub(crate) type RequestId = Id<RequestKind>;
/// The type of the handles of proxied requests.
pub(crate) enum ProxyKind {}
/// Names a proxied request: its response context (RFC 3261 section 16.6).
pub(crate) type ProxyId = Id<ProxyKind>;
/// The type of the handles of proxied dialogs.
pub(crate) enum ThroughKind {}
/// Names a dialog of two others whose requests pass through Tandem as a proxy.
pub(crate) type ThroughId = Id<ThroughKind>;
/// The type of the handles of subscriptions.
pub(crate) enum SubscriptionKind {}
/// Names a subscription (RFC 6665).
pub(crate) type SubscriptionId = Id<SubscriptionKind>;
/// The type of the handles of trunks.
pub(crate) enum TrunkKind {}
/// Names a trunk.
pub(crate) type TrunkId = Id<TrunkKind>;
/// The type of the handles of publications.
pub(crate) enum PublicationKind {}
/// Names a publication (RFC 3903).
pub(crate) type PublicationId = Id<PublicationKind>;

/// The source of tags, branches, Call-IDs and every other random choice.
///
/// A stream cipher over a seed. Without the seed, the next identifier cannot be guessed (RFC 3261 19.3 asks for 32
/// random bits in a tag; this gives 64). With a recorded seed, a run repeats itself.
pub struct Ids(ChaCha8Rng);

impl Ids {
    /// The stream of identifiers for `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// Any number.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    /// A From or To tag.
    pub fn tag(&mut self) -> String {
        format!("{:016x}", self.u64())
    }

    /// A Via branch with the magic cookie of RFC 3261 8.1.1.7.
    pub fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.u64())
    }

    /// A Call-ID (RFC 3261 8.1.1.4). It names no host, so it reveals none.
    pub fn call_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.u64(), self.u64())
    }

    /// The id of a call.
    pub fn call_uid(&mut self) -> CallUid {
        CallUid((u128::from(self.u64()) << 64) | u128::from(self.u64()))
    }
}
