//! `pickup`: the caller takes a call that rings elsewhere, or is parked.
//!
//! The caller's leg takes the place of the leg that rings, as with an INVITE with Replaces, and joins the call of that
//! leg. Its own call ends with that.

use crate::{
    activity::{Line, LineState},
    api::{CauseCode, Outcome, Pickup, PickupResult, PickupStatus},
    call::{Call, VerbEvent},
    core::{Core, Destination, Handover, Why},
    hunt::Unanswered,
    ids::LegId,
    locations::Peer,
};

use super::super::{Next, Running};

/// A `pickup` whose leg is on its way to the other call.
pub(crate) struct PickingUp;

/// `caller.pickup(number)`, `caller.pickup("*")`.
pub(in crate::verbs) fn pickup(call: &mut Call, x: &mut Core, want: &Pickup) -> Next {
    let (Some(own), Some(leg)) = (call.facts.extension.clone(), call.subject()) else {
        return over(call, PickupStatus::Denied);
    };
    let to = match want {
        Pickup::Number(number) => match x.parking.call_in(number) {
            Some(parked) => Ok(Destination::Call(parked)),
            None => ringing_at(x, &own, number).map(Destination::Place),
        },
        Pickup::Group => ringing_in_group(x, &own).map(Destination::Place),
    };
    match to {
        Ok(to) => {
            x.handovers.push_back(Handover {
                leg,
                to,
                why: Why::Replaces,
            });
            Next::Wait(Running::Pickup(PickingUp))
        }
        Err(status) => over(call, status),
    }
}

/// The leg that has rung longest at this extension.
fn ringing_at(x: &Core, own: &str, number: &str) -> Result<LegId, PickupStatus> {
    let rings = longest(x.activity.of(&Peer::extension(number))).ok_or(PickupStatus::Nothing)?;
    if x.accounts.may_pick_up(own, number) {
        Ok(rings.leg)
    } else {
        Err(PickupStatus::Denied)
    }
}

/// The leg that has rung longest at an extension of the same pickup group, the caller's own extension included.
fn ringing_in_group(x: &Core, own: &str) -> Result<LegId, PickupStatus> {
    let mut members = x.accounts.pickup_group_of(own).peekable();
    if members.peek().is_none() {
        return Err(PickupStatus::Denied);
    }
    let lines = members.filter_map(|member| longest(x.activity.of(&Peer::extension(member))));
    let first = lines.min_by_key(|line| line.since);
    first.map(|line| line.leg).ok_or(PickupStatus::Nothing)
}

/// Of the lines of an extension the one that has rung longest.
fn longest(lines: &[Line]) -> Option<&Line> {
    let rings = |line: &&Line| match line.state {
        LineState::Trying | LineState::Early | LineState::Ringing => !line.calls,
        LineState::Up | LineState::Held | LineState::Ending => false,
    };
    lines.iter().filter(rings).min_by_key(|line| line.since)
}

fn over(call: &mut Call, status: PickupStatus) -> Next {
    let (cause, code, reason) = match status {
        PickupStatus::Answered => return Next::Done(Outcome::PickedUp(PickupResult::without(status))),
        PickupStatus::Nothing => (CauseCode::PickupNothing, 480, "Nothing To Pick Up"),
        PickupStatus::Denied => (CauseCode::PickupDenied, 403, "Pickup Not Allowed"),
        PickupStatus::Failed => (CauseCode::CodecNoneInCommon, 488, "Not Acceptable Here"),
    };
    // What the caller gets if the script does nothing more.
    call.script.last_dial = Some(Unanswered::ours(cause, code, reason));
    Next::Done(Outcome::PickedUp(PickupResult::without(status)))
}

impl PickingUp {
    /// Something happened.
    pub fn event(self, call: &mut Call, event: VerbEvent) -> Next {
        match event {
            VerbEvent::Joined(Ok(party)) => Next::Done(Outcome::PickedUp(PickupResult {
                status: PickupStatus::Answered,
                number: party.number,
                name: party.name,
            })),
            VerbEvent::Joined(Err(488)) => over(call, PickupStatus::Failed),
            // Another phone was faster, or the call rings no longer.
            VerbEvent::Joined(Err(_)) | VerbEvent::SubjectGone => over(call, PickupStatus::Nothing),
            VerbEvent::Leg(..)
            | VerbEvent::PeerEnded
            | VerbEvent::SubjectConfirmed
            | VerbEvent::Timer
            | VerbEvent::Digit(_)
            | VerbEvent::Media(..)
            | VerbEvent::Recorded(_)
            | VerbEvent::Stored(..)
            | VerbEvent::Found(..)
            | VerbEvent::Removed
            | VerbEvent::Resolved(..)
            | VerbEvent::Guest(_)
            | VerbEvent::Proxied(_) => Next::Wait(Running::Pickup(self)),
        }
    }
}
