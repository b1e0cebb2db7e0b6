//! Messages for extensions whose phones are away (RFC 3428 section 4, 202 Accepted): kept on disk, delivered in the order
//! in which they came when a phone registers, each until a phone has taken it.
//!
//! For one extension one message is under way at a time. A phone that puts a message off ends the round: the next
//! REGISTER, or the next message for the extension, begins another one.

use std::collections::{BTreeMap, VecDeque};

use sip::{HeaderName, Message, transaction::ServerId};

use super::{
    Ingress,
    deliver::{self, Text},
};
use crate::{
    answer::Answer,
    api::{KeptMessage, Output, Query},
    core::{Core, QueryUse},
    registrar::date,
};

/// What is kept, by the number of the extension.
#[derive(Default)]
pub(crate) struct Absent {
    queues: BTreeMap<Box<str>, Queue>,
    /// Messages that the store is writing, whose senders wait.
    pending: BTreeMap<u64, Pending>,
    last: u64,
    count: usize,
}

/// The messages of one extension, the oldest first.
#[derive(Default)]
struct Queue {
    messages: VecDeque<KeptMessage>,
    /// The message that is under way.
    under_way: Option<u64>,
    /// A phone has registered meanwhile.
    again: bool,
    /// How often the oldest message was put off.
    put_off: u32,
}

struct Pending {
    message: KeptMessage,
    asked: (ServerId, Message),
    /// It is still under way to phones, which may take it.
    under_way: bool,
    /// A phone has taken it, or has refused it for good, before the store has written it.
    done: bool,
}

impl Absent {
    /// Whether messages wait for this extension, so that a further one has to wait behind them.
    pub fn is_waiting(&self, number: &str) -> bool {
        self.queues.contains_key(number) || self.pending.values().any(|pending| pending.message.to == number)
    }

    /// How many extensions have messages, plus the messages that the store is writing.
    pub fn queues(&self) -> usize {
        self.queues.len() + self.pending.len()
    }

    /// How many messages are kept.
    pub const fn len(&self) -> usize {
        self.count
    }
}

/// Keeps a message; the sender gets 202 when it is on disk. `delivery` is its number where phones still have it. Returns
/// the id of the message; `None` where it is not kept, and the sender was told why.
pub(super) fn keep(
    g: &mut Ingress,
    x: &mut Core,
    text: Text,
    (from, to): (&str, &str),
    asked: (ServerId, Message),
    delivery: Option<u64>,
) -> Option<u64> {
    let limits = x.stack.config.limits.services.kept.clone();
    let waiting = g
        .absent
        .pending
        .values()
        .filter(|pending| pending.message.to == to)
        .count()
        + g.absent.queues.get(to).map_or(0, |queue| queue.messages.len());
    let seconds = asked.1.expires().ok().flatten().map(u64::from);
    let age = seconds.map_or(limits.age, |seconds| {
        limits.age.min(std::time::Duration::from_secs(seconds))
    });
    let refusal = if limits.per_extension == 0 || age.is_zero() {
        Some(480)
    } else if text.body.len() > limits.body {
        Some(413)
    } else if waiting >= limits.per_extension || g.absent.count + g.absent.pending.len() >= limits.all {
        Some(480)
    } else {
        None
    };
    if let Some(code) = refusal {
        x.stack.answer(asked.0, &asked.1, &Answer::of(code));
        return None;
    }
    let now = x.stack.unix();
    g.absent.last = u64::try_from(now).unwrap_or(0).max(g.absent.last + 1);
    let id = g.absent.last;
    let mut fields = text.fields;
    fields.retain(|(name, _)| name != HeaderName::Expires.as_str()); // it becomes `expires_at`
    if !fields.iter().any(|(name, _)| name == HeaderName::Date.as_str()) {
        // RFC 3261 20.17: when the message was sent, not when it will be delivered.
        fields.push((HeaderName::Date.as_str().to_owned(), date(now)));
    }
    let message = KeptMessage {
        id,
        to: to.to_owned(),
        from: from.to_owned(),
        hidden: text.from.is_hidden(),
        content_type: text.content_type,
        body: text.body.to_vec(),
        fields,
        received_at: now,
        expires_at: now.saturating_add(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)),
    };
    x.ask(Query::KeepMessage(Box::new(message.clone())), QueryUse::Keep(id));
    let pending = Pending {
        message,
        asked,
        under_way: delivery.is_some(),
        done: false,
    };
    g.absent.pending.insert(id, pending);
    Some(id)
}

/// The store has written a message, or could not.
pub(crate) fn stored(g: &mut Ingress, x: &mut Core, id: u64, ok: bool) {
    let Some(pending) = g.absent.pending.remove(&id) else {
        return;
    };
    let (server, request) = pending.asked;
    let code = if ok || pending.done { 202 } else { 480 };
    x.stack.answer(server, &request, &Answer::of(code));
    if !ok {
        return;
    }
    if pending.done {
        return forget(x, id);
    }
    let number = pending.message.to.clone();
    if !x.accounts.is_extension(&number) {
        return forget(x, id); // removed meanwhile
    }
    let queue = put(g, pending.message);
    if pending.under_way {
        queue.under_way = Some(id);
        return;
    }
    // Behind others: a phone may be there by now. Alone: the phones have just been tried.
    if queue.again || queue.messages.len() > 1 {
        next(g, x, &number);
    }
}

/// A message that was kept when Tandem was stopped.
pub(crate) fn restored(g: &mut Ingress, message: KeptMessage) {
    g.absent.last = g.absent.last.max(message.id);
    put(g, message);
}

/// The queue of the extension, with the message in its place.
fn put(g: &mut Ingress, message: KeptMessage) -> &mut Queue {
    g.absent.count += 1;
    let queue = g.absent.queues.entry(message.to.as_str().into()).or_default();
    let at = queue.messages.partition_point(|before| before.id < message.id);
    queue.messages.insert(at, message);
    queue
}

/// A phone of the extension has registered.
pub(crate) fn registered(g: &mut Ingress, x: &mut Core, number: &str) {
    if let Some(queue) = g.absent.queues.get_mut(number) {
        queue.again = true;
        next(g, x, number);
    }
}

/// Forgets what has expired.
pub(crate) fn expire(g: &mut Ingress, x: &mut Core) {
    let now = x.stack.unix();
    let expired = |queue: &Queue| {
        let over = queue.messages.iter().filter(|message| message.expires_at <= now);
        over.map(|message| message.id)
            .filter(|id| queue.under_way != Some(*id))
            .collect::<Vec<_>>()
    };
    let all: Vec<(Box<str>, Vec<u64>)> = g
        .absent
        .queues
        .iter()
        .map(|(number, queue)| (number.clone(), expired(queue)))
        .filter(|(_, ids)| !ids.is_empty())
        .collect();
    for (number, ids) in all {
        for id in ids {
            take(g, x, &number, id);
        }
    }
}

/// The extension is gone, and so are its messages.
pub(crate) fn removed(g: &mut Ingress, x: &mut Core, number: &str) {
    if let Some(queue) = g.absent.queues.remove(number) {
        g.absent.count -= queue.messages.len();
        for message in queue.messages {
            forget(x, message.id);
        }
    }
}

/// A message that was under way is delivered or refused for good (`done`), or is to be tried again. `put_off`: a phone has
/// answered that it does not take it now.
pub(super) fn tried(g: &mut Ingress, x: &mut Core, number: &str, id: u64, (done, put_off): (bool, bool)) {
    if let Some(pending) = g.absent.pending.get_mut(&id) {
        (pending.under_way, pending.done) = (false, done);
        return;
    }
    let Some(queue) = g.absent.queues.get_mut(number) else {
        return;
    };
    if queue.under_way == Some(id) {
        queue.under_way = None;
        queue.put_off += u32::from(put_off);
    }
    if done {
        take(g, x, number, id);
        return next(g, x, number);
    }
    if std::mem::take(&mut queue.again) {
        next(g, x, number);
    }
}

/// Delivers the oldest message that has not expired, unless one is under way.
fn next(g: &mut Ingress, x: &mut Core, number: &str) {
    let now = x.stack.unix();
    while let Some(queue) = g.absent.queues.get_mut(number) {
        if queue.under_way.is_some() {
            return;
        }
        queue.again = false;
        let Some(message) = queue.messages.front() else {
            g.absent.queues.remove(number);
            return;
        };
        let id = message.id;
        if message.expires_at <= now {
            take(g, x, number, id);
            continue;
        }
        let (message, put_off) = (message.clone(), queue.put_off);
        queue.under_way = Some(id);
        let left = message.expires_at.saturating_sub(now).div_euclid(1_000_000).max(1);
        let mut fields = message.fields;
        // RFC 3428 section 10, RFC 3261 20.19: until when the message is good, from now on.
        fields.push((HeaderName::Expires.as_str().to_owned(), left.to_string()));
        let text = Text {
            from: deliver::sender(x, &message.from, message.hidden),
            content_type: message.content_type,
            body: message.body.into(),
            fields,
            max_forwards: 70,
        };
        deliver::deliver_kept(g, x, text, (&message.from, number), (id, put_off.saturating_add(1)));
        return;
    }
}

/// Removes a message from its queue and from the disk.
fn take(g: &mut Ingress, x: &mut Core, number: &str, id: u64) {
    let Some(queue) = g.absent.queues.get_mut(number) else {
        return;
    };
    if let Some(at) = queue.messages.iter().position(|message| message.id == id) {
        queue.messages.remove(at);
        if at == 0 {
            queue.put_off = 0;
        }
        g.absent.count -= 1;
        forget(x, id);
    }
    if queue.messages.is_empty() && queue.under_way.is_none() {
        g.absent.queues.remove(number);
    }
}

fn forget(x: &mut Core, id: u64) {
    x.stack.outputs.push_back(Output::DropMessage(id));
}
