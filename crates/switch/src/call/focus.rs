//! REFER by a member of a conference, whose other side is the focus (RFC 4579).
//!
//! | the REFER names | what becomes of it |
//! |---|---|
//! | an extension | its phones ring, and it enters the conference (section 5.5) |
//! | another number of the dialplan | the sender leaves the conference, and calls that number |
//! | another call of the sender (Replaces) | the other party of that call enters the conference (section 5.8) |
//! | a member, with `method=BYE` | the member leaves: the sender itself, or whom it has invited (section 5.9) |

use sip::{
    Method,
    headers::{dialogs::Replaces, refer::ReferTo},
};

use crate::{
    answer::Answer,
    api::{Facts, ScriptEntry},
    bridge,
    core::{Asked, Beginning, Core, Destination, Handover, NewCall, Why},
    ids::LegId,
    leg::Leg,
};

use super::{
    Call,
    transfer::{self, Plan, Transfer},
};

/// What a REFER of a member of `room` asks for.
pub(super) fn plan(
    call: &Call,
    x: &Core,
    (from, room): (LegId, String),
    target: &ReferTo<'_>,
    replaces: Option<&Replaces<'_>>,
) -> Result<Plan, Answer> {
    let sender = x.legs.get(from).filter(|leg| leg.is_up() && !call.has_ended());
    let sender = sender.ok_or_else(|| Answer::of(403))?;
    if x.draining {
        return Err(Answer::busy(5));
    }
    if let Some(replaces) = replaces {
        return Ok(merge(call, x, (sender, room), replaces)?.map_or(Plan::NotThere, Plan::Go));
    }
    let number = x.number_at(&target.uri, &sender.path.flow);
    let number = number
        .filter(|number| !number.is_empty())
        .ok_or_else(|| Answer::of(404))?;
    if target.method().is_ok_and(|method| method == Method::Bye) {
        return remove(x, sender, room, &number);
    }
    let Some(extension) = x.accounts.extension(&number) else {
        return Ok(Plan::Leave(number));
    };
    let facts = Facts {
        number: extension.number.clone(),
        name: extension.name.clone(),
        // The phone shows the number of the conference.
        dialed: call.facts.dialed.clone(),
        extension: Some(number),
        ..Facts::default()
    };
    let beginning = Beginning {
        facts,
        entry: ScriptEntry::OnCall,
        max_forwards: call.max_forwards.checked_sub(1).ok_or_else(|| Answer::of(483))?,
        sip_call_id: String::new(),
    };
    Ok(Plan::Go(Handover {
        leg: from,
        to: Destination::Conference {
            room,
            invited: Some(Box::new(beginning)),
        },
        why: Why::Fetched { by: from },
    }))
}

/// Another call of the sender and the conference become one. `None` where there is no such call.
fn merge(
    call: &Call,
    x: &Core,
    (sender, room): (&Leg, String),
    replaces: &Replaces<'_>,
) -> Result<Option<Handover>, Answer> {
    let place = x.stack.dialogs.replaced(replaces).and_then(|place| x.legs.get(place));
    let Some(place) = place else { return Ok(None) };
    // A phone moves the parties of its own calls only.
    if sender.peer != place.peer || place.call == call.id {
        return Err(Answer::of(403));
    }
    Ok(Some(Handover {
        leg: place.id,
        to: Destination::Conference { room, invited: None },
        why: Why::Fetched { by: sender.id },
    }))
}

fn remove(x: &Core, sender: &Leg, room: String, number: &str) -> Result<Plan, Answer> {
    let own = sender.peer.number().map(|number| (**number).to_owned());
    let found = x.conferences.member_of(&room, number).ok_or_else(|| Answer::of(404))?;
    if own.as_deref() == Some(number) || own == found.invited_by {
        let member = found.member;
        return Ok(Plan::Remove { room, member });
    }
    Err(Answer::of(403))
}

/// The call rings a person whom a member of a conference invites.
pub(crate) fn ring_invited(call: &mut Call, x: &Core, room: String, by: LegId) {
    let inviter = x.legs.get(by).and_then(|leg| leg.peer.number());
    call.asked = Asked::Join {
        room,
        invited_by: inviter.map(|number| (**number).to_owned()),
    };
    call.transfer = Transfer::Invited { by };
}

/// The extension that has invited the call's subject to its conference.
pub(crate) fn inviter(call: &Call) -> Option<String> {
    match &call.asked {
        Asked::Join { invited_by, .. } => invited_by.clone(),
        Asked::Call | Asked::Refer { .. } | Asked::Command => None,
    }
}

/// The call in which a party of this one enters a conference. Error: the status for the phone that asked for that.
pub(crate) fn to_conference(
    call: &Call,
    x: &Core,
    party: LegId,
    (room, invited_by): (String, LegId),
) -> Result<NewCall, u16> {
    let other = call.other(party).and_then(|other| x.legs.get(other));
    let (Some(leg), Some(other)) = (x.legs.get(party), other) else {
        return Err(481);
    };
    if call.transfer != Transfer::None || !leg.is_up() || !bridge::fits_us(x, party) {
        return Err(488);
    }
    let beginning = transfer::beginning(call, x, leg, other, call.facts.dialed.clone()).ok_or(483_u16)?;
    let inviter = x.legs.get(invited_by).and_then(|leg| leg.peer.number());
    Ok(NewCall {
        beginning,
        asked: Asked::Join {
            room,
            invited_by: inviter.map(|number| (**number).to_owned()),
        },
        transferor: None,
    })
}
