//! `reject`, `redirect`, `hangup` and `transfer`: how a script ends a call.

use sip::{Flow, HeaderName};

use crate::{
    answer::Answer,
    api::{CauseCode, Outcome, RejectCode},
    call::{self, Call, Ending},
    core::Core,
    event::{Cause, Q850},
};

use super::Next;

/// `caller.reject(code, reason?)`. Hangs up a call that was answered.
pub(super) fn reject(call: &mut Call, x: &mut Core, code: RejectCode, reason: Option<String>) -> Next {
    let code = code.code();
    let detail = match &reason {
        Some(reason) => format!("rejected by the dialplan: {code} {reason}"),
        None => format!("rejected by the dialplan: {code}"),
    };
    // If a script passes on the code of its `dial`, the reason and the cause are also those of the `dial`.
    let last = call.script.last_dial.as_ref().filter(|last| last.code == code);
    let why = last.and_then(|last| last.why.clone());
    let fields = last.map_or(&[][..], |last| &last.fields);
    let refusal = Answer::of(code)
        .with_reason(reason)
        .explained(why.as_ref())
        .with_all(fields);
    let cause = last.map_or(CauseCode::ScriptRejected, |last| last.cause);
    finish(call, x, cause, &refusal, &Q850::explain(why.as_ref(), &detail))
}

/// The Contact of a 302 to a number of ours, or to a URI. A number gets the host by which the phone at `flow` reaches us: the
/// phone may not be able to look up our domain.
pub(crate) fn redirected(x: &Core, flow: Option<Flow>, target: &str) -> String {
    match flow.filter(|_| !target.contains(':')) {
        Some(flow) => x.stack.contact(&flow, target, false),
        None => format!("<{target}>"),
    }
}

/// `caller.redirect(uri)`: 302.
pub(super) fn redirect(call: &mut Call, x: &mut Core, target: &str) -> Next {
    let flow = call.subject_leg(x).map(|leg| leg.path.flow);
    let contact = redirected(x, flow, target);
    let refusal = Answer::of(302).with(HeaderName::Contact, contact);
    finish(
        call,
        x,
        CauseCode::ScriptRedirected,
        &refusal,
        &format!("redirected to {target}"),
    )
}

/// `caller.hangup()`: BYE, or 603 before the answer.
pub(super) fn hang_up(call: &mut Call, x: &mut Core) -> Next {
    finish(
        call,
        x,
        CauseCode::ScriptHungUp,
        &Answer::of(603),
        "hung up by the dialplan",
    )
}

/// `caller.transfer(number)`: the script is cancelled once the caller has gone to its new call.
pub(super) fn transfer(call: &mut Call, x: &mut Core, target: String) -> Next {
    if call::by_script(call, x, target) {
        Next::Idle
    } else {
        Next::Done(Outcome::Fault(
            "the caller has gone, or was transferred too often".into(),
        ))
    }
}

fn finish(call: &mut Call, x: &mut Core, cause: CauseCode, refusal: &Answer, detail: &str) -> Next {
    call.decide(x, Ending::script(cause, refusal.status.code(), detail));
    call.dismiss_subject(x, refusal, Cause::ours(detail));
    Next::Done(Outcome::Done)
}
