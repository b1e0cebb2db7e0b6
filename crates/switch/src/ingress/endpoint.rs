//! From bytes to the room that acts on them: admission, parsing, and dispatch by the kind of request.

use bytes::Bytes;
use sip::{
    Flow, HeaderName, Limits, Message, Method, Scheme, StatusCode,
    headers::{
        Header,
        dialogs::{Join, Replaces},
    },
    transaction::{ServerId, TxEvent},
};

use super::{
    Arrival, Ingress, Wanted,
    admission::{self, Verdict},
    challenge::authenticate,
    deliver::deliver,
    demands,
    foreign::{self, dropped, foreign_cancel, foreign_response},
    hops_left,
    outside::{self, options},
    refer,
    register::register,
    responses, subscribe, trunk,
};
use crate::{
    accounts::Identity,
    answer::Answer,
    api::{CauseCode, Device, Facts, ScriptEntry},
    call::record_refused,
    core::{Beginning, Core},
    ids::LegId,
    leg::{
        CallerId,
        inbound::{self, Sender},
        within,
    },
    locations::Peer,
    proxy,
    requests::{self, Why},
    stack::{
        capabilities::{Place, allow, understood},
        dialogs::DialogUser,
    },
    trunks,
};

/// Takes one datagram, or one message of a stream. `calls` are in progress.
pub(crate) fn received(g: &mut Ingress, x: &mut Core, calls: usize, flow: Flow, bytes: Bytes) {
    x.stack.outputs.stats.messages_received += 1;
    let load = admission::Load {
        calls,
        transactions: x.stack.layer.server_count(),
    };
    let (now, source, kind) = (x.stack.now, flow.remote.ip(), admission::peek(&bytes));
    let verdict = g.admission.admit(now, source, kind, load);
    if verdict == Verdict::Drop {
        x.stack.outputs.stats.messages_dropped += 1;
        return foreign::log_refused(&flow, kind);
    }
    let usual = Limits::default();
    let limits = Limits {
        max_message: x.stack.config.limits.message_bytes,
        // RFC 3261 7.3.1: a REGISTER may list its new and its old contacts in one row.
        max_header_len: usual.max_header_len.max(4 * x.stack.config.registrar.text),
        ..usual
    };
    let message = match Message::parse(bytes, &limits) {
        Ok(message) => message
            .with_received(flow.remote)
            .with_keep(x.stack.config.registrar.flow_timer),
        Err(fault) => {
            x.stack.outputs.stats.messages_dropped += 1;
            g.admission.malformed(now, source, kind);
            tracing::debug!(source = %flow.remote, %fault, "a message cannot be read");
            if let Some(reply) = fault.reply(flow.remote) {
                x.stack.layer.send(sip::reply_address(&reply, &flow), &reply);
            }
            return;
        }
    };
    crate::stack::wire::received(&flow, &message);
    if let Verdict::Refuse { retry_after } = verdict {
        x.stack.outputs.stats.refused += 1;
        let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, retry_after.to_string());
        return x.stack.answer_statelessly(&flow, &message, &answer);
    }
    if let Err(fault) = message.check_from(flow.transport) {
        x.stack.outputs.stats.messages_dropped += 1;
        g.admission.malformed(now, source, kind);
        tracing::debug!(source = %flow.remote, method = %message.method(), code = message.status().map(|status| status.code()), %fault, "a message is not taken");
        if let Some(reply) = fault.reply(&message) {
            x.stack.layer.send(sip::reply_address(&message, &flow), &reply);
        }
        return;
    }
    x.stack.layer.receive(now, flow, message);
}

pub(crate) fn transaction_event(g: &mut Ingress, x: &mut Core, event: TxEvent) {
    match event {
        TxEvent::Request { id, flow, message } => request(g, x, id, flow, message),
        TxEvent::Ack { flow, message } => acknowledged(x, flow, &message),
        TxEvent::Cancelled { id, message } => {
            if proxy::cancelled(&mut x.outside.proxied, &mut x.stack, id, &message) {
                return;
            }
            if let Some(leg) = x.stack.servers.get(&id).copied() {
                x.with_leg(leg, |leg, cx| inbound::cancelled(leg, cx, id));
            }
        }
        TxEvent::Response { id, flow, message } => responses::heard(g, x, id, flow, &message),
        TxEvent::ForeignResponse { id, flow, message } => foreign_response(g, x, id, flow, message),
        TxEvent::ForeignCancel { id, flow, message } => foreign_cancel(g, x, id, flow, message),
        TxEvent::Dropped { flow, why } => dropped(g, x, &flow, why),
        TxEvent::StrayResponse { flow, .. } => dropped(g, x, &flow, "it answers no request of ours"),
        TxEvent::StrayCancel { flow } => {
            let now = x.stack.now;
            g.admission.stray(now, flow.remote.ip());
            tracing::debug!(source = %flow.remote, "a CANCEL of no request that is open");
        }
        TxEvent::TimedOut { id } => responses::failed(g, x, id, Why::TimedOut),
        TxEvent::TransportFailed { id } => responses::failed(g, x, id, Why::Unsent),
        TxEvent::AckTimeout { .. } | TxEvent::ServerTransportFailed { .. } => {
            tracing::debug!("an answer was not acknowledged, or could not be sent");
        }
        TxEvent::ClientGone { id } => {
            if !proxy::client_gone(&mut x.outside.proxied, &mut x.stack, id) {
                requests::gone(&mut x.stack, id);
            }
        }
        TxEvent::ServerGone { id } => {
            x.stack.servers.remove(&id);
            proxy::server_gone(&mut x.outside.proxied, &mut x.stack, id);
        }
    }
}

fn acknowledged(x: &mut Core, flow: Flow, ack: &Message) {
    if let Some(leg) = leg_of(x, ack) {
        x.with_leg(leg, |leg, cx| inbound::acknowledged(leg, cx, ack));
    } else if !proxy::acknowledge(&mut x.outside.proxied, &mut x.stack, &x.domain, flow, ack) {
        tracing::debug!(source = %flow.remote, "an ACK of no call of ours");
    }
}

fn leg_of(x: &Core, request: &Message) -> Option<LegId> {
    match x.stack.dialogs.user_of(request)? {
        DialogUser::Leg(leg) => Some(leg),
        DialogUser::Subscription(_) => None, // a subscription has nothing to do with INVITE
    }
}

fn request(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: Message) {
    if message.to_tag().is_some() {
        return request_within(g, x, id, flow, message);
    }
    // RFC 3261 16.3 step 4: before anybody is asked for a password.
    if proxy::has_looped(&x.domain, &flow, &message) {
        return x
            .stack
            .answer_and_forget(id, &message, &Answer::new(StatusCode::LOOP_DETECTED));
    }
    if outside::is_foreign(x, &flow, &message) {
        return outside::ask(g, x, id, flow, message);
    }
    if let Err(answer) = acceptable(&message) {
        return x.stack.answer_and_forget(id, &message, &answer);
    }
    match message.method() {
        Method::Invite => invite(g, x, id, flow, message),
        Method::Register => register(g, x, id, flow, &message),
        Method::Message => deliver(g, x, id, flow, message),
        Method::Options => options(x, id, &flow, &message),
        // RFC 3261 8.2.1, 15.1.2, 3262, 3311: outside of a dialog these requests belong to nothing.
        Method::Bye | Method::Update | Method::Prack | Method::Info | Method::Notify => {
            let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
            x.stack.answer_and_forget(id, &message, &answer);
        }
        Method::Ack | Method::Cancel => {}
        Method::Subscribe => subscribe::begin(g, x, id, flow, &message),
        Method::Refer => refer::outside(g, x, id, flow, message),
        Method::Publish => subscribe::publish(g, x, id, flow, &message),
        Method::Other(_) => {
            let answer = Answer::new(StatusCode::NOT_IMPLEMENTED).with(HeaderName::Allow, allow(Place::Outside));
            x.stack.answer_and_forget(id, &message, &answer);
        }
    }
}

/// A request within a dialog, or a request that claims to be within one.
fn request_within(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: Message) {
    if let Some(DialogUser::Subscription(subscription)) = x.stack.dialogs.user_of(&message) {
        return subscribe::within(g, x, id, flow, (subscription, &message));
    }
    let Some(leg) = leg_of(x, &message) else {
        if proxy::within(&mut x.outside.proxied, &mut x.stack, &x.domain, id, (flow, &message)) {
            return;
        }
        // RFC 3261 12.2.2: there is no such dialog, or no longer.
        let (now, source) = (x.stack.now, flow.remote.ip());
        g.admission.stray(now, source);
        let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
        return x.stack.answer_and_forget(id, &message, &answer);
    };
    // A request from another address than before comes from a person who overheard the dialog's tags, or from the phone
    // in another network. It must authenticate, so that no stranger redirects or ends a call.
    let moved = x.legs.get(leg).filter(|leg| {
        leg.path.flow.remote.ip().to_canonical() != flow.remote.ip().to_canonical()
            && leg.peer.number().is_some_and(|number| x.accounts.is_extension(number))
    });
    if let Some(peer) = moved.map(|leg| leg.peer.clone()) {
        match authenticate(g, x, id, &flow, &message) {
            // A person may have logged on or off at the phone since the call began.
            Some(identity) if peer.is_extension(&identity.extension) => {}
            Some(identity) if peer.is_extension(&x.accounts.acting(identity.clone()).extension) => {}
            Some(_) => return x.stack.answer(id, &message, &Answer::new(StatusCode::FORBIDDEN)),
            None => return,
        }
    }
    x.with_leg(leg, |leg, cx| within::request(leg, cx, id, flow, message));
}

/// The checks of RFC 3261 8.2.2 that come before the method.
fn acceptable(message: &Message) -> Result<(), Answer> {
    let uri = message
        .request_uri()
        .map_err(|_| Answer::new(StatusCode::BAD_REQUEST))?;
    match uri.scheme {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => {}
        Scheme::Other => return Err(Answer::new(StatusCode::UNSUPPORTED_URI_SCHEME)),
    }
    // RFC 3261 16.3 step 3: a request that we would send on may go no further.
    let goes_on = matches!(message.method(), Method::Invite | Method::Message);
    if goes_on && message.max_forwards().ok().flatten() == Some(0) {
        return Err(Answer::new(StatusCode::TOO_MANY_HOPS));
    }
    understood(message)?;
    demands::met(message)
}

fn invite(g: &mut Ingress, x: &mut Core, id: ServerId, flow: Flow, message: Message) {
    let address = flow.remote.ip().to_canonical();
    let is_phone = |number: &str| x.locations.is_registered_from(&Peer::extension(number), address);
    if let Some(caller) = trunks::caller_of(&x.outside.trunks, address, &message, is_phone) {
        return trunk::invite(g, x, id, (flow, message), caller);
    }
    let Some(identity) = authenticate(g, x, id, &flow, &message) else {
        return;
    };
    let identity = x.accounts.acting(identity);
    let beginning = beginning(x, &identity, &flow, &message);
    give_way(x, &identity, &message, &beginning.facts.dialed);
    let wanted = match dialed(x, &message, &flow) {
        Some(_) => wanted(x, &message, &identity).map_err(|refusal| (CauseCode::CallNotReplaced, refusal)),
        None => Err((CauseCode::NumberUnknown, Answer::of(404))),
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err((cause, refusal)) => {
            x.stack.answer(id, &message, &refusal);
            return record_refused(x, beginning, cause, &refusal);
        }
    };
    let device = identity.device.as_deref().and_then(|name| x.accounts.device(name));
    let rules = device.map(Device::audio).unwrap_or_default();
    g.arrivals.push_back(Arrival {
        server: id,
        flow,
        invite: message,
        from: Sender {
            peer: Peer::extension(&identity.extension),
            audio: rules,
            trusted: identity.device.is_none(),
            access: None,
        },
        beginning,
        wanted,
    });
}

/// Overlap dialling (RFC 3578 section 3.1): a phone that sends digits as they are pressed sends an INVITE with each, of one
/// Call-ID and From tag. The one with more digits replaces the one before, which gets 484.
fn give_way(x: &mut Core, identity: &Identity, invite: &Message, dialed: &str) {
    let lines = x.activity.of(&Peer::extension(&identity.extension)).iter();
    let former = lines.map(|line| line.leg).find(|leg| {
        x.legs.get(*leg).is_some_and(|leg| {
            let before = leg.user();
            leg.inbound
                && leg.is_waiting()
                && leg.invite.call_id() == invite.call_id()
                && leg.invite.from_tag() == invite.from_tag()
                && dialed.len() > before.len()
                && dialed.starts_with(before)
        })
    });
    if let Some(former) = former {
        x.with_leg(former, inbound::give_way);
    }
}

/// The content of an INVITE, and its authenticated sender.
pub(crate) fn beginning(x: &Core, identity: &Identity, flow: &Flow, message: &Message) -> Beginning {
    let dialed = dialed(x, message, flow).unwrap_or_default();
    Beginning {
        facts: facts(x, identity, flow, message, dialed),
        entry: ScriptEntry::OnCall,
        max_forwards: hops_left(message),
        sip_call_id: message.call_id().to_owned(),
    }
}

/// The number that an INVITE asks for, if its Request-URI means us.
pub(crate) fn dialed(x: &Core, message: &Message, flow: &Flow) -> Option<String> {
    x.number_at(&message.request_uri().ok()?, flow)
}

/// The place that an INVITE wants: by Replaces, or by Join.
fn wanted(x: &Core, invite: &Message, identity: &Identity) -> Result<Option<Wanted>, Answer> {
    Ok(match replaced(x, identity, invite)? {
        Some(leg) => Some(Wanted::Replace(leg)),
        None => joined(x, invite, identity)?.map(Wanted::Join),
    })
}

/// The leg beside which an INVITE wants to be, if it has Join (RFC 3911 section 4). Only another phone of the same extension
/// may join: who is in a call must know who else is.
fn joined(x: &Core, invite: &Message, identity: &Identity) -> Result<Option<LegId>, Answer> {
    let mut fields = invite.values(HeaderName::Join);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(Answer::of(400));
    }
    let join = Join::read(field).map_err(|_| Answer::of(400))?;
    let dialog = Replaces {
        call_id: join.call_id.into(),
        to_tag: join.to_tag.into(),
        from_tag: join.from_tag.into(),
        early_only: false,
    };
    let leg = x.stack.dialogs.replaced(&dialog).and_then(|leg| x.legs.get(leg));
    let leg = leg.ok_or_else(|| Answer::of(481))?;
    if leg.is_over() {
        return Err(Answer::of(603));
    }
    if !leg.peer.is_extension(&identity.extension) {
        return Err(Answer::of(403));
    }
    if leg.is_up() {
        Ok(Some(leg.id))
    } else {
        Err(Answer::of(481))
    }
}

/// The leg that an INVITE wants to replace, if it has Replaces (RFC 3891 section 3).
fn replaced(x: &Core, identity: &Identity, invite: &Message) -> Result<Option<LegId>, Answer> {
    let mut fields = invite.values(HeaderName::Replaces);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() || invite.header(HeaderName::Join).is_some() {
        return Err(Answer::of(400));
    }
    let replaces = Replaces::read(field).map_err(|_| Answer::of(400))?;
    // RFC 3891 section 3: only a dialog that an INVITE began can be replaced.
    let leg = x
        .stack
        .dialogs
        .replaced(&replaces)
        .or_else(|| watched(x, replaces.clone()));
    let leg = leg.and_then(|leg| x.legs.get(leg)).ok_or_else(|| Answer::of(481))?;
    if leg.is_over() {
        return Err(Answer::of(603));
    }
    // Only the side that began an early dialog can be replaced.
    if leg.is_waiting() {
        return Err(Answer::of(481));
    }
    if leg.is_up() && replaces.early_only {
        return Err(Answer::of(486));
    }
    // RFC 3891 section 3: the same rules as for a pickup of that call by other means.
    let rings_at = leg.peer.number().filter(|_| !leg.is_up());
    if rings_at.is_some_and(|number| !x.accounts.may_pick_up(&identity.extension, number)) {
        return Err(Answer::of(403));
    }
    Ok(Some(leg.id))
}

/// The ringing leg that a phone means which has its ids from the lamp of the phone that rings: of that phone's dialog the
/// local tag is the remote one here (RFC 4235 section 4.1.2). Only for a dialog that is not answered: an answered one is
/// taken over by its exact name alone.
fn watched(x: &Core, replaces: Replaces<'_>) -> Option<LegId> {
    let seen_from_there = Replaces {
        to_tag: replaces.from_tag,
        from_tag: replaces.to_tag,
        ..replaces
    };
    let leg = x.stack.dialogs.replaced(&seen_from_there)?;
    x.legs
        .get(leg)
        .filter(|leg| !leg.inbound && !leg.is_up())
        .map(|leg| leg.id)
}

/// What a script is told of a request and its sender.
pub(super) fn facts(x: &Core, identity: &Identity, flow: &Flow, message: &Message, dialed: String) -> Facts {
    let account = x.accounts.extension(&identity.extension);
    let own_name = account
        .map(|extension| extension.name.clone())
        .filter(|name| !name.is_empty());
    let shown = || {
        message
            .from()
            .ok()
            .and_then(|from| from.display_name().map(|name| sip::clean(&name).into_owned()))
    };
    let (number, name) = if x.hides(identity, message) {
        let hidden = CallerId::hidden();
        (hidden.number, hidden.name)
    } else {
        (identity.extension.clone(), own_name.or_else(shown).unwrap_or_default())
    };
    Facts {
        id: String::new(),
        number,
        name,
        dialed,
        extension: Some(identity.extension.clone()),
        trunk: None,
        source: flow.remote.to_string(),
        device: identity.device.clone(),
        method: String::new(),
    }
}
