//! Whom the switch's wishes go to.

use admin::EventBus;
use switch::{Input, Output, Query};

use crate::{recorder::Recorder, rtp::Engine, run::Outside, scripts::Scripts};

/// The media engine, the script threads, the store and the observers.
pub(super) struct Shell {
    pub(super) engine: Engine,
    pub(super) scripts: Scripts,
    pub(super) recorder: Recorder,
    pub(super) events: EventBus,
}

impl Outside for Shell {
    fn take(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Media(command) => self.engine.send(command),
            Output::Script(command) => self.scripts.send(command),
            Output::Query(query, Query::SaveBindings(changes)) => self.recorder.save_bindings(query, changes),
            Output::Query(query, Query::SaveSubscription(change)) => self.recorder.save_subscription(query, change),
            Output::Query(query, Query::OpenCdr(open)) => self.recorder.open_cdr(query, *open),
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
