//! Calls: making, taking, ending them.

use sip::{Builder, HeaderName, Message, Method, StatusCode, retransmit::Accepted, transaction::LayerConfig};

use super::{
    Phase, Phone, PhoneCall, Purpose,
    mood::{grant_timer, say_allow},
    written,
};

impl Phone {
    pub(super) fn agent(&self) -> String {
        format!("Desk/{}", self.number)
    }

    pub(super) fn ask_timer(&self, builder: Builder) -> Builder {
        let builder = if self.mood.timer {
            builder.header(HeaderName::Supported, "timer")
        } else {
            builder
        };
        match self.mood.asks_timer {
            Some(value) => builder.header(HeaderName::SessionExpires, value),
            None => builder,
        }
    }

    /// The URI of a number; a URI stays as it is.
    pub fn uri_of(&self, number: &str) -> String {
        match number.contains(':') {
            true => number.to_owned(),
            false => format!("sip:{number}@{}", self.domain),
        }
    }

    /// Calls a number, or a URI; the call is the last of `calls`.
    pub fn call(&mut self, number: &str) -> usize {
        self.call_with(number, |builder| builder)
    }

    /// Calls with further header fields, which `edit` adds.
    pub fn call_with(&mut self, number: &str, edit: impl FnOnce(Builder) -> Builder) -> usize {
        let mut session = self.session();
        let uri = self.uri_of(number);
        let call_id = self.id("i");
        let mut builder = self
            .outside(&Method::Invite, &uri, &uri)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Contact, self.contact())
            .header(HeaderName::UserAgent, self.agent());
        let builder_with = self.mood.reliable.ask(self.ask_timer(say_allow(&self.mood, builder)));
        builder = edit(builder_with);
        for (name, value) in &self.mood.adds {
            builder = builder.other(name, value);
        }
        let invite = if self.mood.late_offer {
            builder.finish()
        } else {
            let direction = self.mood.offers_with.unwrap_or_default();
            let offer = session
                .make_offer(&self.codecs().with_direction(direction))
                .expect("no offer is open");
            builder
                .body("application/sdp", &written(self.mood.odd_sdp, &offer))
                .finish()
        };
        let index = self.calls.len();
        let client = self.send(invite.clone(), Purpose::Invite(index));
        self.calls.push(PhoneCall::new(invite, session, String::new(), false));
        self.calls[index].client = Some(client);
        self.drain();
        index
    }

    /// Rings (180), or with a description also early media (183).
    pub fn ring(&mut self, index: usize, early: bool) {
        self.says(index, if early { 183 } else { 180 }, early);
    }

    /// Sends a provisional response (101 to 199) to an incoming call, with a description or without.
    pub fn says(&mut self, index: usize, code: u16, described: bool) {
        let codecs = self.codecs();
        let contact = self.contact();
        let odd = self.mood.odd_sdp;
        let call = &mut self.calls[index];
        let (Some(server), true) = (call.server, call.incoming) else {
            return;
        };
        let code = StatusCode::new(code).unwrap();
        if call.reliable.waits() {
            return; // RFC 3262 section 3: one at a time
        }
        let builder = Builder::reply(&call.invite, code, Some(&call.tag)).header(HeaderName::Contact, contact);
        let body = described.then(|| call.answer_offer(&codecs)).flatten();
        let reliably = self.is_reliable(index);
        let builder = if reliably {
            let numbered = self.numbered(index, builder);
            say_allow(&self.mood, numbered)
        } else {
            builder
        };
        let reply = match body.filter(|body| !body.is_empty()) {
            Some(body) => builder.body("application/sdp", &written(odd, &body)).finish(),
            None => builder.finish(),
        };
        if reliably {
            self.awaits_prack(index, &reply);
        }
        let _ = self.layer.respond(self.now, server, reply);
        self.drain();
    }

    /// Sends BYE for an incoming call that it has not answered, and waits for CANCEL. RFC 3261 15 does not allow that.
    pub fn leaves(&mut self, index: usize) {
        if self.calls[index].phase != Phase::Ringing || !self.calls[index].incoming {
            return;
        }
        self.calls[index].left = true;
        if let Some(bye) = self.inside(index, &Method::Bye) {
            self.send(bye.finish(), Purpose::Other);
        }
        self.drain();
    }

    /// Answers an incoming call.
    pub fn answer(&mut self, index: usize) {
        let codecs = self.codecs();
        let contact = self.contact();
        let odd = self.mood.odd_sdp;
        let call = &mut self.calls[index];
        let (Some(server), Phase::Ringing, false) = (call.server, call.phase, call.left) else {
            return;
        };
        if call.reliable.holds_back() {
            call.reliable.answers = true;
            return;
        }
        call.reliable.forget();
        let Some(body) = call.answer_offer(&codecs) else {
            return self.reject(index, 488);
        };
        let reply = Builder::reply(&call.invite, StatusCode::OK, Some(&call.tag))
            .copy(&call.invite, HeaderName::RecordRoute)
            .header(HeaderName::Contact, contact)
            .header(HeaderName::Server, format_args!("Desk/{}", self.number));
        let reply = grant_timer(&self.mood, say_allow(&self.mood, reply));
        let body = written(odd, &body);
        let reply = match self.is_settled(index) {
            true => reply.finish(),
            false => reply.body("application/sdp", &body).finish(),
        };
        let call = &mut self.calls[index];
        call.phase = Phase::Up;
        call.refreshed(self.now, &reply);
        call.accepted = Some(Accepted::new(
            self.now,
            reply.bytes().clone(),
            &LayerConfig::default().timers,
        ));
        let twin = self.mood.twins.then(|| {
            let said = self.calls[index].session.last_local().cloned().unwrap_or_default();
            self.twin(&self.calls[index].invite.clone(), &said)
        });
        let _ = self.layer.respond(self.now, server, reply);
        if let Some(twin) = twin {
            let _ = self.layer.respond(self.now, server, twin);
        }
        self.drain();
    }

    /// A second answer to an INVITE, as from another phone behind the same proxy.
    fn twin(&mut self, invite: &Message, body: &[u8]) -> Message {
        let tag = self.id("w");
        let reply = Builder::reply(invite, StatusCode::OK, Some(&tag))
            .header(HeaderName::Contact, self.contact())
            .body("application/sdp", body);
        self.twins.push(tag);
        reply.finish()
    }

    /// Refuses an incoming call.
    pub fn reject(&mut self, index: usize, code: u16) {
        let to = self.mood.sends_to.clone();
        let call = &mut self.calls[index];
        let (Some(server), Phase::Ringing) = (call.server, call.phase) else {
            return;
        };
        let mut builder = Builder::reply(&call.invite, StatusCode::new(code).unwrap(), Some(&call.tag));
        if let Some(to) = to.filter(|_| (300..400).contains(&code)) {
            builder = builder.header(HeaderName::Contact, format_args!("<{to}>"));
        }
        if let Some(reason) = self.mood.explains {
            builder = builder.header(HeaderName::Reason, reason);
        }
        call.phase = Phase::Over(code);
        let _ = self.layer.respond(self.now, server, builder.finish());
        self.drain();
    }

    /// Ends the call: BYE, CANCEL or 603, by how far it is.
    pub fn hang_up(&mut self, index: usize) {
        match (self.calls[index].phase, self.calls[index].incoming) {
            (Phase::Trying | Phase::Ringing, false) => {
                let client = self.calls[index].client;
                self.calls[index].phase = Phase::Ending;
                if let Some(client) = client {
                    let _ = self.layer.cancel(self.now, client, None);
                }
            }
            (Phase::Trying | Phase::Ringing, true) => self.reject(index, 603),
            (Phase::Up, _) => self.hang_up_call(index),
            (Phase::Ending | Phase::Over(_), _) => {}
        }
        self.drain();
    }

    /// Cancels its open re-INVITE, since the call ends.
    pub(super) fn give_up_change(&mut self, index: usize) {
        let call = &mut self.calls[index];
        if std::mem::take(&mut call.changing)
            && let Some(client) = call.client
        {
            let _ = self.layer.cancel(self.now, client, None);
        }
    }

    pub(super) fn hang_up_call(&mut self, index: usize) {
        self.give_up_change(index);
        self.calls[index].phase = Phase::Ending;
        match self.inside(index, &Method::Bye) {
            Some(bye) => {
                let bye = match self.mood.explains {
                    Some(reason) => bye.header(HeaderName::Reason, reason),
                    None => bye,
                };
                self.send(bye.finish(), Purpose::Bye(index));
            }
            None => self.calls[index].phase = Phase::Over(0),
        }
    }
}
