//! From a person or number to the places where it can be reached.
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Locations`]: from a [`Peer`] to the places where it can be reached | `Locations::by_number` |
//! | `access.rs` | [`Access`]: what requests to a trunk have that others have not | |
//! | `instance.rs` | [`Instance`]: one phone of an extension, as a GRUU names it | |
//! | `peer.rs` | [`Peer`]: an extension, a number behind a trunk, or a URI | |
//! | `sleepers.rs` | [`Sleepers`]: phones that are being woken, and the calls that wait for them | `Locations::sleepers` |
//! | `way.rs` | the way to one contact (NAT policy, Path, lost connections), and what has to be looked up | |
//!
//! Every room that sends a first request (`dial`, calls made over the API, MESSAGE) asks here, so all of them reach the
//! same phones. The registrar tells what has changed: see [`Change`].

mod access;
mod instance;
mod peer;
mod sleepers;
mod way;

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use smallvec::SmallVec;

pub(crate) use self::{
    access::Access,
    instance::Instance,
    peer::{Number, Peer},
    sleepers::Sleepers,
    way::{Look, Way},
};
use crate::{
    accounts::Accounts,
    api::{AudioRules, PushTarget},
    registrar::{Change, Contact},
    requests::{Aim, Target},
};

/// One place where a peer can be reached: a phone, or what a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The peer that is reached there.
    pub peer: Peer,
    /// The Request-URI. For a phone: its Contact without header fields (RFC 3261 19.1.1).
    pub uri: String,
    /// Route values, topmost first: the Path of a registration (RFC 3327 section 5.3).
    pub routes: Vec<String>,
    /// What the device may do with audio.
    pub audio: AudioRules,
    /// Where requests are sent.
    pub way: Way,
    /// Further flows of the same phone, for a request that does not reach it by the first (RFC 5626 section 7).
    pub flows: Vec<Target>,
    /// Where a trunk is called.
    pub access: Option<Arc<Access>>,
}

/// The contacts of one extension, best first: by q, then the newest. Never empty in the table.
///
/// Hashed and compared by the extension's number. Each contact holds that number, so the table needs no copy of it.
#[derive(Default)]
struct Contacts(SmallVec<[Arc<Contact>; 2]>);

impl Borrow<str> for Contacts {
    fn borrow(&self) -> &str {
        self.0.first().map_or("", |contact| &contact.binding.number)
    }
}

impl Hash for Contacts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<str>::borrow(self).hash(state);
    }
}

impl PartialEq for Contacts {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<str>::borrow(self) == Borrow::<str>::borrow(other)
    }
}

impl Eq for Contacts {}

impl Contacts {
    fn put(&mut self, contact: Arc<Contact>) {
        self.remove(contact.binding.id);
        let rank = |contact: &Contact| (contact.binding.q, contact.binding.id);
        let place = self.0.partition_point(|other| rank(other) > rank(&contact));
        self.0.insert(place, contact);
    }

    fn remove(&mut self, id: u64) {
        self.0.retain(|contact| contact.binding.id != id);
    }
}

/// The contacts of every extension. Each look-up is one hash, however many extensions there are.
///
/// The contacts are shared with the registrar, which limits their number (`contacts`, `contacts_per_extension`).
#[derive(Default)]
pub(crate) struct Locations {
    by_number: HashSet<Contacts>,
    pub sleepers: Sleepers,
}

impl Locations {
    /// Applies a change that the registrar has made.
    pub fn apply(&mut self, change: Change) {
        let mut contacts = match change {
            Change::Put(contact) => {
                let number = contact.binding.number.as_str();
                let mut contacts = self.by_number.take(number).unwrap_or_default();
                contacts.put(contact);
                contacts
            }
            Change::Remove { number, id } => {
                let Some(mut contacts) = self.by_number.take(number.as_str()) else {
                    return;
                };
                contacts.remove(id);
                contacts
            }
        };
        if !contacts.0.is_empty() {
            contacts.0.shrink_to_fit();
            self.by_number.insert(contacts);
        }
    }

    /// The places where a peer can be reached, best first; empty if there are none.
    ///
    /// Contacts that cannot be reached now are left out: see [`Way`]. A trunk's ways are known by the trunks themselves.
    pub fn ways(&self, peer: &Peer, accounts: &Accounts) -> Vec<Location> {
        match peer {
            Peer::Extension(number) => places(self.phones(number, accounts), number, accounts, false),
            Peer::Trunk { .. } => Vec::new(),
            Peer::Uri(uri) => {
                let look = Look::at(uri).map(|look| Location {
                    peer: peer.clone(),
                    uri: uri.to_string(),
                    routes: Vec::new(),
                    audio: AudioRules::default(),
                    way: Way::Look(look),
                    flows: Vec::new(),
                    access: None,
                });
                look.into_iter().collect()
            }
        }
    }

    /// The place where one phone of an extension can be reached; `None` while it cannot.
    pub fn way_to(&self, phone: &Instance, accounts: &Accounts) -> Option<Location> {
        let contacts = self.phones(&phone.number, accounts);
        let own = contacts.filter(|contact| phone.is(&contact.binding));
        places(own, &phone.number, accounts, false).into_iter().next()
    }

    /// The place of a phone of a peer that was woken and has registered; `None` where it cannot be reached all the same.
    pub fn way_to_woken(&self, peer: &Peer, push: &PushTarget, accounts: &Accounts) -> Option<Location> {
        let number = peer.number()?;
        let contacts = self.phones(number, accounts);
        let own = contacts.filter(|contact| contact.push.as_deref() == Some(push));
        places(own, number, accounts, true).into_iter().next()
    }

    /// Whether a phone acts for an extension, reachable or not: its own, or one at which a person has logged on.
    pub fn has_phone(&self, number: &str, accounts: &Accounts) -> bool {
        self.phones(number, accounts).next().is_some()
    }

    /// The contacts of the devices that act for an extension: its own that act for no other, then those of others.
    fn phones<'a>(&'a self, number: &'a str, accounts: &'a Accounts) -> impl Iterator<Item = &'a Arc<Contact>> {
        let own = self.of(number).iter();
        let own = own.filter(|contact| accounts.acts_for(&contact.binding.username).is_none());
        let guests = accounts.guests_of(number).flat_map(|device| {
            let contacts = self.of(&device.extension).iter();
            contacts.filter(|contact| contact.binding.username == device.username)
        });
        own.chain(guests)
    }

    /// Whether a phone is at this address: one of its contacts is, or is at another port of the host while no other phone of
    /// its extension is known at that address.
    pub fn is_at(&self, phone: &Instance, address: SocketAddr) -> bool {
        let host = address.ip().to_canonical();
        let here = |contact: &&Arc<Contact>| contact.binding.flow.remote.ip().to_canonical() == host;
        let here: Vec<_> = self.of(&phone.number).iter().filter(here).collect();
        let exact = |contact: &&&Arc<Contact>| contact.binding.flow.remote.port() == address.port();
        let is_exact = here.iter().any(|contact| exact(&contact));
        let mut known = here.iter().filter(|contact| !is_exact || exact(contact));
        known.any(|contact| phone.is(&contact.binding))
    }

    /// Whether a phone of a peer has registered from this address, which is canonical.
    pub fn is_registered_from(&self, peer: &Peer, address: IpAddr) -> bool {
        self.registered_at(peer, address).is_some()
    }

    /// The user name of the phone of a peer that has registered from this address, which is canonical.
    pub fn registered_at(&self, peer: &Peer, address: IpAddr) -> Option<&str> {
        let contacts = peer.number().map_or(&[][..], |number| self.of(number));
        let mut contacts = contacts.iter().map(|contact| &contact.binding);
        let found = contacts.find(|binding| binding.flow.remote.ip().to_canonical() == address)?;
        Some(&found.username)
    }

    fn of(&self, number: &str) -> &[Arc<Contact>] {
        self.by_number.get(number).map_or(&[], |contacts| &contacts.0)
    }
}

/// The places of these contacts. The flows of one phone are one place: a request goes to one of them at a time (RFC 5626
/// section 7).
///
/// `awake`: phones that may sleep have just registered.
fn places<'a>(
    contacts: impl Iterator<Item = &'a Arc<Contact>>,
    number: &str,
    accounts: &Accounts,
    awake: bool,
) -> Vec<Location> {
    let mut found: Vec<(Option<(&str, &str)>, Location)> = Vec::new();
    for contact in contacts {
        let Some(location) = way::location(contact, number, accounts, awake) else {
            continue;
        };
        let phone = contact.phone();
        let known = phone.and_then(|phone| found.iter_mut().find(|(other, _)| *other == Some(phone)));
        match (known, &location.way) {
            (None, _) => found.push((phone, location)),
            (Some((_, first)), Way::Flow(way)) => first.flows.push(Target {
                way: *way,
                aim: Some(Box::new(Aim {
                    uri: location.uri,
                    routes: location.routes,
                })),
            }),
            // The device had another policy when it registered, or the phone is woken first: one place is enough.
            (Some(_), Way::Look(_) | Way::Asleep(_)) => {}
        }
    }
    found.into_iter().map(|(_, location)| location).collect()
}

#[cfg(test)]
mod tests;
