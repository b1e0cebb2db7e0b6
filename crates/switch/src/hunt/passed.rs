//! Header fields of a caller's INVITE that the phones which ring get, too. All others end at Tandem, or are Tandem's own:
//! each leg is a dialog of its own.

use sip::{HeaderName, Host, Message, NameAddr, Scheme};

use super::location::is_by_cid;
use crate::answer::{fits, names_no_address};

/// How many values of one name go on.
const VALUES: usize = 8;

/// What goes on as it came.
const AS_THEY_ARE: [HeaderName; 4] = [
    HeaderName::AcceptLanguage,
    HeaderName::AlertInfo, // RFC 7462
    HeaderName::Priority,
    HeaderName::ResourcePriority, // RFC 4412 section 4.7.1
];

/// What goes on unless the caller hides (RFC 3323 section 4.1): they may tell who calls.
const PERSONAL: [HeaderName; 7] = [
    HeaderName::CallInfo,
    HeaderName::Geolocation, // RFC 6442
    HeaderName::GeolocationRouting,
    HeaderName::Organization,
    HeaderName::ReplyTo,
    HeaderName::Subject,
    HeaderName::UserToUser, // RFC 7433
];

/// The header fields of an INVITE that go on to the phones, by name. `hidden`: the caller hides. What a script sets goes
/// before what came. `ours`: our domain, and the caller's own number.
pub(crate) fn passed(
    invite: Option<&Message>,
    hidden: bool,
    set: &[(String, String)],
    ours: (&str, Option<&str>),
) -> Vec<(String, String)> {
    let Some(invite) = invite else { return Vec::new() };
    let hidden = hidden
        || invite
            .values(HeaderName::Privacy)
            .any(|value| !value.eq_ignore_ascii_case("none"));
    let personal = PERSONAL.iter().filter(|_| !hidden);
    let mut fields = Vec::new();
    for name in AS_THEY_ARE.iter().chain(personal) {
        let by_script = set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name.as_str()));
        if by_script {
            continue;
        }
        let most = if name.is_single() { 1 } else { VALUES };
        let values = invite.headers(*name).filter(|value| may_pass(*name, value, ours));
        fields.extend(
            values
                .take(most)
                .map(|value| (name.as_str().to_owned(), value.to_owned())),
        );
    }
    fields
}

/// How many phones may ring at once, as an INVITE says (RFC 5393 section 5.3.3).
pub(crate) fn breadth(invite: Option<&Message>) -> Option<usize> {
    invite?.header(HeaderName::MaxBreadth)?.trim().parse().ok()
}

fn may_pass(name: HeaderName, value: &str, ours: (&str, Option<&str>)) -> bool {
    if !fits(value) || value.chars().any(|c| c.is_ascii_control()) {
        return false;
    }
    if name == HeaderName::CallInfo {
        // `answer-after` and its like make a phone answer by itself: only a script may ask for that.
        // A SIP URI could show the number of another extension.
        let page = value.trim_start().starts_with("<http");
        return page && names_no_address(value) && value.split(';').skip(1).all(is_a_card);
    }
    if name == HeaderName::Geolocation {
        return is_by_cid(value) || names_no_address(value);
    }
    if name == HeaderName::AlertInfo {
        // A sound to be fetched, or a parameter that makes a phone answer, is for a script to set. A URN only says what
        // kind of call it is (RFC 7462 section 4).
        return value
            .trim()
            .strip_prefix("<urn:alert:")
            .is_some_and(|rest| rest.ends_with('>'));
    }
    name != HeaderName::ReplyTo || names_no_address(value) && names_nobody_else(value, ours)
}

/// Whether an address is outside, or the caller's own.
fn names_nobody_else(value: &str, (domain, number): (&str, Option<&str>)) -> bool {
    let address = NameAddr::parse(value).ok();
    let Some(Ok(uri)) = address.map(|address| address.uri()) else {
        return false;
    };
    match uri.host {
        Host::Name(host) if host.eq_ignore_ascii_case(domain) => Some(&*uri.number()) == number,
        Host::Name(_) => !matches!(uri.scheme, Scheme::Tel | Scheme::Other),
        Host::V4(_) | Host::V6(_) => false,
    }
}

/// Whether a parameter of Call-Info says that it describes the caller (RFC 3261 20.9).
fn is_a_card(param: &str) -> bool {
    let param = param.trim().to_ascii_lowercase();
    ["purpose=icon", "purpose=info", "purpose=card"].contains(&param.as_str())
}
