//! What phones are subscribed to (RFC 6665): lamps, presence, waiting messages, registrations; the outcome of a REFER; and
//! what phones publish (RFC 3903).
//!
//! A SUBSCRIBE makes a [`Subscription`] with a dialog of its own. Whatever changes what it shows marks it; a timer
//! ([`run`]) then sends its NOTIFY, behind everything that calls have to do: one NOTIFY of a subscription is under way at
//! a time, changes meanwhile share the next one, and all NOTIFYs together keep a pace. Each NOTIFY holds the full state.
//!
//! A new event package is one file in `package/` and one row in its table.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Subscriptions`]: the table, by id, by number and by watcher; who is told of a change | all of [`Subscriptions`] |
//! | `entry.rs` | [`Subscription`]: one subscription | all of [`Subscription`] |
//! | `subscribe.rs` | a SUBSCRIBE: what it asks for, and its answer | |
//! | `notify.rs` | NOTIFY: when it is sent, and what its answer means | |
//! | `unsolicited.rs` | the NOTIFY for a phone that registers and does not subscribe (RFC 3842) | |
//! | `list.rs` | lists of resources (RFC 4662): a page of lamps | |
//! | `saved.rs` | what lasts over a restart | |
//! | `policy.rs` | how much an extension may watch | |
//! | `pace.rs` | how many NOTIFYs a second | |
//! | `package/` | the event packages: what each shows | |
//! | `publish/` | PUBLISH: what phones say about themselves | all of [`Publications`] |
//! | `refers.rs` | the implicit subscription of a REFER (RFC 3515), within the dialog of a leg | all of [`Refers`] |

mod entry;
mod list;
mod notify;
mod pace;
mod package;
mod policy;
mod publish;
mod refers;
mod saved;
mod subscribe;
mod unsolicited;

use std::collections::{BTreeMap, HashMap};

use sip::Instant;
use smallvec::SmallVec;

pub(crate) use self::{
    entry::Subscription,
    list::{PREFIX as LIST_PREFIX, contained},
    notify::{heard, run},
    package::{Mailboxes, View, Watching, allow_events, asked, presence_of},
    publish::Publications,
    refers::Refers,
    saved::restore,
    subscribe::{ToStore, Watched, begin, settings_stored, stored, within},
    unsolicited::registered,
};
use self::{
    entry::{Ended, State, Want},
    pace::Pace,
    package::Topic,
};
use crate::{
    accounts::Gone,
    api::{LiveSubscription, Output, SubscriptionChange, SubscriptionStats},
    ids::{SubscriptionId, SubscriptionKind},
    locations::Peer,
    stack::Stack,
    tables::{slots::Slots, timers::Timers},
};

/// Everything that phones are subscribed to.
#[derive(Default)]
pub(crate) struct Subscribed {
    /// Within the dialogs of legs: the outcomes of REFERs.
    pub refers: Refers,
    /// With dialogs of their own.
    pub table: Subscriptions,
    /// How many messages wait.
    pub mailboxes: Mailboxes,
    /// What phones say about themselves.
    pub published: Publications,
}

impl Subscribed {
    /// An account is gone, and with it what its phones were subscribed to and have published.
    pub fn account_gone(&mut self, gone: &Gone, now: Instant) {
        self.table.account_gone(gone, now);
        if let Some(number) = self.published.account_gone(gone) {
            self.table.changed(&number, Topic::Published, now);
        }
    }

    /// A person has logged on or off at this device of the extension `own`, which acted for `before` and acts for `now_of` from
    /// now on. What its phone has published was about the person who has left: the next PUBLISH draws 412, and the phone
    /// publishes anew (RFC 3903 section 4.4).
    pub fn logged(&mut self, cx: &mut Stack, device: (&str, &str), before: &str, now_of: &str) {
        let gone = Gone::Device {
            username: device.1.to_owned(),
            extension: before.to_owned(),
        };
        if let Some(number) = self.published.account_gone(&gone) {
            self.table.changed(&number, Topic::Published, cx.now);
        }
        for number in [before, now_of, device.0] {
            self.table.contacts_changed(number, cx.now);
        }
        self.table.logged(cx, device, now_of);
    }

    /// Removes what was published and not refreshed in time.
    pub fn expire(&mut self, now: Instant) {
        while let Some(number) = self.published.expire(now) {
            self.table.changed(&number, Topic::Published, now);
        }
    }

    /// When something is to be sent, or is over.
    pub fn next_timeout(&self) -> Option<Instant> {
        let times = [self.table.next_timeout(), self.published.next_timeout()];
        times.into_iter().flatten().min()
    }

    /// Counters since start, and how much there is.
    pub fn stats(&self) -> SubscriptionStats {
        SubscriptionStats {
            publications: u64::try_from(self.published.len()).unwrap_or(u64::MAX),
            ..self.table.stats()
        }
    }
}

/// Every subscription with a dialog of its own. `limits.services.subscriptions` limits them.
#[derive(Default)]
pub(crate) struct Subscriptions {
    entries: Slots<Subscription, SubscriptionKind>,
    /// By the number that is watched.
    by_number: HashMap<Box<str>, SmallVec<[SubscriptionId; 2]>>,
    /// By the extension that watches.
    by_watcher: HashMap<Box<str>, SmallVec<[SubscriptionId; 2]>>,
    /// When the next NOTIFY is wanted.
    due: Timers<SubscriptionId>,
    /// When a subscription ends.
    ends: Timers<SubscriptionId>,
    pace: Pace,
    last_id: u64,
    tally: Tally,
}

/// What was sent and what came of it, since start.
#[derive(Default)]
struct Tally {
    /// Subscriptions now, by package.
    open: BTreeMap<&'static str, u64>,
    sent: u64,
    /// NOTIFYs that failed, by reason.
    failed: BTreeMap<&'static str, u64>,
}

impl Subscriptions {
    /// The lines of a number have changed.
    pub fn lines_changed(&mut self, number: &str, now: Instant) {
        self.changed(number, Topic::Lines, now);
    }

    /// The contacts of an extension have changed.
    pub fn contacts_changed(&mut self, number: &str, now: Instant) {
        self.changed(number, Topic::Contacts, now);
    }

    /// The messages in a mailbox have changed.
    pub fn mailbox_changed(&mut self, number: &str, now: Instant) {
        self.changed(number, Topic::Mailbox, now);
    }

    fn changed(&mut self, number: &str, topic: Topic, now: Instant) {
        let Some(ids) = self.by_number.get(number) else { return };
        for id in ids {
            if let Some(entry) = self.entries.get_mut(*id).filter(|entry| entry.shows(topic))
                && let Some(at) = entry.want(Want::IfChanged, now)
            {
                self.due.set(*id, at);
            }
        }
    }

    /// Who is in a conference has changed, or the conference `is_over`.
    pub fn members_changed(&mut self, name: &str, is_over: bool, now: Instant) {
        if !is_over {
            return self.changed(name, Topic::Members, now);
        }
        for id in self.by_number.get(name).cloned().unwrap_or_default() {
            if self.entries.get(id).is_some_and(|entry| entry.shows(Topic::Members)) {
                self.end(id, Ended::NoResource, now);
            }
        }
    }

    /// An extension has other settings now.
    pub fn settings_changed(&mut self, number: &str, now: Instant) {
        self.changed(number, Topic::Settings, now);
    }

    /// An account is gone: whoever watches it, or watched with it, is told that the subscription is over.
    fn account_gone(&mut self, gone: &Gone, now: Instant) {
        let (number, username) = match gone {
            Gone::Nothing => return,
            Gone::Extension(number) => (number, None),
            Gone::Device { username, extension } => (extension, Some(username.as_str())),
        };
        let own = self.by_watcher.get(number.as_str()).cloned().unwrap_or_default();
        for id in own {
            let concerned = self.entries.get(id).is_some_and(|entry| entry.is_of(username));
            if concerned {
                self.end(id, Ended::Rejected, now);
            }
        }
        if username.is_none() {
            for id in self.by_number.get(number.as_str()).cloned().unwrap_or_default() {
                // A list goes on without it.
                let only = self.entries.get(id).is_some_and(|entry| *entry.number == **number);
                if only {
                    self.end(id, Ended::NoResource, now);
                } else if let Some(entry) = self.entries.get_mut(id)
                    && let Some(at) = entry.want(Want::IfChanged, now)
                {
                    self.due.set(id, at);
                }
            }
        }
    }

    /// A person has logged on or off at this device of the extension `own`, which acts for `now_of` from now on: what the phone
    /// has asked of its own mailbox and settings is that person's. Lamps are keys of the phone, and stay.
    fn logged(&mut self, cx: &mut Stack, (own, username): (&str, &str), now_of: &str) {
        for id in self.by_watcher.get(own).cloned().unwrap_or_default() {
            let Some(entry) = self.entries.get_mut(id) else {
                continue;
            };
            let moves = entry.is_of(Some(username)) && entry.is_of_person() && *entry.number != *now_of;
            if !moves || matches!(entry.state, State::Ending(_)) {
                continue;
            }
            let before = std::mem::replace(&mut entry.number, now_of.into());
            self.watches_instead(cx, id, &[before], &[now_of.into()]);
        }
    }

    /// The list of the lamps of an extension has these members now (see `list.rs`): phones that watch it are told all of
    /// them; the subscription to a list without members ends.
    pub fn list_changed(&mut self, cx: &mut Stack, owner: &str, members: &[Box<str>]) {
        let name = format!("{LIST_PREFIX}{owner}");
        for id in self.by_number.get(name.as_str()).cloned().unwrap_or_default() {
            let Some(entry) = self.entries.get_mut(id) else {
                continue;
            };
            let is_list = *entry.number == *name && !entry.members.is_empty();
            if !is_list || *entry.members == *members || matches!(entry.state, State::Ending(_)) {
                continue;
            }
            if members.is_empty() {
                self.end(id, Ended::NoResource, cx.now);
                continue;
            }
            let before = std::mem::replace(&mut entry.members, members.into());
            entry.talk.said.clear();
            entry.talk.told.clear();
            self.watches_instead(cx, id, &before, members);
        }
    }

    /// A subscription watches other numbers than before: that is stored, and its phone is told all.
    fn watches_instead(&mut self, cx: &mut Stack, id: SubscriptionId, before: &[Box<str>], now: &[Box<str>]) {
        for number in before {
            forget(&mut self.by_number, number, id);
        }
        for number in now {
            self.by_number.entry(number.clone()).or_default().push(id);
        }
        let Some(entry) = self.entries.get_mut(id) else { return };
        if entry.stored_seq.is_some() {
            let change = saved::save(entry, cx);
            cx.outputs.push_back(Output::Subscriptions(vec![change]));
        }
        self.tell(id, cx.now);
    }

    /// A contact of an extension is new or was refreshed. Subscriptions of the same phone are reached by its new
    /// connection from now on, and are told at once what they missed.
    pub fn located(&mut self, contact: &crate::registrar::Contact, now: Instant) {
        let Some(ids) = self.by_watcher.get(contact.binding.number.as_str()) else {
            return;
        };
        for id in ids {
            if let Some(entry) = self.entries.get_mut(*id)
                && let Some(at) = entry.found_at(contact, now)
            {
                self.due.set(*id, at);
            }
        }
    }

    /// When [`run`] has something to do.
    fn next_timeout(&self) -> Option<Instant> {
        let due = self.due.next().map(|at| at.max(self.pace.next()));
        due.into_iter().chain(self.ends.next()).min()
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries its tables have together: none once there is no subscription.
    pub fn held(&self) -> usize {
        let names = self.by_number.len() + self.by_watcher.len();
        self.entries.len() + names + self.due.len() + self.ends.len()
    }

    /// How many NOTIFYs are under way, plus subscriptions that end.
    pub fn under_way(&self) -> usize {
        let busy = self.entries.iter().filter(|entry| entry.is_busy());
        busy.count()
    }

    /// The subscription, unless it is over.
    pub fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.entries.get(id)
    }

    /// The next sequence number of a subscription's dialog.
    pub fn next_number(&mut self, id: SubscriptionId) -> Option<u32> {
        self.entries.get_mut(id).map(|entry| entry.dialog.next_number())
    }

    /// All of them as people see them, by watcher and then by id.
    pub fn list(&self, now: Instant, unix: i64) -> Vec<LiveSubscription> {
        let mut list: Vec<LiveSubscription> = self.entries.iter().map(|entry| entry.shown(now, unix)).collect();
        list.sort_unstable_by(|a, b| (&a.watcher, a.id).cmp(&(&b.watcher, b.id)));
        list
    }

    /// Counters since start, and how many there are.
    fn stats(&self) -> SubscriptionStats {
        let named = |map: &BTreeMap<&'static str, u64>| map.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        SubscriptionStats {
            open: named(&self.tally.open),
            notifies: self.tally.sent,
            failed: named(&self.tally.failed),
            publications: 0,
        }
    }

    /// Puts in a subscription, with its dialog, unless there is no room.
    fn insert(
        &mut self,
        cx: &mut Stack,
        make: impl FnOnce(SubscriptionId, u64) -> Subscription,
        expires: Instant,
    ) -> Option<SubscriptionId> {
        // Microseconds of the wall clock, or the next number: unique even after a restart.
        self.last_id = self.last_id.saturating_add(1).max(cx.unix().unsigned_abs());
        let key = self.last_id;
        let id = self.entries.try_insert_with(|id| Ok::<_, ()>(make(id, key))).ok()?;
        let entry = self.entries.get(id)?;
        cx.dialogs.insert(
            entry.dialog.id().clone(),
            crate::stack::dialogs::DialogUser::Subscription(id),
        );
        for number in entry.numbers() {
            self.by_number.entry(number.clone()).or_default().push(id);
        }
        self.by_watcher.entry(entry.watcher.clone()).or_default().push(id);
        *self.tally.open.entry(entry.package.name).or_default() += 1;
        self.ends.set(id, expires);
        Some(id)
    }

    /// Removes a subscription, with what is on disk of it.
    fn remove(&mut self, cx: &mut Stack, id: SubscriptionId) {
        let Some(entry) = self.entries.remove(id) else { return };
        cx.dialogs.remove(entry.dialog.id());
        self.due.clear(id);
        self.ends.clear(id);
        for number in entry.numbers() {
            forget(&mut self.by_number, number, id);
        }
        forget(&mut self.by_watcher, &entry.watcher, id);
        if let Some(open) = self.tally.open.get_mut(entry.package.name) {
            *open = open.saturating_sub(1);
        }
        if entry.stored_seq.is_some() {
            cx.outputs
                .push_back(Output::Subscriptions(vec![SubscriptionChange::Remove(entry.key)]));
        }
    }

    /// A subscription is over: the phone is told why.
    fn end(&mut self, id: SubscriptionId, why: Ended, now: Instant) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if matches!(entry.state, State::Ending(_)) {
            return;
        }
        entry.state = State::Ending(why);
        self.ends.clear(id);
        if let Some(at) = entry.want(Want::Always, now) {
            self.due.set(id, at);
        }
    }

    /// Whether a phone of this extension has subscribed to this package.
    fn has(&self, watcher: &str, package: &str) -> bool {
        let ids = self.by_watcher.get(watcher).into_iter().flatten();
        ids.filter_map(|id| self.entries.get(*id))
            .any(|entry| entry.package.name == package)
    }
}

/// The subscription is no more among those of this key.
fn forget(map: &mut HashMap<Box<str>, SmallVec<[SubscriptionId; 2]>>, key: &str, id: SubscriptionId) {
    if let Some(ids) = map.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

/// The peer whose lines a number has.
fn peer(number: &str) -> Peer {
    Peer::extension(number)
}
