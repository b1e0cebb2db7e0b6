//! REFER within a leg's dialog, and the NOTIFYs that tell what came of it (RFC 3515).

use sip::{Builder, HeaderName, Message, Method, StatusCode, message::sipfrag, transaction::ServerId};

use crate::{
    answer::Answer,
    event::LegEvent,
    leg::Leg,
    requests::{self, Outline, Owner},
    stack::Stack,
};

impl Leg {
    /// REFER came: the call decides, by [`Leg::accept_refer`] or an error.
    pub(super) fn refer_received(&mut self, cx: &mut Stack, server: ServerId, request: Message) {
        if self.is_up() {
            return self.tell(cx, LegEvent::Referred { server, request });
        }
        // RFC 3515 has no REFER for a session that is not there yet.
        cx.answer(server, &request, &Answer::of(403));
    }

    /// Answers a REFER with 202 (RFC 3515 section 2.4.2).
    pub fn accept_refer(&self, cx: &mut Stack, server: ServerId, request: &Message) {
        let reply = Builder::reply(request, StatusCode::ACCEPTED, None)
            .header(HeaderName::Contact, self.contact(cx))
            .header(HeaderName::Server, &cx.config.product)
            .finish();
        cx.respond(server, reply);
    }

    /// Tells the phone of an event that it is subscribed to within this dialog. `event` and `state` are the values of Event
    /// and Subscription-State (RFC 6665 section 8.2), `body` is a `message/sipfrag`. Returns whether the NOTIFY was sent; its
    /// answer comes to [`Owner::Notify`].
    pub fn notify(&mut self, cx: &mut Stack, event: &str, state: &str, body: &[u8]) -> bool {
        let Some(up) = self.stage.up() else { return false };
        let dialog = &mut up.confirmed.dialog;
        let way = self.path.within(dialog);
        let outline = Outline::new(&Method::Notify)
            .contact(&self.path.user)
            .header(HeaderName::Event, event)
            .header(HeaderName::SubscriptionState, state)
            .body(sipfrag::CONTENT_TYPE, body);
        // Where there is no room for another transaction, the phone learns of the outcome from its call.
        requests::within(cx, outline, dialog, way, Owner::Notify(self.id)).is_some()
    }
}
