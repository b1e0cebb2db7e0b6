//! Who guesses passwords is not listened to for a while.

use std::net::SocketAddr;

use sip::{Flow, Instant};

use super::Config;
use crate::{
    admission::{Bucket, Rate, network},
    recent::Recent,
};

/// Bytes of a user name that tell it from others here.
const NAME: usize = 64;

/// Wrong passwords by source, and by source and user name, as token buckets; all bounded.
///
/// A user name alone is never locked, so that nobody locks out a user at another address. A phone
/// that has signed in from its address and port is heard whatever others behind the same address
/// do.
pub(super) struct Backoff {
    per_user: Rate,
    per_source: Rate,
    users: Recent<(u128, Box<str>), Guesses>,
    sources: Recent<u128, Bucket>,
    good: Recent<(SocketAddr, Box<str>), ()>,
}

/// What was tried for one user from one source.
struct Guesses {
    bucket: Bucket,
    /// The last response that was wrong.
    last: Box<str>,
}

impl Backoff {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            per_user: config.failures_per_user,
            per_source: config.failures_per_source,
            users: Recent::new(config.sources),
            sources: Recent::new(config.sources),
            good: Recent::new(config.sources),
        }
    }

    /// Seconds until a password for this user is looked at again, if that is not now.
    pub(super) fn wait(&mut self, now: Instant, flow: &Flow, username: &str) -> Option<u32> {
        let name: Box<str> = cut(username).into();
        if self.good.get_mut(&(flow.remote, name.clone())).is_some() {
            return None;
        }
        let source = network(flow.remote.ip());
        let blocked = |bucket: &mut Bucket, rate| (!bucket.has(rate, now)).then(|| bucket.wait(rate));
        let by_source = self
            .sources
            .get_mut(&source)
            .and_then(|bucket| blocked(bucket, self.per_source));
        let by_user = self
            .users
            .get_mut(&(source, name))
            .and_then(|guesses| blocked(&mut guesses.bucket, self.per_user));
        let wait = by_source.max(by_user)?;
        Some(
            u32::try_from(wait.as_millis().div_ceil(1_000))
                .unwrap_or(u32::MAX)
                .max(1),
        )
    }

    /// The password was wrong. The same response again is the same request again, and no other guess.
    pub(super) fn failed(&mut self, now: Instant, flow: &Flow, username: &str, response: &str) {
        let source = network(flow.remote.ip());
        let (per_user, per_source) = (self.per_user, self.per_source);
        self.good.remove(&(flow.remote, cut(username).into()));
        let key = (source, cut(username).into());
        let guesses = self.users.touch(key, || Guesses {
            bucket: Bucket::full(per_user, now),
            last: Box::default(),
        });
        if *guesses.last == *response {
            return;
        }
        guesses.last = response.into();
        guesses.bucket.take(per_user, now, 0);
        self.sources
            .touch(source, || Bucket::full(per_source, now))
            .take(per_source, now, 0);
    }

    /// The password was right.
    pub(super) fn succeeded(&mut self, flow: &Flow, username: &str) {
        let name: Box<str> = cut(username).into();
        self.users.remove(&(network(flow.remote.ip()), name.clone()));
        self.good.touch((flow.remote, name), || ());
    }

    /// How many entries there are in each table.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.users.len(), self.sources.len(), self.good.len()]
    }
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
