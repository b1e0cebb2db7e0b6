//! The next try of a request.

use sip::{Builder, Flow, HeaderName, Message, NameAddr, dialog::needs_sips, headers::session::SessionExpires};

use super::{
    Aim,
    heard::{Again, RequestEvent, Told, Why, done},
    size, wait,
};
use crate::stack::{Stack, body::redescribed, request::Stage};

/// What the next try changes, besides the branch.
#[derive(Default)]
pub(super) struct Changes<'a> {
    number: Option<u32>,
    /// Session-Expires and Min-SE, in seconds.
    interval: Option<u32>,
    body: Option<&'a [u8]>,
    /// The Contact names another address of ours.
    moved: bool,
    /// Another flow of the phone: the Request-URI and the Route values.
    aim: Option<&'a Aim>,
    credentials: Vec<(HeaderName, String)>,
}

/// Sends a request once more. `number` is the next CSeq number of its dialog, if `again` asks for it. `body` is the
/// body for the new way, if it differs. Returns what the owner is to be told if the request cannot be sent.
pub(crate) fn again(cx: &mut Stack, again: &Again, number: Option<u32>, body: Option<&[u8]>) -> Option<Told> {
    let request = cx.requests.get_mut(again.id)?;
    let cnonce = cx.ids.tag();
    let mut credentials = Vec::new();
    if let Some(own) = &request.credentials {
        let shown = request.answered.iter_mut();
        credentials.extend(shown.filter_map(|answered| answered.next(own, &request.message, &cnonce)));
    }
    let (sent, before) = (request.message.clone(), request.way);
    let changes = Changes {
        number,
        interval: again.interval,
        body,
        moved: before.transport != again.way.transport || cx.sent_by(&before) != cx.sent_by(&again.way),
        aim: again.aim.as_deref(),
        credentials,
    };
    let message = rewritten(cx, &sent, &again.way, &changes);
    // A request that went back to UDP stays there. For a new target, its size is checked again.
    let keeps = !again.moved && again.number == super::Number::Same;
    let (flow, message, back_to_udp) = if keeps {
        (again.way, message, false)
    } else {
        size::fit(cx, again.way, message)
    };
    let Ok(client) = cx.layer.request(cx.now, flow, message.clone()) else {
        done(cx, again.id);
        let (id, owner) = (again.id, again.owner);
        let event = RequestEvent::Failed(Why::Unsent);
        return Some(Told { id, owner, event });
    };
    cx.requests.tried(again.id, client);
    if let Some(request) = cx.requests.get_mut(again.id) {
        request.message = message;
        request.way = again.way;
        request.back_to_udp = back_to_udp;
        request.tries += 1;
        request.stage = Stage::Silent;
    }
    wait(cx, again.id);
    None
}

/// The same request in another transaction (RFC 3261 8.1.1.7): with another branch, and with `changes`.
pub(super) fn rewritten(cx: &mut Stack, sent: &Message, way: &Flow, changes: &Changes<'_>) -> Message {
    let uri = changes.aim.map_or(sent.uri(), |aim| &aim.uri);
    let mut builder = Builder::request(sent.method(), uri).header(HeaderName::Via, cx.via(way));
    for route in changes.aim.iter().flat_map(|aim| &aim.routes) {
        builder = builder.header(HeaderName::Route, route);
    }
    for (name, id, value) in sent.fields() {
        builder = match (id, changes.number, changes.interval) {
            (HeaderName::Route, ..) if changes.aim.is_some() => builder,
            (HeaderName::Via | HeaderName::ContentLength | HeaderName::ContentType, ..) => builder,
            (HeaderName::Authorization | HeaderName::ProxyAuthorization, ..) if !changes.credentials.is_empty() => {
                builder
            }
            (HeaderName::CSeq, Some(number), _) => builder.header(id, format_args!("{number} {}", sent.method())),
            (HeaderName::SessionExpires, _, Some(seconds)) => {
                let asked: Option<SessionExpires> = sent.read().ok().flatten();
                let refresher = asked.and_then(|asked| asked.refresher);
                builder.header(id, SessionExpires { seconds, refresher })
            }
            (HeaderName::MinSe, _, Some(seconds)) => builder.header(id, seconds),
            (HeaderName::Contact, ..) if changes.moved => builder.header(id, contact(cx, sent, value, way)),
            _ => builder.other(name, value),
        };
    }
    for (field, value) in &changes.credentials {
        builder = builder.header(*field, value);
    }
    match (sent.content_type(), changes.body) {
        (Some(content_type), Some(sdp)) => builder.body(content_type, &redescribed(sent, sdp)).finish(),
        (Some(content_type), None) => builder.body(content_type, sent.body()).finish(),
        (None, _) => builder.finish(),
    }
}

/// The Contact of the same user for another way.
fn contact(cx: &Stack, sent: &Message, value: &str, way: &Flow) -> String {
    let secure = needs_sips(sent.uri(), sent.values(HeaderName::Route).next());
    let address = NameAddr::parse(value).ok();
    let uri = address.as_ref().and_then(|address| address.uri().ok());
    match uri {
        Some(uri) => cx.contact(way, &uri.user_unescaped(), secure),
        None => value.to_owned(),
    }
}
