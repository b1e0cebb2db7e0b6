//! The dialogs of two others whose requests pass through Tandem.

use std::collections::HashMap;

use sip::{Flow, HeaderName, Message, NameAddr, Transport, Uri};

use super::{Listener, News, Proxy};
use crate::{
    answer::Answer,
    api::EndedBy,
    ids::{CallId, ThroughId, ThroughKind},
    stack::{Stack, TimerKey},
    tables::slots::Slots,
};

/// Hosts that are kept for each side of a dialog, and callees that are kept of one that forks; the oldest go first.
const KEPT: usize = 16;

/// One of the two parties.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The one that sent the first request.
    Caller,
    /// The other one.
    Callee,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// One dialog, or all dialogs that one request began where it forks.
pub(super) struct Dialog {
    /// The call whose record is open.
    call: Option<CallId>,
    /// The user part of our Record-Route values, which no stranger knows.
    pub token: Box<str>,
    call_id: Box<str>,
    /// The tag of the caller.
    tag: Box<str>,
    caller: Flow,
    /// The tags of those that have answered, and where each is.
    callees: Vec<(Box<str>, Flow)>,
    /// The hosts that the messages of each side have named: of Contacts and of further proxies.
    hosts: [Vec<String>; 2],
    /// A 2xx came.
    pub confirmed: bool,
}

/// The dialogs, by their tokens.
#[derive(Default)]
pub(super) struct Through {
    open: Slots<Dialog, ThroughKind>,
    by_token: HashMap<Box<str>, ThroughId>,
    /// Those whose call has an open record: a call passes one INVITE on.
    by_call: HashMap<CallId, ThroughId>,
}

/// A host as it is compared: addresses in one form, names in small letters.
fn host_of(uri: &str) -> Option<String> {
    let host = Uri::parse(uri).ok()?.host;
    Some(match host.ip() {
        Some(address) => address.to_canonical().to_string(),
        None => host.to_string().to_ascii_lowercase(),
    })
}

impl Dialog {
    /// A message of one side has passed: the hosts that it names may be sent to.
    pub fn learn(&mut self, side: Side, message: &Message) {
        let uri = |value: &str| NameAddr::parse(value).map_or_else(|_| value.trim().to_owned(), |it| it.uri.to_owned());
        let contacts = message.values(HeaderName::Contact).take(1).map(uri);
        let records = message.values(HeaderName::RecordRoute).take(KEPT).map(uri);
        let named: Vec<String> = contacts.chain(records).filter_map(|uri| host_of(&uri)).collect();
        let [caller, callee] = &mut self.hosts;
        let known = match side {
            Side::Caller => caller,
            Side::Callee => callee,
        };
        for host in named {
            if !known.contains(&host) {
                if known.len() == KEPT {
                    known.remove(0);
                }
                known.push(host);
            }
        }
    }

    /// A callee has answered with this tag, and is there.
    pub fn answered(&mut self, tag: Option<&str>, way: Flow) {
        let tag = tag.unwrap_or_default();
        self.callees.retain(|(known, _)| **known != *tag);
        if self.callees.len() == KEPT {
            self.callees.remove(0);
        }
        self.callees.push((tag.into(), way));
    }

    /// The side that sent a request within the dialog; `None` if the request does not belong to it.
    pub fn side_of(&self, request: &Message) -> Option<Side> {
        if *request.call_id() != *self.call_id {
            return None;
        }
        let (from, to) = (request.from_tag(), request.to_tag());
        if from == Some(&*self.tag) {
            Some(Side::Caller)
        } else {
            (to == Some(&*self.tag)).then_some(Side::Callee)
        }
    }

    /// The way of a request within the dialog to the other side, by its next hop; `None` if no message of the dialog has
    /// named that host: Tandem relays to nobody else.
    pub fn way(&self, from: Side, request: &Message, next_hop: &str) -> Option<Flow> {
        let [callers, callees] = &self.hosts;
        let (flow, hosts, outside) = match from {
            Side::Callee => (&self.caller, callers, false),
            Side::Caller => {
                let tag = request.to_tag().unwrap_or_default();
                let named = self.callees.iter().find(|(known, _)| **known == *tag);
                (&named.or(self.callees.last())?.1, callees, true)
            }
        };
        let host = host_of(next_hop)?;
        let known = hosts.contains(&host) || flow.remote.ip().to_canonical().to_string() == host;
        known.then(|| crate::way::within(next_hop, flow, outside))
    }
}

impl Through {
    pub fn get(&self, id: ThroughId) -> Option<&Dialog> {
        self.open.get(id)
    }

    pub fn get_mut(&mut self, id: ThroughId) -> Option<&mut Dialog> {
        self.open.get_mut(id)
    }

    /// The dialog with this token.
    pub fn find(&self, token: &str) -> Option<ThroughId> {
        self.by_token.get(token).copied()
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// How many of them have a call whose record is open.
    pub fn of_calls(&self) -> usize {
        self.by_call.len()
    }
}

/// A request that may begin a dialog is passed on.
///
/// # Errors
/// 503 at the limit of dialogs.
pub(super) fn begin(
    p: &mut Proxy,
    cx: &mut Stack,
    (request, flow): (&Message, Flow),
    listener: Listener,
) -> Result<ThroughId, Answer> {
    if p.through.len() >= cx.config.limits.services.proxy.dialogs {
        return Err(Answer::busy(10));
    }
    let token: Box<str> = cx.ids.tag().into();
    let call = match listener {
        Listener::Call(call) => Some(call),
        Listener::Script(_) | Listener::Nobody => None,
    };
    let mut dialog = Dialog {
        call,
        token: token.clone(),
        call_id: request.call_id().into(),
        tag: request.from_tag().unwrap_or_default().into(),
        caller: flow,
        callees: Vec::new(),
        hosts: [Vec::new(), Vec::new()],
        confirmed: false,
    };
    dialog.learn(Side::Caller, request);
    let id = p.through.open.insert(dialog);
    p.through.by_token.insert(token, id);
    if let Some(call) = call {
        p.through.by_call.insert(call, id);
    }
    used(cx, id);
    Ok(id)
}

/// A request within the dialog has passed.
pub(super) fn used(cx: &mut Stack, id: ThroughId) {
    let at = cx.now + cx.config.limits.services.proxy.dialog_idle;
    cx.timers.set(TimerKey::Through(id), at);
}

/// The dialog is over. `by`: the party that ended it, where it was a call.
pub(super) fn end(p: &mut Proxy, cx: &mut Stack, id: ThroughId, by: Option<News>) {
    let Some(dialog) = p.through.open.remove(id) else {
        return;
    };
    p.through.by_token.remove(&dialog.token);
    if let Some(call) = dialog.call {
        p.through.by_call.remove(&call);
    }
    cx.timers.clear(TimerKey::Through(id));
    if let Some(news) = by {
        p.tell(dialog.call.map_or(Listener::Nobody, Listener::Call), news);
    }
}

/// The party of this side has hung up.
pub(super) const fn hung_up(side: Side) -> News {
    News::Ended(match side {
        Side::Caller => EndedBy::Caller,
        Side::Callee => EndedBy::Callee,
    })
}

/// Nothing was heard in a dialog for too long.
pub(crate) fn idle(p: &mut Proxy, cx: &mut Stack, id: ThroughId) {
    end(p, cx, id, Some(News::Lost));
}

/// A call hears no more of what is passed on: its record is closed. The dialog goes on.
pub(crate) fn forget_call(p: &mut Proxy, call: CallId) {
    p.news.retain(|(told, _)| *told != Listener::Call(call));
    let id = p.through.by_call.remove(&call);
    if let Some(dialog) = id.and_then(|id| p.through.open.get_mut(id)) {
        dialog.call = None;
    }
}

/// Our Record-Route values, the topmost first: one for each side where the request changes the transport or the interface
/// (RFC 5658 section 5), else one. Each names its transport, so a request within the dialog comes to where we listen.
pub(super) fn records(cx: &Stack, token: &str, came: &Flow, goes: &Flow, secure: bool) -> Vec<String> {
    let record = |flow: &Flow| {
        let (scheme, host) = (if secure { "sips" } else { "sip" }, cx.sent_by(flow));
        match flow.transport {
            Transport::Udp => format!("<{scheme}:{token}@{host};lr>"),
            transport @ (Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                format!("<{scheme}:{token}@{host};transport={};lr>", transport.uri_name())
            }
        }
    };
    let same = (came.transport, came.local) == (goes.transport, goes.local);
    let mut records = vec![record(goes)];
    if !same {
        records.push(record(came));
    }
    records
}
