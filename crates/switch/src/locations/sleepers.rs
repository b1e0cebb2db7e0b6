//! Phones that are being woken (RFC 8599 section 5.3), and the calls that wait for their REGISTER.

use std::collections::{BTreeMap, VecDeque};

use sip::Flow;

use crate::{
    api::{PushTarget, QueryId},
    ids::CallId,
};

/// See the module. A call that waits gives up by itself, and says so: the table holds no more than the hunts of all calls.
#[derive(Default)]
pub(crate) struct Sleepers {
    awaited: BTreeMap<PushTarget, Vec<(CallId, QueryId)>>,
    /// Calls whose phone has registered, the first first.
    arrived: VecDeque<(CallId, QueryId, Flow)>,
}

impl Sleepers {
    /// A call waits for a phone; `query` names its wait.
    pub fn wait(&mut self, push: &PushTarget, call: CallId, query: QueryId) {
        self.awaited.entry(push.clone()).or_default().push((call, query));
    }

    /// A call no longer waits for a phone.
    pub fn give_up(&mut self, push: &PushTarget, query: QueryId) {
        if let Some(calls) = self.awaited.get_mut(push) {
            calls.retain(|(_, other)| *other != query);
            if calls.is_empty() {
                self.awaited.remove(push);
            }
        }
    }

    /// A phone has registered.
    pub fn registered(&mut self, push: &PushTarget, flow: Flow) {
        let calls = self.awaited.remove(push).unwrap_or_default();
        self.arrived
            .extend(calls.into_iter().map(|(call, query)| (call, query, flow)));
    }

    /// The next call whose phone has registered.
    pub fn next_arrived(&mut self) -> Option<(CallId, QueryId, Flow)> {
        self.arrived.pop_front()
    }

    /// How many phones are waited for.
    pub fn len(&self) -> usize {
        self.awaited.len()
    }
}
