//! A call: its legs, who is connected with whom, its record, and the script that decides.
//!
//! A call knows how its legs are doing. What a verb does is the verb's own business: a call queues [`VerbEvent`]s for the
//! running verb and imports none. Calls never touch each other: a leg goes from one to another by a
//! [`Handover`](crate::core::Handover), which the switch carries.
//!
//! | file | what it does | fields of [`Call`] |
//! |---|---|---|
//! | `mod.rs` | begins and ends, routes what legs report | `id`, `uid`, `legs`, `subject`, `facts`, `asked`, `span` |
//! | `connect.rs` | the bridge: connects, parts, what is offered in mid-call | `bridge` |
//! | `digits.rs` | keys, INFO and MESSAGE within the call | `keys` |
//! | `end.rs` | how a call ended, and its record | |
//! | `events.rs` | what a running verb hears | `heard` |
//! | `focus.rs` | REFER by a member of a conference | |
//! | `handover.rs` | legs that come and go | |
//! | `live.rs` | what the admin API shows | |
//! | `record.rs` | what the record says, gathered on the way | `record` |
//! | `script.rs` | how far the script is | `script` |
//! | `tape.rs` | the recording of the two parties | `tape` |
//! | `transfer/` | transfers: by REFER, by the API, by the script | `transfer` |

mod connect;
mod digits;
mod end;
mod events;
mod focus;
mod handover;
mod live;
mod record;
mod script;
mod tape;
mod transfer;

use std::time::Duration;

use sip::Message;

use digits::Keys;
pub(crate) use digits::{digit, digit_ended, listen};
pub(crate) use end::{Ending, record_refused};
pub(crate) use events::{Guest, VerbEvent, VerbEvents};
pub(crate) use focus::{inviter, ring_invited, to_conference};
pub(crate) use handover::{has_place, joined, joined_by, release, subject_as_shown, take_over, would_host, would_take};
pub(crate) use live::live;
use record::Record;
use script::{Script, Stage};
pub(crate) use tape::{Tape, command as record_command, follow, record as record_parties, recorded};
use transfer::Transfer;
pub(crate) use transfer::{
    by_script, command as transfer_command, join_conference, refused, sent_by, transferor, unanswered, waits_in_vain,
};

use crate::{
    answer::Answer,
    api::{Began, CallUid, CauseCode, CdrAnswer, EndedBy, Event, Facts, LinkKind, Output, Query, QueryId},
    bridge::Bridge,
    core::{Asked, Beginning, Core, Destination, Handover, QueryUse, Why},
    event::{Cause, EndEvent, LegEvent, SetupEvent},
    ids::{CallId, LegId},
    leg::{CallerId, Leg, answer_passed},
    stack::TimerKey,
};

/// See the module.
pub(crate) struct Call {
    pub id: CallId,
    pub uid: CallUid,
    /// The leg that the script speaks for; none once that leg has gone, or was handed to another call. Of a call made over
    /// the API the phone that is rung first, until one is picked up.
    subject: Option<LegId>,
    legs: Vec<LegId>,
    /// Two legs of the call that are connected.
    bridge: Option<Bridge>,
    pub facts: Box<Facts>,
    /// What began the call.
    asked: Asked,
    /// Max-Forwards for what the call sends out.
    pub max_forwards: u32,
    /// Keys the subject presses.
    pub keys: Keys,
    pub record: Record,
    pub script: Script,
    /// What the running verb has not heard yet.
    heard: VerbEvents,
    transfer: Transfer,
    /// The recording of who is connected.
    tape: Option<Box<Tape>>,
    span: tracing::Span,
}

impl Call {
    /// A call; `subject` is its leg, unless that is still to be made.
    pub fn new(x: &mut Core, id: CallId, uid: CallUid, subject: Option<LegId>, beginning: Beginning) -> Self {
        let facts = Facts {
            id: uid.to_string(),
            ..beginning.facts
        };
        let span = tracing::info_span!("call", id = %uid, from = %facts.caller(), dialed = %facts.dialed);
        Self {
            id,
            uid,
            subject,
            legs: subject.into_iter().collect(),
            bridge: None,
            asked: Asked::Call,
            max_forwards: beginning.max_forwards,
            keys: Keys::default(),
            record: Record::new(x, beginning.sip_call_id, facts.caller()),
            script: Script::new(beginning.entry),
            heard: VerbEvents::new(),
            transfer: Transfer::None,
            tape: None,
            span,
            facts: Box::new(facts),
        }
    }

    /// Begins: the CDR is opened first, the script starts when that is on disk.
    pub fn begin(&mut self, x: &mut Core) {
        let _entered = self.span.clone().entered();
        tracing::info!(source = %self.facts.source, "call started");
        let query = self.open_record(x);
        self.script.stage = Stage::Storing(query);
        let wanted = self.expires(x).unwrap_or(Duration::MAX);
        let at = x.stack.now + x.stack.config.limits.setup.min(wanted);
        x.stack.timers.set(TimerKey::Setup(self.id), at);
    }

    /// Begins with a subject that a transfer brought from the call `from`.
    pub fn begin_transferred(&mut self, x: &mut Core, from: CallUid) {
        self.record.link(x, from, LinkKind::TransferredFrom);
        self.begin(x);
    }

    /// Begins for an INVITE with Replaces: no script runs, and the leg goes on to the place of another one.
    pub fn begin_joining(&mut self, x: &mut Core, place: LegId) {
        let _entered = self.span.clone().entered();
        self.open_record(x);
        if let Some(leg) = self.subject {
            x.handovers.push_back(Handover {
                leg,
                to: Destination::Place(place),
                why: Why::Replaces,
            });
        }
    }

    /// The call is that of a blind transfer. The subject goes back to `transferor`, if any, where no phone answers.
    pub fn transferred(&mut self, asked: Asked, transferor: Option<LegId>) {
        self.asked = asked;
        self.transfer = transferor.map_or(Transfer::None, |transferor| Transfer::Takes { transferor });
    }

    /// The place that an INVITE with Replaces, or a `pickup`, wanted is not to be had.
    pub fn cannot_join(&mut self, x: &mut Core, code: u16) {
        let _entered = self.span.clone().entered();
        if self.script.runs() {
            return self.tell_verb(VerbEvent::Joined(Err(code)));
        }
        end::close_record(self, x, Ending::not_replaced(code));
        self.with_subject(x, |leg, cx| leg.reject(cx, &Answer::of(code)));
    }

    fn open_record(&mut self, x: &mut Core) -> QueryId {
        if let Some(subject) = self.subject {
            self.name_leg(x, subject);
        }
        let open = Query::OpenCdr(Box::new(self.record.open(self.uid, &self.facts)));
        let query = x.ask(open, QueryUse::OpenCdr(self.id));
        x.stack.outputs.stats.calls_started += 1;
        let live = live(self, x);
        x.stack.event(Event::CallStarted(Box::new(live)));
        query
    }

    /// The caller as a callee sees it.
    pub fn caller_id(&self) -> CallerId {
        CallerId {
            number: self.facts.number.clone(),
            name: self.facts.name.clone(),
        }
    }

    /// The request that began the call, for `caller.header(..)`: an INVITE, or the REFER of a transfer.
    pub fn request<'a>(&'a self, x: &'a Core) -> Option<&'a Message> {
        let subject = self.subject_leg(x);
        match &self.asked {
            Asked::Refer { refer, .. } => Some(refer),
            Asked::Call => subject.map(|leg| &leg.invite),
            // An INVITE of ours says nothing of the party.
            Asked::Command | Asked::Join { .. } => subject.filter(|leg| leg.inbound).map(|leg| &leg.invite),
        }
    }

    /// Whether the subject came from another call.
    pub const fn is_transferred(&self) -> bool {
        !matches!(self.asked, Asked::Call)
    }

    /// The conference that the subject is in instead of a script.
    pub fn joins(&self) -> Option<&str> {
        match &self.asked {
            Asked::Join { room, .. } => Some(room),
            Asked::Call | Asked::Refer { .. } | Asked::Command => None,
        }
    }

    /// The call is that of an INVITE with Join.
    pub fn is_to_join(&mut self, room: String) {
        self.asked = Asked::Join { room, invited_by: None };
    }

    /// The Referred-By of requests to the target of a transfer (RFC 3892 section 2.1). Tandem names the phone that it has
    /// authenticated, and does not copy what that phone says of itself.
    pub fn referred_by(&self, x: &Core) -> Option<String> {
        let Asked::Refer { by, .. } = &self.asked else {
            return None;
        };
        match by.as_str() {
            "anonymous" | "" => None,
            uri if uri.contains(':') => Some(format!("<{uri}>")),
            number => Some(format!("<sip:{}@{}>", sip::escape_user(number), x.stack.config.domain)),
        }
    }

    /// The span of the call: lines logged within it name the call.
    pub fn span(&self) -> tracing::Span {
        self.span.clone()
    }

    /// The leg that the script speaks for.
    pub const fn subject(&self) -> Option<LegId> {
        self.subject
    }

    /// The same.
    pub fn subject_leg<'a>(&self, x: &'a Core) -> Option<&'a Leg> {
        x.legs.get(self.subject?)
    }

    /// Does something with the subject's leg, unless there is none.
    pub fn with_subject<R>(
        &self,
        x: &mut Core,
        act: impl FnOnce(&mut Leg, &mut crate::stack::Stack) -> R,
    ) -> Option<R> {
        x.with_leg(self.subject?, act)
    }

    /// The subject's place in the media engine.
    pub fn subject_port(&self, x: &Core) -> Option<::media::MediaId> {
        x.port_of(self.subject?)
    }

    /// Whether the subject waits for its final answer.
    pub fn subject_waits(&self, x: &Core) -> bool {
        self.subject_leg(x).is_some_and(Leg::is_waiting)
    }

    /// Whether the subject is answered and there.
    pub fn subject_is_up(&self, x: &Core) -> bool {
        self.subject_leg(x).is_some_and(Leg::is_up)
    }

    /// A leg was made for this call.
    pub fn adopt(&mut self, x: &mut Core, leg: LegId) {
        self.legs.push(leg);
        self.name_leg(x, leg);
    }

    /// Lines about a leg name its call, too.
    fn name_leg(&self, x: &mut Core, leg: LegId) {
        if let Some(leg) = x.legs.get_mut(leg) {
            let call_id = leg.invite.call_id();
            leg.span =
                tracing::info_span!(parent: &self.span, "leg", id = %leg.id, party = %leg.peer, sip_call_id = %call_id);
        }
    }

    /// The subject got a 200 (or, of a call made over the API, gave one), or was connected with another party: by an
    /// answer, or with a phone that took the call from another one.
    pub fn mark_answered(&mut self, x: &mut Core, why: Began) {
        if self.subject_waits(x) {
            return; // its 2xx waits for a PRACK, and says when it is sent
        }
        let answered_at = self.record.answered_at.unwrap_or_else(|| self.record.unix(x));
        let answer = CdrAnswer {
            open: self.record.open(self.uid, &self.facts),
            to: self.record.to.clone(),
            answered_at,
        };
        x.stack.outputs.push_back(Output::CdrAnswered(Box::new(answer)));
        transfer::succeeded(self, x);
        connect::note_parties(self, x, why);
        if self.record.answered_at.replace(answered_at).is_some() {
            return; // by Tandem itself before, and is connected with a phone now
        }
        x.stack.outputs.stats.calls_answered += 1;
        x.stack.timers.clear(TimerKey::Setup(self.id));
        let to = (!self.record.to.is_empty()).then(|| tracing::field::display(&self.record.to));
        tracing::info!(to, "call answered");
        let live = live(self, x);
        x.stack.event(Event::CallAnswered(Box::new(live)));
    }

    /// The caller hears that it rings.
    pub fn mark_ringing(&mut self, x: &mut Core) {
        if !self.record.ringing {
            self.record.ringing = true;
            transfer::rings(self, x);
            let live = live(self, x);
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
            if let LegEvent::Setup(SetupEvent::Refused { code, reason, why, .. }) = &event
                && *code != 487
            {
                let why = why.as_ref().map(tracing::field::display);
                tracing::info!(code, %reason, why, "the phone refused");
            } else {
                tracing::debug!("the leg: {event}");
            }
        });
        let _entered = self.span.clone().entered();
        let gone = matches!(event, LegEvent::End(EndEvent::Gone));
        if gone {
            self.legs.retain(|one| *one != leg);
            if let Some(leg) = x.legs.get(leg)
                && let Some(media) = leg.closed_port()
            {
                x.stack.outputs.closing.begins(media, self.uid, leg.sounded());
            }
            x.remove_leg(leg);
        }
        if let LegEvent::Referred { server, request } = event {
            transfer::referred(self, x, leg, server, &request);
        } else if Some(leg) == self.subject && !self.script.seeks {
            self.subject_event(x, leg, event);
        } else if self.other(leg).is_some() {
            connect::partner_event(self, x, leg, event);
        } else if self.waits_for_return(leg) {
            connect::lone_event(self, x, leg, event);
        } else if let LegEvent::Passed { server, .. } = event {
            // The phone has no partner, and no verb takes its request.
            answer_passed(&mut x.stack, server, 480);
        } else {
            self.tell_verb(VerbEvent::Leg(leg, event));
        }
        if gone {
            end::when_nothing_is_left(self, x);
        }
    }

    /// Whether this leg has transferred the other party, and waits for what comes of it.
    fn waits_for_return(&self, leg: LegId) -> bool {
        matches!(self.transfer, Transfer::Gives { transferor, .. } if transferor == leg)
    }

    /// The media engine reports of a leg: music on hold is the bridge's, anything else the running verb's.
    pub fn media_event(&mut self, x: &mut Core, leg: LegId, event: ::media::Event) {
        if let (::media::Event::Played { token, fault, .. }, Some(bridge)) = (&event, &mut self.bridge)
            && bridge.played(x, *token, fault.as_deref())
        {
            return;
        }
        self.tell_verb(VerbEvent::Media(leg, event));
    }

    /// Queues an event for the running verb.
    pub fn tell_verb(&mut self, event: VerbEvent) {
        self.heard.push_back(event);
    }

    /// Lends the call a queue for the events of its verb, or takes it back empty. A queue of its own would keep its room as
    /// long as the call lasts.
    pub fn lend(&mut self, queue: &mut VerbEvents) {
        if self.heard.is_empty() {
            std::mem::swap(&mut self.heard, queue);
        }
    }

    /// The next event for the running verb.
    pub fn next_event(&mut self) -> Option<VerbEvent> {
        self.heard.pop_front()
    }

    fn subject_event(&mut self, x: &mut Core, subject: LegId, event: LegEvent) {
        match event {
            LegEvent::Setup(SetupEvent::Cancelled) => self.subject_gone(x, Ending::cancelled()),
            LegEvent::Setup(SetupEvent::Accepted) => {
                self.mark_answered(x, Began::Answered);
                connect::came_up(self, x);
            }
            LegEvent::Setup(SetupEvent::Lost) => {
                let detail = "the caller's phone did not acknowledge a provisional response";
                self.subject_gone(x, Ending::system(CauseCode::CallerNoPrack, 504, detail));
            }
            LegEvent::Setup(SetupEvent::Confirmed { answer }) => connect::subject_confirmed(self, x, subject, answer),
            LegEvent::Session(event) => connect::session_event(self, x, subject, event),
            LegEvent::End(EndEvent::Ended(cause)) => self.subject_gone(x, Ending::after(&cause, EndedBy::Caller)),
            LegEvent::Passed { server, request } => digits::passed(self, x, subject, server, &request),
            // Of a leg that Tandem began: before it was the subject (`Originating`).
            LegEvent::Setup(
                SetupEvent::Provisional { .. } | SetupEvent::Answered { .. } | SetupEvent::Refused { .. },
            )
            | LegEvent::Referred { .. }
            | LegEvent::End(EndEvent::Gone) => {}
        }
    }

    /// The subject is no longer there, or no longer wants: the record ends, then the script, then the verb, and then the
    /// connection, each by itself.
    pub fn subject_gone(&mut self, x: &mut Core, ending: Ending) {
        let cause = Cause::ours("the other side hung up").because(ending.why.clone());
        transfer::abandoned(self, x, ending.code);
        end::close_record(self, x, ending);
        // Before the verb ends, so that nothing after that verb runs.
        self.cancel_script(x);
        self.tell_verb(VerbEvent::SubjectGone);
        connect::hang_up_partner(self, x, &cause);
    }

    /// Ends the call for a reason of ours (the admin API, shutdown, a limit).
    pub fn end(&mut self, x: &mut Core, ending: Ending) {
        let _entered = self.span.clone().entered();
        let code = if ending.code >= 400 { ending.code } else { 480 };
        let cause = Cause::ours(&ending.detail);
        self.subject_gone(x, ending);
        self.with_subject(x, |leg, cx| leg.reject(cx, &Answer::of(code)));
        self.hang_up_all(x, &cause);
    }

    /// Hangs up every leg that is not over.
    pub fn hang_up_all(&self, x: &mut Core, cause: &Cause) {
        for leg in &self.legs {
            x.with_leg(*leg, |leg, cx| leg.hang_up(cx, cause.clone()));
        }
    }

    /// How long the caller's INVITE is good for (RFC 3261 13.3.1).
    fn expires(&self, x: &Core) -> Option<Duration> {
        let leg = self.subject_leg(x).filter(|leg| leg.inbound && leg.is_waiting())?;
        let seconds = leg.invite.expires().ok().flatten()?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// The call was not decided on in time.
    pub fn setup_timed_out(&mut self, x: &mut Core) {
        let waited = x.stack.now.since(self.record.began);
        let expired = self.expires(x).is_some_and(|time| time <= waited);
        if self.record.answered_at.is_some() {
            return;
        }
        let ending = if expired {
            Ending {
                cause: CauseCode::CallerExpired,
                detail: "the caller's INVITE has expired".into(),
                ..Ending::cancelled()
            }
        } else {
            Ending::system(
                CauseCode::CallNotDecided,
                480,
                "nobody answered in the longest time allowed",
            )
        };
        self.end(x, ending);
    }

    /// Whether how the call ended is decided.
    pub fn has_ended(&self) -> bool {
        self.record.ending.is_some()
    }

    /// How the call ends is decided (by its script): its record is written.
    pub fn decide(&mut self, x: &mut Core, ending: Ending) {
        end::close_record(self, x, ending);
    }

    /// Whether nothing of the call is left, so that its slot can go.
    pub fn is_over(&self) -> bool {
        self.legs.is_empty() && self.script.is_over()
    }
}
