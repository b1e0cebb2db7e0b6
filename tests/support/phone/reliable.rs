//! Reliable provisional responses (RFC 3262), and UPDATE before the answer (RFC 3311).

use sip::{
    Builder, HeaderName, Instant, Message, Method, StatusCode,
    dialog::Dialog,
    headers::session::{RAck, RSeq},
    retransmit::{Accepted, Due},
    transaction::{LayerConfig, ServerId},
};

use super::{Phase, Phone, PhoneCall, Purpose, answer_to, written};

/// What a phone makes of reliable provisional responses.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Reliable {
    /// Nothing.
    #[default]
    No,
    /// It can use them, and does where the other side can.
    Supported,
    /// It requires them of a phone that it calls, and uses them where the other side can.
    Required,
}

/// The reliable provisional responses of one call.
#[derive(Default)]
pub(super) struct Responses {
    /// The number of the last one.
    number: Option<u32>,
    /// The last one that was sent, until its PRACK comes; with a description or without.
    awaited: Option<(Accepted, bool)>,
    /// The session was settled by one.
    pub settled: bool,
    /// The call is to be answered when the PRACK has come.
    pub answers: bool,
}

impl Responses {
    /// Whether a response waits for its PRACK.
    pub fn waits(&self) -> bool {
        self.awaited.is_some()
    }

    /// Whether the description in a response waits for its PRACK.
    pub fn holds_back(&self) -> bool {
        self.awaited.as_ref().is_some_and(|(_, described)| *described)
    }

    /// When the response is sent again.
    pub fn next(&self) -> Option<Instant> {
        self.awaited.as_ref()?.0.next_timeout()
    }

    /// No response is sent again.
    pub fn forget(&mut self) {
        self.awaited = None;
    }
}

impl Reliable {
    /// Adds to an INVITE what the phone can or requires.
    pub(super) fn ask(self, builder: Builder) -> Builder {
        match self {
            Self::No => builder,
            Self::Supported => builder.header(HeaderName::Supported, "100rel"),
            Self::Required => builder.header(HeaderName::Require, "100rel"),
        }
    }
}

impl PhoneCall {
    /// Whether the phone may offer a change before the call is answered (RFC 3311 section 5.1).
    pub fn may_update_early(&self) -> bool {
        self.phase == Phase::Ringing
            && self.reliable.settled
            && !self.reliable.waits()
            && !self.left
            && !self.changing
            && self.session.state() == media::State::Idle
            && self.dialog.is_some()
    }
}

impl Phone {
    /// Whether the next response to this call is sent reliably.
    pub(super) fn is_reliable(&self, index: usize) -> bool {
        let invite = &self.calls[index].invite;
        self.mood.reliable != Reliable::No && (invite.supports("100rel") || invite.lists(HeaderName::Require, "100rel"))
    }

    /// Makes a response reliable.
    pub(super) fn numbered(&mut self, index: usize, reply: Builder) -> Builder {
        let responses = &mut self.calls[index].reliable;
        let number = responses.number.map_or(7, |last| last + 1);
        responses.number = Some(number);
        reply
            .header(HeaderName::Require, "100rel")
            .header(HeaderName::RSeq, number)
    }

    /// A reliable response was sent.
    pub(super) fn awaits_prack(&mut self, index: usize, reply: &Message) {
        let timers = LayerConfig::default().timers;
        let accepted = Accepted::provisional(self.now, reply.bytes().clone(), &timers);
        self.calls[index].reliable.awaited = Some((accepted, !reply.body().is_empty()));
    }

    /// Sends a response again that waits for its PRACK, or refuses the call.
    pub(super) fn repeats(&mut self, index: usize) {
        let (now, flow) = (self.now, self.flow());
        let call = &mut self.calls[index];
        let Some((accepted, _)) = &mut call.reliable.awaited else {
            return;
        };
        if call.phase != Phase::Ringing {
            return call.reliable.forget();
        }
        match accepted.due(now) {
            Due::Nothing => {}
            Due::Retransmit(bytes) => self.puts(flow, bytes),
            Due::GiveUp => {
                call.reliable.forget();
                self.reject(index, 504);
            }
        }
    }

    /// A PRACK came.
    pub(super) fn acknowledged_early(&mut self, index: usize, id: ServerId, prack: &Message) {
        let call = &mut self.calls[index];
        let rack: Option<RAck> = prack.read().unwrap();
        let seq = call.invite.cseq().unwrap().number;
        let meets = rack.is_some_and(|rack| Some(rack.rseq) == call.reliable.number && rack.cseq == seq);
        let Some((_, described)) = call.reliable.awaited.take().filter(|_| meets) else {
            // RFC 3262 section 3: the call was answered meanwhile.
            return self.simple(id, prack, if meets { 200 } else { 481 });
        };
        call.reliable.settled |= described;
        self.pracked += 1;
        let call = &mut self.calls[index];
        let answers = std::mem::take(&mut call.reliable.answers);
        self.simple(id, prack, 200);
        if answers {
            self.answer(index);
        }
    }

    /// A provisional response came to the phone's INVITE. Returns whether it is to be looked at.
    pub(super) fn takes_reliable(&mut self, index: usize, response: &Message) -> bool {
        let Ok(Some(RSeq(number))) = response.read::<RSeq>() else {
            return true;
        };
        assert!(response.lists(HeaderName::Require, "100rel"), "{response:?}");
        let call = &mut self.calls[index];
        if self.mood.reliable == Reliable::No {
            let asked = call.invite.lists(HeaderName::Require, "100rel") || call.invite.supports("100rel");
            assert!(asked, "{response:?}");
            return true; // it asked for what it does not do
        }
        if call.dialog.is_none() {
            call.dialog = Dialog::uac(&call.invite, response).ok();
        }
        if call.reliable.number.is_some_and(|last| number != last + 1) {
            return false;
        }
        call.reliable.number = Some(number);
        true
    }

    /// Acknowledges a reliable response that was looked at.
    pub(super) fn pracks(&mut self, index: usize, response: &Message) {
        let Some(number) = self.calls[index].reliable.number else {
            return;
        };
        if response.read::<RSeq>().ok().flatten() != Some(RSeq(number)) {
            return;
        }
        let rack = RAck {
            rseq: number,
            cseq: response.cseq().unwrap().number,
            method: Method::Invite,
        };
        let Some(prack) = self.inside(index, &Method::Prack) else {
            return;
        };
        let prack = prack.header(HeaderName::RAck, rack);
        let (codecs, odd) = (self.codecs(), self.mood.odd_sdp);
        let call = &mut self.calls[index];
        let offered = call
            .heard
            .clone()
            .filter(|_| call.session.state() == media::State::OfferReceived);
        let answer = offered.and_then(|offered| call.session.make_answer(&answer_to(&offered, &codecs)).ok());
        call.reliable.settled |= !response.body().is_empty();
        let prack = match answer {
            Some(body) => prack.body("application/sdp", &written(odd, &body)).finish(),
            None => prack.finish(),
        };
        self.pracked += 1;
        self.send(prack, Purpose::Prack);
    }

    /// The description of a 200 to an INVITE: none where a reliable response has settled the session.
    pub(super) fn is_settled(&self, index: usize) -> bool {
        self.calls[index].reliable.settled
    }

    /// The 2xx to the INVITE confirms the early dialog, if there is one.
    pub(super) fn confirmed(call: &mut PhoneCall, response: &Message) {
        debug_assert_eq!(response.status(), Some(StatusCode::OK));
        let tag = response.to_tag().unwrap_or_default();
        match &mut call.dialog {
            Some(dialog) if dialog.remote_tag() == tag => dialog.confirm(response),
            Some(_) | None => call.dialog = Dialog::uac(&call.invite, response).ok(),
        }
    }
}
