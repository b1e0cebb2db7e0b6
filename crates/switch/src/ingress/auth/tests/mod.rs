//! The authenticator with phones that answer its challenges.
//!
//! | file | what it tests |
//! |---|---|
//! | `challenges.rs` | what a 401 offers, and which requests get a 401 |
//! | `credentials.rs` | right, wrong and malformed credentials |
//! | `guessing.rs` | guessed passwords |
//! | `identity.rs` | what a device may say about itself |
//! | `nonces.rs` | how long and where a nonce is valid, nonce counts |

mod challenges;
mod credentials;
mod guessing;
mod identity;
mod nonces;

use bytes::Bytes;
use proptest::prelude::*;
use sip::{
    ConnectionId, Limits, Transport,
    digest::{Algorithm, ChallengeParsed, answer},
};

use super::*;
use crate::{AccountChange, Dtmf, Extension, Ha1, Listener, NatPolicy, Transcode, Trusted, admission::Rate};

const REALM: &str = "tandem.local";

struct World {
    authenticator: Authenticator,
    accounts: Accounts,
    domain: Domain,
    trusted: TrustedNets,
    now: Instant,
}

fn device(username: &str, extension: &str, password: &str, transport: Option<Transport>) -> AccountChange {
    let pair = Ha1Pair::new(username, REALM, password);
    AccountChange::Device(Device {
        username: username.into(),
        extension: extension.into(),
        ha1: Ha1 {
            md5: pair.md5,
            sha256: pair.sha256,
        },
        codecs: Vec::new(),
        nat: NatPolicy::Source,
        transport,
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    })
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

fn phone() -> Flow {
    flow("203.0.113.9:40000")
}

fn request(method: &str, uri: &str, user: &str, lines: &[String]) -> Message {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let to = if method == "REGISTER" { user } else { "102" };
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\nFrom: \"Me\" <sip:{user}@tandem.local>;tag=a\r\n\
         To: <sip:{to}@tandem.local>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

/// A phone's way to answer a challenge.
struct Signer<'a> {
    user: &'a str,
    password: &'a str,
    algorithm: Algorithm,
    uri: &'a str,
    nc: u32,
}

const ALICE: Signer<'_> = Signer {
    user: "101",
    password: "secret",
    algorithm: Algorithm::Sha256,
    uri: "sip:102@tandem.local",
    nc: 1,
};

impl Signer<'_> {
    fn sign(&self, challenge: &Answer, method: &Method) -> String {
        let values = challenge
            .headers
            .iter()
            .filter(|(name, _)| *name == HeaderName::WwwAuthenticate);
        let parsed = values.map(|(_, value)| ChallengeParsed::parse(value).unwrap());
        let chosen = parsed
            .rev()
            .find(|challenge| challenge.algorithm == self.algorithm)
            .unwrap();
        answer(&chosen, self.user, self.password, method, self.uri, self.nc, "cnonce")
    }
}

impl World {
    fn new(config: Config) -> Self {
        let mut accounts = Accounts::default();
        for number in ["101", "102"] {
            accounts.apply(AccountChange::Extension(Extension {
                number: number.into(),
                ..Extension::default()
            }));
        }
        accounts.apply(device("101", "101", "secret", None));
        accounts.apply(device("desk", "101", "desk secret", None));
        accounts.apply(device("tls", "102", "secret", Some(Transport::Tls)));
        accounts.apply(device("lost", "999", "secret", None));
        let mut domain = Domain::new(REALM, None);
        domain.listen(&[Listener {
            transport: Transport::Udp,
            address: "0.0.0.0:5060".parse().unwrap(),
        }]);
        let authenticator = Authenticator::new([7; 32], &config);
        Self {
            authenticator,
            accounts,
            domain,
            trusted: TrustedNets::default(),
            now: Instant::from_micros(1_000_000),
        }
    }

    fn judge(&mut self, message: &Message, flow: &Flow) -> Verdict {
        self.authenticator
            .authenticate(self.now, message, flow, &self.accounts, &self.domain, &self.trusted)
    }

    fn invite(&mut self, from: &str, lines: &[String], flow: &Flow) -> Verdict {
        self.judge(&request("INVITE", "sip:102@tandem.local", from, lines), flow)
    }

    fn challenge(&mut self) -> Answer {
        self.challenge_at(&phone())
    }

    fn challenge_at(&mut self, flow: &Flow) -> Answer {
        let verdict = self.invite("101", &["User-Agent: Desk/1.0".into()], flow);
        let Verdict::Challenge(answer) = verdict else {
            panic!("{verdict:?}")
        };
        answer
    }

    /// Signs a fresh challenge and sends an INVITE from `from` with that.
    fn call(&mut self, signer: &Signer<'_>, from: &str, flow: &Flow) -> Verdict {
        let challenge = self.challenge_at(flow);
        self.answer(signer, &challenge, from, flow)
    }

    /// Signs a challenge and sends an INVITE from `from` with that.
    fn answer(&mut self, signer: &Signer<'_>, challenge: &Answer, from: &str, flow: &Flow) -> Verdict {
        let line = format!("Authorization: {}", signer.sign(challenge, &Method::Invite));
        self.invite(from, &[line], flow)
    }
}

fn status(verdict: &Verdict) -> u16 {
    match verdict {
        Verdict::Known(_) => 200,
        Verdict::Challenge(answer) | Verdict::Refused(answer) | Verdict::Forbidden(_, answer) => answer.status.code(),
        Verdict::Exempt => 0,
    }
}

/// The challenge of a verdict.
fn again(verdict: Verdict) -> Answer {
    let Verdict::Challenge(answer) = verdict else {
        panic!("{verdict:?}")
    };
    answer
}

/// As a client of RFC 2069 writes them.
fn without_qop(challenge: &Answer, signer: &Signer<'_>) -> String {
    let mut old = challenge.clone();
    for (_, value) in &mut old.headers {
        *value = value.replace(", qop=\"auth\"", "");
    }
    format!("Authorization: {}", signer.sign(&old, &Method::Invite))
}

fn is_stale(verdict: &Verdict) -> bool {
    let Verdict::Challenge(answer) = verdict else {
        panic!("{verdict:?}")
    };
    answer
        .header(HeaderName::WwwAuthenticate)
        .unwrap()
        .contains("stale=true")
}
