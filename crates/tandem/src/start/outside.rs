//! Whom the switch's wishes go to.

use admin::{Accounts, EventBus};
use store::Store;
use switch::{Input, LastNumber, Output, Pin, Query, QueryId, SettingsPatch, Wake};
use tokio::runtime::Handle;

use super::push::Push;
use crate::{
    recorder::Recorder,
    rtp::Engine,
    run::{Mailbox, Outside},
    scripts::Scripts,
};

/// The media engine, the script threads, the store and the observers.
pub(super) struct Shell {
    pub(super) engine: Engine,
    pub(super) scripts: Scripts,
    pub(super) recorder: Recorder,
    pub(super) events: EventBus,
    pub(super) own: Own,
}

/// What extensions ask of the store about themselves, through the dialplan. Tasks on `runtime` do it.
pub(super) struct Own {
    pub(super) accounts: Accounts,
    pub(super) store: Store,
    pub(super) domain: String,
    pub(super) mailbox: Mailbox,
    pub(super) runtime: Handle,
    pub(super) push: Push,
}

impl Own {
    fn change(&self, query: QueryId, extension: String, change: SettingsPatch) {
        let (accounts, mailbox) = (self.accounts.clone(), self.mailbox.clone());
        self.runtime.spawn(async move {
            let ok = accounts.change_own(extension, change).await;
            mailbox.answer(Input::Stored { query, ok });
        });
    }

    fn log_on(&self, query: QueryId, username: String, wanted: Option<(String, Pin)>) {
        let (accounts, mailbox) = (self.accounts.clone(), self.mailbox.clone());
        let wanted = wanted.map(|(number, pin)| (number, pin.0));
        self.runtime.spawn(async move {
            let ok = accounts.log_on(username, wanted).await;
            mailbox.answer(Input::Stored { query, ok });
        });
    }

    fn wake(&self, query: QueryId, wake: Wake) {
        let (push, mailbox) = (self.push.clone(), self.mailbox.clone());
        self.runtime.spawn(async move {
            let ok = push.wake(wake).await;
            mailbox.answer(Input::Woken { query, ok });
        });
    }

    fn last_number(&self, query: QueryId, extension: String, which: LastNumber) {
        let (store, domain, mailbox) = (self.store.clone(), self.domain.clone(), self.mailbox.clone());
        self.runtime.spawn(async move {
            let found = match which {
                LastNumber::Dialed => store.last_dialed(&domain, &extension).await,
                LastNumber::Caller => store.last_caller(&domain, &extension).await,
            };
            let number = found.unwrap_or_else(|error| {
                tracing::error!(%error, "the records could not be read");
                None
            });
            mailbox.answer(Input::Found { query, number });
        });
    }
}

impl Outside for Shell {
    fn take(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Media(command) => self.engine.send(command),
            Output::Script(command) => self.scripts.send(command),
            Output::Query(query, Query::SaveBindings(changes)) => self.recorder.save_bindings(query, changes),
            Output::Query(query, Query::SaveSubscription(change)) => self.recorder.save_subscription(query, change),
            Output::Query(query, Query::OpenCdr(open)) => self.recorder.open_cdr(query, *open),
            Output::Query(query, Query::ChangeSettings { extension, change }) => {
                self.own.change(query, extension, *change);
            }
            Output::Query(query, Query::LogOn { username, wanted }) => {
                self.own.log_on(query, username, wanted.map(|wanted| *wanted));
            }
            Output::Query(query, Query::LastNumber { extension, which }) => {
                self.own.last_number(query, extension, which);
            }
            Output::Query(query, Query::Wake(wake)) => self.own.wake(query, *wake),
            Output::Query(query, Query::KeepMessage(message)) => self.recorder.keep_message(query, *message),
            Output::DropMessage(id) => self.recorder.drop_message(id),
            Output::Forget(changes) => self.recorder.forget(changes),
            Output::Subscriptions(changes) => self.recorder.subscriptions(changes),
            Output::CdrAnswered(answer) => self.recorder.answer_cdr(*answer),
            Output::Cdr(cdr) => self.recorder.close_cdr(*cdr),
            Output::Recording(recording) => self.recorder.recording(*recording),
            Output::Quality { call, leg } => self.recorder.leg_quality(call, *leg),
            Output::Event(event) => self.events.publish(event),
            // Nothing asks for it yet.
            Output::Journal(_) => {}
            // The loop's own.
            Output::Transmit(_) | Output::Query(_, Query::Resolve { .. }) | Output::Reply(..) | Output::Timeout(_) => {}
        }
        None
    }
}
