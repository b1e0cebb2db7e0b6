//! REFER: a phone moves the other party of its call elsewhere (RFC 3515, RFC 5589).
//!
//! Blind: the other party goes to a new call, whose script decides as for any call. Until that is answered, the call it
//! came from lives on with the transferor, to whom it returns if no phone answers. Attended: the other party takes the place of
//! the transferor's other leg, in the call of that one.

use sip::{
    HeaderName, Message, Method,
    headers::{Header, refer::ReferTo},
    transaction::ServerId,
};

use crate::{
    answer::Answer,
    api::{Facts, ScriptEntry},
    core::{Beginning, Core, Destination, Handover, NewCall, Why},
    event::Cause,
    ids::LegId,
    leg::Leg,
};

use super::Call;

/// The part of a call in a transfer that is under way.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// None.
    None,
    /// One of its legs was asked for and is about to go, or has gone and may return.
    Gives {
        /// The leg that sent the REFER.
        transferor: LegId,
        /// The other party goes to a new call, and may return from there.
        blind: bool,
    },
    /// Its subject was brought here by a REFER of this leg of another call, and no phone has answered so far.
    Takes { transferor: LegId },
}

/// A REFER came from a leg.
pub(super) fn referred(call: &mut Call, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
    let handover = match plan(call, x, from, request) {
        Ok(handover) => handover,
        Err(answer) => return x.stack.answer(server, request, &answer),
    };
    x.with_leg(from, |leg, cx| leg.accept_refer(cx, server, request));
    x.open_refer(from, request);
    match handover {
        Some(handover) => {
            call.transfer = Transfer::Gives {
                transferor: from,
                blind: matches!(handover.to, Destination::New(_)),
            };
            x.handovers.push_back(handover);
        }
        // RFC 3891 section 3: what an INVITE with such a Replaces would get.
        None => x.conclude_refer(from, 481, false),
    }
}

/// What a REFER asks for. `None` where it names a dialog that is not there.
fn plan(call: &Call, x: &Core, from: LegId, request: &Message) -> Result<Option<Handover>, Answer> {
    // RFC 3515 section 2.4.2: exactly one Refer-To.
    let mut targets = request.values(HeaderName::ReferTo);
    let (Some(target), None) = (targets.next(), targets.next()) else {
        return Err(Answer::of(400));
    };
    let target = ReferTo::read(target).map_err(|_| Answer::of(400))?;
    if target.method().map_err(|_| Answer::of(400))? != Method::Invite {
        return Err(Answer::of(501));
    }
    let replaces = target.replaces().map_err(|_| Answer::of(400))?;
    if call.transfer != Transfer::None || x.subscribed.refers.is_open(from) {
        return Err(Answer::of(491));
    }
    // Both parties are up and talk with each other: otherwise there is no party to be transferred.
    let is_up = |leg: &LegId| x.legs.get(*leg).is_some_and(Leg::is_up);
    let transferee = call.other(from).filter(is_up).filter(|_| is_up(&from));
    let transferee = transferee
        .filter(|_| !call.has_ended())
        .ok_or_else(|| Answer::of(403))?;
    let Some(replaces) = replaces else {
        return blind(call, x, from, transferee, (&target, request)).map(Some);
    };
    let place = x.stack.dialogs.replaced(&replaces);
    let Some(place) = place.and_then(|place| x.legs.get(place)) else {
        return Ok(None);
    };
    // A phone moves the parties of its own calls only.
    let own = x.legs.get(from).is_some_and(|leg| leg.peer == place.peer);
    if !own || place.call == call.id {
        return Err(Answer::of(403));
    }
    Ok(Some(Handover {
        leg: transferee,
        to: Destination::Place(place.id),
        why: Why::Transferred,
    }))
}

fn blind(
    call: &Call,
    x: &Core,
    from: LegId,
    transferee: LegId,
    (target, request): (&ReferTo<'_>, &Message),
) -> Result<Handover, Answer> {
    if x.draining {
        return Err(Answer::of(503).with(HeaderName::RetryAfter, "5"));
    }
    let (Some(transferor), Some(party)) = (x.legs.get(from), x.legs.get(transferee)) else {
        return Err(Answer::of(481));
    };
    // RFC 3515 section 2.4.2: what we cannot call is not accepted.
    if target.uri.scheme == sip::Scheme::Other {
        return Err(Answer::of(501));
    }
    let dialed = x.number_at(&target.uri, &transferor.path.flow);
    let dialed = dialed.ok_or_else(|| Answer::of(404))?;
    // A chain of transfers ends as a chain of proxies does (RFC 3261 16.3 step 3).
    let max_forwards = call.max_forwards.checked_sub(1).ok_or_else(|| Answer::of(483))?;
    let account = party.peer.number().and_then(|number| x.accounts.extension(number));
    let own = call.subject == Some(transferee);
    let facts = Facts {
        id: String::new(),
        number: if own {
            call.facts.number.clone()
        } else {
            party.peer.to_string()
        },
        name: match account {
            _ if own => call.facts.name.clone(),
            Some(account) => account.name.clone(),
            None => String::new(),
        },
        dialed,
        // Who is no extension of ours calls with the rights of the phone that transfers.
        extension: Some(account.map_or_else(|| transferor.peer.to_string(), |account| account.number.clone())),
        trunk: None,
        source: party.path.flow.remote.to_string(),
    };
    let beginning = Beginning {
        facts,
        entry: ScriptEntry::OnCall,
        max_forwards,
        sip_call_id: party.invite.call_id().to_owned(),
    };
    Ok(Handover {
        leg: transferee,
        to: Destination::New(Box::new(NewCall {
            beginning,
            asked_by: request.clone(),
            transferor: from,
        })),
        why: Why::Transferred,
    })
}

/// The extension that sent the subject here: by a transfer that no phone has answered so far, else by its own call.
pub(crate) fn sent_by(call: &Call, x: &Core) -> Option<String> {
    let transferor = match call.transfer {
        Transfer::Takes { transferor } => x.legs.get(transferor),
        Transfer::None | Transfer::Gives { .. } => None,
    };
    let by = transferor
        .and_then(|leg| leg.peer.number())
        .map(|number| (**number).to_owned());
    by.or_else(|| call.facts.extension.clone())
}

/// The party that a REFER asked for has gone to the other call.
pub(super) fn given(call: &mut Call, x: &mut Core) {
    if let Transfer::Gives {
        transferor,
        blind: false,
    } = call.transfer
    {
        x.conclude_refer(transferor, 200, true);
    }
}

/// What a REFER asked for cannot be done: the parties stay together.
pub(crate) fn refused(call: &mut Call, x: &mut Core, code: u16) {
    if let Transfer::Gives { transferor, .. } = std::mem::replace(&mut call.transfer, Transfer::None) {
        x.conclude_refer(transferor, code, false);
    }
}

/// Where the subject was transferred to has answered: the transferor is told, and is through.
pub(super) fn succeeded(call: &mut Call, x: &mut Core) {
    if let Transfer::Takes { transferor } = call.transfer {
        call.transfer = Transfer::None;
        x.conclude_refer(transferor, 200, true);
    }
}

/// Where the subject was transferred to did not answer. True where the subject goes back to the transferor.
pub(super) fn failed(call: &mut Call, x: &mut Core, code: u16) -> bool {
    let Transfer::Takes { transferor } = call.transfer else {
        return false;
    };
    call.transfer = Transfer::None;
    let back = x.legs.get(transferor).filter(|leg| leg.is_up()).map(|leg| leg.call);
    let subject = call.subject.filter(|_| call.subject_is_up(x));
    let returns = back.zip(subject);
    // A transferor to which no party comes back is through.
    x.conclude_refer(transferor, code, returns.is_none());
    x.handovers.extend(returns.map(|(to, leg)| Handover {
        leg,
        to: Destination::Call(to),
        why: Why::Returned,
    }));
    returns.is_some()
}

/// The party that was to come back has gone on its way: the phone that waits for it is through.
pub(crate) fn waits_in_vain(call: &Call, x: &mut Core) {
    call.hang_up_all(x, &Cause::ours("the transferred party has gone"));
}

/// The subject has gone before its target answered: the transferor need not wait any longer.
pub(super) fn abandoned(call: &mut Call, x: &mut Core) {
    if let Transfer::Takes { transferor } = call.transfer {
        call.transfer = Transfer::None;
        x.conclude_refer(transferor, 487, true);
    }
}
