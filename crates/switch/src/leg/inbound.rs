//! A leg that a phone began: the UAS side of its first INVITE (RFC 3261 13.3).

use std::sync::Arc;

use ::media::{PeerAddress, Spec};
use bytes::Bytes;
use sip::{
    Builder, Flow, HeaderName, Message, StatusCode,
    dialog::Dialog,
    headers::session::{NO_SESSION, SessionId},
    transaction::ServerId,
};

use super::{
    Abilities, Identity, Leg, LegId, LegTimer, NoRoom, Path, Port, SessionEvent, SessionTimer, SetupEvent, Stage, Talk,
    change::{early::Early, ours, theirs},
    description, end, identity,
    port::{remote, undescribed},
    reliable::sent::{self, Answered, Reliable},
    session_id::Ends,
    stage::{AckDue, AwaitedAck, Incoming},
    talk::Unusable,
};
use crate::{
    answer::{Answer, FORMAT, MEDIA_TYPE},
    api::{AudioRules, CauseCode},
    ids::CallId,
    locations::{Access, Peer},
    stack::{
        Stack, TimerKey,
        capabilities::{Place, allow, supported},
        dialogs::DialogUser,
    },
};

/// Who sent an INVITE.
pub(crate) struct Sender {
    /// The party.
    pub peer: Peer,
    /// What its device may do with audio.
    pub audio: AudioRules,
    /// What its messages say of other parties is believed.
    pub trusted: bool,
    /// Where it is a trunk.
    pub access: Option<Arc<Access>>,
}

/// Makes a leg of an INVITE that was authenticated. Sends nothing yet. Errors: the answer to an INVITE that cannot be
/// read, has no usable offer, asks for too short a session interval (422), or finds no free media port (503).
pub(crate) fn take(
    cx: &mut Stack,
    id: LegId,
    call: CallId,
    (server, flow, invite): (ServerId, Flow, Message),
    sender: Sender,
) -> Result<Leg, Answer> {
    let Sender {
        peer,
        audio,
        trusted,
        access,
    } = sender;
    let timer = SessionTimer::asked(&invite, &cx.config)?;
    let local_tag = cx.ids.tag();
    let dialog = Dialog::uas(&invite, &local_tag).map_err(|_| Answer::of(400))?;
    let user = invite
        .request_uri()
        .ok()
        .map(|uri| uri.number().into_owned())
        .unwrap_or_default();
    let mut talk = Talk::new(cx.new_local(&flow), audio);
    talk.allow_lines(cx.config.limits.services.media_lines);
    let port = first_offer(cx, id, &flow, &mut talk, &invite)?;
    let mut can = Abilities::unknown();
    can.learn(&invite);
    cx.dialogs.insert(dialog.id().clone(), DialogUser::Leg(id));
    cx.servers.insert(server, id);
    let mut incoming = Incoming {
        server,
        dialog,
        progress: None,
        reliable: Reliable::asked(cx, &invite),
        early: Early::default(),
    };
    let identity = Identity::of_caller(&invite, trusted);
    let mut session = Ends::default();
    session.learn(&invite);
    incoming.dialog.name_session(session.value().as_deref());
    Ok(Leg {
        id,
        call,
        inbound: true,
        path: Path {
            flow,
            // A provider is no phone of ours: its Contact is believed.
            outside: peer.number().is_none(),
            others: Vec::new(),
            user,
            focus: None,
            access,
        },
        peer,
        invite,
        span: tracing::Span::none(),
        stage: Stage::Incoming(Box::new(incoming)),
        talk,
        port,
        timer,
        identity,
        session,
        can,
    })
}

/// See [`Leg::accept`].
pub(super) fn accept(leg: &mut Leg, cx: &mut Stack, spec: &Spec) -> bool {
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return false;
    };
    let server = incoming.server;
    match incoming.reliable.answered(spec) {
        Answered::Waits => return true,
        Answered::Unsaid => leg.talk.withdraw_ours(),
        Answered::Now => {}
    }
    let Ok(body) = first_description(leg, cx, spec) else {
        reject(leg, cx, &Answer::unacceptable(&cx.config.domain, FORMAT));
        return false;
    };
    let Some(builder) = reply(leg, cx, StatusCode::OK, StatusCode::OK.reason()) else {
        return false;
    };
    let builder = builder
        .header(HeaderName::Allow, allow(Place::Within))
        .header(HeaderName::Supported, supported(Place::Within));
    let builder = leg.timer.describe(builder, leg.can.timer);
    let reply = builder.finish_with(body.as_deref());
    let unacknowledged = sent::settle(leg, cx);
    let awaited = AwaitedAck::new(cx, leg.id, server, &leg.invite, &reply, leg.path.flow);
    leg.stage.answered(&reply, awaited, unacknowledged);
    identity::told(leg);
    cx.servers.remove(&server);
    cx.respond(server, reply);
    leg.sync_media(cx);
    true
}

/// The session description for the 200: the answer to the offer of the INVITE, or our offer where the INVITE made none.
/// `None` where the session was settled by a reliable provisional response (RFC 6337 section 3.1.1).
///
/// # Errors
/// Nothing that fits can be described.
fn first_description(leg: &mut Leg, cx: &mut Stack, spec: &Spec) -> Result<Option<Bytes>, NoRoom> {
    if leg.talk.is_established() && !leg.talk.owes_answer() {
        return Ok(None);
    }
    leg.take_lines(cx, spec);
    if leg.talk.owes_answer() {
        return leg.talk.answer(spec).map(Some).map_err(|_| NoRoom);
    }
    take_port(leg, cx)?;
    leg.take_lines(cx, spec);
    leg.talk.offer_in_success(spec).map(Some).map_err(|_| NoRoom)
}

/// Takes a media port for a phone that has not described its session.
fn take_port(leg: &mut Leg, cx: &mut Stack) -> Result<(), NoRoom> {
    if leg.port.id().is_some() {
        return Ok(());
    }
    let peer = undescribed(&leg.path.flow, true, &leg.invite);
    leg.port.take(cx, leg.id, &leg.path.flow, &mut leg.talk, &peer, None)
}

/// Our offer in a reliable provisional response to an INVITE without an offer (RFC 3262 section 5). `None` where
/// nothing can be offered, or is offered already.
pub(super) fn first_offer_of_ours(leg: &mut Leg, cx: &mut Stack, spec: &Spec) -> Option<Bytes> {
    if leg.talk.is_open() || leg.talk.is_established() {
        return None;
    }
    take_port(leg, cx).ok()?;
    leg.take_lines(cx, spec);
    leg.talk.offer(spec).ok()
}

/// The early dialog of the caller is over, and another one begins (RFC 6228 section 5).
pub(super) fn begin_dialog_anew(leg: &mut Leg, cx: &mut Stack) {
    let tag = cx.ids.tag();
    let Stage::Incoming(incoming) = &mut leg.stage else {
        return;
    };
    let Ok(dialog) = Dialog::uas(&leg.invite, &tag) else {
        return;
    };
    cx.dialogs.remove(incoming.dialog.id());
    cx.dialogs.insert(dialog.id().clone(), DialogUser::Leg(leg.id));
    incoming.dialog = dialog;
    incoming.progress = None;
    incoming.reliable.begin_anew();
    leg.talk.unsettle();
}

/// An INVITE with more digits takes the place of this one, which is incomplete (RFC 3578 section 3.1).
pub(crate) fn give_way(leg: &mut Leg, cx: &mut Stack) {
    leg.tell(cx, SetupEvent::Cancelled);
    reject(leg, cx, &Answer::of(484));
}

/// See [`Leg::reject`].
pub(super) fn reject(leg: &mut Leg, cx: &mut Stack, refusal: &Answer) {
    let Stage::Incoming(incoming) = &leg.stage else {
        return;
    };
    let refusal = refusal.warned(&cx.config.domain);
    let reply = refusal.reply(&leg.invite, &incoming.dialog.id().local_tag);
    let reply = named(leg, reply).finish();
    cx.respond(incoming.server, reply);
    end::gone(leg, cx);
}

/// See [`Leg::let_go`].
pub(super) fn let_go(leg: &mut Leg, cx: &mut Stack) -> Option<(ServerId, Flow, Message, bool)> {
    let Stage::Incoming(incoming) = &leg.stage else {
        return None;
    };
    if incoming.progress.is_some() {
        return None;
    }
    let given = (incoming.server, leg.path.flow, leg.invite.clone(), leg.is_trusted());
    end::gone(leg, cx);
    Some(given)
}

/// A CANCEL came for the INVITE (RFC 3261 9.2), or for a re-INVITE.
pub(crate) fn cancelled(leg: &mut Leg, cx: &mut Stack, cancelled: ServerId) {
    match &leg.stage {
        Stage::Incoming(incoming) if incoming.server == cancelled => {
            let until = cx.now + cx.config.transactions.t1 * 64;
            cx.dialogs.note_cancelled(incoming.dialog.id(), until);
            leg.tell(cx, SetupEvent::Cancelled);
            reject(leg, cx, &Answer::of(487));
        }
        Stage::Incoming(_) | Stage::Calling(_) | Stage::Up(_) | Stage::Ending(_) | Stage::Gone => {
            theirs::cancelled(leg, cx, cancelled);
        }
    }
}

/// An ACK came for a 2xx of ours. The ACK may bring the answer to the offer that the 2xx made.
pub(crate) fn acknowledged(leg: &mut Leg, cx: &mut Stack, ack: &Message) {
    let Some(confirmed) = leg.stage.confirmed() else {
        return;
    };
    if !confirmed.awaited.as_ref().is_some_and(|awaited| awaited.is_met_by(ack)) {
        return; // a retransmission, or the ACK of an INVITE before the last
    }
    confirmed.awaited = None;
    cx.timers.clear(TimerKey::Leg(leg.id, LegTimer::Accepted));
    let Some(up) = leg.stage.up() else {
        return; // BYE was sent
    };
    let first = !std::mem::replace(&mut up.acknowledged, true);
    let hang_up = up.hang_up_when_acked.take();
    let before = leg.heard().cloned();
    let told = leg.talk.said().map(Spec::direction);
    let offered = leg.talk.awaits_ack();
    let answer = description(ack).filter(|_| offered);
    let mut answer = answer.and_then(|sdp| leg.talk.hear_answer(sdp).ok());
    match (offered, &answer) {
        (true, None) if first => {
            return end::lost(
                leg,
                cx,
                CauseCode::PhoneBadAnswer,
                "the ACK brought no usable answer to our offer",
            );
        }
        // RFC 3261 14.2: without an answer the session is as before the re-INVITE.
        (true, None) => leg.talk.withdraw(),
        (true, Some(_)) => leg.sync_media(cx),
        (false, _) => {}
    }
    if first {
        leg.timer.start(cx, leg.id);
        // The INVITE had no offer, and a PRACK brought the answer to ours.
        if !offered && description(&leg.invite).is_none() {
            answer = leg.heard().cloned();
        }
        leg.tell(cx, SetupEvent::Confirmed { answer });
        // Also where only our offer differs: it is open in both directions, whatever the other side is at.
    } else if let Some(spec) =
        answer.filter(|spec| before.as_ref() != Some(spec) || told != leg.talk.said().map(Spec::direction))
    {
        leg.tell(cx, SessionEvent::Redescribed(spec));
    }
    match hang_up {
        Some(cause) => end::hang_up(leg, cx, cause),
        None => ours::offer_next(leg, cx),
    }
}

/// The timer of a 2xx that waits for its ACK is due: sends the 2xx again, or gives up (RFC 3261 13.3.1.4).
pub(super) fn accepted_due(leg: &mut Leg, cx: &mut Stack) {
    let Some(confirmed) = leg.stage.confirmed() else {
        return;
    };
    let Some(awaited) = &mut confirmed.awaited else { return };
    if awaited.due(cx, leg.id) == AckDue::Waits {
        return;
    }
    confirmed.awaited = None;
    if let Some(up) = leg.stage.up() {
        // RFC 3261 13.3.1.4: without an ACK the session is ended by BYE.
        up.acknowledged = true;
        end::lost(leg, cx, CauseCode::PhoneLost, "no ACK came to our 200");
    }
}

/// An answer to the INVITE, with the header fields that all answers have. `None` after the final answer.
pub(super) fn reply(leg: &Leg, cx: &Stack, status: StatusCode, reason: &str) -> Option<Builder> {
    let Stage::Incoming(incoming) = &leg.stage else {
        return None;
    };
    let tag = &*incoming.dialog.id().local_tag;
    let reply = Builder::reply_with_reason(&leg.invite, status, reason, Some(tag))
        .copy(&leg.invite, HeaderName::RecordRoute)
        .header(HeaderName::Contact, leg.contact(cx))
        .header(HeaderName::Server, &cx.config.product);
    Some(identity::answered(leg, cx, named(leg, reply)))
}

/// An answer to the INVITE, which names both ends of the session (RFC 7989).
fn named(leg: &Leg, reply: Builder) -> Builder {
    let asked: Option<SessionId<'_>> = leg.invite.read().ok().flatten();
    // The answer to an INVITE that names who answers says that already.
    let names = asked
        .and_then(|asked| asked.remote)
        .is_some_and(|remote| remote != NO_SESSION);
    match leg.session.value().filter(|_| !names) {
        Some(value) => reply.header(HeaderName::SessionId, value),
        None => reply,
    }
}

/// Takes the offer of the INVITE, if there is one, and a media port. The choice of the port depends on the media
/// address in the offer.
fn first_offer(cx: &mut Stack, leg: LegId, flow: &Flow, talk: &mut Talk, invite: &Message) -> Result<Port, Answer> {
    let mut port = Port::default();
    let Some(sdp) = description(invite) else {
        return Ok(port);
    };
    if let Err(fault) = talk.hear_offer(sdp) {
        return Err(refusal(cx, &fault, sdp));
    }
    let peer = PeerAddress::described(flow.remote.ip(), &remote(cx, flow, talk));
    port.take(cx, leg, flow, talk, &peer, None).map_err(|NoRoom| {
        Answer::because(StatusCode::SERVICE_UNAVAILABLE, "No Media Port Free").with(HeaderName::RetryAfter, "10")
    })?;
    Ok(port)
}

/// The error answer to an offer that is refused.
pub(super) fn refusal(cx: &Stack, fault: &Unusable, sdp: &[u8]) -> Answer {
    tracing::info!(%fault, "the session description was refused");
    match fault {
        Unusable::Description(fault) => Answer::undescribed(&cx.config.domain, fault, sdp),
        Unusable::NoAudio => Answer::unacceptable(&cx.config.domain, MEDIA_TYPE),
    }
}

/// Finishes a message, with or without a session description.
pub(super) trait FinishWith {
    fn finish_with(self, sdp: Option<&[u8]>) -> Message;
}

impl FinishWith for Builder {
    fn finish_with(self, sdp: Option<&[u8]>) -> Message {
        match sdp {
            Some(sdp) => self.body("application/sdp", sdp).finish(),
            None => self.finish(),
        }
    }
}
