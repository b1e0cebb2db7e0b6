//! Who is shown to whom: the other party of a call, hidden numbers, forwards.
//!
//! | file | behaviour |
//! |---|---|
//! | `connected.rs` | a phone is told with whom it talks (RFC 4916, RFC 5876) |
//! | `forwarded.rs` | Diversion, History-Info, 181 |
//! | `hidden.rs` | Privacy, hidden numbers and their rejection, numbers of others |

use sip::{HeaderName, Message};
use tests::Actor;

mod connected;
mod forwarded;
mod hidden;

/// The parties that the messages to a phone have named, the oldest first, each of them once: the user and the name in
/// P-Asserted-Identity, or `hidden` where Privacy forbids that.
fn shown(phone: &Actor) -> Vec<String> {
    let mut names: Vec<String> = phone.with(|phone| phone.received.iter().filter_map(named).collect());
    names.dedup();
    names
}

/// The party that a message names.
fn named(message: &Message) -> Option<String> {
    if message.values(HeaderName::Privacy).any(|value| value == "id") {
        assert_eq!(message.header(HeaderName::PAssertedIdentity), None, "{message:?}");
        return Some("hidden".to_owned());
    }
    let value = message.header(HeaderName::PAssertedIdentity)?;
    let party = message.header(HeaderName::RemotePartyId)?;
    assert!(party.starts_with(value), "both name the same party: {value} {party}");
    let address = sip::NameAddr::parse(value).unwrap();
    let uri = address.uri().unwrap();
    let name = address.display_name().unwrap_or_default();
    Some(format!("{} {name}", uri.number()).trim_end().to_owned())
}
