//! How a binding is reached.

use sip::{Flow, Uri};

use super::table::Bound;
use crate::{Accounts, Binding, NatPolicy};

/// A way to one of an extension's phones.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The binding's id.
    pub binding: u64,
    /// The device.
    pub username: String,
    /// The Request-URI: the Contact's without headers (RFC 3261 19.1.1).
    pub uri: String,
    /// Where to send.
    pub reach: Reach,
    /// Route values, topmost first (RFC 3327 section 5.3).
    pub path: Vec<String>,
    /// Preference in thousandths.
    pub q: u16,
}

/// Where requests to a target go.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// This way.
    Flow(Flow),
    /// To where this URI resolves to.
    Uri(String),
}

pub(super) fn target(bound: &Bound, accounts: &Accounts) -> Option<Target> {
    let binding = &bound.binding;
    let nat = accounts
        .device(&binding.username)
        .map_or(NatPolicy::Source, |device| device.nat);
    let uri = without_headers(&binding.contact);
    let next_hop = || match binding.path.first() {
        Some(first) => sip::NameAddr::parse(first)
            .map_or(first.as_str(), |address| address.uri)
            .to_owned(),
        None => uri.to_owned(),
    };
    // Where the Contact names the very host that the datagram came from there is no NAT to be seen, and its port is
    // believed; a connection is used as long as it is there.
    let stays = bound.leads_back || binding.flow.transport.is_reliable();
    let reach = match nat {
        NatPolicy::Source if !bound.lost && stays => Reach::Flow(binding.flow),
        NatPolicy::Source if !bound.lost && !stays => {
            Reach::Flow(crate::way::within(&next_hop(), &binding.flow, false))
        }
        // Its policy was another one when it registered, or its connection has gone.
        NatPolicy::Source | NatPolicy::Contact if bound.leads_back => return None,
        NatPolicy::Source if !reaches(binding, &next_hop()) => return None,
        NatPolicy::Source | NatPolicy::Contact => Reach::Uri(next_hop()),
    };
    Some(Target {
        binding: binding.id,
        username: binding.username.clone(),
        uri: uri.to_owned(),
        reach,
        path: binding.path.clone(),
        q: binding.q,
    })
}

/// A Contact as a Request-URI (RFC 3261 19.1.1). The user part may hold a question mark of its own (25.1).
fn without_headers(contact: &str) -> &str {
    let host = contact.find('@').unwrap_or(0);
    match contact[host..].find('?') {
        Some(headers) => &contact[..host + headers],
        None => contact,
    }
}

/// Whether a phone whose connection has gone can be reached by a new one to `next_hop`: not an outbound one
/// (RFC 5626 section 5.3: a flow that failed is not replaced from our side), and only where that is the host it
/// registered from. An address that it names and that is not its own is behind a NAT, or a stranger's.
fn reaches(binding: &Binding, next_hop: &str) -> bool {
    let host = || Uri::parse(next_hop).ok()?.host.ip();
    binding.reg_id.is_none()
        && host().is_some_and(|host| host.to_canonical() == binding.flow.remote.ip().to_canonical())
}
