//! A leg that Tandem begins: the UAC side of its first INVITE (RFC 3261 13.2).

use std::sync::Arc;

use ::media::{MediaId, Spec};
use sip::{Builder, Contact, Flow, HeaderName, Message, Method, StatusCode, dialog::Dialog};

use super::{
    Abilities, CallerId, Cause, Identity, Leg, LegId, NoRoom, Path, Port, Q850, SessionTimer, SetupEvent, Stage, Talk,
    description, end, identity,
    port::undescribed,
    reliable::received,
    session_id::{self, Ends},
    stage::{Calling, Confirmed, Up},
};
use crate::{
    answer,
    api::{AudioRules, CauseCode},
    ids::CallId,
    locations::{Access, Location, Peer},
    requests::{self, Outline, Outside, Owner, Reply, RequestId, Target, Targets},
    stack::{
        Stack,
        body::{self, Attached},
    },
    way::addresses,
};

/// Where a phone can be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// The Request-URI.
    pub uri: String,
    /// The way to the phone.
    pub flow: Flow,
    /// Route header values (a registration's Path), topmost first.
    pub routes: Vec<String>,
    /// The party that is called.
    pub peer: Peer,
    /// What the device may do with audio.
    pub audio: AudioRules,
    /// The peer is not a phone of ours: its Contact is believed.
    pub outside: bool,
    /// Further ways to the phone, best first. They are tried in turn (RFC 3263 section 4.3, RFC 5626 section 7). Answers
    /// may come from any of them.
    pub further: Vec<Target>,
    /// Where a trunk is called.
    pub access: Option<Arc<Access>>,
}

impl Place {
    /// A location with the ways to it, best first; `None` where there is no way.
    pub fn at(location: Location, flows: &[Flow]) -> Option<Self> {
        let (flow, others) = flows.split_first()?;
        let others = others.iter().map(|way| Target { way: *way, aim: None });
        Some(Self {
            uri: location.uri,
            flow: *flow,
            routes: location.routes,
            outside: location.peer.number().is_none(),
            peer: location.peer,
            audio: location.audio,
            further: others.chain(location.flows).collect(),
            access: location.access,
        })
    }
}

/// What an INVITE of ours says.
pub(crate) struct Invitation<'a> {
    pub caller: &'a CallerId,
    pub offer: &'a Spec,
    /// Further header fields, by name.
    pub headers: &'a [(String, String)],
    /// The place in the media engine of the leg that the phone is to be connected with.
    pub beside: Option<MediaId>,
    /// The Max-Forwards of the caller's INVITE less one, so that no call loops for ever (RFC 3261 8.1.1.6).
    pub max_forwards: u32,
    /// The caller is not to learn who is called: it knows a temporary GRUU only (RFC 5627).
    pub hides_callee: bool,
    /// The caller's UUID of the session (RFC 7989).
    pub session: Option<&'a str>,
    /// What the INVITE has besides the session description.
    pub attached: Option<&'a Attached>,
}

/// Begins a leg: takes a media port and sends INVITE. [`NoRoom`] where there is no port, no codec or no transaction.
pub(crate) fn call(
    cx: &mut Stack,
    id: LegId,
    call: CallId,
    place: &Place,
    invitation: &Invitation<'_>,
) -> Result<Leg, NoRoom> {
    let local_tag = cx.ids.tag();
    let mut talk = Talk::new(cx.new_local(&place.flow), place.audio.clone());
    let mut port = Port::default();
    let placeholder = Builder::request(&Method::Invite, &place.uri).finish();
    let peer = undescribed(&place.flow, false, &placeholder);
    port.take(cx, id, &place.flow, &mut talk, &peer, invitation.beside)?;
    talk.allow_lines(cx.config.limits.services.media_lines);
    port.take_lines(cx, id, &place.flow, &mut talk, invitation.offer);
    let Ok(body) = talk.offer(invitation.offer) else {
        port.close(cx);
        return Err(NoRoom);
    };
    let timer = SessionTimer::offered(&cx.config);
    let request = send_invite(cx, id, place, invitation, &local_tag, &timer, &body);
    let sent = request.and_then(|request| Some((request, requests::message(cx, request)?)));
    let Some((request, invite)) = sent else {
        port.close(cx);
        return Err(NoRoom);
    };
    let further = place.further.iter().map(|target| &target.way);
    let ways = std::iter::once(&place.flow).chain(further);
    Ok(Leg {
        id,
        call,
        inbound: false,
        peer: place.peer.clone(),
        path: Path {
            flow: place.flow,
            outside: place.outside,
            others: addresses(ways).collect(),
            user: invitation.caller.number.clone(),
            focus: None,
            access: place.access.clone(),
        },
        invite,
        span: tracing::Span::none(),
        stage: Stage::Calling(Calling::new(request)),
        talk,
        port,
        timer,
        identity: Identity::told(invitation.caller, invitation.hides_callee),
        session: Ends::called_by(invitation.session),
        can: Abilities::unknown(),
    })
}

/// An answer to the INVITE came.
pub(crate) fn invite_response(leg: &mut Leg, cx: &mut Stack, reply: &Reply) {
    let (code, response) = (reply.code(), &reply.response);
    leg.identity.learn(response, cx.config.limits.services.diversions);
    session_id::heard(leg, response);
    match &leg.stage {
        Stage::Calling(calling) => {
            leg.invite = reply.request.clone(); // as sent last
            match (code, calling.cancelled) {
                (100, _) => {}
                (101..=199, _) => invite_progress(leg, cx, response),
                (200..=299, _) => invite_accepted(leg, cx, reply.flow, response),
                _ => invite_refused(leg, cx, code, response),
            }
        }
        Stage::Up(_) | Stage::Ending(_) if (200..=299).contains(&code) => another_success(leg, cx, response),
        Stage::Up(_) | Stage::Ending(_) | Stage::Incoming(_) | Stage::Gone => {}
    }
}

/// A 101 to 199 came: the call hears of it, with the media that it describes.
fn invite_progress(leg: &mut Leg, cx: &mut Stack, response: &Message) {
    let Stage::Calling(calling) = &mut leg.stage else {
        return;
    };
    let fork = calling.fork(cx, leg.id, &leg.invite, response);
    leg.stage.name_session(leg.session.value().as_deref());
    if !received::take(leg, cx, fork, response) {
        return;
    }
    leg.can.learn(response);
    let Stage::Calling(calling) = &mut leg.stage else {
        return;
    };
    if calling.cancelled {
        return; // a reliable one was acknowledged all the same
    }
    // RFC 3261 8.1.3.2: an unknown 1xx is treated as a 183.
    let known = response.status().filter(|status| status.treated_as() == *status);
    let status = known.unwrap_or(StatusCode::SESSION_PROGRESS);
    let reason = known.map(|_| response.reason().to_owned()).unwrap_or_default();
    calling.rings = status == StatusCode::RINGING;
    // RFC 6228 section 9: a 199 describes no session.
    let ended = status == StatusCode::EARLY_DIALOG_TERMINATED;
    let sdp = description(response).filter(|_| !ended);
    let answer = sdp.and_then(|sdp| calling.early_answer(fork, &leg.talk, sdp));
    if ended {
        calling.leave(cx, fork); // RFC 6228 section 4
    }
    if ended || matches!(answer, Some((_, true))) {
        leg.sync_media(cx);
    }
    let provisional = SetupEvent::Provisional {
        code: status.code(),
        reason,
        answer: answer.map(|(spec, _)| spec),
    };
    leg.tell(cx, provisional);
}

/// The first 2xx came: the leg is up. A leg that was cancelled, or whose answer is not usable, is ended by BYE.
fn invite_accepted(leg: &mut Leg, cx: &mut Stack, flow: Flow, response: &Message) {
    let Stage::Calling(calling) = &mut leg.stage else {
        return;
    };
    let cancelled = calling.cancelled;
    if !cancelled {
        leg.path.answered_from(flow);
    }
    let Some((dialog, early, changes)) = calling.choose(cx, leg.id, &leg.invite, response) else {
        return invite_failed(leg, cx, 502, "Bad Answer");
    };
    leg.stage = Stage::Up(Box::new(Up::new(dialog, None, changes)));
    leg.stage.name_session(leg.session.value().as_deref());
    leg.can.learn(response);
    send_ack(leg, cx, &leg.invite.clone(), response);
    if cancelled {
        // RFC 3261 9.1: the CANCEL came too late. BYE ends the answered call.
        return end::hang_up(leg, cx, Cause::ours("cancelled"));
    }
    let described = match early {
        Some(talk) => {
            leg.talk = *talk;
            true
        }
        None => description(response).is_some_and(|sdp| leg.talk.hear_answer(sdp).is_ok()),
    };
    if !described {
        leg.tell(
            cx,
            SetupEvent::Refused {
                code: 488,
                reason: "No Usable Answer".into(),
                contacts: Vec::new(),
                fields: Vec::new(),
                why: None,
                cause: CauseCode::PhoneBadAnswer,
            },
        );
        return end::hang_up(
            leg,
            cx,
            Cause::ours("the answer described no session that could be used"),
        );
    }
    leg.sync_media(cx);
    leg.timer.asked_in(&leg.invite);
    leg.timer.settle(response);
    leg.timer.start(cx, leg.id);
    leg.tell(
        cx,
        SetupEvent::Answered {
            answer: leg.heard().cloned(),
        },
    );
    identity::tell(leg, cx);
}

/// Acknowledges a 2xx to `invite`, our INVITE or re-INVITE.
pub(super) fn send_ack(leg: &mut Leg, cx: &mut Stack, invite: &Message, response: &Message) {
    let Some(confirmed) = leg.stage.confirmed() else {
        return;
    };
    let dialog = &confirmed.dialog;
    let seq = response.cseq().map_or(0, |cseq| cseq.number);
    let way = leg.path.within(dialog);
    let ack = with_credentials(dialog.ack(seq, cx.via(&way)), invite).finish();
    cx.layer.send(way, &ack);
    confirmed.ack = Some(ack);
}

/// A further 2xx came: the same 2xx again, or that of another phone (RFC 3261 13.2.2.4).
fn another_success(leg: &mut Leg, cx: &mut Stack, response: &Message) {
    let tag = response.to_tag().unwrap_or_default();
    let confirmed = leg
        .stage
        .confirmed()
        .filter(|confirmed| confirmed.dialog.remote_tag() == tag);
    let Some(Confirmed { dialog, ack, .. }) = confirmed else {
        return end_stray(cx, &leg.invite, response, &leg.path.flow, leg.path.outside);
    };
    match ack {
        Some(ack) if ack.cseq().ok().map(|cseq| cseq.number) == response.cseq().ok().map(|cseq| cseq.number) => {
            cx.layer.send(leg.path.within(dialog), ack);
        }
        _ => send_ack(leg, cx, &leg.invite.clone(), response), // the last ACK was that of a re-INVITE
    }
}

/// A final error came: the call hears of it, and the leg is over.
fn invite_refused(leg: &mut Leg, cx: &mut Stack, code: u16, response: &Message) {
    let contacts = match code {
        300..=399 => by_preference(response),
        _ => Vec::new(),
    };
    leg.tell(
        cx,
        SetupEvent::Refused {
            code,
            reason: sip::clean(response.reason()).into_owned(),
            contacts,
            fields: answer::passed(response, &cx.config.domain),
            why: Q850::of(response),
            cause: CauseCode::of_status(code),
        },
    );
    end::gone(leg, cx);
}

/// The INVITE got no usable answer: Timer B fired, the transport failed, or the 2xx makes no dialog (502).
pub(crate) fn invite_failed(leg: &mut Leg, cx: &mut Stack, code: u16, reason: &str) {
    if matches!(leg.stage, Stage::Calling(_)) {
        leg.tell(
            cx,
            SetupEvent::Refused {
                code,
                reason: reason.into(),
                contacts: Vec::new(),
                fields: Vec::new(),
                why: None,
                cause: if code == 502 {
                    CauseCode::PhoneBadAnswer
                } else {
                    CauseCode::PhoneUnreachable
                },
            },
        );
        end::gone(leg, cx);
    }
}

fn send_invite(
    cx: &mut Stack,
    id: LegId,
    place: &Place,
    invitation: &Invitation<'_>,
    local_tag: &str,
    timer: &SessionTimer,
    sdp: &[u8],
) -> Option<RequestId> {
    let domain = &cx.config.domain.clone();
    let to = match &place.peer {
        Peer::Extension(number) => format!("<sip:{}@{domain}>", sip::escape_user(number)),
        Peer::Trunk { .. } | Peer::Uri(_) => format!("<{}>", place.uri),
    };
    // RFC 3261 8.1.1.3: a provider knows identities of its own domain.
    let access = place.access.as_deref();
    let home = access.map_or_else(|| cx.home(&place.flow), |access| access.home.to_string());
    let account = access.and_then(|access| access.account(&home));
    let shown = account.unwrap_or_else(|| invitation.caller.address(&home));
    let from = format!("{shown};tag={local_tag}");
    let outside = Outside {
        uri: &place.uri,
        routes: &place.routes,
        from: &from,
        to: &to,
        max_forwards: invitation.max_forwards,
    };
    let (content_type, body) = invitation.attached.map_or_else(
        || ("application/sdp".to_owned(), sdp.to_vec()),
        |attached| body::beside(sdp, attached),
    );
    let mut outline = Outline::new(&Method::Invite)
        .contact(&invitation.caller.number)
        .body(&content_type, &body);
    outline = timer
        .ask(outline)
        .credentials(access.and_then(|access| access.credentials.clone()));
    if let Some(session) = Ends::called_by(invitation.session).value() {
        outline = outline.header(HeaderName::SessionId, session);
    }
    for (name, value) in invitation.caller.header_fields(&home, false) {
        outline = outline.header(name, value);
    }
    for (name, value) in invitation.headers {
        outline = outline.other(name, value);
    }
    let mut targets = Targets::of(place.flow, &[]).then(&place.further);
    targets.gateways = place.access.is_some();
    requests::send(cx, outline, &outside, targets, Owner::Invite(id))
}

/// RFC 3261 13.2.2.4, 22.1: an ACK has the credentials of its INVITE.
fn with_credentials(ack: Builder, invite: &Message) -> Builder {
    ack.copy(invite, HeaderName::Authorization)
        .copy(invite, HeaderName::ProxyAuthorization)
}

/// How far the sequence number of a BYE is ahead of that of its INVITE: the phone may have got PRACKs and UPDATEs in its
/// early dialog, of which nothing is known any more (RFC 3261 12.2.1.1: the number has to be higher than the last one).
const AHEAD: u32 = 1_000;

/// Acknowledges a 2xx that belongs to no leg. Returns the dialog of this 2xx; `None` for any other method than INVITE.
pub(crate) fn acknowledge_stray(
    cx: &mut Stack,
    invite: &Message,
    response: &Message,
    flow: &Flow,
    outside: bool,
) -> Option<Dialog> {
    if *invite.method() != Method::Invite {
        return None;
    }
    let dialog = Dialog::uac(invite, response).ok()?;
    let way = crate::way::within(dialog.next_hop(), flow, outside);
    let seq = response.cseq().map_or(0, |cseq| cseq.number);
    let ack = with_credentials(dialog.ack(seq, cx.via(&way)), invite).finish();
    cx.layer.send(way, &ack);
    Some(dialog)
}

/// Acknowledges a 2xx that belongs to no leg, and ends its dialog by BYE.
pub(crate) fn end_stray(cx: &mut Stack, invite: &Message, response: &Message, flow: &Flow, outside: bool) {
    let Some(dialog) = acknowledge_stray(cx, invite, response, flow, outside) else {
        return;
    };
    if !cx.dialogs.note_stray(dialog.id()) {
        return; // the 2xx came again: BYE was sent
    }
    let mut saved = dialog.save();
    saved.local_seq = saved.local_seq.saturating_add(AHEAD);
    let mut dialog = Dialog::resume(saved);
    let way = crate::way::within(dialog.next_hop(), flow, outside);
    // Without room for another transaction no BYE is sent. The phone ends the session itself when no refresh comes.
    let _ = requests::within(cx, Outline::new(&Method::Bye), &mut dialog, way, Owner::Stray);
}

/// The `q` of a Contact in thousandths.
fn preference(address: &sip::NameAddr<'_>) -> u16 {
    let q = address.param("q");
    q.and_then(sip::headers::item::quality).unwrap_or(1_000)
}

/// The URIs of the Contacts of a 3xx, by falling `q` (RFC 3261 8.1.3.4, 20.10).
fn by_preference(response: &Message) -> Vec<String> {
    let mut found: Vec<(u16, String)> = response
        .contacts()
        .filter_map(Result::ok)
        .filter_map(|contact| match contact {
            Contact::Star => None,
            Contact::Address(address) => Some((preference(&address), address.uri.to_owned())),
        })
        .collect();
    found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    found.into_iter().map(|(_, uri)| uri).collect()
}
