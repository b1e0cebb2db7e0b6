//! `dial`: rings targets, connects the first to answer, and lasts until that one hangs up.

mod outcome;
mod place;
mod progress;

use std::collections::VecDeque;

use ::media::Spec;
use sip::{Flow, Instant};

use crate::{
    api::{Dial, DialStatus, Outcome, QueryId, Strategy, Target},
    call::{Call, Guest, VerbEvent},
    core::Core,
    event::{Cause, LegEvent, Q850},
    ids::LegId,
    leg::answer_passed,
    locations::Peer,
    stack::TimerKey,
};

use super::{Next, Running};
use outcome::Best;
use progress::Said;

/// A `dial` in progress.
pub(crate) struct Dialing {
    request: Dial,
    /// Targets not yet tried.
    waiting: VecDeque<Target>,
    branches: Vec<Branch>,
    /// URIs being looked up, with the one who is meant.
    lookups: Vec<(QueryId, place::Lookup)>,
    best: Best,
    /// Somebody's phone rang.
    rang: bool,
    /// Whose early media the caller hears.
    early: Option<LegId>,
    /// Tandem plays ringback to a caller that was answered before.
    ringback: bool,
    redirects: usize,
    talking: Option<Talk>,
}

/// One phone being rung.
struct Branch {
    leg: LegId,
    /// Who is rung there.
    peer: Peer,
    /// How the call came to it.
    trail: place::Trail,
    /// It said last that it rings.
    rings: bool,
}

struct Talk {
    since: Instant,
    by: String,
}

impl Dialing {
    /// Begins.
    pub fn start(call: &mut Call, x: &mut Core, request: Dial) -> Next {
        let mut waiting: VecDeque<Target> = request.targets.iter().cloned().collect();
        if request.strategy == Strategy::Random {
            shuffle(&mut waiting, x);
        }
        let mut dialing = Box::new(Self {
            request,
            waiting,
            branches: Vec::new(),
            lookups: Vec::new(),
            best: Best::default(),
            rang: false,
            early: None,
            ringback: false,
            redirects: 0,
            talking: None,
        });
        dialing.next_targets(call, x);
        dialing.go_on(call, x)
    }

    /// Rings the targets whose turn it is, for as long as the script allows.
    fn next_targets(&mut self, call: &mut Call, x: &mut Core) {
        while self.branches.is_empty() && self.lookups.is_empty() {
            let count = match self.request.strategy {
                Strategy::All => self.waiting.len(),
                Strategy::Sequence | Strategy::Random => 1,
            };
            let turn: Vec<Target> = self.waiting.drain(..count.min(self.waiting.len())).collect();
            if turn.is_empty() {
                return;
            }
            x.stack
                .timers
                .set(TimerKey::Verb(call.id), x.stack.now + self.request.timeout);
            for target in turn {
                self.place(call, x, &target, &place::Trail::default());
            }
        }
    }

    /// Something happened.
    pub fn event(mut self: Box<Self>, call: &mut Call, x: &mut Core, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Leg(leg, event) => self.leg_event(call, x, leg, event),
            VerbEvent::Timer => self.timed_out(call, x),
            VerbEvent::SubjectGone => return self.abandon(call, x),
            VerbEvent::PeerEnded => return self.over(call, x),
            VerbEvent::Resolved(query, flows) => self.resolved(call, x, query, &flows),
            VerbEvent::Guest(guest) => self.guest(call, x, guest),
            VerbEvent::Digit(_) | VerbEvent::Media(..) | VerbEvent::SubjectConfirmed => {}
        }
        self.go_on(call, x)
    }

    /// Waits for what is under way; when nothing is, the next targets have their turn, or it is over.
    fn go_on(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        if self.talking.is_some() {
            return Next::Wait(Running::Dial(self));
        }
        if call.has_ended() {
            return self.abandon(call, x);
        }
        self.next_targets(call, x);
        if !self.branches.is_empty() || !self.lookups.is_empty() {
            return Next::Wait(Running::Dial(self));
        }
        self.finish_unanswered(call, x)
    }

    fn leg_event(&mut self, call: &mut Call, x: &mut Core, leg: LegId, event: LegEvent) {
        let Some(index) = self.branches.iter().position(|branch| branch.leg == leg) else {
            return;
        };
        match event {
            LegEvent::Provisional { code, reason, answer } => {
                self.progress(call, x, index, &Said { code, reason, answer });
            }
            LegEvent::Answered { answer } => self.answered(call, x, index, answer),
            LegEvent::Refused {
                code,
                reason,
                contacts,
                why,
            } => {
                let branch = self.branches.swap_remove(index);
                self.refused(call, x, &branch, (code, reason, why), &contacts);
            }
            LegEvent::Ended(_) | LegEvent::Gone | LegEvent::Cancelled => {
                self.branches.swap_remove(index);
            }
            LegEvent::Confirmed { .. }
            | LegEvent::Offer(_)
            | LegEvent::OfferWithdrawn
            | LegEvent::OfferPending
            | LegEvent::OfferAnswered(_)
            | LegEvent::OfferRefused { .. }
            | LegEvent::Redescribed(_)
            | LegEvent::Referred { .. } => {}
            LegEvent::Passed { server, .. } => answer_passed(&mut x.stack, server, 480),
        }
    }

    /// Another call has handed a leg over: the phone of somebody who picks the call up, or a new subject.
    fn guest(&mut self, call: &mut Call, x: &mut Core, guest: Guest) {
        if guest.connected || self.talking.is_some() {
            return;
        }
        if guest.subject {
            return self.subject_changed(call, x);
        }
        if !self.branches.iter().any(|branch| branch.leg == guest.instead_of) {
            return;
        }
        let by = x
            .legs
            .get(guest.leg)
            .map(|leg| leg.peer.to_string())
            .unwrap_or_default();
        self.found(call, x, &by);
        if call.connect_guest(x, guest.leg) {
            self.talking = Some(Talk { since: x.stack.now, by });
        } else {
            self.best.note(488, "Not Acceptable Here");
            x.with_leg(guest.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no codec in common")));
        }
    }

    /// One phone has the call: no other rings any longer.
    fn found(&mut self, call: &mut Call, x: &mut Core, by: &str) {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        for branch in std::mem::take(&mut self.branches) {
            x.with_leg(branch.leg, |leg, cx| leg.answered_elsewhere(cx));
        }
        self.lookups.clear();
        self.waiting.clear();
        self.silence(call, x);
        call.record.to = by.to_owned();
    }

    fn answered(&mut self, call: &mut Call, x: &mut Core, index: usize, answer: Option<Spec>) {
        let winner = self.branches.swap_remove(index);
        let by = winner.peer.to_string();
        self.found(call, x, &by);
        let spec = answer.unwrap_or_else(|| Spec::own(&[]));
        if call.connect(x, winner.leg, &spec) {
            self.talking = Some(Talk { since: x.stack.now, by });
        } else {
            self.best.note(488, "Not Acceptable Here");
            x.with_leg(winner.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no codec in common")));
        }
    }

    fn refused(
        &mut self,
        call: &mut Call,
        x: &mut Core,
        branch: &Branch,
        (code, reason, why): (u16, String, Option<Q850>),
        to: &[String],
    ) {
        if self.early == Some(branch.leg) {
            self.early = None;
        }
        if (300..=399).contains(&code) {
            return self.redirected(call, x, branch, code, to);
        }
        // RFC 3261 16.7 step 5: a 6xx speaks for the person, wherever else it rings, but not for others.
        if code >= 600 {
            self.drop_phones_of(x, &branch.peer);
        }
        if code == 486 || code == 600 {
            if let Some(target) = self.forward(x, branch, |extension| extension.forward_busy.clone()) {
                return self.send_on(call, x, branch, &target, "user-busy");
            }
        } else if matches!(code, 408 | 480 | 503)
            && let Some(target) = self.forward(x, branch, |extension| extension.forward_no_answer.clone())
        {
            return self.send_on(call, x, branch, &target, "unavailable");
        }
        self.best.note_callee(code, &reason, why);
    }

    /// It rang long enough.
    fn timed_out(&mut self, call: &mut Call, x: &mut Core) {
        if self.talking.is_some() {
            return;
        }
        let branches = std::mem::take(&mut self.branches);
        for branch in &branches {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no answer")));
        }
        self.lookups.clear();
        self.early = None;
        self.best.note(480, "No Answer");
        for branch in &branches {
            let target = self.forward(x, branch, |extension| extension.forward_no_answer.clone());
            let rang = |target: &Target| {
                let is_at = |number: &str| branches.iter().any(|branch| branch.peer.is_extension(number));
                matches!(target, Target::Extension(number) if is_at(number))
            };
            if let Some(target) = target.filter(|target| !rang(target)) {
                x.stack
                    .timers
                    .set(TimerKey::Verb(call.id), x.stack.now + self.request.timeout);
                self.send_on(call, x, branch, &target, "no-answer");
            }
        }
    }

    fn drop_branches(&mut self, x: &mut Core) {
        for branch in std::mem::take(&mut self.branches) {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no longer wanted")));
        }
        self.lookups.clear();
    }

    fn drop_phones_of(&mut self, x: &mut Core, peer: &Peer) {
        if peer.number().is_none() {
            return; // each URI is a place of its own
        }
        self.lookups.retain(|(_, lookup)| lookup.location.peer != *peer);
        for branch in self.branches.extract_if(.., |branch| branch.peer == *peer) {
            self.early = self.early.filter(|early| *early != branch.leg);
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("declined")));
        }
    }

    /// The caller is gone: nobody rings any longer.
    fn abandon(mut self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        self.drop_branches(x);
        Next::Done(Outcome::Dial(Box::new(self.result(
            x,
            DialStatus::Cancelled,
            487,
            "Request Terminated",
        ))))
    }

    /// The callee hung up.
    fn over(self: Box<Self>, call: &mut Call, x: &mut Core) -> Next {
        x.stack.timers.clear(TimerKey::Verb(call.id));
        call.script.last_dial = None;
        Next::Done(Outcome::Dial(Box::new(self.result(x, DialStatus::Answered, 200, "OK"))))
    }

    fn resolved(&mut self, call: &mut Call, x: &mut Core, query: QueryId, flows: &[Flow]) {
        let Some(index) = self.lookups.iter().position(|(id, _)| *id == query) else {
            return;
        };
        let (_, lookup) = self.lookups.swap_remove(index);
        self.ring(call, x, lookup, flows);
    }
}

fn shuffle(targets: &mut VecDeque<Target>, x: &mut Core) {
    for last in (1..targets.len()).rev() {
        let other = usize::try_from(x.stack.ids.below(last as u64 + 1)).unwrap_or(0);
        targets.swap(last, other);
    }
}
