//! Parked calls: which call waits in which slot.
//!
//! A slot is a number that people dial. Its lamp is lit by a [`Line`] of that number in [`Activity`]. The verb `park` puts
//! a call here and removes it; the table knows neither calls nor verbs.
//!
//! | part | what it holds |
//! |---|---|
//! | [`ParkedCalls`] | the parked calls by slot: which slot is free, who waits |
//! | [`Arrival`] | a call that is to be parked |

use std::{collections::BTreeMap, time::Duration};

use crate::{
    accounts::Accounts,
    activity::{Activity, Line, LineState},
    api::{CallUid, Event, ParkedCall, Unparked},
    ids::{CallId, LegId},
    locations::Peer,
    stack::Stack,
};

/// A call that is to be parked.
pub(crate) struct Arrival {
    pub call: CallId,
    pub uid: CallUid,
    /// The leg of the party that waits.
    pub leg: LegId,
    /// The number of that party, and its name.
    pub party: (String, String),
    /// The extension that parks it; empty if there is none.
    pub parked_by: String,
    /// After this time the call returns.
    pub timeout: Duration,
}

/// See the module. There are as many entries as slots (`limits.services.parking`).
#[derive(Default)]
pub(crate) struct ParkedCalls {
    by_slot: BTreeMap<u32, Waiting>,
}

struct Waiting {
    id: CallId,
    leg: LegId,
    shown: ParkedCall,
}

impl ParkedCalls {
    /// The slot for a call: the wanted one if it is free, else the first free one; `None` where all are in use. The number
    /// of an extension is no slot.
    pub fn free(&self, cx: &Stack, accounts: &Accounts, wanted: Option<&str>) -> Option<String> {
        let (first, last) = cx.config.limits.services.parking.slots;
        let is_free = |slot: &u32| !self.by_slot.contains_key(slot) && !accounts.is_extension(&slot.to_string());
        let wanted = wanted.and_then(number).filter(|slot| (first..=last).contains(slot));
        let slot = wanted.filter(is_free).or_else(|| (first..=last).find(is_free))?;
        Some(slot.to_string())
    }

    /// A call waits in this slot from now on.
    pub fn park(&mut self, cx: &mut Stack, activity: &mut Activity, slot: &str, who: Arrival) {
        let Some(key) = number(slot) else { return };
        let since = cx.unix();
        let timeout = i64::try_from(who.timeout.as_micros()).unwrap_or(i64::MAX);
        let waiting = Waiting {
            id: who.call,
            leg: who.leg,
            shown: ParkedCall {
                slot: slot.to_owned(),
                call: who.uid,
                number: who.party.0,
                name: who.party.1,
                parked_by: who.parked_by,
                since,
                returns_at: since.saturating_add(timeout),
            },
        };
        tracing::info!(slot, parked_by = %waiting.shown.parked_by, "parked");
        light(cx, activity, &waiting);
        cx.event(Event::ParkedAdded(Box::new(waiting.shown.clone())));
        self.by_slot.insert(key, waiting);
    }

    /// Another leg waits in the place of the leg that waited, with its number and name.
    pub fn replace(
        &mut self,
        cx: &mut Stack,
        activity: &mut Activity,
        slot: &str,
        leg: LegId,
        party: (String, String),
    ) {
        let Some(waiting) = number(slot).and_then(|key| self.by_slot.get_mut(&key)) else {
            return;
        };
        activity.ends(&Peer::extension(slot), waiting.leg);
        waiting.leg = leg;
        (waiting.shown.number, waiting.shown.name) = party;
        light(cx, activity, waiting);
        cx.event(Event::ParkedAdded(Box::new(waiting.shown.clone())));
    }

    /// The call of this slot waits there no longer.
    pub fn leave(&mut self, cx: &mut Stack, activity: &mut Activity, slot: &str, why: Unparked) {
        let Some(waiting) = number(slot).and_then(|key| self.by_slot.remove(&key)) else {
            return;
        };
        tracing::info!(slot, why = why.as_str(), "no longer parked");
        activity.ends(&Peer::extension(slot), waiting.leg);
        cx.event(Event::ParkedRemoved {
            parked: Box::new(waiting.shown),
            why,
        });
    }

    /// The call that waits in this slot.
    pub fn call_in(&self, slot: &str) -> Option<CallId> {
        let waiting = self.by_slot.get(&number(slot)?)?;
        Some(waiting.id)
    }

    /// Whether this call waits in a slot.
    pub fn is_parked(&self, call: CallId) -> bool {
        self.by_slot.values().any(|waiting| waiting.id == call)
    }

    /// The call that waits with this leg.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        let waiting = self.by_slot.values().find(|waiting| waiting.leg == leg)?;
        Some(waiting.id)
    }

    /// The number and the name of the party that waits in this slot.
    pub fn party(&self, slot: &str) -> Option<(String, String)> {
        let shown = &self.by_slot.get(&number(slot)?)?.shown;
        Some((shown.number.clone(), shown.name.clone()))
    }

    /// The parked calls by slot.
    pub fn list(&self) -> Vec<ParkedCall> {
        self.by_slot.values().map(|waiting| waiting.shown.clone()).collect()
    }

    /// How many calls are parked.
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }
}

/// The number of a slot, as it is dialled: without a leading zero or sign.
fn number(slot: &str) -> Option<u32> {
    let number = slot.parse::<u32>().ok()?;
    (number.to_string() == slot).then_some(number)
}

fn light(cx: &Stack, activity: &mut Activity, waiting: &Waiting) {
    let line = Line {
        leg: waiting.leg,
        calls: false,
        state: LineState::Held,
        with: waiting.shown.number.as_str().into(),
        since: cx.now,
    };
    activity.begins(&Peer::extension(&waiting.shown.slot), line);
}
