//! One call of a phone.

use std::time::Duration;

use bytes::Bytes;
use media::{Session, Spec};
use sip::{
    HeaderName, Instant, Message, Method,
    dialog::Dialog,
    retransmit::Accepted,
    transaction::{ClientId, ServerId},
};

use super::{Transfer, reliable::Responses};

/// The state of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Outgoing, with no response but 100.
    Trying,
    /// It rings, at this phone or at the other.
    Ringing,
    /// Answered; perhaps on hold.
    Up,
    /// This phone sent BYE or CANCEL, which is not answered yet.
    Ending,
    /// Over, with the final status of the INVITE (0: there was none; 200: it was answered, then a BYE came or went).
    Over(u16),
}

/// One call of a phone.
pub struct PhoneCall {
    /// Its state.
    pub phase: Phase,
    /// True if the PBX called the phone.
    pub incoming: bool,
    /// The INVITE that began it.
    pub invite: Message,
    /// The last description of the PBX.
    pub heard: Option<Spec>,
    /// How often the session was changed.
    pub changes: usize,
    /// How often the phone refused a change, except for glare.
    pub refused: usize,
    /// The final status of the phone's last re-INVITE or UPDATE.
    pub change_code: Option<u16>,
    /// Bodies of INFO and MESSAGE requests taken in the dialog.
    pub passed: Vec<String>,
    /// True if the caller got early media (a session description in a provisional response).
    pub early_media: bool,
    /// The phone sent BYE before it had answered.
    pub left: bool,
    /// Until then the session must be refreshed, or the call be over (RFC 4028).
    pub fresh_until: Option<Instant>,
    /// A transfer or an INVITE with Replaces was to give this phone's place in the call to another.
    pub given: bool,
    /// The transfer that the phone asked for in this call.
    pub transfer: Transfer,
    /// The last response to its INVITE or change, for a test to look at.
    pub last: Message,
    pub(super) tag: String,
    /// Its dialog, once there is one.
    pub dialog: Option<Dialog>,
    pub(super) server: Option<ServerId>,
    pub(super) client: Option<ClientId>,
    pub(super) session: Session,
    pub(super) waiting: Option<(ServerId, Message)>,
    pub(super) accepted: Option<Accepted>,
    pub(super) ack: Option<Message>,
    pub(super) offered_late: bool,
    pub(super) changing: bool,
    pub(super) reliable: Responses,
    /// The 2xx to the phone's INVITE has come.
    pub(super) answered: bool,
}

/// The usual answer of a phone: the offered codecs that it has, in the mirrored direction.
pub(super) fn answer_to(offered: &Spec, own: &Spec) -> Spec {
    offered.intersect(own).with_direction(offered.direction().reversed())
}

impl PhoneCall {
    /// The status to a change that meets another (RFC 3261 14.2, RFC 3311 5.2).
    pub(super) fn is_changing(&self, message: &Message) -> Option<u16> {
        let offers = !message.body().is_empty() || *message.method() == Method::Invite;
        let sent = self.changing || self.session.state() == media::State::OfferSent;
        match (offers, self.waiting.is_some()) {
            (true, true) => Some(500),
            (true, false) if sent => Some(491),
            (true | false, _) => None,
        }
    }

    /// A 2xx to an INVITE or UPDATE, sent or received, says until when the session is good.
    pub(super) fn refreshed(&mut self, now: Instant, reply: &Message) {
        let value = reply.header(HeaderName::SessionExpires);
        let seconds = value.and_then(|value| value.split(';').next()?.trim().parse().ok());
        self.fresh_until = seconds.map(|seconds| now + Duration::from_secs(seconds));
    }

    /// The number at the other end, as the phone knows it.
    pub fn number(&self) -> String {
        let address = if self.incoming {
            self.invite.from()
        } else {
            self.invite.to()
        };
        let uri = address.ok().and_then(|address| address.uri().ok());
        uri.map(|uri| uri.number().into_owned()).unwrap_or_default()
    }

    /// The phone has forgotten the call.
    pub(super) fn lose(&mut self) {
        self.phase = match self.phase {
            over @ Phase::Over(_) => over,
            Phase::Trying | Phase::Ringing | Phase::Up | Phase::Ending => Phase::Over(0),
        };
        self.dialog = None;
        self.server = None;
        self.client = None;
        self.waiting = None;
        self.accepted = None;
        self.reliable.forget();
    }

    /// The media of the phone: the address it sends to, and the codecs it receives.
    pub fn media(&self) -> media::Remote {
        self.session.remote(std::net::Ipv4Addr::UNSPECIFIED.into())
    }

    /// True if a change may be offered now (RFC 3261 14.1).
    pub fn may_change(&self) -> bool {
        self.phase == Phase::Up
            && !self.changing
            && self.waiting.is_none()
            && self.accepted.is_none()
            && self.session.state() == media::State::Idle
            && self.dialog.is_some()
    }

    /// The direction in its last description that was not refused.
    pub fn said(&self) -> media::SdpDirection {
        use media::SdpDirection::{Inactive, RecvOnly, SendOnly, SendRecv};
        let said = self.session.last_local().expect("it has said something");
        let text = String::from_utf8_lossy(said);
        let mut others = [Inactive, RecvOnly, SendOnly].into_iter();
        let stated = others.find(|direction| text.contains(&format!("a={}", direction.name())));
        stated.unwrap_or(SendRecv)
    }

    /// The audio port in its last description that was not refused.
    pub fn audio_port(&self) -> Option<u16> {
        let text = String::from_utf8_lossy(self.session.last_local()?);
        let line = text.lines().find_map(|line| line.strip_prefix("m=audio "))?;
        line.split(' ').next()?.parse().ok()
    }

    /// True if the INVITE that began it offers one direction only, or none.
    pub fn is_one_way(&self) -> bool {
        let offer = self.invite.body_text();
        ["a=sendonly", "a=recvonly", "a=inactive"]
            .iter()
            .any(|line| offer.contains(line))
    }

    /// True if the 2xx to the phone's INVITE has come.
    pub fn was_answered(&self) -> bool {
        self.dialog.is_some() && (self.incoming || self.answered)
    }

    /// True if a change waits for its decision.
    pub fn is_asked(&self) -> bool {
        self.waiting.is_some()
    }

    pub(super) fn new(invite: Message, session: Session, tag: String, incoming: bool) -> Self {
        Self {
            phase: Phase::Trying,
            incoming,
            last: invite.clone(),
            invite,
            heard: None,
            changes: 0,
            refused: 0,
            change_code: None,
            passed: Vec::new(),
            early_media: false,
            left: false,
            fresh_until: None,
            given: false,
            transfer: Transfer::default(),
            tag,
            dialog: None,
            server: None,
            client: None,
            session,
            waiting: None,
            accepted: None,
            ack: None,
            offered_late: false,
            changing: false,
            reliable: Responses::default(),
            answered: false,
        }
    }

    /// A new offer of the phone. An offer that is still open is given up.
    pub(super) fn offer(&mut self, spec: &Spec) -> Bytes {
        self.session.rollback();
        self.session.make_offer(spec).expect("no offer is open")
    }

    pub(super) fn answer_offer(&mut self, codecs: &Spec) -> Option<Bytes> {
        match (&self.heard, self.session.is_established()) {
            (Some(_), true) if self.reliable.settled => Some(Bytes::new()), // RFC 6337 section 3.1.1
            (Some(_), true) => self.session.last_local().cloned(),
            (Some(offered), false) => self.session.make_answer(&answer_to(&offered.clone(), codecs)).ok(),
            (None, _) => Some(self.offer(codecs)),
        }
    }

    pub(super) fn take_description(&mut self, message: &Message) {
        if message.body().is_empty() {
            return;
        }
        self.heard = match self.session.state() {
            media::State::OfferSent => self.session.receive_answer(message.body()).ok(),
            media::State::Idle if !self.session.is_established() || *message.method() == Method::Invite => {
                match self.session.is_established() && self.ack.is_none() {
                    true => self.heard.take(), // the preview in a 1xx was the answer
                    false => self.session.receive_offer(message.body()).ok(),
                }
            }
            media::State::Idle | media::State::OfferReceived => self.heard.take(),
        };
    }
}
