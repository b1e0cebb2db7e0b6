//! What lasts of the calls is told to the outside, where a journal is asked for.

use crate::{
    api::{CallImage, Output},
    leg::Leg,
};

use super::Switch;

/// Writes what lasts of each call with which something was done, if its legs are all quiet and that has changed.
pub(super) fn write_journal(switch: &mut Switch) {
    let x = &mut switch.x;
    for call in x.stack.outputs.journal.take() {
        let Some(call) = switch.calls.get(call) else { continue };
        let call = &call.call;
        let legs = call.legs().iter().map(|leg| x.legs.get(*leg).and_then(Leg::image));
        let legs = legs.collect::<Option<Vec<_>>>().filter(|legs| !legs.is_empty());
        let Some(legs) = legs else {
            continue;
        };
        let image = CallImage { call: call.uid, legs };
        if let Some(image) = x.stack.outputs.journal.changed(image) {
            x.stack.outputs.push_back(Output::Journal(Box::new(image)));
        }
    }
}
