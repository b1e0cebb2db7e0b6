//! Carries out the outputs of the switch: for the store, the scripts, the resolver, the media engine, observers.

use std::{net::SocketAddr, time::Duration};

use sip::{Flow, Transport};
use switch::{
    AccountChange, BindingChange, CallUid, Cdr, CdrAnswer, Input, LastNumber, LegQuality, Outcome, Output,
    PickupStatus, Pin, Query, QueryId, ScriptCommand, SettingsPatch, SubscriptionChange, Unresolved,
};

use super::{EPOCH, World};

/// The PIN of every extension.
const PIN: &str = "1234";

impl World {
    pub(super) fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Transmit(transmit) if transmit.flow.transport.is_reliable() => self.stream_out(transmit),
            Output::Transmit(transmit) => {
                let (to, bytes) = (transmit.flow.remote, transmit.bytes);
                let from = self.address_for(to);
                self.wire(from, to, bytes);
            }
            Output::Media(command) => self.media_command(command),
            Output::Script(command) => {
                self.note_outcome(&command);
                let unix = EPOCH + i64::try_from(self.now.as_micros()).unwrap();
                let event = self.scripts.apply(command, unix).map(Input::Script)?;
                if self.script_delay.is_zero() {
                    return Some(event);
                }
                self.think(event);
            }
            Output::Query(query, what) => self.look_up(query, what),
            Output::DropMessage(id) => drop(self.kept.remove(&id)),
            Output::Forget(changes) => changes.into_iter().for_each(|change| self.save(change)),
            Output::Subscriptions(changes) => changes.into_iter().for_each(|change| self.note_subscription(change)),
            Output::CdrAnswered(answer) => self.note_answer(*answer),
            Output::Cdr(cdr) => self.note_end(*cdr),
            Output::Journal(_) => {}
            Output::Quality { call, leg } => self.note_quality(call, *leg),
            Output::Recording(recording) => self.note_recording(*recording),
            Output::Event(event) => self.events.push(event),
            Output::Reply(_, result) => self.replies.push(result),
            Output::Timeout(_) => {}
        }
        None
    }

    fn look_up(&mut self, query: QueryId, what: Query) {
        match what {
            Query::Resolve {
                host, port, transport, ..
            } => self.resolve(query, &host, port, transport),
            Query::SaveBindings(changes) => {
                let ok = self.store_works;
                if ok {
                    changes.into_iter().for_each(|change| self.save(change));
                }
                self.after(self.store_delay, Input::Stored { query, ok });
            }
            Query::SaveSubscription(change) => {
                let ok = self.store_works;
                if ok {
                    self.note_subscription(change);
                }
                self.after(self.store_delay, Input::Stored { query, ok });
            }
            Query::OpenCdr(open) => {
                assert!(self.opened.insert(open.call_id), "a record is opened once");
                self.after(
                    self.store_delay,
                    Input::Stored {
                        query,
                        ok: self.store_works,
                    },
                );
            }
            Query::ChangeSettings { extension, change } => self.change_settings(query, &extension, &change),
            Query::LogOn { username, wanted } => self.log_on(query, username, wanted.map(|wanted| *wanted)),
            Query::LastNumber { extension, which } => {
                let number = self.last_number(&extension, which);
                self.after(self.store_delay, Input::Found { query, number });
            }
            Query::Wake(wake) => {
                self.wakes.push(*wake);
                let ok = self.push_works;
                self.after(Duration::from_millis(30), Input::Woken { query, ok });
            }
            Query::KeepMessage(message) => {
                let ok = self.store_works;
                if ok {
                    self.was_kept.push((self.now, (*message).clone()));
                    self.kept.insert(message.id, *message);
                }
                self.after(self.store_delay, Input::Stored { query, ok });
            }
        }
    }

    fn resolve(&mut self, query: QueryId, host: &str, port: Option<u16>, transport: Option<Transport>) {
        let remote = self.hosts.get(host).copied().or_else(|| {
            Some(SocketAddr::new(
                host.trim_matches(['[', ']']).parse().ok()?,
                port.unwrap_or(5060),
            ))
        });
        let flow = |remote| Flow {
            transport: transport.unwrap_or(Transport::Udp),
            local: self.address_for(remote),
            remote,
            connection: None,
        };
        let others = self.others.get(host).into_iter().flatten().copied();
        let flows: Vec<Flow> = remote.into_iter().chain(others).map(flow).collect();
        let (patience, found) = match (self.lost.get(host).copied(), flows.is_empty()) {
            (Some(Unresolved::Timeout), _) => (Duration::from_secs(5), Err(Unresolved::Timeout)),
            (Some(why), _) => (Duration::from_millis(20), Err(why)),
            (None, true) => (Duration::from_millis(20), Err(Unresolved::NotFound)),
            (None, false) => (Duration::from_millis(20), Ok(flows)),
        };
        self.after(patience, Input::Resolved { query, ways: found });
    }

    fn change_settings(&mut self, query: QueryId, extension: &str, change: &SettingsPatch) {
        let found = self.people.get(extension).filter(|_| self.store_works);
        let ok = found.is_some();
        if let Some(mut extension) = found.cloned() {
            change.apply(&mut extension);
            let change = AccountChange::Extension(extension);
            self.after(self.store_delay, Input::Account(change));
        }
        self.after(self.store_delay, Input::Stored { query, ok });
    }

    fn log_on(&mut self, query: QueryId, username: String, wanted: Option<(String, Pin)>) {
        let (extension, right) = match wanted {
            Some((number, pin)) => (Some(number), pin.0 == PIN),
            None => (None, true),
        };
        let known = extension.as_ref().is_none_or(|number| self.people.contains_key(number));
        let ok = right && known && self.store_works;
        if ok {
            let change = AccountChange::LogOn { username, extension };
            self.after(self.store_delay, Input::Account(change));
        }
        self.after(self.store_delay, Input::Stored { query, ok });
    }

    /// What the records say, as the store finds it.
    fn last_number(&self, extension: &str, which: LastNumber) -> Option<String> {
        let mut latest = self.cdrs.iter().rev();
        match which {
            LastNumber::Dialed => latest
                .find(|cdr| cdr.open.from == extension && !cdr.open.dialed.starts_with('*'))
                .map(|cdr| cdr.open.dialed.clone()),
            LastNumber::Caller => latest
                .find(|cdr| cdr.to == extension)
                .filter(|cdr| !cdr.hidden)
                .map(|cdr| cdr.open.from.clone()),
        }
    }

    /// What became of a pickup or a page.
    fn note_outcome(&mut self, command: &ScriptCommand) {
        let ScriptCommand::Resume { outcome, .. } = command else {
            return;
        };
        match outcome {
            Outcome::PickedUp(result) => self.picked_up += u64::from(result.status == PickupStatus::Answered),
            Outcome::Paged(result) => self.paged += u64::from(result.phones > 0),
            _ => {}
        }
    }

    /// A call was answered. After a crash before the end of the call, this is its record.
    fn note_answer(&mut self, answer: CdrAnswer) {
        assert!(self.opened.contains(&answer.open.call_id), "its record is open");
        self.answered.insert(answer.open.call_id, answer);
    }

    /// A record is closed. Its answer must be the one that was noted when the call was answered.
    fn note_end(&mut self, cdr: Cdr) {
        let answer = self.answered.remove(&cdr.open.call_id);
        let noted = answer.as_ref().map(|answer| (&answer.open, answer.answered_at));
        assert_eq!(
            noted,
            cdr.answered_at.map(|at| (&cdr.open, at)),
            "what was answered is noted"
        );
        self.cdrs.push(cdr);
    }

    /// A leg has ended, and how it sounded is added to the record of its call.
    fn note_quality(&mut self, call: CallUid, leg: LegQuality) {
        assert!(self.opened.contains(&call), "its record is open");
        self.qualities.push((call, leg));
    }

    /// A recording begins once, and ends once.
    fn note_recording(&mut self, recording: switch::Recording) {
        let ends = recording.ended.is_some();
        let before = self.recordings.insert(recording.id, recording);
        assert_eq!(
            before.is_some_and(|before| before.ended.is_none()),
            ends,
            "a recording begins once and ends once"
        );
    }

    fn media_command(&mut self, command: media::Command) {
        for (later, report) in self.engine.apply(self.now, &command) {
            self.after(later, Input::Media(report));
        }
        match &command {
            media::Command::Open { media: port, .. } => assert!(self.ports.insert(*port), "a port is opened once"),
            media::Command::Close(port) => assert!(self.ports.remove(port), "what is closed was open"),
            _ => {}
        }
        if !self.ladder.off {
            self.media.push(command);
        }
    }

    // Events of scripts arrive in the order in which the scripts made them.
    fn think(&mut self, event: Input) {
        let longest = u64::try_from(self.script_delay.as_micros()).unwrap();
        let time = Duration::from_micros(self.chance.below(longest + 1));
        self.thinking = self.thinking.max(self.now + time);
        self.after(self.thinking - self.now, event);
    }

    fn note_subscription(&mut self, change: SubscriptionChange) {
        match change {
            SubscriptionChange::Save(row) => {
                self.subscriptions.insert(row.id, *row);
            }
            SubscriptionChange::Remove(id) => {
                self.subscriptions.remove(&id);
            }
        }
    }

    fn save(&mut self, change: BindingChange) {
        match change {
            BindingChange::Save(binding) => {
                self.bindings.insert(binding.id, binding);
            }
            BindingChange::Remove(id) => {
                self.bindings.remove(&id);
            }
        }
    }
}
