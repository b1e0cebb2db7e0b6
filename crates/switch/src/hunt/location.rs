//! Where the caller is: the document that its Geolocation names by `cid` (RFC 6442 section 3, RFC 4119).
//!
//! It goes on to parties outside, as an emergency service needs it. A phone of ours does not get it: many desk phones
//! refuse a body of several parts.

use bytes::Bytes;
use sip::{HeaderName, Limits, Message, NameAddr, unescape};

use crate::stack::body::Attached;

/// The longest document that goes on, in octets.
const LONGEST: usize = 16_384;

/// Whether a value of Geolocation names a part of the body.
pub(super) fn is_by_cid(value: &str) -> bool {
    uri(value)
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:"))
}

/// The first document that a Geolocation of an INVITE names by `cid`.
pub(crate) fn attached(invite: Option<&Message>) -> Option<Attached> {
    let invite = invite?;
    let mut named = invite.values(HeaderName::Geolocation).filter(|value| is_by_cid(value));
    let name = unescape(uri(named.next()?).get(4..)?).into_owned();
    let parts = invite.parts(&Limits::default()).ok()?;
    let part = parts.iter().find(|part| {
        let id = part
            .id
            .map(|id| id.trim().trim_start_matches('<').trim_end_matches('>'));
        id == Some(name.as_str()) && part.is("application", "pidf+xml") && part.body.len() <= LONGEST
    })?;
    Some(Attached {
        content_type: "application/pidf+xml".to_owned(),
        id: sip::clean(part.id?.trim()).into_owned(),
        body: Bytes::copy_from_slice(part.body),
    })
}

fn uri(value: &str) -> &str {
    NameAddr::parse(value).map_or(value.trim(), |address| address.uri)
}
