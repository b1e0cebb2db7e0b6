//! Reads everything that can be read of a message: whatever the bytes are, nothing may panic, and
//! what is written from them must be one readable message.

use sip::{
    Builder, Contact, HeaderName, Limits, Message, StatusCode, Uri,
    headers::{
        dialogs::{Join, Replaces, SessionId, TargetDialog},
        event::{Event, SubscriptionState},
        media::{ContentDisposition, MediaType},
        reason::{Reason, RetryAfter, Warning},
        refer::{ReferSub, ReferTo, ReferredBy},
        session::{MinSe, RAck, RSeq, SessionExpires},
    },
};

/// Reads `bytes` as a message and everything in it.
pub fn touch(bytes: &[u8]) {
    let limits = Limits::default();
    let source = std::net::SocketAddr::from(([192, 0, 2, 9], 5062));
    let message = match Message::parse(bytes.to_vec().into(), &limits) {
        Ok(message) => message,
        Err(error) => {
            if let Some(reply) = error.reply(source) {
                again(&reply);
            }
            let Some(message) = error.request else { return };
            message
        }
    };
    read(&message, &limits);
    if let Err(fault) = message.check()
        && let Some(reply) = fault.reply(&message)
    {
        again(&reply);
    }
    if message.is_request() {
        again(&Builder::reply(&message, StatusCode::OK, Some("tag")).finish());
    }
    let received = message.clone().with_received(source);
    assert_eq!(received.fields().count(), message.fields().count());
    assert_eq!(received.clone().with_received(source), received);
}

/// What we write is one message that can be read: the same fields, nothing more.
fn again(message: &Message) {
    let limits = Limits {
        max_header_len: 65_535,
        max_message: 1 << 20,
        max_head: 1 << 20,
        ..Limits::default()
    };
    let read = Message::parse(message.bytes().clone(), &limits).expect("our own message is readable");
    assert_eq!(read.fields().collect::<Vec<_>>(), message.fields().collect::<Vec<_>>());
    assert_eq!((read.status(), read.body()), (message.status(), message.body()));
}

fn read(message: &Message, limits: &Limits) {
    for (name, _, value) in message.fields() {
        assert!(message.other(name).is_some());
        let _ = Uri::parse(value);
    }
    for &name in HeaderName::known() {
        assert_eq!(message.header(name).is_some(), message.headers(name).next().is_some());
        for address in message.addresses(name).flatten() {
            let _ = (address.display_name(), address.tag(), address.to_string());
            if let Ok(uri) = address.uri() {
                let text = uri.to_string();
                assert!(Uri::parse(&text).is_ok_and(|again| again.same_as(&uri)), "{text}");
                let _ = (
                    uri.user_unescaped(),
                    uri.transport(),
                    uri.is_loose(),
                    uri.header_fields().count(),
                );
            }
        }
    }
    for contact in message.contacts().flatten() {
        if let Contact::Address(contact) = contact {
            let _ = contact.params.unquoted("+sip.instance");
        }
    }
    for via in message.vias().flatten() {
        let _ = (
            via.branch(),
            via.received(),
            via.rport(),
            via.ttl(),
            via.maddr(),
            via.transport(),
            via.to_string(),
        );
    }
    let _ = (
        message.read::<SessionExpires>(),
        message.read::<MinSe>(),
        message.read::<RAck>(),
        message.read::<RSeq>(),
    );
    let _ = (message.read::<Event<'_>>(), message.read::<SubscriptionState<'_>>());
    let _ = (
        message.read::<Replaces<'_>>(),
        message.read::<Join<'_>>(),
        message.read::<TargetDialog<'_>>(),
    );
    let _ = (
        message.read::<SessionId<'_>>(),
        message.read::<RetryAfter<'_>>(),
        message
            .read::<ReferTo<'_>>()
            .map(|to| to.map(|to| (to.method(), to.replaces()))),
        message.read::<ReferredBy<'_>>(),
        message.read::<ReferSub>(),
    );
    let _ = (
        message.read::<MediaType<'_>>(),
        message.read::<ContentDisposition<'_>>(),
        message.parts(limits),
    );
    let _ = (
        message.read_all::<Reason<'_>>().count(),
        message.read_all::<Warning<'_>>().count(),
    );
    let _ = (
        message.request_uri(),
        message.reason(),
        message.start_line(),
        message.body_text(),
        format!("{message:?}"),
    );
}
