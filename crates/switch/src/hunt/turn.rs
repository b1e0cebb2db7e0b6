//! Whose turn it is: when targets begin to ring, and when their phones have rung long enough.
//!
//! All targets at once are one turn, targets one after another have a turn each. Each phone has its own time: that of
//! its turn, or less where its extension says so.

use std::time::Duration;

use sip::Instant;

use super::{Branch, Hunt, Hunted, Trail, asleep};
use crate::{
    api::{CauseCode, Strategy, Target},
    core::Core,
    event::Cause,
    locations::Peer,
    stack::TimerKey,
};

/// A target that does not ring yet.
pub(super) struct Later {
    target: Target,
    /// When it begins to ring.
    at: Instant,
    /// When it has rung long enough.
    until: Instant,
}

impl Hunt {
    pub(super) fn shuffle(&mut self, x: &mut Core) {
        for last in (1..self.waiting.len()).rev() {
            let other = usize::try_from(x.stack.ids.below(last as u64 + 1)).unwrap_or(0);
            self.waiting.swap(last, other);
        }
    }

    /// Waits while a phone rings or a look-up runs. After that the targets that were to ring later begin at once, then
    /// the next ones have their turn; without further targets the hunt is lost.
    pub(super) fn go_on(&mut self, x: &mut Core) -> Hunted {
        if self.over {
            return Hunted::Going;
        }
        while self.branches.is_empty() && self.lookups.is_empty() && self.asleep.is_empty() {
            if self.later.is_empty() && !self.begin_turn(x.stack.now) {
                self.end(x);
                return Hunted::Lost(self.best.take());
            }
            if let Some(first) = self.later.first().map(|later| later.at) {
                self.ring_due(x, first);
            }
        }
        self.set_timer(x);
        Hunted::Going
    }

    /// The next targets have their turn. False if there are none.
    fn begin_turn(&mut self, now: Instant) -> bool {
        let count = match self.quest.strategy {
            Strategy::All => self.waiting.len(),
            Strategy::Sequence | Strategy::Random => 1,
        };
        let count = count.min(self.waiting.len());
        let until = now + self.quest.timeout;
        let turn = self.waiting.drain(..count).map(|(target, delay)| Later {
            target,
            at: now + delay,
            until,
        });
        // A target that is to begin when the turn is over has no time to ring.
        self.later.extend(turn.filter(|later| later.at < until));
        self.later.sort_by_key(|later| later.at);
        count > 0
    }

    /// Rings the targets that are to ring by then.
    fn ring_due(&mut self, x: &mut Core, by: Instant) {
        let due = self.later.iter().take_while(|later| later.at <= by).count();
        for Later { target, until, .. } in self.later.drain(..due).collect::<Vec<_>>() {
            self.place(x, &target, &Trail::until(until));
        }
    }

    /// Sets the timer to whatever is due next.
    fn set_timer(&self, x: &mut Core) {
        let rung = self.branches.iter().map(|branch| branch.until);
        let looked_up = self.lookups.iter().map(|(_, lookup)| lookup.until());
        let woken = self.asleep.iter().map(|asleep| asleep.until);
        let later = self.later.first().map(|later| later.at);
        if let Some(at) = rung.chain(looked_up).chain(woken).chain(later).min() {
            x.stack.timers.set(TimerKey::Verb(self.quest.call), at);
        }
    }

    /// Some phones have rung long enough, or others begin to ring. Where no phone of an extension is left, the place to
    /// which it forwards unanswered calls comes next.
    pub fn timed_out(&mut self, x: &mut Core) -> Hunted {
        if self.over {
            return Hunted::Going;
        }
        let now = x.stack.now;
        let silent: Vec<Branch> = self.branches.extract_if(.., |branch| branch.until <= now).collect();
        for branch in &silent {
            x.with_leg(branch.leg, |leg, cx| leg.hang_up(cx, Cause::ours("no answer")));
        }
        let under_way = self.lookups.len();
        self.lookups.retain(|(_, lookup)| lookup.until() > now);
        if asleep::give_up(self, x, |asleep| asleep.until <= now) {
            self.best
                .note(CauseCode::PhoneUnreachable, 480, "Phone Could Not Be Woken");
        }
        if !silent.is_empty() || self.lookups.len() < under_way {
            self.best.note(CauseCode::PhoneNoAnswer, 480, "No Answer");
        }
        self.forward_unanswered(x, &silent);
        self.ring_due(x, now);
        self.go_on(x)
    }

    /// When a phone that begins to ring now has rung long enough: at the end of its turn, or when its extension says.
    pub(super) fn rings_until(&self, x: &Core, peer: &Peer, turn: Instant) -> Instant {
        let number = peer.number().filter(|_| self.quest.follows);
        let seconds = number.and_then(|number| x.accounts.extension(number)?.rules.no_answer_seconds);
        let own = seconds.map(|seconds| x.stack.now + Duration::from_secs(seconds.into()));
        own.map_or(turn, |own| own.min(turn))
    }
}
