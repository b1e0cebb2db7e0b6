//! A hunt: several phones ring, and the first that answers wins; the others are told so. If no phone answers, the best
//! refusal counts.
//!
//! | file | what it does | which fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Hunt`]: the targets whose turn it is, and what phones answer | `quest`, `waiting`, `over` |
//! | `asleep.rs` | phones that are woken first | `asleep` |
//! | `auto_answer.rs` | the header fields that tell a phone to answer by itself | |
//! | `turn.rs` | when targets begin to ring, and how long they ring | `later` |
//! | `place.rs` | from a target to phones that ring: forwards, look-ups, INVITEs | `branches`, `lookups`, `rung`, `redirects` |
//! | `best.rs` | [`Best`]: the best of several refusals (RFC 3261 16.7) | `best` |
//! | `location.rs` | where the caller is, as a part of the INVITE's body | |
//! | `passed.rs` | which header fields of the caller's INVITE the phones get | |
//! | `trail.rs` | [`Trail`]: which extensions sent a call on | |
//!
//! A hunt knows neither calls nor verbs. Its owner feeds it the events of its legs and acts on the [`Hunted`] that it
//! returns. `dial` is a hunt with ringback and a conversation; a call made over the API is a hunt for its caller.

mod asleep;
mod auto_answer;
mod best;
mod location;
mod passed;
mod place;
mod trail;
mod turn;

use std::{collections::VecDeque, time::Duration};

use ::media::Spec;
use sip::{HeaderName, Instant};

use self::{asleep::Asleep, best::Best, place::Lookup, trail::Trail, turn::Later};
pub(crate) use self::{
    auto_answer::auto_answer,
    best::{Unanswered, shown},
    location::attached,
    passed::{breadth, passed},
    trail::diverted_before,
};
use crate::{
    api::{CauseCode, QueryId, Strategy, Target, Ways},
    core::Core,
    diversion::Step,
    event::{Cause, LegEvent, Q850, SetupEvent},
    ids::{CallId, LegId},
    leg::{CallerId, rings},
    locations::{Instance, Peer},
    stack::{TimerKey, body::Attached},
};

/// What the hunt looks for, and what it tells the phones.
pub(crate) struct Quest {
    /// The call that the phones' legs belong to.
    pub call: CallId,
    /// In the order in which the hunt tries them.
    pub targets: Vec<Target>,
    /// All at once, or one after another.
    pub strategy: Strategy,
    /// How long the targets of each turn ring. The hunt uses the call's timer [`TimerKey::Verb`].
    pub timeout: Duration,
    /// The caller, as the phones are told.
    pub caller: CallerId,
    /// The leg to be connected with the phone that wins. Phones get the offer of this leg, and its flow tells which
    /// URIs are ours. `None`: phones are offered what Tandem itself can do.
    pub subject: Option<LegId>,
    /// The subject came by a transfer: if its former partner had put it on hold, the new phone gets an offer without
    /// hold.
    pub transferred: bool,
    /// Further header fields of each INVITE, by name.
    pub headers: Vec<(String, String)>,
    /// Forwards before the call came, the latest first.
    pub diverted: Vec<Step>,
    /// RFC 3261 8.1.1.6.
    pub max_forwards: u32,
    /// How many phones may ring at once, as the caller's INVITE says (RFC 5393 section 5.3).
    pub max_breadth: Option<usize>,
    /// Phones of extensions that allow it are told to answer by themselves. An extension in a call is not disturbed.
    pub auto_answer: bool,
    /// The caller has asked for this phone alone, by its GRUU (RFC 5627). It counts where its extension is a target.
    pub phone: Option<Instance>,
    /// The document that says where the caller is, for parties outside (RFC 6442).
    pub attached: Option<Attached>,
    /// Whether forwards, do-not-disturb and 3xx answers count. If not, only the phones of the targets ring.
    pub follows: bool,
}

/// The state of a hunt after an event.
pub(crate) enum Hunted {
    /// It goes on.
    Going,
    /// It goes on, and a phone has sent a provisional response.
    Progress {
        /// The owner of the phone.
        peer: Peer,
        /// The phone's leg.
        leg: LegId,
        /// The response.
        said: Said,
    },
    /// A phone has answered. No other phone rings any longer.
    Won {
        /// The owner of the phone.
        peer: Peer,
        /// Its leg.
        leg: LegId,
        /// The phone's session description; `None` if it cannot be used.
        answer: Option<Spec>,
    },
    /// No phone has answered, and no target is left.
    Lost(Unanswered),
}

/// A provisional response of a phone.
pub(crate) struct Said {
    /// 101 to 199.
    pub code: u16,
    /// The reason phrase that the phone sent.
    pub reason: String,
    /// Early media.
    pub answer: Option<Spec>,
}

impl Said {
    /// Whether the phone rings, in the words of a person.
    pub fn rings(&self) -> bool {
        rings(self.code, self.answer.is_some())
    }
}

/// See the module. At most `limits.branches` branches and look-ups together, and at most `limits.redirects`
/// redirections.
pub(crate) struct Hunt {
    quest: Quest,
    /// Targets that were not tried yet, with the time that they wait in their turn.
    waiting: VecDeque<(Target, Duration)>,
    /// Targets of this turn that do not ring yet, the next first.
    later: Vec<Later>,
    branches: Vec<Branch>,
    /// Locations being looked up.
    lookups: Vec<(QueryId, Lookup)>,
    /// Phones being woken.
    asleep: Vec<Asleep>,
    /// Legs that the hunt has made and has not yet given to its owner.
    rung: Vec<(LegId, Peer)>,
    best: Best,
    /// A phone has rung.
    rang: bool,
    /// 3xx answers and forwards so far.
    redirects: usize,
    /// An extension has forwarded the call since its owner last asked.
    forwarded: bool,
    /// The hunt was won, lost or stopped.
    over: bool,
}

/// One phone that is rung.
struct Branch {
    leg: LegId,
    /// The owner of the phone.
    peer: Peer,
    /// How the call came to the phone.
    trail: Trail,
    /// In its last response the phone said that it rings.
    rings: bool,
    /// When it has rung long enough.
    until: Instant,
}

impl Hunt {
    /// A hunt that has not begun.
    pub fn new(quest: Quest) -> Self {
        Self {
            waiting: quest
                .targets
                .iter()
                .map(|target| (target.clone(), Duration::ZERO))
                .collect(),
            later: Vec::new(),
            quest,
            branches: Vec::new(),
            lookups: Vec::new(),
            asleep: Vec::new(),
            rung: Vec::new(),
            best: Best::default(),
            rang: false,
            redirects: 0,
            forwarded: false,
            over: false,
        }
    }

    /// The targets wait so long in their turn before they ring, in their order; those beyond the list do not wait. A
    /// target rings at once where no other phone rings.
    pub fn delayed(mut self, delays: &[Duration]) -> Self {
        for ((_, delay), given) in self.waiting.iter_mut().zip(delays) {
            *delay = *given;
        }
        self
    }

    /// Begins: rings the first target, or all of them.
    pub fn begin(&mut self, x: &mut Core) -> Hunted {
        if self.quest.strategy == Strategy::Random {
            self.shuffle(x);
        }
        self.go_on(x)
    }

    /// Phones that ring from now on are to be connected with this leg.
    pub const fn connects_with(&mut self, subject: Option<LegId>) {
        self.quest.subject = subject;
    }

    /// Takes the legs made since the last time this was asked, each with its peer. The caller of this function keeps
    /// them.
    pub fn take_rung(&mut self) -> Vec<(LegId, Peer)> {
        std::mem::take(&mut self.rung)
    }

    /// Whether an extension has forwarded the call since the last time this was asked.
    pub const fn take_forwarded(&mut self) -> bool {
        std::mem::replace(&mut self.forwarded, false)
    }

    /// Whether it was won, lost or stopped.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether this leg is rung.
    pub fn is_at(&self, leg: LegId) -> bool {
        self.branches.iter().any(|branch| branch.leg == leg)
    }

    /// Whether only one phone rings and no other follows: then its early media may be heard.
    pub fn is_single(&self) -> bool {
        self.branches.len() == 1 && self.asleep.is_empty() && self.waiting.is_empty() && self.later.is_empty()
    }

    /// Whether a phone rings, according to its last response.
    pub fn rings(&self) -> bool {
        self.branches.iter().any(|branch| branch.rings)
    }

    /// Whether a phone has rung at any time (RFC 3261 21.1.2, 21.1.5: 180, or the 183 of a gateway that sends the tone
    /// as early media).
    pub const fn has_rung(&self) -> bool {
        self.rang
    }

    /// Takes an event of a leg. A leg that is not the hunt's changes nothing.
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
                fields,
                why,
                cause,
            }) => {
                let branch = self.branches.swap_remove(index);
                self.refused(x, &branch, (cause, code, reason, why), (&contacts, fields));
            }
            LegEvent::End(_) | LegEvent::Setup(SetupEvent::Cancelled | SetupEvent::Accepted | SetupEvent::Lost) => {
                self.branches.swap_remove(index);
            }
            LegEvent::Setup(SetupEvent::Confirmed { .. })
            | LegEvent::Session(_)
            | LegEvent::Passed { .. }
            | LegEvent::Referred { .. } => {}
        }
        self.go_on(x)
    }

    /// A location was looked up.
    pub fn resolved(&mut self, x: &mut Core, query: QueryId, ways: &Ways) -> Hunted {
        if let Some(index) = self.lookups.iter().position(|(id, _)| *id == query) {
            let (_, lookup) = self.lookups.swap_remove(index);
            match ways {
                Ok(flows) => self.ring(x, lookup, flows),
                Err(why) => self.best.note(why.cause(), 480, why.reason()),
            }
        } else {
            asleep::ended(self, x, query, ways.is_ok());
        }
        self.go_on(x)
    }

    /// Ends the hunt because the call was answered elsewhere. Every phone is told so (RFC 3326).
    pub fn answered_elsewhere(&mut self, x: &mut Core) {
        for branch in std::mem::take(&mut self.branches) {
            x.with_leg(branch.leg, |leg, cx| leg.answered_elsewhere(cx));
        }
        self.end(x);
    }

    /// Ends the hunt because its owner no longer wants it.
    pub fn stop(&mut self, x: &mut Core) {
        for branch in std::mem::take(&mut self.branches) {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no longer wanted")));
        }
        self.end(x);
    }

    fn end(&mut self, x: &mut Core) {
        asleep::give_up(self, x, |_| true);
        self.lookups.clear();
        self.waiting.clear();
        self.later.clear();
        self.over = true;
        x.stack.timers.clear(TimerKey::Verb(self.quest.call));
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
        (contacts, fields): (&[String], Vec<(HeaderName, String)>),
    ) {
        if self.quest.follows && (300..=399).contains(&code) {
            return self.redirected(x, branch, code, contacts);
        }
        // RFC 3261 16.7 step 5: a 6xx speaks for the person at all of the person's phones, but not for other people.
        if code >= 600 {
            self.drop_phones_of(x, &branch.peer);
        }
        if !self.forward_refused(x, branch, code) {
            self.best.note_refusal((cause, code, &reason, why), fields);
        }
    }

    /// A phone of this extension has refused the call for all of them.
    fn drop_phones_of(&mut self, x: &mut Core, peer: &Peer) {
        if peer.number().is_none() {
            return; // each URI is a place of its own
        }
        self.lookups.retain(|(_, lookup)| lookup.location.peer != *peer);
        asleep::give_up(self, x, |asleep| asleep.peer == *peer);
        for branch in self.branches.extract_if(.., |branch| branch.peer == *peer) {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("declined")));
        }
    }
}

#[cfg(test)]
mod tests;
