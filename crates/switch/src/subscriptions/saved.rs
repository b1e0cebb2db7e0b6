//! What lasts of a subscription over a restart.

use std::time::Duration;

use sip::dialog::{Dialog, Saved};

use super::{
    Subscription, Subscriptions,
    entry::{State, Talk, Want},
    package,
};
use crate::{
    api::{self, Output, SubscriptionChange, SubscriptionDialog},
    stack::Stack,
};

/// How far the sequence number and the version jump ahead at a restart: the last ones on disk may be older than the last
/// ones sent, and a phone ignores what goes backwards.
const JUMP: u32 = 1_000;

/// The subscription as it is written down. Its sequence number counts as stored from now on.
pub(super) fn save(entry: &mut Subscription, cx: &Stack) -> SubscriptionChange {
    let dialog = entry.dialog.save();
    entry.stored_seq = Some(dialog.local_seq);
    let left = i64::try_from(entry.expires.since(cx.now).as_micros()).unwrap_or(i64::MAX);
    SubscriptionChange::Save(Box::new(api::Subscription {
        id: entry.key,
        watcher: entry.watcher.to_string(),
        username: entry.username.as_deref().map(str::to_owned),
        number: entry.number.to_string(),
        members: entry.members.iter().map(ToString::to_string).collect(),
        package: entry.package.name.to_owned(),
        event_id: entry.event_id.as_deref().map(str::to_owned),
        accept: entry.package.content_type.to_owned(),
        flow: entry.flow,
        dialog: SubscriptionDialog {
            call_id: dialog.call_id,
            local_tag: dialog.local_tag,
            remote_tag: dialog.remote_tag,
            local: dialog.local,
            remote: dialog.remote,
            target: dialog.target,
            routes: dialog.routes,
            local_seq: dialog.local_seq,
            remote_seq: dialog.remote_seq,
            secure: dialog.secure,
        },
        version: entry.version,
        expires_at: cx.unix().saturating_add(left),
    }))
}

/// Puts in a subscription that was on disk at start. Its phone is told the full state at a random moment soon. One that
/// has ended since, or whose package is not known any more, is forgotten.
pub(crate) fn restore(subscriptions: &mut Subscriptions, cx: &mut Stack, mut row: api::Subscription) {
    let left = u64::try_from(row.expires_at.saturating_sub(cx.unix())).unwrap_or(0);
    let limits = &cx.config.limits.services.subscriptions;
    let (most, spread) = (limits.most, limits.restart_spread);
    // The wall clock may have been ahead: no more time is left than was ever granted.
    let left = left.min(u64::from(limits.max_expires) * 1_000_000);
    let package = package::find(&row.package).filter(|_| left > 0 && subscriptions.len() < most);
    let Some(package) = package else {
        let gone = vec![SubscriptionChange::Remove(row.id)];
        return cx.outputs.push_back(Output::Subscriptions(gone));
    };
    row.flow.connection = None;
    let (expires, key) = (cx.now + Duration::from_micros(left), row.id);
    let dialog = row.dialog;
    let dialog = Dialog::resume(Saved {
        call_id: dialog.call_id,
        local_tag: dialog.local_tag,
        remote_tag: dialog.remote_tag,
        local: dialog.local,
        remote: dialog.remote,
        target: dialog.target,
        routes: dialog.routes,
        local_seq: dialog.local_seq.saturating_add(JUMP),
        remote_seq: dialog.remote_seq,
        secure: dialog.secure,
    });
    let make = |_, _| Subscription {
        key,
        watcher: row.watcher.into(),
        username: row.username.map(Into::into),
        number: row.number.into(),
        members: row.members.into_iter().map(Into::into).collect(),
        package,
        event_id: row.event_id.map(Into::into),
        dialog,
        flow: row.flow,
        state: State::Active,
        expires,
        version: row.version.saturating_add(JUMP),
        stored_seq: None,
        talk: Talk::default(),
    };
    let Some(id) = subscriptions.insert(cx, make, expires) else {
        return;
    };
    subscriptions.last_id = subscriptions.last_id.max(key);
    let micros = u64::try_from(spread.as_micros()).unwrap_or(u64::MAX);
    let wait = Duration::from_micros(cx.ids.below(micros.saturating_add(1)));
    let Some(entry) = subscriptions.entries.get_mut(id) else {
        return;
    };
    // The jump is on disk before the first NOTIFY goes: a second restart jumps from there.
    let change = save(entry, cx);
    cx.outputs.push_back(Output::Subscriptions(vec![change]));
    entry.talk.not_before = cx.now + wait;
    if let Some(at) = entry.want(Want::Always, cx.now) {
        subscriptions.due.set(id, at);
    }
}
