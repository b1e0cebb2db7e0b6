//! What the admin API asks.

use super::Switch;
use crate::{
    api::{CallUid, Command, CommandError, CommandId, Facts, LivePresence, Reply, ScriptEntry, ServiceStats, Stats},
    call::{Call, Ending, VerbEvent, live, record_command, transfer_command},
    core::{Beginning, Core},
    ids::CallId,
    locations::Peer,
    subscriptions::presence_of,
    verbs::Conversation,
};

pub(super) fn command(switch: &mut Switch, id: CommandId, command: Command) {
    let result = match command {
        Command::ListCalls => {
            let calls = switch.calls.iter().filter(|call| !call.call.has_ended());
            Ok(Reply::Calls(calls.map(|call| live(&call.call, &switch.x)).collect()))
        }
        Command::GetCall(uid) => call_in_progress(switch, uid)
            .and_then(|call| switch.calls.get(call))
            .map(|call| Reply::Calls(vec![live(&call.call, &switch.x)]))
            .ok_or(CommandError::NotFound),
        Command::HangUp(uid) => match call_in_progress(switch, uid) {
            Some(call) => {
                switch.with_call(call, |call, x| call.end(x, Ending::admin()));
                Ok(Reply::Done)
            }
            None => Err(CommandError::NotFound),
        },
        Command::Originate { from, to } => originate(switch, &from, to),
        Command::ListRegistrations => Ok(Reply::Registrations(switch.x.registrar.registrations())),
        Command::RemoveRegistration(binding) if switch.x.registrar.remove(binding) => Ok(Reply::Done),
        Command::RemoveRegistration(_) => Err(CommandError::NotFound),
        Command::Record { call, action } => match call_in_progress(switch, call) {
            Some(call) => switch
                .with_call(call, |call, x| record_command(call, x, action))
                .unwrap_or(Err(CommandError::NotFound))
                .map(|()| Reply::Done),
            None => Err(CommandError::NotFound),
        },
        Command::Transfer { call, party, to } => match call_in_progress(switch, call) {
            Some(call) => switch
                .with_call(call, |call, x| transfer_command(call, x, party, to))
                .unwrap_or(Err(CommandError::NotFound))
                .map(|()| Reply::Done),
            None => Err(CommandError::NotFound),
        },
        Command::ListConferences => Ok(Reply::Conferences(switch.x.conferences.list(None))),
        Command::MuteMember { room, member, muted } => {
            let x = &mut switch.x;
            if x.conferences.mute(&mut x.stack, &room, member, muted) {
                Ok(Reply::Conferences(x.conferences.list(Some(&room))))
            } else {
                Err(CommandError::NotFound)
            }
        }
        Command::SetMemberVolume { room, member, volume } => {
            let x = &mut switch.x;
            if x.conferences.set_volume(&mut x.stack, &room, member, volume) {
                Ok(Reply::Conferences(x.conferences.list(Some(&room))))
            } else {
                Err(CommandError::NotFound)
            }
        }
        Command::RemoveMember { room, member } => match switch.x.conferences.call_of(&room, member) {
            Some(call) => {
                switch.with_call(call, |call, _| call.tell_verb(VerbEvent::Removed));
                Ok(Reply::Done)
            }
            None => Err(CommandError::NotFound),
        },
        Command::ListTrunks => Ok(Reply::Trunks(switch.x.outside.trunks.list())),
        Command::ListParked => Ok(Reply::Parked(switch.x.parking.list())),
        Command::ListSubscriptions => {
            let (now, unix) = (switch.x.stack.now, switch.x.stack.unix());
            Ok(Reply::Subscriptions(switch.x.subscribed.table.list(now, unix)))
        }
        Command::ReadPresence(numbers) => Ok(Reply::Presence(presence(&mut switch.x, &numbers))),
        Command::Stats => Ok(Reply::Stats(Box::new(stats(switch)))),
    };
    switch.x.reply(id, result);
}

fn presence(x: &mut Core, numbers: &[String]) -> Vec<LivePresence> {
    x.with_subscriptions(|_, _, view| {
        let known = numbers.iter().filter(|number| view.accounts.is_extension(number));
        known.map(|number| presence_of(view, number)).collect()
    })
}

/// One whose record is closed is in progress no more, also where a phone is still to be told.
fn call_in_progress(switch: &Switch, uid: CallUid) -> Option<CallId> {
    let call = switch.by_uid.get(&uid).copied()?;
    switch
        .calls
        .get(call)
        .filter(|call| !call.call.has_ended())
        .map(|_| call)
}

/// Counters since start, and gauges.
fn stats(switch: &Switch) -> Stats {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let x = &switch.x;
    let (conferences, members) = x.conferences.count();
    Stats {
        calls: count(switch.calls.len()),
        legs: count(x.legs.len()),
        transactions: count(x.stack.layer.client_count() + x.stack.layer.server_count()),
        media_ports: count(x.stack.pool.in_use()),
        registrations: count(x.registrar.len()),
        services: ServiceStats {
            conferences: count(conferences),
            conference_members: count(members),
            recordings: count(x.recordings.len()),
            parked: count(x.parking.len()),
            subscriptions: x.subscribed.stats(),
            kept_messages: count(switch.ingress.absent.len()),
            proxied: x.outside.proxied.stats(),
            wakes: x.stack.outputs.stats.services.wakes,
        },
        scripts: count(switch.calls.iter().filter(|call| call.call.script.is_there()).count()),
        messages_sent: x.stack.outputs.sent(),
        refused: switch.ingress.admission.refused(),
        auth_failures: switch.ingress.auth.work().failures,
        ..x.stack.outputs.stats.clone()
    }
}

/// Rings `from`; once it has picked up it "dials" `to` through the dialplan.
fn originate(switch: &mut Switch, from: &str, to: String) -> Result<Reply, CommandError> {
    let x = &switch.x;
    if x.draining || switch.calls.len() >= x.stack.config.limits.calls {
        return Err(CommandError::Busy);
    }
    let account = x.accounts.extension(from).ok_or(CommandError::NotFound)?.clone();
    if x.locations.ways(&Peer::extension(from), &x.accounts).is_empty() {
        return Err(CommandError::NoPhone(from.to_owned()));
    }
    let beginning = Beginning {
        facts: Facts {
            number: account.number.clone(),
            name: account.name,
            dialed: to,
            extension: Some(account.number),
            ..Facts::default()
        },
        entry: ScriptEntry::OnCall,
        max_forwards: 69,
        sip_call_id: String::new(),
    };
    let x = &mut switch.x;
    let uid = x.stack.ids.call_uid();
    let made = switch.calls.try_insert_with(|call| {
        let mut conversation = Conversation::new(Call::new(x, call, uid, None, beginning));
        if conversation.originate(x) {
            Ok(conversation)
        } else {
            Err(CommandError::Busy)
        }
    });
    let call = made?;
    switch.by_uid.insert(uid, call);
    switch.with_call(call, |call, x| call.begin(x));
    Ok(Reply::Started(uid))
}
