//! When two URIs are the same (RFC 3261 section 19.1.4, RFC 3966 section 4).

use super::{Scheme, Uri, escape::escaped_octets, number::is_separator};
use crate::Params;

impl Uri<'_> {
    /// Whether both name the same resource, by the rules of RFC 3261 section 19.1.4 for sip and
    /// sips, RFC 3966 section 4 for tel, and octet by octet for every other scheme.
    pub fn same_as(&self, other: &Uri<'_>) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                same_escaped(self.user, other.user, false)
                    && same_escaped(self.password, other.password, false)
                    && self.host.same_as(other.host)
                    && self.port == other.port
                    && same_params(&self.params, &other.params)
                    && same_headers(self.headers, other.headers)
            }
            Scheme::Tel => {
                let digits = |uri: &Uri<'_>| -> String {
                    let number = uri.user.unwrap_or("").bytes();
                    let digits = number.filter(|byte| !is_separator(*byte));
                    digits.map(|b| char::from(b.to_ascii_lowercase())).collect()
                };
                digits(self) == digits(other) && same_tel_params(&self.params, &other.params)
            }
            Scheme::Other => self.scheme_name.eq_ignore_ascii_case(other.scheme_name) && self.opaque == other.opaque,
        }
    }
}

/// RFC 3261 19.1.4: an octet outside the reserved set equals its escape; a reserved one does not.
pub(super) fn same_escaped(one: Option<&str>, two: Option<&str>, ignore_case: bool) -> bool {
    let (Some(one), Some(two)) = (one, two) else {
        return one.is_none() && two.is_none();
    };
    let (mut one, mut two) = (escaped_octets(one), escaped_octets(two));
    loop {
        match (one.next(), two.next()) {
            (None, None) => return true,
            (Some((a, x)), Some((b, y))) => {
                let same = if ignore_case {
                    a.eq_ignore_ascii_case(&b)
                } else {
                    a == b
                };
                let reserved = matches!(a, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',');
                if !same || (x != y && reserved) {
                    return false;
                }
            }
            (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}

fn same_params(one: &Params<'_>, two: &Params<'_>) -> bool {
    // RFC 3261 19.1.4: a parameter in both must match; these match only if they are in both;
    // any other that is in one only is ignored.
    const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
    let agree = |a: &Params<'_>, b: &Params<'_>| {
        a.iter().all(
            |(name, value)| match b.iter().find(|(other, _)| same_escaped(Some(name), Some(other), true)) {
                Some((_, other)) => same_escaped(Some(value), Some(other), true),
                None => !DECISIVE.iter().any(|decisive| name.eq_ignore_ascii_case(decisive)),
            },
        )
    };
    agree(one, two) && agree(two, one)
}

fn same_tel_params(one: &Params<'_>, two: &Params<'_>) -> bool {
    // RFC 3966 section 4: parameters are compared in any order; each must be in both.
    let inside = |a: &Params<'_>, b: &Params<'_>| {
        a.iter().all(|(name, value)| {
            b.get(name)
                .is_some_and(|other| same_escaped(Some(value), Some(other), true))
        })
    };
    inside(one, two) && inside(two, one)
}

/// RFC 3261 19.1.4: header components are never ignored; their order does not matter.
fn same_headers(one: &str, two: &str) -> bool {
    if one.is_empty() || two.is_empty() {
        return one.is_empty() && two.is_empty();
    }
    if one.split('&').count() != two.split('&').count() {
        return false;
    }
    let inside = |a: &str, b: &str| {
        a.split('&')
            .filter_map(|field| field.split_once('='))
            .all(|(name, value)| {
                b.split('&')
                    .filter_map(|field| field.split_once('='))
                    .any(|(other, theirs)| {
                        same_escaped(Some(name), Some(other), true) && same_escaped(Some(value), Some(theirs), false)
                    })
            })
    };
    inside(one, two) && inside(two, one)
}
