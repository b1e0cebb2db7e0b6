//! Who sent a request. A request without a known sender gets a challenge or a refusal.

use sip::{Flow, Message, Method, transaction::ServerId};

use super::{Ingress, auth::Verdict, endpoint::beginning};
use crate::{accounts::Identity, answer::Answer, api::CauseCode, call::record_refused, core::Core};

/// The sender of this request; `None` if it was answered with a challenge or a refusal.
pub(crate) fn authenticate(
    g: &mut Ingress,
    x: &mut Core,
    id: ServerId,
    flow: &Flow,
    message: &Message,
) -> Option<Identity> {
    let (now, before) = (x.stack.now, g.auth.work());
    match g
        .auth
        .authenticate(now, message, flow, &x.accounts, &x.domain, &g.trusted)
    {
        Verdict::Known(identity) => {
            g.admission.vouch(now, flow.remote.ip());
            Some(identity)
        }
        Verdict::Challenge(answer) | Verdict::Refused(answer) => {
            // The correct password has used up a nonce count: a repetition of this request must not be checked again.
            let work = g.auth.work();
            if work.digests > before.digests && work.failures == before.failures {
                x.stack.answer(id, message, &answer);
            } else {
                x.stack.answer_and_forget(id, message, &answer);
            }
            None
        }
        Verdict::Forbidden(identity, answer) => {
            x.stack.answer(id, message, &answer);
            record_forbidden(x, &identity, flow, message, &answer);
            None
        }
        Verdict::Exempt => None, // ACK and CANCEL never come here
    }
}

/// An INVITE of a known sender says something that it may not say: that leaves a record which names the sender.
fn record_forbidden(x: &mut Core, identity: &Identity, flow: &Flow, message: &Message, answer: &Answer) {
    if *message.method() == Method::Invite && message.to_tag().is_none() {
        let beginning = beginning(x, identity, flow, message);
        let cause = if answer.status.code() == 403 {
            CauseCode::CallerForbidden
        } else {
            CauseCode::CallerBadRequest
        };
        record_refused(x, beginning, cause, answer);
    }
}
