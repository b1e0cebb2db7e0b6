//! From a REGISTER to the registrar, and from the registrar to everybody else.

use sip::{Flow, Message, transaction::ServerId};

use crate::{
    api::{Output, Query},
    exchange::QueryUse,
    registrar::{Effect, Registrar},
    switch::Switch,
};

impl Switch {
    pub(crate) fn register(&mut self, id: ServerId, flow: Flow, message: &Message) {
        if let Err(answer) = Registrar::preconditions(message, &flow, &self.x.domain) {
            return self.x.stack.answer_and_forget(id, message, &answer);
        }
        let Some(identity) = self.authenticate(id, &flow, message) else {
            return;
        };
        let x = &mut self.x;
        let query = x.stack.next_query();
        x.queries.insert(query, QueryUse::Register(id));
        let (now, unix) = (x.stack.now, x.stack.unix());
        x.registrar
            .register(now, unix, query, message, &flow, &identity, &x.accounts, &x.domain);
    }

    pub(crate) fn register_stored(&mut self, query: crate::api::QueryId, server: ServerId, ok: bool) {
        let x = &mut self.x;
        x.queries.insert(query, QueryUse::Register(server));
        let (now, unix) = (x.stack.now, x.stack.unix());
        x.registrar.stored(now, unix, query, ok);
    }

    /// Carries out what the registrar wants; false if it wants nothing.
    pub(crate) fn registrar_effects(&mut self) -> bool {
        let x = &mut self.x;
        let Some(effect) = x.registrar.poll() else { return false };
        match effect {
            Effect::Reply { query, answer } => {
                if let Some(QueryUse::Register(server)) = x.queries.remove(&query)
                    && let Some(request) = x.stack.layer.server_request(server).cloned()
                {
                    x.stack.answer(server, &request, &answer);
                }
            }
            Effect::Store { query, changes } => {
                x.stack
                    .outputs
                    .push_back(Output::Query(query, Query::SaveBindings(changes)));
            }
            Effect::Forget(changes) => x.stack.outputs.push_back(Output::Forget(changes)),
            Effect::Added(registration) => x.stack.registration_added(registration),
            Effect::Removed(registration) => x.stack.registration_removed(registration),
        }
        true
    }
}
