//! SUBSCRIBE (RFC 6665) and PUBLISH (RFC 3903): from an authenticated sender to the room `subscriptions`.

use sip::{Flow, HeaderName, Message, StatusCode, transaction::ServerId};

use super::{Ingress, challenge::authenticate, endpoint::dialed};
use crate::{
    answer::Answer,
    api::Query,
    core::{Core, QueryUse},
    ids::SubscriptionId,
    stack::capabilities::understood,
    subscriptions::{self, ToStore},
};

/// A SUBSCRIBE outside of any dialog.
pub(super) fn begin(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: &Message) {
    let Some(identity) = authenticate(g, x, id, &flow, message) else {
        return;
    };
    if x.draining {
        let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, "5");
        return x.stack.answer(id, message, &answer);
    }
    let Some(number) = dialed(x, message, &flow) else {
        return x.stack.answer(id, message, &Answer::new(StatusCode::NOT_FOUND));
    };
    let acting = x.accounts.acting(identity.clone()).extension;
    let (table, cx) = (&mut x.subscribed.table, &mut x.stack);
    match subscriptions::begin(table, cx, (id, flow, message), (&identity, &acting), &number) {
        Ok(Some(to_store)) => store(x, id, to_store),
        Ok(None) => {}
        Err(answer) => x.stack.answer(id, message, &answer),
    }
}

/// A PUBLISH: only for the sender's own extension.
pub(super) fn publish(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: &Message) {
    let Some(identity) = authenticate(g, x, id, &flow, message) else {
        return;
    };
    let number = dialed(x, message, &flow).filter(|number| x.accounts.is_extension(number));
    let refusal = match number {
        _ if x.draining => Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, "5"),
        None => Answer::new(StatusCode::NOT_FOUND), // RFC 3903 section 6, step 1
        Some(number) if number != identity.extension => Answer::because(StatusCode::FORBIDDEN, "Not Your Own"),
        Some(_) => match x.subscribed.publish(&mut x.stack, (id, message), &identity) {
            Ok(()) => return,
            Err(answer) => answer,
        },
    };
    x.stack.answer(id, message, &refusal);
}

/// A request within the dialog of a subscription. One from another address than before must authenticate, so that no
/// stranger who overheard the tags redirects or ends the subscription.
pub(super) fn within(
    g: &mut Ingress,
    x: &mut Core,
    server: ServerId,
    flow: Flow,
    (id, message): (SubscriptionId, &Message),
) {
    if let Err(answer) = understood(message) {
        return x.stack.answer(server, message, &answer);
    }
    let Some(subscription) = x.subscribed.table.get(id) else {
        return x.stack.answer(server, message, &Answer::of(481));
    };
    let watcher = subscription.watcher().to_owned();
    if subscription.flow().remote.ip().to_canonical() != flow.remote.ip().to_canonical() {
        match authenticate(g, x, server, &flow, message) {
            Some(identity) if identity.extension == watcher => {}
            Some(_) => return x.stack.answer(server, message, &Answer::new(StatusCode::FORBIDDEN)),
            None => return,
        }
    }
    let (table, cx) = (&mut x.subscribed.table, &mut x.stack);
    if let Some(to_store) = subscriptions::within(table, cx, id, (server, flow, message)) {
        store(x, server, to_store);
    }
}

fn store(x: &mut Core, server: ServerId, to_store: ToStore) {
    let ToStore { id, change } = to_store;
    x.ask(Query::SaveSubscription(change), QueryUse::Subscribe(id, server));
}

/// The store has answered.
pub(crate) fn subscription_stored(x: &mut Core, id: SubscriptionId, server: ServerId, ok: bool) {
    subscriptions::stored(&mut x.subscribed.table, &mut x.stack, id, server, ok);
}
