//! Answers to commands of the admin API.

use std::collections::BTreeSet;

use switch::{CallUid, Command, CommandError, Reply};

use crate::life::Life;

/// Every command has one answer, and the answer is true.
pub fn is_right(life: &Life, command: &Command, replies: &[Result<Reply, CommandError>]) {
    let [reply] = replies else {
        panic!("{command:?} is answered once: {replies:?}");
    };
    let world = &life.world;
    let is_over = |call: &CallUid| world.cdrs.iter().any(|cdr| cdr.open.call_id == *call);
    let right = match (command, reply) {
        (Command::HangUp(_), Ok(Reply::Done)) | (Command::Stats, Ok(Reply::Stats(_))) => true,
        (Command::HangUp(call), Err(CommandError::NotFound)) => is_over(call),
        (Command::GetCall(call), Ok(Reply::Calls(calls))) => matches!(&calls[..], [one] if one.id == *call),
        (Command::GetCall(call), Err(CommandError::NotFound)) => is_over(call),
        (Command::ListCalls, Ok(Reply::Calls(calls))) => {
            let open = world.opened.iter().filter(|call| !is_over(call));
            open.eq(calls
                .iter()
                .map(|call| &call.id)
                .filter(|call| !is_over(call))
                .collect::<BTreeSet<_>>())
        }
        (Command::Record { call, .. } | Command::Transfer { call, .. }, Err(CommandError::NotFound)) => is_over(call),
        // The call of a caller without a callee is over at once.
        (Command::Transfer { .. }, Ok(Reply::Done) | Err(CommandError::Busy)) => true,
        (Command::Transfer { call, .. }, Err(CommandError::Conflict(_))) => !is_over(call),
        (Command::Record { call, .. }, Ok(Reply::Done) | Err(CommandError::Conflict(_))) => !is_over(call),
        (Command::ListConferences, Ok(Reply::Conferences(rooms))) => rooms.iter().all(|room| !room.members.is_empty()),
        (Command::MuteMember { member, muted, .. }, Ok(Reply::Conferences(rooms))) => {
            let mut members = rooms.iter().flat_map(|room| &room.members);
            members.any(|one| one.id == *member && one.muted == *muted)
        }
        (Command::MuteMember { .. }, Err(CommandError::NotFound)) => true,
        (Command::RemoveMember { .. }, Ok(Reply::Done) | Err(CommandError::NotFound)) => true,
        (Command::ListRegistrations, Ok(Reply::Registrations(_))) => true,
        (Command::RemoveRegistration(_), Ok(Reply::Done) | Err(CommandError::NotFound)) => true,
        (Command::Originate { .. }, Ok(Reply::Started(call))) => world.opened.contains(call),
        (Command::Originate { .. }, Err(CommandError::NoPhone(_) | CommandError::Busy)) => true,
        (Command::Originate { .. }, Err(CommandError::NotFound)) => false,
        (_, Ok(_) | Err(_)) => false,
    };
    assert!(right, "{command:?}: {reply:?}");
}
