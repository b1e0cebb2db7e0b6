//! Credentials for requests of ours, and the challenges that they answered (RFC 3261 22.2, 22.3).

use std::fmt;

use sip::{
    HeaderName, Message,
    digest::{ChallengeParsed, Ha1Pair, answer_hashed},
};

/// A user name and its secret. The owner of a request gives them. `Debug` shows nothing of them.
#[derive(PartialEq, Eq)]
pub(crate) struct Credentials {
    user: Box<str>,
    password: Box<str>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// With a password.
    pub fn with_password(user: &str, password: &str) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    fn ha1(&self, asked: &str) -> Ha1Pair {
        Ha1Pair::new(&self.user, asked, &self.password)
    }
}

/// An answered challenge. Each time the request is sent, it is answered again with the next nonce count.
pub(crate) struct Answered {
    /// Authorization or Proxy-Authorization.
    field: HeaderName,
    /// The value of the challenge.
    challenge: Box<str>,
    /// How many requests were sent with its nonce.
    count: u32,
    /// It is the second challenge of its realm.
    again: bool,
}

/// Takes the challenges of a 401 or 407 that can be answered, one for each realm. They are added to those answered
/// before, or replace them. False if there are none, or if the credentials were just rejected.
pub(crate) fn take_challenges(answered: &mut Vec<Answered>, response: &Message) -> bool {
    let of = [
        (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
    ];
    let mut taken: Vec<(String, Answered)> = Vec::new();
    for (asks, field) in of {
        for value in response.headers(asks) {
            let Ok(challenge) = ChallengeParsed::parse(value) else {
                continue; // an unknown hash, or not digest
            };
            // RFC 8760 2.4: of several challenges for one realm, the first that can be used.
            let known = taken
                .iter()
                .any(|(realm, it)| it.field == field && *realm == challenge.realm);
            if known {
                continue;
            }
            let before = answered.iter().find(|before| before.is_for(field, &challenge.realm));
            // RFC 3261 22.2: the same credentials would be rejected again. A server that calls each nonce old is not
            // answered for ever.
            if before.is_some_and(|before| !challenge.stale || before.again) {
                return false;
            }
            let realm = challenge.realm.clone().into_owned();
            let new = Answered {
                field,
                challenge: value.into(),
                count: 0,
                again: before.is_some(),
            };
            taken.push((realm, new));
        }
    }
    for (realm, new) in &taken {
        answered.retain(|before| !before.is_for(new.field, realm));
    }
    let any = !taken.is_empty();
    answered.extend(taken.into_iter().map(|(_, new)| new));
    any
}

impl Answered {
    fn is_for(&self, field: HeaderName, realm: &str) -> bool {
        let challenge = ChallengeParsed::parse(&self.challenge);
        self.field == field && challenge.is_ok_and(|challenge| challenge.realm == realm)
    }

    /// The header field for the next try of `request`; `cnonce` is random text.
    pub fn next(&mut self, credentials: &Credentials, request: &Message, cnonce: &str) -> Option<(HeaderName, String)> {
        let challenge = ChallengeParsed::parse(&self.challenge).ok()?;
        let ha1 = credentials.ha1(&challenge.realm);
        self.count = self.count.saturating_add(1);
        let (method, uri) = (request.method(), request.uri());
        let value = answer_hashed(&challenge, &credentials.user, &ha1, method, uri, self.count, cnonce);
        Some((self.field, value))
    }
}
