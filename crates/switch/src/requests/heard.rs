//! What becomes of a request when a response comes, or none.

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
        request::{Owner, Request, Stage},
    },
};

/// What an owner is told.
#[derive(Clone, Debug)]
pub(crate) enum RequestEvent {
    /// 100 to 199.
    Provisional(Reply),
    /// 200 to 699; after a 2xx to an INVITE also each further 2xx (RFC 3261 13.2.2.4).
    Final(Reply),
    /// No answer came, and there is nothing left to be tried.
    Failed(Why),
}

/// A response, with the request that it answers: the last try.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub request: Message,
    pub response: Message,
    /// The way it came.
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
    /// The time of its transaction is over: counts as 408.
    TimedOut,
    /// It could not be sent, or there is no room for another try: counts as 503.
    Unsent,
}

impl Why {
    /// The status that it counts as.
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

/// Where the CSeq number of the next try comes from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// It stays: the next target gets the same request (RFC 3263 section 4.3).
    Same,
    /// One more than before: outside of dialogs.
    Next,
    /// The owner's dialog knows.
    OfDialog,
}

/// A request that is to be sent once more, by [`super::again`].
#[derive(Clone, Debug)]
pub(crate) struct Again {
    pub id: RequestId,
    pub owner: Owner,
    /// The way to the target. Where it is `moved`, the owner may have another body for it.
    pub way: Flow,
    pub moved: bool,
    pub number: Number,
    /// The interval that a 422 asks for, in seconds.
    pub(super) interval: Option<u32>,
}

/// What an owner is to be told of a request.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub id: RequestId,
    pub owner: Owner,
    pub event: RequestEvent,
}

/// What is to be done next.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Nothing,
    /// Tell the owner.
    Tell(Told),
    /// Send it once more.
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
        return Heard::Nothing; // a try that is no longer waited for
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

/// An earlier try is answered with a 2xx after all: it takes the place of the present one, which is cancelled. Of two that
/// are answered the first counts, and the other is the owner's to end (RFC 3261 13.2.2.4): it has another tag.
fn adopt(cx: &mut Stack, id: RequestId, client: ClientId) -> bool {
    let (Some(request), Some(sent)) = (cx.requests.get_mut(id), cx.layer.client_request(client)) else {
        return false;
    };
    if request.stage == Stage::Done {
        return *sent.method() == Method::Invite;
    }
    let present = std::mem::replace(&mut request.client, client);
    request.message = sent.clone();
    // Only an INVITE can be cancelled; the answer to another is not waited for.
    let _ = cx.layer.cancel(cx.now, present, None);
    true
}

/// Whether a refusal is to be followed by another try, and which.
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
        number: if request.in_dialog {
            Number::OfDialog
        } else {
            Number::Next
        },
        interval: None,
    };
    match code {
        401 | 407 => {
            let credentials = request.credentials.clone()?;
            take_challenges(&credentials, &mut request.answered, response).then_some(renumbered)
        }
        422 => {
            let interval = Some(longer(&request.message, response)?);
            Some(Again { interval, ..renumbered })
        }
        // RFC 3263 section 4.3. One that rings already has been found.
        503 if matches!(request.stage, Stage::Silent | Stage::Heard(100)) => next_target(request, id),
        _ => None,
    }
}

/// The interval that a 422 names, where it is longer than what was asked for (RFC 4028 section 7.4).
fn longer(request: &Message, response: &Message) -> Option<u32> {
    let asked: SessionExpires = request.read().ok().flatten()?;
    let MinSe(wanted) = response.read().ok().flatten()?;
    (wanted > asked.seconds).then_some(wanted)
}

fn next_target(request: &mut Request, id: RequestId) -> Option<Again> {
    let way = request.targets.ways.pop_front()?;
    Some(Again {
        id,
        owner: request.owner,
        way,
        moved: true,
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

/// The present target has said nothing for as long as it may.
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
    // Should it be heard of after all, it is told at once (RFC 3261 9.1); what is no INVITE cannot be cancelled.
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
