//! What to do with a message that came: RFC 3261 17.1.3, 17.2.3, 8.2.2.2, 9.2, 18.1.2.

use std::sync::Arc;

use super::{
    ServerId, TxEvent, TxOutput, build, client, keys,
    layer::Layer,
    server::{self, Server},
};
use crate::{Builder, Flow, HeaderName, Message, Method, StatusCode, reply_address, stateless_tag, time::Instant};

impl Layer {
    pub(super) fn receive_request(&mut self, now: Instant, flow: Flow, message: Message) {
        if *message.method() == Method::Ack {
            self.receive_ack(now, flow, message);
        } else if *message.method() == Method::Cancel {
            self.receive_cancel(now, flow, message);
        } else {
            self.receive_other(now, flow, message);
        }
    }

    /// The server transaction whose `method` this request repeats, acknowledges or cancels. Leaves
    /// the key in the layer's key buffer; `None` within if there is no such transaction, `None`
    /// outside if the request is unreadable.
    fn find_server(&mut self, request: &Message, method: &Method) -> Option<Option<ServerId>> {
        if !keys::server(&mut self.key, request, method) {
            return None;
        }
        let Some(id) = self.server_keys.get(self.key.as_str()).copied() else {
            return Some(None);
        };
        let Some(server) = self.tables.servers.get(id.0) else {
            return Some(None);
        };
        // RFC 3261 17.2.3: without a branch the To tag tells, an ACK's being that of the response.
        let same = !keys::is_legacy(&self.key) || same_to_tag(server, request);
        Some(same.then_some(id))
    }

    fn receive_ack(&mut self, now: Instant, flow: Flow, ack: Message) {
        match self.find_server(&ack, keys::target(&Method::Ack)) {
            Some(Some(id)) => {
                self.server_input(now, id, server::Input::Ack, Some((&flow, &ack)), None);
            }
            // RFC 3261 17: the ACK to a 2xx is a transaction of its own, for the user.
            Some(None) => self.event(TxEvent::Ack { flow, message: ack }),
            None => {}
        }
    }

    fn receive_cancel(&mut self, now: Instant, flow: Flow, cancel: Message) {
        match self.find_server(&cancel, &Method::Cancel) {
            Some(Some(id)) => {
                self.server_input(now, id, server::Input::Request, None, None);
                return;
            }
            Some(None) => {}
            None => return,
        }
        let target = self.find_cancelled(&cancel);
        let Some(server) = target.and_then(|id| self.tables.servers.get(id.0)) else {
            // RFC 3261 9.2. No transaction is kept: the repetition draws the same answer.
            let reply = build::stateless(&cancel, StatusCode::CALL_DOES_NOT_EXIST).finish();
            self.send(reply_address(&cancel, &flow), &reply);
            return self.event(TxEvent::StrayCancel { flow });
        };
        // RFC 3261 9.2: the To tag should be that of the INVITE's responses.
        let tag = match server.response().and_then(Message::to_tag) {
            Some(tag) => tag.to_owned(),
            None => stateless_tag(&cancel),
        };
        let answer = Builder::reply(&cancel, StatusCode::OK, Some(&tag)).finish();
        if self.has_room_for(&cancel) {
            keys::server(&mut self.key, &cancel, &Method::Cancel);
            let id = self.start_server(now, flow, cancel.clone(), None);
            let input = server::Input::Respond(StatusCode::OK);
            self.server_input(now, id, input, None, Some(answer));
        } else {
            self.send(reply_address(&cancel, &flow), &answer);
        }
        if let Some(id) = target {
            self.server_input(now, id, server::Input::Cancel, Some((&flow, &cancel)), None);
        }
    }

    /// The transaction that a CANCEL is about: "any method but CANCEL or ACK" (RFC 3261 9.2). Only
    /// an INVITE is affected; for another the CANCEL is merely answered with 200.
    fn find_cancelled(&mut self, cancel: &Message) -> Option<ServerId> {
        let cancels = |method: &&Method| !matches!(method, Method::Ack | Method::Cancel);
        // INVITE is the first of them, so that the others are not looked for in vain.
        let mut known = Method::KNOWN.iter().filter(cancels);
        known.find_map(|method| self.find_server(cancel, method).flatten())
    }

    fn receive_other(&mut self, now: Instant, flow: Flow, request: Message) {
        // The fork check comes first only because it needs the key buffer, too.
        let merged: Option<Arc<str>> = keys::merged(&mut self.key, &request).then(|| self.key.as_str().into());
        match self.find_server(&request, keys::target(request.method())) {
            Some(Some(id)) => {
                self.server_input(now, id, server::Input::Request, None, None);
                return;
            }
            Some(None) => {}
            None => return,
        }
        if merged.as_ref().is_some_and(|merged| self.merged.contains_key(merged)) {
            // RFC 3261 8.2.2.2: the same request by another way.
            self.refuse(&flow, &request, StatusCode::LOOP_DETECTED);
        } else if self.server_keys.contains_key(self.key.as_str()) {
            // RFC 2543's rules, and only the To tag differs: one key cannot name both.
            self.refuse(&flow, &request, StatusCode::CALL_DOES_NOT_EXIST);
        } else if !self.has_room_for(&request) || !self.call_has_room(&request) {
            self.refuse(&flow, &request, StatusCode::SERVICE_UNAVAILABLE);
        } else {
            let id = self.start_server(now, flow, request.clone(), merged);
            let message = request;
            self.event(TxEvent::Request { id, flow, message });
        }
    }

    /// Answers without keeping anything (RFC 3261 8.2.7).
    fn refuse(&mut self, flow: &Flow, request: &Message, status: StatusCode) {
        let mut reply = build::stateless(request, status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            reply = reply.header(HeaderName::RetryAfter, self.config.retry_after);
        }
        self.send(reply_address(request, flow), &reply.finish());
    }

    pub(super) fn receive_response(&mut self, now: Instant, flow: Flow, response: Message) {
        let Some(status) = response.status() else { return };
        if !keys::client(&mut self.key, &response, response.method()) {
            return;
        }
        let Some(id) = self.client_keys.get(self.key.as_str()).copied() else {
            // RFC 3261 18.1.2: it is passed on; 13.2.2.4 says what to do with a 2xx.
            let message = response;
            return self.event(TxEvent::StrayResponse { flow, message });
        };
        if self
            .tables
            .clients
            .get(id.0)
            .is_none_or(|client| !is_answer_to(&client.request, &response))
        {
            return;
        }
        self.client_input(now, id, client::Input::Response(status), Some((&flow, &response)));
    }

    pub(super) fn event(&mut self, event: TxEvent) {
        self.out.push_back(TxOutput::Event(event));
    }
}

/// Whether a response that matches by its branch came here rightly: the sent-by is ours (RFC 3261
/// 18.1.2), and nobody added a Via (8.1.3.3). Such a response is dropped silently.
fn is_answer_to(request: &Message, response: &Message) -> bool {
    let (Ok(ours), Ok(theirs)) = (request.top_via(), response.top_via()) else {
        return false;
    };
    let same_sender = ours.host.eq_ignore_ascii_case(theirs.host) && ours.port == theirs.port;
    let (sent, came) = (request.values(HeaderName::Via), response.values(HeaderName::Via));
    same_sender && came.count() <= sent.count()
}

/// RFC 3261 17.2.3: an ACK has the To tag of the response, anything else that of the request.
fn same_to_tag(server: &Server, request: &Message) -> bool {
    let expected = if *request.method() == Method::Ack {
        server.response()
    } else {
        server.request()
    };
    expected.is_some_and(|expected| expected.to_tag() == request.to_tag())
}
