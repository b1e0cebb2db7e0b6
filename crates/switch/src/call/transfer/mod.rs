//! Transfers: a party of a call goes elsewhere, as a phone asks by REFER (RFC 3515, RFC 5589), or the API, or the script.
//!
//! Blind: the other party goes to a new call, whose script decides as for any call. Until that is answered, the call it
//! came from lives on with the transferor, to whom it returns if no phone answers. Attended: the other party takes the place of
//! the transferor's other leg, in the call of that one. Where the other party still rings, the REFER waits for its answer.
//!
//! `plan.rs` reads what a REFER asks for; the rest is here.
//!
//! What the API moves goes as in a blind transfer, with the other party of the call as the transferor, which hears music
//! meanwhile. What a script moves leaves its call for good.

mod plan;

use ::media::{Command, Source};
use sip::{Message, Method, StatusCode, transaction::ServerId};

use crate::{
    answer::Answer,
    api::{CallUid, CommandError, Facts, Party, ScriptEntry},
    bridge::{self, Bridge},
    core::{Asked, Beginning, Core, Destination, Handover, NewCall, Why},
    event::Cause,
    ids::LegId,
    leg::Leg,
};

pub(super) use plan::is_meant;
use plan::plan;

use super::{Call, connect};

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
    /// A member of a conference has asked by REFER for the person who is being rung: this leg of another call.
    Invited { by: LegId },
}

/// What a REFER asks for.
pub(super) enum Plan {
    /// A leg goes to another call.
    Go(Handover),
    /// The dialog that the REFER names is not there.
    NotThere,
    /// The other party is hung up.
    HangUp(LegId),
    /// The sender, which is in a conference, calls this number instead.
    Leave(String),
    /// A member of the conference is removed.
    Remove { room: String, member: CallUid },
    /// The other party still rings: the REFER waits for its answer.
    Wait,
}

/// A REFER came from a leg.
pub(super) fn referred(call: &mut Call, x: &mut Core, from: LegId, server: ServerId, request: &Message) {
    if *request.method() == Method::Subscribe {
        return x.resubscribe(from, server, request);
    }
    let plan = match plan(call, x, from, request) {
        Ok(_) if x.subscribed.refers.is_open(from) => Err(Answer::of(491)),
        plan => plan,
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(answer) => return x.stack.answer(server, request, &answer),
    };
    x.accept_refer(from, server, request);
    if matches!(plan, Plan::Wait) {
        return x.subscribed.refers.wait(from, request.clone());
    }
    follow(call, x, from, plan);
}

/// The other party of the subject has answered, which may have sent a REFER that waits for that.
pub(super) fn answered(call: &mut Call, x: &mut Core) {
    let Some((from, request)) = waiting(call, x) else {
        return;
    };
    match plan(call, x, from, &request) {
        Ok(plan) => follow(call, x, from, plan),
        Err(answer) => x.conclude_refer(from, answer.status.code(), false),
    }
}

/// The phones that the subject waited for have not answered: a REFER that waited for that has failed with this status.
pub(crate) fn unanswered(call: &Call, x: &mut Core, code: u16) {
    if let Some((from, _)) = waiting(call, x) {
        x.conclude_refer(from, code, false);
    }
}

fn waiting(call: &Call, x: &mut Core) -> Option<(LegId, Box<Message>)> {
    let subject = call.subject?;
    Some((subject, x.subscribed.refers.take_waiting(subject)?))
}

/// Does what an accepted REFER asks for.
fn follow(call: &mut Call, x: &mut Core, from: LegId, plan: Plan) {
    match plan {
        Plan::Go(handover) => {
            if handover.why == Why::Transferred {
                call.transfer = Transfer::Gives {
                    transferor: from,
                    blind: matches!(handover.to, Destination::New(_)),
                };
            }
            x.handovers.push_back(handover);
        }
        // RFC 3891 section 3: what an INVITE with such a Replaces would get.
        Plan::NotThere => x.conclude_refer(from, 481, false),
        Plan::HangUp(other) => {
            x.conclude_refer(from, 200, false);
            connect::dismiss(call, x, other);
        }
        Plan::Leave(number) => {
            let code = if by_script(call, x, number) { 200 } else { 483 };
            x.conclude_refer(from, code, false);
        }
        Plan::Remove { room, member } => {
            x.conferences.remove(&room, member);
            x.conclude_refer(from, 200, false);
        }
        // The party has answered and is gone again.
        Plan::Wait => x.conclude_refer(from, 480, false),
    }
}

/// The beginning of the call of a party that is moved to `dialed`, by or beside `other`. `None` for a chain of transfers that
/// is too long: it ends as a chain of proxies does (RFC 3261 16.3 step 3).
pub(in crate::call) fn beginning(call: &Call, x: &Core, party: &Leg, other: &Leg, dialed: String) -> Option<Beginning> {
    let max_forwards = call.max_forwards.checked_sub(1)?;
    let account = party.peer.number().and_then(|number| x.accounts.extension(number));
    let own = call.subject == Some(party.id);
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
        extension: Some(account.map_or_else(|| other.peer.to_string(), |account| account.number.clone())),
        trunk: None,
        source: party.path.flow.remote.to_string(),
        device: if own { call.facts.device.clone() } else { None },
        method: String::new(),
    };
    Some(Beginning {
        facts,
        entry: ScriptEntry::OnCall,
        max_forwards,
        sip_call_id: party.invite.call_id().to_owned(),
    })
}

/// The API moves a party of the call to a number.
pub(crate) fn command(call: &mut Call, x: &mut Core, party: Party, to: String) -> Result<(), CommandError> {
    let conflict = |text: &str| CommandError::Conflict(text.to_owned());
    if x.draining {
        return Err(CommandError::Busy);
    }
    if call.transfer != Transfer::None || call.script.seeks {
        return Err(conflict("the call is being made or transferred"));
    }
    let Some([a, b]) = call.bridge.as_ref().map(Bridge::sides) else {
        return match party {
            Party::Caller if by_script(call, x, to) => Ok(()),
            Party::Caller => Err(conflict("the caller has gone, or the call was transferred too often")),
            Party::Callee => Err(conflict("nobody has answered")),
        };
    };
    let caller = call.subject.filter(|subject| [a, b].contains(subject)).unwrap_or(a);
    let callee = if caller == a { b } else { a };
    let (moved, stays) = match party {
        Party::Caller => (caller, callee),
        Party::Callee => (callee, caller),
    };
    let legs = (x.legs.get(moved), x.legs.get(stays));
    let (Some(leg), Some(other)) = legs else {
        return Err(CommandError::NotFound);
    };
    if !leg.is_up() || !other.is_up() {
        return Err(conflict("one of the two phones has not answered, or hangs up"));
    }
    let beginning = beginning(call, x, leg, other, to).ok_or_else(|| conflict("the call was transferred too often"))?;
    call.transfer = Transfer::Gives {
        transferor: stays,
        blind: true,
    };
    x.handovers.push_back(Handover {
        leg: moved,
        to: Destination::New(Box::new(NewCall {
            beginning,
            asked: Asked::Command,
            transferor: Some(stays),
        })),
        why: Why::Transferred,
    });
    Ok(())
}

/// The script moves its caller to a number: a new call begins with the same caller, and this one ends. False where that is
/// not possible: the caller has gone, or was moved too often.
pub(crate) fn by_script(call: &mut Call, x: &mut Core, to: String) -> bool {
    let subject = call.subject_leg(x).filter(|leg| leg.is_up() || leg.is_waiting());
    let (Some(leg), Some(max_forwards)) = (subject, call.max_forwards.checked_sub(1)) else {
        return false;
    };
    let beginning = Beginning {
        facts: Facts {
            id: String::new(),
            dialed: to,
            ..(*call.facts).clone()
        },
        entry: ScriptEntry::OnCall,
        max_forwards,
        sip_call_id: leg.invite.call_id().to_owned(),
    };
    // A phone that has transferred the caller to this script waits for what the next one does.
    let transferor = match std::mem::replace(&mut call.transfer, Transfer::None) {
        Transfer::Takes { transferor } => Some(transferor),
        Transfer::None | Transfer::Gives { .. } | Transfer::Invited { .. } => None,
    };
    x.handovers.push_back(Handover {
        leg: leg.id,
        to: Destination::New(Box::new(NewCall {
            beginning,
            asked: Asked::Command,
            transferor,
        })),
        why: Why::Moved,
    });
    true
}

/// The two parties go to a conference, which a third one joins (RFC 3911 section 4). Error: the status for that one.
pub(crate) fn join_conference(call: &Call, x: &Core, room: &str) -> Result<Vec<Handover>, u16> {
    // 488: Tandem mixes what two phones say that talk with each other, not what a phone and a script say.
    let sides = call.bridge.as_ref().map(Bridge::sides).ok_or(488_u16)?;
    if call.transfer != Transfer::None {
        return Err(488);
    }
    let mut handovers = Vec::new();
    for (one, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
        let (Some(leg), Some(other)) = (x.legs.get(one), x.legs.get(other)) else {
            return Err(481);
        };
        if !leg.is_up() || !bridge::fits_us(x, one) {
            return Err(488);
        }
        let beginning = beginning(call, x, leg, other, call.facts.dialed.clone()).ok_or(483_u16)?;
        handovers.push(Handover {
            leg: one,
            to: Destination::New(Box::new(NewCall {
                beginning,
                asked: Asked::Join {
                    room: room.to_owned(),
                    invited_by: None,
                },
                transferor: None,
            })),
            why: Why::Moved,
        });
    }
    Ok(handovers)
}

/// The target of a transfer rings: the transferor is told (RFC 3515 section 2.4.5).
pub(super) fn rings(call: &Call, x: &mut Core) {
    if let Transfer::Takes { transferor: by } | Transfer::Invited { by } = call.transfer {
        x.progress_refer(by, StatusCode::RINGING);
    }
}

/// The leg of another call that sent the subject here by a transfer which no phone has answered so far.
pub(crate) const fn transferor(call: &Call) -> Option<LegId> {
    match call.transfer {
        Transfer::Takes { transferor } => Some(transferor),
        Transfer::None | Transfer::Gives { .. } | Transfer::Invited { .. } => None,
    }
}

/// The extension that sent the subject here: by a transfer that no phone has answered so far, else by its own call.
pub(crate) fn sent_by(call: &Call, x: &Core) -> Option<String> {
    let transferor = transferor(call).and_then(|leg| x.legs.get(leg));
    let by = transferor
        .and_then(|leg| leg.peer.number())
        .map(|number| (**number).to_owned());
    by.or_else(|| call.facts.extension.clone())
}

/// The party that a REFER asked for has gone to the other call.
pub(super) fn given(call: &mut Call, x: &mut Core) {
    match call.transfer {
        Transfer::Gives {
            transferor,
            blind: false,
        } => x.conclude_refer(transferor, 200, true),
        // A phone that has sent REFER shows how the transfer goes on. Another one hears music until it is known.
        Transfer::Gives { transferor, .. } if !x.subscribed.refers.is_open(transferor) => {
            let music = bridge::music_of(x, transferor).map(Source::Music);
            if let (Some(source), Some(media)) = (music, x.port_of(transferor)) {
                x.stack.media(Command::Play {
                    media,
                    source,
                    repeat: true,
                    token: 0,
                });
            }
        }
        Transfer::Gives { .. } | Transfer::Takes { .. } | Transfer::Invited { .. } | Transfer::None => {}
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
    let (by, through) = match call.transfer {
        Transfer::Takes { transferor } => (transferor, true),
        Transfer::Invited { by } => (by, false),
        Transfer::None | Transfer::Gives { .. } => return,
    };
    call.transfer = Transfer::None;
    x.conclude_refer(by, 200, through);
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

/// The subject has gone before its target answered: the transferor need not wait any longer. Or the person who is invited to
/// a conference has refused, with this status.
pub(super) fn abandoned(call: &mut Call, x: &mut Core, code: u16) {
    unanswered(call, x, 487);
    let (by, code, through) = match call.transfer {
        Transfer::Takes { transferor } => (transferor, 487, true),
        Transfer::Invited { by } => (by, code.max(400), false),
        Transfer::None | Transfer::Gives { .. } => return,
    };
    call.transfer = Transfer::None;
    x.conclude_refer(by, code, through);
}
