//! Legs that leave the call for another one, and legs that come from another one.

use sip::HeaderName;

use crate::{
    activity::LineState,
    answer::Answer,
    api::{Began, CallUid, EndedBy, LinkKind},
    bridge,
    core::{Core, Why},
    event::Cause,
    ids::LegId,
    leg::{CallerId, Leg},
};

use super::{Call, Ending, Guest, VerbEvent, connect, digits, end, transfer};

/// Whether the call would take a guest in the place of a leg: that leg is its subject, or is connected with it, or rings, and
/// guest and partner have a codec in common. Otherwise the status that the guest gets.
pub(crate) fn would_take(call: &Call, x: &Core, guest: LegId, instead_of: LegId) -> Result<(), u16> {
    if call.has_ended() || !call.legs.contains(&instead_of) {
        return Err(481);
    }
    // An INVITE with Replaces to a GRUU means a phone that is in the call, and no other one.
    if let Some(guest) = x
        .legs
        .get(guest)
        .filter(|guest| guest.inbound && guest.invite.header(HeaderName::Replaces).is_some())
    {
        let parties: Vec<LegId> = call.legs.iter().copied().filter(|leg| *leg != guest.id).collect();
        transfer::is_meant(x, &guest.invite, &parties).map_err(|answer| answer.status.code())?;
    }
    // A leg that is up with no part in the call, such as one that has transferred its party, has no place to give.
    let has_part = call.subject == Some(instead_of) || call.other(instead_of).is_some();
    let there = x.legs.get(instead_of);
    // Another phone has answered, or has taken the place: this one was told to stop.
    if there.is_some_and(|leg| leg.state() == LineState::Ending) {
        return Err(481);
    }
    let is_up = there.is_none_or(Leg::is_up);
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

/// Whether a guest may take this parked call: its party waits in a slot, and both have a codec in common. Otherwise the
/// status that the guest gets.
pub(crate) fn would_host(call: &Call, x: &Core, guest: LegId) -> Result<(), u16> {
    let waits = call
        .subject
        .filter(|_| !call.has_ended() && x.parking.is_parked(call.id));
    let party = waits.filter(|party| *party != guest).ok_or(481_u16)?;
    if bridge::fits(x, guest, party) {
        Ok(())
    } else {
        Err(488)
    }
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
    if connected || call.subject == Some(leg) {
        digits::deafen(call, x);
    }
    call.subject.take_if(|subject| *subject == leg);
    call.cancel_script(x);
    call.tell_verb(VerbEvent::SubjectGone);
    match why {
        Why::Transferred => {
            call.record.link(x, to, LinkKind::TransferredTo);
            connect::note_parties(call, x, Began::Transferred);
            transfer::given(call, x);
        }
        // The phone has asked for that with another leg: this one is through.
        Why::Fetched { .. } => {
            call.record.link(x, to, LinkKind::TransferredTo);
            connect::note_parties(call, x, Began::Transferred);
            call.hang_up_all(x, &Cause::ours("transferred"));
        }
        Why::Returned | Why::Replaces | Why::Moved => {
            call.record.link(x, to, LinkKind::TransferredTo);
            // Of two legs that go to a conference, the second one is still to be named in the record.
            if !x.handovers.iter().any(|next| call.legs.contains(&next.leg)) {
                let ending = Ending {
                    by: EndedBy::System,
                    ..Ending::transferred(true)
                };
                end::close_record(call, x, ending);
            }
        }
    }
}

/// The leg of this INVITE with Replaces, or of a `pickup`, has taken its place in the call `to`, where it got its 200 and
/// talks with `party`; or it was refused there.
pub(crate) fn joined(call: &mut Call, x: &mut Core, leg: LegId, to: CallUid, party: Option<CallerId>) {
    let _entered = call.span.clone().entered();
    digits::deafen(call, x);
    call.legs.retain(|one| *one != leg);
    call.subject = None;
    if let Some(party) = party {
        call.record.link(x, to, LinkKind::Joined);
        call.mark_answered(x, Began::Answered);
        end::close_record(call, x, Ending::joined());
        call.tell_verb(VerbEvent::Joined(Ok(party)));
    } else {
        end::close_record(call, x, Ending::not_replaced(481));
        call.cancel_script(x);
        call.tell_verb(VerbEvent::SubjectGone);
    }
}

/// Whether a leg that came is the subject, or is connected. Otherwise the running verb is still to connect or refuse the leg.
pub(crate) fn has_place(call: &Call, x: &Core, leg: LegId) -> bool {
    (call.subject == Some(leg) || call.other(leg).is_some()) && x.legs.get(leg).is_some_and(|leg| !leg.is_over())
}

/// The leg of the call `from` has taken a place in this one, by INVITE with Replaces or by `pickup`. Returns the party with
/// which it talks.
pub(crate) fn joined_by(call: &mut Call, x: &Core, leg: LegId, from: CallUid) -> CallerId {
    call.record.link(x, from, LinkKind::JoinedBy);
    let party = call.other(leg).or(call.subject.filter(|subject| *subject != leg));
    let (number, name) = party.map(|party| person(call, x, party)).unwrap_or_default();
    CallerId { number, name }
}

/// The number and the name of the party at this leg, as other parties may know them.
fn person(call: &Call, x: &Core, leg: LegId) -> (String, String) {
    let Some(leg) = x.legs.get(leg) else {
        return Default::default();
    };
    let number = x.shown(leg);
    let name = match x.accounts.extension(&number) {
        Some(extension) => extension.name.clone(),
        None if number == call.facts.number => call.facts.name.clone(),
        None => String::new(),
    };
    (number, name)
}

/// The number and the name of the subject, as other parties may know them.
pub(crate) fn subject_as_shown(call: &Call, x: &Core) -> (String, String) {
    call.subject.map(|leg| person(call, x, leg)).unwrap_or_default()
}

/// A leg comes from the call `from`, in the place of `instead_of` if that is given.
pub(crate) fn take_over(call: &mut Call, x: &mut Core, leg: LegId, instead_of: Option<LegId>, from: CallUid, why: Why) {
    let _entered = call.span.clone().entered();
    call.adopt(x, leg);
    let turn = match why {
        Why::Transferred => Began::Transferred,
        Why::Replaces => Began::Replaced,
        Why::Returned => Began::Returned,
        Why::Fetched { .. } => Began::Transferred,
        // Goes to a new call, where it takes no other leg's place.
        Why::Moved => Began::Transferred,
    };
    if why != Why::Replaces {
        call.record.link(x, from, LinkKind::TransferredFrom);
    }
    match instead_of {
        Some(old) => replace(call, x, old, leg, why),
        // The verb that waits in the slot connects it.
        None if why == Why::Replaces => call.tell_verb(VerbEvent::Guest(Guest {
            leg,
            instead_of: leg,
            subject: false,
            connected: false,
        })),
        None => rejoin(call, x, leg),
    }
    digits::session_changed(call, x);
    connect::name_parties(call, x, None);
    connect::note_parties(call, x, turn);
}

/// The leg takes the place of another one of the call, which is hung up.
fn replace(call: &mut Call, x: &mut Core, old: LegId, leg: LegId, why: Why) {
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
    // The verb speaks to the phone that has parked another call of its own, and hangs it up.
    if (subject || connected) && !matches!(why, Why::Fetched { .. }) {
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
        super::Transfer::None | super::Transfer::Takes { .. } | super::Transfer::Invited { .. } => None,
    };
    call.subject.get_or_insert(leg);
    let bridge = waits.map(|waits| bridge::Bridge::connect(x, waits, leg));
    call.bridge = bridge.and_then(Result::ok);
}
