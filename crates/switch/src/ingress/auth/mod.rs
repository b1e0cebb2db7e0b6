//! Who sent a request: digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760), and what the sender may do.
//!
//! | file | what it does | which fields of [`Authenticator`] it owns |
//! |---|---|---|
//! | `mod.rs` | verifies credentials, makes challenges | all others |
//! | `backoff.rs` | `Backoff`: ignores sources that guess passwords | `backoff` |
//! | `identity.rs` | what a sender may say about itself; trusted networks | |
//! | `quirks.rs` | phones that cannot read the challenges of RFC 8760 | `shown` |
//!
//! A PBX is a user agent server for every caller, so it challenges with 401 and WWW-Authenticate, first with SHA-256
//! and then with MD5 (`quirks` knows the exceptions). Credentials are accepted in Authorization and in
//! Proxy-Authorization. An answer without qop (RFC 2069) is accepted too, unless the device is set to require qop; its
//! nonce is then good for that one request.
//!
//! A nonce is bound to the network it was given to. The right password with a nonce of another network gets
//! `stale=true` and a nonce that is bound to the user instead. So a phone behind a NAT that changes its address is
//! asked once more, and not for ever. If a nonce may not have reached the source, it proves nothing about the source:
//! wrong passwords with such a nonce lock no phone out.
//!
//! An unknown user is treated like a wrong password: the same look-up, the same hashes (with a secret that belongs to
//! no user), the same count of failures, the same answer.

mod backoff;
mod identity;
mod quirks;

use std::time::Duration;

use sip::{
    Flow, HeaderName, Instant, Message, Method, StatusCode, Uri,
    digest::{
        Binding, Challenge, Credentials, DigestError, Ha1Pair, Holder, NonceAge, NonceError, Nonces, Qop, Replay,
        authentication_info, verify, verify_without_qop,
    },
};

pub use self::identity::TrustedNets;
use self::{
    backoff::{Backoff, Guess},
    quirks::Shown,
};
use super::admission::network;
use crate::{Accounts, Answer, Device, Domain, stack::refused::Refused};
pub use crate::{accounts::Identity, config::auth::Config};

/// How many credentials of one request are looked at; a proxy on the way may have added its own.
const CREDENTIALS: usize = 8;

/// The result of authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request comes from this identity.
    Known(Identity),
    /// The sender is unknown: answer with this 401.
    Challenge(Answer),
    /// The request is not served: answer with this 400 or (after many wrong passwords) 503.
    Refused(Answer),
    /// The request comes from this identity, which may not make it: answer with this 403 (or 400).
    Forbidden(Identity, Answer),
    /// An ACK or a CANCEL. It cannot be sent again with credentials, so it is not challenged (RFC 3261 22.1). It
    /// belongs to a request that was authenticated.
    Exempt,
}

/// Counts of the work done so far. An unknown user must cost as much as a wrong password.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Responses that were verified.
    pub digests: u64,
    /// Nonces whose signature was checked.
    pub nonces: u64,
    /// Challenges that were made.
    pub challenges: u64,
    /// Wrong credentials.
    pub failures: u64,
    /// How often credentials were not looked at.
    pub refusals: u64,
}

/// Digest authentication. No `Debug`, since it holds the key.
pub struct Authenticator {
    nonces: Nonces,
    replay: Replay,
    backoff: Backoff,
    shown: Shown,
    nobody: Ha1Pair,
    work: Work,
    refused: Refused,
}

impl Authenticator {
    /// With a random key for the nonces.
    pub fn new(key: [u8; 32], config: &Config) -> Self {
        let lifetime = Duration::from_secs(u64::from(config.nonce_lifetime));
        let mut md5 = [0; 16];
        md5.copy_from_slice(&key[..16]);
        Self {
            nonces: Nonces::new(key, lifetime),
            replay: Replay::new(config.nonces, lifetime),
            backoff: Backoff::new(config),
            shown: Shown::new(config.sources),
            nobody: Ha1Pair { md5, sha256: key },
            work: Work::default(),
            refused: Refused::default(),
        }
    }

    /// For a recorded run that is played again: issues the nonces of that run. See [`Nonces::replaying`].
    pub(crate) fn replay_nonces<'a>(&mut self, used: impl IntoIterator<Item = &'a str>) {
        self.nonces = Nonces::replaying(self.nonces.lifetime(), used);
    }

    /// Finds out who sent a request. The realm is the name of the domain. Requests within dialogs do not come here:
    /// their dialog tells who sent them.
    pub fn authenticate(
        &mut self,
        now: Instant,
        message: &Message,
        flow: &Flow,
        accounts: &Accounts,
        domain: &Domain,
        trusted: &TrustedNets,
    ) -> Verdict {
        if matches!(message.method(), Method::Ack | Method::Cancel) {
            return Verdict::Exempt;
        }
        if let Some(extension) = whose_network(message, flow, accounts, trusted) {
            return Verdict::Known(identity::of_network(message, extension, domain, flow));
        }
        let credentials = match ours(message, domain) {
            Ok(Some(credentials)) => credentials,
            Ok(None) => return Verdict::Challenge(self.challenge(now, message, flow, domain, Fresh::new(""))),
            Err(answer) => return Verdict::Refused(answer),
        };
        match self.judge(now, message, flow, accounts, domain, &credentials) {
            Ok(device) => match entitle(message, flow, domain, device) {
                Ok(identity) => {
                    self.shown.answered(message, flow, credentials.algorithm);
                    Verdict::Known(identity)
                }
                Err(answer) => Verdict::Forbidden(Identity::of(device), answer),
            },
            Err(verdict) => verdict,
        }
    }

    /// What is said in the 2xx to a request whose credentials were right (RFC 7616 3.5): that Tandem knows the password,
    /// and the next nonce if theirs soon ends. `None` if nothing can be said.
    pub fn info(
        &mut self,
        now: Instant,
        message: &Message,
        flow: &Flow,
        accounts: &Accounts,
        domain: &Domain,
    ) -> Option<String> {
        let credentials = ours(message, domain).ok()??;
        let device = accounts.sign_in(&credentials.username)?;
        let holder = Holder {
            source: network(flow.remote.ip()),
            user: &credentials.username,
        };
        // A nonce that has ended was good when the request came; its time is short all the same.
        let (binding, left) = match self.nonces.check(&credentials.nonce, now, &holder) {
            Ok(age) => (age.binding, age.left),
            Err(NonceError::Stale(binding)) => (binding, Duration::ZERO),
            Err(NonceError::Forged) => return None,
        };
        let next = (left < self.nonces.lifetime() / 2).then(|| self.nonces.issue(now, binding, &holder));
        authentication_info(&credentials, &secrets(device), next.as_deref())
    }

    /// The work done so far.
    pub fn work(&self) -> Work {
        self.work
    }

    /// The device whose password was used, with a nonce that is valid and not replayed.
    fn judge<'a>(
        &mut self,
        now: Instant,
        message: &Message,
        flow: &Flow,
        accounts: &'a Accounts,
        domain: &Domain,
        credentials: &Credentials<'_>,
    ) -> Result<&'a Device, Verdict> {
        let bad = |reason| Verdict::Refused(Answer::because(StatusCode::BAD_REQUEST, reason));
        if credentials.qop == Some(Qop::AuthInt) {
            return Err(bad("Digest Needs qop=auth"));
        }
        if !names_request(&credentials.uri, message, domain, flow) {
            return Err(bad("Digest URI Is Not the Request's"));
        }
        let user: &str = &credentials.username;
        let source = network(flow.remote.ip());
        let nonce = self.nonces.check(&credentials.nonce, now, &Holder { source, user });
        self.work.nonces += 1;
        let reached = matches!(&nonce, Ok(age) if age.binding == Binding::Source);
        let guess = Guess { flow, user, reached };
        if let Some(seconds) = self.backoff.wait(now, &guess) {
            self.work.refusals += 1;
            return Err(if reached {
                let answer = Answer::because(StatusCode::SERVICE_UNAVAILABLE, "Too Many Wrong Passwords");
                Verdict::Refused(answer.with(HeaderName::RetryAfter, seconds.to_string()))
            } else {
                // The guesses may have been forged with a phone's address. The phone must still be served: it shows a
                // nonce that only a sender at that address gets. Nothing was verified here, so `stale` reveals nothing.
                Verdict::Challenge(self.challenge(now, message, flow, domain, Fresh::stale(user, Binding::Source)))
            });
        }
        let device = accounts.sign_in(user);
        let right = self.verify(credentials, device, message);
        let known = device.is_some();
        let Some(device) = device.filter(|_| right) else {
            self.work.failures += 1;
            self.refused.credentials(now, flow, message, user, known);
            self.backoff.failed(now, &guess, credentials.response);
            return Err(Verdict::Challenge(self.challenge(
                now,
                message,
                flow,
                domain,
                Fresh::new(user),
            )));
        };
        if device.require_qop && credentials.qop.is_none() {
            return Err(bad("This Device Needs Digest With qop"));
        }
        // RFC 7616 3.3: stale only if the digest was right and the nonce was at fault: too old, not ours (perhaps from
        // before a restart), given to another address, or used up. Then the phone need not ask its user.
        let binding = match nonce {
            Ok(_) if !self.replay.seen(&credentials.nonce, credentials.nc) => {
                self.backoff.succeeded(&guess);
                return Ok(device);
            }
            Ok(NonceAge { binding, .. }) | Err(NonceError::Stale(binding)) => binding,
            Err(NonceError::Forged) => Binding::User,
        };
        let fresh = Fresh::stale(user, binding);
        Err(Verdict::Challenge(self.challenge(now, message, flow, domain, fresh)))
    }

    /// Whether the credentials were made with the device's password. Takes the same time if there is no such device.
    fn verify(&mut self, credentials: &Credentials<'_>, device: Option<&Device>, message: &Message) -> bool {
        self.work.digests += 1;
        let ha1 = match device {
            Some(device) => &secrets(device),
            None => &self.nobody,
        };
        match credentials.qop {
            Some(_) => verify(credentials, ha1, message.method(), message.body()),
            // RFC 3261 22.4: servers must stay compatible with RFC 2069.
            None => verify_without_qop(credentials, ha1, message.method()),
        }
    }

    /// The 401 to a request whose sender is not known.
    fn challenge(&mut self, now: Instant, message: &Message, flow: &Flow, domain: &Domain, fresh: Fresh<'_>) -> Answer {
        self.work.challenges += 1;
        let holder = Holder {
            source: network(flow.remote.ip()),
            user: fresh.user,
        };
        let nonce = self.nonces.issue(now, fresh.binding, &holder);
        let mut answer = Answer::new(StatusCode::UNAUTHORIZED);
        for &algorithm in self.shown.algorithms(message, flow) {
            let challenge = Challenge {
                realm: domain.name().to_owned(),
                nonce: nonce.clone(),
                opaque: None,
                stale: fresh.stale,
                algorithm,
            };
            answer = answer.with(HeaderName::WwwAuthenticate, challenge.to_string());
        }
        answer
    }
}

/// What a device's password hashes to.
fn secrets(device: &Device) -> Ha1Pair {
    Ha1Pair {
        md5: device.ha1.md5,
        sha256: device.ha1.sha256,
    }
}

/// What a challenge needs for its nonce.
struct Fresh<'a> {
    /// The user name in the credentials, if there were any.
    user: &'a str,
    /// What the nonce is bound to.
    binding: Binding,
    /// Whether only the former nonce was at fault (`stale`).
    stale: bool,
}

impl<'a> Fresh<'a> {
    /// Without any credentials in the request.
    const fn new(user: &'a str) -> Self {
        Self {
            user,
            binding: Binding::Source,
            stale: false,
        }
    }

    /// Replaces a nonce that is no longer good.
    const fn stale(user: &'a str, binding: Binding) -> Self {
        Self {
            user,
            binding,
            stale: true,
        }
    }
}

/// The extension of the trusted network that this comes from. Not for a REGISTER, which says where a device is: a
/// trusted network has no device.
fn whose_network<'a>(message: &Message, flow: &Flow, accounts: &Accounts, trusted: &'a TrustedNets) -> Option<&'a str> {
    if *message.method() == Method::Register {
        return None;
    }
    trusted
        .extension(flow.remote.ip())
        .filter(|extension| accounts.is_extension(extension))
}

/// The first credentials for our realm, with an algorithm that we know. Credentials for other realms and of other
/// schemes are meant for other servers (RFC 3261 22.3).
fn ours<'a>(message: &'a Message, domain: &Domain) -> Result<Option<Credentials<'a>>, Answer> {
    let fields = message
        .headers(HeaderName::Authorization)
        .chain(message.headers(HeaderName::ProxyAuthorization));
    let mut unreadable = false;
    for value in fields.take(CREDENTIALS) {
        match Credentials::parse(value) {
            Ok(credentials) if credentials.realm == domain.name() => return Ok(Some(credentials)),
            Ok(_) | Err(DigestError::Scheme | DigestError::Algorithm) => {}
            Err(_) => unreadable = true,
        }
    }
    // RFC 7616 3.4: improper or missing parameters get a 4xx.
    if unreadable {
        Err(Answer::because(StatusCode::BAD_REQUEST, "Credentials Cannot Be Read"))
    } else {
        Ok(None)
    }
}

/// Whether the digest's URI matches the Request-URI, which a proxy may have changed (RFC 3261 22.4 items 1 and 6):
/// equal, or ours with no other user part. Some phones sign the registrar's address where the Request-URI names the
/// domain, or leave out the user part.
fn names_request(signed: &str, message: &Message, domain: &Domain, flow: &Flow) -> bool {
    if signed == message.uri() {
        return true;
    }
    let (Ok(signed), Ok(request)) = (Uri::parse(signed), message.request_uri()) else {
        return false;
    };
    let user_fits = match (signed.user, request.user) {
        (Some(_), Some(_)) => signed.number() == request.number(),
        (Some(_), None) | (None, Some(_) | None) => true,
    };
    signed.same_as(&request) || (domain.owns(signed.host, flow) && user_fits)
}

/// What a device with a proven password may do with this request.
fn entitle(message: &Message, flow: &Flow, domain: &Domain, device: &Device) -> Result<Identity, Answer> {
    if device.transport.is_some_and(|only| only != flow.transport) {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Transport Not Allowed"));
    }
    identity::bind(message, Identity::of(device), domain, flow)
}

#[cfg(test)]
mod tests;
