//! Load and flood control: decides about each message before it has cost any work.
//!
//! | file | what it does | which fields of [`Admission`] it owns |
//! |---|---|---|
//! | `mod.rs` | decides about messages, by source and in total | all |
//! | `bucket.rs` | one token bucket | |
//! | `peek.rs` | [`peek`]: the kind of a message, without a parser | |
//!
//! The steps, the cheapest first:
//! - Bytes that are not SIP are dropped.
//! - A token bucket for each source address and each kind of new request.
//! - The same for all sources together, with a part kept for sources that have signed in.
//! - A limit on calls and on transactions.
//!
//! A request over a limit gets 503 and Retry-After, because an INVITE without an answer would be repeated for 32 s. The
//! number of these answers a second is limited; beyond that a request is dropped, so that a flood does not make us
//! flood.
//!
//! Requests within dialogs, ACK, BYE, CANCEL, PRACK and responses are never refused: calls in progress always go first.
//! Any sender can write a To tag. So the room that finds out that such a message belongs to nothing reports that
//! ([`Admission::stray`]). A source that sends many of these, and from which no device has signed in, is then ignored
//! completely. No address is special, not even loopback: a benchmark that needs more than the defaults must set them.

mod bucket;
mod peek;

use std::{net::IpAddr, time::Duration};

use sip::Instant;

pub(crate) use self::bucket::Bucket;
pub use self::peek::{Kind, peek};
pub use crate::config::{Rate, admission::*};
use crate::tables::recent::Recent;

/// The present load.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls in progress.
    pub calls: usize,
    /// Transactions open.
    pub transactions: usize,
}

/// What to do with a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Parse it.
    Admit,
    /// Answer 503 statelessly, with this many seconds in Retry-After (RFC 3261 21.5.4).
    Refuse {
        /// At least 1.
        retry_after: u32,
    },
    /// Drop it without an answer.
    Drop,
}

/// The kinds that have buckets.
#[derive(Copy, Clone)]
enum Class {
    Call,
    Registration,
    Other,
}

struct Source {
    buckets: Buckets,
    strays: Bucket,
}

struct Buckets {
    calls: Bucket,
    registrations: Bucket,
    others: Bucket,
    refusals: Bucket,
}

/// Admission control. See the module's description.
pub struct Admission {
    config: Config,
    total: Buckets,
    strangers: Recent<u128, Source>,
    /// Sources from which a device has signed in. They have their own map, so that a flood from forged addresses cannot
    /// push them out.
    vouched: Recent<u128, Source>,
    refused: u64,
    dropped: u64,
}

impl Admission {
    /// Full buckets.
    pub fn new(now: Instant, config: Config) -> Self {
        let total = Buckets::full(&config.total, now);
        let (strangers, vouched) = (Recent::new(config.sources), Recent::new(config.sources));
        Self {
            config,
            total,
            strangers,
            vouched,
            refused: 0,
            dropped: 0,
        }
    }

    /// Decides about a message by its source and its kind (see [`peek`]).
    pub fn admit(&mut self, now: Instant, source: IpAddr, kind: Kind, load: Load) -> Verdict {
        let class = match kind {
            Kind::InProgress | Kind::Response => return self.admit_in_progress(now, source),
            Kind::KeepAlive => return Verdict::Drop,
            Kind::Junk => {
                self.dropped += 1;
                return Verdict::Drop;
            }
            Kind::Call => Class::Call,
            Kind::Registration => Class::Registration,
            Kind::Other => Class::Other,
        };
        match self.charge(now, source, class, load) {
            Ok(()) => Verdict::Admit,
            Err(wait) => self.refuse(now, source, wait),
        }
    }

    /// A device behind this address has signed in: the address may use the share that is kept for such sources.
    pub fn vouch(&mut self, now: Instant, source: IpAddr) {
        let config = &self.config;
        let network = network(source);
        let strangers = &mut self.strangers;
        let former = || strangers.remove(&network).unwrap_or_else(|| Source::new(config, now));
        self.vouched.touch(network, former);
    }

    /// A message that looked like part of a dialog or transaction is part of none.
    pub fn stray(&mut self, now: Instant, source: IpAddr) {
        let network = network(source);
        if self.vouched.get_mut(&network).is_none() {
            let config = &self.config;
            self.strangers
                .touch(network, || Source::new(config, now))
                .strays
                .take(config.strays, now, 0);
        }
    }

    /// A message of this kind could not be parsed. So it is not part of a dialog or transaction, even if it looked like
    /// it.
    pub fn malformed(&mut self, now: Instant, source: IpAddr, kind: Kind) {
        match kind {
            Kind::InProgress | Kind::Response => self.stray(now, source),
            // These have already taken a token.
            Kind::Call | Kind::Registration | Kind::Other | Kind::KeepAlive | Kind::Junk => {}
        }
    }

    /// Calls in progress belong to sources from which a device has signed in, or to peers that do not stray.
    fn admit_in_progress(&mut self, now: Instant, source: IpAddr) -> Verdict {
        let rate = self.config.strays;
        let heard = self
            .strangers
            .get_mut(&network(source))
            .is_none_or(|stranger| stranger.strays.has(rate, now));
        if heard {
            return Verdict::Admit;
        }
        self.dropped += 1;
        Verdict::Drop
    }

    /// Takes other limits. Buckets keep their tokens, as far as the new burst allows.
    pub fn configure(&mut self, config: Config) {
        if config.sources != self.config.sources {
            self.strangers = Recent::new(config.sources);
            self.vouched = Recent::new(config.sources);
        }
        self.config = config;
    }

    /// How many messages were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many messages were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes a token of the source and a token of the total, or returns how long to wait.
    fn charge(&mut self, now: Instant, address: IpAddr, class: Class, load: Load) -> Result<(), Duration> {
        let config = &self.config;
        let full = match class {
            Class::Call => load.calls >= config.max_calls,
            Class::Registration | Class::Other => false,
        };
        if full || load.transactions >= config.max_transactions {
            return Err(Duration::from_secs(1));
        }
        let rate = class.rate(&config.source);
        let network = network(address);
        let (source, share) = match self.vouched.get_mut(&network) {
            Some(source) => (source, 0),
            None => {
                let source = self.strangers.touch(network, || Source::new(config, now));
                (source, u32::from(config.reserve_percent.min(100)))
            }
        };
        if !class.bucket(&mut source.buckets).take(rate, now, 0) {
            return Err(class.bucket(&mut source.buckets).wait(rate));
        }
        let total = class.rate(&config.total);
        let reserve = (u64::from(total.burst) * u64::from(share) / 100) as u32;
        if !class.bucket(&mut self.total).take(total, now, reserve) {
            // The total was empty: the source keeps its token.
            class.bucket(&mut source.buckets).give_back();
            return Err(class.bucket(&mut self.total).wait(total));
        }
        Ok(())
    }

    fn refuse(&mut self, now: Instant, address: IpAddr, wait: Duration) -> Verdict {
        let config = &self.config;
        let network = network(address);
        let source = match self.vouched.get_mut(&network) {
            Some(source) => source,
            None => self.strangers.touch(network, || Source::new(config, now)),
        };
        let answered = source.buckets.refusals.take(config.source.refusals, now, 0)
            && self.total.refusals.take(config.total.refusals, now, 0);
        if !answered {
            self.dropped += 1;
            return Verdict::Drop;
        }
        self.refused += 1;
        Verdict::Refuse {
            retry_after: retry_after(wait, self.refused),
        }
    }
}

/// Seconds to wait, rounded up and spread, so that not all sources come back at once.
fn retry_after(wait: Duration, count: u64) -> u32 {
    let spread = (count % 5) as u32;
    let whole = wait.as_secs().min(3_600) as u32;
    whole + 1 + spread
}

impl Class {
    fn rate(self, rates: &Rates) -> Rate {
        match self {
            Self::Call => rates.calls,
            Self::Registration => rates.registrations,
            Self::Other => rates.others,
        }
    }

    fn bucket(self, buckets: &mut Buckets) -> &mut Bucket {
        match self {
            Self::Call => &mut buckets.calls,
            Self::Registration => &mut buckets.registrations,
            Self::Other => &mut buckets.others,
        }
    }
}

impl Buckets {
    fn full(rates: &Rates, now: Instant) -> Self {
        Self {
            calls: Bucket::full(rates.calls, now),
            registrations: Bucket::full(rates.registrations, now),
            others: Bucket::full(rates.others, now),
            refusals: Bucket::full(rates.refusals, now),
        }
    }
}

impl Source {
    fn new(config: &Config, now: Instant) -> Self {
        Self {
            buckets: Buckets::full(&config.source, now),
            strays: Bucket::full(config.strays, now),
        }
    }
}

/// What counts as one source: an IPv4 address (mapped to IPv6 or not), or an IPv6 /64 network, since one site has a
/// /64.
pub(crate) fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests;
