//! Responses to the phone's requests.

use sip::{Message, Method, transaction::ClientId};

use super::{Phase, Phone, Purpose, answer_to, written};

impl Phone {
    pub(super) fn response(&mut self, id: ClientId, message: &Message) {
        let Some(purpose) = self.purposes.get(&id).copied() else {
            return;
        };
        let code = message.status().unwrap().code();
        let wanted = !matches!(purpose, Purpose::Invite(index) if self.calls[index].phase == Phase::Ending);
        let request = self.sent.get(&id).filter(|_| code == 401 && wanted).cloned();
        if let Some(again) = request.and_then(|request| self.again(&request, message)) {
            let client = self.send(again.clone(), purpose);
            if let Purpose::Invite(index) = purpose {
                self.calls[index].client = Some(client);
                self.calls[index].invite = again;
            }
            return;
        }
        match purpose {
            Purpose::Register if code >= 200 => self.registered = Some(code),
            Purpose::Message if code >= 200 => {
                self.message_code = Some(code);
                if let Some(request) = self.sent.get(&id) {
                    self.text_codes.insert(request.body_text().into_owned(), code);
                }
            }
            Purpose::Invite(index) => self.invite_response(index, code, message),
            Purpose::Change(index) => self.change_response(index, code, message),
            Purpose::Bye(index) if code >= 200 => self.calls[index].phase = Phase::Over(200),
            Purpose::Refer(index) if code >= 200 => self.refer_response(index, code, message),
            Purpose::Lamp(index) => {
                let request = self.sent.get(&id).cloned();
                self.lamp_response(index, code, message, request.as_ref());
            }
            Purpose::Other if code >= 200 => self.answer = Some(message.clone()),
            Purpose::Register
            | Purpose::Message
            | Purpose::Bye(_)
            | Purpose::Refer(_)
            | Purpose::Prack
            | Purpose::Other => {}
        }
    }

    fn invite_response(&mut self, index: usize, code: u16, message: &Message) {
        let forgets = self.mood.forgets_ack;
        if (101..=199).contains(&code) && !self.takes_reliable(index, message) {
            return;
        }
        let call = &mut self.calls[index];
        call.last = message.clone();
        match code {
            100 => {}
            101..=199 => {
                self.states += u64::from(matches!(code, 181 | 182 | 199));
                if matches!(call.phase, Phase::Trying) {
                    call.phase = Phase::Ringing;
                }
                call.take_description(message);
                call.early_media |= !message.body().is_empty();
                self.pracks(index, message);
            }
            200..=299 => {
                let first = !std::mem::replace(&mut call.answered, true);
                let cancelled = first && call.phase == Phase::Ending;
                if first {
                    call.refreshed(self.now, message);
                    Self::confirmed(call, message);
                    call.take_description(message);
                    call.phase = Phase::Up;
                }
                if !forgets {
                    self.acknowledge(index, message);
                }
                if cancelled {
                    self.hang_up_call(index);
                }
            }
            _ => call.phase = Phase::Over(code),
        }
    }

    pub(super) fn acknowledge(&mut self, index: usize, message: &Message) {
        let via = self.via();
        let codecs = self.codecs();
        let flow = self.flow();
        let forgets = self.mood.forgets_answer;
        let odd = self.mood.odd_sdp;
        let call = &mut self.calls[index];
        let Some(dialog) = &call.dialog else { return };
        let seq = message.cseq().unwrap().number;
        let last = call.ack.as_ref().map_or(0, |ack| ack.cseq().unwrap().number);
        let ack = match &call.ack {
            Some(ack) if last == seq => ack.clone(),
            Some(_) if last > seq => dialog.ack(seq, via).finish(),
            Some(_) | None => {
                let builder = dialog.ack(seq, via);
                let answer = match &call.heard {
                    Some(offered) if call.session.state() == media::State::OfferReceived && !forgets => {
                        call.session.make_answer(&answer_to(&offered.clone(), &codecs)).ok()
                    }
                    Some(_) | None => None,
                };
                match answer {
                    Some(body) => builder.body("application/sdp", &written(odd, &body)).finish(),
                    None => builder.finish(),
                }
            }
        };
        self.layer.send(flow, &ack);
        if last <= seq {
            call.ack = Some(ack);
        }
    }

    fn change_response(&mut self, index: usize, code: u16, message: &Message) {
        if code < 200 {
            return;
        }
        let seq = message.cseq().unwrap().number;
        let acked = self.calls[index].ack.as_ref();
        let again = acked.is_some_and(|ack| ack.cseq().unwrap().number >= seq);
        if again && *message.method() == Method::Invite {
            return self.acknowledge(index, message); // an answer that was taken before
        }
        let call = &mut self.calls[index];
        call.last = message.clone();
        call.change_code = Some(code);
        call.changing = false;
        if code < 300 {
            call.refreshed(self.now, message);
            call.take_description(message);
            if *message.method() == Method::Invite {
                self.acknowledge(index, message);
            }
        } else {
            call.session.rollback();
            if matches!(code, 408 | 481) && call.phase == Phase::Up {
                self.hang_up_call(index);
            }
        }
    }

    fn refer_response(&mut self, index: usize, code: u16, message: &Message) {
        let call = &mut self.calls[index];
        call.transfer.code = Some(code);
        if code >= 300 || message.header(sip::HeaderName::ReferSub) == Some("false") {
            call.transfer.asked -= 1; // no subscription was made
        }
        self.answer = Some(message.clone());
    }

    pub(super) fn failed(&mut self, id: ClientId) {
        match self.purposes.get(&id).copied() {
            Some(Purpose::Register) => self.registered = Some(408),
            Some(Purpose::Message) => self.message_code = Some(408),
            Some(Purpose::Invite(index)) => self.calls[index].phase = Phase::Over(408),
            Some(Purpose::Bye(index)) => self.calls[index].phase = Phase::Over(408),
            Some(Purpose::Change(index)) => {
                self.calls[index].change_code = Some(408);
                self.calls[index].changing = false;
                self.calls[index].session.rollback();
                if self.calls[index].phase == Phase::Up {
                    self.hang_up_call(index);
                }
            }
            Some(Purpose::Refer(index)) => {
                self.calls[index].transfer.code = Some(408);
            }
            Some(Purpose::Lamp(index)) => self.lamps[index].code = Some(408),
            Some(Purpose::Prack | Purpose::Other) | None => {}
        }
    }
}
