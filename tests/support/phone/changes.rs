//! Changes to calls, and what is sent within them.

use media::SdpDirection;
use sip::{
    Builder, HeaderName, Message, Method, StatusCode,
    retransmit::Accepted,
    transaction::{LayerConfig, ServerId},
};

use super::{Phase, Phone, Purpose, answer_to, mood::grant_timer, written};

impl Phone {
    /// A request within a call's dialog.
    pub fn inside(&mut self, index: usize, method: &Method) -> Option<Builder> {
        let via = self.via();
        Some(self.calls[index].dialog.as_mut()?.request(method, via))
    }

    /// Offers a change: hold is `SendOnly`, resume `SendRecv`, `None` sends no offer.
    pub fn change(&mut self, index: usize, method: &Method, direction: Option<SdpDirection>) {
        let spec = direction.map(|direction| self.codecs().with_direction(direction));
        let contact = self.contact();
        let Some(builder) = self.inside(index, method) else {
            return;
        };
        let builder = self.ask_timer(builder.header(HeaderName::Contact, contact));
        let odd = self.mood.odd_sdp;
        let call = &mut self.calls[index];
        call.change_code = None;
        let request = match spec {
            Some(spec) => builder
                .body("application/sdp", &written(odd, &call.offer(&spec)))
                .finish(),
            None => builder.finish(),
        };
        self.calls[index].changing = true;
        let early = self.calls[index].phase == Phase::Ringing;
        let client = self.send(request, Purpose::Change(index));
        if !early {
            self.calls[index].client = Some(client);
        }
        self.drain();
    }

    /// Cancels a change that was offered.
    pub fn cancel_change(&mut self, index: usize) {
        if let Some(client) = self.calls[index].client {
            let _ = self.layer.cancel(self.now, client, None);
        }
        self.drain();
    }

    /// Receives media at another port from now on; the next change tells the PBX.
    pub fn moves_media(&mut self, index: usize, port: u16) {
        let address = self.address.ip();
        self.calls[index].session.move_to(address, port);
    }

    /// Sends a request within a call's dialog; its final answer is in `answer`.
    pub fn within(&mut self, index: usize, method: &Method, edit: impl FnOnce(Builder) -> Builder) {
        self.answer = None;
        if let Some(builder) = self.inside(index, method) {
            self.send(edit(builder).finish(), Purpose::Other);
        }
        self.drain();
    }

    /// Sends INFO or MESSAGE within the call.
    pub fn pass(&mut self, index: usize, method: &Method, kind: &str, body: &str) {
        if let Some(builder) = self.inside(index, method) {
            self.send(builder.body(kind, body.as_bytes()).finish(), Purpose::Other);
        }
        self.drain();
    }

    /// Answers a change that it has left unanswered so far.
    pub fn decide(&mut self, index: usize, code: u16) {
        if let Some((server, request)) = self.calls[index].waiting.take() {
            self.answer_change(index, server, &request, code);
        }
        self.drain();
    }

    pub(super) fn answer_change(&mut self, index: usize, id: ServerId, message: &Message, code: u16) {
        if code != 200 {
            return self.simple(id, message, code);
        }
        let codecs = self.codecs();
        let contact = self.contact();
        let odd = self.mood.odd_sdp;
        let call = &mut self.calls[index];
        let builder = Builder::reply(message, StatusCode::OK, None).header(HeaderName::Contact, contact);
        let builder = grant_timer(&self.mood, builder);
        let invite = *message.method() == Method::Invite;
        let reply = if message.body().is_empty() {
            let offer = invite.then(|| call.offer(&codecs));
            call.offered_late = offer.is_some();
            match offer {
                Some(body) => builder.body("application/sdp", &written(odd, &body)).finish(),
                None => builder.finish(),
            }
        } else {
            let offered = call
                .session
                .receive_offer(message.body())
                .expect("the switch's offers are in order");
            let mut own = answer_to(&offered, &codecs);
            if let Some(direction) = self.mood.answers_with {
                own = own.with_direction(direction);
            }
            let usable = own.has_audio().then(|| call.session.make_answer(&own));
            let Some(Ok(body)) = usable else {
                call.session.rollback();
                return self.simple(id, message, 488);
            };
            call.changes += 1;
            call.heard = Some(offered);
            builder.body("application/sdp", &written(odd, &body)).finish()
        };
        call.refreshed(self.now, &reply);
        if invite {
            call.accepted = Some(Accepted::new(
                self.now,
                reply.bytes().clone(),
                &LayerConfig::default().timers,
            ));
        }
        let _ = self.layer.respond(self.now, id, reply);
    }
}
