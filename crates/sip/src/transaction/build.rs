//! The messages that the layer itself makes.

use crate::{Builder, HeaderName, Message, Method, StatusCode, stateless_tag};

/// The ACK to a non-2xx final response (RFC 3261 17.1.1.3).
pub(super) fn ack(invite: &Message, response: &Message) -> Option<Message> {
    let builder = like(invite, &Method::Ack)?
        .copy(invite, HeaderName::From)
        .header(HeaderName::To, response.answered_to(invite))
        .copy(invite, HeaderName::SessionId);
    Some(numbered(builder, invite, &Method::Ack)?.finish())
}

/// The CANCEL of an INVITE (RFC 3261 9.1); `reason` is the value of its Reason (RFC 3326).
pub(super) fn cancel(invite: &Message, reason: Option<&str>) -> Option<Message> {
    let builder = like(invite, &Method::Cancel)?
        .copy(invite, HeaderName::From)
        .copy(invite, HeaderName::To)
        .copy(invite, HeaderName::SessionId);
    let mut builder = numbered(builder, invite, &Method::Cancel)?;
    if let Some(reason) = reason {
        builder = builder.header(HeaderName::Reason, reason);
    }
    Some(builder.finish())
}

/// Same Request-URI, the same top Via as the only one, the same Route.
fn like(invite: &Message, method: &Method) -> Option<Builder> {
    let via = invite.values(HeaderName::Via).next()?;
    let builder = Builder::request(method, invite.uri())
        .header(HeaderName::Via, via)
        .header(HeaderName::MaxForwards, 70)
        .copy(invite, HeaderName::Route);
    Some(builder)
}

/// The same Call-ID and CSeq number.
fn numbered(builder: Builder, invite: &Message, method: &Method) -> Option<Builder> {
    let number = invite.cseq().ok()?.number;
    Some(
        builder
            .copy(invite, HeaderName::CallId)
            .header(HeaderName::CSeq, format_args!("{number} {method}")),
    )
}

/// An answer that needs no state: the same for every repetition (RFC 3261 8.2.7).
pub(super) fn stateless(request: &Message, status: StatusCode) -> Builder {
    Builder::reply(request, status, Some(&stateless_tag(request)))
}
