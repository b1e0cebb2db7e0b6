//! Sources that guess passwords are ignored for some time.

use std::net::SocketAddr;

use sip::{Flow, Instant};

use super::Config;
use crate::{
    ingress::admission::{Bucket, Rate, network},
    tables::recent::Recent,
};

/// How many bytes of a user name tell it from others here.
const NAME: usize = 64;

/// Credentials whose password is to be judged.
pub(super) struct Guess<'a> {
    /// The source they came from.
    pub(super) flow: &'a Flow,
    /// The user name in them.
    pub(super) user: &'a str,
    /// Whether their nonce shows that our answers reach the source. A sender that forges a phone's address does not get
    /// the nonces given to that address.
    pub(super) reached: bool,
}

/// Wrong passwords by source, and by source and user name, as token buckets. All tables are bounded.
///
/// A user name alone is never locked, so that a guesser cannot lock out a user at another address. A phone that has
/// signed in from its address and port is still served, whatever others behind the same address do. Guesses from a
/// possibly forged source have their own buckets. They take nothing from a sender that shows a nonce given to the
/// source.
pub(super) struct Backoff {
    per_user: Rate,
    per_source: Rate,
    reached: Tries,
    /// Separate: an attacker can forge any number of addresses, which must not push out what is known of real
    /// addresses.
    unproven: Tries,
    good: Recent<(SocketAddr, Box<str>), ()>,
}

/// The guesses of one source.
struct Tries {
    users: Recent<(u128, Box<str>), Guesses>,
    sources: Recent<u128, Bucket>,
}

impl Tries {
    fn new(sources: usize) -> Self {
        Self {
            users: Recent::new(sources),
            sources: Recent::new(sources),
        }
    }
}

/// The guesses for one user from one source.
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
            reached: Tries::new(config.sources),
            unproven: Tries::new(config.sources),
            good: Recent::new(config.sources),
        }
    }

    /// For how many seconds such a password is not looked at; `None` if it is looked at now.
    pub(super) fn wait(&mut self, now: Instant, guess: &Guess<'_>) -> Option<u32> {
        let name: Box<str> = cut(guess.user).into();
        if guess.reached && self.good.get_mut(&(guess.flow.remote, name.clone())).is_some() {
            return None;
        }
        let source = network(guess.flow.remote.ip());
        let (per_user, per_source) = (self.per_user, self.per_source);
        let blocked = |bucket: &mut Bucket, rate| (!bucket.has(rate, now)).then(|| bucket.wait(rate));
        let tries = self.tries(guess);
        let by_source = tries
            .sources
            .get_mut(&source)
            .and_then(|bucket| blocked(bucket, per_source));
        let by_user = tries
            .users
            .get_mut(&(source, name))
            .and_then(|guesses| blocked(&mut guesses.bucket, per_user));
        let wait = by_source.max(by_user)?;
        Some(
            u32::try_from(wait.as_millis().div_ceil(1_000))
                .unwrap_or(u32::MAX)
                .max(1),
        )
    }

    /// The password was wrong. The same response again is a repetition of the request, and not another guess.
    pub(super) fn failed(&mut self, now: Instant, guess: &Guess<'_>, response: &str) {
        let source = network(guess.flow.remote.ip());
        let (per_user, per_source) = (self.per_user, self.per_source);
        let name: Box<str> = cut(guess.user).into();
        if guess.reached {
            self.good.remove(&(guess.flow.remote, name.clone()));
        }
        let tries = self.tries(guess);
        let guesses = tries.users.touch((source, name), || Guesses {
            bucket: Bucket::full(per_user, now),
            last: Box::default(),
        });
        if *guesses.last == *response {
            return;
        }
        guesses.last = response.into();
        guesses.bucket.take(per_user, now, 0);
        tries
            .sources
            .touch(source, || Bucket::full(per_source, now))
            .take(per_source, now, 0);
    }

    /// The password was right.
    pub(super) fn succeeded(&mut self, guess: &Guess<'_>) {
        let key = (network(guess.flow.remote.ip()), cut(guess.user).into());
        self.tries(guess).users.remove(&key);
        if guess.reached {
            self.good.touch((guess.flow.remote, key.1), || ());
        }
    }

    fn tries(&mut self, guess: &Guess<'_>) -> &mut Tries {
        if guess.reached {
            &mut self.reached
        } else {
            &mut self.unproven
        }
    }

    /// How many entries each table has.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 5] {
        let [reached, unproven] = [&self.reached, &self.unproven].map(|tries| [tries.users.len(), tries.sources.len()]);
        [reached[0], reached[1], unproven[0], unproven[1], self.good.len()]
    }
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
