//! Access: bearer tokens (RFC 6750), and the answers to wrong tokens.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

use crate::{
    http::{forwarded, links::Links, problem::Problem},
    model::secret::hash_token,
    shell::state::{AccessLimits, App},
};

/// A longer token is wrong without being looked at.
pub const MAX_TOKEN_LENGTH: usize = 512;

/// Counters of wrong attempts. Addresses share them by a keyed hash, so there are never more.
const SLOTS: usize = 1024;

/// The source address of a request's connection. The server puts it into the extensions of the request.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Lets a request through that shows a good token, or is a link that needs none.
pub(crate) async fn require_token(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query());
    if !app.guard.links.opens(&parts.method, path, query, Timestamp::now()) {
        check(&app, &parts.headers, &parts.extensions).await?;
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The address it came from; unspecified where no server put one in. Proxies that are trusted tell it.
fn source(app: &App, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
    let connection = extensions
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    forwarded::client(connection, headers, &app.guard.proxies)
}

/// True if the headers have a good token.
///
/// Each token is looked at, however many wrong ones its address has sent: otherwise another client at the same
/// address (behind the same NAT or proxy) could lock a good one out. What keeps a token from being guessed
/// is its length, at least 16 characters. The limit on wrong ones is a word to clients and a bound on the log.
pub(crate) async fn check(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Result<(), Problem> {
    let Some(token) = bearer(headers) else {
        return Err(refusal("send Authorization: Bearer TOKEN", "Bearer realm=\"tandem\""));
    };
    let shown = hash_token(token);
    let tokens = app.store.tokens(&app.domain).await?;
    // Every known hash is compared to its end: the time says nothing about which came close.
    let good = tokens
        .iter()
        .fold(Choice::from(0), |good, known| good | known.hash[..].ct_eq(&shown[..]));
    if good.into() {
        return Ok(());
    }
    let source = source(app, headers, extensions);
    if let Err(wait) = app.guard.was_wrong(source, Instant::now()) {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        let problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "too many wrong tokens; wait",
        );
        return Err(problem.header(header::RETRY_AFTER, seconds));
    }
    tracing::info!(%source, "admin request with a wrong token");
    Err(refusal(
        "this token is not known",
        "Bearer realm=\"tandem\", error=\"invalid_token\"",
    ))
}

fn refusal(detail: &'static str, challenge: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// The token of the one Authorization header, if it is a bearer's.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fine = scheme.eq_ignore_ascii_case("bearer") && (1..=MAX_TOKEN_LENGTH).contains(&token.len());
    fine.then_some(token)
}

/// Token buckets of wrong attempts.
pub(crate) struct Guard {
    key: RandomState,
    /// For each slot, when it will be as good as new.
    slots: Mutex<Box<[Option<Instant>]>>,
    burst: u32,
    pause: Duration,
    /// The proxies that tell for which client they speak.
    proxies: Vec<IpNet>,
    /// Links that need no token.
    pub(crate) links: Links,
}

impl Guard {
    pub(crate) fn new(limits: &AccessLimits, proxies: Vec<IpNet>) -> Self {
        let slots = Mutex::new(vec![None; SLOTS].into_boxed_slice());
        Self {
            key: RandomState::new(),
            slots,
            burst: limits.wrong_tokens.max(1),
            pause: limits.wrong_token_pause,
            proxies,
            links: Links::new(limits.link_time),
        }
    }

    /// Counts a wrong try of this address.
    ///
    /// # Errors
    /// There were too many: how long it has to wait before the next one counts as one try again.
    fn was_wrong(&self, source: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[self.slot(source)];
        let clear = slot.map_or(now, |clear| clear.max(now));
        let (debt, allowed) = (clear.saturating_duration_since(now), self.pause * (self.burst - 1));
        if debt > allowed {
            return Err(debt - allowed);
        }
        *slot = Some(clear + self.pause);
        Ok(())
    }

    /// An IPv6 host has a whole /64 to choose from, so that is what counts.
    fn slot(&self, source: IpAddr) -> usize {
        let who = match source.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits() >> 64 | 1 << 127,
        };
        usize::try_from(self.key.hash_one(who) % SLOTS as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(wrong_tokens: u32, wrong_token_pause: Duration) -> Guard {
        let limits = AccessLimits {
            wrong_tokens,
            wrong_token_pause,
            ..AccessLimits::default()
        };
        Guard::new(&limits, Vec::new())
    }

    const ALICE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn after_a_few_wrong_tokens_one_try_a_pause_is_left() {
        let pause = Duration::from_secs(1);
        let (guard, start) = (guard(3, pause), Instant::now());
        for _ in 0..3 {
            assert_eq!(guard.was_wrong(ALICE, start), Ok(()));
        }
        for _ in 0..9 {
            assert_eq!(guard.was_wrong(ALICE, start), Err(pause), "refusals cost nothing more");
        }
        assert_eq!(guard.was_wrong(ALICE, start + pause), Ok(()));
        assert!(guard.was_wrong(ALICE, start + pause).is_err());
        assert_eq!(guard.was_wrong(ALICE, start + pause * 10), Ok(()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_ipv4_in_ipv6_as_itself() {
        let guard = guard(1, Duration::from_secs(1));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(guard.slot(ip("2001:db8::1")), guard.slot(ip("2001:db8::ffff:1")));
        assert_eq!(guard.slot(ip("::ffff:192.0.2.1")), guard.slot(ip("192.0.2.1")));
    }

    #[test]
    fn only_one_well_formed_bearer_counts() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(with(&["bEaReR  abc"]), Some("abc".to_owned()));
        for bad in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Basic abc"],
            &["abc"],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
        assert_eq!(with(&[&format!("Bearer {}", "a".repeat(MAX_TOKEN_LENGTH + 1))]), None);
    }
}
