//! `caller.set(..)`, `caller.last_dialed`, `caller.last_caller`, `caller.log_on(..)`, `caller.log_off()`: what the store is asked about the caller's own extension.
//!
//! Only an extension that has signed in, or comes from a trusted network, has settings and past calls of its own.

use crate::{
    api::{LastNumber, Outcome, Pin, Query, QueryId, SettingsPatch},
    call::{Call, VerbEvent},
    core::{Core, QueryUse},
};

use super::{Next, Running};

/// The verb waits for the store, which always answers.
pub(crate) enum Storing {
    /// A change.
    Set(QueryId),
    /// A number of past calls.
    LastNumber(QueryId),
    /// A person logs on or off at the caller's phone.
    LogOn(QueryId),
}

/// Begins `caller.set(..)`.
pub(super) fn set(call: &Call, x: &mut Core, change: Box<SettingsPatch>) -> Next {
    let Some(extension) = call.facts.extension.clone() else {
        return Next::Done(Outcome::Fault("set: the caller is no extension".into()));
    };
    if let Err(bad) = change.check() {
        return Next::Done(Outcome::Fault(format!("set: {}: {}", bad.field, bad.accepted)));
    }
    let query = Query::ChangeSettings { extension, change };
    let query = x.ask(query, QueryUse::Store(call.id));
    Next::Wait(Running::Store(Storing::Set(query)))
}

/// Begins `caller.last_dialed` or `caller.last_caller`.
pub(super) fn last_number(call: &Call, x: &mut Core, which: LastNumber) -> Next {
    let Some(extension) = call.facts.extension.clone() else {
        return Next::Done(Outcome::Text(None));
    };
    let query = Query::LastNumber { extension, which };
    let query = x.ask(query, QueryUse::Store(call.id));
    Next::Wait(Running::Store(Storing::LastNumber(query)))
}

/// Begins `caller.log_on(..)` or `caller.log_off()`.
pub(super) fn log_on(call: &Call, x: &mut Core, wanted: Option<Box<(String, Pin)>>) -> Next {
    let Some(username) = call.facts.device.clone() else {
        return Next::Done(Outcome::Flag(false));
    };
    let query = Query::LogOn { username, wanted };
    let query = x.ask(query, QueryUse::Store(call.id));
    Next::Wait(Running::Store(Storing::LogOn(query)))
}

impl Storing {
    /// Something happened. Keys that the caller presses meanwhile wait for the next verb.
    pub fn event(self, event: &VerbEvent) -> Next {
        match (self, event) {
            (Self::Set(asked), VerbEvent::Stored(query, ok)) if *query == asked => Next::Done(if *ok {
                Outcome::Done
            } else {
                Outcome::Fault("set: the change could not be stored".into())
            }),
            (Self::LogOn(asked), VerbEvent::Stored(query, ok)) if *query == asked => Next::Done(Outcome::Flag(*ok)),
            (Self::LastNumber(asked), VerbEvent::Found(query, number)) if *query == asked => {
                Next::Done(Outcome::Text(number.clone()))
            }
            (Self::Set(_), VerbEvent::SubjectGone) => Next::Done(Outcome::Done),
            (Self::LogOn(_), VerbEvent::SubjectGone) => Next::Done(Outcome::Flag(false)),
            (Self::LastNumber(_), VerbEvent::SubjectGone) => Next::Done(Outcome::Text(None)),
            (storing, _) => Next::Wait(Running::Store(storing)),
        }
    }
}
