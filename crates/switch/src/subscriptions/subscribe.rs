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
    package::{self, Package, allow_events},
    policy::policy,
    saved::save,
};
use crate::{
    accounts::Identity,
    answer::Answer,
    api::SubscriptionChange,
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
}

/// A subscription to be made durable, then [`stored`] is to be called.
pub(crate) struct ToStore {
    pub id: SubscriptionId,
    pub change: SubscriptionChange,
}

/// A SUBSCRIBE of an authenticated sender, outside of any dialog, for `number`. `acts_for`: the extension for which its phone
/// acts. What is to be stored before the answer;
/// `None` where the answer is sent already.
///
/// # Errors
/// The answer that refuses it: 400, 403, 404, 406, 423, 489, 503.
pub(crate) fn begin(
    subscriptions: &mut Subscriptions,
    cx: &mut Stack,
    (server, flow, request): (ServerId, Flow, &Message),
    (watcher, acts_for): (&Identity, &str),
    number: &str,
) -> Result<Option<ToStore>, Answer> {
    let asked = read(cx, request)?;
    // The mailbox of the person who has logged on at the phone.
    let is_own_mailbox = asked.package.name == package::SUMMARY.name && number == watcher.extension;
    let number = if is_own_mailbox { acts_for } else { number };
    policy(subscriptions, cx, &watcher.extension, asked.package, number)?;
    let tag = cx.ids.tag();
    let dialog = Dialog::uas(request, &tag).map_err(|fault| unusable(&fault))?;
    let expires = cx.now + Duration::from_secs(u64::from(asked.seconds));
    let event_id = asked.event.id.map(Into::into);
    let make = |_, key| Subscription {
        key,
        watcher: watcher.extension.as_str().into(),
        username: watcher.device.as_deref().map(Into::into),
        number: number.into(),
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
    let full = || Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, "60");
    let id = subscriptions.insert(cx, make, expires).ok_or_else(full)?;
    if asked.seconds == 0 {
        // RFC 6665 section 4.4.3: the state is fetched once. Nothing of it is kept.
        accept(subscriptions, cx, id, server, request);
        subscriptions.end(id, Ended::Timeout, cx.now);
        return Ok(None);
    }
    Ok(to_store(subscriptions, cx, id))
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
    to_store(subscriptions, cx, id)
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

fn to_store(subscriptions: &mut Subscriptions, cx: &Stack, id: SubscriptionId) -> Option<ToStore> {
    let entry = subscriptions.entries.get_mut(id)?;
    let change = save(entry, cx);
    Some(ToStore { id, change })
}

/// The 200 (RFC 6665 section 4.2.1.1).
fn accept(subscriptions: &Subscriptions, cx: &mut Stack, id: SubscriptionId, server: ServerId, request: &Message) {
    let Some(entry) = subscriptions.entries.get(id) else {
        return;
    };
    let contact = cx.contact(&entry.flow, &entry.number, entry.dialog.is_secure());
    let reply = Builder::reply(request, StatusCode::OK, Some(entry.dialog.local_tag()))
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, contact)
        .header(HeaderName::Expires, entry.left(cx.now))
        .header(HeaderName::AllowEvents, allow_events())
        .header(HeaderName::Server, &cx.config.product)
        .finish();
    cx.respond(server, reply);
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
    let event: Option<Event<'a>> = request.read().map_err(|_| bad_event())?;
    // RFC 6665 section 8.3.2: a package that is not known, or none.
    let known = event.and_then(|event| Some((package::find(event.package)?, event)));
    let Some((package, event)) = known else {
        return Err(Answer::of(489).with(HeaderName::AllowEvents, allow_events()));
    };
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
    Ok(Asked {
        package,
        event,
        seconds,
    })
}
