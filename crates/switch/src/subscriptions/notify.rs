//! NOTIFY: when it is sent, and what its answer means (RFC 6665 section 4.2.2).

use std::{borrow::Cow, time::Duration};

use sip::{HeaderName, Method, StatusCode, dialog::Effect, headers::event::Event};

use super::{
    Subscription, Subscriptions,
    entry::{Ended, State, Want},
    list,
    package::{Scene, View},
    saved,
};
use crate::{
    api::Output,
    ids::SubscriptionId,
    requests::{self, Outline, Owner, RequestEvent, Why},
    stack::Stack,
};

/// A longer Retry-After is not obeyed: the phone would be silent for the rest of its subscription.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Our sequence number is written again after so many NOTIFYs: less than the jump after a restart.
const STORE_EVERY: u32 = 500;

/// Ends what is over, and sends the NOTIFYs that are due and that the pace allows.
pub(crate) fn run(subscriptions: &mut Subscriptions, cx: &mut Stack, view: &View<'_>) {
    let now = cx.now;
    while let Some(id) = subscriptions.ends.pop(now) {
        match subscriptions.entries.get(id).map(|entry| entry.state) {
            // Its SUBSCRIBE was never answered: the store took too long.
            Some(State::New) => subscriptions.remove(cx, id),
            Some(State::Active | State::Ending(_)) | None => subscriptions.end(id, Ended::Timeout, now),
        }
    }
    let rate = cx.config.limits.services.subscriptions.notifies;
    while subscriptions.pace.next() <= now
        && let Some(id) = subscriptions.due.pop(now)
    {
        if send(subscriptions, cx, view, id) {
            subscriptions.pace.take(rate, now);
        }
    }
}

/// The body of a NOTIFY.
pub(super) struct Composed {
    /// Its media type.
    pub kind: Cow<'static, str>,
    pub body: String,
    /// What it says: see [`super::entry::Talk::said`].
    pub said: Vec<u64>,
    /// See [`super::package::Document::again`].
    pub again: bool,
}

/// Writes the body of the next NOTIFY; `None` if it would say nothing new.
fn compose(entry: &mut Subscription, cx: &Stack, view: &View<'_>, want: Want) -> Option<Composed> {
    if !entry.members.is_empty() {
        return list::compose(entry, cx, view, want != Want::IfChanged);
    }
    entry.talk.told.resize_with(1, Vec::new);
    let scene = Scene::new(view, cx, &entry.number, entry.dialog.local());
    let told = entry.talk.told.first_mut()?;
    let document = (entry.package.write)(&scene, told);
    let said = vec![document.said()];
    if want == Want::IfChanged && entry.talk.said == said {
        return None;
    }
    Some(Composed {
        body: document.with_version(entry.version),
        again: document.again,
        kind: document.kind.unwrap_or(entry.package.content_type.into()),
        said,
    })
}

/// Sends the NOTIFY of a subscription; false if there is nothing to say.
fn send(subscriptions: &mut Subscriptions, cx: &mut Stack, view: &View<'_>, id: SubscriptionId) -> bool {
    let Some(entry) = subscriptions.entries.get_mut(id) else {
        return false;
    };
    let want = entry.talk.want.take().unwrap_or(Want::No);
    if entry.talk.under_way || want == Want::No {
        entry.talk.want = Some(want);
        return false;
    }
    let Some(composed) = compose(entry, cx, view, want) else {
        return false;
    };
    let state = match entry.state {
        State::New | State::Active => format!("active;expires={}", entry.left(cx.now)),
        State::Ending(why) => format!("terminated;reason={}", why.reason()),
    };
    let event = Event::new(entry.package.name, entry.event_id.as_deref()).to_string();
    let mut outline = Outline::new(&Method::Notify)
        .contact(&entry.number)
        .header(HeaderName::Event, event)
        .header(HeaderName::SubscriptionState, state);
    if !entry.members.is_empty() {
        outline = outline.header(HeaderName::Require, list::OPTION); // RFC 4662 section 4.1
    }
    if !composed.body.is_empty() {
        outline = outline.body(&composed.kind, composed.body.as_bytes());
    }
    let way = crate::way::within(entry.dialog.next_hop(), &entry.flow, false);
    let sent = requests::within(cx, outline, &mut entry.dialog, way, Owner::Subscription(id));
    if sent.is_none() {
        // No room for another transaction: later.
        entry.talk.not_before = cx.now + Duration::from_secs(1);
        if let Some(at) = entry.want(Want::Always, cx.now) {
            subscriptions.due.set(id, at.max(entry.talk.not_before));
        }
        return false;
    }
    entry.version = entry.version.saturating_add(1);
    entry.talk.said = composed.said;
    entry.talk.want = composed.again.then_some(Want::IfChanged);
    entry.talk.under_way = true;
    entry.talk.last = matches!(entry.state, State::Ending(_));
    entry.talk.not_before = cx.now + cx.config.limits.services.subscriptions.spacing;
    subscriptions.tally.sent += 1;
    let used = entry.dialog.local_seq().unwrap_or(0);
    if entry.state == State::Active
        && entry
            .stored_seq
            .is_some_and(|seq| used.saturating_sub(seq) >= STORE_EVERY)
    {
        let change = saved::save(entry, cx);
        cx.outputs.push_back(Output::Subscriptions(vec![change]));
    }
    true
}

/// The phone has answered a NOTIFY, or will not.
pub(crate) fn heard(subscriptions: &mut Subscriptions, cx: &mut Stack, id: SubscriptionId, event: &RequestEvent) {
    let Some(entry) = subscriptions.entries.get_mut(id) else {
        return;
    };
    let (code, wait) = match event {
        RequestEvent::Provisional(_) => return,
        RequestEvent::Final(reply) => {
            let wait = reply.response.seconds(HeaderName::RetryAfter).ok().flatten();
            (reply.code(), wait)
        }
        RequestEvent::Failed(why) => (why.code(), None),
    };
    entry.talk.under_way = false;
    entry.talk.code = Some(code);
    if (200..300).contains(&code) {
        entry.talk.failures = 0;
        entry.talk.lost = false;
        return go_on(subscriptions, cx, id);
    }
    let unsent = matches!(event, RequestEvent::Failed(Why::Unsent));
    let reason = match code {
        _ if unsent => "unsent",
        408 => "timeout",
        _ if is_final(code) => "gone",
        _ => "refused",
    };
    *subscriptions.tally.failed.entry(reason).or_default() += 1;
    if !unsent && is_final(code) {
        tracing::info!(watcher = %entry.watcher, number = %entry.number, code, "a phone has forgotten its subscription");
        return subscriptions.remove(cx, id);
    }
    if matches!(entry.state, State::Ending(_)) {
        // The last one is not sent again: the phone will see that its time is over.
        return subscriptions.remove(cx, id);
    }
    let limits = &cx.config.limits.services.subscriptions;
    // A phone whose connection is gone comes back by a REGISTER or SUBSCRIBE. That is no failure of the phone.
    let excused = wait.is_some() || unsent && entry.flow.transport.is_reliable();
    entry.talk.lost |= unsent;
    entry.talk.failures = entry.talk.failures.saturating_add(u32::from(!excused));
    if entry.talk.failures >= limits.failures.max(1) {
        tracing::info!(watcher = %entry.watcher, number = %entry.number, code, "a subscription is given up");
        return subscriptions.remove(cx, id);
    }
    let backoff = limits.retry * 2_u32.saturating_pow(entry.talk.failures.saturating_sub(1).min(8));
    // A phone that says "at once" is not asked as often as it can answer.
    let wait = wait.map_or(backoff, |seconds| {
        Duration::from_secs(u64::from(seconds))
            .min(LONGEST_WAIT)
            .max(limits.spacing)
    });
    entry.talk.not_before = cx.now + wait;
    subscriptions.tell(id, cx.now);
}

/// A NOTIFY was answered: the subscription is over, or waits, or has more to say.
fn go_on(subscriptions: &mut Subscriptions, cx: &mut Stack, id: SubscriptionId) {
    let Some(entry) = subscriptions.entries.get_mut(id) else {
        return;
    };
    // RFC 6665 section 4.4.1: nothing follows the NOTIFY that ends a subscription, whatever has changed meanwhile.
    let wanted = entry
        .talk
        .want
        .take()
        .filter(|want| *want != Want::No && !entry.talk.last);
    match (entry.state, wanted) {
        (State::Ending(_), None) => subscriptions.remove(cx, id),
        (State::New | State::Active | State::Ending(_), Some(want)) => {
            if let Some(at) = entry.want(want, cx.now) {
                subscriptions.due.set(id, at);
            }
        }
        (State::New | State::Active, None) => {}
    }
}

/// Whether the phone says that it has no such subscription, or that it cannot be reached for any request (RFC 5057
/// section 5.1, RFC 6665 section 4.2.2). 408 and 480 are not among them here: a phone that sleeps comes back.
fn is_final(code: u16) -> bool {
    let effect = StatusCode::new(code).map(Effect::of);
    !matches!(code, 408 | 480 | 502) && matches!(effect, Some(Effect::Usage | Effect::Dialog))
}
