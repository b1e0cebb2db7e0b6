//! A leg that Tandem begins: the UAC side of its first INVITE (RFC 3261 13.2).

use std::net::IpAddr;

use ::media::Spec;
use sip::{Builder, Contact, Flow, HeaderName, Message, Method, StatusCode, dialog::Dialog, transaction::ClientId};

use super::{Cause, Leg, LegEvent, LegId, NoRoom, Phase, Q850, description, session_timer::SessionTimer};
use crate::{
    ids::CallId,
    locations::{Location, Peer},
    stack::{ClientUse, Stack, capabilities, copy_fields},
};

/// Where a phone can be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// The Request-URI.
    pub uri: String,
    /// The way there.
    pub flow: Flow,
    /// Route header values (a registration's Path), topmost first.
    pub routes: Vec<String>,
    /// Who that is.
    pub peer: Peer,
    /// Codecs the device may use; empty: all.
    pub codecs: Vec<String>,
    /// It is no phone of ours, or one whose Contact is to be believed.
    pub outside: bool,
    /// Further addresses of the name that is called, canonical: answers may come from any of them.
    pub others: Vec<IpAddr>,
}

impl Place {
    /// A location with the ways that lead there, best first; `None` where there is none.
    pub fn at(location: Location, flows: &[Flow]) -> Option<Self> {
        let (flow, others) = flows.split_first()?;
        Some(Self {
            uri: location.uri,
            flow: *flow,
            routes: location.routes,
            outside: location.peer.number().is_none(),
            peer: location.peer,
            codecs: location.codecs,
            others: crate::way::addresses(others).collect(),
        })
    }
}

/// Who calls, as the callee sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallerId {
    pub number: String,
    pub name: String,
}

/// What an INVITE of ours says.
pub(crate) struct Invitation<'a> {
    pub caller: &'a CallerId,
    pub offer: &'a Spec,
    /// Further header fields, by name.
    pub headers: &'a [(String, String)],
    /// RFC 3261 8.1.1.6: one less than the caller's, so that calls do not go round for ever.
    pub max_forwards: u32,
}

impl Leg {
    /// Begins a leg by sending INVITE.
    pub fn outbound(
        cx: &mut Stack,
        id: LegId,
        call: CallId,
        place: &Place,
        invitation: &Invitation<'_>,
    ) -> Result<Self, NoRoom> {
        let local_tag = cx.ids.tag();
        let placeholder = Builder::request(&Method::Invite, &place.uri).finish();
        let timer = SessionTimer::offered(&cx.config);
        let mut leg = Self::new(id, call, place.peer.clone(), place.flow, placeholder, local_tag, timer);
        leg.inbound = false;
        leg.phase = Phase::Calling;
        leg.outside = place.outside;
        leg.user.clone_from(&invitation.caller.number);
        leg.codecs.clone_from(&place.codecs);
        leg.others.clone_from(&place.others);
        let offer = leg.allowed(invitation.offer.clone());
        let body = leg.ensure_session(cx)?.make_offer(&offer).map_err(|_| NoRoom)?;
        leg.said = Some(offer);
        leg.invite = leg.build_invite(cx, place, invitation, &body);
        let sent = cx.request(leg.flow, leg.invite.clone(), ClientUse::Invite(id));
        let Some(client) = sent else {
            leg.close_media(cx);
            return Err(NoRoom);
        };
        leg.client = Some(client);
        Ok(leg)
    }

    fn build_invite(&self, cx: &mut Stack, place: &Place, invitation: &Invitation<'_>, sdp: &[u8]) -> Message {
        let domain = &cx.config.domain.clone();
        let number = sip::escape_user(&invitation.caller.number);
        let to = match &place.peer {
            Peer::Extension(number) => format!("<sip:{}@{domain}>", sip::escape_user(number)),
            Peer::Trunk { .. } | Peer::Uri(_) => format!("<{}>", place.uri),
        };
        // RFC 3323 4.1.1.3.
        let anonymous = invitation.caller.number == "anonymous";
        let home = if anonymous {
            "anonymous.invalid".to_owned()
        } else {
            cx.home(&self.flow)
        };
        let from = if invitation.caller.name.is_empty() {
            format!("<sip:{number}@{home}>;tag={}", self.local_tag)
        } else {
            format!(
                "{} <sip:{number}@{home}>;tag={}",
                sip::quote(&invitation.caller.name),
                self.local_tag
            )
        };
        let secure = sip::dialog::needs_sips(&place.uri, place.routes.first().map(String::as_str));
        let mut builder = Builder::request(&Method::Invite, &place.uri)
            .header(HeaderName::Via, cx.via(&self.flow))
            .header(HeaderName::MaxForwards, invitation.max_forwards);
        for route in &place.routes {
            builder = builder.header(HeaderName::Route, route);
        }
        builder = builder
            .header(HeaderName::From, from)
            .header(HeaderName::To, to)
            .header(HeaderName::CallId, cx.ids.call_id())
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Contact, cx.contact(&self.flow, &self.user, secure))
            .header(HeaderName::Allow, capabilities::allow(capabilities::Place::Within))
            .header(
                HeaderName::Supported,
                capabilities::supported(capabilities::Place::Within),
            )
            .header(HeaderName::UserAgent, &cx.config.product);
        builder = self.timer.ask(builder);
        for (name, value) in invitation.headers {
            builder = builder.other(name, value);
        }
        builder.body("application/sdp", sdp).finish()
    }

    /// An answer to the INVITE came.
    pub fn invite_response(&mut self, cx: &mut Stack, flow: Flow, response: &Message) {
        let code = response.status().map_or(0, |status| status.code());
        match (self.phase, code) {
            (Phase::Calling, 100) | (Phase::Cancelling, 100..=199) => {}
            (Phase::Calling, 101..=199) => self.invite_progress(cx, response),
            (Phase::Calling, 200..=299) => self.invite_accepted(cx, flow, response),
            (Phase::Cancelling, 200..=299) => {
                // RFC 3261 9.1: the CANCEL came too late; what was answered is ended with BYE.
                self.enter_dialog(cx, response);
                self.send_ack(cx, response);
                self.phase = Phase::Up;
                self.hang_up(cx, Cause::ours("cancelled"));
            }
            (Phase::Calling | Phase::Cancelling, _) => self.invite_refused(cx, code, response),
            (Phase::Up | Phase::Ending, 200..=299) => self.another_success(cx, response),
            (Phase::Up | Phase::Ending | Phase::Gone | Phase::Incoming | Phase::Unacked, _) => {}
        }
    }

    fn invite_progress(&mut self, cx: &mut Stack, response: &Message) {
        let tag = response.to_tag().unwrap_or_default();
        if !tag.is_empty() && self.early.as_deref() != Some(tag) {
            self.enter_dialog(cx, response);
        }
        self.learn_abilities(response);
        // RFC 3261 8.1.3.2: one that no RFC names is a 183.
        let known = response.status().filter(|status| status.treated_as() == *status);
        let status = known.unwrap_or(StatusCode::SESSION_PROGRESS);
        let reason = known.map(|_| response.reason().to_owned()).unwrap_or_default();
        // RFC 6228 section 9: a 199 describes no session.
        let ended = status == StatusCode::EARLY_DIALOG_TERMINATED;
        let answer = (!ended).then(|| self.early_description(cx, response)).flatten();
        if self.early.is_none() {
            self.early = Some(String::new());
        }
        let code = status.code();
        self.rings = code == 180;
        self.tell(cx, LegEvent::Provisional { code, reason, answer });
    }

    /// The answer in a provisional response. Of several the first counts (RFC 3261 13.2.1).
    fn early_description(&mut self, cx: &mut Stack, response: &Message) -> Option<Spec> {
        if self.described {
            return self.heard.clone().filter(|_| !description(response).is_empty());
        }
        let spec = self.take_answer(description(response))?;
        self.described = true;
        self.sync_media(cx);
        Some(spec)
    }

    /// Begins the dialog that a response with a To tag creates; another fork's takes the place of the
    /// one before (RFC 3261 13.2.2.4), with the session as our offer left it.
    fn enter_dialog(&mut self, cx: &mut Stack, response: &Message) {
        let Ok(dialog) = Dialog::uac(&self.invite, response) else {
            return;
        };
        self.forked |= self.early.as_ref().is_some_and(|tag| !tag.is_empty());
        self.leave_early_dialog(cx);
        self.early = response.to_tag().map(str::to_owned);
        cx.dialogs.insert(dialog.id().clone(), self.id);
        self.dialog = Some(dialog);
    }

    /// Forgets the early dialog, and what was described in it.
    pub(super) fn leave_early_dialog(&mut self, cx: &mut Stack) {
        if let Some(old) = self.dialog.take() {
            cx.dialogs.remove(old.id());
        }
        self.described = false;
        self.early = None;
    }

    fn invite_accepted(&mut self, cx: &mut Stack, flow: Flow, response: &Message) {
        if flow.transport == self.flow.transport {
            self.flow.connection = flow.connection;
            // It answers from elsewhere, where it is known to be: that is where it is.
            if flow.remote.ip().to_canonical() != self.flow.remote.ip().to_canonical() {
                self.flow = flow;
            }
        }
        let tag = response.to_tag().unwrap_or_default();
        if self.dialog.is_some() && self.early.as_deref() == Some(tag) {
            if let Some(dialog) = &mut self.dialog {
                dialog.confirm(response);
            }
        } else {
            self.enter_dialog(cx, response);
        }
        if self.dialog.is_none() {
            return self.invite_failed(cx, 502, "Bad Answer");
        }
        self.learn_abilities(response);
        self.send_ack(cx, response);
        self.phase = Phase::Up;
        if !self.described && self.take_answer(description(response)).is_none() {
            self.tell(
                cx,
                LegEvent::Refused {
                    code: 488,
                    reason: "No Usable Answer".into(),
                    contacts: Vec::new(),
                    why: None,
                },
            );
            return self.hang_up(cx, Cause::ours("the answer described no session that could be used"));
        }
        self.sync_media(cx);
        self.timer.settle(response);
        self.start_session_timer(cx);
        self.tell(
            cx,
            LegEvent::Answered {
                answer: self.heard.clone(),
            },
        );
    }

    pub(super) fn send_ack(&mut self, cx: &mut Stack, response: &Message) {
        let Some(dialog) = &self.dialog else { return };
        let seq = response.cseq().map_or(0, |cseq| cseq.number);
        let way = crate::way::within(dialog.next_hop(), &self.flow, self.outside);
        let ack = dialog.ack(seq, cx.via(&way)).finish();
        cx.layer.send(way, &ack);
        self.ack = Some(ack);
    }

    /// A 2xx after the first: the same one again, or another fork's (RFC 3261 13.2.2.4).
    fn another_success(&mut self, cx: &mut Stack, response: &Message) {
        let ours = self
            .dialog
            .as_ref()
            .is_some_and(|dialog| Some(dialog.remote_tag()) == response.to_tag());
        if !ours {
            return end_stray(cx, &self.invite, response, &self.flow, self.outside);
        }
        let seq = response.cseq().map_or(0, |cseq| cseq.number);
        match (&self.ack, &self.dialog) {
            (Some(ack), Some(dialog)) if ack.cseq().is_ok_and(|cseq| cseq.number == seq) => {
                cx.layer
                    .send(crate::way::within(dialog.next_hop(), &self.flow, self.outside), ack);
            }
            _ => self.send_ack(cx, response), // a re-INVITE was acknowledged since
        }
    }

    fn invite_refused(&mut self, cx: &mut Stack, code: u16, response: &Message) {
        if code == 422 && self.phase == Phase::Calling && self.ask_longer(cx, response) {
            return;
        }
        let contacts = match code {
            300..=399 => response
                .contacts()
                .filter_map(Result::ok)
                .filter_map(contact_uri)
                .collect(),
            _ => Vec::new(),
        };
        self.tell(
            cx,
            LegEvent::Refused {
                code,
                reason: sip::clean(response.reason()).into_owned(),
                contacts,
                why: Q850::of(response),
            },
        );
        self.gone(cx);
    }

    /// RFC 4028 section 7.3: 422 names the interval the peer wants at least; asked once more with it.
    fn ask_longer(&mut self, cx: &mut Stack, response: &Message) -> bool {
        let Some(timer) = self.timer.longer(response) else {
            return false;
        };
        self.timer = timer;
        let head = Builder::request(&Method::Invite, self.invite.uri()).header(HeaderName::Via, cx.via(&self.flow));
        let changed = [
            HeaderName::Via,
            HeaderName::CSeq,
            HeaderName::SessionExpires,
            HeaderName::MinSe,
        ];
        let builder = copy_fields(head, &self.invite, &changed);
        let builder = self.timer.ask(builder.header(HeaderName::CSeq, "2 INVITE"));
        let again = builder.body("application/sdp", self.invite.body()).finish();
        self.client = cx.request(self.flow, again.clone(), ClientUse::Invite(self.id));
        self.invite = again;
        self.client.is_some()
    }

    /// The INVITE came to nothing without an answer: Timer B, or its transport failed.
    pub fn invite_failed(&mut self, cx: &mut Stack, code: u16, reason: &str) {
        if matches!(self.phase, Phase::Calling | Phase::Cancelling) {
            self.tell(
                cx,
                LegEvent::Refused {
                    code,
                    reason: reason.into(),
                    contacts: Vec::new(),
                    why: None,
                },
            );
            self.gone(cx);
        }
    }

    /// Whether this is the INVITE that the leg waits for.
    pub fn is_asked_by(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    /// The client transaction goes on under another handle (it fell back to another transport).
    pub fn continues(&mut self, client: ClientId) {
        self.client = Some(client);
    }

    pub(super) fn cancel(&mut self, cx: &mut Stack, reason: Option<&str>) {
        self.phase = Phase::Cancelling;
        if let Some(client) = self.client {
            cx.cancel(client, reason);
        }
    }
}

/// A 2xx to an INVITE that nobody waits for is acknowledged; the dialog it belongs to.
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
    let ack = dialog.ack(seq, cx.via(&way)).finish();
    cx.layer.send(way, &ack);
    Some(dialog)
}

/// A 2xx that nobody waits for: acknowledged, then ended at once.
pub(crate) fn end_stray(cx: &mut Stack, invite: &Message, response: &Message, flow: &Flow, outside: bool) {
    let Some(mut dialog) = acknowledge_stray(cx, invite, response, flow, outside) else {
        return;
    };
    if !cx.note_stray(dialog.id()) {
        return; // the 2xx came again: its BYE is under way
    }
    let way = crate::way::within(dialog.next_hop(), flow, outside);
    let via = cx.via(&way);
    let bye = dialog.request(&Method::Bye, via).finish();
    let _ = cx.layer.request(cx.now, way, bye);
}

fn contact_uri(contact: Contact<'_>) -> Option<String> {
    match contact {
        Contact::Star => None,
        Contact::Address(address) => Some(address.uri.to_owned()),
    }
}
