//! The switch: one deterministic machine. Mutate with [`Switch::handle`], then drain
//! [`Switch::poll_output`] until it says [`Output::Timeout`].

use sip::{Instant, transaction::TxOutput};

use super::{command, group, handover, journal};
use crate::{
    answer::Answer,
    api::{AccountChange, CallUid, CauseCode, Event, Input, Output, ScriptEvent, Unresolved, Ways},
    bridge::fits_us,
    call::{Call, Ending, VerbEvent, VerbEvents, follow, join_conference, record_refused},
    conferences::Conferences,
    config::{Config, Keys},
    core::{Core, Handover, QueryUse},
    ids::{CallId, CallKind, LegId},
    ingress::{self, Arrival, Ingress, Wanted},
    leg::inbound,
    proxy::{self, Listener, News},
    recordings::Full,
    stack::TimerKey,
    subscriptions,
    tables::slots::Slots,
    verbs::Conversation,
};

/// See the module. Made with a seed (recorded with a run, so that it can be run again) and keys
/// (never recorded).
pub struct Switch {
    pub(crate) x: Core,
    pub(crate) ingress: Ingress,
    pub(crate) calls: Slots<Conversation, CallKind>,
    /// The queue of the call at work; empty between two events.
    heard: VerbEvents,
    pub(crate) by_uid: std::collections::HashMap<CallUid, CallId>,
}

impl Switch {
    /// A switch without accounts, listeners and calls.
    pub fn new(config: Config, seed: [u8; 32], keys: &Keys) -> Self {
        let config = std::sync::Arc::new(config);
        let mut x = Core::new(std::sync::Arc::clone(&config), seed);
        // Another stream of chance than that of tags and branches.
        let nonces = seed.map(|byte| !byte);
        x.registrar.seal_with(&keys.gruu, nonces, &config.domain);
        Self {
            ingress: Ingress::new(x.stack.now, &config, keys),
            x,
            calls: Slots::default(),
            heard: VerbEvents::new(),
            by_uid: std::collections::HashMap::new(),
        }
    }

    /// A switch that plays a recorded run again. `nonces` are those in the run's credentials: its key
    /// was not recorded, and without the nonces every phone would be challenged again.
    pub fn replaying<'a>(config: Config, seed: [u8; 32], nonces: impl IntoIterator<Item = &'a str>) -> Self {
        let mut switch = Self::new(
            config,
            seed,
            &Keys {
                nonce: [0; 32],
                gruu: [0; 32],
            },
        );
        switch.ingress.auth.replay_nonces(nonces);
        switch
    }

    /// Something happened at `now`, which never goes back.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.advance(now);
        self.take(input);
        self.settle();
    }

    /// What is to be done next; the last is always [`Output::Timeout`], which may be asked for again.
    pub fn poll_output(&mut self) -> Output {
        match self.x.stack.outputs.pop_front() {
            Some(output) => output,
            None => Output::Timeout(self.next_timeout()),
        }
    }

    fn next_timeout(&self) -> Instant {
        let x = &self.x;
        let timers = [
            x.stack.timers.next(),
            x.stack.layer.next_timeout(),
            x.registrar.next_timeout(),
            self.ingress.deliveries.next(),
            x.subscribed.next_timeout(),
        ];
        timers
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Instant::from_micros(u64::MAX))
    }

    /// Fires what was due until `now`, each thing at its own time.
    fn advance(&mut self, now: Instant) {
        loop {
            let due = self.next_timeout();
            if due > now {
                break;
            }
            self.x.stack.now = self.x.stack.now.max(due);
            self.fire();
            self.settle();
        }
        self.x.stack.now = self.x.stack.now.max(now);
    }

    fn fire(&mut self) {
        let now = self.x.stack.now;
        self.x.stack.layer.timeout(now);
        self.x.registrar.timeout(now);
        ingress::deliver::expire_deliveries(&mut self.ingress, &mut self.x);
        while let Some(key) = self.x.stack.timers.pop(now) {
            match key {
                TimerKey::Leg(leg, timer) => {
                    self.x.with_leg(leg, |leg, cx| leg.timeout(cx, timer));
                }
                TimerKey::Verb(call) => {
                    self.with_call(call, |call, _| call.tell_verb(VerbEvent::Timer));
                }
                TimerKey::Setup(call) => {
                    self.with_call(call, Call::setup_timed_out);
                }
                TimerKey::Request(request) => ingress::silent(&mut self.ingress, &mut self.x, request),
                TimerKey::Conference(room) => self.x.conferences.may_report(&mut self.x.stack, room),
                TimerKey::Proxied(id, branch) => {
                    proxy::timer_c(&mut self.x.outside.proxied, &mut self.x.stack, id, usize::from(branch));
                }
                TimerKey::Through(id) => proxy::idle(&mut self.x.outside.proxied, &mut self.x.stack, id),
                TimerKey::Trunk(id, timer) => self.x.outside.trunks.timeout(&mut self.x.stack, id, timer),
                TimerKey::Passed(server) => crate::leg::answer_passed(&mut self.x.stack, server, 480),
            }
        }
        // Behind everything that calls have to do.
        self.x.subscribed.expire(now);
        self.x.with_subscriptions(subscriptions::run);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Clock { unix_micros } => {
                let now = i64::try_from(self.x.stack.now.as_micros()).unwrap_or(i64::MAX);
                self.x.stack.epoch = unix_micros.saturating_sub(now);
                ingress::absent::expire(&mut self.ingress, &mut self.x);
                self.tidy();
            }
            Input::Listening(listeners) => {
                self.x.domain.listen(&listeners);
                self.x.stack.listeners = listeners;
            }
            Input::Received { flow, bytes } => {
                let calls = self.calls.len();
                ingress::received(&mut self.ingress, &mut self.x, calls, flow, bytes);
            }
            Input::TransmitFailed { flow } => {
                let now = self.x.stack.now;
                self.x.stack.layer.transport_failed(now, &flow);
            }
            Input::ConnectionClosed { connection } => super::outside::connection_closed(self, connection),
            Input::Media(event) => super::media::event(self, event),
            Input::Script(event) => self.script_event(event),
            Input::Resolved { query, ways } => self.resolved(query, ways),
            Input::Stored { query, ok } => self.stored(query, ok),
            Input::Found { query, number } => self.found(query, number),
            // A phone that was woken shows that by its REGISTER.
            Input::Woken { ok: true, .. } => {}
            Input::Woken { query, ok: false } => {
                self.x.stack.outputs.stats.services.wakes.failed += 1;
                self.resolved(query, Err(Unresolved::NoWay));
            }
            Input::Account(change) => self.account(change),
            Input::Trunk(change) => self.x.outside.trunks.apply(&mut self.x.stack, change),
            Input::Restored(binding) => {
                let (now, unix) = (self.x.stack.now, self.x.stack.unix());
                self.x.registrar.restore(now, unix, binding);
            }
            Input::RestoredSubscription(row) => {
                subscriptions::restore(&mut self.x.subscribed.table, &mut self.x.stack, *row);
            }
            Input::Mailbox { number, new, old } => {
                if self.x.subscribed.mailboxes.set(&number, new, old) {
                    self.x.subscribed.table.mailbox_changed(&number, self.x.stack.now);
                }
            }
            Input::RestoredMessage(message) => ingress::absent::restored(&mut self.ingress, *message),
            Input::Command { id, command } => command::command(self, id, command),
            Input::Drain => self.x.draining = true,
            Input::HangUpAll => {
                self.x.draining = true;
                for call in self.calls.ids() {
                    self.with_call(call, |call, x| {
                        call.end(x, Ending::system(CauseCode::SwitchStopped, 503, "Tandem was stopped"))
                    });
                }
            }
        }
    }

    /// Does what follows from what happened, until nothing does.
    fn settle(&mut self) {
        loop {
            // First, so that whatever follows from a lost connection finds the contacts as they are now.
            if ingress::registrar_effects(&mut self.ingress, &mut self.x) {
                continue;
            }
            if let Some(arrival) = self.ingress.arrivals.pop_front() {
                self.arrive(arrival);
            } else if let Some(output) = self.x.stack.layer.poll() {
                match output {
                    TxOutput::Transmit { flow, bytes } => self.x.stack.transmit(flow, bytes),
                    TxOutput::Event(event) => ingress::transaction_event(&mut self.ingress, &mut self.x, event),
                }
            } else if let Some((call, query, flow)) = self.x.locations.sleepers.next_arrived() {
                self.x.queries.remove(&query);
                self.with_call(call, |call, _| {
                    call.tell_verb(VerbEvent::Resolved(query, Ok(vec![flow])))
                });
            } else if let Some(handover) = self.x.handovers.pop_front() {
                handover::carry_out(self, handover);
            } else if let Some((listener, news)) = self.x.outside.proxied.next_news() {
                self.proxied(listener, news);
            } else if let Some(call) = self.x.conferences.next_leaving() {
                self.with_call(call, |call, _| call.tell_verb(VerbEvent::Removed));
            } else if let Some((leg, event)) = self.x.stack.leg_events.pop_front() {
                if let Some(call) = self.x.legs.get(leg).map(|leg| leg.call) {
                    self.with_call(call, |call, x| call.leg_event(x, leg, event));
                }
            } else {
                self.activity_changed();
                return journal::write_journal(self);
            }
        }
    }

    /// What came of a request that is passed on.
    fn proxied(&mut self, listener: Listener, news: News) {
        match listener {
            Listener::Nobody => {}
            Listener::Call(call) => {
                self.with_call(call, |call, _| call.tell_verb(VerbEvent::Proxied(news)));
            }
            Listener::Script(script) => ingress::outside::news(&mut self.ingress, &mut self.x, script, news),
        }
    }

    /// Tells what extensions do now that did something else before: once for all that happened at a time.
    fn activity_changed(&mut self) {
        while let Some(number) = self.x.activity.next_changed() {
            let doing = self.x.activity.doing(&number).as_str();
            tracing::debug!(number = &*number, doing, "an extension's lines have changed");
            self.x.subscribed.table.lines_changed(&number, self.x.stack.now);
        }
        while let Some(name) = self.x.conferences.next_changed() {
            let is_over = !self.x.conferences.is_there(&name);
            let now = self.x.stack.now;
            self.x.subscribed.table.members_changed(&name, is_over, now);
        }
    }

    /// Does something with a call, unless it is gone. Its verb hears what comes of that; the call goes if nothing is left
    /// of it.
    pub(crate) fn with_call<R>(&mut self, id: CallId, act: impl FnOnce(&mut Call, &mut Core) -> R) -> Option<R> {
        self.with_conversation(id, |conversation, x| act(&mut conversation.call, x))
    }

    /// The same with the running verb.
    pub(crate) fn with_conversation<R>(
        &mut self,
        id: CallId,
        act: impl FnOnce(&mut Conversation, &mut Core) -> R,
    ) -> Option<R> {
        let conversation = self.calls.get_mut(id)?;
        conversation.call.lend(&mut self.heard);
        let result = act(conversation, &mut self.x);
        conversation.feed(&mut self.x);
        if let Err(Full) = follow(&mut conversation.call, &mut self.x) {
            tracing::warn!(call = %conversation.call.uid, "the conversation is no longer recorded");
        }
        conversation.call.lend(&mut self.heard);
        if conversation.call.is_over() {
            debug_assert!(conversation.call.has_ended(), "a call ends with a record");
            self.by_uid.remove(&conversation.call.uid);
            if let Some(image) = self.x.stack.outputs.journal.over(conversation.call.uid) {
                self.x.stack.outputs.push_back(Output::Journal(Box::new(image)));
            }
            conversation.clear_timers(&mut self.x);
            self.calls.remove(id);
        }
        Some(result)
    }

    /// An INVITE becomes a call, unless there is no room for one.
    fn arrive(&mut self, arrival: Arrival) {
        let Arrival {
            server,
            flow,
            invite,
            from,
            beginning,
            wanted,
        } = arrival;
        let (request, again) = (invite.clone(), beginning.clone());
        let room = match wanted {
            Some(Wanted::Join(leg)) => match self.room_beside(leg) {
                Ok(room) => Some(room),
                Err(code) => {
                    let refusal = Answer::of(code);
                    self.x.stack.answer(server, &request, &refusal);
                    return record_refused(&mut self.x, again, CauseCode::CallNotReplaced, &refusal);
                }
            },
            Some(Wanted::Replace(_)) | None => None,
        };
        let x = &mut self.x;
        let full = x.draining || self.calls.len() >= x.stack.config.limits.calls;
        let made = if full {
            Err(Answer::busy(5))
        } else {
            let uid = x.stack.ids.call_uid();
            let made = self.calls.try_insert_with(|call| {
                let leg = x.new_leg(|cx, id| inbound::take(cx, id, call, (server, flow, invite), from))?;
                Ok(Conversation::new(Call::new(x, call, uid, Some(leg), beginning)))
            });
            made.map(|call| (call, uid))
        };
        match made {
            Ok((call, uid)) => {
                self.by_uid.insert(uid, call);
                self.with_call(call, |call, x| match (wanted, room) {
                    (Some(Wanted::Replace(place)), _) => call.begin_joining(x, place),
                    (_, Some((room, parties))) => {
                        call.is_to_join(room);
                        call.begin(x);
                        if call.subject().is_some_and(|leg| fits_us(x, leg)) {
                            x.handovers.extend(parties);
                        } else {
                            call.end(x, Ending::not_replaced(488));
                        }
                    }
                    (Some(Wanted::Join(_)) | None, None) => call.begin(x),
                });
            }
            // One that was authenticated leaves a record, too.
            Err(refusal) => {
                let cause = match refusal.status.code() {
                    503 if self.x.draining => CauseCode::SwitchStopped,
                    503 if full => CauseCode::SwitchOverloaded,
                    503 => CauseCode::MediaNoPort,
                    488 => CauseCode::CodecNoneInCommon,
                    _ => CauseCode::CallerBadRequest,
                };
                self.x.stack.answer(server, &request, &refusal);
                record_refused(&mut self.x, again, cause, &refusal);
            }
        }
    }

    /// The conference that an INVITE with Join enters: that in which the leg is, or a new one, to which the parties of the
    /// leg's call go.
    fn room_beside(&mut self, leg: LegId) -> Result<(String, Vec<Handover>), u16> {
        let found = self.x.legs.get(leg).ok_or(481_u16)?;
        if let Some(room) = found.port().and_then(|port| self.x.conferences.name_of(port)) {
            return Ok((room.to_owned(), Vec::new()));
        }
        let call = &self.calls.get(found.call).ok_or(481_u16)?.call;
        let room = Conferences::name_for_join(&mut self.x.stack);
        join_conference(call, &self.x, &room).map(|parties| (room, parties))
    }

    fn script_event(&mut self, event: ScriptEvent) {
        match event {
            ScriptEvent::Verb { call, verb, at } => match self.by_uid.get(&call) {
                Some(id) => {
                    self.with_conversation(*id, |conversation, x| conversation.verb(x, verb, at));
                }
                None => ingress::outside::verb(&mut self.ingress, &mut self.x, call, verb),
            },
            ScriptEvent::Ended { call, result } => match self.by_uid.get(&call) {
                Some(id) => {
                    self.with_call(*id, |call, x| call.script_ended(x, result));
                }
                None => ingress::outside::ended(&mut self.ingress, &mut self.x, call, result),
            },
        }
    }

    fn resolved(&mut self, query: crate::api::QueryId, ways: Ways) {
        let x = &mut self.x;
        if proxy::resolved(&mut x.outside.proxied, &mut x.stack, query, &ways)
            || x.outside.trunks.resolved(&mut x.stack, query, &ways)
        {
            return;
        }
        match self.x.queries.remove(&query) {
            Some(QueryUse::Resolve(call)) => {
                self.with_call(call, |call, _| call.tell_verb(VerbEvent::Resolved(query, ways)));
            }
            Some(QueryUse::Message(delivery)) => {
                ingress::deliver::message_resolved(&mut self.ingress, &mut self.x, delivery, query, &ways);
            }
            Some(
                QueryUse::OpenCdr(_)
                | QueryUse::Register(_)
                | QueryUse::Subscribe(..)
                | QueryUse::Settings(..)
                | QueryUse::Store(_)
                | QueryUse::Keep(_),
            )
            | None => {}
        }
    }

    fn stored(&mut self, query: crate::api::QueryId, ok: bool) {
        match self.x.queries.remove(&query) {
            Some(QueryUse::OpenCdr(call)) => {
                self.with_conversation(call, |conversation, x| conversation.stored(x, query, ok));
            }
            Some(QueryUse::Register(server)) => ingress::register_stored(&mut self.x, query, server, ok),
            Some(QueryUse::Subscribe(id, server)) => ingress::subscription_stored(&mut self.x, id, server, ok),
            Some(QueryUse::Settings(id, server)) => ingress::settings_stored(&mut self.x, id, server, ok),
            Some(QueryUse::Store(call)) => {
                self.with_call(call, |call, _| call.tell_verb(VerbEvent::Stored(query, ok)));
            }
            Some(QueryUse::Keep(message)) => ingress::absent::stored(&mut self.ingress, &mut self.x, message, ok),
            Some(QueryUse::Resolve(_) | QueryUse::Message(_)) | None => {}
        }
    }

    fn found(&mut self, query: crate::api::QueryId, number: Option<String>) {
        if let Some(QueryUse::Store(call)) = self.x.queries.remove(&query) {
            self.with_call(call, |call, _| call.tell_verb(VerbEvent::Found(query, number)));
        }
    }

    fn account(&mut self, change: AccountChange) {
        use crate::accounts::Gone;
        if let AccountChange::Extension(now) = &change
            && self
                .x
                .accounts
                .extension(&now.number)
                .is_some_and(|before| before != now)
        {
            let number = now.number.clone();
            self.x.subscribed.table.settings_changed(&number, self.x.stack.now);
            self.x.stack.event(Event::ExtensionChanged { number });
        }
        let logged = match &change {
            AccountChange::LogOn { username, .. } => self.acting(username).map(|before| (username.clone(), before)),
            AccountChange::Extension(_)
            | AccountChange::Device(_)
            | AccountChange::RemoveExtension(_)
            | AccountChange::RemoveDevice(_) => None,
        };
        let group = group::before(&self.x, &change);
        let gone = self.x.accounts.apply(change);
        if let Some((username, before)) = logged {
            self.logged(&username, &before);
        }
        if let Some(group) = group {
            group::after(&mut self.x, group);
        }
        self.x.subscribed.account_gone(&gone, self.x.stack.now);
        match gone {
            Gone::Nothing => {}
            Gone::Extension(number) => {
                self.x.registrar.remove_extension(&number);
                ingress::absent::removed(&mut self.ingress, &mut self.x, &number);
            }
            Gone::Device { username, extension } => self.x.registrar.remove_device(&extension, &username),
        }
    }

    /// The extension for which a device acts.
    fn acting(&self, username: &str) -> Option<String> {
        let own = &self.x.accounts.device(username)?.extension;
        Some(self.x.accounts.acts_for(username).unwrap_or(own).to_owned())
    }

    /// A person has logged on or off at a device: what its phone watches and has published is another person's, and messages
    /// for the person who is there now are delivered.
    fn logged(&mut self, username: &str, before: &str) {
        let own = self.x.accounts.device(username).map(|device| device.extension.clone());
        let (Some(own), Some(now_of)) = (own, self.acting(username)) else {
            return;
        };
        let x = &mut self.x;
        x.subscribed.logged(&mut x.stack, (&own, username), before, &now_of);
        ingress::absent::registered(&mut self.ingress, &mut self.x, &now_of);
    }
}
