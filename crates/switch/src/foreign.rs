//! Messages that come from where they should not: they change nothing, and the log is told why at `debug`.

use std::net::IpAddr;

use sip::{
    Flow, Message, StatusCode,
    transaction::{ClientId, ServerId},
};

use crate::{admission::Kind, answer::Answer, leg::LegId, stack::ClientUse, switch::Switch};

impl Switch {
    /// An answer came from another address than the one that was asked (RFC 3261 26.1.2). It is taken if the peer is
    /// known to speak from there: a phone with several interfaces, one that has changed networks meanwhile, another
    /// host behind the name that was called.
    pub(crate) fn foreign_response(&mut self, id: ClientId, flow: Flow, message: Message) {
        let address = flow.remote.ip().to_canonical();
        let known = match self.x.stack.clients.get(&id).copied() {
            Some(ClientUse::Invite(leg) | ClientUse::Modify(leg) | ClientUse::Bye(leg) | ClientUse::Passed(leg, _)) => {
                self.speaks_from(leg, address)
            }
            Some(ClientUse::Message(delivery)) => {
                let to = self.x.deliveries.to(delivery);
                to.is_some_and(|(number, others)| {
                    others.contains(&address) || self.x.registrar.is_registered_from(number, address)
                })
            }
            None => false,
        };
        if !known {
            return self.dropped(&flow, "it came from an address that was not asked");
        }
        let now = self.x.stack.now;
        self.x.stack.layer.receive_from_known(now, flow, message);
    }

    /// A CANCEL came from another address than its INVITE (RFC 3261 26.1.2, 9.2: it cannot be challenged).
    pub(crate) fn foreign_cancel(&mut self, id: ServerId, flow: Flow, message: Message) {
        let leg = self.x.stack.servers.get(&id).copied();
        let address = flow.remote.ip().to_canonical();
        let now = self.x.stack.now;
        if leg.is_some_and(|leg| self.speaks_from(leg, address)) {
            return self.x.stack.layer.receive_from_known(now, flow, message);
        }
        let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
        self.x.stack.answer_statelessly(&flow, &message, &answer);
        self.dropped(&flow, "a CANCEL from an address that did not call");
    }

    /// Whether the peer of a leg speaks from this address, as far as is known: it did before, a phone of its extension
    /// is registered from there, or the name that was called has it, too.
    fn speaks_from(&self, leg: LegId, address: IpAddr) -> bool {
        self.x.legs.get(leg).is_some_and(|leg| {
            leg.flow.remote.ip().to_canonical() == address
                || leg.others.contains(&address)
                || self.x.registrar.is_registered_from(&leg.party, address)
        })
    }

    /// A message that changes nothing.
    pub(crate) fn dropped(&mut self, flow: &Flow, why: &str) {
        self.x.stats.messages_dropped += 1;
        let now = self.x.stack.now;
        self.x.admission.stray(now, flow.remote.ip());
        tracing::debug!(source = %flow.remote, why, "a message is dropped");
    }
}

/// Admission has dropped a message.
pub(crate) fn log_refused(flow: &Flow, kind: Kind) {
    let why = match kind {
        Kind::KeepAlive => return,
        Kind::Junk => "it is no SIP",
        Kind::InProgress | Kind::Response => "too much from its source belongs to nothing",
        Kind::Call | Kind::Registration | Kind::Other => "its source has sent too many",
    };
    tracing::debug!(source = %flow.remote, why, "a message is dropped");
}
