//! What happens to a request when a response comes, or when none comes.

use sip::{
    Flow, Message, Method,
    headers::session::{MinSe, SessionExpires},
    transaction::ClientId,
};

use crate::{
    ids::RequestId,
    stack::{
        Stack, TimerKey,
        credentials::take_challenges,
        request::{Aim, Owner, Request, Stage},
    },
};

/// What the owner is told.
#[derive(Clone, Debug)]
pub(crate) enum RequestEvent {
    /// 100 to 199.
    Provisional(Reply),
    /// 200 to 699. After a 2xx to an INVITE, each further 2xx is told as well (RFC 3261 13.2.2.4).
    Final(Reply),
    /// No answer came, and no further try is possible.
    Failed(Why),
}

/// A response, with the request of the last try.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub request: Message,
    pub response: Message,
    /// The flow on which it came.
    pub flow: Flow,
}

impl Reply {
    /// Whether it is a 2xx.
    pub fn is_success(&self) -> bool {
        self.response.status().is_some_and(|status| status.is_success())
    }

    /// Its status code.
    pub fn code(&self) -> u16 {
        self.response.status().map_or(0, |status| status.code())
    }
}

/// Why no answer came (RFC 3261 8.1.3.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The transaction has timed out: counts as 408.
    TimedOut,
    /// The request could not be sent, or there is no room for another try: counts as 503.
    Unsent,
}

impl Why {
    /// The status code it counts as.
    pub const fn code(self) -> u16 {
        match self {
            Self::TimedOut => 408,
            Self::Unsent => 503,
        }
    }

    /// Its reason phrase.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TimedOut => "Request Timeout",
            Self::Unsent => "Service Unavailable",
        }
    }
}

/// How the next try gets its CSeq number.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The number stays: the next target gets the same request (RFC 3263 section 4.3).
    Same,
    /// One more than before: for a request outside of dialogs.
    Next,
    /// The owner's dialog gives the number.
    OfDialog,
}

/// A request to be sent once more, by [`super::again`].
#[derive(Clone, Debug)]
pub(crate) struct Again {
    pub id: RequestId,
    pub owner: Owner,
    /// The way to the target. If `moved`, the target is a new one, and the owner may have another body for it.
    pub way: Flow,
    pub moved: bool,
    /// What the request says on its way by another flow of the phone.
    pub(super) aim: Option<Box<Aim>>,
    pub number: Number,
    /// The session interval that a 422 asks for, in seconds.
    pub(super) interval: Option<u32>,
}

/// What to tell the owner of a request.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub id: RequestId,
    pub owner: Owner,
    pub event: RequestEvent,
}

/// What to do next.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Nothing,
    /// Tell the owner.
    Tell(Told),
    /// Send the request once more.
    Again(Again),
}

/// A response came.
pub(crate) fn heard(cx: &mut Stack, client: ClientId, flow: Flow, response: &Message) -> Heard {
    let (Some(id), Some(status)) = (cx.requests.find(client), response.status()) else {
        return Heard::Nothing;
    };
    let Some(request) = cx.requests.get_mut(id) else {
        return Heard::Nothing;
    };
    if client != request.client && !(status.is_success() && adopt(cx, id, client)) {
        return Heard::Nothing; // a try that was given up
    }
    let Some(request) = cx.requests.get_mut(id) else {
        return Heard::Nothing;
    };
    let owner = request.owner;
    let reply = Reply {
        request: request.message.clone(),
        response: response.clone(),
        flow,
    };
    if status.is_provisional() {
        if matches!(request.stage, Stage::Silent | Stage::Heard(_)) {
            request.stage = Stage::Heard(status.code());
        }
        cx.timers.clear(TimerKey::Request(id));
        let event = RequestEvent::Provisional(reply);
        return Heard::Tell(Told { id, owner, event });
    }
    if !status.is_success()
        && let Some(again) = next_after(cx, id, status.code(), response)
    {
        return Heard::Again(again);
    }
    done(cx, id);
    let event = RequestEvent::Final(reply);
    Heard::Tell(Told { id, owner, event })
}

/// An earlier try got a 2xx after all: it replaces the present try, which is cancelled. If two tries are answered, the
/// first answer counts. The owner has to end the other dialog (RFC 3261 13.2.2.4); its tag is different.
fn adopt(cx: &mut Stack, id: RequestId, client: ClientId) -> bool {
    let (Some(request), Some(sent)) = (cx.requests.get_mut(id), cx.layer.client_request(client)) else {
        return false;
    };
    if request.stage == Stage::Done {
        return *sent.method() == Method::Invite;
    }
    let present = std::mem::replace(&mut request.client, client);
    request.message = sent.clone();
    // Only an INVITE can be cancelled; the answer to another request is ignored.
    let _ = cx.layer.cancel(cx.now, present, None);
    true
}

/// Whether another try follows a refusal, and which.
fn next_after(cx: &mut Stack, id: RequestId, code: u16, response: &Message) -> Option<Again> {
    let most = cx.config.limits.request_tries;
    let request = cx.requests.get_mut(id)?;
    if matches!(request.stage, Stage::Cancelled | Stage::Done) || request.tries >= most {
        return None;
    }
    let renumbered = Again {
        id,
        owner: request.owner,
        way: request.way,
        moved: false,
        aim: None,
        number: if request.in_dialog {
            Number::OfDialog
        } else {
            Number::Next
        },
        interval: None,
    };
    match code {
        401 | 407 => {
            request.credentials.as_ref()?;
            take_challenges(&mut request.answered, response).then_some(renumbered)
        }
        422 => {
            let interval = Some(longer(&request.message, response)?);
            Some(Again { interval, ..renumbered })
        }
        // RFC 3263 section 4.3. A target that rings already has been found.
        503 if matches!(request.stage, Stage::Silent | Stage::Heard(100)) => next_target(request, id),
        // Another gateway may have what this one lacks.
        500..=599 if request.targets.gateways && matches!(request.stage, Stage::Silent | Stage::Heard(100)) => {
            next_target(request, id)
        }
        // RFC 5626 section 7: the proxy that keeps the flow could not reach the phone by it.
        408 | 430 if matches!(request.stage, Stage::Silent | Stage::Heard(100)) && has_flow(request) => {
            next_target(request, id)
        }
        _ => None,
    }
}

/// The interval that a 422 names, if it is longer than the interval in the request (RFC 4028 section 7.4).
fn longer(request: &Message, response: &Message) -> Option<u32> {
    let asked: SessionExpires = request.read().ok().flatten()?;
    let MinSe(wanted) = response.read().ok().flatten()?;
    (wanted > asked.seconds).then_some(wanted)
}

/// Whether the next way is another flow of the phone.
fn has_flow(request: &Request) -> bool {
    request.targets.ways.front().is_some_and(|next| next.aim.is_some())
}

fn next_target(request: &mut Request, id: RequestId) -> Option<Again> {
    let next = request.targets.ways.pop_front()?;
    Some(Again {
        id,
        owner: request.owner,
        way: next.way,
        moved: true,
        aim: next.aim,
        number: Number::Same,
        interval: None,
    })
}

/// A transaction ended without an answer.
pub(crate) fn failed(cx: &mut Stack, client: ClientId, why: Why) -> Heard {
    let most = cx.config.limits.request_tries;
    let Some(id) = cx.requests.find(client) else {
        return Heard::Nothing;
    };
    let Some(request) = cx.requests.get_mut(id).filter(|request| request.client == client) else {
        return Heard::Nothing; // an earlier try
    };
    let owner = request.owner;
    if request.stage == Stage::Done {
        return Heard::Nothing; // the ACK of a refusal could not be sent
    }
    if request.stage != Stage::Cancelled {
        // RFC 3261 18.1.1.
        if why == Why::Unsent && std::mem::take(&mut request.back_to_udp) {
            let way = request.way;
            return Heard::Again(Again {
                id,
                owner,
                way,
                moved: false,
                aim: None,
                number: Number::Same,
                interval: None,
            });
        }
        if request.tries < most
            && let Some(again) = next_target(request, id)
        {
            return Heard::Again(again);
        }
    }
    done(cx, id);
    let event = RequestEvent::Failed(why);
    Heard::Tell(Told { id, owner, event })
}

/// The present target was silent for too long.
pub(crate) fn silent(cx: &mut Stack, id: RequestId) -> Heard {
    let most = cx.config.limits.request_tries;
    let Some(request) = cx.requests.get_mut(id) else {
        return Heard::Nothing;
    };
    if request.stage != Stage::Silent || request.tries >= most {
        return Heard::Nothing;
    }
    let client = request.client;
    let Some(again) = next_target(request, id) else {
        return Heard::Nothing;
    };
    tracing::info!(target = %again.way.remote, "the target says nothing: the next one is tried");
    // If the target answers late, it is cancelled at once (RFC 3261 9.1). A request other than INVITE cannot be
    // cancelled.
    let _ = cx.layer.cancel(cx.now, client, None);
    Heard::Again(again)
}

/// A transaction is over.
pub(crate) fn gone(cx: &mut Stack, client: ClientId) {
    if let Some(id) = cx.requests.forget(client) {
        cx.timers.clear(TimerKey::Request(id));
    }
}

pub(super) fn done(cx: &mut Stack, id: RequestId) {
    if let Some(request) = cx.requests.get_mut(id) {
        request.stage = Stage::Done;
    }
    cx.timers.clear(TimerKey::Request(id));
}
