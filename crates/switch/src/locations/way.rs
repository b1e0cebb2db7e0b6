//! The way to one contact.

use sip::{Flow, NameAddr, Scheme, Transport, Uri};

use super::{Location, Peer};
use crate::{
    accounts::Accounts,
    api::{Binding, Device, NatPolicy, PushTarget, Query},
    registrar::Contact,
};

/// Where requests to a location are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To this flow.
    Flow(Flow),
    /// To the addresses that this look-up finds.
    Look(Look),
    /// The phone sleeps: it is to be woken first (RFC 8599 section 5.3).
    Asleep(PushTarget),
}

/// A host to be looked up (RFC 3263 section 4), with what its URI says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    host: String,
    port: Option<u16>,
    transport: Option<Transport>,
    secure: bool,
}

impl Look {
    /// What to look up for a URI; `None` if the URI cannot be read.
    pub fn at(uri: &str) -> Option<Self> {
        let uri = Uri::parse(uri).ok()?;
        let secure = uri.scheme == Scheme::Sips;
        // RFC 3263 4.1: without the parameter, the domain says by NAPTR how it is reached, also under TLS.
        let named = uri.param("transport").is_some() || !secure;
        Some(Self {
            host: uri.host.to_string(),
            port: uri.port,
            transport: uri.transport().filter(|_| named),
            secure,
        })
    }

    /// The query for the outside world. No other function makes it.
    pub fn query(&self) -> Query {
        Query::Resolve {
            host: self.host.clone(),
            port: self.port,
            transport: self.transport,
            secure: self.secure,
        }
    }
}

/// How a contact of a device that acts for this extension is reached; `None` if it cannot be reached now.
///
/// `awake`: a phone that may sleep has just registered.
pub(super) fn location(contact: &Contact, number: &str, accounts: &Accounts, awake: bool) -> Option<Location> {
    let binding = &contact.binding;
    let device = accounts.device(&binding.username);
    let uri = without_headers(&binding.contact);
    Some(Location {
        peer: Peer::extension(number),
        uri: uri.to_owned(),
        routes: binding.path.clone(),
        audio: device.map(Device::audio).unwrap_or_default(),
        way: match contact.push.as_ref().filter(|_| !awake) {
            Some(push) => Way::Asleep((**push).clone()),
            None => way(contact, device.map_or(NatPolicy::Source, |device| device.nat), uri)?,
        },
        flows: Vec::new(),
        access: None,
    })
}

fn way(contact: &Contact, nat: NatPolicy, uri: &str) -> Option<Way> {
    let (binding, lost) = (&contact.binding, contact.lost);
    // RFC 5626 section 5.3: such a phone is reached by the flow that it keeps open, and by nothing else.
    if binding.reg_id.is_some() && binding.path.is_empty() {
        return (!lost).then_some(Way::Flow(binding.flow));
    }
    // RFC 3327 5.3: the first proxy on the way; without a Path, the Contact itself.
    let next_hop = match binding.path.first() {
        Some(first) => NameAddr::parse(first).map_or(first.as_str(), |address| address.uri),
        None => uri,
    };
    // A connection is used as long as it is open. A Contact that is a socket of ours says nothing about the phone.
    let source_only = contact.leads_back || binding.flow.transport.is_reliable();
    match nat {
        NatPolicy::Source if !lost && source_only => Some(Way::Flow(binding.flow)),
        // If the Contact names the host that the datagram came from, there is no sign of a NAT, and the port of the
        // Contact is believed.
        NatPolicy::Source if !lost => Some(Way::Flow(crate::way::within(next_hop, &binding.flow, false))),
        // The device had another policy when the phone registered, or the phone's connection has closed.
        NatPolicy::Source | NatPolicy::Contact if contact.leads_back => None,
        NatPolicy::Source if !answers_at(binding, next_hop) => None,
        NatPolicy::Source | NatPolicy::Contact => Look::at(next_hop).map(Way::Look),
    }
}

/// A Contact as a Request-URI (RFC 3261 19.1.1). The user part itself may contain a question mark (25.1).
fn without_headers(contact: &str) -> &str {
    let host = contact.find('@').unwrap_or(0);
    match contact[host..].find('?') {
        Some(headers) => &contact[..host + headers],
        None => contact,
    }
}

/// Whether a phone whose connection has closed can be reached by a new connection to `next_hop`. False for a phone that
/// speaks outbound (RFC 5626 section 5.3: a failed flow is not replaced from our side). True only if `next_hop` is the
/// host that the phone registered from: another address may be behind a NAT, or may belong to a stranger.
fn answers_at(binding: &Binding, next_hop: &str) -> bool {
    let host = || Uri::parse(next_hop).ok()?.host.ip();
    binding.reg_id.is_none()
        && host().is_some_and(|host| host.to_canonical() == binding.flow.remote.ip().to_canonical())
}
