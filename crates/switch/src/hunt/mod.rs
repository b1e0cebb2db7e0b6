//! A hunt: several phones ring, the first to answer wins, the others are told so, and where none answers the best
//! refusal counts.
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Hunt`]: the targets whose turn it is, and what phones answer | `quest`, `waiting`, `over` |
//! | `place.rs` | from a target to phones that ring: forwards, look-ups, INVITEs | `branches`, `lookups`, `rung`, `redirects` |
//! | `best.rs` | [`Best`]: the best of several refusals (RFC 3261 16.7) | `best` |
//! | `trail.rs` | [`Trail`]: which extensions sent a call on, and Diversion (RFC 5806) | |
//!
//! A hunt knows neither calls nor verbs. Whoever begins one feeds it what its legs report, and goes by the [`Hunted`]
//! that it gets back: `dial` is a hunt with ringback and a conversation; a call made over the API is a hunt for its
//! caller.

mod best;
mod place;
mod trail;

use std::{collections::VecDeque, time::Duration};

use ::media::Spec;
use sip::Flow;

use self::{best::Best, place::Lookup, trail::Trail};
pub(crate) use self::{
    best::{Unanswered, shown},
    trail::diverted_before,
};
use crate::{
    api::{CauseCode, QueryId, Strategy, Target},
    core::Core,
    event::{Cause, LegEvent, Q850, SetupEvent},
    ids::{CallId, LegId},
    leg::{CallerId, rings},
    locations::Peer,
    stack::TimerKey,
};

/// Who is hunted, and what the phones are told.
pub(crate) struct Quest {
    /// The call whose legs the phones become.
    pub call: CallId,
    /// In the order in which they are tried.
    pub targets: Vec<Target>,
    /// All at once, or one after the other.
    pub strategy: Strategy,
    /// How long each turn rings. The hunt's timer is the call's [`TimerKey::Verb`].
    pub timeout: Duration,
    /// Who calls, as the phones are told.
    pub caller: CallerId,
    /// The leg that the winner is to be connected with: phones are offered what it has offered, and its flow tells which
    /// URIs are ours. `None`: phones are offered what Tandem itself can do.
    pub subject: Option<LegId>,
    /// The subject came by a transfer: what its former partner held, the phones resume.
    pub transferred: bool,
    /// Further header fields of each INVITE, by name.
    pub headers: Vec<(String, String)>,
    /// Diversion values that the call came with, the latest first.
    pub diverted: Vec<String>,
    /// RFC 3261 8.1.1.6.
    pub max_forwards: u32,
    /// Whether forwards, do-not-disturb and 3xx answers count. If not, just the phones of the targets ring.
    pub follows: bool,
}

/// How a hunt is doing after something has happened.
pub(crate) enum Hunted {
    /// It goes on.
    Going,
    /// It goes on, and a phone has said how it does.
    Progress {
        /// Whose leg it is.
        peer: Peer,
        /// The phone's leg.
        leg: LegId,
        /// What it has said.
        said: Said,
    },
    /// A phone has answered; no other rings any longer.
    Won {
        /// Whose phone it is.
        peer: Peer,
        /// Its leg.
        leg: LegId,
        /// What it described; `None` where that cannot be used.
        answer: Option<Spec>,
    },
    /// No phone has answered, and there is none left to try.
    Lost(Unanswered),
}

/// A provisional response of a phone.
pub(crate) struct Said {
    /// 101 to 199.
    pub code: u16,
    /// The phone's own words.
    pub reason: String,
    /// Early media.
    pub answer: Option<Spec>,
}

impl Said {
    /// Whether the phone rings, as its person would say.
    pub fn rings(&self) -> bool {
        rings(self.code, self.answer.is_some())
    }
}

/// See the module. Branches and look-ups together are at most `limits.branches`, redirections `limits.redirects`.
pub(crate) struct Hunt {
    quest: Quest,
    /// Targets that were not tried so far.
    waiting: VecDeque<Target>,
    branches: Vec<Branch>,
    /// Locations being looked up.
    lookups: Vec<(QueryId, Lookup)>,
    /// Legs that the hunt has made and its owner has not heard of so far.
    rung: Vec<(LegId, Peer)>,
    best: Best,
    /// A phone has rung.
    rang: bool,
    /// 3xx answers and forwards so far.
    redirects: usize,
    /// It was won, lost, or stopped.
    over: bool,
}

/// One phone that is rung.
struct Branch {
    leg: LegId,
    /// Whose phone it is.
    peer: Peer,
    /// How the call came to it.
    trail: Trail,
    /// It said last that it rings.
    rings: bool,
}

impl Hunt {
    /// A hunt that has not begun.
    pub fn new(quest: Quest) -> Self {
        Self {
            waiting: quest.targets.iter().cloned().collect(),
            quest,
            branches: Vec::new(),
            lookups: Vec::new(),
            rung: Vec::new(),
            best: Best::default(),
            rang: false,
            redirects: 0,
            over: false,
        }
    }

    /// Begins: rings the first target, or all of them.
    pub fn begin(&mut self, x: &mut Core) -> Hunted {
        if self.quest.strategy == Strategy::Random {
            shuffle(&mut self.waiting, x);
        }
        self.go_on(x)
    }

    /// Phones that are rung from now on are to be connected with this leg.
    pub const fn connects_with(&mut self, subject: Option<LegId>) {
        self.quest.subject = subject;
    }

    /// Takes the legs that were made since this was last asked, with whose they are: they are the owner's to keep.
    pub fn take_rung(&mut self) -> Vec<(LegId, Peer)> {
        std::mem::take(&mut self.rung)
    }

    /// Whether it was won, lost or stopped.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether this leg is rung.
    pub fn is_at(&self, leg: LegId) -> bool {
        self.branches.iter().any(|branch| branch.leg == leg)
    }

    /// Whether one phone only is rung, and none is to follow: its early media may be heard.
    pub fn is_single(&self) -> bool {
        self.branches.len() == 1 && self.waiting.is_empty()
    }

    /// Whether a phone said last that it rings.
    pub fn rings(&self) -> bool {
        self.branches.iter().any(|branch| branch.rings)
    }

    /// Whether a phone has rung at any time (RFC 3261 21.1.2, 21.1.5: 180, or 183 of a gateway that lets the tone be
    /// heard instead).
    pub const fn has_rung(&self) -> bool {
        self.rang
    }

    /// A leg reports. What is no leg of the hunt's changes nothing.
    pub fn leg_event(&mut self, x: &mut Core, leg: LegId, event: LegEvent) -> Hunted {
        let Some(index) = self.branches.iter().position(|branch| branch.leg == leg) else {
            return Hunted::Going;
        };
        match event {
            LegEvent::Setup(SetupEvent::Provisional { code, reason, answer }) => {
                return self.progress(index, Said { code, reason, answer });
            }
            LegEvent::Setup(SetupEvent::Answered { answer }) => {
                let Branch { peer, leg, .. } = self.branches.swap_remove(index);
                self.answered_elsewhere(x);
                return Hunted::Won { peer, leg, answer };
            }
            LegEvent::Setup(SetupEvent::Refused {
                code,
                reason,
                contacts,
                why,
                cause,
            }) => {
                let branch = self.branches.swap_remove(index);
                self.refused(x, &branch, (cause, code, reason, why), &contacts);
            }
            LegEvent::End(_) | LegEvent::Setup(SetupEvent::Cancelled) => {
                self.branches.swap_remove(index);
            }
            LegEvent::Setup(SetupEvent::Confirmed { .. })
            | LegEvent::Session(_)
            | LegEvent::Passed { .. }
            | LegEvent::Referred { .. } => {}
        }
        self.go_on(x)
    }

    /// A location was looked up: `flows` are the ways to it, best first.
    pub fn resolved(&mut self, x: &mut Core, query: QueryId, flows: &[Flow]) -> Hunted {
        if let Some(index) = self.lookups.iter().position(|(id, _)| *id == query) {
            let (_, lookup) = self.lookups.swap_remove(index);
            self.ring(x, lookup, flows);
        }
        self.go_on(x)
    }

    /// It rang long enough: the next turn, or where the extensions send calls that nobody answers.
    pub fn timed_out(&mut self, x: &mut Core) -> Hunted {
        if self.over {
            return Hunted::Going;
        }
        let branches = self.hang_up(x, "no answer");
        self.best.note(CauseCode::PhoneNoAnswer, 480, "No Answer");
        self.forward_unanswered(x, &branches);
        self.go_on(x)
    }

    /// Ends the hunt because the call was taken elsewhere: every phone is told so (RFC 3326).
    pub fn answered_elsewhere(&mut self, x: &mut Core) {
        for branch in std::mem::take(&mut self.branches) {
            x.with_leg(branch.leg, |leg, cx| leg.answered_elsewhere(cx));
        }
        self.end(x);
    }

    /// Ends the hunt because it is no longer wanted.
    pub fn stop(&mut self, x: &mut Core) {
        self.hang_up(x, "no longer wanted");
        self.end(x);
    }

    fn end(&mut self, x: &mut Core) {
        self.lookups.clear();
        self.waiting.clear();
        self.over = true;
        x.stack.timers.clear(TimerKey::Verb(self.quest.call));
    }

    /// Hangs up every phone that is rung, forgets look-ups, and gives the branches back.
    fn hang_up(&mut self, x: &mut Core, why: &str) -> Vec<Branch> {
        let branches = std::mem::take(&mut self.branches);
        for branch in &branches {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours(why)));
        }
        self.lookups.clear();
        branches
    }

    fn set_timer(&self, x: &mut Core) {
        let at = x.stack.now + self.quest.timeout;
        x.stack.timers.set(TimerKey::Verb(self.quest.call), at);
    }

    /// Waits for what is under way. When nothing is, the next targets have their turn; when there are none, it is lost.
    fn go_on(&mut self, x: &mut Core) -> Hunted {
        if self.over {
            return Hunted::Going;
        }
        while self.branches.is_empty() && self.lookups.is_empty() {
            let count = match self.quest.strategy {
                Strategy::All => self.waiting.len(),
                Strategy::Sequence | Strategy::Random => 1,
            };
            let turn: Vec<Target> = self.waiting.drain(..count.min(self.waiting.len())).collect();
            if turn.is_empty() {
                self.end(x);
                return Hunted::Lost(self.best.take());
            }
            self.set_timer(x);
            for target in turn {
                self.place(x, &target, &Trail::default());
            }
        }
        Hunted::Going
    }

    fn progress(&mut self, index: usize, said: Said) -> Hunted {
        self.rang |= matches!(said.code, 180 | 183);
        let Some(branch) = self.branches.get_mut(index) else {
            return Hunted::Going;
        };
        branch.rings = said.rings();
        Hunted::Progress {
            peer: branch.peer.clone(),
            leg: branch.leg,
            said,
        }
    }

    fn refused(
        &mut self,
        x: &mut Core,
        branch: &Branch,
        (cause, code, reason, why): (CauseCode, u16, String, Option<Q850>),
        contacts: &[String],
    ) {
        if self.quest.follows && (300..=399).contains(&code) {
            return self.redirected(x, branch, code, contacts);
        }
        // RFC 3261 16.7 step 5: a 6xx speaks for the person, wherever else it rings, but not for others.
        if code >= 600 {
            self.drop_phones_of(x, &branch.peer);
        }
        if !self.forward_refused(x, branch, code) {
            self.best.note_callee(cause, code, &reason, why);
        }
    }

    /// Another phone of this extension has refused for all of them.
    fn drop_phones_of(&mut self, x: &mut Core, peer: &Peer) {
        if peer.number().is_none() {
            return; // each URI is a place of its own
        }
        self.lookups.retain(|(_, lookup)| lookup.location.peer != *peer);
        for branch in self.branches.extract_if(.., |branch| branch.peer == *peer) {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("declined")));
        }
    }
}

fn shuffle(targets: &mut VecDeque<Target>, x: &mut Core) {
    for last in (1..targets.len()).rev() {
        let other = usize::try_from(x.stack.ids.below(last as u64 + 1)).unwrap_or(0);
        targets.swap(last, other);
    }
}

#[cfg(test)]
mod tests;
