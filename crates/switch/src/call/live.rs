//! What the admin API shows of a call in progress.

use crate::{
    api::{LiveCall, LiveLeg, LiveState},
    core::Core,
};

use super::Call;

impl Call {
    /// The call as it is now.
    pub fn live(&self, x: &Core) -> LiveCall {
        let legs = self.legs.iter().filter_map(|leg| x.legs.get(*leg)).map(|leg| LiveLeg {
            party: leg.party.clone(),
            inbound: leg.inbound,
            state: leg.state().into(),
            remote: leg.flow.remote.to_string(),
            codec: leg.codec(),
        });
        let state = match (self.answered_at, self.ringing) {
            (Some(_), _) => LiveState::Answered,
            (None, true) => LiveState::Ringing,
            (None, false) => LiveState::Routing,
        };
        LiveCall {
            id: self.uid,
            from: self.facts.caller().to_owned(),
            from_name: self.facts.name.clone(),
            dialed: self.facts.dialed.clone(),
            to: self.to.clone(),
            state,
            started_at: self.started_at,
            answered_at: self.answered_at,
            doing: self.doing_now(),
            legs: legs.collect(),
        }
    }

    fn doing_now(&self) -> String {
        match (self.doing, self.at.file.as_str()) {
            ("", _) => String::new(),
            (verb, "") => verb.into(),
            (verb, file) => format!("{verb} ({file}:{})", self.at.line),
        }
    }
}
