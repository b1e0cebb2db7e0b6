//! `dial`: rings targets, connects the first that answers, and lasts until that party hangs up.
//!
//! | file | what it does | which fields of [`Dialing`] it owns |
//! |---|---|---|
//! | `mod.rs` | a [`Hunt`], and the conversation that follows | `hunt`, `talking`, `record` |
//! | `progress.rs` | what the subject hears before a phone answers | `early`, `ringback` |
//! | `outcome.rs` | what the script gets | |

mod outcome;
mod progress;

use ::media::Spec;
use sip::{
    HeaderName, Instant, Method,
    headers::{Header, refer::ReferTo},
    privacy::Privacy,
};

use crate::{
    api::{CauseCode, Dial, DialStatus, Outcome},
    call::{self, Call, Guest, VerbEvent},
    core::Core,
    event::{Cause, LegEvent},
    hunt::{Hunt, Hunted, Quest, Unanswered, attached, breadth, diverted_before, passed},
    ids::LegId,
    leg::CallerId,
    locations::Instance,
    recordings::Full,
    stack::TimerKey,
};

pub(crate) use outcome::status_of;

use super::{Next, Running};

/// A `dial` in progress.
pub(crate) struct Dialing {
    hunt: Hunt,
    /// The phone whose early media the subject hears.
    early: Option<LegId>,
    /// Tandem plays ringback to a subject that was answered before.
    ringback: bool,
    talking: Option<Talk>,
    /// The conversation is recorded under this name.
    record: Option<String>,
}

struct Talk {
    since: Instant,
    by: String,
}

/// The phone that the caller has asked for by its GRUU, or to which it is transferred so (RFC 5627 section 6.1); `None`
/// where the call goes to a number.
fn asked_phone(call: &Call, x: &Core) -> Option<Instance> {
    let request = call.request(x)?;
    let by_refer = *request.method() == Method::Refer;
    let flow = call.subject_leg(x).filter(|leg| leg.inbound || by_refer)?.path.flow;
    let target = request.header(HeaderName::ReferTo).filter(|_| by_refer);
    let uri = match target {
        Some(target) => ReferTo::read(target).ok()?.uri,
        None => request.request_uri().ok()?,
    };
    uri.gruu()?;
    let number = x.number_at(&uri, &flow)?;
    x.phone_at(&uri).filter(|_| number == call.facts.dialed)
}

impl Dialing {
    /// Begins.
    pub fn start(call: &mut Call, x: &mut Core, request: Dial) -> Next {
        let caller = match request.caller_id {
            Some((number, name)) => CallerId { number, name },
            None => call.caller_id(),
        };
        let mut headers = request.headers;
        // RFC 3892 section 2.1: the target learns who has transferred the caller.
        if let Some(by) = call.referred_by(x) {
            headers.push((sip::HeaderName::ReferredBy.as_str().to_owned(), by));
        }
        let hidden = caller.is_hidden() || call.request(x).is_some_and(|request| Privacy::of(request).hides());
        let ours = (x.stack.config.domain.as_str(), call.facts.extension.as_deref());
        headers.extend(passed(call.request(x), hidden, &headers, ours));
        let quest = Quest {
            call: call.id,
            targets: request.targets,
            strategy: request.strategy,
            timeout: request.timeout,
            caller,
            subject: call.subject(),
            transferred: call.is_transferred(),
            headers,
            diverted: diverted_before(x, call.subject().filter(|_| !call.is_transferred())),
            max_forwards: call.max_forwards,
            max_breadth: breadth(call.request(x)),
            follows: true,
            auto_answer: request.auto_answer,
            phone: asked_phone(call, x),
            attached: attached(call.request(x)).filter(|_| !hidden),
        };
        call.record.hidden = quest.caller.number == "anonymous";
        let mut dialing = Box::new(Self {
            hunt: Hunt::new(quest).delayed(&request.delays),
            early: None,
            ringback: false,
            talking: None,
            record: request.record,
        });
        if call.script.last_dial.is_some() {
            dialing.early_ended(call, x);
        }
        let hunted = dialing.hunt.begin(x);
        dialing.go_on(call, x, hunted)
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        if self.talking.is_none() && call.has_ended() {
            return self.abandon(x);
        }
        let hunted = match event {
            VerbEvent::Leg(leg, LegEvent::Session(event)) => {
                self.session_changed(call, x, leg, &event);
                Hunted::Going
            }
            VerbEvent::Leg(leg, event) => self.hunt.leg_event(x, leg, event),
            VerbEvent::Timer => self.hunt.timed_out(x),
            VerbEvent::Resolved(query, ways) => self.hunt.resolved(x, query, &ways),
            VerbEvent::SubjectGone => return self.abandon(x),
            VerbEvent::PeerEnded => return self.over(call, x),
            VerbEvent::Guest(guest) => {
                self.guest(call, x, guest);
                Hunted::Going
            }
            VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Joined(_)
            | VerbEvent::Proxied(_) => Hunted::Going,
        };
        self.go_on(call, x, hunted)
    }

    /// Acts on the state of the hunt.
    fn go_on(mut self: Box<Self>, call: &mut Call, x: &mut Core, hunted: Hunted) -> Next {
        for (leg, peer) in self.hunt.take_rung() {
            call.adopt(x, leg);
            if call.record.to.is_empty() {
                call.record.to = peer.to_string();
            }
        }
        let before = self.early;
        self.early = before.filter(|leg| self.hunt.is_at(*leg));
        // RFC 3261 21.1.3. Where several phones ring, the caller waits for any of them.
        if self.hunt.take_forwarded() && self.hunt.is_single() && self.early.is_none() {
            call.with_subject(x, |leg, cx| leg.progress(cx, 181, "", None));
        }
        match hunted {
            Hunted::Going if before != self.early && !self.hunt.is_over() => self.early_ended(call, x),
            Hunted::Going => {}
            Hunted::Progress { peer, leg, said } => {
                call.record.to = peer.to_string();
                self.progress(call, x, leg, &said);
            }
            Hunted::Won { peer, leg, answer } => self.answered(call, x, peer.to_string(), (leg, answer)),
            Hunted::Lost(last) => return self.finish_unanswered(call, x, last),
        }
        if self.talking.is_none() && call.has_ended() {
            return self.abandon(x);
        }
        if self.talking.is_none() && self.hunt.is_over() {
            // A phone has answered, but the subject is gone or has no codec in common with it.
            let last = Unanswered::ours(CauseCode::CodecNoneInCommon, 488, "Not Acceptable Here");
            return self.finish_unanswered(call, x, last);
        }
        Next::Wait(Running::Dial(self))
    }

    /// Another call has handed a leg over: a phone that picks this call up, or a new subject.
    fn guest(&mut self, call: &mut Call, x: &mut Core, guest: Guest) {
        if guest.connected || self.talking.is_some() {
            return;
        }
        if guest.subject {
            self.hunt.connects_with(call.subject());
            return self.subject_changed(call, x);
        }
        if !self.hunt.is_at(guest.instead_of) {
            return;
        }
        let by = x.legs.get(guest.leg).map(|leg| leg.peer.to_string());
        let by = by.unwrap_or_default();
        self.hunt.answered_elsewhere(x);
        self.found(call, x, &by);
        if call.connect_guest(x, guest.leg) {
            self.talks(call, x, by);
        } else {
            x.with_leg(guest.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no codec in common")));
        }
    }

    /// A phone has taken the call: no other phone rings any longer.
    fn found(&mut self, call: &mut Call, x: &mut Core, by: &str) {
        self.silence(call, x);
        call.record.to = by.to_owned();
    }

    /// The two parties are connected.
    fn talks(&mut self, call: &mut Call, x: &mut Core, by: String) {
        self.talking = Some(Talk { since: x.stack.now, by });
        // Where there are too many recordings the call goes on; the log says so.
        if let Some(name) = self.record.take()
            && let Err(Full) = call::record_parties(call, x, &name)
        {
            tracing::warn!("the conversation is not recorded");
        }
    }

    fn answered(&mut self, call: &mut Call, x: &mut Core, by: String, (leg, answer): (LegId, Option<Spec>)) {
        self.found(call, x, &by);
        let spec = answer.unwrap_or_else(|| Spec::own(&[]));
        if call.connect(x, leg, &spec) {
            self.talks(call, x, by);
        } else {
            x.with_leg(leg, |leg, cx| leg.hang_up(cx, Cause::ours("no codec in common")));
        }
    }

    /// The subject has gone: no phone rings any longer.
    fn abandon(mut self: Box<Self>, x: &mut Core) -> Next {
        self.hunt.stop(x);
        let result = self.result(x, DialStatus::Cancelled, 487, "Request Terminated");
        Next::Done(Outcome::Dial(Box::new(result)))
    }

    /// The callee hung up.
    fn over(self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        if call.subject_waits(x) {
            // The caller's 2xx has not been sent: it waits for a PRACK.
            let last = Unanswered::ours(CauseCode::PhoneHungUpEarly, 480, "Hung Up Before The Answer");
            return self.finish_unanswered(call, x, last);
        }
        x.stack.timers.clear(TimerKey::Verb(call.id));
        call.script.last_dial = None;
        Next::Done(Outcome::Dial(Box::new(self.result(x, DialStatus::Answered, 200, "OK"))))
    }
}
