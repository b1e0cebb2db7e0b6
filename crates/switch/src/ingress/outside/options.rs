//! OPTIONS outside of dialogs: what Tandem can do, and whether an extension could be called (RFC 3261 11.2).

use sip::{Flow, HeaderName, Message, StatusCode, transaction::ServerId};

use crate::{
    answer::Answer,
    core::Core,
    locations::Peer,
    stack::capabilities::{self as known, Place, allow, supported},
    subscriptions::allow_events,
};

/// OPTIONS came.
pub(in crate::ingress) fn options(x: &mut Core, id: ServerId, flow: &Flow, message: &Message) {
    let answer = capabilities(x, as_an_invite(x, flow, message));
    x.stack.answer_and_forget(id, message, &answer);
}

/// What Tandem can do, with this status.
pub(super) fn capabilities(x: &Core, code: u16) -> Answer {
    let status = StatusCode::new(code).unwrap_or(StatusCode::OK);
    Answer::new(status)
        .with(HeaderName::Allow, allow(Place::Outside))
        .with(HeaderName::AllowEvents, allow_events())
        .with(HeaderName::Accept, known::ACCEPT)
        .with(HeaderName::AcceptEncoding, known::ACCEPT_ENCODING)
        .with(HeaderName::AcceptLanguage, "en")
        .with(HeaderName::Supported, supported(Place::Outside))
        .with(HeaderName::Server, &x.stack.config.product)
}

/// The status that an INVITE for the same URI would get, as far as no dialplan has to be asked: 200, 404, 480 or 486.
/// Only phones of ours are told: a stranger could find out which extensions there are.
fn as_an_invite(x: &Core, flow: &Flow, message: &Message) -> u16 {
    let address = flow.remote.ip().to_canonical();
    let asker = message
        .from()
        .ok()
        .and_then(|from| Some(from.uri().ok()?.number().into_owned()));
    let known = asker.is_some_and(|number| x.locations.is_registered_from(&Peer::extension(&number), address));
    let Ok(uri) = message.request_uri() else { return 400 };
    if !known || uri.user.is_none() {
        return 200;
    }
    let Some(number) = x.number_at(&uri, flow) else {
        return 404;
    };
    match x.accounts.extension(&number) {
        Some(extension) if extension.forward_always.is_some() => 200,
        Some(extension) if extension.dnd => 486,
        Some(_) if x.locations.ways(&Peer::extension(&number), &x.accounts).is_empty() => 480,
        // What is no extension may be a number of the dialplan.
        Some(_) | None => 200,
    }
}
