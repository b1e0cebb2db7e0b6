//! REFER within a leg's dialog, and the NOTIFYs of its outcome (RFC 3515).

use sip::{Builder, HeaderName, Message, Method, StatusCode, message::sipfrag, transaction::ServerId};

use crate::{
    answer::Answer,
    event::LegEvent,
    leg::Leg,
    requests::{self, Outline, Owner},
    stack::Stack,
};

/// A REFER came: reports it to the call, which answers by [`Leg::accept_refer`] or with an error.
pub(in crate::leg) fn received(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    if leg.is_up() {
        return leg.tell(cx, LegEvent::Referred { server, request });
    }
    // RFC 3515 describes no REFER within a session that is not set up yet.
    cx.answer(server, &request, &Answer::of(403));
}

/// See [`Leg::accept_refer`].
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
    // Where there is no room for another transaction, the phone still sees the outcome in its call.
    requests::within(cx, outline, dialog, way, Owner::Notify(leg.id)).is_some()
}
