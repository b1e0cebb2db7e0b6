//! Whose request it is, and what becomes of one that is nobody's.

use sip::{Flow, Message, Method, transaction::ServerId};

use crate::{
    answer::Answer,
    auth::{Identity, Verdict},
    call::record_refused,
    switch::Switch,
};

impl Switch {
    /// Whose request this is; `None` if it was answered with a challenge or a refusal.
    pub(crate) fn authenticate(&mut self, id: ServerId, flow: &Flow, message: &Message) -> Option<Identity> {
        let x = &mut self.x;
        let (now, before) = (x.stack.now, x.auth.work());
        match x
            .auth
            .authenticate(now, message, flow, &x.accounts, &x.domain, &x.trusted)
        {
            Verdict::Known(identity) => {
                x.admission.vouch(now, flow.remote.ip());
                Some(identity)
            }
            Verdict::Challenge(answer) | Verdict::Refused(answer) => {
                // Who has shown a password has used up a nonce count: its repetition must not be judged anew.
                let work = x.auth.work();
                if work.digests > before.digests && work.failures == before.failures {
                    x.stack.answer(id, message, &answer);
                } else {
                    x.stack.answer_and_forget(id, message, &answer);
                }
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
