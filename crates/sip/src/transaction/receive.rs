//! What to do with a message that came: RFC 3261 17.1.3, 17.2.3, 8.2.2.2, 9.2, 18.1.2.

use std::sync::Arc;

use super::{
    ServerId, TxEvent, TxOutput, build, client, keys,
    layer::Layer,
    server::{self, Server},
};
use crate::{Builder, Flow, HeaderName, Message, Method, StatusCode, Via, reply_address, stateless_tag, time::Instant};

impl Layer {
    pub(super) fn receive_request(&mut self, now: Instant, flow: Flow, message: Message, known: bool) {
        if *message.method() == Method::Ack {
            self.receive_ack(now, flow, message);
        } else if *message.method() == Method::Cancel {
            self.receive_cancel(now, flow, message, known);
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
            None => self.dropped(flow, UNMATCHABLE),
        }
    }

    fn receive_cancel(&mut self, now: Instant, flow: Flow, cancel: Message, known: bool) {
        match self.find_server(&cancel, &Method::Cancel) {
            Some(Some(id)) => {
                self.server_input(now, id, server::Input::Request, None, None);
                return;
            }
            Some(None) => {}
            None => return self.dropped(flow, UNMATCHABLE),
        }
        let target = self.find_cancelled(&cancel);
        let Some(server) = target.and_then(|id| self.tables.servers.get(id.0)) else {
            // RFC 3261 9.2. No transaction is kept: the repetition draws the same answer.
            let reply = build::stateless(&cancel, StatusCode::CALL_DOES_NOT_EXIST).finish();
            self.send(reply_address(&cancel, &flow), &reply);
            return self.event(TxEvent::StrayCancel { flow });
        };
        // RFC 3261 26.1.2: who has seen or guessed a branch must not end calls with it.
        if let Some(id) = target.filter(|_| !known && !is_same_host(&server.flow, &flow)) {
            let message = cancel;
            return self.event(TxEvent::ForeignCancel { id, flow, message });
        }
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
            None => return self.dropped(flow, UNMATCHABLE),
        }
        if merged.as_ref().is_some_and(|merged| self.merged.contains_key(merged)) {
            // RFC 3261 8.2.2.2: the same request by another way.
            self.refuse(&flow, &request, StatusCode::LOOP_DETECTED);
        } else if self.server_keys.contains_key(self.key.as_str()) {
            // RFC 2543's rules, and only the To tag differs: one key cannot name both.
            self.refuse(&flow, &request, StatusCode::CALL_DOES_NOT_EXIST);
        } else if !self.has_room_for(&request) || !self.calls.has_room(&request, self.config.max_per_call) {
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

    pub(super) fn receive_response(&mut self, now: Instant, flow: Flow, response: Message, known: bool) {
        let Some(status) = response.status() else { return };
        if !keys::client(&mut self.key, &response, response.method()) {
            return self.dropped(flow, "its topmost Via has no branch");
        }
        let Some(id) = self.client_keys.get(self.key.as_str()).copied() else {
            // RFC 3261 18.1.2: it is passed on; 13.2.2.4 says what to do with a 2xx.
            let message = response;
            return self.event(TxEvent::StrayResponse { flow, message });
        };
        let Some(client) = self.tables.clients.get(id.0) else {
            return;
        };
        if let Err(why) = check_answer(&client.request, &response) {
            return self.dropped(flow, why);
        }
        // RFC 3261 26.1.2: whoever was not asked has nothing to answer. A NAT changes ports, not the address that a
        // request of ours went to; 18.2.2 lets an answer come over another connection.
        if !known && !is_same_host(&client.flow, &flow) {
            let message = response;
            return self.event(TxEvent::ForeignResponse { id, flow, message });
        }
        self.client_input(now, id, client::Input::Response(status), Some((&flow, &response)));
    }

    fn dropped(&mut self, flow: Flow, why: &'static str) {
        self.event(TxEvent::Dropped { flow, why });
    }

    pub(super) fn event(&mut self, event: TxEvent) {
        self.out.push_back(TxOutput::Event(event));
    }
}

const UNMATCHABLE: &str = "its topmost Via or its CSeq cannot be read";

/// Whether a response that matches by its branch came here rightly: the sent-by is ours (RFC 3261
/// 18.1.2), and nobody added a Via (8.1.3.3).
fn check_answer(request: &Message, response: &Message) -> Result<(), &'static str> {
    let (Ok(ours), Ok(theirs)) = (request.top_via(), response.top_via()) else {
        return Err("its topmost Via cannot be read");
    };
    let same_host = ours.host.eq_ignore_ascii_case(theirs.host)
        || ours.host().ip().is_some_and(|ip| theirs.host().ip() == Some(ip));
    if !same_host || port(&ours) != port(&theirs) {
        return Err("the sent-by of its topmost Via is not ours");
    }
    let (sent, came) = (request.values(HeaderName::Via), response.values(HeaderName::Via));
    if came.count() > sent.count() {
        return Err("it has another Via than ours");
    }
    Ok(())
}

/// The port of a sent-by, which may be left out where it is the default (RFC 3261 18.1.1).
fn port(via: &Via<'_>) -> Option<u16> {
    via.port
        .or_else(|| via.transport().map(|transport| transport.default_port()))
}

/// Whether two flows have the same host at their other end, by whatever port.
fn is_same_host(one: &Flow, other: &Flow) -> bool {
    one.remote.ip().to_canonical() == other.remote.ip().to_canonical()
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
