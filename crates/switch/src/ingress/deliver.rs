//! MESSAGE between extensions (RFC 3428): sent to every phone of the callee. 200 if a phone takes it; 202 if it is kept for
//! a phone that is away (`absent.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use sip::{Flow, HeaderName, Instant, Message, Method, StatusCode, transaction::ServerId};

use super::{Ingress, absent, challenge::authenticate, endpoint::dialed, hops_left};
use crate::{
    answer::{Answer, told},
    api::{Query, QueryId, Wake, WakeFor, Ways},
    core::{Core, QueryUse},
    leg::CallerId,
    locations::{Instance, Location, Peer, Way},
    requests::{self, Outline, Outside, Owner, Targets},
    way::addresses,
};

/// The content of a MESSAGE, for any number of phones.
#[derive(Clone)]
pub(super) struct Text {
    /// The sender, as phones are shown it.
    pub from: CallerId,
    /// The value of Content-Type.
    pub content_type: String,
    /// The body, as it came: CPIM (RFC 3862), IMDN (RFC 5438) and all others.
    pub body: Bytes,
    /// Further header fields, by name.
    pub fields: Vec<(String, String)>,
    /// RFC 3261 8.1.1.6.
    pub max_forwards: u32,
}

/// Header fields of a MESSAGE that belong to its content (RFC 3428 section 10).
const CONTENT: [HeaderName; 8] = [
    HeaderName::Subject,
    HeaderName::Date,
    HeaderName::Expires,
    HeaderName::ContentDisposition,
    HeaderName::ContentLanguage,
    HeaderName::ContentEncoding,
    HeaderName::InReplyTo,
    HeaderName::Priority,
];

impl Text {
    /// The content of a request.
    fn of(request: &Message, from: CallerId) -> Self {
        let field = |name: HeaderName| {
            let rows = request
                .headers(name)
                .take(if name.is_single() { 1 } else { usize::MAX });
            rows.map(move |value| (name.as_str().to_owned(), sip::clean(value).into_owned()))
        };
        Self {
            from,
            content_type: request.content_type().unwrap_or("text/plain").to_owned(),
            body: Bytes::copy_from_slice(request.body()),
            fields: CONTENT.into_iter().flat_map(field).collect(),
            max_forwards: hops_left(request),
        }
    }
}

/// A MESSAGE that is being delivered.
struct Delivery {
    text: Text,
    /// The request of the sender; `None` once it was answered.
    asked: Option<(ServerId, Message)>,
    /// The extension of the sender.
    sender: String,
    /// The extension it is for.
    to: Peer,
    /// It is for this phone alone, and not kept (RFC 5627).
    phone: Option<Instance>,
    /// How many phones have not answered yet, or are being looked up.
    open: usize,
    /// The best answer so far; 0 before any.
    best: u16,
    /// A phone could not be reached, or is to be tried again later.
    away: bool,
    /// It is kept under this id.
    kept: Option<u64>,
    /// It is tried again: by this id and this number a phone knows a message that it has had before.
    again: Option<(u64, u32)>,
    give_up: Instant,
    /// Phones being looked up.
    lookups: Vec<(QueryId, Location)>,
    /// The addresses of names that were looked up: answers may come from any of these.
    others: Vec<IpAddr>,
}

/// The MESSAGEs that are being delivered.
#[derive(Default)]
pub(crate) struct Deliveries {
    by_id: BTreeMap<u64, Delivery>,
    /// Those whose sender waits for an answer.
    unanswered: BTreeSet<u64>,
    last: u64,
}

// RFC 4320 4.1: the sender's own transaction ends 32 s after it began; a later answer is lost.
const LONGEST: Duration = Duration::from_secs(30);

impl Deliveries {
    /// When the oldest MESSAGE is given up. They are numbered in the order in which they came.
    pub fn next(&self) -> Option<Instant> {
        let oldest = self.by_id.get(self.unanswered.first()?)?;
        Some(oldest.give_up)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The extension that receives a MESSAGE, and the further addresses from which its phones may answer.
    pub fn to(&self, id: u64) -> Option<(&Peer, &[IpAddr])> {
        let delivery = self.by_id.get(&id)?;
        Some((&delivery.to, &delivery.others))
    }
}

pub(crate) fn deliver(g: &mut Ingress, x: &mut Core, server: ServerId, flow: Flow, message: Message) {
    let Some(identity) = authenticate(g, x, server, &flow, &message) else {
        return;
    };
    let identity = x.accounts.acting(identity);
    if x.draining || g.deliveries.len() >= x.stack.config.limits.messages {
        let answer = Answer::busy(5);
        return x.stack.answer(server, &message, &answer);
    }
    let Some(number) = dialed(x, &message, &flow).filter(|number| x.accounts.is_extension(number)) else {
        return x.stack.answer(server, &message, &Answer::new(StatusCode::NOT_FOUND));
    };
    let hidden = x.hides(&identity, &message);
    let refuses = x
        .accounts
        .extension(&number)
        .is_some_and(|to| to.rules.reject_anonymous);
    if hidden && refuses {
        // RFC 5079 section 4.
        return x.stack.answer(server, &message, &Answer::of(433));
    }
    let from = sender(x, &identity.extension, hidden);
    let text = Text::of(&message, from);
    let asked = Some((server, message));
    let uri = asked.as_ref().and_then(|(_, request)| request.request_uri().ok());
    let phone = uri.and_then(|uri| x.phone_at(&uri));
    let id = add(g, x, text, (identity.extension, number.as_str()), asked, None);
    if let Some(delivery) = g.deliveries.by_id.get_mut(&id).filter(|_| phone.is_some()) {
        delivery.phone = phone;
    } else if g.absent.is_waiting(&number) {
        // Those that came before are delivered first.
        return finish(g, x, id, Some(480));
    }
    send_copies(g, x, id);
}

/// The sender of a MESSAGE, as phones are shown it.
pub(super) fn sender(x: &Core, number: &str, hidden: bool) -> CallerId {
    if hidden {
        return CallerId::hidden();
    }
    let account = x.accounts.extension(number);
    CallerId {
        number: number.to_owned(),
        name: account.map(|account| account.name.clone()).unwrap_or_default(),
    }
}

/// Delivers a message that was kept under `kept`. `number`: 1, and one more after each answer that has put it off. After a
/// crash before the row was deleted a phone gets it under the same Call-ID, From tag and sequence number as before, and need
/// not show it twice.
pub(super) fn deliver_kept(
    g: &mut Ingress,
    x: &mut Core,
    text: Text,
    (from, to): (&str, &str),
    (kept, number): (u64, u32),
) {
    let id = add(g, x, text, (from.to_owned(), to), None, Some(kept));
    if let Some(delivery) = g.deliveries.by_id.get_mut(&id) {
        delivery.again = Some((kept, number));
    }
    send_copies(g, x, id);
}

/// The Call-ID and the From tag of a kept message for a phone at this address. Two phones get two Call-IDs: behind one proxy
/// the second request would look like a copy of the first one that took another way (RFC 3261 8.2.2.2).
fn name_of(kept: u64, uri: &str) -> (String, String) {
    let place = sip::fnv1a(uri.bytes());
    (format!("message-{kept:016x}-{place:016x}"), format!("{kept:016x}"))
}

fn add(
    g: &mut Ingress,
    x: &Core,
    text: Text,
    (sender, to): (String, &str),
    asked: Option<(ServerId, Message)>,
    kept: Option<u64>,
) -> u64 {
    g.deliveries.last += 1;
    let id = g.deliveries.last;
    if asked.is_some() {
        g.deliveries.unanswered.insert(id);
    }
    let delivery = Delivery {
        text,
        asked,
        sender,
        to: Peer::extension(to),
        phone: None,
        open: 1, // until every phone was tried
        best: 0,
        away: false,
        kept,
        again: None,
        give_up: x.stack.now + LONGEST,
        lookups: Vec::new(),
        others: Vec::new(),
    };
    g.deliveries.by_id.insert(id, delivery);
    id
}

fn send_copies(g: &mut Ingress, x: &mut Core, id: u64) {
    let Some(delivery) = g.deliveries.by_id.get(&id) else {
        return;
    };
    let places = match &delivery.phone {
        Some(phone) => x.locations.way_to(phone, &x.accounts).into_iter().collect(),
        None => x.locations.ways(&delivery.to, &x.accounts),
    };
    let branches = x.stack.config.limits.branches;
    for place in places.into_iter().take(branches) {
        match &place.way {
            Way::Flow(flow) => send_copy(g, x, id, &place, std::slice::from_ref(flow)),
            // The message is kept, and delivered when the phone has registered.
            Way::Asleep(push) => {
                let number = place.peer.number().map(|number| number.to_string()).unwrap_or_default();
                x.stack.query(Query::Wake(Box::new(Wake {
                    number,
                    push: push.clone(),
                    why: WakeFor::Message,
                })));
                if let Some(delivery) = g.deliveries.by_id.get_mut(&id) {
                    delivery.away = true;
                }
            }
            Way::Look(look) => {
                let query = x.ask(look.query(), QueryUse::Message(id));
                if let Some(delivery) = g.deliveries.by_id.get_mut(&id) {
                    delivery.open += 1;
                    delivery.lookups.push((query, place));
                }
            }
        }
    }
    one_less(g, x, id);
}

/// Sends the MESSAGE to one phone. `ways` are the ways to the phone, best first: the request object tries the next way
/// if one fails (RFC 3263 section 4.3). Without a way nothing is sent.
fn send_copy(g: &mut Ingress, x: &mut Core, id: u64, place: &Location, ways: &[Flow]) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    let [way, further @ ..] = ways else {
        delivery.away = true;
        return;
    };
    delivery.open += 1;
    let (text, cx) = (&delivery.text, &mut x.stack);
    let home = cx.home(way);
    let name = delivery.again.map(|(kept, number)| (name_of(kept, &place.uri), number));
    let tag = name.as_ref().map_or_else(|| cx.ids.tag(), |((_, tag), _)| tag.clone());
    let from = format!("{};tag={tag}", text.from.address(&home));
    let to = format!(
        "<sip:{}@{}>",
        sip::escape_user(&place.peer.to_string()),
        cx.config.domain
    );
    let outside = Outside {
        uri: &place.uri,
        routes: &place.routes,
        from: &from,
        to: &to,
        max_forwards: text.max_forwards,
    };
    let mut outline = Outline::new(&Method::Message).body(&text.content_type, &text.body);
    if let Some(((call_id, _), number)) = name {
        outline = outline.named(call_id, number);
    }
    for (name, value) in text.from.header_fields(&home, false) {
        outline = outline.header(name, value);
    }
    for (name, value) in &text.fields {
        outline = outline.other(name, value);
    }
    let targets = Targets::of(*way, further).then(&place.flows);
    if requests::send(cx, outline, &outside, targets, Owner::Delivery(id)).is_none() {
        delivery.away = true;
        one_less(g, x, id);
    }
}

/// The look-up of a phone has ended.
pub(crate) fn message_resolved(g: &mut Ingress, x: &mut Core, id: u64, query: QueryId, ways: &Ways) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    let flows = ways.as_deref().unwrap_or_default();
    let lookups = &mut delivery.lookups;
    let Some(at) = lookups.iter().position(|(asked, ..)| *asked == query) else {
        return;
    };
    let (_, place) = lookups.swap_remove(at);
    delivery.others.extend(addresses(flows));
    send_copy(g, x, id, &place, flows);
    one_less(g, x, id);
}

/// One phone less to wait for.
fn one_less(g: &mut Ingress, x: &mut Core, id: u64) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    delivery.open -= 1;
    if delivery.open == 0 {
        finish(g, x, id, None);
    }
}

/// A phone answered, or failed to answer.
pub(crate) fn delivered(g: &mut Ingress, x: &mut Core, id: u64, response: Option<&Message>) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    let code = response.and_then(Message::status).map_or(408, |status| status.code());
    delivery.away |= may_come_later(code);
    if (200..=299).contains(&code) {
        delivery.best = 200;
        return finish(g, x, id, None);
    }
    if delivery.best == 0 || code < delivery.best {
        delivery.best = code;
    }
    one_less(g, x, id);
}

/// Whether a phone that answers so may take the message at another time.
const fn may_come_later(code: u16) -> bool {
    matches!(code, 408 | 430 | 480 | 486 | 491 | 500 | 502..=504 | 600)
}

/// Whether a phone that answers so will never take this message, whichever phone of the extension it is.
const fn is_refused(code: u16) -> bool {
    matches!(code, 403 | 404 | 410 | 413 | 415 | 416 | 433 | 488 | 493 | 603..=699)
}

pub(crate) fn expire_deliveries(g: &mut Ingress, x: &mut Core) {
    while let Some(id) = g.deliveries.unanswered.first().copied() {
        let due = g
            .deliveries
            .by_id
            .get(&id)
            .is_some_and(|delivery| delivery.give_up <= x.stack.now);
        if !due {
            return;
        }
        answer_in_time(g, x, id);
    }
}

/// No phone has answered in the time that the sender waits. The message is kept, and a late answer still counts.
fn answer_in_time(g: &mut Ingress, x: &mut Core, id: u64) {
    g.deliveries.unanswered.remove(&id);
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    let Some((server, request)) = delivery.asked.take() else {
        return;
    };
    if delivery.phone.is_some() {
        return x.stack.answer(server, &request, &Answer::of(480));
    }
    let (text, sender, to) = (delivery.text.clone(), delivery.sender.clone(), delivery.to.clone());
    let Some(number) = to.number() else { return };
    let kept = absent::keep(g, x, text, (&sender, number), (server, request), Some(id));
    if let Some(delivery) = g.deliveries.by_id.get_mut(&id) {
        delivery.kept = kept;
    }
}

/// Every phone has answered, or one has taken the message. `code`: the result, where no phone was asked.
fn finish(g: &mut Ingress, x: &mut Core, id: u64, code: Option<u16>) {
    let Some(delivery) = g.deliveries.by_id.remove(&id) else {
        return;
    };
    g.deliveries.unanswered.remove(&id);
    let Some(number) = delivery.to.number().cloned() else {
        return;
    };
    let code = code.unwrap_or(delivery.best);
    let later = code == 0 || delivery.away && code < 600 || may_come_later(code);
    let taken = (200..=299).contains(&code);
    match (delivery.asked, delivery.kept) {
        (Some(asked), _) if later && !taken && delivery.phone.is_none() => {
            absent::keep(g, x, delivery.text, (&delivery.sender, &number), asked, None);
        }
        (Some((server, request)), _) => {
            let status = StatusCode::new(told(code)).unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE);
            x.stack.answer(server, &request, &Answer::new(status));
        }
        (None, Some(kept)) => {
            let refused = !delivery.away && is_refused(code);
            // Where no answer came, a phone may have it: the next try is the same request.
            let put_off = !matches!(delivery.best, 0 | 408);
            absent::tried(g, x, &number, kept, (taken || refused, put_off));
        }
        (None, None) => {}
    }
}
