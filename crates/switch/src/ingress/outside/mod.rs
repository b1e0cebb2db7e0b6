//! Requests for other domains, other than calls: the script `on_request` decides what becomes of them.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | the requests whose scripts run |
//! | `options.rs` | OPTIONS outside of dialogs |
//!
//! A request waits here from its authentication until its script is over. A script that does nothing leaves it with 404
//! (RFC 3261 8.2.2.1), as does a dialplan without `on_request`.

mod options;

use std::collections::BTreeMap;

use sip::{Flow, HeaderName, Message, Method, Scheme, transaction::ServerId};

pub(super) use options::options;

use super::{Ingress, challenge::authenticate, endpoint::facts};
use crate::{
    answer::Answer,
    api::{CallUid, DialStatus, Event, Outcome, ScriptCommand, ScriptEntry, ScriptFault, Verb},
    core::Core,
    proxy::{self, Listener, News, Order},
    verbs,
};

/// A request whose script runs.
pub(crate) struct Waiting {
    server: ServerId,
    flow: Flow,
    request: Message,
    /// The sender's network is trusted.
    trusted: bool,
    /// It was answered, or passed on.
    decided: bool,
    /// Where it was passed on to.
    to: String,
}

/// The requests whose scripts run, by the id of the script.
pub(crate) type Outside = BTreeMap<CallUid, Waiting>;

/// Whether a request is one for another domain, of which a script decides. Calls, registrations, and what belongs to a dialog
/// are not among them.
pub(super) fn is_foreign(x: &Core, flow: &Flow, request: &Message) -> bool {
    let kind = match request.method() {
        Method::Invite
        | Method::Register
        | Method::Ack
        | Method::Cancel
        | Method::Bye
        | Method::Update
        | Method::Prack => false,
        Method::Options
        | Method::Message
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Info
        | Method::Other(_) => true,
    };
    let uri = request.request_uri().ok().filter(|_| kind);
    uri.is_some_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && !x.domain.is_meant_by(&uri, flow))
}

/// A request for another domain came.
pub(super) fn ask(g: &mut Ingress, x: &mut Core, server: ServerId, flow: Flow, request: Message) {
    // RFC 3261 16.3: before anybody is asked who he is.
    if let Err(answer) = proxy::validate(&x.stack, &x.domain, &flow, &request) {
        return x.stack.answer_and_forget(server, &request, &answer);
    }
    let Some(identity) = authenticate(g, x, server, &flow, &request) else {
        return;
    };
    let identity = x.accounts.acting(identity);
    if x.draining || g.outside.len() >= x.stack.config.limits.services.proxy.requests {
        let busy = Answer::busy(5);
        return x.stack.answer(server, &request, &busy);
    }
    let uid = x.stack.ids.call_uid();
    let mut facts = facts(x, &identity, &flow, &request, request.uri().to_owned());
    facts.id = uid.to_string();
    facts.method = request.method().as_str().to_owned();
    tracing::debug!(id = %uid, from = facts.caller(), method = %request.method(), uri = request.uri(), "a request for another domain");
    let waiting = Waiting {
        server,
        flow,
        request,
        trusted: identity.device.is_none(),
        decided: false,
        to: String::new(),
    };
    g.outside.insert(uid, waiting);
    x.stack.script(ScriptCommand::Start {
        call: uid,
        entry: ScriptEntry::OnRequest,
        facts: Box::new(facts),
    });
}

/// Its script asks for a verb.
pub(crate) fn verb(g: &mut Ingress, x: &mut Core, call: CallUid, verb: Verb) {
    let Some(waiting) = g.outside.get_mut(&call) else {
        return;
    };
    if let Some(outcome) = outcome(waiting, x, call, verb) {
        x.stack.script(ScriptCommand::Resume { call, outcome });
    }
}

/// What a verb comes to; `None` if that is still to be seen.
fn outcome(waiting: &mut Waiting, x: &mut Core, call: CallUid, verb: Verb) -> Option<Outcome> {
    let (request, server) = (waiting.request.clone(), waiting.server);
    Some(match verb {
        Verb::Header(name) => Outcome::Text(verbs::header_of(&request, waiting.trusted, &name)),
        Verb::Parameter(name) => Outcome::Text(verbs::parameter_of(&request, &name)),
        Verb::Extension(number) => Outcome::Extension(verbs::state_of(x, &number)),
        // What comes after the decision has no effect.
        Verb::Proxy(_) if waiting.decided => return Some(verbs::passed_on(DialStatus::Cancelled, 0, "", "", 0.0)),
        Verb::Reject { .. } | Verb::Redirect { .. } | Verb::Hangup if waiting.decided => Outcome::Done,
        Verb::Proxy(to) => {
            waiting.decided = true;
            waiting.to = to.to_string();
            let order = Order {
                server,
                flow: waiting.flow,
                request: request.clone(),
                targets: to.targets,
                patience: to.timeout,
                listener: Listener::Script(call),
                untrusted: !waiting.trusted,
            };
            match proxy::begin(&mut x.outside.proxied, &mut x.stack, &x.domain, order) {
                Ok(_) => return None,
                Err(refusal) => {
                    x.stack.answer(server, &request, &refusal);
                    let code = refusal.status.code();
                    verbs::passed_on(verbs::status_of(code, false), code, refusal.phrase(), "", 0.0)
                }
            }
        }
        Verb::Reject { code, reason } => {
            waiting.decided = true;
            let refusal = Answer::of(code.code()).with_reason(reason);
            x.stack.answer(server, &request, &refusal);
            Outcome::Done
        }
        Verb::Redirect { target } => {
            waiting.decided = true;
            let contact = verbs::redirected(x, Some(waiting.flow), &target);
            x.stack
                .answer(server, &request, &Answer::of(302).with(HeaderName::Contact, contact));
            Outcome::Done
        }
        Verb::Hangup => {
            waiting.decided = true;
            x.stack.answer(server, &request, &Answer::of(603));
            Outcome::Done
        }
        Verb::Dial(_)
        | Verb::Ring
        | Verb::Answer
        | Verb::Transfer(_)
        | Verb::Wait(_)
        | Verb::Play(_)
        | Verb::Tone { .. }
        | Verb::Music { .. }
        | Verb::Collect(_)
        | Verb::Record(_)
        | Verb::Conference(_)
        | Verb::Pickup(_)
        | Verb::Park(_)
        | Verb::Page(_)
        | Verb::Echo
        | Verb::Set(_)
        | Verb::LastNumber(_)
        | Verb::LogOn(_) => Outcome::Fault(format!(
            "{}: on_request can proxy, reject and redirect a request, and look at it",
            verbs::name(&verb)
        )),
    })
}

/// What came of a request that was passed on.
pub(crate) fn news(g: &mut Ingress, x: &mut Core, call: CallUid, news: News) {
    let Some(waiting) = g.outside.get(&call) else { return };
    let outcome = match news {
        News::Answered => verbs::passed_on(DialStatus::Answered, 200, "OK", &waiting.to, 0.0),
        News::Refused { code, reason } => verbs::passed_on(verbs::status_of(code, false), code, &reason, "", 0.0),
        News::Rings | News::Ended(_) | News::Lost => return,
    };
    x.stack.script(ScriptCommand::Resume { call, outcome });
}

/// Its script is over. Returns whether there was one.
pub(crate) fn ended(g: &mut Ingress, x: &mut Core, call: CallUid, result: Result<(), ScriptFault>) {
    let Some(waiting) = g.outside.remove(&call) else { return };
    let code = match result {
        Ok(()) => 404,
        Err(fault) => {
            let at = &fault.position;
            tracing::error!(file = %at.file, line = at.line, fault = %fault.message, "the dialplan failed");
            x.stack.event(Event::ScriptFailed { call, fault });
            500
        }
    };
    if !waiting.decided {
        let answer = if *waiting.request.method() == Method::Options {
            options::capabilities(x, code)
        } else {
            Answer::of(code)
        };
        x.stack.answer(waiting.server, &waiting.request, &answer);
    }
}
