//! Legs that leave the call for another one, and legs that come from another one.

use crate::{
    answer::Answer,
    api::{Began, CallUid, LinkKind},
    bridge,
    core::{Core, Why},
    event::Cause,
    ids::LegId,
    leg::Leg,
};

use super::{Call, Ending, Guest, VerbEvent, connect, digits, end, transfer};

/// Whether the call would take a guest in the place of a leg: that leg is its subject, or is connected with it, or rings, and
/// guest and partner have a codec in common. Otherwise the status that the guest gets.
pub(crate) fn would_take(call: &Call, x: &Core, guest: LegId, instead_of: LegId) -> Result<(), u16> {
    if call.has_ended() || !call.legs.contains(&instead_of) {
        return Err(481);
    }
    // A leg that is up with no part in the call, such as one that has transferred its party, has no place to give.
    let has_part = call.subject == Some(instead_of) || call.other(instead_of).is_some();
    let is_up = x.legs.get(instead_of).is_none_or(Leg::is_up);
    if is_up && (!has_part || call.waits_for_return(instead_of)) {
        return Err(481);
    }
    let subject = call.subject.filter(|subject| *subject != instead_of);
    let partner = call.other(instead_of).or(subject.filter(|_| !call.script.seeks));
    let fits = match partner {
        Some(partner) => bridge::fits(x, guest, partner),
        // The subject is alone: Tandem itself answers.
        None => bridge::fits_us(x, guest),
    };
    if fits { Ok(()) } else { Err(488) }
}

/// A leg leaves for the call `to`. The record, the script, the verb and the connection are ended each by itself, and only
/// where the leg was part of them.
pub(crate) fn release(call: &mut Call, x: &mut Core, leg: LegId, to: CallUid, why: Why) {
    let _entered = call.span.clone().entered();
    call.legs.retain(|one| *one != leg);
    let connected = call.other(leg).is_some();
    if let Some(bridge) = call.bridge.take_if(|_| connected) {
        bridge.part(x);
    }
    if call.subject == Some(leg) {
        digits::deafen(call, x);
        call.subject = None;
    }
    call.cancel_script(x);
    call.tell_verb(VerbEvent::SubjectGone);
    match why {
        Why::Transferred => {
            call.record.link(x, to, LinkKind::TransferredTo);
            connect::note_parties(call, x, Began::Transferred);
            transfer::given(call, x);
        }
        Why::Returned | Why::Replaces => {
            call.record.link(x, to, LinkKind::TransferredTo);
            end::close_record(call, x, Ending::transferred());
        }
    }
}

/// The leg of this INVITE with Replaces has taken its place in the call `to`, where it got its 200; or it was refused there.
pub(crate) fn joined(call: &mut Call, x: &mut Core, leg: LegId, to: CallUid, joined: bool) {
    let _entered = call.span.clone().entered();
    call.legs.retain(|one| *one != leg);
    call.subject = None;
    if joined {
        call.record.link(x, to, LinkKind::Joined);
        call.mark_answered(x);
        end::close_record(call, x, Ending::joined());
    } else {
        end::close_record(call, x, Ending::not_replaced(481));
    }
}

/// The leg of the call `from` has taken a place in this one, by INVITE with Replaces.
pub(crate) fn joined_by(call: &mut Call, x: &Core, from: CallUid) {
    call.record.link(x, from, LinkKind::JoinedBy);
}

/// A leg comes from the call `from`, in the place of `instead_of` if that is given.
pub(crate) fn take_over(call: &mut Call, x: &mut Core, leg: LegId, instead_of: Option<LegId>, from: CallUid, why: Why) {
    let _entered = call.span.clone().entered();
    call.adopt(x, leg);
    let turn = match why {
        Why::Transferred => Began::Transferred,
        Why::Replaces => Began::Replaced,
        Why::Returned => Began::Returned,
    };
    if why != Why::Replaces {
        call.record.link(x, from, LinkKind::TransferredFrom);
    }
    match instead_of {
        Some(old) => replace(call, x, old, leg),
        None => rejoin(call, x, leg),
    }
    connect::name_parties(call, x, None);
    connect::note_parties(call, x, turn);
}

/// The leg takes the place of another one of the call, which is hung up.
fn replace(call: &mut Call, x: &mut Core, old: LegId, leg: LegId) {
    let subject = call.subject == Some(old) && !call.script.seeks;
    let connected = call.other(old).is_some();
    if connected {
        let replaced = call.bridge.as_mut().map(|bridge| bridge.replace(x, old, leg));
        if !matches!(replaced, Some(Ok(()))) {
            // The guest was refused with 488; the call goes on as it was.
            return;
        }
    }
    if subject {
        call.subject = Some(leg);
        bridge::accept_alone(x, leg);
    }
    call.tell_verb(VerbEvent::Guest(Guest {
        leg,
        instead_of: old,
        subject,
        connected,
    }));
    if subject || connected {
        x.with_leg(old, |leg, cx| leg.reject(cx, &Answer::of(487)));
        x.with_leg(old, |leg, cx| {
            leg.hang_up(cx, Cause::ours("another phone has taken its place"))
        });
    }
}

/// The leg is back: it and the leg that waits are connected, without a script.
fn rejoin(call: &mut Call, x: &mut Core, leg: LegId) {
    // Other legs of the call may still wait for the answer to their BYE.
    let waits = match std::mem::replace(&mut call.transfer, super::Transfer::None) {
        super::Transfer::Gives { transferor, .. } => Some(transferor),
        super::Transfer::None | super::Transfer::Takes { .. } => None,
    };
    call.subject.get_or_insert(leg);
    let bridge = waits.map(|waits| bridge::Bridge::connect(x, waits, leg));
    call.bridge = bridge.and_then(Result::ok);
}
