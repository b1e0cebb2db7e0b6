//! A request of ours as an object, from the first try to the result for its owner.
//!
//! An owner hands over an [`Outline`] and [`Targets`] and keeps a [`RequestId`]. The owner is told provisional
//! responses, and either one final response or that the request failed. This room does everything in between; each try
//! is a transaction of its own:
//!
//! | what came | what is done | CSeq |
//! |---|---|---|
//! | 401, 407 | the challenge is answered, if the request has credentials (RFC 3261 22.2, 22.3) | the next number |
//! | 422 | the session interval is raised to what the 422 asks for (RFC 4028 section 7.4) | the next number |
//! | TCP failed for a request that is too large for UDP | the request goes over UDP (RFC 3261 18.1.1) | the same |
//! | 503, a timeout, a transport that failed, silence | the next target of RFC 3263 section 4.3, or the next flow of the phone | the same |
//! | 430, 408 from a flow | the next flow of the phone (RFC 5626 section 7) | the same |
//!
//! Two facts come from the owner: the next CSeq number of its dialog, and the body for a target that reaches us at
//! another address of ours. So a step ends in [`Heard`], and [`again`] continues with these facts.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | `send`, `within`, `cancel`: what owners do |
//! | `outline.rs` | `Outline`: one builder for all requests |
//! | `heard.rs` | what happens to a request when a response comes, or when none comes |
//! | `again.rs` | the next try |
//! | `size.rs` | which requests are too large for UDP |
//!
//! The table of requests (`stack/request.rs`) and the credentials (`stack/credentials.rs`) are data of the stack.

mod again;
mod heard;
mod outline;
mod size;
#[cfg(test)]
mod tests;

use sip::{Flow, Message, dialog::Dialog};

pub(crate) use again::again;
pub(crate) use heard::{Again, Heard, Number, Reply, RequestEvent, Told, Why, failed, gone, heard, silent};
pub(crate) use outline::{Outline, Outside};
pub(crate) use size::stream_way;

use crate::stack::{
    Stack, TimerKey,
    request::{Request, Stage},
};
pub(crate) use crate::{
    ids::RequestId,
    stack::request::{Aim, Owner, Target, Targets, TrunkRequest},
};

/// Sends a request outside of any dialog. `None` if there is no way to its target, or if there are too many
/// transactions.
pub(crate) fn send(
    cx: &mut Stack,
    outline: Outline<'_>,
    outside: &Outside<'_>,
    to: Targets,
    owner: Owner,
) -> Option<RequestId> {
    let mut to = to;
    let way = to.ways.pop_front()?.way;
    let message = outline.outside(cx, &way, outside);
    begin(cx, (message, false), way, to, owner, outline)
}

/// Sends a request within a dialog, on `way`. `None` if there are too many transactions.
pub(crate) fn within(
    cx: &mut Stack,
    outline: Outline<'_>,
    dialog: &mut Dialog,
    way: Flow,
    owner: Owner,
) -> Option<RequestId> {
    let message = outline.within(cx, &way, dialog);
    begin(cx, (message, true), way, Targets::default(), owner, outline)
}

fn begin(
    cx: &mut Stack,
    (message, in_dialog): (Message, bool),
    way: Flow,
    targets: Targets,
    owner: Owner,
    outline: Outline<'_>,
) -> Option<RequestId> {
    let (flow, message, back_to_udp) = size::fit(cx, way, message);
    let client = cx.layer.request(cx.now, flow, message.clone()).ok()?;
    let id = cx.requests.insert(Request {
        owner,
        message,
        in_dialog,
        way,
        client,
        transactions: 1,
        targets,
        back_to_udp,
        credentials: outline.credentials,
        answered: Vec::new(),
        tries: 1,
        stage: Stage::Silent,
    })?;
    wait(cx, id);
    Some(id)
}

/// How long a target may stay silent if there is another target. (RFC 3263 section 4.3 waits for the timeout of the
/// transaction, which takes 32 s: no caller waits that long.)
fn wait(cx: &mut Stack, id: RequestId) {
    let more = cx
        .requests
        .get(id)
        .is_some_and(|request| !request.targets.ways.is_empty());
    if more {
        cx.timers
            .set(TimerKey::Request(id), cx.now + cx.config.limits.target_silence);
    }
}

/// Cancels an INVITE (RFC 3261 9.1). No further target is tried, since it would ring again. `reason` is the value of
/// Reason (RFC 3326). The owner is still told the result.
pub(crate) fn cancel(cx: &mut Stack, id: RequestId, reason: Option<&str>) {
    let Some(request) = cx.requests.get_mut(id) else { return };
    if request.stage != Stage::Done {
        request.stage = Stage::Cancelled;
    }
    let client = request.client;
    cx.timers.clear(TimerKey::Request(id));
    // It has ended or is answered: there is nothing to cancel.
    let _ = cx.layer.cancel(cx.now, client, reason);
}

/// Cancels a re-INVITE whose dialog goes on. If the phone did not get the re-INVITE, the transaction still runs to its
/// end.
pub(crate) fn withdraw(cx: &mut Stack, id: RequestId) {
    if let Some(client) = cx.requests.get(id).map(|request| request.client) {
        // It has ended or is answered: there is nothing to cancel.
        let _ = cx.layer.cancel(cx.now, client, None);
    }
}

/// The request of the last try; `None` once it is over.
pub(crate) fn message(cx: &Stack, id: RequestId) -> Option<Message> {
    cx.requests.get(id).map(|request| request.message.clone())
}
