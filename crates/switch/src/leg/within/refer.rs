//! REFER within a leg's dialog, and the NOTIFYs that tell what came of it (RFC 3515).

use sip::{Builder, HeaderName, Message, Method, StatusCode, message::sipfrag, transaction::ServerId};

use crate::{
    answer::Answer,
    event::LegEvent,
    leg::Leg,
    requests::{self, Outline, Owner},
    stack::Stack,
};

/// REFER came: the call decides, by [`Leg::accept_refer`] or an error.
pub(in crate::leg) fn received(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    if leg.is_up() {
        return leg.tell(cx, LegEvent::Referred { server, request });
    }
    // RFC 3515 has no REFER for a session that is not there yet.
    cx.answer(server, &request, &Answer::of(403));
}

/// Answers a REFER with 202 (RFC 3515 section 2.4.2).
pub(in crate::leg) fn accept(leg: &Leg, cx: &mut Stack, server: ServerId, request: &Message) {
    let reply = Builder::reply(request, StatusCode::ACCEPTED, None)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Server, &cx.config.product)
        .finish();
    cx.respond(server, reply);
}

/// See [`Leg::notify`].
pub(in crate::leg) fn notify(leg: &mut Leg, cx: &mut Stack, event: &str, state: &str, body: &[u8]) -> bool {
    let Some(up) = leg.stage.up() else { return false };
    let dialog = &mut up.confirmed.dialog;
    let way = leg.path.within(dialog);
    let outline = Outline::new(&Method::Notify)
        .contact(&leg.path.user)
        .header(HeaderName::Event, event)
        .header(HeaderName::SubscriptionState, state)
        .body(sipfrag::CONTENT_TYPE, body);
    // Where there is no room for another transaction, the phone learns of the outcome from its call.
    requests::within(cx, outline, dialog, way, Owner::Notify(leg.id)).is_some()
}
