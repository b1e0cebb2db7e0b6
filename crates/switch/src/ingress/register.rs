//! From a REGISTER to the registrar, and from the registrar to the other rooms.

use sip::{Flow, HeaderName, Message, transaction::ServerId};

use super::{Ingress, absent, challenge::authenticate};
use crate::{
    Answer,
    api::{Output, Query, QueryId, Wake, WakeFor},
    core::{Core, QueryUse},
    locations::Peer,
    registrar::{Change, Effect, Registrar},
    subscriptions,
};

pub(crate) fn register(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: &Message) {
    if let Err(answer) = Registrar::preconditions(message, &flow, &x.domain) {
        return x.stack.answer_and_forget(id, message, &answer);
    }
    let Some(identity) = authenticate(g, x, id, &flow, message) else {
        return;
    };
    let query = x.stack.outputs.next_query();
    x.queries.insert(query, QueryUse::Register(id));
    let (now, unix) = (x.stack.now, x.stack.unix());
    x.registrar
        .register(now, unix, query, message, &flow, &identity, &x.accounts, &x.domain);
}

pub(crate) fn register_stored(x: &mut Core, query: QueryId, server: ServerId, ok: bool) {
    x.queries.insert(query, QueryUse::Register(server));
    let (now, unix) = (x.stack.now, x.stack.unix());
    x.registrar.stored(now, unix, query, ok);
}

/// Carries out one effect of the registrar; false if there is none.
pub(crate) fn registrar_effects(g: &mut Ingress, x: &mut Core) -> bool {
    let Some(effect) = x.registrar.poll() else { return false };
    match effect {
        Effect::Reply { query, answer } => {
            if let Some(QueryUse::Register(server)) = x.queries.remove(&query)
                && let Some(request) = x.stack.layer.server_request(server).cloned()
            {
                let success = answer.status.is_success();
                let answer = if success {
                    with_proof(g, x, server, &request, answer)
                } else {
                    answer
                };
                x.stack.answer(server, &request, &answer);
                if success {
                    registered(x, server, &request);
                }
            }
        }
        Effect::Store { query, changes } => {
            x.stack
                .outputs
                .push_back(Output::Query(query, Query::SaveBindings(changes)));
        }
        Effect::Located(change) => {
            let number = match &change {
                // A person may have logged on at the phone: it is there for that person.
                Change::Put(contact) if !contact.lost => {
                    let acts_for = x.accounts.acts_for(&contact.binding.username);
                    Some(acts_for.unwrap_or(&contact.binding.number).to_owned())
                }
                Change::Put(_) | Change::Remove { .. } => None,
            };
            let now = x.stack.now;
            if let Change::Put(contact) = &change {
                x.subscribed.table.located(contact, now);
                if let Some(push) = contact.push.as_ref().filter(|_| !contact.lost) {
                    x.locations.sleepers.registered(push, contact.binding.flow);
                }
            }
            x.locations.apply(change);
            if let Some(number) = number {
                absent::registered(g, x, &number);
            }
        }
        Effect::Wake(number, push) => {
            let why = WakeFor::Register;
            x.stack.query(Query::Wake(Box::new(Wake { number, push, why })));
        }
        Effect::Forget(changes) => x.stack.outputs.push_back(Output::Forget(changes)),
        Effect::Added(registration) => {
            x.subscribed.table.contacts_changed(&registration.number, x.stack.now);
            x.stack.registration_added(registration);
        }
        Effect::Removed(registration) => {
            x.subscribed.table.contacts_changed(&registration.number, x.stack.now);
            x.stack.registration_removed(registration);
        }
    }
    true
}

/// The 200 to a REGISTER, with what Tandem proves about itself to the phone (RFC 7616 3.5, RFC 3261 20.6).
fn with_proof(g: &mut Ingress, x: &Core, server: ServerId, request: &Message, answer: Answer) -> Answer {
    let flow = x.stack.layer.server_flow(server);
    let info = flow.and_then(|flow| g.auth.info(x.stack.now, request, &flow, &x.accounts, &x.domain));
    match info {
        Some(info) => answer.with(HeaderName::AuthenticationInfo, info),
        None => answer,
    }
}

/// A phone has registered, and may want to hear of its messages without having asked.
fn registered(x: &mut Core, server: ServerId, request: &Message) {
    // To may name the device; the extension is what its contacts are bound to.
    let to = request
        .to()
        .ok()
        .and_then(|to| to.uri().ok().map(|uri| uri.number().into_owned()));
    let number = to.map(|user| match x.accounts.device(&user) {
        Some(device) => device.extension.clone(),
        None => user,
    });
    let (Some(flow), Some(number)) = (x.stack.layer.server_flow(server), number) else {
        return;
    };
    // A REGISTER that only asks, or takes a contact away, is of no phone that is there to be told.
    let address = flow.remote.ip().to_canonical();
    let Some(username) = x.locations.registered_at(&Peer::extension(&number), address) else {
        return;
    };
    let number = x.accounts.acts_for(username).map_or(number, str::to_owned);
    x.with_subscriptions(|table, cx, view| subscriptions::registered(table, cx, view, (request, flow), &number));
}
