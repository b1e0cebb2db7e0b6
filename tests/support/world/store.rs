//! The store: accounts on disk, and a start of the switch on what is on disk.

use std::collections::BTreeMap;

use switch::{AccountChange, Input};

use super::{EPOCH, Settings, World, switch_of};
use crate::{engine::Engine, scripts::Scripts};

impl World {
    /// The wall clock of the world, in microseconds since the Unix epoch.
    fn unix(&self) -> i64 {
        EPOCH + i64::try_from(self.now.as_micros()).unwrap()
    }

    /// An account has changed, on disk as in the switch.
    pub(super) fn note_account(&mut self, change: &AccountChange) {
        match change {
            AccountChange::Extension(extension) => {
                self.people.insert(extension.number.clone(), extension.clone());
            }
            AccountChange::RemoveExtension(number) => {
                self.people.remove(number);
                self.devices.retain(|_, device| device.extension != *number);
                self.log_ons.retain(|_, extension| extension != number);
            }
            AccountChange::Device(device) => {
                self.devices.insert(device.username.clone(), device.clone());
            }
            AccountChange::RemoveDevice(username) => {
                self.devices.remove(username);
                self.log_ons.remove(username);
            }
            AccountChange::LogOn { username, extension } => {
                match extension {
                    Some(extension) => self.log_ons.insert(username.clone(), extension.clone()),
                    None => self.log_ons.remove(username),
                };
            }
        }
    }

    /// Kills the switch (as with kill -9) and starts another switch on the data of the store: with the same inputs, in the
    /// same order, as when the program starts. Every connection ends.
    pub fn restart(&mut self, settings: &Settings) {
        self.switch = switch_of(settings);
        self.scripts = Scripts::new(&settings.plan);
        self.later.clear();
        self.ports.clear();
        self.engine = Engine::default();
        self.streams.end();
        // The store closes those at its start.
        self.recordings.retain(|_, recording| recording.ended.is_some());
        self.ladder
            .note(self.now, "*** the switch was killed and started again");
        let unix_micros = self.unix();
        self.handle(Input::Clock { unix_micros });
        for input in self.load(unix_micros) {
            self.handle(input);
        }
        let listeners = self.listeners();
        self.handle(Input::Listening(listeners));
    }

    /// What the switch is to know before any message. What has ended by now, and what belongs to accounts that are no more,
    /// is removed from the disk.
    fn load(&mut self, now: i64) -> Vec<Input> {
        let (people, devices) = (&self.people, &self.devices);
        self.bindings
            .retain(|_, binding| binding.expires_at > now && devices.contains_key(&binding.username));
        self.subscriptions.retain(|_, row| {
            let device = row.username.as_ref().is_none_or(|name| devices.contains_key(name));
            row.expires_at > now && device && people.contains_key(&row.watcher)
        });
        self.kept
            .retain(|_, message| message.expires_at > now && people.contains_key(&message.to));
        fn rows<K: Clone, T: Clone>(of: &BTreeMap<K, T>) -> impl Iterator<Item = T> {
            of.values().cloned().collect::<Vec<_>>().into_iter()
        }
        let people = rows(&self.people).map(AccountChange::Extension);
        let devices = rows(&self.devices).map(AccountChange::Device);
        let log_ons: Vec<_> = self.log_ons.clone().into_iter().collect();
        let log_ons = log_ons.into_iter().map(|(username, extension)| AccountChange::LogOn {
            username,
            extension: Some(extension),
        });
        let accounts = people.chain(devices).chain(log_ons).map(Input::Account);
        let bindings = rows(&self.bindings).map(Input::Restored);
        let subscriptions = rows(&self.subscriptions).map(|row| Input::RestoredSubscription(Box::new(row)));
        let messages = rows(&self.kept).map(|message| Input::RestoredMessage(Box::new(message)));
        accounts.chain(bindings).chain(subscriptions).chain(messages).collect()
    }

    /// Forgets all that has ended, so that the memory of the world does not hide the growth of the switch.
    pub fn forgets(&mut self) {
        self.cdrs.clear();
        self.opened.clear();
        self.qualities.clear();
        self.was_kept.clear();
        self.events.clear();
        self.replies.clear();
        self.media.clear();
        self.recordings.clear();
        (self.net.lost, self.net.doubled, self.sent) = (0, 0, 0);
        (self.picked_up, self.paged) = (0, 0);
        self.streams.kept_alive = 0;
        for phone in &mut self.phones {
            phone.forgets_calls();
            phone.spoilt = 0;
        }
    }
}
