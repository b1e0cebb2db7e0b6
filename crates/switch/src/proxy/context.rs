//! The response context of a request that is passed on (RFC 3261 sections 16.7 to 16.10).

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use sip::{
    Flow, HeaderName, Message, Method, StatusCode,
    transaction::{ClientId, ServerId},
};

use super::{
    Listener, News, Proxy, best, copy,
    forward::{next_group, send, timer},
    through::{self, Side},
};
use crate::{
    answer::Answer,
    api::{ProxyTarget, QueryId},
    ids::{ProxyId, ThroughId},
    requests::Why,
    stack::Stack,
};

/// How far a context is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No final response was passed back.
    Open,
    /// The same, and the sender has cancelled the request, or a 6xx came: no target is tried any more.
    Closing,
    /// A final response was passed back.
    Answered,
}

/// Whom a request belongs to.
#[derive(Copy, Clone, Debug)]
pub(super) struct User {
    pub listener: Listener,
    /// The dialog that it begins, or belongs to.
    pub through: Option<ThroughId>,
    /// The side that has sent it.
    pub side: Side,
}

/// One target.
pub(super) struct Branch {
    pub uri: String,
    /// The ways that were not tried, best first (RFC 3263 section 4.3).
    pub ways: VecDeque<Flow>,
    /// All addresses of the target: it may answer from any of them.
    pub known: Vec<IpAddr>,
    /// The way that was tried last.
    pub way: Option<Flow>,
    pub query: Option<QueryId>,
    /// The last try, until its transaction is gone.
    pub client: Option<ClientId>,
    /// A response came.
    heard: bool,
    /// A final response came, or none will.
    done: bool,
    /// Timer C has cancelled it.
    expired: bool,
    /// It was tried over TCP because of its size.
    pub stays: bool,
    /// Its Max-Breadth.
    pub breadth: u32,
}

impl Branch {
    pub fn new(uri: String, breadth: u32) -> Self {
        Self {
            uri,
            ways: VecDeque::new(),
            known: Vec::new(),
            way: None,
            query: None,
            client: None,
            heard: false,
            done: false,
            expired: false,
            stays: false,
            breadth,
        }
    }
}

/// See the module.
pub(super) struct Context {
    pub server: ServerId,
    /// The way it came.
    pub flow: Flow,
    pub request: Message,
    /// The Routes of its copies.
    pub routes: Vec<String>,
    pub loop_hash: u64,
    pub user: User,
    pub patience: Option<Duration>,
    pub breadth: u32,
    pub untrusted: bool,
    pub branches: Vec<Branch>,
    /// The targets of later groups.
    pub waiting: VecDeque<ProxyTarget>,
    /// The final responses but for 2xx, as they would be passed back.
    pub finals: Vec<Message>,
    pub stage: Stage,
}

impl Context {
    pub fn new(server: ServerId, flow: Flow, request: Message) -> Self {
        Self {
            server,
            flow,
            request,
            routes: Vec::new(),
            loop_hash: 0,
            user: User {
                listener: Listener::Nobody,
                through: None,
                side: Side::Caller,
            },
            patience: None,
            breadth: 1,
            untrusted: false,
            branches: Vec::new(),
            waiting: VecDeque::new(),
            finals: Vec::new(),
            stage: Stage::Open,
        }
    }

    fn is_invite(&self) -> bool {
        *self.request.method() == Method::Invite
    }
}

/// Whether the target of a transaction has this address.
pub(crate) fn is_known(p: &Proxy, client: ClientId, address: IpAddr) -> bool {
    let place = p.by_client.get(&client);
    let branch = place.and_then(|(id, at)| p.contexts.get(*id)?.branches.get(*at));
    branch.is_some_and(|branch| branch.known.contains(&address))
}

/// A response came. Returns whether it is one to a proxied request.
pub(crate) fn heard(p: &mut Proxy, cx: &mut Stack, client: ClientId, flow: Flow, response: &Message) -> bool {
    let Some((id, at)) = p.by_client.get(&client).copied() else {
        return false;
    };
    let code = best::code(response);
    let passed = copy::response(response);
    if let Some(context) = p.contexts.get_mut(id)
        && let Some(branch) = context.branches.get_mut(at)
        && let Some(passed) = passed
    {
        let present = branch.client == Some(client);
        branch.heard |= present;
        match code {
            ..=100 => {}
            101..=199 if present => provisional(p, cx, (id, at), flow, response, passed),
            200..=299 => success(p, cx, (id, at), flow, response, passed),
            300.. if present => refusal(p, cx, (id, at), code, passed),
            101..=199 | 300.. => {}
        }
    }
    settle(p, cx, id);
    true
}

/// A message of the other side has passed.
fn learn(p: &mut Proxy, (user, way): (User, Option<Flow>), flow: Flow, response: &Message, confirms: bool) {
    let Some(dialog) = user.through.and_then(|id| p.through.get_mut(id)) else {
        return;
    };
    dialog.learn(user.side.other(), response);
    if user.side == Side::Caller {
        // Over UDP the answer may come from another port than the one that listens (RFC 3261 18.1.1).
        let way = way.filter(|way| !way.transport.is_reliable()).unwrap_or(flow);
        dialog.answered(response.to_tag(), way);
    }
    dialog.confirmed |= confirms;
}

fn provisional(
    p: &mut Proxy,
    cx: &mut Stack,
    (id, at): (ProxyId, usize),
    flow: Flow,
    response: &Message,
    passed: Message,
) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    // RFC 3261 16.7 step 2.
    if context.is_invite() && context.patience.is_none() {
        let wait = cx.config.limits.services.proxy.timer_c;
        cx.timers.set(timer(id, at), cx.now + wait);
    }
    if context.stage == Stage::Answered {
        return;
    }
    let (server, user) = (context.server, context.user);
    let way = context.branches.get(at).and_then(|branch| branch.way);
    learn(p, (user, way), flow, response, false);
    cx.respond(server, passed);
    if best::code(response) == 180 {
        p.tell(user.listener, News::Rings);
    }
}

/// RFC 3261 16.7 step 5: every 2xx to an INVITE goes back at once, and the first one to any other request.
fn success(p: &mut Proxy, cx: &mut Stack, (id, at): (ProxyId, usize), flow: Flow, response: &Message, passed: Message) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let first = context.stage != Stage::Answered;
    let (server, user, invite) = (context.server, context.user, context.is_invite());
    let way = context.branches.get(at).and_then(|branch| branch.way);
    if let Some(branch) = context.branches.get_mut(at) {
        branch.done = true;
    }
    context.stage = Stage::Answered;
    context.waiting.clear();
    cx.timers.clear(timer(id, at));
    if first || invite {
        cx.respond(server, passed);
        learn(p, (user, way), flow, response, true);
    }
    if first {
        answered(p, cx, id, Ok(()));
        stop(p, cx, id, None);
    }
}

/// A final response that is no 2xx is kept until all branches have one.
fn refusal(p: &mut Proxy, cx: &mut Stack, (id, at): (ProxyId, usize), code: u16, passed: Message) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    cx.timers.clear(timer(id, at));
    let open = context.stage == Stage::Open;
    let Some(branch) = context.branches.get_mut(at) else {
        return;
    };
    // RFC 3263 section 4.3.
    if code == 503 && open && !branch.ways.is_empty() {
        return send(p, cx, (id, at));
    }
    if branch.expired && code == 487 {
        // The caller did not ask for that.
        return no_answer(p, cx, (id, at), 408);
    }
    branch.done = true;
    context.finals.push(passed);
    if code >= 600 && open {
        // RFC 3261 16.7 step 5.
        context.stage = Stage::Closing;
        context.waiting.clear();
        stop(p, cx, id, None);
    }
}

/// A transaction ended without an answer (RFC 3261 16.9). Returns whether it was one of a proxied request.
pub(crate) fn failed(p: &mut Proxy, cx: &mut Stack, client: ClientId, why: Why) -> bool {
    let Some((id, at)) = p.by_client.get(&client).copied() else {
        return false;
    };
    let context = p.contexts.get_mut(id);
    let open = context.as_ref().is_some_and(|context| context.stage == Stage::Open);
    let branch = context.and_then(|context| context.branches.get_mut(at));
    if let Some(branch) = branch.filter(|branch| branch.client == Some(client) && !branch.done) {
        cx.timers.clear(timer(id, at));
        match branch.ways.is_empty() || !open {
            false => send(p, cx, (id, at)),
            true => no_answer(p, cx, (id, at), why.code()),
        }
    }
    settle(p, cx, id);
    true
}

/// A branch gets no response: it counts as this one.
pub(super) fn no_answer(p: &mut Proxy, cx: &mut Stack, (id, at): (ProxyId, usize), code: u16) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let Some(branch) = context.branches.get_mut(at).filter(|branch| !branch.done) else {
        return;
    };
    branch.done = true;
    let tag = match context.request.to_tag() {
        Some(tag) => tag.to_owned(),
        None => cx.ids.tag(),
    };
    let reply = Answer::of(code).reply(&context.request, &tag).finish();
    context.finals.push(reply);
}

/// Timer C (RFC 3261 16.8): a branch that has said something is cancelled, another counts as 408.
pub(crate) fn timer_c(p: &mut Proxy, cx: &mut Stack, id: ProxyId, at: usize) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let Some(branch) = context.branches.get_mut(at).filter(|branch| !branch.done) else {
        return;
    };
    branch.expired = true;
    branch.ways.clear();
    if let Some(client) = branch.client {
        // It has ended: there is nothing to cancel.
        let _ = cx.layer.cancel(cx.now, client, None);
    }
    if !branch.heard {
        no_answer(p, cx, (id, at), 408);
    }
    settle(p, cx, id);
}

/// The sender has cancelled the request (RFC 3261 16.10). Returns whether it is passed on here.
pub(crate) fn cancelled(p: &mut Proxy, cx: &mut Stack, server: ServerId, cancel: &Message) -> bool {
    let Some(id) = p.by_server.get(&server).copied() else {
        return false;
    };
    close(p, cx, id, cancel.header(HeaderName::Reason));
    true
}

/// The call of the request is ended.
pub(crate) fn cancel(p: &mut Proxy, cx: &mut Stack, id: ProxyId, reason: Option<&str>) {
    close(p, cx, id, reason);
}

fn close(p: &mut Proxy, cx: &mut Stack, id: ProxyId, reason: Option<&str>) {
    if let Some(context) = p.contexts.get_mut(id)
        && context.stage == Stage::Open
    {
        context.stage = Stage::Closing;
        context.waiting.clear();
        stop(p, cx, id, reason);
        settle(p, cx, id);
    }
}

/// Cancels every branch that has no final response (RFC 3261 16.7 step 10). Only an INVITE can be cancelled.
fn stop(p: &mut Proxy, cx: &mut Stack, id: ProxyId, reason: Option<&str>) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let invite = context.is_invite();
    for branch in context.branches.iter_mut().filter(|branch| !branch.done) {
        branch.ways.clear();
        if let Some(query) = branch.query.take() {
            p.by_query.remove(&query);
        }
        match branch.client {
            // It has ended: there is nothing to cancel.
            Some(client) if invite => _ = cx.layer.cancel(cx.now, client, reason),
            Some(_) => {}
            None => branch.done = true,
        }
    }
}

/// Goes on where all branches have their final responses: with the next group, or with the best response. Removes what is
/// over.
pub(super) fn settle(p: &mut Proxy, cx: &mut Stack, id: ProxyId) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    let busy = context.branches.iter().any(|branch| !branch.done);
    if context.stage != Stage::Answered && !busy {
        if context.stage == Stage::Open && !context.waiting.is_empty() {
            return next_group(p, cx, id);
        }
        finish(p, cx, id);
    }
    let Some(context) = p.contexts.get(id) else { return };
    let open = context
        .branches
        .iter()
        .any(|branch| branch.client.is_some() || branch.query.is_some());
    if context.stage == Stage::Answered && !open {
        let (server, branches) = (context.server, context.branches.len());
        p.contexts.remove(id);
        p.by_server.remove(&server);
        for at in 0..branches {
            cx.timers.clear(timer(id, at));
        }
    }
}

/// Passes the best response back (RFC 3261 16.7 step 6).
fn finish(p: &mut Proxy, cx: &mut Stack, id: ProxyId) {
    let Some(context) = p.contexts.get_mut(id) else { return };
    context.stage = Stage::Answered;
    let (server, invite) = (context.server, context.is_invite());
    let chosen = best::best(&context.finals).map(|best| (best.clone(), best::challenges(best, &context.finals)));
    let (code, reason) = match chosen {
        None => {
            let code = 487;
            let request = context.request.clone();
            cx.answer(server, &request, &Answer::of(code));
            (code, StatusCode::REQUEST_TERMINATED.reason().to_owned())
        }
        // RFC 4320 section 4.2: nobody could use a 408 to a request other than INVITE.
        Some((best, _)) if best::code(&best) == 408 && !invite => (408, best.reason().to_owned()),
        Some((best, challenges)) => {
            let (code, reason) = (best::code(&best), best.reason().to_owned());
            // RFC 3261 16.7 step 6: a 503 would say that Tandem itself serves no requests.
            let shown = if code == 503 { 500 } else { code };
            let status = StatusCode::new(shown).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
            let reason_shown = if code == 503 { status.reason() } else { best.reason() };
            let passed = copy::changed(&best, status, reason_shown, &challenges);
            cx.respond(server, passed);
            (code, reason)
        }
    };
    answered(p, cx, id, Err((code, reason)));
}

/// The request has its final response: the call and the dialog hear of it.
fn answered(p: &mut Proxy, cx: &mut Stack, id: ProxyId, result: Result<(), (u16, String)>) {
    let Some(context) = p.contexts.get(id) else { return };
    let user = context.user;
    let bye = *context.request.method() == Method::Bye;
    let terminated = *context.request.method() == Method::Notify
        && context
            .request
            .header(HeaderName::SubscriptionState)
            .is_some_and(|state| state.trim_start().to_ascii_lowercase().starts_with("terminated"));
    let unconfirmed = |id: &ThroughId| p.through.get(*id).is_some_and(|dialog| !dialog.confirmed);
    match (user.through, &result) {
        (Some(through), _) if bye => through::end(p, cx, through, Some(through::hung_up(user.side))),
        // RFC 6665 section 4.4.1: the subscription is over, and its dialog with it.
        (Some(through), _) if terminated => through::end(p, cx, through, None),
        (Some(through), Err(_)) if unconfirmed(&through) => through::end(p, cx, through, None),
        (_, _) => {}
    }
    match result {
        Ok(()) => p.tell(user.listener, News::Answered),
        Err((code, reason)) => p.tell(user.listener, News::Refused { code, reason }),
    }
}

/// A transaction is over.
pub(crate) fn client_gone(p: &mut Proxy, cx: &mut Stack, client: ClientId) -> bool {
    let Some((id, at)) = p.by_client.remove(&client) else {
        return false;
    };
    let branch = p.contexts.get_mut(id).and_then(|context| context.branches.get_mut(at));
    if let Some(branch) = branch.filter(|branch| branch.client == Some(client)) {
        branch.client = None;
    }
    settle(p, cx, id);
    true
}

/// The transaction of the sender is over: nothing can be passed back any more.
pub(crate) fn server_gone(p: &mut Proxy, cx: &mut Stack, server: ServerId) {
    let Some(id) = p.by_server.get(&server).copied() else {
        return;
    };
    if let Some(context) = p.contexts.get_mut(id)
        && context.stage != Stage::Answered
    {
        context.stage = Stage::Answered;
        context.waiting.clear();
        let timeout = (408, StatusCode::REQUEST_TIMEOUT.reason().to_owned());
        answered(p, cx, id, Err(timeout));
    }
    settle(p, cx, id);
}
