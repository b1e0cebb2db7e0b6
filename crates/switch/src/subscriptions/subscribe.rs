//! A SUBSCRIBE: what it asks for, and its answer (RFC 6665 section 4.2.1).

use std::time::Duration;

use sip::{
    Builder, Flow, HeaderName, Message, Method, StatusCode,
    dialog::{Dialog, DialogError},
    headers::event::Event,
    transaction::ServerId,
};

use super::{
    Subscription, Subscriptions,
    entry::{Ended, State, Talk, Want},
    list,
    package::{self, PROFILE, Package, allow_events},
    policy::policy,
    saved::save,
};
use crate::{
    accounts::Identity,
    answer::Answer,
    api::{SettingsPatch, SubscriptionChange},
    ids::SubscriptionId,
    stack::{
        Stack,
        capabilities::{Place, allow, supported},
    },
};

/// What a SUBSCRIBE asks for.
struct Asked<'a> {
    package: &'static Package,
    event: Event<'a>,
    /// Seconds; 0 fetches or ends.
    seconds: u32,
    /// What its body changes.
    patch: Option<Box<SettingsPatch>>,
}

/// A subscription to be made durable, then [`stored`] is to be called.
pub(crate) struct ToStore {
    pub id: SubscriptionId,
    pub change: SubscriptionChange,
    /// Settings of this extension to be stored first; then [`settings_stored`] is to be called.
    pub settings: Option<(String, Box<SettingsPatch>)>,
}

/// What is to be watched.
pub(crate) struct Watched {
    /// A number, or the name of a list or a conference.
    pub number: String,
    /// The numbers of a list (RFC 4662).
    pub members: Vec<Box<str>>,
}

/// A SUBSCRIBE of an authenticated sender, outside of any dialog. `acts_for`: the extension for which its phone acts. What
/// is to be stored before the answer;
/// `None` where the answer is sent already.
///
/// # Errors
/// The answer that refuses it: 400, 403, 404, 406, 413, 415, 421, 423, 489, 503.
pub(crate) fn begin(
    subscriptions: &mut Subscriptions,
    cx: &mut Stack,
    (server, flow, request): (ServerId, Flow, &Message),
    (watcher, acts_for): (&Identity, &str),
    watched: Watched,
) -> Result<Option<ToStore>, Answer> {
    let asked = read(cx, request)?;
    let Watched { mut number, members } = watched;
    // The mailbox and the settings of the person who has logged on at the phone.
    if asked.package.follows && number == watcher.extension {
        number = acts_for.to_owned();
    }
    policy(subscriptions, cx, &watcher.extension)?;
    if !members.is_empty() {
        list::is_understood(request)?;
        // What an extension may see only of itself, it may not see of the members of a list.
        if !asked.package.lists {
            return Err(Answer::because(StatusCode::FORBIDDEN, "Not Your Own"));
        }
    }
    let tag = cx.ids.tag();
    let dialog = Dialog::uas(request, &tag).map_err(|fault| unusable(&fault))?;
    let expires = cx.now + Duration::from_secs(u64::from(asked.seconds));
    let event_id = asked.event.id.map(Into::into);
    let make = |_, key| Subscription {
        key,
        watcher: watcher.extension.as_str().into(),
        username: watcher.device.as_deref().map(Into::into),
        number: number.into(),
        members: members.into(),
        package: asked.package,
        event_id,
        dialog,
        flow,
        state: State::New,
        expires,
        version: 0,
        stored_seq: None,
        talk: Talk::default(),
    };
    let full = || Answer::busy(60);
    let id = subscriptions.insert(cx, make, expires).ok_or_else(full)?;
    if asked.seconds == 0 {
        // RFC 6665 section 4.4.3: the state is fetched once. Nothing of it is kept.
        accept(subscriptions, cx, id, server, request);
        subscriptions.end(id, Ended::Timeout, cx.now);
        return Ok(None);
    }
    Ok(to_store(subscriptions, cx, id, asked.patch))
}

/// A request within the dialog of a subscription came by `flow`. What is to be stored before its answer; `None` where
/// the answer is sent already.
pub(crate) fn within(
    subscriptions: &mut Subscriptions,
    cx: &mut Stack,
    id: SubscriptionId,
    (server, flow, request): (ServerId, Flow, &Message),
) -> Option<ToStore> {
    let entry = subscriptions.entries.get_mut(id)?;
    if entry.dialog.accept_order(request).is_err() {
        cx.answer(server, request, &Answer::of(500)); // RFC 3261 12.2.2
        return None;
    }
    match request.method() {
        Method::Subscribe => {}
        Method::Options => {
            let answer = Answer::new(StatusCode::OK)
                .with(HeaderName::Allow, allow(Place::Subscription))
                .with(HeaderName::AllowEvents, allow_events())
                .with(HeaderName::Supported, supported(Place::Subscription));
            cx.answer(server, request, &answer);
            return None;
        }
        Method::Invite
        | Method::Ack
        | Method::Cancel
        | Method::Bye
        | Method::Register
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Message
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Other(_) => {
            let answer = Answer::of(405).with(HeaderName::Allow, allow(Place::Subscription));
            cx.answer(server, request, &answer);
            return None;
        }
    }
    let asked = match read(cx, request) {
        Ok(asked) => asked,
        Err(answer) => {
            cx.answer(server, request, &answer);
            return None;
        }
    };
    // RFC 6665 sections 4.1.2.2, 4.5.1: a dialog has the one subscription that began it. One that has ended is no more.
    let own = Event::new(entry.package.name, entry.event_id.as_deref());
    if !asked.event.is_same(&own) || matches!(entry.state, State::Ending(_)) {
        cx.answer(server, request, &Answer::of(481));
        return None;
    }
    entry.flow = flow;
    entry.talk.lost = false;
    entry.talk.failures = 0;
    entry.dialog.refresh_target(request);
    entry.expires = cx.now + Duration::from_secs(u64::from(asked.seconds));
    if asked.seconds == 0 {
        accept(subscriptions, cx, id, server, request);
        subscriptions.end(id, Ended::Timeout, cx.now);
        return None;
    }
    let expires = entry.expires;
    subscriptions.ends.set(id, expires);
    to_store(subscriptions, cx, id, asked.patch)
}

/// The settings that a SUBSCRIBE changes are on disk: what is to be stored of the subscription itself. `None` if it has
/// ended.
pub(crate) fn settings_stored(subscriptions: &mut Subscriptions, cx: &Stack, id: SubscriptionId) -> Option<ToStore> {
    to_store(subscriptions, cx, id, None)
}

/// What was to be stored is on disk, or could not be written: the SUBSCRIBE is answered, and its NOTIFY follows (RFC 6665
/// section 4.2.1.4).
pub(crate) fn stored(
    subscriptions: &mut Subscriptions,
    cx: &mut Stack,
    id: SubscriptionId,
    server: ServerId,
    ok: bool,
) {
    let request = cx.layer.server_request(server).cloned();
    let Some(entry) = subscriptions.entries.get_mut(id) else {
        // It has ended meanwhile.
        if let Some(request) = request {
            cx.answer(server, &request, &Answer::of(481));
        }
        return;
    };
    if ok {
        if entry.state == State::New {
            entry.state = State::Active;
        }
        entry.talk.not_before = cx.now;
        if let Some(request) = request {
            accept(subscriptions, cx, id, server, &request);
        }
        subscriptions.tell(id, cx.now);
        return;
    }
    let is_new = entry.state == State::New;
    if let Some(request) = request {
        let answer = Answer::because(StatusCode::SERVER_INTERNAL_ERROR, "Subscription Not Stored");
        cx.answer(server, &request, &answer);
    }
    if is_new {
        subscriptions.remove(cx, id);
    }
}

impl Subscriptions {
    /// A NOTIFY is sent in any case.
    pub(super) fn tell(&mut self, id: SubscriptionId, now: sip::Instant) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.talk.want = None;
        if let Some(at) = entry.want(Want::Always, now) {
            self.due.set(id, at);
        }
    }
}

fn to_store(
    subscriptions: &mut Subscriptions,
    cx: &Stack,
    id: SubscriptionId,
    patch: Option<Box<SettingsPatch>>,
) -> Option<ToStore> {
    let entry = subscriptions.entries.get_mut(id)?;
    let change = save(entry, cx);
    let settings = patch.map(|patch| (entry.number.to_string(), patch));
    Some(ToStore { id, change, settings })
}

/// The 200 (RFC 6665 section 4.2.1.1).
fn accept(subscriptions: &Subscriptions, cx: &mut Stack, id: SubscriptionId, server: ServerId, request: &Message) {
    let Some(entry) = subscriptions.entries.get(id) else {
        return;
    };
    let contact = cx.contact(&entry.flow, &entry.number, entry.dialog.is_secure());
    let mut reply = Builder::reply(request, StatusCode::OK, Some(entry.dialog.local_tag()))
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, contact)
        .header(HeaderName::Expires, entry.left(cx.now))
        .header(HeaderName::AllowEvents, allow_events())
        .header(HeaderName::Server, &cx.config.product);
    if !entry.members.is_empty() {
        reply = reply.header(HeaderName::Require, list::OPTION); // RFC 4662 section 4.1
    }
    cx.respond(server, reply.finish());
}

fn unusable(fault: &DialogError) -> Answer {
    let reason = match fault {
        DialogError::Contact => "No Usable Contact",
        DialogError::Route => "Record-Route Cannot Be Read",
        DialogError::NoDialog | DialogError::Malformed | _ => "Bad Request",
    };
    Answer::because(StatusCode::BAD_REQUEST, reason)
}

/// What a SUBSCRIBE asks for, whether within its dialog or outside.
fn read<'a>(cx: &Stack, request: &'a Message) -> Result<Asked<'a>, Answer> {
    let bad_event = || Answer::because(StatusCode::BAD_REQUEST, "Event Cannot Be Read");
    let (package, event) = package::asked(request)?;
    if package.name == PROFILE.name && event.params.get("profile-type").is_none() {
        return Err(bad_event()); // RFC 6080 section 6.2
    }
    let mut types = request.values(HeaderName::Accept).peekable();
    // RFC 6665 section 3.1.3: without Accept, the default type of the package is meant.
    if types.peek().is_some() && !types.any(|range| package.is_within(range)) {
        return Err(Answer::of(406).with(HeaderName::Accept, package.content_type));
    }
    let expires = request
        .expires()
        .map_err(|_| Answer::because(StatusCode::BAD_REQUEST, "Expires Cannot Be Read"))?;
    let limits = &cx.config.limits.services.subscriptions;
    let brief = || Answer::of(423).with(HeaderName::MinExpires, limits.min_expires.to_string());
    let seconds = limits.grant(expires).ok_or_else(brief)?;
    let patch = match package.change {
        Some(change) if !request.body().is_empty() => {
            let kind = request.content_type().unwrap_or_default().split(';').next();
            if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(package.content_type)) {
                return Err(Answer::of(415).with(HeaderName::Accept, package.content_type));
            }
            if request.body().len() > limits.publications.document {
                return Err(Answer::of(413));
            }
            Some(Box::new(change(request.body())?))
        }
        Some(_) | None => None,
    };
    Ok(Asked {
        package,
        event,
        seconds,
        patch,
    })
}
