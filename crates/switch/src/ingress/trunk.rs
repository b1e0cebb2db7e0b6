//! A call from a trunk becomes a call of `on_trunk`.

use sip::{Flow, HeaderName, Message, transaction::ServerId};

use super::{Arrival, Ingress, hops_left};
use crate::{
    answer::Answer,
    api::{AudioRules, Facts, ScriptEntry},
    call::record_refused,
    core::{Beginning, Core},
    leg::inbound::Sender,
    locations::{Number, Peer},
    trunks::Caller,
};

/// How long a provider waits before it tries a trunk again that has no channel free.
const AGAIN: &str = "5";

/// An INVITE of a trunk came. Nobody is asked for a password: the trunk is known by its line or by its address.
pub(super) fn invite(g: &mut Ingress, x: &mut Core, id: ServerId, (flow, message): (Flow, Message), caller: Caller) {
    g.admission.vouch(x.stack.now, flow.remote.ip());
    let Caller {
        trunk,
        number,
        name,
        dialed,
        trusted,
    } = caller;
    let peer = Peer::Trunk {
        name: trunk.as_str().into(),
        number: Number::from(number.as_str()),
    };
    let beginning = Beginning {
        facts: Facts {
            id: String::new(),
            number,
            name,
            dialed,
            extension: None,
            trunk: Some(trunk.clone()),
            source: flow.remote.to_string(),
            device: None,
            method: String::new(),
        },
        entry: ScriptEntry::OnTrunk,
        max_forwards: hops_left(&message),
        sip_call_id: message.call_id().to_owned(),
    };
    if let Err((cause, code, reason)) = x.outside.trunks.admit(&x.stack, &trunk) {
        let refusal = Answer::of(code).with_reason(Some(reason.to_owned()));
        let refusal = refusal.with(HeaderName::RetryAfter, AGAIN.to_owned());
        x.stack.answer(id, &message, &refusal);
        return record_refused(x, beginning, cause, &refusal);
    }
    g.arrivals.push_back(Arrival {
        server: id,
        flow,
        invite: message,
        from: Sender {
            access: x.outside.trunks.access(&trunk),
            peer,
            audio: AudioRules::default(),
            trusted,
        },
        beginning,
        wanted: None,
    });
}
