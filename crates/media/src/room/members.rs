//! Who is in the room, and who may hear whom.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{Place, Who, floor::Mouth};
use crate::service::{Others, Seat};

/// [`Others`], with the leg as its slot. A leg that is not in the room is no leg.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    All,
    NoLeg,
    Only(u32),
}

impl Rule {
    pub(super) fn permits(self, slot: Option<u32>) -> bool {
        match self {
            Rule::All => true,
            Rule::NoLeg => false,
            Rule::Only(one) => slot == Some(one),
        }
    }
}

/// Somebody in the room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) who: Who,
    pub(super) seat: Seat,
    pub(super) hears: Rule,
    pub(super) heard_by: Rule,
    /// The packets that the member takes, as a number of `Forms`.
    pub(super) form: Option<u32>,
    /// The stream that the member is sent.
    pub(super) stream: Option<u32>,
    /// Since when the member needs no stream alone, in milliseconds of the room.
    pub(super) apart: Option<u64>,
    pub(super) mouth: Mouth,
}

impl Member {
    /// Whether this is no leg.
    pub(super) fn is_source(&self) -> bool {
        matches!(self.who, Who::Source(_))
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    member: Option<Member>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Members {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by: HashMap<Who, u32, FixedState>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by.len()
    }

    pub(super) fn find(&self, who: Who) -> Option<Place> {
        let slot = *self.by.get(&who)?;
        let generation = self.slots[slot as usize].generation;
        Some(Place { slot, generation })
    }

    /// Takes somebody in, or changes the seat and form of who is in. Gives the form that is no longer needed.
    pub(super) fn enter(&mut self, who: Who, seat: Seat, form: Option<u32>) -> (Place, Option<u32>) {
        if let Some(place) = self.find(who)
            && let Some(member) = &mut self.slots[place.slot as usize].member
        {
            let before = member.form;
            if before != form {
                member.stream = None;
            }
            (member.seat, member.form) = (seat, form);
            member.mouth.set(seat);
            return (place, before);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let mut mouth = Mouth::default();
        mouth.set(seat);
        self.slots[slot as usize].member = Some(Member {
            who,
            seat,
            hears: Rule::NoLeg,
            heard_by: Rule::NoLeg,
            form,
            stream: None,
            apart: None,
            mouth,
        });
        self.by.insert(who, slot);
        let generation = self.slots[slot as usize].generation;
        (Place { slot, generation }, None)
    }

    /// Takes somebody out.
    pub(super) fn leave(&mut self, place: Place) -> Option<Member> {
        let slot = self.slots.get_mut(place.slot as usize)?;
        if slot.generation != place.generation {
            return None;
        }
        let member = slot.member.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.by.remove(&member.who);
        self.free.push(place.slot);
        Some(member)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Member> {
        let slot = self.slots.get_mut(place.slot as usize)?;
        slot.member.as_mut().filter(|_| slot.generation == place.generation)
    }

    /// Who sits in a slot.
    pub(super) fn at(&self, slot: u32) -> Option<&Member> {
        self.slots.get(slot as usize)?.member.as_ref()
    }

    /// See [`Members::at`].
    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Member> {
        self.slots.get_mut(slot as usize)?.member.as_mut()
    }

    /// Slots, also empty ones.
    pub(super) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Finds the slots that the seats name by their legs.
    pub(super) fn resolve(&mut self) {
        let Members { slots, by, .. } = self;
        let rule = |others| match others {
            Others::All => Rule::All,
            Others::NoLeg => Rule::NoLeg,
            Others::Only(leg) => by.get(&Who::Leg(leg)).map_or(Rule::NoLeg, |slot| Rule::Only(*slot)),
        };
        for member in slots.iter_mut().filter_map(|slot| slot.member.as_mut()) {
            member.hears = rule(member.seat.hears);
            member.heard_by = rule(member.seat.heard_by);
        }
    }
}
