//! Calls from a trunk: which trunk it is, and what it says.

use std::net::IpAddr;

use sip::{HeaderName, Message, NameAddr, Uri, privacy::Privacy};

use super::{Entry, Trunks};
use crate::api::CalledIn;

/// What a call of a trunk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The trunk's name.
    pub trunk: String,
    /// The caller's number, without control octets; `anonymous` for a caller that hides.
    pub number: String,
    /// The caller's name.
    pub name: String,
    /// The number that is called.
    pub dialed: String,
    /// What the messages say of other parties is believed.
    pub trusted: bool,
}

/// The trunk that a request comes from, with what the request says; `None` if it comes from none.
///
/// The line that we registered decides, then the address of the sender (canonical), and never what From claims. Whether a
/// phone of ours has registered from that address is asked first: `is_phone` gets the user part of From.
pub(crate) fn caller_of(
    trunks: &Trunks,
    address: IpAddr,
    request: &Message,
    is_phone: impl Fn(&str) -> bool,
) -> Option<Caller> {
    let uri = request.request_uri().ok()?;
    let line = uri.user.and_then(|user| trunks.by_line(user));
    let entry = match line {
        Some(entry) => entry,
        None => trunks.at(address)?,
    };
    let from = request.from().ok();
    let shown = from.as_ref().and_then(|from| from.uri().ok());
    if line.is_none() && shown.as_ref().is_some_and(|uri| is_phone(&uri.number())) {
        return None;
    }
    let inbound = &entry.trunk.inbound;
    let asserted = request.values(HeaderName::PAssertedIdentity).next();
    let asserted = asserted.filter(|_| inbound.trusted);
    let caller = asserted.map_or_else(
        || {
            request
                .header(HeaderName::From)
                .and_then(|value| NameAddr::parse(value).ok())
        },
        |value| NameAddr::parse(value).ok(),
    );
    let hidden = Privacy::of(request).hides() || shown.is_some_and(|uri| uri.host.to_string() == "anonymous.invalid");
    let (number, name) = match caller {
        Some(address) if !hidden => (
            address
                .uri()
                .map(|uri| sip::clean(&uri.number()).into_owned())
                .unwrap_or_default(),
            address
                .display_name()
                .map(|name| sip::clean(&name).into_owned())
                .unwrap_or_default(),
        ),
        Some(_) | None => ("anonymous".to_owned(), "Anonymous".to_owned()),
    };
    Some(Caller {
        trunk: entry.trunk.name.clone(),
        number,
        name,
        dialed: called(entry, request, &uri, line.is_some()),
        trusted: inbound.trusted,
    })
}

impl Trunks {
    /// The trunk whose registered Contact has this user part.
    fn by_line(&self, user: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.registration.is_some() && &*entry.line == user)
    }

    /// The trunk with a host at this address.
    fn at(&self, address: IpAddr) -> Option<&Entry> {
        let entries = self.by_name.values().filter_map(|id| self.entries.get(*id));
        let mut entries = entries.filter(|entry| entry.is_at(address));
        entries.next()
    }
}

/// The number that a call is for.
fn called(entry: &Entry, request: &Message, uri: &Uri<'_>, by_line: bool) -> String {
    let to = || {
        request
            .to()
            .ok()
            .and_then(|to| to.uri().ok().map(|uri| uri.number().into_owned()))
    };
    let named = || {
        let value = request.values(HeaderName::PCalledPartyId).next()?;
        let address = NameAddr::parse(value).ok()?;
        address.uri().ok().map(|uri| uri.number().into_owned())
    };
    let own = || Some(uri.number().into_owned()).filter(|_| !by_line);
    let number = match entry.trunk.inbound.called_in {
        CalledIn::RequestUri => own().or_else(to),
        CalledIn::To => to(),
        CalledIn::CalledPartyId => named().or_else(own).or_else(to),
    };
    sip::clean(&number.unwrap_or_default()).into_owned()
}
