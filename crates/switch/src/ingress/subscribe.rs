//! SUBSCRIBE (RFC 6665) and PUBLISH (RFC 3903): from an authenticated sender to the room `subscriptions`.

use sip::{Flow, Message, StatusCode, Uri, transaction::ServerId};

use super::{Ingress, challenge::authenticate, endpoint::dialed};
use crate::{
    accounts::Identity,
    answer::Answer,
    api::{Query, is_number},
    core::{Core, QueryUse},
    ids::SubscriptionId,
    stack::capabilities::understood,
    subscriptions::{self, LIST_PREFIX, ToStore, Watched, Watching},
};

/// A SUBSCRIBE outside of any dialog.
pub(super) fn begin(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: &Message) {
    let Some(identity) = authenticate(g, x, id, &flow, message) else {
        return;
    };
    if x.draining {
        let answer = Answer::busy(5);
        return x.stack.answer(id, message, &answer);
    }
    let acting = x.accounts.acting(identity.clone()).extension;
    let begun = watched(x, message, &flow, &identity).and_then(|watched| {
        let (table, cx) = (&mut x.subscribed.table, &mut x.stack);
        subscriptions::begin(table, cx, (id, flow, message), (&identity, &acting), watched)
    });
    match begun {
        Ok(Some(to_store)) => store(x, id, to_store),
        Ok(None) => {}
        Err(answer) => x.stack.answer(id, message, &answer),
    }
}

/// What a SUBSCRIBE is to watch: the package says so; lists of numbers are alike for all packages.
///
/// # Errors
/// The answer where there is no such thing: 400, 403, 404, 413, 489.
fn watched(x: &Core, message: &Message, flow: &Flow, identity: &Identity) -> Result<Watched, Answer> {
    let limits = &x.stack.config.limits.services.subscriptions;
    let (package, _) = subscriptions::asked(message)?;
    let number = (package.watch)(&Watching {
        number: dialed(x, message, flow).as_deref(),
        own: &identity.extension,
        conferences: &x.conferences,
    })?;
    let mut members: Vec<Box<str>> = Vec::new();
    if let Some(owner) = number
        .strip_prefix(LIST_PREFIX)
        .filter(|_| package.lists && !x.accounts.is_extension(&number))
    {
        members = x.accounts.lamps_of(owner, limits.list_members);
        if members.is_empty() {
            return Err(Answer::new(StatusCode::NOT_FOUND));
        }
    } else if let Some(uris) = subscriptions::contained(message, limits)? {
        for uri in uris {
            let uri = Uri::parse(&uri).ok();
            let member = uri.and_then(|uri| x.number_at(&uri, flow));
            if let Some(member) = member.filter(|member| is_number(member))
                && !members.iter().any(|known| **known == *member)
            {
                members.push(member.into());
            }
        }
        if members.is_empty() {
            return Err(Answer::because(StatusCode::BAD_REQUEST, "No Member Of Ours"));
        }
    }
    Ok(Watched { number, members })
}

/// A PUBLISH: only for the sender's own extension.
pub(super) fn publish(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: &Message) {
    let Some(identity) = authenticate(g, x, id, &flow, message) else {
        return;
    };
    let number = dialed(x, message, &flow).filter(|number| x.accounts.is_extension(number));
    let refusal = match number {
        _ if x.draining => Answer::busy(5),
        None => Answer::new(StatusCode::NOT_FOUND), // RFC 3903 section 6, step 1
        Some(number) if number != identity.extension => Answer::because(StatusCode::FORBIDDEN, "Not Your Own"),
        // Of the person who has logged on at the phone.
        Some(_) => {
            let acting = x.accounts.acting(identity);
            match x.subscribed.publish(&mut x.stack, (id, message), &acting) {
                Ok(()) => return,
                Err(answer) => answer,
            }
        }
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
    let moved = subscription.flow().remote.ip().to_canonical() != flow.remote.ip().to_canonical();
    // A body may change settings: where calls are forwarded to is nothing that overheard tags may decide.
    if moved || !message.body().is_empty() {
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
    let ToStore { id, change, settings } = to_store;
    match settings {
        Some((extension, change)) => {
            x.ask(
                Query::ChangeSettings { extension, change },
                QueryUse::Settings(id, server),
            );
        }
        None => {
            x.ask(Query::SaveSubscription(change), QueryUse::Subscribe(id, server));
        }
    }
}

/// The store has answered about the settings that a SUBSCRIBE changes: the subscription itself follows.
pub(crate) fn settings_stored(x: &mut Core, id: SubscriptionId, server: ServerId, ok: bool) {
    let (table, cx) = (&mut x.subscribed.table, &mut x.stack);
    let to_store = ok.then(|| subscriptions::settings_stored(table, cx, id)).flatten();
    match to_store {
        Some(to_store) => store(x, server, to_store),
        None => subscription_stored(x, id, server, false),
    }
}

/// The store has answered.
pub(crate) fn subscription_stored(x: &mut Core, id: SubscriptionId, server: ServerId, ok: bool) {
    subscriptions::stored(&mut x.subscribed.table, &mut x.stack, id, server, ok);
}
