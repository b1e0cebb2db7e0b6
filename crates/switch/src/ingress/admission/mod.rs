//! Load and flood control: what may come in before it has cost anything.
//!
//! The ladder, cheapest rung first: bytes that are no SIP are dropped; a token bucket for each
//! source address and for each kind of new request; the same for all sources together, with a part
//! kept for sources that have signed in; a cap on calls and transactions. What is over a limit is
//! refused with 503 and Retry-After, as an unanswered INVITE would come back for 32 s, but only so
//! many times a second: beyond that it is dropped, so that a flood does not make us flood.
//!
//! Requests within dialogs, ACK, BYE, CANCEL, PRACK and responses are never refused: calls in
//! progress always win. As anybody can write a To tag, whoever finds that such a message belongs to
//! nothing says so ([`Admission::stray`]); a source from which nobody has signed in, and that sends
//! many of those, is no longer heard at all. No address is special, not even loopback: a benchmark that wants more than
//! the defaults sets them.

mod bucket;
mod peek;

use std::{net::IpAddr, time::Duration};

use sip::Instant;

pub(crate) use self::bucket::Bucket;
pub use self::peek::{Kind, peek};
pub use crate::config::{Rate, admission::*};
use crate::tables::recent::Recent;

/// How much is going on.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls in progress.
    pub calls: usize,
    /// Transactions open.
    pub transactions: usize,
}

/// What becomes of a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Parse it.
    Admit,
    /// Answer 503 statelessly, with this many seconds in Retry-After (RFC 3261 21.5.4).
    Refuse {
        /// At least 1.
        retry_after: u32,
    },
    /// Forget it without an answer.
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
    /// Sources from which somebody has signed in. Apart, so that a flood from made-up addresses
    /// cannot push them out.
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

    /// Judges a message by where it comes from and what it seems to be (see [`peek`]).
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

    /// Somebody behind this address has signed in: it has a share in what is kept for such sources.
    pub fn vouch(&mut self, now: Instant, source: IpAddr) {
        let config = &self.config;
        let network = network(source);
        let strangers = &mut self.strangers;
        let former = || strangers.remove(&network).unwrap_or_else(|| Source::new(config, now));
        self.vouched.touch(network, former);
    }

    /// A message that seemed to be part of a dialog or transaction is part of none.
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

    /// A message of this kind was not readable: it is part of nothing that is under way, whatever it seemed to be.
    pub fn malformed(&mut self, now: Instant, source: IpAddr, kind: Kind) {
        match kind {
            Kind::InProgress | Kind::Response => self.stray(now, source),
            // These have paid for it.
            Kind::Call | Kind::Registration | Kind::Other | Kind::KeepAlive | Kind::Junk => {}
        }
    }

    /// Calls in progress are those of sources from which somebody has signed in, or of peers that
    /// do not stray.
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

    /// Takes other limits. Buckets keep what they have, as far as the new burst allows.
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

    /// Takes a token of the source and one of the total, or says how long to wait for one.
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
            // The source is not at fault: it keeps its token.
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

/// Seconds to wait, rounded up, and spread over some more so that not all come back at once.
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

/// What counts as one source: an IPv4 address (mapped to IPv6 or not), or an IPv6 /64, as that is
/// what one site has.
pub(crate) fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests;
