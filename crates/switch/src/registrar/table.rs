//! The bindings in memory. They are found by id, by extension, by the connection they came over, and by the time they
//! end.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use sip::{ConnectionId, Instant};
use smallvec::SmallVec;

use super::contact::Contact;
use crate::{Binding, BindingChange};

/// A contact, with the times that only the registrar needs.
pub(super) struct Bound {
    /// Shared with the rooms that were told of it.
    pub(super) contact: Arc<Contact>,
    /// When the binding ends, on the machine's clock: a change of the wall clock has no effect.
    pub(super) expires: Instant,
    /// When the phone last refreshed it.
    pub(super) refreshed: Instant,
}

impl Bound {
    pub(super) fn binding(&self) -> &Binding {
        &self.contact.binding
    }

    /// When the phone is to be woken to register again, if it sleeps: `lead` before the binding ends, or half of a short
    /// time before.
    fn wake(&self, lead: Duration) -> Option<Instant> {
        self.contact.push.as_ref()?;
        let lasts = self.expires.since(self.refreshed);
        Some(self.refreshed + (lasts - lead.min(lasts / 2)))
    }

    /// A connection has closed. Returns whether the contact used it.
    pub(super) fn lose(&mut self, connection: ConnectionId) -> bool {
        self.binding().flow.connection == Some(connection) && Arc::make_mut(&mut self.contact).lose(connection)
    }
}

/// Every look-up is one hash or tree look-up, however many bindings there are.
#[derive(Default)]
pub(super) struct Table {
    /// How long before its binding ends a sleeping phone is woken.
    lead: Duration,
    by_id: HashMap<u64, Bound>,
    by_number: HashMap<Box<str>, SmallVec<[u64; 2]>>,
    by_connection: BTreeMap<ConnectionId, SmallVec<[u64; 1]>>,
    by_expiry: BTreeSet<(Instant, u64)>,
    by_wake: BTreeSet<(Instant, u64)>,
}

impl Table {
    /// An empty table; a sleeping phone is woken that long before its binding ends.
    pub(super) fn new(lead: Duration) -> Self {
        Self {
            lead,
            ..Self::default()
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&Bound> {
        self.by_id.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The bindings of an extension, oldest first.
    pub(super) fn of(&self, number: &str) -> impl Iterator<Item = &Bound> + Clone {
        self.by_number
            .get(number)
            .into_iter()
            .flatten()
            .filter_map(|id| self.get(*id))
    }

    /// Every binding by number, then by age.
    pub(super) fn sorted(&self) -> Vec<&Bound> {
        let mut all: Vec<&Bound> = self.by_id.values().collect();
        all.sort_unstable_by_key(|bound| (&*bound.binding().number, bound.binding().id));
        all
    }

    /// Puts in a binding; returns the former binding with the same id.
    pub(super) fn put(&mut self, bound: Bound) -> Option<Bound> {
        let id = bound.binding().id;
        let former = self.remove(id);
        let ids = self
            .by_number
            .entry(bound.binding().number.as_str().into())
            .or_default();
        let place = ids.partition_point(|other| *other < id);
        ids.insert(place, id);
        if let Some(connection) = bound.binding().flow.connection {
            self.by_connection.entry(connection).or_default().push(id);
        }
        self.by_expiry.insert((bound.expires, id));
        self.by_wake.extend(bound.wake(self.lead).map(|at| (at, id)));
        self.by_id.insert(id, bound);
        former
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Bound> {
        let bound = self.by_id.remove(&id)?;
        if let Some(ids) = self.by_number.get_mut(bound.binding().number.as_str()) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_number.remove(bound.binding().number.as_str());
            }
        }
        self.forget_connection(id, bound.binding().flow.connection);
        self.by_expiry.remove(&(bound.expires, id));
        if let Some(at) = bound.wake(self.lead) {
            self.by_wake.remove(&(at, id));
        }
        Some(bound)
    }

    fn forget_connection(&mut self, id: u64, connection: Option<ConnectionId>) {
        let Some(connection) = connection else { return };
        if let Some(ids) = self.by_connection.get_mut(&connection) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_connection.remove(&connection);
            }
        }
    }

    /// Marks the bindings of a connection as having lost it. Returns their contacts after the change.
    pub(super) fn lose(&mut self, connection: ConnectionId) -> Vec<Arc<Contact>> {
        let mut lost = Vec::new();
        for id in self.by_connection.remove(&connection).unwrap_or_default() {
            if let Some(bound) = self.by_id.get_mut(&id)
                && bound.lose(connection)
            {
                lost.push(Arc::clone(&bound.contact));
            }
        }
        lost
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let next = [self.by_expiry.first(), self.by_wake.first()];
        next.into_iter().flatten().map(|(at, _)| *at).min()
    }

    /// The next binding whose phone is to be woken by now. It is told once.
    pub(super) fn take_sleeper(&mut self, now: Instant) -> Option<u64> {
        let (at, id) = *self.by_wake.first()?;
        (at <= now).then(|| self.by_wake.pop_first())?;
        Some(id)
    }

    /// The next binding that has ended by now. Its timer is removed; the binding stays in the table.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let (at, _) = *self.by_expiry.first()?;
        if at > now {
            return None;
        }
        self.by_expiry.pop_first().map(|(_, id)| id)
    }

    /// Sets the timer of a binding again after [`Table::take_due`] has removed it.
    pub(super) fn watch(&mut self, id: u64) {
        if let Some(bound) = self.by_id.get(&id) {
            self.by_expiry.insert((bound.expires, id));
        }
    }
}

/// What a REGISTER changes once that is stored.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) saves: Vec<Bound>,
    pub(super) removes: Vec<u64>,
}

impl Plan {
    /// The changes in the order in which they are written. Removals come first, so that a replaced contact makes room.
    pub(super) fn changes(&self) -> Vec<BindingChange> {
        let removes = self.removes.iter().map(|id| BindingChange::Remove(*id));
        removes
            .chain(
                self.saves
                    .iter()
                    .map(|bound| BindingChange::Save(bound.binding().clone())),
            )
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.saves.is_empty() && self.removes.is_empty()
    }

    pub(super) fn saves_id(&self, id: u64) -> bool {
        self.saves.iter().any(|bound| bound.binding().id == id)
    }
}
