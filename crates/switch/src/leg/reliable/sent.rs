//! Reliable provisional responses of ours to a phone that calls (RFC 3262 section 3, RFC 6337 section 3.1).

use std::collections::VecDeque;

use ::media::Spec;
use sip::{
    Builder, Flow, HeaderName, Message, Method, StatusCode,
    headers::session::RAck,
    retransmit::{Accepted, Due},
    transaction::ServerId,
};

use super::TAG;
use crate::{
    answer::Answer,
    config::ReliableProvisional,
    leg::{
        Leg, LegTimer, SessionEvent, SetupEvent, Stage,
        change::{early, ours},
        description,
        inbound::{self, FinishWith},
        progress::{self, Said},
    },
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
        layer_config,
    },
};

/// The reliable provisional responses to one INVITE.
#[derive(Default)]
pub(in crate::leg) struct Reliable {
    uses: Uses,
    /// The number of the last one. They count up by one (RFC 3262 section 3).
    number: u32,
    /// The last one, until its PRACK comes.
    awaited: Option<Awaited>,
    /// What is said when that PRACK has come: the first description, and the latest state after it.
    waiting: VecDeque<Said>,
    /// A description has been sent reliably. No later response to the INVITE has one (RFC 6337 section 3.1.1).
    pub described: bool,
    /// The 2xx with this waits for the PRACK of the description (RFC 3262 section 3).
    pub accept: Option<Spec>,
}

/// Which provisional responses are sent reliably.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum Uses {
    #[default]
    None,
    /// Those with a session description.
    Described,
    All,
}

/// Whether a 2xx may be sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::leg) enum Answered {
    /// It may, and has the description where none was sent reliably.
    Now,
    /// It may. A description that waited for its turn is not sent any more, the 2xx has one.
    Unsaid,
    /// It is sent when the PRACK has come.
    Waits,
}

struct Awaited {
    accepted: Accepted,
    flow: Flow,
    /// It has a session description.
    described: bool,
}

impl Reliable {
    /// What the INVITE and our configuration ask for.
    pub fn asked(cx: &mut Stack, invite: &Message) -> Self {
        let required = invite.lists(HeaderName::Require, TAG);
        let uses = match cx.config.transactions.reliable_provisional {
            _ if required => Uses::All,
            _ if !invite.supports(TAG) => Uses::None,
            ReliableProvisional::Required => Uses::None,
            ReliableProvisional::Described => Uses::Described,
            ReliableProvisional::Always => Uses::All,
        };
        if uses == Uses::None {
            return Self::default();
        }
        Self {
            uses,
            // RFC 3262 section 3: the first number is below 2^31.
            number: u32::try_from(cx.ids.below(1 << 31)).unwrap_or(0),
            ..Self::default()
        }
    }

    /// A new early dialog begins: the description has to be sent again.
    pub fn begin_anew(&mut self) {
        self.described = false;
    }

    /// Whether a response is sent reliably.
    pub fn applies(&self, described: bool) -> bool {
        match self.uses {
            Uses::None => false,
            Uses::Described => described,
            Uses::All => true,
        }
    }

    /// Whether a description may come in a provisional response although the INVITE has none.
    pub fn may_offer(&self) -> bool {
        self.uses != Uses::None && !self.described
    }

    /// Whether the first provisional response must have an offer, since the INVITE has none (RFC 3262 section 5).
    pub fn must_offer(&self) -> bool {
        self.uses == Uses::All && !self.described
    }

    /// Whether a response waits for its PRACK.
    pub fn waits(&self) -> bool {
        self.awaited.is_some()
    }

    /// The INVITE is to be answered by a 2xx. RFC 3262 section 3: not before the description is acknowledged.
    pub fn answered(&mut self, spec: &Spec) -> Answered {
        if self.awaited.as_ref().is_some_and(|awaited| awaited.described) {
            self.accept = Some(spec.clone());
            return Answered::Waits;
        }
        self.accept = None;
        let unsaid = self.waiting.drain(..).any(|said| said.body.is_some());
        if unsaid { Answered::Unsaid } else { Answered::Now }
    }

    /// Says this when the PRACK has come. The first description is kept, of everything else only the latest state.
    pub fn later(&mut self, mut said: Said) {
        if self.waiting.iter().any(|waiting| waiting.body.is_some()) {
            said.body = None;
        }
        self.waiting.pop_back_if(|last| last.body.is_none());
        self.waiting.push_back(said);
    }
}

/// Sends a provisional response reliably.
pub(in crate::leg) fn say(leg: &mut Leg, cx: &mut Stack, said: &Said) {
    let Some(reply) = inbound::reply(leg, cx, said.code, &said.reason) else {
        return;
    };
    let path = leg.path.flow;
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let reliable = &mut incoming.reliable;
    reliable.number += 1;
    reliable.described |= said.body.is_some();
    // RFC 3311 section 5.1: Allow says whether UPDATE may be used.
    let reply = reply
        .header(HeaderName::Require, TAG)
        .header(HeaderName::RSeq, reliable.number)
        .header(HeaderName::Allow, allow(Place::Within))
        .header(HeaderName::Supported, supported(Place::Within))
        .finish_with(said.body.as_deref());
    let timers = layer_config(&cx.config.transactions).timers;
    let awaited = Awaited {
        accepted: Accepted::provisional(cx.now, reply.bytes().clone(), &timers),
        flow: cx.layer.reply_flow(incoming.server).unwrap_or(path),
        described: said.body.is_some(),
    };
    wait(leg.id, cx, &awaited);
    reliable.awaited = Some(awaited);
    cx.respond(incoming.server, reply);
}

fn wait(leg: crate::ids::LegId, cx: &mut Stack, awaited: &Awaited) {
    if let Some(at) = awaited.accepted.next_timeout() {
        cx.timers.set(TimerKey::Leg(leg, LegTimer::Prack), at);
    }
}

/// The timer of a reliable response is due: sends it again, or refuses the call (RFC 3262 section 3).
pub(in crate::leg) fn due(leg: &mut Leg, cx: &mut Stack) {
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let Some(awaited) = &mut incoming.reliable.awaited else {
        return;
    };
    match awaited.accepted.due(cx.now) {
        Due::Nothing => wait(leg.id, cx, awaited),
        Due::Retransmit(bytes) => {
            wait(leg.id, cx, awaited);
            cx.transmit(awaited.flow, bytes);
        }
        Due::GiveUp => {
            incoming.reliable.awaited = None;
            leg.tell(cx, SetupEvent::Lost);
            inbound::reject(leg, cx, &Answer::of(504));
        }
    }
}

/// A PRACK came (RFC 3262 section 3). It may bring the answer to our offer, or an offer (RFC 3262 section 5).
pub(in crate::leg) fn acknowledged(leg: &mut Leg, cx: &mut Stack, server: ServerId, prack: &Message) {
    let Ok(Some(rack)) = prack.read::<RAck>() else {
        return cx.answer(server, prack, &Answer::of(400));
    };
    let invite = leg.invite.cseq().map_or(0, |cseq| cseq.number);
    let meets = |number: u32| rack.rseq == number && rack.cseq == invite && rack.method == Method::Invite;
    let taken = match &mut leg.stage {
        Stage::Incoming(incoming) if meets(incoming.reliable.number) => incoming.reliable.awaited.take(),
        // RFC 3262 section 3: the 2xx did not wait for this one.
        Stage::Up(up) if up.unacknowledged.is_some_and(meets) => {
            up.unacknowledged = None;
            return cx.respond(server, Builder::reply(prack, StatusCode::OK, None).finish());
        }
        Stage::Incoming(_) | Stage::Calling(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => None,
    };
    let Some(taken) = taken else {
        return cx.answer(server, prack, &Answer::of(481));
    };
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Prack));
    leg.can.learn(prack);
    let sdp = description(prack);
    let asked = taken.described && leg.talk.is_open();
    match sdp {
        Some(_) if !asked => {
            leg.talk.settle();
            early::offered(leg, cx, server, prack);
        }
        sdp => {
            cx.respond(server, Builder::reply(prack, StatusCode::OK, None).finish());
            if asked {
                answered(leg, cx, sdp);
            } else if taken.described {
                leg.talk.settle();
            }
        }
    }
    go_on(leg, cx);
}

/// The answer to the offer in our provisional response came. Without a usable one the 2xx makes the offer again.
fn answered(leg: &mut Leg, cx: &mut Stack, sdp: Option<&[u8]>) {
    match sdp.map(|sdp| leg.talk.hear_answer(sdp)) {
        Some(Ok(spec)) => {
            leg.sync_media(cx);
            leg.tell(cx, SessionEvent::Redescribed(spec));
        }
        Some(Err(_)) | None => leg.talk.withdraw(),
    }
}

/// A PRACK has come: says what waited for it.
fn go_on(leg: &mut Leg, cx: &mut Stack) {
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let reliable = &mut incoming.reliable;
    if let Some(spec) = reliable.accept.take() {
        inbound::accept(leg, cx, &spec);
        if leg.is_up() {
            leg.tell(cx, SetupEvent::Accepted);
        }
        return;
    }
    match reliable.waiting.pop_front() {
        Some(said) => progress::say(leg, cx, said),
        None => ours::offer_wanted(leg, cx),
    }
}

/// The INVITE is about to be answered by a 2xx: the last number that has no PRACK. No response is sent again (RFC 3262
/// section 3).
pub(in crate::leg) fn settle(leg: &mut Leg, cx: &mut Stack) -> Option<u32> {
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Prack));
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return None;
    };
    incoming.reliable.awaited.take().map(|_| incoming.reliable.number)
}
