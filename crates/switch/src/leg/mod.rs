//! A leg: one dialog with one phone, whichever side began it.
//!
//! A leg speaks SIP and offer/answer and knows nothing of calls: a call tells it what to do, and it
//! tells what happened through [`LegEvent`]s. Inbound and outbound legs are the same thing; only how
//! their dialog begins differs ([`inbound`], [`outbound`]).

mod end;
mod inbound;
mod key;
mod media;
mod modify;
mod offer;
mod outbound;
mod pass;
mod progress;
mod refer;
mod request;
mod session_timer;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ::media::{PortId, Session, Spec};
use sip::{
    Flow, HeaderName, Message, StatusCode,
    dialog::Dialog,
    retransmit::Accepted,
    transaction::{ClientId, ServerId},
};

pub(crate) use key::{FLASH, info_key};
pub(crate) use media::NoRoom;
pub(crate) use outbound::{CallerId, Invitation, Place, acknowledge_stray, end_stray};
pub(crate) use pass::answer_passed;
pub(crate) use progress::rings;

use crate::{activity::LineState, ids::CallId, locations::Peer, stack::Stack};
pub(crate) use crate::{
    event::{Cause, LegEvent, LegTimer, Q850, Who},
    ids::LegId,
    stack::body::description,
};
use offer::{Change, Wanted};
use progress::Progress;
use session_timer::SessionTimer;

/// How far a leg is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Inbound, not yet answered.
    Incoming,
    /// Outbound, not yet answered.
    Calling,
    /// Outbound, no longer wanted.
    Cancelling,
    /// Inbound, answered, the ACK is to come.
    Unacked,
    /// Answered and acknowledged.
    Up,
    /// BYE was sent.
    Ending,
    /// Over; the slot is about to go.
    Gone,
}

/// What is known of the peer's abilities.
#[derive(Copy, Clone, Debug)]
struct Abilities {
    /// It has said that it takes UPDATE: RFC 3311 section 5.1 wants that said.
    update: bool,
    /// It has not said that it does not take INFO (RFC 3261 20.5: no Allow says nothing).
    info: bool,
    timer: bool,
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            update: false,
            info: true,
            timer: false,
        }
    }
}

/// One dialog with one phone.
pub(crate) struct Leg {
    pub id: LegId,
    pub call: CallId,
    pub inbound: bool,
    /// Who is at the other end.
    pub peer: Peer,
    pub flow: Flow,
    /// Codecs the device may use; empty: all.
    pub codecs: Vec<String>,
    /// At the other end is no phone of ours: its Contact and Record-Route are believed.
    pub outside: bool,
    /// Further addresses of the name that was called, canonical: answers may come from any of them.
    pub others: Vec<IpAddr>,
    pub phase: Phase,
    /// The INVITE that began it.
    pub invite: Message,
    /// What the log calls it, within its call.
    pub span: tracing::Span,
    user: String,
    local_tag: String,
    dialog: Option<Dialog>,
    server: Option<ServerId>,
    client: Option<ClientId>,
    session: Option<Session>,
    /// Outbound: the To tag of the early dialog; empty if it has none.
    early: Option<String>,
    /// Outbound: several phones, behind a proxy, have answered the INVITE.
    forked: bool,
    /// Outbound: whether the dialog's peer has answered our offer.
    described: bool,
    /// Outbound: the phone last said that it rings.
    rings: bool,
    /// Inbound: the last provisional answer.
    provisional: Option<Progress>,
    port: Option<PortId>,
    heard: Option<Spec>,
    /// What we last told the peer of the other side, in an offer it took or an answer.
    said: Option<Spec>,
    had_offer: bool,
    answered_early: bool,
    awaited: Option<AwaitedAck>,
    /// Outbound: the ACK we sent, for a 2xx that comes again.
    ack: Option<Message>,
    change: Change,
    /// An offer of our own that waits for its turn.
    wanted: Option<Wanted>,
    /// An offer of the other phone that waits for the ACK of our 2xx.
    passing: Option<Spec>,
    timer: SessionTimer,
    can: Abilities,
    hang_up_when_acked: Option<Cause>,
    held: bool,
    last_rtp: Option<SocketAddr>,
    watched: Option<Duration>,
}

/// A 2xx of ours that is sent again until its ACK comes (RFC 3261 13.3.1.4).
struct AwaitedAck {
    accepted: Accepted,
    flow: Flow,
    /// The CSeq number of the INVITE, which its ACK repeats.
    seq: u32,
    /// What the 2xx offered, so that the ACK brings the answer.
    offered: Option<Spec>,
}

impl Leg {
    /// How far it is, as others see it.
    pub fn state(&self) -> LineState {
        match self.phase {
            Phase::Incoming if self.answered_early => LineState::Early,
            Phase::Incoming => LineState::Trying,
            Phase::Calling if self.rings => LineState::Ringing,
            Phase::Calling if self.described => LineState::Early,
            Phase::Calling => LineState::Trying,
            Phase::Unacked | Phase::Up if self.held => LineState::Held,
            Phase::Unacked | Phase::Up => LineState::Up,
            Phase::Cancelling | Phase::Ending | Phase::Gone => LineState::Ending,
        }
    }

    /// Who is at our side of the dialog, as its peer is told: of a call to us the number that was dialled, of a call of
    /// ours the caller's number.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether the leg was answered and is not over.
    pub const fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Unacked)
    }

    /// Whether the leg is over, or about to be.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Cancelling | Phase::Ending | Phase::Gone)
    }

    /// Whether the peer began the leg and waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Incoming
    }

    /// The leg's place in the media engine, once it has one.
    pub const fn port(&self) -> Option<PortId> {
        self.port
    }

    /// What the peer last described: its offer, or its answer to ours.
    pub const fn heard(&self) -> Option<&Spec> {
        self.heard.as_ref()
    }

    /// What the peer takes as things stand: of what it described, that which it was told of as well (RFC 3264 6.1, 7).
    pub fn agreed(&self) -> Option<Spec> {
        let heard = self.heard.as_ref()?;
        let both = self.said.as_ref().map(|said| heard.intersect(said));
        Some(both.filter(Spec::has_audio).unwrap_or_else(|| heard.clone()))
    }

    /// The direction the peer was last told of the other side.
    pub fn said_direction(&self) -> Option<::media::SdpDirection> {
        self.said.as_ref().map(Spec::direction)
    }

    /// The codec in use, for people.
    pub fn codec(&self) -> Option<String> {
        let remote = self.session.as_ref()?.remote(self.flow.remote.ip());
        remote.send_payloads.first().map(|payload| payload.codec.clone())
    }

    /// Whether the description already given to the peer also serves media described by `spec`.
    pub fn can_relay(&self, spec: &Spec) -> bool {
        self.session.as_ref().is_some_and(|session| session.can_relay(spec))
    }

    /// Whether what the peer was told is what it would be told if the other side described itself by `spec`.
    pub fn suits(&self, spec: &Spec) -> bool {
        if self.offers().is_some_and(|offered| offered == spec) {
            return true;
        }
        let direction = self.said.as_ref().map(Spec::direction);
        direction == Some(spec.direction()) && self.can_relay(spec)
    }

    /// Whether nothing would flow otherwise if the peer were told of the other side what `spec` says.
    pub fn agrees(&self, spec: &Spec) -> bool {
        let directions = self.said.as_ref().zip(self.heard.as_ref());
        let same = directions.is_none_or(|(said, heard)| {
            let flows = |other: &Spec| other.direction().and(heard.direction().reversed());
            flows(said) == flows(spec)
        });
        same && self.can_relay(spec)
    }

    /// What our 2xx offers, while its ACK is to come.
    fn offers(&self) -> Option<&Spec> {
        self.awaited.as_ref()?.offered.as_ref()
    }

    /// Whether where the peer hears is to come with its ACK.
    pub fn awaits_answer(&self) -> bool {
        self.offers().is_some()
    }

    /// Whether Tandem itself can be heard by the peer as things stand.
    pub fn hears(&self, codecs: &[&str]) -> bool {
        let Some(session) = self.session.as_ref().filter(|_| self.offers().is_none()) else {
            return true; // so far as is known
        };
        if self.heard.as_ref().is_some_and(Spec::is_hold) {
            return true; // it does not want to
        }
        let remote = session.remote(self.flow.remote.ip());
        let known = |payload: &::media::Payload| codecs.contains(&payload.codec.as_str());
        remote.direction.send && remote.send_payloads.iter().any(known)
    }

    /// Whether the peer has a session description of ours as an answer, or gave us one.
    pub fn has_session(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_established)
    }

    /// Our Contact in this leg's dialog.
    fn contact(&self, cx: &Stack) -> String {
        let secure = self.dialog.as_ref().is_some_and(Dialog::is_secure);
        cx.contact(&self.flow, &self.user, secure)
    }

    /// A leg at its very beginning.
    fn new(
        id: LegId,
        call: CallId,
        peer: Peer,
        flow: Flow,
        invite: Message,
        local_tag: String,
        timer: SessionTimer,
    ) -> Self {
        Self {
            id,
            call,
            inbound: true,
            peer,
            flow,
            codecs: Vec::new(),
            outside: false,
            others: Vec::new(),
            phase: Phase::Incoming,
            invite,
            span: tracing::Span::none(),
            user: String::new(),
            local_tag,
            dialog: None,
            server: None,
            client: None,
            session: None,
            early: None,
            forked: false,
            described: false,
            rings: false,
            provisional: None,
            port: None,
            heard: None,
            said: None,
            had_offer: false,
            answered_early: false,
            awaited: None,
            ack: None,
            change: Change::None,
            wanted: None,
            passing: None,
            timer,
            can: Abilities::default(),
            hang_up_when_acked: None,
            held: false,
            last_rtp: None,
            watched: None,
        }
    }

    /// What of a description the device may use.
    fn allowed(&self, spec: Spec) -> Spec {
        if self.codecs.is_empty() {
            return spec;
        }
        spec.restrict(&self.codecs)
    }

    fn tell(&self, cx: &mut Stack, event: LegEvent) {
        cx.leg_events.push_back((self.id, event));
    }

    fn learn_abilities(&mut self, message: &Message) {
        let allows = |method: &str| {
            message
                .values(HeaderName::Allow)
                .any(|value| value.trim().eq_ignore_ascii_case(method))
        };
        if message.header(HeaderName::Allow).is_some() {
            self.can.update = allows("UPDATE");
            self.can.info = allows("INFO");
        }
        if message.header(HeaderName::Supported).is_some() {
            self.can.timer = message.supports("timer");
        }
    }
}

/// A status code that is known to be one.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}
