//! REFER within a leg's dialog, and the NOTIFYs of its outcome (RFC 3515).

use sip::{
    Builder, HeaderName, Message, Method, StatusCode,
    dialog::Dialog,
    headers::{event::Event, refer::ReferSub},
    message::sipfrag,
    transaction::ServerId,
};

use crate::{
    answer::Answer,
    event::LegEvent,
    leg::Leg,
    requests::{self, Outline, Owner},
    stack::{Stack, capabilities::REFER_PACKAGE},
};

/// A REFER came, or a SUBSCRIBE of the subscription that a REFER began: reports it to the call, which answers by
/// [`Leg::accept_refer`], [`accept_subscribe`] or with an error.
pub(in crate::leg) fn received(leg: &mut Leg, cx: &mut Stack, server: ServerId, request: Message) {
    if leg.is_up() {
        return leg.tell(cx, LegEvent::Referred { server, request });
    }
    // RFC 3261 15.1.1: with our BYE the session is over. RFC 3515 describes no REFER within one that is not set up yet.
    let code = if leg.is_over() { 481 } else { 403 };
    cx.answer(server, &request, &Answer::of(code));
}

/// Whether a SUBSCRIBE names the package of REFER.
pub(in crate::leg) fn is_meant(request: &Message) -> bool {
    let event: Option<Event<'_>> = request.read().ok().flatten();
    event.is_some_and(|event| event.package.eq_ignore_ascii_case(REFER_PACKAGE))
}

/// Answers a REFER with 202. `silent`: no NOTIFY follows (RFC 4488 section 4). A REFER that came outside of the leg's
/// dialog makes a dialog of its own for its NOTIFYs (RFC 3515 section 2.4.4), which is returned.
pub(in crate::leg) fn accept(
    leg: &Leg,
    cx: &mut Stack,
    server: ServerId,
    request: &Message,
    silent: bool,
) -> Option<Box<Dialog>> {
    let tag = request.to_tag().is_none().then(|| cx.ids.tag());
    let mut reply = Builder::reply(request, StatusCode::ACCEPTED, tag.as_deref())
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Server, &cx.config.product);
    if silent {
        reply = reply.header(HeaderName::ReferSub, ReferSub(false));
    }
    cx.respond(server, reply.finish());
    Dialog::uas(request, &tag?).ok().map(Box::new)
}

/// Answers a SUBSCRIBE for the REFER of a leg with 200 (RFC 6665 section 4.2.1.1).
pub(crate) fn accept_subscribe(leg: &Leg, cx: &mut Stack, server: ServerId, request: &Message, seconds: u32) {
    let reply = Builder::reply(request, StatusCode::OK, None)
        .copy(request, HeaderName::RecordRoute)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Expires, seconds)
        .header(HeaderName::Server, &cx.config.product);
    cx.respond(server, reply.finish());
}

/// See [`Leg::notify`].
pub(in crate::leg) fn notify(
    leg: &mut Leg,
    cx: &mut Stack,
    own: Option<&mut Dialog>,
    (event, state): (&str, &str),
    body: &[u8],
) -> bool {
    let dialog = match (own, leg.stage.up()) {
        (Some(own), _) => own,
        (None, Some(up)) => &mut up.confirmed.dialog,
        (None, None) => return false,
    };
    let way = leg.path.within(dialog);
    let outline = Outline::new(&Method::Notify)
        .contact(&leg.path.user)
        .header(HeaderName::Event, event)
        .header(HeaderName::SubscriptionState, state)
        .body(sipfrag::CONTENT_TYPE, body);
    // Where there is no room for another transaction, the phone still sees the outcome in its call.
    requests::within(cx, outline, dialog, way, Owner::Notify(leg.id)).is_some()
}
