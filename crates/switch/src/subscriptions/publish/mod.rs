//! PUBLISH (RFC 3903): phones say what their extensions do. The documents become part of what `presence` shows.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Publications`]: what was published, by extension; PUBLISH and its answers | all of [`Publications`] |
//! | `pidf.rs` | reads a presence document | |
//!
//! Publications are in memory only. After a restart the next PUBLISH of a phone names an entity-tag that is not known, draws
//! 412, and the phone publishes anew (RFC 3903 section 4.4): at the latest when the publication would have ended.

mod pidf;

use std::{collections::HashMap, time::Duration};

use sip::{HeaderName, Instant, Message, StatusCode, headers::event::Event, transaction::ServerId};
use smallvec::SmallVec;

use self::pidf::Pidf;
use super::{Subscribed, Topic, package::PRESENCE};
use crate::{
    accounts::{Gone, Identity},
    answer::Answer,
    ids::{PublicationId, PublicationKind},
    stack::Stack,
    tables::{slots::Slots, timers::Timers},
};

/// The media type of presence documents.
pub(super) const CONTENT_TYPE: &str = "application/pidf+xml";

/// See the module. `limits.services.subscriptions.publications` limits it.
#[derive(Default)]
pub(crate) struct Publications {
    entries: Slots<Publication, PublicationKind>,
    /// By extension, the oldest first.
    by_number: HashMap<Box<str>, SmallVec<[PublicationId; 1]>>,
    /// When they end unless refreshed.
    ends: Timers<PublicationId>,
}

struct Publication {
    /// The extension.
    number: Box<str>,
    /// The device that has published; `None` for a phone in a trusted network.
    username: Option<Box<str>>,
    /// Its entity-tag now.
    tag: Box<str>,
    document: Pidf,
}

impl Publications {
    /// What the phones of an extension have published, the oldest first.
    pub(super) fn of(&self, number: &str) -> impl Iterator<Item = &Pidf> {
        let ids = self.by_number.get(number).into_iter().flatten();
        ids.filter_map(|id| self.entries.get(*id)).map(|entry| &entry.document)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the next one ends.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.ends.next()
    }

    /// Removes a publication whose time is over. The extension whose it was.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Box<str>> {
        let id = self.ends.pop(now)?;
        self.remove(id)
    }

    /// An account is gone, and with it what was published with it. The extension whose presence has changed, if one has.
    pub(super) fn account_gone(&mut self, gone: &Gone) -> Option<Box<str>> {
        let (number, username) = match gone {
            Gone::Nothing => return None,
            Gone::Extension(number) => (number, None),
            Gone::Device { username, extension } => (extension, Some(username.as_str())),
        };
        let mut changed = None;
        for id in self.by_number.get(number.as_str()).cloned().unwrap_or_default() {
            let own = self.entries.get(id).and_then(|entry| entry.username.as_deref());
            if username.is_none() || own == username {
                changed = self.remove(id).or(changed);
            }
        }
        changed
    }

    /// The publication of an extension with this entity-tag.
    fn find(&self, number: &str, tag: &str) -> Option<PublicationId> {
        let mut ids = self.by_number.get(number)?.iter().copied();
        ids.find(|id| self.entries.get(*id).is_some_and(|entry| &*entry.tag == tag))
    }

    fn remove(&mut self, id: PublicationId) -> Option<Box<str>> {
        let entry = self.entries.remove(id)?;
        self.ends.clear(id);
        if let Some(ids) = self.by_number.get_mut(&entry.number) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_number.remove(&entry.number);
            }
        }
        Some(entry.number)
    }

    /// Makes room for one more of this sender. A phone that restarts knows its entity-tag no more; what it had published
    /// makes room for what it publishes now.
    ///
    /// # Errors
    /// The answer that refuses it: 403, 503.
    fn make_room(&mut self, cx: &Stack, sender: &Identity) -> Result<(), Answer> {
        let limits = &cx.config.limits.services.subscriptions.publications;
        let ids = self.by_number.get(sender.extension.as_str());
        if ids.map_or(0, SmallVec::len) >= limits.per_extension {
            let of_sender = |id: &PublicationId| {
                let entry = self.entries.get(*id);
                entry.is_some_and(|entry| entry.username.as_deref() == sender.device.as_deref())
            };
            let oldest = ids.into_iter().flatten().copied().find(of_sender);
            let oldest = oldest.ok_or_else(|| Answer::because(StatusCode::FORBIDDEN, "Too Many Publications"))?;
            self.remove(oldest);
        }
        if self.len() >= limits.most {
            return Err(Answer::busy(60));
        }
        Ok(())
    }
}

/// What a PUBLISH asks for (RFC 3903 section 4.1).
struct Asked {
    /// The publication that it changes, refreshes or removes; `None` for a new one.
    old: Option<PublicationId>,
    /// Seconds; 0 removes.
    seconds: u32,
    /// The document; `None` refreshes the one that is there.
    document: Option<Pidf>,
}

impl Subscribed {
    /// Answers a PUBLISH of `sender` for its own extension (RFC 3903 section 6).
    ///
    /// # Errors
    /// The answer that refuses it: 400, 403, 412, 413, 415, 423, 489, 503.
    pub fn publish(
        &mut self,
        cx: &mut Stack,
        (server, request): (ServerId, &Message),
        sender: &Identity,
    ) -> Result<(), Answer> {
        let Asked { old, seconds, document } = read(&self.published, cx, request, &sender.extension)?;
        let published = &mut self.published;
        let changes = document.is_some() || seconds == 0 && old.is_some();
        let tag = cx.ids.tag();
        let id = match (old, document) {
            (Some(id), _) if seconds == 0 => {
                published.remove(id);
                None
            }
            // RFC 3903 section 6, step 5: of a PUBLISH that ends at once nothing is kept.
            (None, _) if seconds == 0 => None,
            (Some(id), document) => {
                if let Some(entry) = published.entries.get_mut(id) {
                    entry.tag = tag.as_str().into();
                    entry.document = document.unwrap_or_else(|| std::mem::take(&mut entry.document));
                }
                Some(id)
            }
            (None, document) => {
                published.make_room(cx, sender)?;
                let entry = Publication {
                    number: sender.extension.as_str().into(),
                    username: sender.device.as_deref().map(Into::into),
                    tag: tag.as_str().into(),
                    document: document.unwrap_or_default(),
                };
                let id = published.entries.insert(entry);
                let ids = published.by_number.entry(sender.extension.as_str().into());
                ids.or_default().push(id);
                Some(id)
            }
        };
        if let Some(id) = id {
            published.ends.set(id, cx.now + Duration::from_secs(u64::from(seconds)));
        }
        if changes {
            self.table.changed(&sender.extension, Topic::Published, cx.now);
        }
        let answer = Answer::new(StatusCode::OK)
            .with(HeaderName::SipETag, tag)
            .with(HeaderName::Expires, seconds.to_string());
        cx.answer(server, request, &answer);
        Ok(())
    }
}

/// What a PUBLISH asks for, checked in the order of RFC 3903 section 6.
fn read(published: &Publications, cx: &Stack, request: &Message, number: &str) -> Result<Asked, Answer> {
    let bad = |reason| Answer::because(StatusCode::BAD_REQUEST, reason);
    let event: Option<Event<'_>> = request.read().map_err(|_| bad("Event Cannot Be Read"))?;
    if !event.is_some_and(|event| event.package.eq_ignore_ascii_case(PRESENCE.name)) {
        return Err(Answer::of(489).with(HeaderName::AllowEvents, PRESENCE.name));
    }
    let tag = request.header(HeaderName::SipIfMatch).map(str::trim);
    // `entity-tag = token` (RFC 3903 section 12): a second one comes with a comma or white space.
    if tag.is_some_and(|tag| tag.is_empty() || tag.contains([',', ' ', '\t'])) {
        return Err(bad("SIP-If-Match Cannot Be Read"));
    }
    let old = match tag {
        Some(tag) => Some(published.find(number, tag).ok_or_else(|| Answer::of(412))?),
        None => None,
    };
    let limits = &cx.config.limits.services.subscriptions.publications;
    let expires = request.expires().map_err(|_| bad("Expires Cannot Be Read"))?;
    let brief = || Answer::of(423).with(HeaderName::MinExpires, limits.min_expires.to_string());
    let seconds = limits.grant(expires).ok_or_else(brief)?;
    let document = match request.body() {
        [] if old.is_none() => return Err(bad("No Document")),
        [] => None,
        body => {
            let kind = request.content_type().unwrap_or_default().split(';').next();
            if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(CONTENT_TYPE)) {
                return Err(Answer::of(415).with(HeaderName::Accept, CONTENT_TYPE));
            }
            if body.len() > limits.document {
                return Err(Answer::of(413));
            }
            Some(Pidf::read(body)?)
        }
    };
    Ok(Asked { old, seconds, document })
}
