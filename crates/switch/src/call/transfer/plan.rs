//! What a REFER asks for: whom it moves, and where to (RFC 3515 section 2.4.2, RFC 5589).

use sip::{
    HeaderName, Message, Method,
    headers::{Header, dialogs::Replaces, refer::ReferTo},
};

use crate::{
    answer::Answer,
    call::{Call, focus},
    core::{Asked, Core, Destination, Handover, NewCall, Why},
    ids::LegId,
    leg::Leg,
};

use super::{Plan, Transfer, beginning};

/// Where a REFER sends the other party.
enum Goal {
    /// To a new call to this number.
    Number(String),
    /// To the place of this leg.
    Place(LegId),
    /// To a dialog that is not there.
    NotThere,
}

/// What a REFER asks for.
pub(super) fn plan(call: &Call, x: &Core, from: LegId, request: &Message) -> Result<Plan, Answer> {
    // RFC 3515 section 2.4.2: exactly one Refer-To.
    let mut targets = request.values(HeaderName::ReferTo);
    let (Some(target), None) = (targets.next(), targets.next()) else {
        return Err(Answer::of(400));
    };
    let target = ReferTo::read(target).map_err(|_| Answer::of(400))?;
    let method = target.method().map_err(|_| Answer::of(400))?;
    if !matches!(method, Method::Invite | Method::Bye) {
        return Err(Answer::of(501));
    }
    let replaces = target.replaces().map_err(|_| Answer::of(400))?;
    if call.transfer != Transfer::None {
        return Err(Answer::of(491));
    }
    let room = x.port_of(from).and_then(|port| x.conferences.name_of(port));
    if let Some(room) = room.map(str::to_owned) {
        return focus::plan(call, x, (from, room), &target, replaces.as_ref());
    }
    // Both parties are up and talk with each other, or the other one rings: otherwise there is no party to be transferred.
    let is_up = |leg: &LegId| x.legs.get(*leg).is_some_and(Leg::is_up);
    let there = !call.has_ended() && is_up(&from);
    let transferee = call.other(from).filter(|leg| there && is_up(leg));
    let rung = || {
        let subject = there && transferee.is_none() && method == Method::Invite && call.subject == Some(from);
        subject
            .then(|| call.legs.iter().copied().find(|leg| is_rung(x, *leg)))
            .flatten()
    };
    let party = transferee.or_else(rung).ok_or_else(|| Answer::of(403))?;
    is_meant(x, request, &[party])?;
    if method == Method::Bye {
        return is_party(x, from, party, &target).map(|()| Plan::HangUp(party));
    }
    let goal = goal(call, x, from, &target, replaces.as_ref())?;
    if transferee.is_none() && !matches!(goal, Goal::NotThere) {
        return Ok(Plan::Wait);
    }
    Ok(match goal {
        Goal::NotThere => Plan::NotThere,
        Goal::Number(dialed) => Plan::Go(blind(call, x, (from, party), dialed, request)?),
        Goal::Place(place) => Plan::Go(Handover {
            leg: party,
            to: Destination::Place(place),
            why: Why::Transferred,
        }),
    })
}

/// Whether a phone that a call rings has not answered.
fn is_rung(x: &Core, leg: LegId) -> bool {
    x.legs
        .get(leg)
        .is_some_and(|leg| !leg.inbound && !leg.is_up() && !leg.is_over())
}

/// Whether a request outside of a dialog, which names a dialog and is sent to a GRUU, means the phone of one of these legs
/// (RFC 5627 section 6.1: a GRUU names one phone, RFC 4538 section 4: the dialog is one of the recipient's).
///
/// # Errors
/// 481: the phone has no such dialog. 404: the GRUU is of no phone.
pub(in crate::call) fn is_meant(x: &Core, request: &Message, parties: &[LegId]) -> Result<(), Answer> {
    let uri = request.request_uri().ok().filter(|_| request.to_tag().is_none());
    let Some(gruu) = uri.filter(|uri| uri.gruu().is_some()) else {
        return Ok(());
    };
    let phone = x.phone_at(&gruu).ok_or_else(|| Answer::of(404))?;
    let mut parties = parties.iter().filter_map(|leg| x.legs.get(*leg));
    let there = parties.any(|leg| x.locations.is_at(&phone, leg.path.flow.remote));
    there.then_some(()).ok_or_else(|| Answer::of(481))
}

/// Where a REFER sends the other party of the leg that sent it.
fn goal(
    call: &Call,
    x: &Core,
    from: LegId,
    target: &ReferTo<'_>,
    replaces: Option<&Replaces<'_>>,
) -> Result<Goal, Answer> {
    let transferor = x.legs.get(from).ok_or_else(|| Answer::of(481))?;
    // RFC 5589 section 7.6: the phone has given its second call up, and means what that call was for.
    let Some(replaces) = replaces.filter(|replaces| !x.stack.dialogs.was_cancelled(replaces, x.stack.now)) else {
        if x.draining {
            return Err(Answer::busy(5));
        }
        // RFC 3515 section 2.4.2: what we cannot call is not accepted.
        if target.uri.scheme == sip::Scheme::Other {
            return Err(Answer::of(501));
        }
        let dialed = x.number_at(&target.uri, &transferor.path.flow);
        return dialed.map(Goal::Number).ok_or_else(|| Answer::of(404));
    };
    let place = x.stack.dialogs.replaced(replaces).and_then(|place| x.legs.get(place));
    match place {
        None => Ok(Goal::NotThere),
        // A phone moves the parties of its own calls only.
        Some(place) if transferor.peer == place.peer && place.call != call.id => Ok(Goal::Place(place.id)),
        Some(_) => Err(Answer::of(403)),
    }
}

/// Whether a URI names the other party of a phone, which the phone wants to be hung up.
fn is_party(x: &Core, from: LegId, other: LegId, target: &ReferTo<'_>) -> Result<(), Answer> {
    let (Some(from), Some(other)) = (x.legs.get(from), x.legs.get(other)) else {
        return Err(Answer::of(481));
    };
    let number = x.number_at(&target.uri, &from.path.flow);
    let number = number.ok_or_else(|| Answer::of(404))?;
    if other.peer.is_extension(&number) || from.user() == number {
        Ok(())
    } else {
        Err(Answer::of(404))
    }
}

fn blind(
    call: &Call,
    x: &Core,
    (from, transferee): (LegId, LegId),
    dialed: String,
    request: &Message,
) -> Result<Handover, Answer> {
    let (Some(transferor), Some(party)) = (x.legs.get(from), x.legs.get(transferee)) else {
        return Err(Answer::of(481));
    };
    let by = x.shown(transferor);
    let beginning = beginning(call, x, party, transferor, dialed).ok_or_else(|| Answer::of(483))?;
    Ok(Handover {
        leg: transferee,
        to: Destination::New(Box::new(NewCall {
            beginning,
            asked: Asked::Refer {
                refer: Box::new(request.clone()),
                by,
            },
            transferor: Some(from),
        })),
        why: Why::Transferred,
    })
}
