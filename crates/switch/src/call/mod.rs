//! A call: at most two legs, one running verb, and the script that decides.
//!
//! The call knows how its legs are doing and who waits for whom; what a verb does is the verb's own
//! business (`crate::verbs`). A feature is a new verb, never a new field here.

mod bridge;
mod digits;
mod end;
mod live;
mod script;

use std::time::Duration;

use sip::{Instant, Message};

pub(crate) use bridge::Bridge;
pub(crate) use end::{Ending, record_refused};

use crate::{
    answer::Answer,
    api::{CallUid, CdrAnswer, CdrOpen, EndedBy, Event, Facts, Output, Position, Query, QueryId, ScriptEntry},
    core::{Core, QueryUse},
    ids::{CallId, LegId},
    leg::{CallerId, Cause, LegEvent, Q850},
    stack::TimerKey,
    verbs::{Originating, Running, VerbEvent},
};

/// How far the script is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScriptState {
    /// Waits until the beginning of the CDR is on disk.
    Storing(QueryId),
    /// Waits until the phone of whoever wanted the call is picked up.
    Waiting,
    /// Runs, or waits for its verb.
    Running,
    /// Was told that the caller is gone.
    Cancelled,
    /// Over, or never begun.
    Over,
}

/// See the module.
pub(crate) struct Call {
    pub id: CallId,
    pub uid: CallUid,
    /// The leg the call is for; with a call made over the API the first one rung.
    pub caller: LegId,
    /// The other leg, while two are connected.
    pub bridge: Option<Bridge>,
    pub running: Running,
    pub facts: Box<Facts>,
    /// Max-Forwards for what the call sends out.
    pub max_forwards: u32,
    /// What the last `dial` came to, for how the call ends if nothing follows.
    pub last_dial: Option<Unanswered>,
    /// Keys the caller pressed that no verb has taken.
    pub digits: String,
    pub answered_at: Option<i64>,
    /// Who is, or was last, rung or connected.
    pub to: String,
    pub ringing: bool,
    entry: ScriptEntry,
    script: ScriptState,
    at: Position,
    doing: &'static str,
    started_at: i64,
    began: Instant,
    sip_call_id: String,
    ending: Option<Ending>,
    /// The callee's end, as long as the script has not gone on.
    callee_ended: Option<Ending>,
    legs: Vec<LegId>,
    span: tracing::Span,
}

/// What the last `dial` came to that nobody answered.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// The status the caller is to get.
    pub code: u16,
    /// The reason phrase the caller is to get.
    pub reason: String,
    /// What the record says.
    pub detail: String,
    /// What the telephone network said; the caller is told.
    pub why: Option<Q850>,
    /// Whose doing it was.
    pub by: EndedBy,
}

/// What is known of a call at its beginning.
#[derive(Clone)]
pub(crate) struct Beginning {
    pub facts: Facts,
    pub entry: ScriptEntry,
    pub max_forwards: u32,
    pub sip_call_id: String,
}

impl Call {
    /// A call whose caller's leg is about to be made.
    pub fn new(x: &mut Core, id: CallId, uid: CallUid, caller: LegId, beginning: Beginning) -> Self {
        let facts = Facts {
            id: uid.to_string(),
            ..beginning.facts
        };
        let span = tracing::info_span!("call", id = %uid, from = %facts.caller(), dialed = %facts.dialed);
        Self {
            id,
            uid,
            caller,
            bridge: None,
            running: Running::None,
            max_forwards: beginning.max_forwards,
            last_dial: None,
            digits: String::new(),
            answered_at: None,
            to: String::new(),
            ringing: false,
            entry: beginning.entry,
            script: ScriptState::Over,
            at: Position::default(),
            doing: "",
            started_at: x.stack.unix(),
            began: x.stack.now,
            sip_call_id: beginning.sip_call_id,
            ending: None,
            callee_ended: None,
            legs: vec![caller],
            span,
            facts: Box::new(facts),
        }
    }

    /// Begins: the CDR is opened first, the script starts when that is on disk.
    pub fn begin(&mut self, x: &mut Core) {
        let _entered = self.span.clone().entered();
        tracing::info!(source = %self.facts.source, "call started");
        self.name_leg(x, self.caller);
        let open = Query::OpenCdr(Box::new(self.cdr_open()));
        let query = x.ask(open, QueryUse::OpenCdr(self.id));
        self.script = ScriptState::Storing(query);
        x.stats.calls_started += 1;
        let wanted = self.expires(x).unwrap_or(Duration::MAX);
        let at = x.stack.now + x.stack.config.limits.setup.min(wanted);
        x.stack.timers.set(TimerKey::Setup(self.id), at);
        let live = self.live(x);
        x.stack.event(Event::CallStarted(Box::new(live)));
    }

    fn cdr_open(&self) -> CdrOpen {
        CdrOpen {
            call_id: self.uid,
            from: self.facts.caller().to_owned(),
            from_name: self.facts.name.clone(),
            dialed: self.facts.dialed.clone(),
            sip_call_id: self.sip_call_id.clone(),
            started_at: self.started_at,
        }
    }

    /// The caller as a callee sees it.
    pub fn caller_id(&self) -> CallerId {
        CallerId {
            number: self.facts.number.clone(),
            name: self.facts.name.clone(),
        }
    }

    /// The INVITE that began the call, for `caller.header(..)`.
    pub fn invite<'a>(&self, x: &'a Core) -> Option<&'a Message> {
        x.legs.get(self.caller).map(|leg| &leg.invite)
    }

    /// Whether the caller waits for its final answer.
    pub fn caller_waits(&self, x: &Core) -> bool {
        x.legs
            .get(self.caller)
            .is_some_and(|leg| leg.phase == crate::leg::Phase::Incoming)
    }

    /// Whether the caller is answered and there.
    pub fn caller_is_up(&self, x: &Core) -> bool {
        x.legs.get(self.caller).is_some_and(crate::leg::Leg::is_up)
    }

    /// A leg was made for this call.
    pub fn adopt(&mut self, x: &mut Core, leg: LegId) {
        self.legs.push(leg);
        self.name_leg(x, leg);
    }

    /// What is logged of a leg is logged of its call.
    fn name_leg(&self, x: &mut Core, leg: LegId) {
        if let Some(leg) = x.legs.get_mut(leg) {
            let call_id = leg.invite.call_id();
            leg.span = tracing::info_span!(parent: &self.span, "leg", id = %leg.id, party = %leg.party, sip_call_id = %call_id);
        }
    }

    /// The caller got a 200 (or, of a call made over the API, gave one).
    pub fn mark_answered(&mut self, x: &mut Core) {
        let answered_at = self.answered_at.unwrap_or_else(|| self.unix(x));
        let answer = CdrAnswer {
            open: self.cdr_open(),
            to: self.to.clone(),
            answered_at,
        };
        x.stack.outputs.push_back(Output::CdrAnswered(Box::new(answer)));
        if self.answered_at.replace(answered_at).is_some() {
            return; // by Tandem itself before, and is connected with somebody now
        }
        x.stats.calls_answered += 1;
        x.stack.timers.clear(TimerKey::Setup(self.id));
        let to = (!self.to.is_empty()).then(|| tracing::field::display(&self.to));
        tracing::info!(to, "call answered");
        let live = self.live(x);
        x.stack.event(Event::CallAnswered(Box::new(live)));
    }

    /// The caller hears that it rings.
    pub fn mark_ringing(&mut self, x: &mut Core) {
        if !self.ringing {
            self.ringing = true;
            let live = self.live(x);
            x.stack.event(Event::CallRinging(Box::new(live)));
        }
    }

    /// One of its legs reports.
    pub fn leg_event(&mut self, x: &mut Core, leg: LegId, event: LegEvent) {
        let span = x
            .legs
            .get(leg)
            .map_or_else(|| self.span.clone(), |leg| leg.span.clone());
        span.in_scope(|| {
            // RFC 3261 9.1: 487 is what a phone says that was told to stop.
            if let LegEvent::Refused { code, reason, why, .. } = &event
                && *code != 487
            {
                let why = why.as_ref().map(tracing::field::display);
                tracing::info!(code, %reason, why, "the phone refused");
            } else {
                tracing::debug!("the leg: {event}");
            }
        });
        let _entered = self.span.clone().entered();
        if matches!(event, LegEvent::Gone) {
            self.legs.retain(|one| *one != leg);
            x.remove_leg(leg);
        }
        if leg == self.caller && !self.is_originating() {
            self.caller_event(x, event);
        } else if self.bridge.as_ref().is_some_and(|bridge| bridge.peer == leg) {
            self.peer_event(x, leg, event);
        } else {
            self.verb_event(x, VerbEvent::Leg(leg, event));
        }
    }

    fn caller_event(&mut self, x: &mut Core, event: LegEvent) {
        match event {
            LegEvent::Cancelled => self.caller_gone(x, Ending::cancelled()),
            LegEvent::Ended(cause) => self.caller_gone(x, Ending::after(&cause, EndedBy::Caller)),
            LegEvent::Confirmed { answer } => self.caller_confirmed(x, answer),
            LegEvent::Offer(_)
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferPending
            | LegEvent::OfferAnswered(_)
            | LegEvent::OfferRefused { .. }
            | LegEvent::Redescribed(_) => self.session_event(x, self.caller, event),
            LegEvent::Passed { server, request } => self.passed(x, self.caller, server, &request),
            // Of a leg that Tandem began: before it was the caller (`Originating`).
            LegEvent::Provisional { .. } | LegEvent::Answered { .. } | LegEvent::Refused { .. } | LegEvent::Gone => {}
        }
    }

    /// Of a call made over the API: these phones ring besides the first.
    pub fn originate(&mut self, x: &mut Core, others: Vec<LegId>) {
        for leg in &others {
            self.adopt(x, *leg);
        }
        let legs = std::iter::once(self.caller).chain(others).collect();
        self.running = Running::Originate(Originating::start(self, x, legs));
    }

    fn is_originating(&self) -> bool {
        matches!(self.running, Running::Originate(_))
    }

    /// None of the phones of whoever wanted the call was picked up.
    pub fn originator_gone(&mut self, x: &mut Core, ending: Ending) {
        self.caller_gone(x, ending);
    }

    /// Of a call made over the API: whoever wanted it has picked up, and now "dials".
    pub fn originator_answered(&mut self, x: &mut Core) {
        self.mark_answered(x);
        if self.script == ScriptState::Waiting {
            self.start_script(x);
        }
    }

    /// The caller is no longer there, or no longer wants.
    fn caller_gone(&mut self, x: &mut Core, ending: Ending) {
        let cause = Cause::ours("the other side hung up").because(ending.why.clone());
        self.close_cdr(x, ending);
        // First of all, so that nothing after the verb that ends now runs.
        self.cancel_script(x);
        self.verb_event(x, VerbEvent::CallerGone);
        self.unbridge(x, &cause);
    }

    /// Ends the call for a reason of ours (the admin API, shutdown, a limit).
    pub fn end(&mut self, x: &mut Core, ending: Ending) {
        let _entered = self.span.clone().entered();
        let code = if ending.code >= 400 { ending.code } else { 480 };
        let cause = Cause::ours(&ending.detail);
        self.caller_gone(x, ending);
        let caller = self.caller;
        x.with_leg(caller, |leg, cx| leg.reject(cx, &Answer::of(code)));
        x.with_leg(caller, |leg, cx| leg.hang_up(cx, cause.clone()));
    }

    /// The answer to the question whether the CDR is open has come.
    pub fn stored(&mut self, x: &mut Core, query: QueryId, ok: bool) {
        let _entered = self.span.clone().entered();
        if self.script != ScriptState::Storing(query) {
            return;
        }
        if !ok {
            // People must be able to call also with a full disk; the CDR is written later, or lost with a crash.
            tracing::error!("the beginning of the call's record could not be written; the call goes on");
        }
        if self.is_originating() {
            self.script = ScriptState::Waiting;
        } else {
            self.start_script(x);
        }
    }

    /// The wall clock as it was going when the call began: one that is set meanwhile makes no call longer or shorter.
    fn unix(&self, x: &Core) -> i64 {
        let passed = x.stack.now.since(self.began).as_micros();
        self.started_at
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// How long the caller's INVITE is good for (RFC 3261 13.3.1).
    fn expires(&self, x: &Core) -> Option<Duration> {
        let leg = x.legs.get(self.caller).filter(|leg| leg.inbound)?;
        let seconds = leg.invite.expires().ok().flatten()?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// Nobody decided on the call in time.
    pub fn setup_timed_out(&mut self, x: &mut Core) {
        let waited = x.stack.now.since(self.began);
        let expired = self.expires(x).is_some_and(|time| time <= waited);
        if self.answered_at.is_none() && expired {
            let detail = "the caller's INVITE has expired".into();
            self.end(
                x,
                Ending {
                    detail,
                    ..Ending::cancelled()
                },
            );
        } else if self.answered_at.is_none() {
            self.end(x, Ending::system(480, "nobody answered in the longest time allowed"));
        }
    }

    /// Whether nothing of the call is left, so that its slot can go.
    pub fn is_over(&self) -> bool {
        self.legs.is_empty() && self.script == ScriptState::Over
    }

    /// Whether a script runs for the call.
    pub const fn has_script(&self) -> bool {
        matches!(self.script, ScriptState::Running | ScriptState::Cancelled)
    }
}
