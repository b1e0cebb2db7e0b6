//! Which extensions sent a call on, and the Diversion header field (RFC 5806).

use sip::{HeaderName, Instant, Message, NameAddr};

use crate::locations::{Number, Peer};

/// How many Diversion values of the caller are passed on.
const DIVERSIONS: usize = 5;

/// The forwards by which a call came to the place where it rings.
#[derive(Clone)]
pub(super) struct Trail {
    /// The extensions that forwarded it and their reasons, as Diversion values, the latest first.
    steps: Vec<String>,
    /// The numbers of those extensions.
    through: Vec<Number>,
    /// When the phones at its end have rung long enough.
    pub until: Instant,
}

impl Trail {
    /// The trail of a target that may ring until then.
    pub const fn until(until: Instant) -> Self {
        Self {
            steps: Vec::new(),
            through: Vec::new(),
            until,
        }
    }

    /// The same trail, at whose end phones may ring until then.
    pub fn longer(&self, until: Instant) -> Self {
        Self { until, ..self.clone() }
    }

    /// The trail with one more forward: the extension and the reason. A peer outside is not named.
    pub fn with(&self, domain: &str, from: &Peer, reason: &str) -> Self {
        let mut longer = self.clone();
        if let Some(number) = from.number() {
            let user = sip::escape_user(number);
            longer.steps.insert(0, format!("<sip:{user}@{domain}>;reason={reason}"));
            longer.through.push(number.clone());
        }
        longer
    }

    /// Whether no extension has forwarded the call.
    pub fn is_direct(&self) -> bool {
        self.through.is_empty()
    }

    /// Whether this extension has forwarded the call before.
    pub fn goes_through(&self, number: &str) -> bool {
        self.through.iter().any(|seen| &**seen == number)
    }

    /// The Diversion values, the latest first; `before` are those with which the call came.
    pub fn header_fields(&self, before: &[String]) -> Vec<(String, String)> {
        let steps = self.steps.iter().chain(before);
        steps.map(|step| ("Diversion".to_owned(), step.clone())).collect()
    }
}

/// The forwards before the call came to us, the latest first, without the addresses.
pub(crate) fn diverted_before(invite: Option<&Message>, domain: &str) -> Vec<String> {
    // RFC 5806 section 4, RFC 3261 7.3.1: a list that may take several header rows.
    let values = invite
        .into_iter()
        .flat_map(|invite| invite.values(HeaderName::Diversion));
    let step = |value: &str| {
        let address = NameAddr::parse(value).ok()?;
        let uri = address.uri().ok()?;
        let name = address.display_name().filter(|name| !name.is_empty());
        let name = name.map(|name| format!("{} ", sip::quote(&name))).unwrap_or_default();
        let user = uri.number();
        let mut step = format!("{name}<sip:{}@{domain}>", sip::escape_user(&user));
        for known in ["reason", "counter", "limit", "privacy", "screen"] {
            let value = address.param(known).filter(|value| is_token(value));
            step.extend(value.map(|value| format!(";{known}={value}")));
        }
        Some(step)
    };
    values.take(DIVERSIONS).filter_map(step).collect()
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
