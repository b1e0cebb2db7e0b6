//! One subscription.

use std::time::Duration;

use sip::{Flow, Instant, NameAddr, Uri, dialog::Dialog};

use super::package::{Package, Told, Topic};
use crate::{api::LiveSubscription, registrar::Contact};

/// Why a subscription is over: the `reason` of Subscription-State (RFC 6665 section 4.1.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its time is over, or the phone ended it.
    Timeout,
    /// Its extension or device is gone.
    Rejected,
    /// What it watched is gone.
    NoResource,
}

impl Ended {
    /// The word of RFC 6665.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NoResource => "noresource",
        }
    }
}

/// How far a subscription is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its SUBSCRIBE is not answered: it is being stored.
    New,
    /// It was accepted.
    Active,
    /// It is over, and the phone has to be told.
    Ending(Ended),
}

/// Whether a NOTIFY is wanted.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    /// No.
    No,
    /// If it would say something new.
    IfChanged,
    /// In any case: it answers a SUBSCRIBE, or the last one has failed.
    Always,
}

/// See the module.
pub(crate) struct Subscription {
    /// Its number on disk.
    pub(super) key: u64,
    /// The extension of the phone.
    pub(super) watcher: Box<str>,
    /// The device that subscribed; `None` for a phone in a trusted network.
    pub(super) username: Option<Box<str>>,
    /// What it watches.
    pub(super) number: Box<str>,
    /// The numbers of a list (RFC 4662); empty for a number that is watched by itself.
    pub(super) members: Box<[Box<str>]>,
    pub(super) package: &'static Package,
    pub(super) event_id: Option<Box<str>>,
    pub(super) dialog: Dialog,
    /// Where the phone is, and the listener of ours that reaches the phone.
    pub(super) flow: Flow,
    pub(super) state: State,
    pub(super) expires: Instant,
    /// The version of the next document.
    pub(super) version: u32,
    /// Our sequence number on disk; `None` for a subscription that is not stored.
    pub(super) stored_seq: Option<u32>,
    pub(super) talk: Talk,
}

/// What was sent to the phone of a subscription.
#[derive(Default)]
pub(super) struct Talk {
    pub want: Option<Want>,
    /// A NOTIFY waits for its answer.
    pub under_way: bool,
    /// That NOTIFY tells the phone that the subscription is over.
    pub last: bool,
    /// The last NOTIFY could not be sent.
    pub lost: bool,
    /// No NOTIFY before this time.
    pub not_before: Instant,
    /// NOTIFYs in a row that failed.
    pub failures: u32,
    /// What the last documents said, as hashes: one, or one for each member of a list.
    pub said: Vec<u64>,
    /// What the package has to remember of the last documents, in the same order.
    pub told: Vec<Told>,
    /// The last answer to a NOTIFY.
    pub code: Option<u16>,
}

impl Subscription {
    /// The extension of the phone.
    pub fn watcher(&self) -> &str {
        &self.watcher
    }

    /// Where the phone is.
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The numbers whose changes concern it: its own, and the members of its list.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Box<str>> {
        std::iter::once(&self.number).chain(&self.members)
    }

    /// Whether a change of this kind may change what it shows.
    pub(super) fn shows(&self, topic: Topic) -> bool {
        self.package.moved_by.contains(&topic)
    }

    /// Whether the device subscribed, or any device where `username` is `None`.
    pub(super) fn is_of(&self, username: Option<&str>) -> bool {
        username.is_none() || self.username.as_deref() == username
    }

    /// Whether the phone has asked for what is the person's who uses it. To of its SUBSCRIBE says so: what is watched may be
    /// that of the person who has logged on at the phone.
    pub(super) fn is_of_person(&self) -> bool {
        let asked = NameAddr::parse(self.dialog.local()).ok();
        let asked = asked.and_then(|address| Uri::parse(address.uri).ok().map(|uri| uri.number().into_owned()));
        self.package.follows && asked.as_deref() == Some(&*self.watcher)
    }

    /// Whether a NOTIFY is under way, or the last one is to come.
    pub(super) const fn is_busy(&self) -> bool {
        self.talk.under_way || matches!(self.state, State::Ending(_))
    }

    /// A NOTIFY is wanted. When it may be sent; `None` if it was wanted before, or follows the answer to the one under
    /// way.
    pub(super) fn want(&mut self, want: Want, now: Instant) -> Option<Instant> {
        let waits = self.talk.want.replace(self.talk.want.unwrap_or(Want::No).max(want));
        let is_new = waits.is_none_or(|before| before == Want::No);
        let at_once = matches!(self.state, State::Ending(_)) && self.talk.failures == 0;
        let not_before = if at_once { now } else { self.talk.not_before };
        let ready = !self.talk.under_way && self.state != State::New;
        ((is_new || at_once) && ready).then(|| not_before.max(now))
    }

    /// The phone has registered: that is the way to it now. When a NOTIFY that has failed may be sent.
    pub(super) fn found_at(&mut self, contact: &Contact, now: Instant) -> Option<Instant> {
        let binding = &contact.binding;
        let is_same = self.username.as_deref() == Some(binding.username.as_str())
            && binding.flow.transport == self.flow.transport
            && is_same_place(self.dialog.remote_target(), &binding.contact);
        let needs_it = self.talk.failures > 0 || self.flow.transport.is_reliable();
        if !is_same || contact.lost || !needs_it {
            return None;
        }
        self.flow = binding.flow;
        if !self.talk.lost && self.talk.failures == 0 {
            return None;
        }
        self.talk.lost = false;
        self.talk.not_before = now;
        self.talk.want = None;
        self.want(Want::Always, now)
    }

    /// Seconds that are left, at least 0; rounded up, so that a fresh one shows what was granted.
    pub(super) fn left(&self, now: Instant) -> u64 {
        (self.expires.since(now) + Duration::from_micros(999_999)).as_secs()
    }

    /// As people see it.
    pub(super) fn shown(&self, now: Instant, unix: i64) -> LiveSubscription {
        let left = i64::try_from(self.expires.since(now).as_micros()).unwrap_or(i64::MAX);
        LiveSubscription {
            id: self.key,
            watcher: self.watcher.to_string(),
            number: self.number.to_string(),
            package: self.package.name.to_owned(),
            event_id: self.event_id.as_deref().map(str::to_owned),
            state: match self.state {
                State::New => "pending",
                State::Active => "active",
                State::Ending(_) => "terminated",
            }
            .to_owned(),
            contact: self.dialog.remote_target().to_owned(),
            source: self.flow.remote.to_string(),
            transport: self.flow.transport.name().to_owned(),
            expires_at: unix.saturating_add(left),
            last_answer: self.talk.code,
            failures: self.talk.failures,
        }
    }
}

/// Whether two Contact URIs name the same user at the same host and port, whatever their parameters are.
fn is_same_place(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (Uri::parse(one), Uri::parse(other)) else {
        return false;
    };
    one.user == other.user && one.host.same_as(other.host) && one.port == other.port
}
