//! `proxy`: the caller's INVITE is passed on to another server (RFC 3261 section 16).
//!
//! The call has no legs of Tandem from then on. It hears what comes of its INVITE, and when one of the parties has hung up,
//! so it has a record like any other call. Tandem cannot end it once it is answered: a proxy sends no BYE.

use sip::Instant;

use crate::{
    api::{Began, CauseCode, DialResult, DialStatus, EndedBy, Outcome, ProxyTarget, ProxyTo},
    call::{Call, Ending, VerbEvent},
    core::Core,
    event::{Cause, Who},
    ids::ProxyId,
    proxy::{self, Listener, News, Order},
};

use super::{Next, Running, dial::status_of};

/// A `proxy` in progress.
pub(crate) struct Proxying {
    request: ProxyId,
    to: String,
    /// The caller hears ringing.
    rang: bool,
    /// Since when the parties talk.
    answered: Option<Instant>,
}

/// `caller.proxy(..)`: verbs after it have no effect.
pub(super) fn proxy(call: &mut Call, x: &mut Core, want: ProxyTo) -> Next {
    let Some(leg) = call.subject().filter(|_| !call.is_transferred()) else {
        return Next::Done(Outcome::Fault("proxy: the caller was transferred here".into()));
    };
    let let_go = x.with_leg(leg, |leg, cx| leg.let_go(cx)).flatten();
    let Some((server, flow, request, trusted)) = let_go else {
        let fault = "proxy: the caller was answered, or has heard how the call goes on; proxy must come before that";
        return Next::Done(Outcome::Fault(fault.into()));
    };
    let to = named(&want.targets);
    call.record.to.clone_from(&to);
    let order = Order {
        server,
        flow,
        request: request.clone(),
        targets: want.targets,
        patience: want.timeout,
        listener: Listener::Call(call.id),
        untrusted: !trusted,
    };
    let begun = proxy::validate(&x.stack, &x.domain, &flow, &request)
        .and_then(|()| proxy::begin(&mut x.outside.proxied, &mut x.stack, &x.domain, order));
    match begun {
        Ok(request) => Next::Wait(Running::Proxy(Proxying {
            request,
            to,
            rang: false,
            answered: None,
        })),
        Err(refusal) => {
            x.stack.answer(server, &request, &refusal);
            refused(call, x, (refusal.status.code(), refusal.phrase()), (&to, false))
        }
    }
}

fn named(targets: &[ProxyTarget]) -> String {
    let names: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    names.join(" ")
}

fn refused(call: &mut Call, x: &mut Core, (code, reason): (u16, &str), (to, rang): (&str, bool)) -> Next {
    let ending = if code == 487 {
        Ending::cancelled()
    } else {
        Ending {
            by: EndedBy::Callee,
            ..Ending::refused(CauseCode::ProxyRefused, code, reason)
        }
    };
    let ending = Ending {
        detail: format!("passed on to {to}: {}", ending.detail),
        ..ending
    };
    call.decide(x, ending);
    let status = if code == 487 {
        DialStatus::Cancelled
    } else {
        status_of(code, rang)
    };
    Next::Done(passed_on(status, code, reason, "", 0.0))
}

/// What a request comes to that was passed on. `by` is empty where nobody has answered; `talk` is in seconds.
pub(crate) fn passed_on(status: DialStatus, code: u16, reason: &str, by: &str, talk: f64) -> Outcome {
    Outcome::Dial(Box::new(DialResult {
        status,
        code,
        reason: reason.to_owned(),
        by: by.to_owned(),
        talk,
    }))
}

impl Proxying {
    pub fn event(mut self, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Proxied(News::Rings) => {
                self.rang = true;
                call.mark_ringing(x);
                Next::Wait(Running::Proxy(self))
            }
            VerbEvent::Proxied(News::Answered) => {
                self.answered = Some(x.stack.now);
                call.mark_answered(x, Began::Answered);
                Next::Wait(Running::Proxy(self))
            }
            VerbEvent::Proxied(News::Refused { code, reason }) => {
                refused(call, x, (code, &reason), (&self.to, self.rang))
            }
            VerbEvent::Proxied(News::Ended(by)) => {
                let cause = Cause {
                    who: Who::Peer,
                    ..Cause::ours("hung up")
                };
                self.over(call, x, Ending::after(&cause, by))
            }
            VerbEvent::Proxied(News::Lost) => {
                let detail = "nothing was heard of the call for too long";
                self.over(call, x, Ending::system(CauseCode::ProxyLost, 200, detail))
            }
            // The call was ended: by the API, at the end of its time, with Tandem.
            VerbEvent::SubjectGone => {
                proxy::cancel(&mut x.outside.proxied, &mut x.stack, self.request, None);
                proxy::forget_call(&mut x.outside.proxied, call.id);
                Next::Idle
            }
            VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Timer
            | VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Resolved(..)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Guest(_)
            | VerbEvent::Recorded(_)
            | VerbEvent::Removed
            | VerbEvent::Joined(_) => Next::Wait(Running::Proxy(self)),
        }
    }

    fn over(self, call: &mut Call, x: &mut Core, ending: Ending) -> Next {
        call.decide(x, ending);
        let talk = self.answered.map_or(0.0, |since| (x.stack.now - since).as_secs_f64());
        Next::Done(passed_on(DialStatus::Answered, 200, "OK", &self.to, talk))
    }
}
