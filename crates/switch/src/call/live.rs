//! What the admin API shows of a call in progress.

use crate::{
    api::{LiveCall, LiveLeg, LiveState},
    core::Core,
    stack::closing::quality,
};

use super::{Call, tape};

/// The call as it is now.
pub(crate) fn live(call: &Call, x: &Core) -> LiveCall {
    let legs = call
        .legs()
        .iter()
        .filter_map(|leg| x.legs.get(*leg))
        .map(|leg| LiveLeg {
            party: leg.peer.to_string(),
            inbound: leg.inbound,
            state: leg.state().as_str().into(),
            remote: leg.path.flow.remote.to_string(),
            codec: leg.talk().codec(),
            quality: leg.measured().map(quality),
        });
    let record = &call.record;
    let state = match (record.answered_at, record.ringing) {
        (Some(_), _) => LiveState::Answered,
        (None, true) => LiveState::Ringing,
        (None, false) => LiveState::Routing,
    };
    LiveCall {
        id: call.uid,
        from: call.facts.caller().to_owned(),
        from_name: call.facts.name.clone(),
        dialed: call.facts.dialed.clone(),
        to: record.to.clone(),
        state,
        started_at: record.started_at,
        answered_at: record.answered_at,
        doing: doing(call),
        recording: tape::state(call),
        legs: legs.collect(),
    }
}

fn doing(call: &Call) -> String {
    match (call.script.doing, call.script.at.file.as_str()) {
        ("", _) => String::new(),
        (verb, "") => verb.into(),
        (verb, file) => format!("{verb} ({file}:{})", call.script.at.line),
    }
}
