//! What the admin API asks.

use super::Switch;
use crate::{
    api::{CallUid, Command, CommandError, CommandId, Facts, Reply, ScriptEntry, Stats},
    call::{Call, Ending, live},
    core::Beginning,
    ids::CallId,
    locations::Peer,
    verbs::Conversation,
};

impl Switch {
    pub(crate) fn command(&mut self, id: CommandId, command: Command) {
        let result = match command {
            Command::ListCalls => {
                let calls = self.calls.iter().filter(|call| !call.call.has_ended());
                Ok(Reply::Calls(calls.map(|call| live(&call.call, &self.x)).collect()))
            }
            Command::GetCall(uid) => self
                .call_in_progress(uid)
                .and_then(|call| self.calls.get(call))
                .map(|call| Reply::Calls(vec![live(&call.call, &self.x)]))
                .ok_or(CommandError::NotFound),
            Command::HangUp(uid) => match self.call_in_progress(uid) {
                Some(call) => {
                    self.with_call(call, |call, x| call.end(x, Ending::admin()));
                    Ok(Reply::Done)
                }
                None => Err(CommandError::NotFound),
            },
            Command::Originate { from, to } => self.originate(&from, to),
            Command::ListRegistrations => Ok(Reply::Registrations(self.x.registrar.registrations())),
            Command::RemoveRegistration(binding) if self.x.registrar.remove(binding) => Ok(Reply::Done),
            Command::RemoveRegistration(_) => Err(CommandError::NotFound),
            Command::Stats => Ok(Reply::Stats(Box::new(self.stats()))),
        };
        self.x.reply(id, result);
    }

    /// One whose record is closed is in progress no more, also where a phone is still to be told.
    fn call_in_progress(&self, uid: CallUid) -> Option<CallId> {
        let call = self.by_uid.get(&uid).copied()?;
        self.calls.get(call).filter(|call| !call.call.has_ended()).map(|_| call)
    }

    /// Counters since start, and gauges.
    fn stats(&self) -> Stats {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let x = &self.x;
        Stats {
            calls: count(self.calls.len()),
            legs: count(x.legs.len()),
            transactions: count(x.stack.layer.client_count() + x.stack.layer.server_count()),
            media_ports: count(x.stack.pool.in_use()),
            registrations: count(x.registrar.len()),
            scripts: count(self.calls.iter().filter(|call| call.call.script.is_there()).count()),
            messages_sent: x.stack.outputs.sent(),
            refused: self.ingress.admission.refused(),
            auth_failures: self.ingress.auth.work().failures,
            ..x.stats.clone()
        }
    }

    /// Rings `from`; once it has picked up it "dials" `to` through the dialplan.
    fn originate(&mut self, from: &str, to: String) -> Result<Reply, CommandError> {
        let x = &self.x;
        if x.draining || self.calls.len() >= x.stack.config.limits.calls {
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
        let x = &mut self.x;
        let uid = x.stack.ids.call_uid();
        let made = self.calls.try_insert_with(|call| {
            let mut conversation = Conversation::new(Call::new(x, call, uid, None, beginning));
            if conversation.originate(x) {
                Ok(conversation)
            } else {
                Err(CommandError::Busy)
            }
        });
        let call = made?;
        self.by_uid.insert(uid, call);
        self.with_call(call, |call, x| call.begin(x));
        Ok(Reply::Started(uid))
    }
}
