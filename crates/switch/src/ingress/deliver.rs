//! MESSAGE between extensions (RFC 3428): sent to every phone of the callee. 200 if a phone takes it.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use sip::{Flow, HeaderName, Instant, Message, Method, StatusCode, transaction::ServerId};

use super::{Ingress, challenge::authenticate, endpoint::dialed};
use crate::{
    accounts::Identity,
    answer::{Answer, told},
    api::QueryId,
    core::{Core, QueryUse},
    locations::{Location, Peer, Way},
    requests::{self, Outline, Outside, Owner, Targets},
    way::addresses,
};

/// A MESSAGE that is being delivered.
struct Delivery {
    server: ServerId,
    request: Message,
    /// The sender, as From shows it.
    from: Sender,
    /// The extension it is for.
    to: Peer,
    /// How many phones have not answered yet, or are being looked up.
    open: usize,
    best: u16,
    give_up: Instant,
    /// Phones being looked up.
    lookups: Vec<(QueryId, Location)>,
    /// The addresses of names that were looked up: answers may come from any of these.
    others: Vec<IpAddr>,
}

/// The sender of a MESSAGE, as a phone is shown it.
#[derive(Clone, Default)]
struct Sender {
    /// The display name in quotes, followed by a blank; or empty.
    name: String,
    /// The user part of the sender's URI; `None` if the sender hides it (RFC 3323 4.1.1.3).
    user: Option<String>,
}

impl Sender {
    /// The From value, without a tag, for a phone that reaches us as `home`.
    fn on(&self, home: &str) -> String {
        match &self.user {
            Some(user) => format!("{}<sip:{user}@{home}>", self.name),
            None => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".into(),
        }
    }
}

/// The MESSAGEs that are being delivered.
#[derive(Default)]
pub(crate) struct Deliveries {
    by_id: BTreeMap<u64, Delivery>,
    last: u64,
}

// RFC 4320 4.1: the sender's own transaction ends 32 s after it began; a later answer is lost.
const LONGEST: Duration = Duration::from_secs(30);

impl Deliveries {
    /// When the oldest MESSAGE is given up. They are numbered in the order in which they came.
    pub fn next(&self) -> Option<Instant> {
        self.by_id.first_key_value().map(|(_, delivery)| delivery.give_up)
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
    if x.draining || g.deliveries.len() >= x.stack.config.limits.messages {
        let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, "5");
        return x.stack.answer(server, &message, &answer);
    }
    let Some(number) = dialed(x, &message, &flow).filter(|number| x.accounts.is_extension(number)) else {
        return x.stack.answer(server, &message, &Answer::new(StatusCode::NOT_FOUND));
    };
    let from = shown(x, &identity, &message);
    let to = Peer::extension(&number);
    let places = x.locations.ways(&to, &x.accounts);
    g.deliveries.last += 1;
    let id = g.deliveries.last;
    let delivery = Delivery {
        server,
        request: message,
        from,
        to,
        open: 1, // until every phone was tried
        best: 0,
        give_up: x.stack.now + LONGEST,
        lookups: Vec::new(),
        others: Vec::new(),
    };
    let branches = x.stack.config.limits.branches;
    g.deliveries.by_id.insert(id, delivery);
    for place in places.into_iter().take(branches) {
        match &place.way {
            Way::Flow(flow) => send_copy(g, x, id, &place, std::slice::from_ref(flow)),
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

/// The sender of a MESSAGE, as the receiver is shown it.
fn shown(x: &Core, identity: &Identity, message: &Message) -> Sender {
    if x.hides(identity, message) {
        return Sender::default();
    }
    let account = x.accounts.extension(&identity.extension);
    let name = account
        .map(|account| account.name.as_str())
        .filter(|name| !name.is_empty());
    Sender {
        name: name.map(|name| format!("{} ", sip::quote(name))).unwrap_or_default(),
        user: Some(sip::escape_user(&identity.extension).to_string()),
    }
}

/// Sends the MESSAGE to one phone. `ways` are the ways to the phone, best first: the request object tries the next way
/// if one fails (RFC 3263 section 4.3). Without a way nothing is sent.
fn send_copy(g: &mut Ingress, x: &mut Core, id: u64, place: &Location, ways: &[Flow]) {
    let [way, further @ ..] = ways else { return };
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    delivery.open += 1;
    let (message, cx) = (&delivery.request, &mut x.stack);
    let hops = message.max_forwards().ok().flatten().unwrap_or(70);
    let from = format!("{};tag={}", delivery.from.on(&cx.home(way)), cx.ids.tag());
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
        max_forwards: hops.min(255).saturating_sub(1),
    };
    let outline = Outline::new(&Method::Message)
        .copied(message, HeaderName::Subject)
        .copied(message, HeaderName::Date)
        .copied(message, HeaderName::ContentDisposition)
        .copied(message, HeaderName::ContentLanguage)
        .body(message.content_type().unwrap_or("text/plain"), message.body());
    let targets = Targets::of(*way, further);
    if requests::send(cx, outline, &outside, targets, Owner::Delivery(id)).is_none() {
        one_less(g, x, id);
    }
}

/// The look-up of a phone has ended.
pub(crate) fn message_resolved(g: &mut Ingress, x: &mut Core, id: u64, query: QueryId, flows: &[Flow]) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
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
        finish_delivery(g, x, id);
    }
}

/// A phone answered, or failed to answer.
pub(crate) fn delivered(g: &mut Ingress, x: &mut Core, id: u64, response: Option<&Message>) {
    let Some(delivery) = g.deliveries.by_id.get_mut(&id) else {
        return;
    };
    let code = response.and_then(Message::status).map_or(480, |status| status.code());
    if (200..=299).contains(&code) {
        delivery.best = 200;
    } else if delivery.best == 0 || code < delivery.best && delivery.best != 200 {
        delivery.best = code;
    }
    if delivery.best == 200 {
        return finish_delivery(g, x, id);
    }
    one_less(g, x, id);
}

pub(crate) fn expire_deliveries(g: &mut Ingress, x: &mut Core) {
    while let Some((id, delivery)) = g.deliveries.by_id.first_key_value() {
        if delivery.give_up > x.stack.now {
            return;
        }
        finish_delivery(g, x, *id);
    }
}

fn finish_delivery(g: &mut Ingress, x: &mut Core, id: u64) {
    let Some(delivery) = g.deliveries.by_id.remove(&id) else {
        return;
    };
    let code = told(delivery.best);
    let status = StatusCode::new(code).unwrap_or(StatusCode::TEMPORARILY_UNAVAILABLE);
    x.stack.answer(delivery.server, &delivery.request, &Answer::new(status));
}
