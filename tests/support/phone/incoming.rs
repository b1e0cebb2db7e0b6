//! Requests that come in.

use sip::{
    Builder, HeaderName, Message, Method, StatusCode,
    dialog::{Dialog, DialogId},
    transaction::ServerId,
};

use super::{Phase, Phone, PhoneCall};

impl Phone {
    pub(super) fn by_dialog(&self, message: &Message) -> Option<usize> {
        let id = DialogId::of_request(message)?;
        self.calls
            .iter()
            .position(|call| call.dialog.as_ref().is_some_and(|dialog| *dialog.id() == id))
    }

    pub(super) fn simple(&mut self, id: ServerId, message: &Message, code: u16) {
        if let Some(index) = self.by_dialog(message) {
            self.calls[index].refused += usize::from(code >= 300 && code != 491);
        }
        let reply = Builder::reply(message, StatusCode::new(code).unwrap(), Some("simple")).finish();
        let _ = self.layer.respond(self.now, id, reply);
    }

    /// A request outside of any dialog.
    fn request_outside(&mut self, id: ServerId, message: Message) {
        match message.method() {
            Method::Invite => self.invited(id, message),
            Method::Message => self.texted(id, &message),
            Method::Options => self.simple(id, &message, 200),
            _ => self.simple(id, &message, 405),
        }
    }

    pub(super) fn request(&mut self, id: ServerId, message: Message) {
        if message.to_tag().is_none() {
            return self.request_outside(id, message);
        }
        let Some(index) = self.by_dialog(&message) else {
            let before = self.twins.len();
            if *message.method() == Method::Bye {
                self.twins.retain(|tag| Some(tag.as_str()) != message.to_tag());
            }
            let known = self.twins.len() < before;
            return self.simple(id, &message, if known { 200 } else { 481 });
        };
        let within_session = *message.method() != Method::Notify;
        let over = within_session
            && match self.calls[index].phase {
                Phase::Over(_) => true,
                Phase::Ending => *message.method() != Method::Bye,
                Phase::Trying | Phase::Ringing | Phase::Up => false,
            };
        if over {
            return self.simple(id, &message, 481);
        }
        let dialog = self.calls[index].dialog.as_mut().expect("it was found by it");
        if dialog.accept_order(&message).is_err() {
            return self.simple(id, &message, 500);
        }
        if matches!(message.method(), Method::Invite | Method::Update | Method::Notify) {
            dialog.refresh_target(&message);
        }
        match message.method() {
            Method::Bye => {
                self.simple(id, &message, 200);
                self.give_up_change(index);
                let call = &mut self.calls[index];
                call.accepted = None;
                // The 2xx of its INVITE was lost: it gives the INVITE up (RFC 3261 9.1).
                let waits = !call.incoming && matches!(call.phase, Phase::Trying | Phase::Ringing);
                call.phase = Phase::Over(200);
                if let Some(client) = call.client.filter(|_| waits) {
                    let _ = self.layer.cancel(self.now, client, None);
                }
                let call = &mut self.calls[index];
                if let Some((server, request)) = call.waiting.take() {
                    self.simple(server, &request, 487);
                }
            }
            Method::Invite | Method::Update => {
                let waits = self.mood.waits_with_changes && *message.method() == Method::Invite;
                if let Some(code) = self.calls[index].is_changing(&message) {
                    return self.simple(id, &message, code);
                }
                let refused = (*message.method() == Method::Update)
                    .then_some(self.mood.refuses_updates)
                    .flatten();
                if let Some(code) = refused {
                    return self.simple(id, &message, code);
                }
                match self.mood.refuses_changes {
                    Some(code) if !message.body().is_empty() => {
                        // Here 491 is no glare, but a refusal like any other.
                        self.calls[index].refused += usize::from(code == 491);
                        self.simple(id, &message, code);
                    }
                    Some(_) | None if waits => {
                        if self.mood.ponders {
                            self.simple(id, &message, 180);
                        }
                        self.calls[index].waiting = Some((id, message));
                    }
                    Some(_) | None => self.answer_change(index, id, &message, 200),
                }
            }
            Method::Prack => self.acknowledged_early(index, id, &message),
            Method::Info | Method::Message => self.passed(index, id, &message),
            Method::Notify => self.notified(index, id, &message),
            _ => self.simple(id, &message, 405),
        }
    }

    /// A MESSAGE outside of calls.
    fn texted(&mut self, id: ServerId, message: &Message) {
        if self.mood.refuses_texts.is_none() {
            self.texts.push(message.body_text().into_owned());
            self.texts_came.push(self.now);
        }
        self.simple(id, message, self.mood.refuses_texts.unwrap_or(200));
    }

    /// INFO or MESSAGE within a call.
    fn passed(&mut self, index: usize, id: ServerId, message: &Message) {
        let Some((code, accept)) = self.mood.refuses_within else {
            self.calls[index].passed.push(message.body_text().into_owned());
            return self.simple(id, message, 200);
        };
        let reply = Builder::reply(message, StatusCode::new(code).unwrap(), None);
        let reply = match accept {
            Some(accept) => reply.header(HeaderName::Accept, accept),
            None => reply,
        };
        let _ = self.layer.respond(self.now, id, reply.finish());
    }

    pub(super) fn invited(&mut self, id: ServerId, message: Message) {
        let tag = self.id("u");
        let mut session = self.session();
        let heard = if message.body().is_empty() {
            None
        } else {
            session.receive_offer(message.body()).ok()
        };
        let mut call = PhoneCall::new(message.clone(), session, tag.clone(), true);
        call.phase = Phase::Ringing;
        call.heard = heard;
        call.server = Some(id);
        call.dialog = Dialog::uas(&message, &tag).ok();
        self.calls.push(call);
        let index = self.calls.len() - 1;
        let asked = message
            .header(HeaderName::SessionExpires)
            .and_then(|value| value.split(';').next()?.trim().parse::<u32>().ok());
        let short = self
            .mood
            .min_se
            .filter(|least| asked.is_some_and(|asked| asked < *least));
        if let Some(least) = short {
            let call = &mut self.calls[index];
            call.phase = Phase::Over(422);
            let reply = Builder::reply(&message, StatusCode::new(422).unwrap(), Some(&tag));
            let _ = self
                .layer
                .respond(self.now, id, reply.header(HeaderName::MinSe, least).finish());
            return;
        }
        match self.mood.refuses {
            Some(code) => self.reject(index, code),
            None => {
                self.ring(index, false);
                if self.mood.answers {
                    self.answer(index);
                }
            }
        }
    }

    pub(super) fn acknowledged(&mut self, message: &Message) {
        let Some(index) = self.by_dialog(message) else { return };
        let call = &mut self.calls[index];
        call.accepted = None;
        if !message.body().is_empty() && (call.offered_late || call.session.state() == media::State::OfferSent) {
            call.heard = call.session.receive_answer(message.body()).ok();
            call.offered_late = false;
        }
    }

    pub(super) fn cancelled(&mut self, id: ServerId) {
        let Some(index) = self
            .calls
            .iter()
            .position(|call| call.server == Some(id) || call.waiting.as_ref().is_some_and(|(server, _)| *server == id))
        else {
            return;
        };
        let call = &mut self.calls[index];
        if call.phase == Phase::Ringing && call.incoming {
            call.phase = Phase::Over(487);
            let invite = call.invite.clone();
            self.simple(id, &invite, 487);
        } else if let Some((server, request)) = call.waiting.take() {
            self.simple(server, &request, 487);
        }
    }
}
