//! Requests within the dialogs that pass through Tandem, and their ACKs.

use sip::{Flow, HeaderName, Message, StatusCode, Uri, transaction::ServerId};

use super::{
    Listener, Proxy,
    context::{Branch, Context, User, settle},
    copy,
    forward::{insert, send, via},
    through::{self, Side},
    validate::{hash, is_loose, loop_hash, routes_after_us, uri_of, validate},
};
use crate::{answer::Answer, domain::Domain, ids::ThroughId, stack::Stack};

/// Where a request within a dialog goes.
struct Onward {
    side: Side,
    uri: String,
    routes: Vec<String>,
    way: Flow,
}

/// A request within a dialog came that is none of Tandem's own. Returns whether it has a Route of ours with the token of a
/// proxied dialog; then it was passed on, or refused.
pub(crate) fn within(
    p: &mut Proxy,
    cx: &mut Stack,
    domain: &Domain,
    server: ServerId,
    (flow, request): (Flow, &Message),
) -> bool {
    let Some(through) = dialog_of(p, domain, &flow, request) else {
        return false;
    };
    let checked = validate(cx, domain, &flow, request);
    let onward = checked.and_then(|()| onward(p, domain, &flow, request, through));
    let onward = match onward {
        Ok(onward) => onward,
        Err(answer) => {
            cx.answer_and_forget(server, request, &answer);
            return true;
        }
    };
    if p.contexts.len() >= cx.config.limits.services.proxy.requests {
        let busy = Answer::busy(5);
        cx.answer_and_forget(server, request, &busy);
        return true;
    }
    through::used(cx, through);
    if let Some(dialog) = p.through.get_mut(through) {
        dialog.learn(onward.side, request);
    }
    let mut branch = Branch::new(onward.uri, 1);
    branch.ways.push_back(onward.way);
    branch.known = crate::way::addresses([&onward.way]).collect();
    let context = Context {
        loop_hash: loop_hash(request),
        routes: onward.routes,
        user: User {
            listener: Listener::Nobody,
            through: Some(through),
            side: onward.side,
        },
        branches: vec![branch],
        ..Context::new(server, flow, request.clone())
    };
    let id = insert(p, cx, context);
    send(p, cx, (id, 0));
    settle(p, cx, id);
    true
}

/// An ACK came that is none of Tandem's own: it goes on without a transaction (RFC 3261 section 16.11). Returns whether it
/// belongs to a proxied dialog.
pub(crate) fn acknowledge(p: &mut Proxy, cx: &mut Stack, domain: &Domain, flow: Flow, ack: &Message) -> bool {
    let Some(through) = dialog_of(p, domain, &flow, ack) else {
        return false;
    };
    let checked = validate(cx, domain, &flow, ack);
    let onward = match checked.and_then(|()| onward(p, domain, &flow, ack, through)) {
        Ok(onward) => onward,
        Err(answer) => {
            tracing::debug!(source = %flow.remote, code = answer.status.code(), "an ACK is not passed on");
            return true;
        }
    };
    // RFC 3261 16.11: the same branch each time the ACK comes.
    let branch = ack.top_via().ok().and_then(|via| via.branch().map(str::to_owned));
    let unique = hash([branch.as_deref().unwrap_or(""), ack.call_id()].into_iter());
    let via = via(cx, &onward.way, unique, loop_hash(ack));
    let passed = copy::request(
        ack,
        &copy::Changes {
            uri: &onward.uri,
            routes: &onward.routes,
            records: &[],
            via: &via,
            breadth: None,
            realm: &cx.config.domain,
            untrusted: false,
        },
    );
    cx.layer.send(onward.way, &passed);
    true
}

/// The token in a URI of ours.
fn token<'a>(domain: &Domain, flow: &Flow, uri: &'a str) -> Option<&'a str> {
    let uri = Uri::parse(uri).ok().filter(|uri| domain.is_own_socket(uri, flow))?;
    uri.user
}

/// The proxied dialog that a request names: by its first Route, or by its Request-URI where a strict router sent it (RFC
/// 3261 16.4).
fn dialog_of(p: &Proxy, domain: &Domain, flow: &Flow, request: &Message) -> Option<ThroughId> {
    let first = request.values(HeaderName::Route).next().map(uri_of);
    let named = [first, Some(request.uri())].into_iter().flatten();
    named
        .filter_map(|uri| token(domain, flow, uri))
        .find_map(|token| p.through.find(token))
}

/// Where a request within a dialog goes (RFC 3261 16.4, 16.6 steps 6 and 7).
fn onward(p: &Proxy, domain: &Domain, flow: &Flow, request: &Message, through: ThroughId) -> Result<Onward, Answer> {
    let dialog = p
        .through
        .get(through)
        .ok_or_else(|| Answer::new(StatusCode::CALL_DOES_NOT_EXIST))?;
    let side = dialog
        .side_of(request)
        .ok_or_else(|| Answer::new(StatusCode::CALL_DOES_NOT_EXIST))?;
    let mut routes = routes_after_us(domain, flow, request);
    let mut uri = request.uri().to_owned();
    // RFC 3261 16.4: a strict router has put our own URI into the Request-URI, and the target at the end of the Routes.
    if token(domain, flow, &uri) == Some(&*dialog.token) {
        let last = routes
            .pop()
            .ok_or_else(|| Answer::because(StatusCode::BAD_REQUEST, "No Target"))?;
        uri = uri_of(&last).to_owned();
    }
    // RFC 3261 16.6 step 6: the next hop is a strict router.
    if let Some(first) = routes.first().filter(|first| !is_loose(first)) {
        let strict = uri_of(first).to_owned();
        routes.remove(0);
        routes.push(format!("<{uri}>"));
        uri = strict;
        let way = way(dialog, side, request, &uri)?;
        return Ok(Onward { side, uri, routes, way });
    }
    let next_hop = routes.first().map_or(uri.as_str(), |route| uri_of(route));
    let way = way(dialog, side, request, next_hop)?;
    Ok(Onward { side, uri, routes, way })
}

fn way(dialog: &through::Dialog, side: Side, request: &Message, next_hop: &str) -> Result<Flow, Answer> {
    let way = dialog.way(side, request, next_hop);
    way.ok_or_else(|| Answer::because(StatusCode::FORBIDDEN, "Target Not Of This Dialog"))
}
