//! Carries legs from one call to another: the only place that has both calls at hand, one after the other.

use super::Switch;
use crate::{
    api::CallUid,
    call::{self, Call, VerbEvent},
    core::{Beginning, Destination, Handover, NewCall, Why},
    event::Cause,
    ids::{CallId, LegId},
    leg::Leg,
    verbs::Conversation,
};

/// Where a leg goes, once that is known to be there.
struct Place {
    call: CallId,
    uid: CallUid,
    instead_of: Option<LegId>,
}

/// Carries out a handover, or tells the call that wanted it that it cannot be.
pub(super) fn carry_out(switch: &mut Switch, handover: Handover) {
    let Handover { leg, to, why } = handover;
    if let Why::Fetched { by } = why {
        return fetch(switch, leg, to, by);
    }
    let Some(from) = switch.x.legs.get(leg).filter(|leg| leg.is_up() || leg.is_waiting()) else {
        // Its phone has gone: its own call deals with that.
        if let Destination::Call(waits) = to {
            switch.with_call(waits, |call, x| call::waits_in_vain(call, x));
        }
        return;
    };
    let from = from.call;
    let place = match to {
        Destination::New(new) => Ok(begin(switch, leg, *new)),
        // Who takes the place of a party in a slot takes the parked call; who is transferred there waits in its place.
        Destination::Place(place) if why == Why::Replaces && is_parked_by_other(switch, leg, place) => {
            let parked = switch.x.parking.call_of(place);
            parked.ok_or(481).and_then(|parked| host(switch, leg, parked))
        }
        Destination::Place(place) => find(switch, leg, place),
        Destination::Call(call) if why == Why::Replaces => host(switch, leg, call),
        Destination::Conference { .. } => Err(481), // only parties that are fetched go there
        Destination::Call(call) => uid(switch, call).ok_or(481).map(|uid| Place {
            call,
            uid,
            instead_of: None,
        }),
    };
    match place {
        Ok(place) => hand_over(switch, leg, from, &place, why),
        Err(code) => refuse(switch, leg, from, why, code),
    }
}

/// The party that is connected with `leg` goes where `by`, another leg of the same phone, wants it; or an extension is invited.
fn fetch(switch: &mut Switch, leg: LegId, to: Destination, by: LegId) {
    let to = match to {
        Destination::Conference {
            room,
            invited: Some(beginning),
        } => {
            if let Err(code) = invite(switch, room, *beginning, by) {
                switch.x.conclude_refer(by, code, false);
            }
            return;
        }
        other @ (Destination::Conference { .. }
        | Destination::Place(_)
        | Destination::Call(_)
        | Destination::New(_)) => other,
    };
    let code = match take(switch, leg, to, by) {
        Ok(()) => 200,
        Err(code) => {
            if let Some(asker) = switch.x.legs.get(by).map(|leg| leg.call) {
                switch.with_call(asker, |call, _| call.tell_verb(VerbEvent::Joined(Err(code))));
            }
            code
        }
    };
    if switch.x.subscribed.refers.is_open(by) {
        switch.x.conclude_refer(by, code, false);
    }
}

fn take(switch: &mut Switch, leg: LegId, to: Destination, by: LegId) -> Result<(), u16> {
    let from = switch.x.legs.get(leg).filter(|leg| leg.is_up()).ok_or(481_u16)?.call;
    let call = &switch.calls.get(from).ok_or(481_u16)?.call;
    let party = call.other(leg).filter(|_| !call.has_ended()).ok_or(481_u16)?;
    if !switch.x.legs.get(party).is_some_and(Leg::is_up) {
        return Err(481);
    }
    let place = match to {
        Destination::Conference { room, .. } => {
            let new = call::to_conference(call, &switch.x, party, (room, by))?;
            begin(switch, party, new)
        }
        Destination::Place(place) => find(switch, party, place)?,
        Destination::Call(_) | Destination::New(_) => return Err(481),
    };
    hand_over(switch, party, from, &place, Why::Fetched { by });
    Ok(())
}

/// A member of a conference invites an extension. Error: the status for the member.
fn invite(switch: &mut Switch, room: String, beginning: Beginning, by: LegId) -> Result<(), u16> {
    let x = &mut switch.x;
    if x.draining || switch.calls.len() >= x.stack.config.limits.calls {
        return Err(503);
    }
    let uid = x.stack.ids.call_uid();
    let call = switch.calls.try_insert_with(|id| {
        let mut call = Call::new(x, id, uid, None, beginning);
        call::ring_invited(&mut call, x, room, by);
        let mut conversation = Conversation::new(call);
        conversation.originate(x).then_some(conversation).ok_or(480_u16)
    })?;
    switch.by_uid.insert(uid, call);
    switch.with_call(call, |call, x| call.begin(x));
    Ok(())
}

fn uid(switch: &Switch, call: CallId) -> Option<CallUid> {
    let call = &switch.calls.get(call)?.call;
    (!call.has_ended()).then_some(call.uid)
}

/// A parked call that a phone takes.
fn host(switch: &Switch, leg: LegId, call: CallId) -> Result<Place, u16> {
    let there = &switch.calls.get(call).ok_or(481_u16)?.call;
    call::would_host(there, &switch.x, leg)?;
    Ok(Place {
        call,
        uid: there.uid,
        instead_of: None,
    })
}

fn is_parked_by_other(switch: &Switch, leg: LegId, place: LegId) -> bool {
    let peer = |leg: LegId| switch.x.legs.get(leg).map(|leg| &leg.peer);
    switch.x.parking.call_of(place).is_some() && peer(leg) != peer(place)
}

fn find(switch: &Switch, leg: LegId, place: LegId) -> Result<Place, u16> {
    let call = switch
        .x
        .legs
        .get(place)
        .filter(|leg| !leg.is_over())
        .ok_or(481_u16)?
        .call;
    let there = &switch.calls.get(call).ok_or(481_u16)?.call;
    call::would_take(there, &switch.x, leg, place)?;
    Ok(Place {
        call,
        uid: there.uid,
        instead_of: Some(place),
    })
}

/// The call of a transfer. Calls in progress always win, so the limit of calls does not count here.
fn begin(switch: &mut Switch, leg: LegId, new: NewCall) -> Place {
    let uid = switch.x.stack.ids.call_uid();
    let NewCall {
        beginning,
        asked,
        transferor,
    } = new;
    let x = &mut switch.x;
    let made = switch.calls.try_insert_with(|id| {
        let mut call = Call::new(x, id, uid, Some(leg), beginning);
        call.transferred(asked, transferor);
        Ok::<_, std::convert::Infallible>(Conversation::new(call))
    });
    let Ok(call) = made;
    switch.by_uid.insert(uid, call);
    Place {
        call,
        uid,
        instead_of: None,
    }
}

fn hand_over(switch: &mut Switch, leg: LegId, from: CallId, place: &Place, why: Why) {
    let former = switch.calls.get(from).map(|conversation| conversation.call.uid);
    if let (Why::Replaces, Some(former)) = (why, former) {
        return join(switch, leg, (from, former), place);
    }
    switch.with_call(from, |call, x| call::release(call, x, leg, place.uid, why));
    if let Some(leg) = switch.x.legs.get_mut(leg) {
        leg.call = place.call;
        leg.path.focus = None; // of a conference that it has left
    }
    let Some(former) = former else { return };
    switch.with_call(place.call, |call, x| {
        if call.subject() == Some(leg) {
            call.begin_transferred(x, former);
        } else {
            call::take_over(call, x, leg, place.instead_of, former, why);
        }
    });
}

/// The leg of an INVITE with Replaces takes its place. Its own call ends with what comes of that: only then is it known
/// whether the other call wanted it.
fn join(switch: &mut Switch, leg: LegId, (from, former): (CallId, CallUid), place: &Place) {
    if let Some(leg) = switch.x.legs.get_mut(leg) {
        leg.call = place.call;
        leg.path.focus = None; // of a conference that it has left
    }
    // What the running verb does with its new subject may end the call at once: the records name each other before that.
    let taken = switch.with_call(place.call, |call, x| {
        call::take_over(call, x, leg, place.instead_of, former, Why::Replaces);
        call::has_place(call, x, leg).then(|| call::joined_by(call, x, leg, former))
    });
    let joined = switch.x.legs.get(leg).is_some_and(|leg| !leg.is_over());
    let party = match taken.flatten() {
        None if joined => switch.with_call(place.call, |call, x| call::joined_by(call, x, leg, former)),
        party => party,
    };
    switch.with_call(from, |call, x| call::joined(call, x, leg, place.uid, party));
}

/// The leg cannot go where it was to go.
fn refuse(switch: &mut Switch, leg: LegId, from: CallId, why: Why, code: u16) {
    match why {
        Why::Transferred => {
            switch.with_call(from, |call, x| call::refused(call, x, code));
        }
        Why::Replaces => {
            switch.with_call(from, |call, x| call.cannot_join(x, code));
        }
        Why::Returned | Why::Moved | Why::Fetched { .. } => {
            let cause = Cause::ours("the phone that transferred it has gone");
            switch.x.with_leg(leg, |leg: &mut Leg, cx| leg.hang_up(cx, cause));
        }
    }
}
