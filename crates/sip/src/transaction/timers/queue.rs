//! All timers of all transactions: one heap, with an entry a transaction.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

use super::{super::Owner, Action, Timer};
use crate::time::Instant;

/// No repeating timer runs faster than this, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(1);
/// The heap is not compacted below this size.
const COMPACT_FROM: usize = 64;

/// The timers of one transaction.
#[derive(Debug, Default)]
pub(in crate::transaction) struct Pending {
    places: [Option<(Timer, Instant)>; 2],
    /// The time of this transaction's valid entry in the heap.
    queued: Option<Instant>,
}

impl Pending {
    /// Does what the action says, if it is about timers.
    pub(in crate::transaction) fn apply(&mut self, now: Instant, action: Action) {
        match action {
            Action::Start(timer, delay) => self.places[timer.place()] = Some((timer, now + delay.max(SHORTEST))),
            Action::StopRepeating => self.places[0] = None,
            Action::StopEnding => self.places[1] = None,
            Action::SendRequest | Action::SendAck | Action::ResendAck | Action::SendCancel => {}
            Action::PassResponse | Action::SendResponse | Action::ResendResponse | Action::SendTrying => {}
            Action::PassAck | Action::PassCancel => {}
            Action::TimedOut | Action::TransportFailed | Action::AckTimeout => {}
        }
    }

    fn next(&self) -> Option<Instant> {
        self.places.iter().flatten().map(|(_, at)| *at).min()
    }

    /// Takes out a timer that is due; one that ends the state goes first, for it may make the
    /// other one pointless.
    pub(in crate::transaction) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let [repeating, ending] = &mut self.places;
        let take = |place: &mut Option<(Timer, Instant)>| {
            let (timer, _) = place.take_if(|(_, at)| *at <= now)?;
            Some(timer)
        };
        take(ending).or_else(|| take(repeating))
    }
}

/// Where the timers of each transaction are found.
pub(in crate::transaction) trait Lookup {
    fn pending(&self, owner: Owner) -> Option<&Pending>;
    fn pending_mut(&mut self, owner: Owner) -> Option<&mut Pending>;
    /// How many transactions there are.
    fn count(&self) -> usize;
}

/// The heap. Entries of transactions that have gone, or whose timers have moved, stay until they
/// come up or are the larger part; then they are swept out. So it is never larger than twice the
/// number of transactions plus [`COMPACT_FROM`].
#[derive(Default)]
pub(in crate::transaction) struct Queue {
    heap: BinaryHeap<Reverse<(Instant, u64, Owner)>>,
    /// Among timers of the same time, the first set goes first.
    serial: u64,
}

impl Queue {
    /// Brings the heap in line with the timers of `owner`.
    pub(in crate::transaction) fn schedule(&mut self, owner: Owner, all: &mut impl Lookup) {
        let Some(pending) = all.pending_mut(owner) else { return };
        let Some(next) = pending.next() else { return };
        // An entry that is too early is put right when it comes up.
        if pending.queued.is_none_or(|queued| next < queued) {
            pending.queued = Some(next);
            self.heap.push(Reverse((next, self.serial, owner)));
            self.serial += 1;
        }
    }

    /// The next owner with a timer due, its entry taken out.
    pub(in crate::transaction) fn pop_due(&mut self, now: Instant, all: &mut impl Lookup) -> Option<Owner> {
        while let Some(Reverse((at, _, owner))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            if let Some(pending) = all.pending_mut(owner).filter(|pending| pending.queued == Some(at)) {
                pending.queued = None;
                return Some(owner);
            }
        }
        None
    }

    /// Removes what no longer holds from the top, and everywhere if there is much of it, so that
    /// [`Queue::next_timeout`] is exact.
    pub(in crate::transaction) fn settle(&mut self, all: &mut impl Lookup) {
        while let Some(Reverse((at, _, owner))) = self.heap.peek().copied() {
            let Some(pending) = all.pending_mut(owner).filter(|pending| pending.queued == Some(at)) else {
                self.heap.pop();
                continue;
            };
            if pending.next() == Some(at) {
                break;
            }
            self.heap.pop();
            pending.queued = None;
            self.schedule(owner, all);
        }
        if self.heap.len() > COMPACT_FROM + 2 * all.count() {
            let mut seen = HashMap::new();
            self.heap.retain(|Reverse((at, serial, owner))| {
                let valid = all.pending(*owner).is_some_and(|pending| pending.queued == Some(*at));
                valid && *seen.entry(*owner).or_insert(*serial) == *serial
            });
            self.heap.shrink_to(COMPACT_FROM + 2 * all.count());
        }
    }

    /// Gives back room where there is too much of it.
    pub(in crate::transaction) fn tidy(&mut self, sparse: impl Fn(usize, usize) -> bool) {
        if sparse(self.heap.len(), self.heap.capacity()) {
            self.heap.shrink_to(self.heap.len() * 2);
        }
    }

    pub(in crate::transaction) fn capacity(&self) -> usize {
        self.heap.capacity()
    }

    pub(in crate::transaction) fn next_timeout(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    #[cfg(test)]
    pub(in crate::transaction) fn len(&self) -> usize {
        self.heap.len()
    }
}
