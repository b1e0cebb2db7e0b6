//! Answering requests that make no dialog.

use sip::{Flow, Message, Method, transaction::ServerId};

use super::Stack;
use crate::answer::Answer;

impl Stack {
    /// Answers a request. A stale handle is no fault: the peer gave up long ago.
    pub fn respond(&mut self, id: ServerId, message: Message) {
        if let Err(stale) = self.layer.respond(self.now, id, message) {
            tracing::debug!(%stale, "an answer came too late for its transaction");
        }
    }

    /// Answers a request that makes no dialog.
    pub fn answer(&mut self, id: ServerId, request: &Message, answer: &Answer) {
        let flow = self.layer.server_flow(id);
        self.refused.request(self.now, flow, request, answer);
        let tag = match request.to_tag() {
            Some(tag) => tag.to_owned(),
            None => self.ids.tag(),
        };
        let answer = answer.warned(&self.config.domain);
        self.respond(id, answer.reply(request, &tag).finish());
    }

    /// Answers a request that any stranger may send, once, and keeps nothing about it (RFC 3261 8.2.7, 26.3.2.4). A
    /// flood of these costs no memory, and there are never more answers than requests, even if a forged Via sends the
    /// answers elsewhere.
    pub fn answer_and_forget(&mut self, id: ServerId, request: &Message, answer: &Answer) {
        let flow = self.layer.server_flow(id);
        let reply = self.stateless_reply(flow, request, answer);
        if let Err(stale) = self.layer.dismiss(id, &reply) {
            tracing::debug!(%stale, "an answer came too late for its transaction");
        }
    }

    /// Answers a request without a transaction (RFC 3261 8.2.7).
    pub fn answer_statelessly(&mut self, flow: &Flow, request: &Message, answer: &Answer) {
        if request.is_request() && *request.method() != Method::Ack {
            let reply = self.stateless_reply(Some(*flow), request, answer);
            self.layer.send(sip::reply_address(request, flow), &reply);
        }
    }

    /// A response whose tag is the same for each repetition of its request. A refusal is also logged.
    fn stateless_reply(&mut self, flow: Option<Flow>, request: &Message, answer: &Answer) -> Message {
        self.refused.request(self.now, flow, request, answer);
        let answer = answer.warned(&self.config.domain);
        answer.reply(request, &sip::stateless_tag(request)).finish()
    }
}
