//! Extensions and devices in memory: filled at start, kept current by the changes of the admin API.

use std::collections::{BTreeSet, HashMap};

use sip::{Scheme, Uri};

use crate::{AccountChange, Device, Extension};

/// The account table. Every look-up is one hash of the key, however many accounts there are.
///
/// Changes may come in any order. A device may be known before its extension; until then it cannot sign in (see
/// [`Accounts::sign_in`]).
#[derive(Default)]
pub struct Accounts {
    extensions: HashMap<Box<str>, Extension>,
    devices: HashMap<Box<str>, Device>,
    /// User names by extension, sorted. Separate from `extensions`, because changes come in any order.
    owned: HashMap<Box<str>, BTreeSet<Box<str>>>,
    /// Numbers of extensions by pickup group, sorted.
    pickup_groups: HashMap<Box<str>, BTreeSet<Box<str>>>,
    /// The extension that a device acts for, by user name, where that is not its own.
    away: HashMap<Box<str>, Box<str>>,
    /// User names of those devices by the extension they act for, sorted.
    guests: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

/// What a change removed; its contacts have to be forgotten too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Nothing.
    Nothing,
    /// The extension with all its devices.
    Extension(String),
    /// This device, or its assignment to the extension.
    Device {
        /// Its user name.
        username: String,
        /// The extension it was assigned to.
        extension: String,
    },
}

impl Accounts {
    /// Makes a change. Returns what the change removed.
    ///
    /// A new secret does not end the registrations of a device: they run out, and cannot be renewed with the old
    /// secret. A device that moves to another extension loses its registrations for the former extension.
    pub fn apply(&mut self, change: AccountChange) -> Gone {
        match change {
            AccountChange::Extension(extension) => {
                self.leave_group(&extension.number);
                if let Some(group) = &extension.rules.pickup_group {
                    let members = self.pickup_groups.entry(group.as_str().into()).or_default();
                    members.insert(extension.number.as_str().into());
                }
                self.extensions.insert(extension.number.as_str().into(), extension);
                Gone::Nothing
            }
            AccountChange::RemoveExtension(number) => {
                self.leave_group(&number);
                let known = self.extensions.remove(number.as_str()).is_some();
                let owned = self.owned.remove(number.as_str()).unwrap_or_default();
                for username in &owned {
                    self.devices.remove(username);
                    self.log_on(username, None);
                }
                for username in self.guests.remove(number.as_str()).unwrap_or_default() {
                    self.away.remove(&username);
                }
                if known || !owned.is_empty() {
                    Gone::Extension(number)
                } else {
                    Gone::Nothing
                }
            }
            AccountChange::Device(device) => self.put_device(device),
            AccountChange::LogOn { username, extension } => {
                self.log_on(&username, extension.as_deref());
                Gone::Nothing
            }
            AccountChange::RemoveDevice(username) => match self.devices.remove(username.as_str()) {
                Some(device) => {
                    self.log_on(&username, None);
                    self.disown(&device);
                    Gone::Device {
                        username,
                        extension: device.extension,
                    }
                }
                None => Gone::Nothing,
            },
        }
    }

    fn leave_group(&mut self, number: &str) {
        let Some(group) = self
            .extension(number)
            .and_then(|extension| extension.rules.pickup_group.clone())
        else {
            return;
        };
        if let Some(members) = self.pickup_groups.get_mut(group.as_str()) {
            members.remove(number);
            if members.is_empty() {
                self.pickup_groups.remove(group.as_str());
            }
        }
    }

    fn put_device(&mut self, device: Device) -> Gone {
        let key: Box<str> = device.username.as_str().into();
        self.owned
            .entry(device.extension.as_str().into())
            .or_default()
            .insert(key.clone());
        let extension = device.extension.clone();
        match self.devices.insert(key, device) {
            Some(former) if former.extension != extension => {
                self.disown(&former);
                Gone::Device {
                    username: former.username,
                    extension: former.extension,
                }
            }
            Some(_) | None => Gone::Nothing,
        }
    }

    fn disown(&mut self, device: &Device) {
        if let Some(names) = self.owned.get_mut(device.extension.as_str()) {
            names.remove(device.username.as_str());
            if names.is_empty() {
                self.owned.remove(device.extension.as_str());
            }
        }
    }

    fn log_on(&mut self, username: &str, extension: Option<&str>) {
        if let Some(former) = self.away.remove(username)
            && let Some(names) = self.guests.get_mut(&former)
        {
            names.remove(username);
            if names.is_empty() {
                self.guests.remove(&former);
            }
        }
        if let Some(extension) = extension {
            self.away.insert(username.into(), extension.into());
            self.guests.entry(extension.into()).or_default().insert(username.into());
        }
    }

    /// The other extension that a device acts for, if it acts for another.
    pub fn acts_for(&self, username: &str) -> Option<&str> {
        let extension = self.away.get(username)?;
        self.is_extension(extension).then_some(extension)
    }

    /// The devices of other extensions that act for this one, by user name.
    pub fn guests_of(&self, number: &str) -> impl Iterator<Item = &Device> {
        self.guests
            .get(number)
            .into_iter()
            .flatten()
            .filter_map(|username| self.devices.get(username))
    }

    /// The identity under which a device calls and sends messages.
    pub(crate) fn acting(&self, mut identity: Identity) -> Identity {
        let other = identity.device.as_deref().and_then(|device| self.acts_for(device));
        if let Some(other) = other {
            identity.extension = other.to_owned();
        }
        identity
    }

    /// The extension with this number. Numbers are compared byte by byte (RFC 3261 19.1.4: the user part is
    /// case-sensitive).
    pub fn extension(&self, number: &str) -> Option<&Extension> {
        self.extensions.get(number)
    }

    /// Whether there is an extension with this number.
    pub fn is_extension(&self, number: &str) -> bool {
        self.extensions.contains_key(number)
    }

    /// The numbers of the extensions that have the same pickup group as this one, and its own; none if it has no group.
    pub fn pickup_group_of(&self, number: &str) -> impl Iterator<Item = &str> {
        let group = self
            .extension(number)
            .and_then(|extension| extension.rules.pickup_group.as_deref());
        let members = group.and_then(|group| self.pickup_groups.get(group));
        members.into_iter().flatten().map(AsRef::as_ref)
    }

    /// The other members of its pickup group: the page of lamps of an extension.
    pub fn lamps_of(&self, number: &str, most: usize) -> Vec<Box<str>> {
        let others = self.pickup_group_of(number).filter(|member| *member != number);
        others.take(most).map(Into::into).collect()
    }

    /// Whether the extension `own` may take a call that rings at the extension `other`: unless that one belongs to a pickup
    /// group of others.
    pub fn may_pick_up(&self, own: &str, other: &str) -> bool {
        let group = |number| self.extension(number).and_then(|one| one.rules.pickup_group.as_deref());
        own == other || group(other).is_none_or(|theirs| group(own) == Some(theirs))
    }

    /// The device with this digest user name.
    pub fn device(&self, username: &str) -> Option<&Device> {
        self.devices.get(username)
    }

    /// The device with this user name if it may sign in, which means that its extension exists.
    pub fn sign_in(&self, username: &str) -> Option<&Device> {
        let device = self.device(username);
        // The second look-up is also made for an unknown user, so that both cases take the same time.
        let extension = device.map_or(username, |device| &device.extension);
        let exists = std::hint::black_box(self.is_extension(extension));
        device.filter(|_| exists)
    }

    /// The devices of an extension, by user name.
    pub fn devices_of(&self, number: &str) -> impl Iterator<Item = &Device> {
        self.owned
            .get(number)
            .into_iter()
            .flatten()
            .filter_map(|username| self.devices.get(username))
    }

    /// How many extensions there are.
    pub fn extension_count(&self) -> usize {
        self.extensions.len()
    }

    /// How many devices there are.
    pub fn device_count(&self) -> usize {
        self.devices.len()
    }
}

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The extension.
    pub extension: String,
    /// The user name of the device that signed in; `None` where the network is trusted.
    pub device: Option<String>,
    /// The caller wants its number hidden (RFC 3323 4.1.1.3: From is `anonymous`).
    pub anonymous: bool,
}

impl Identity {
    /// A device's, which has signed in.
    pub(crate) fn of(device: &Device) -> Self {
        Self {
            extension: device.extension.clone(),
            device: Some(device.username.clone()),
            anonymous: false,
        }
    }

    /// Whether a user part names this identity: the number of its extension or the user name of its device.
    pub fn is(&self, user: &str) -> bool {
        user == self.extension || self.device.as_deref() == Some(user)
    }

    /// Whether a URI in From, To or P-Preferred-Identity names this identity. Door stations and other simple devices
    /// write no user part there: it then means the device that has signed in.
    pub fn is_named_by(&self, uri: &Uri<'_>) -> bool {
        let nobody = uri.user.is_none() && matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
        nobody || self.is(&uri.number()) || self.is(&uri.user_unescaped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtmf, Ha1, NatPolicy, Transcode};

    fn extension(number: &str) -> AccountChange {
        AccountChange::Extension(Extension {
            number: number.into(),
            ..Extension::default()
        })
    }

    fn device(username: &str, extension: &str) -> AccountChange {
        AccountChange::Device(Device {
            username: username.into(),
            extension: extension.into(),
            ha1: Ha1 {
                md5: [0; 16],
                sha256: [0; 32],
            },
            codecs: Vec::new(),
            nat: NatPolicy::Source,
            transport: None,
            require_qop: false,
            transcode: Transcode::Auto,
            dtmf: Dtmf::Auto,
        })
    }

    fn gone(username: &str, extension: &str) -> Gone {
        Gone::Device {
            username: username.into(),
            extension: extension.into(),
        }
    }

    fn names(accounts: &Accounts, number: &str) -> Vec<String> {
        accounts
            .devices_of(number)
            .map(|device| device.username.clone())
            .collect()
    }

    #[test]
    fn a_device_counts_once_its_extension_is_there() {
        let mut accounts = Accounts::default();
        assert_eq!(accounts.apply(device("101", "101")), Gone::Nothing);
        assert!(accounts.device("101").is_some());
        assert!(accounts.sign_in("101").is_none());
        accounts.apply(extension("101"));
        assert!(accounts.sign_in("101").is_some());
        assert!(accounts.is_extension("101") && !accounts.is_extension("102"));
    }

    #[test]
    fn devices_are_listed_by_name_and_follow_their_extension() {
        let mut accounts = Accounts::default();
        for change in [
            extension("101"),
            extension("102"),
            device("b", "101"),
            device("a", "101"),
        ] {
            accounts.apply(change);
        }
        assert_eq!(names(&accounts, "101"), ["a", "b"]);
        assert_eq!(accounts.apply(device("a", "102")), gone("a", "101"));
        assert_eq!(
            (names(&accounts, "101"), names(&accounts, "102")),
            (vec!["b".into()], vec!["a".into()])
        );
        assert_eq!(accounts.apply(device("a", "102")), Gone::Nothing);
    }

    #[test]
    fn a_removed_account_is_gone_with_everything_that_belongs_to_it() {
        let mut accounts = Accounts::default();
        for change in [extension("101"), device("a", "101"), device("b", "101")] {
            accounts.apply(change);
        }
        assert_eq!(
            accounts.apply(AccountChange::RemoveDevice("a".into())),
            gone("a", "101")
        );
        assert_eq!(accounts.apply(AccountChange::RemoveDevice("a".into())), Gone::Nothing);
        assert_eq!(
            accounts.apply(AccountChange::RemoveExtension("101".into())),
            Gone::Extension("101".into())
        );
        assert_eq!(
            accounts.apply(AccountChange::RemoveExtension("101".into())),
            Gone::Nothing
        );
        assert_eq!(
            (
                accounts.extension_count(),
                accounts.device_count(),
                accounts.owned.len()
            ),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_device_acts_for_another_extension_until_it_or_that_extension_is_gone() {
        let on = |username: &str, extension: Option<&str>| AccountChange::LogOn {
            username: username.into(),
            extension: extension.map(str::to_owned),
        };
        let guests = |accounts: &Accounts, number: &str| {
            let guests = accounts.guests_of(number).map(|device| device.username.clone());
            guests.collect::<Vec<_>>()
        };
        let mut accounts = Accounts::default();
        for change in [
            extension("101"),
            extension("105"),
            extension("106"),
            device("101", "101"),
        ] {
            accounts.apply(change);
        }
        accounts.apply(on("101", Some("105")));
        assert_eq!(
            (accounts.acts_for("101"), guests(&accounts, "105")),
            (Some("105"), vec!["101".into()])
        );
        accounts.apply(on("101", Some("106")));
        assert_eq!(
            (accounts.acts_for("101"), guests(&accounts, "105")),
            (Some("106"), vec![])
        );
        accounts.apply(on("101", None));
        assert_eq!((accounts.acts_for("101"), guests(&accounts, "106")), (None, vec![]));
        for gone in [
            AccountChange::RemoveExtension("105".into()),
            AccountChange::RemoveDevice("101".into()),
        ] {
            accounts.apply(extension("105"));
            accounts.apply(device("101", "101"));
            accounts.apply(on("101", Some("105")));
            accounts.apply(gone);
            assert_eq!(accounts.acts_for("101"), None);
            assert_eq!((accounts.away.len(), accounts.guests.len()), (0, 0));
        }
    }
}
