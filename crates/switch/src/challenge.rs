//! Who must show who they are, and what it costs us until they do.

use sip::{Flow, HeaderName, Message, Method, transaction::ServerId};

use crate::{
    answer::Answer,
    auth::{Identity, Verdict, whose_network},
    call::record_refused,
    registrar::Registrar,
    switch::Switch,
};

impl Switch {
    /// Challenges a request that shows no credentials and would need them, and keeps nothing of it; false if it is
    /// to be handled like any other.
    ///
    /// RFC 3261 26.3.2.4 asks for a single 401 without retransmissions towards whoever has proved nothing: so many of
    /// them take no memory. Every repetition of the request draws another one with the same tag (8.2.7), and the ACK
    /// to it belongs to nothing.
    pub(crate) fn challenge_statelessly(&mut self, flow: &Flow, message: &Message) -> bool {
        let x = &self.x;
        let asks = matches!(message.method(), Method::Invite | Method::Register | Method::Message);
        let shows = [HeaderName::Authorization, HeaderName::ProxyAuthorization]
            .into_iter()
            .any(|name| message.header(name).is_some());
        if !message.is_request() || !asks || shows || message.to_tag().is_some() {
            return false;
        }
        if whose_network(message, flow, &x.accounts, &x.trusted).is_some() {
            return false;
        }
        // What would be refused whoever asks is refused where everything is.
        let registers = *message.method() == Method::Register;
        if registers && Registrar::preconditions(message, flow, &x.domain).is_err() || self.acceptable(message).is_err()
        {
            return false;
        }
        let x = &mut self.x;
        let answer = x.auth.challenge(x.stack.now, message, &x.domain, false);
        x.stack.answer_statelessly(flow, message, &answer);
        true
    }

    /// Whose request this is; `None` if it was answered with a challenge or a refusal.
    pub(crate) fn authenticate(&mut self, id: ServerId, flow: &Flow, message: &Message) -> Option<Identity> {
        let x = &mut self.x;
        let now = x.stack.now;
        match x
            .auth
            .authenticate(now, message, flow, &x.accounts, &x.domain, &x.trusted)
        {
            Verdict::Known(identity) => {
                x.admission.vouch(now, flow.remote.ip());
                Some(identity)
            }
            Verdict::Challenge(answer) | Verdict::Refused(answer) => {
                x.stack.answer(id, message, &answer);
                None
            }
            Verdict::Forbidden(identity, answer) => {
                x.stack.answer(id, message, &answer);
                self.record_forbidden(&identity, flow, message, &answer);
                None
            }
            Verdict::Exempt => None, // ACK and CANCEL do not come here
        }
    }

    /// An INVITE was authenticated and says something that it may not: that leaves a record, of who it was.
    fn record_forbidden(&mut self, identity: &Identity, flow: &Flow, message: &Message, answer: &Answer) {
        if *message.method() == Method::Invite && message.to_tag().is_none() {
            let beginning = self.beginning(identity, flow, message);
            record_refused(&mut self.x, beginning, answer);
        }
    }
}
