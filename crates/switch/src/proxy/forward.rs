//! A request goes on: to targets in groups, one group after the other (RFC 3261 sections 16.5 and 16.6).

use std::{collections::VecDeque, time::Duration};

use sip::{Flow, HeaderName, Message, Method, Scheme, Transport, Uri, transaction::ServerId};

use super::{
    Listener, Proxy,
    context::{self, Branch, Context, Stage, User},
    copy, through,
    through::Side,
    validate::{loop_hash, routes_after_us, uri_of},
};
use crate::{
    answer::Answer,
    api::{ProxyTarget, QueryId, Ways},
    domain::Domain,
    ids::ProxyId,
    locations::Look,
    requests::stream_way,
    stack::{Stack, TimerKey},
};

/// A request that is to be passed on, whose sender is known.
pub(crate) struct Order {
    pub server: ServerId,
    pub flow: Flow,
    pub request: Message,
    /// Not empty. Those with a higher `q` first; those with the same at once.
    pub targets: Vec<ProxyTarget>,
    /// How long all targets of a group may take; timer C if `None`.
    pub patience: Option<Duration>,
    pub listener: Listener,
    /// What the sender says of its identity goes no further.
    pub untrusted: bool,
}

/// Passes a request on that [`super::validate`] has let pass.
///
/// # Errors
/// The answer that refuses the request; nothing has been sent.
pub(crate) fn begin(p: &mut Proxy, cx: &mut Stack, domain: &Domain, order: Order) -> Result<ProxyId, Answer> {
    let limits = cx.config.limits.services.proxy.clone();
    if p.contexts.len() >= limits.requests {
        return Err(Answer::busy(5));
    }
    let Order { flow, request, .. } = &order;
    // A Route that names another proxy would take the request elsewhere than the script wants.
    if !routes_after_us(domain, flow, request).is_empty() {
        return Err(Answer::because(sip::StatusCode::FORBIDDEN, "Route Not Allowed"));
    }
    let breadth = breadth(request, limits.breadth)?;
    let makes_dialog = matches!(request.method(), Method::Invite | Method::Subscribe | Method::Refer);
    let through = match makes_dialog {
        true => Some(through::begin(p, cx, (request, *flow), order.listener)?),
        false => None,
    };
    let context = Context {
        loop_hash: loop_hash(request),
        waiting: in_order(order.targets, limits.branches),
        routes: Vec::new(),
        user: User {
            listener: order.listener,
            through,
            side: Side::Caller,
        },
        patience: order.patience,
        breadth,
        untrusted: order.untrusted,
        ..Context::new(order.server, order.flow, order.request)
    };
    let id = insert(p, cx, context);
    next_group(p, cx, id);
    Ok(id)
}

/// Adds a response context.
pub(super) fn insert(p: &mut Proxy, cx: &mut Stack, context: Context) -> ProxyId {
    let server = context.server;
    // RFC 3261 16.3: copies of the request are no error for a proxy.
    cx.layer.proxies(server);
    let id = p.contexts.insert(context);
    p.by_server.insert(server, id);
    p.forwarded += 1;
    id
}

/// Max-Breadth of the request (RFC 5393 section 5.3.3).
fn breadth(request: &Message, usual: u32) -> Result<u32, Answer> {
    let read = request.header(HeaderName::MaxBreadth).map(|value| value.parse::<u32>());
    match read {
        None => Ok(usual),
        // RFC 5393 section 5.3.3.2.
        Some(Ok(0)) => Err(Answer::of(440)),
        Some(Ok(breadth)) => Ok(breadth),
        Some(Err(_)) => Err(Answer::because(
            sip::StatusCode::BAD_REQUEST,
            "Max-Breadth Cannot Be Read",
        )),
    }
}

/// The targets in the order in which they are tried, each once (RFC 3261 16.5, 16.6).
fn in_order(targets: Vec<ProxyTarget>, most: usize) -> VecDeque<ProxyTarget> {
    let mut kept: Vec<ProxyTarget> = Vec::new();
    for target in targets {
        let same = |other: &ProxyTarget| match (Uri::parse(&other.uri), Uri::parse(&target.uri)) {
            (Ok(one), Ok(other)) => one.same_as(&other),
            (_, _) => false,
        };
        if !kept.iter().any(same) && kept.len() < most {
            kept.push(target);
        }
    }
    kept.sort_by_key(|target| std::cmp::Reverse(target.q));
    kept.into()
}

/// Begins the next group of targets, at most as many at once as Max-Breadth allows.
pub(super) fn next_group(p: &mut Proxy, cx: &mut Stack, id: ProxyId) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let most = usize::try_from(context.breadth).unwrap_or(usize::MAX);
    let mut group = Vec::new();
    let q = context.waiting.front().map(|target| target.q);
    while group.len() < most && context.waiting.front().map(|target| target.q) == q {
        let Some(target) = context.waiting.pop_front() else {
            break;
        };
        group.push(target);
    }
    let share = context.breadth / u32::try_from(group.len()).unwrap_or(1).max(1);
    let first = context.branches.len();
    context
        .branches
        .extend(group.into_iter().map(|target| Branch::new(target.uri, share)));
    for at in first..context.branches.len() {
        look_up(p, cx, id, at);
    }
    context::settle(p, cx, id);
}

/// RFC 3261 16.6 step 7: the next hop is that of the topmost Route, or else of the Request-URI.
fn look_up(p: &mut Proxy, cx: &mut Stack, id: ProxyId, at: usize) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let Some(branch) = context.branches.get_mut(at) else {
        return;
    };
    let next_hop = context
        .routes
        .first()
        .map_or(branch.uri.as_str(), |route| uri_of(route));
    match Look::at(next_hop) {
        Some(look) => {
            let query = cx.query(look.query());
            branch.query = Some(query);
            p.by_query.insert(query, (id, at));
        }
        None => context::no_answer(p, cx, (id, at), 416),
    }
}

/// A look-up has ended. Returns whether it was one of a proxied request.
pub(crate) fn resolved(p: &mut Proxy, cx: &mut Stack, query: QueryId, ways: &Ways) -> bool {
    let Some((id, at)) = p.by_query.remove(&query) else {
        return false;
    };
    if let Some(branch) = p.contexts.get_mut(id).and_then(|context| context.branches.get_mut(at)) {
        let flows = ways.as_deref().unwrap_or_default();
        branch.query = None;
        branch.ways = flows.iter().copied().collect();
        branch.known = crate::way::addresses(flows).collect();
        match flows {
            [] => context::no_answer(p, cx, (id, at), 480),
            _ => send(p, cx, (id, at)),
        }
    }
    context::settle(p, cx, id);
    true
}

/// Sends a branch's copy of the request by its next way (RFC 3261 16.6 steps 7 to 11).
pub(super) fn send(p: &mut Proxy, cx: &mut Stack, (id, at): (ProxyId, usize)) {
    loop {
        let Some(context) = p.contexts.get_mut(id) else { return };
        let Some(branch) = context.branches.get_mut(at) else {
            return;
        };
        let Some(mut way) = branch.ways.pop_front() else {
            return context::no_answer(p, cx, (id, at), 503);
        };
        let through = context.user.through.and_then(|through| p.through.get(through));
        let token = through.map(|through| &*through.token);
        let mut message = written(cx, context, at, token, &way);
        let Some(branch) = context.branches.get_mut(at) else {
            return;
        };
        // RFC 3261 18.1.1: a large request goes over TCP, and over UDP again if that fails.
        let large = way.transport == Transport::Udp && message.bytes().len() > cx.config.limits.datagram_bytes;
        if let Some(stream) = stream_way(cx, &way).filter(|_| large && !branch.stays) {
            branch.stays = true;
            branch.ways.push_front(way);
            way = stream;
            message = written(cx, context, at, token, &way);
        }
        let invite = *message.method() == Method::Invite;
        if let Ok(client) = cx.layer.request(cx.now, way, message) {
            if let Some(branch) = context.branches.get_mut(at) {
                branch.client = Some(client);
                branch.way = Some(way);
            }
            p.by_client.insert(client, (id, at));
            if invite {
                let wait = context.patience.unwrap_or(cx.config.limits.services.proxy.timer_c);
                cx.timers.set(timer(id, at), cx.now + wait);
            }
            return;
        }
    }
}

/// Timer C of a branch.
pub(super) fn timer(id: ProxyId, at: usize) -> TimerKey {
    TimerKey::Proxied(id, u16::try_from(at).unwrap_or(u16::MAX))
}

/// Our Via for a request that goes this way. The branch holds what makes it unique, and what decides where the request goes
/// (RFC 5393 section 4.2.1).
pub(super) fn via(cx: &Stack, way: &Flow, unique: u64, loop_hash: u64) -> String {
    format!(
        "SIP/2.0/{} {};branch=z9hG4bK{unique:016x}.{loop_hash:016x};rport",
        way.transport.via_name(),
        cx.sent_by(way)
    )
}

/// The copy of the request for a branch.
fn written(cx: &mut Stack, context: &Context, at: usize, token: Option<&str>, way: &Flow) -> Message {
    let branch = context.branches.get(at);
    let uri = branch.map_or("", |branch| &branch.uri);
    let secure = Uri::parse(uri).is_ok_and(|uri| uri.scheme == Scheme::Sips);
    let records = token.map(|token| through::records(cx, token, &context.flow, way, secure));
    let unique = cx.ids.u64();
    let via = via(cx, way, unique, context.loop_hash);
    // Where nothing forks, the request has the Max-Breadth that it came with.
    let breadth = branch.map(|branch| branch.breadth);
    copy::request(
        &context.request,
        &copy::Changes {
            uri,
            routes: &context.routes,
            records: records.as_deref().unwrap_or_default(),
            via: &via,
            breadth: breadth.filter(|_| context.stage == Stage::Open),
            realm: &cx.config.domain,
            untrusted: context.untrusted,
        },
    )
}
