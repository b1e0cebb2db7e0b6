//! Which requests are passed on at all (RFC 3261 section 16.3, RFC 5393), and what is left of their Routes (16.4).

use sip::{Flow, HeaderName, Message, NameAddr, StatusCode, Uri};

use crate::{
    answer::Answer,
    domain::Domain,
    stack::{Stack, capabilities::unsupported},
};

/// Looks at a request that is to be passed on.
///
/// # Errors
/// The answer that refuses it: 400, 416, 483, 482, 420 (RFC 3261 section 16.3, in this order).
pub(crate) fn validate(cx: &Stack, domain: &Domain, flow: &Flow, request: &Message) -> Result<(), Answer> {
    let most = cx.config.limits.services.proxy.hops;
    if request.values(HeaderName::Route).count() > most {
        return Err(Answer::because(StatusCode::BAD_REQUEST, "Too Many Routes"));
    }
    let hops = request
        .max_forwards()
        .map_err(|_| Answer::because(StatusCode::BAD_REQUEST, "Max-Forwards Cannot Be Read"))?;
    if hops == Some(0) || request.values(HeaderName::Via).count() > most {
        return Err(Answer::new(StatusCode::TOO_MANY_HOPS));
    }
    if has_looped(domain, flow, request) {
        return Err(Answer::new(StatusCode::LOOP_DETECTED));
    }
    match unsupported(request, &[HeaderName::ProxyRequire]) {
        Some(tags) => Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, tags)),
        None => Ok(()),
    }
}

/// Whether the request was here before with the same routing (RFC 3261 16.3 step 4, RFC 5393 section 4.2.2). A request that
/// was here with another Request-URI or other Routes spirals, which is allowed.
pub(crate) fn has_looped(domain: &Domain, flow: &Flow, request: &Message) -> bool {
    let own = |via: &sip::Via<'_>| domain.owns(via.host(), flow);
    let mut ours = request.vias().filter_map(Result::ok).filter(own).peekable();
    if ours.peek().is_none() {
        return false;
    }
    let hash = format!(".{:016x}", loop_hash(request));
    ours.any(|via| via.branch().is_some_and(|branch| branch.ends_with(&hash)))
}

/// What decides where a request goes, as a number. It stands in the branch of our Via (RFC 5393 section 4.2.1).
pub(super) fn loop_hash(request: &Message) -> u64 {
    let cseq = request.cseq().map_or(0, |cseq| cseq.number).to_string();
    let parts = [
        request.uri(),
        request.call_id(),
        request.from_tag().unwrap_or(""),
        &cseq,
    ];
    let routing = [HeaderName::Route, HeaderName::ProxyRequire];
    let routing = routing.iter().flat_map(|name| request.headers(*name));
    hash(parts.into_iter().chain(routing))
}

/// One number for several texts.
pub(super) fn hash<'a>(parts: impl Iterator<Item = &'a str>) -> u64 {
    sip::fnv1a(parts.flat_map(|part| part.bytes().chain([0])))
}

/// The Routes that are left when those that mean us are gone from the top (RFC 3261 section 16.4): two in a row where the
/// request changes the transport or the interface here (RFC 5658 section 5).
pub(super) fn routes_after_us(domain: &Domain, flow: &Flow, request: &Message) -> Vec<String> {
    let ours = |value: &&str| {
        NameAddr::parse(value)
            .ok()
            .and_then(|address| address.uri().ok().map(|uri| domain.is_own_socket(&uri, flow)))
            .unwrap_or(false)
    };
    let routes = request.values(HeaderName::Route).map(str::trim);
    routes.skip_while(ours).map(str::to_owned).collect()
}

/// The URI of a Route value; the value itself where it cannot be read.
pub(super) fn uri_of(route: &str) -> &str {
    NameAddr::parse(route).map_or(route, |address| address.uri)
}

/// Whether the next hop of a Route value is a loose router.
pub(super) fn is_loose(route: &str) -> bool {
    Uri::parse(uri_of(route)).is_ok_and(|uri| uri.is_loose())
}
