//! From bytes to whoever is concerned: admission, parsing, and what each kind of request is for.

use bytes::Bytes;
use sip::{
    Flow, HeaderName, Limits, Message, Method, Part, Scheme, StatusCode,
    transaction::{ClientId, ServerId, TxEvent},
};

use crate::{
    admission::{self, Verdict},
    answer::Answer,
    api::{Facts, ScriptEntry},
    auth::Identity,
    call::{Beginning, Call},
    foreign,
    leg::{Leg, LegId, acknowledge_stray, answer_passed, describes_session, end_stray},
    stack::ClientUse,
    switch::Switch,
};

/// Extensions (RFC 3261 19.2) that a request may require of us.
const SUPPORTED: [&str; 2] = ["timer", "path"];

impl Switch {
    /// One datagram, or one message of a stream.
    pub(crate) fn received(&mut self, flow: Flow, bytes: Bytes) {
        let x = &mut self.x;
        x.stats.messages_received += 1;
        let load = admission::Load {
            calls: self.calls.len(),
            transactions: x.stack.layer.server_count(),
        };
        let (now, source, kind) = (x.stack.now, flow.remote.ip(), admission::peek(&bytes));
        let verdict = x.admission.admit(now, source, kind, load);
        if verdict == Verdict::Drop {
            x.stats.messages_dropped += 1;
            return foreign::log_refused(&flow, kind);
        }
        let usual = Limits::default();
        let limits = Limits {
            max_message: x.stack.config.limits.message_bytes,
            // RFC 3261 7.3.1: a REGISTER may have its new and its old contacts in one row.
            max_header_len: usual.max_header_len.max(4 * x.stack.config.registrar.text),
            ..usual
        };
        let message = match Message::parse(bytes, &limits) {
            Ok(message) => message.with_received(flow.remote),
            Err(fault) => {
                x.stats.messages_dropped += 1;
                x.admission.malformed(now, source, kind);
                tracing::debug!(source = %flow.remote, %fault, "a message cannot be read");
                if let Some(reply) = fault.reply(flow.remote) {
                    x.stack.layer.send(sip::reply_address(&reply, &flow), &reply);
                }
                return;
            }
        };
        crate::wire::received(&flow, &message);
        if let Verdict::Refuse { retry_after } = verdict {
            x.stats.refused += 1;
            let answer =
                Answer::new(StatusCode::SERVICE_UNAVAILABLE).with(HeaderName::RetryAfter, retry_after.to_string());
            return x.stack.answer_statelessly(&flow, &message, &answer);
        }
        if let Err(fault) = message.check_from(flow.transport) {
            x.stats.messages_dropped += 1;
            x.admission.malformed(now, source, kind);
            tracing::debug!(source = %flow.remote, method = %message.method(), code = message.status().map(|status| status.code()), %fault, "a message is not taken");
            if let Some(reply) = fault.reply(&message) {
                x.stack.layer.send(sip::reply_address(&message, &flow), &reply);
            }
            return;
        }
        x.stack.layer.receive(now, flow, message);
    }

    pub(crate) fn transaction_event(&mut self, event: TxEvent) {
        match event {
            TxEvent::Request { id, flow, message } => self.request(id, flow, message),
            TxEvent::Ack { flow, message } => match self.leg_of(&message) {
                Some(leg) => {
                    self.x.with_leg(leg, |leg, cx| leg.acknowledged(cx, &message));
                }
                None => tracing::debug!(source = %flow.remote, "an ACK of no call of ours"),
            },
            TxEvent::Cancelled { id, .. } => {
                if let Some(leg) = self.x.stack.servers.get(&id).copied() {
                    self.x.with_leg(leg, |leg, cx| leg.cancelled(cx, id));
                }
            }
            TxEvent::Response { id, flow, message } => self.response(id, flow, &message),
            TxEvent::ForeignResponse { id, flow, message } => self.foreign_response(id, flow, message),
            TxEvent::ForeignCancel { id, flow, message } => self.foreign_cancel(id, flow, message),
            TxEvent::Dropped { flow, why } => self.dropped(&flow, why),
            TxEvent::StrayResponse { flow, .. } => self.dropped(&flow, "it answers no request of ours"),
            TxEvent::StrayCancel { flow } => {
                let now = self.x.stack.now;
                self.x.admission.stray(now, flow.remote.ip());
                tracing::debug!(source = %flow.remote, "a CANCEL of no request that is open");
            }
            TxEvent::TimedOut { id } => self.client_failed(id, 408, "Request Timeout"),
            TxEvent::TransportFailed { id } => match self.x.stack.fall_back(id) {
                Some((again, ClientUse::Invite(leg))) => {
                    self.x.with_leg(leg, |leg, _| leg.continues(again));
                }
                Some((again, ClientUse::Modify(leg))) => {
                    self.x.with_leg(leg, |leg, _| leg.change_continues(id, again));
                }
                Some((_, ClientUse::Bye(_) | ClientUse::Passed(..) | ClientUse::Message(_))) => {}
                None => self.client_failed(id, 503, "Service Unavailable"),
            },
            TxEvent::AckTimeout { .. } | TxEvent::ServerTransportFailed { .. } => {
                tracing::debug!("an answer was not acknowledged, or could not be sent");
            }
            TxEvent::ClientGone { id } => {
                self.x.stack.forget_client(id);
            }
            TxEvent::ServerGone { id } => {
                self.x.stack.servers.remove(&id);
            }
        }
    }

    fn leg_of(&self, request: &Message) -> Option<LegId> {
        let dialog = sip::dialog::DialogId::of_request(request)?;
        self.x.stack.dialogs.get(&dialog).copied()
    }

    fn response(&mut self, id: ClientId, flow: Flow, message: &Message) {
        let purpose = self.x.stack.clients.get(&id).copied();
        let is_final = message.status().is_some_and(|status| status.is_final());
        match purpose {
            Some(ClientUse::Invite(leg)) => {
                let known = self
                    .x
                    .with_leg(leg, |leg, cx| leg.invite_response(cx, flow, message))
                    .is_some();
                if !known && message.status().is_some_and(|status| status.is_success()) {
                    // The leg is gone: RFC 3261 13.2.2.4, whoever answers is acknowledged and hung up.
                    if let Some(invite) = self.x.stack.layer.client_request(id).cloned() {
                        end_stray(&mut self.x.stack, &invite, message, &flow, false);
                    }
                }
            }
            Some(ClientUse::Modify(leg)) => {
                let known = self
                    .x
                    .with_leg(leg, |leg, cx| leg.change_response(cx, id, Some(message)))
                    .is_some();
                if !known && message.status().is_some_and(|status| status.is_success()) {
                    // RFC 3261 13.2.2.4: also when the dialog is over, a 2xx is sent until its ACK comes.
                    if let Some(change) = self.x.stack.layer.client_request(id).cloned() {
                        acknowledge_stray(&mut self.x.stack, &change, message, &flow, false);
                    }
                }
            }
            Some(ClientUse::Bye(leg)) if is_final => {
                self.x.with_leg(leg, |leg, cx| leg.bye_done(cx));
            }
            Some(ClientUse::Passed(leg, server)) if is_final => {
                let code = message.status().map_or(480, |status| status.code());
                self.passed_on(leg, server, code, Some(message));
            }
            Some(ClientUse::Message(delivery)) if is_final => self.delivered(delivery, Some(message)),
            Some(ClientUse::Bye(_) | ClientUse::Passed(..) | ClientUse::Message(_)) | None => {}
        }
    }

    /// What was sent on within a call is answered.
    fn passed_on(&mut self, leg: LegId, server: ServerId, code: u16, answered: Option<&Message>) {
        let known = self
            .x
            .with_leg(leg, |leg, cx| leg.passed_on(cx, server, code, answered));
        if known.is_none() {
            answer_passed(&mut self.x.stack, server, code);
        }
    }

    fn client_failed(&mut self, id: ClientId, code: u16, reason: &str) {
        match self.x.stack.forget_client(id) {
            Some(ClientUse::Invite(leg)) => {
                self.x.with_leg(leg, |leg, cx| {
                    // Not the one before, which was answered with 422.
                    if leg.is_asked_by(id) {
                        leg.invite_failed(cx, code, reason);
                    }
                });
            }
            Some(ClientUse::Modify(leg)) => {
                self.x.with_leg(leg, |leg, cx| leg.change_response(cx, id, None));
            }
            Some(ClientUse::Bye(leg)) => {
                self.x.with_leg(leg, |leg, cx| leg.bye_done(cx));
            }
            Some(ClientUse::Message(delivery)) => self.delivered(delivery, None),
            Some(ClientUse::Passed(leg, server)) => self.passed_on(leg, server, 408, None),
            None => {}
        }
    }

    fn request(&mut self, id: ServerId, flow: Flow, message: Message) {
        if message.to_tag().is_some() {
            return self.request_within(id, flow, message);
        }
        if let Err(answer) = self.acceptable(&message) {
            return self.x.stack.answer_and_forget(id, &message, &answer);
        }
        match message.method() {
            Method::Invite => self.invite(id, flow, message),
            Method::Register => self.register(id, flow, &message),
            Method::Message => self.deliver(id, flow, message),
            Method::Options => self.options(id, &message),
            // RFC 3261 8.2.1, 15.1.2, 3262, 3311: outside of a dialog there is nothing these belong to.
            Method::Bye | Method::Update | Method::Prack | Method::Info | Method::Notify => {
                let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
                self.x.stack.answer_and_forget(id, &message, &answer);
            }
            Method::Ack | Method::Cancel => {}
            Method::Subscribe | Method::Publish | Method::Refer => {
                let answer = Answer::new(StatusCode::METHOD_NOT_ALLOWED).with(HeaderName::Allow, ALLOW_OUTSIDE);
                self.x.stack.answer_and_forget(id, &message, &answer);
            }
            Method::Other(_) => {
                let answer = Answer::new(StatusCode::NOT_IMPLEMENTED).with(HeaderName::Allow, ALLOW_OUTSIDE);
                self.x.stack.answer_and_forget(id, &message, &answer);
            }
        }
    }

    /// A request within a dialog, or what pretends to be one.
    fn request_within(&mut self, id: ServerId, flow: Flow, message: Message) {
        let Some(leg) = self.leg_of(&message) else {
            // RFC 3261 12.2.2: no such dialog (any more).
            let (now, source) = (self.x.stack.now, flow.remote.ip());
            self.x.admission.stray(now, source);
            let answer = Answer::new(StatusCode::CALL_DOES_NOT_EXIST);
            return self.x.stack.answer_and_forget(id, &message, &answer);
        };
        // Whoever speaks from another address than before has heard the dialog's tags, or is the phone in another
        // network: it shows who it is, so that nobody turns a call away or ends it.
        let moved = self.x.legs.get(leg).filter(|leg| {
            leg.flow.remote.ip().to_canonical() != flow.remote.ip().to_canonical()
                && self.x.accounts.is_extension(&leg.party)
        });
        if let Some(party) = moved.map(|leg| leg.party.clone()) {
            match self.authenticate(id, &flow, &message) {
                Some(identity) if identity.extension == party => {}
                Some(_) => return self.x.stack.answer(id, &message, &Answer::new(StatusCode::FORBIDDEN)),
                None => return,
            }
        }
        self.x.with_leg(leg, |leg, cx| leg.request(cx, id, flow, message));
    }

    /// What RFC 3261 8.2.2 wants looked at before the method.
    fn acceptable(&self, message: &Message) -> Result<(), Answer> {
        let uri = message
            .request_uri()
            .map_err(|_| Answer::new(StatusCode::BAD_REQUEST))?;
        match uri.scheme {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => {}
            Scheme::Other => return Err(Answer::new(StatusCode::UNSUPPORTED_URI_SCHEME)),
        }
        // RFC 3261 16.3 step 3: what we would send on is at the end of its way.
        let goes_on = matches!(message.method(), Method::Invite | Method::Message);
        if goes_on && message.max_forwards().ok().flatten() == Some(0) {
            return Err(Answer::new(StatusCode::TOO_MANY_HOPS));
        }
        understood(message)
    }

    fn options(&mut self, id: ServerId, message: &Message) {
        // RFC 3261 11.2.
        let answer = Answer::new(StatusCode::OK)
            .with(HeaderName::Allow, ALLOW_OUTSIDE)
            .with(HeaderName::Accept, "application/sdp, text/plain")
            .with(HeaderName::AcceptEncoding, "identity")
            .with(HeaderName::AcceptLanguage, "en")
            .with(HeaderName::Supported, "timer, path, outbound")
            .with(HeaderName::Server, &self.x.stack.config.product);
        self.x.stack.answer_and_forget(id, message, &answer);
    }

    fn invite(&mut self, id: ServerId, flow: Flow, message: Message) {
        let Some(identity) = self.authenticate(id, &flow, &message) else {
            return;
        };
        let beginning = self.beginning(&identity, &flow, &message);
        let refusal = if self.x.draining || self.calls.len() >= self.x.stack.config.limits.calls {
            Some(Answer::of(503).with(HeaderName::RetryAfter, "5"))
        } else {
            let dialed = self.dialed(&message, &flow);
            dialed.is_none().then(|| Answer::of(404))
        };
        match refusal {
            Some(refusal) => self.refuse_call(id, &message, beginning, &refusal),
            None => {
                let device = identity.device.as_deref().and_then(|name| self.x.accounts.device(name));
                let codecs = device.map(|device| device.codecs.clone()).unwrap_or_default();
                self.begin_call(id, flow, message, (identity.extension, codecs), beginning);
            }
        }
    }

    /// What an INVITE says, and who was found to say it.
    pub(crate) fn beginning(&self, identity: &Identity, flow: &Flow, message: &Message) -> Beginning {
        let dialed = self.dialed(message, flow).unwrap_or_default();
        let hops = message.max_forwards().ok().flatten().unwrap_or(70);
        Beginning {
            facts: self.facts(identity, flow, message, dialed),
            entry: ScriptEntry::OnCall,
            max_forwards: hops.min(255).saturating_sub(1),
            sip_call_id: message.call_id().to_owned(),
        }
    }

    fn begin_call(
        &mut self,
        server: ServerId,
        flow: Flow,
        invite: Message,
        party: (String, Vec<String>),
        beginning: Beginning,
    ) {
        let uid = self.x.stack.ids.call_uid();
        let request = invite.clone();
        let x = &mut self.x;
        let again = beginning.clone();
        let made = self.calls.try_insert_with(|call| {
            let leg = x.new_leg(|cx, id| Leg::inbound(cx, id, call, (server, flow, invite), party))?;
            Ok::<_, Answer>(Call::new(x, call, uid, leg, beginning))
        });
        match made {
            Ok(call) => {
                self.by_uid.insert(uid, call);
                self.with_call(call, Call::begin);
            }
            Err(refusal) => self.refuse_call(server, &request, again, &refusal),
        }
    }

    /// Refuses an INVITE that was authenticated before it becomes a call: that leaves a record, too.
    fn refuse_call(&mut self, server: ServerId, invite: &Message, beginning: Beginning, refusal: &Answer) {
        self.x.stack.answer(server, invite, refusal);
        crate::call::record_refused(&mut self.x, beginning, refusal);
    }

    /// The number that an INVITE is for, if it is for us.
    pub(crate) fn dialed(&self, message: &Message, flow: &Flow) -> Option<String> {
        let uri = message.request_uri().ok()?;
        let ours = match uri.scheme {
            Scheme::Tel => true,
            Scheme::Sip | Scheme::Sips => self.x.domain.is_meant_by(&uri, flow),
            Scheme::Other => false,
        };
        // The log, the record and scripts see it: an escape may hide a control octet.
        ours.then(|| sip::clean(&uri.number()).into_owned())
    }

    fn facts(&self, identity: &Identity, flow: &Flow, message: &Message, dialed: String) -> Facts {
        let account = self.x.accounts.extension(&identity.extension);
        let own_name = account
            .map(|extension| extension.name.clone())
            .filter(|name| !name.is_empty());
        let shown = || {
            message
                .from()
                .ok()
                .and_then(|from| from.display_name().map(|name| sip::clean(&name).into_owned()))
        };
        let (number, name) = if identity.anonymous {
            ("anonymous".to_owned(), "Anonymous".to_owned())
        } else {
            (identity.extension.clone(), own_name.or_else(shown).unwrap_or_default())
        };
        Facts {
            id: String::new(),
            number,
            name,
            dialed,
            extension: Some(identity.extension.clone()),
            trunk: None,
            source: flow.remote.to_string(),
        }
    }
}

/// Whether we understand what a request requires of us and the body it brings (RFC 3261 8.2.2.3, 8.2.3), within
/// a dialog or not.
pub(crate) fn understood(message: &Message) -> Result<(), Answer> {
    let registers = *message.method() == Method::Register;
    let unsupported: Vec<&str> = message
        .values(HeaderName::Require)
        .chain(message.values(HeaderName::ProxyRequire))
        .map(str::trim)
        .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .filter(|tag| !(registers && tag.eq_ignore_ascii_case("outbound")))
        .collect();
    if !unsupported.is_empty() {
        return Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, unsupported.join(", ")));
    }
    let mut encodings = message.values(HeaderName::ContentEncoding);
    let looked_at = *message.method() != Method::Bye;
    if looked_at && encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::AcceptEncoding, "identity"));
    }
    if has_foreign_body(message) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::Accept, "application/sdp"));
    }
    Ok(())
}

/// Whether a request brings a body that must be understood and is not (RFC 3261 8.2.3, 20.11).
///
/// That is a part with `handling=required`. One that does not say counts as required only where there is no session
/// description beside it: location, ISUP and the like often come without saying that they may be passed over.
fn has_foreign_body(message: &Message) -> bool {
    let describes = match message.method() {
        Method::Invite | Method::Update => true,
        // What these bring is the other phone's to understand; and a call must end, whatever a BYE brings.
        Method::Info | Method::Message | Method::Bye | Method::Ack | Method::Cancel => return false,
        Method::Register
        | Method::Options
        | Method::Prack
        | Method::Subscribe
        | Method::Notify
        | Method::Publish
        | Method::Refer
        | Method::Other(_) => false,
    };
    if message.body().is_empty() || message.content_type().is_none() {
        return false;
    }
    let Ok(parts) = message.parts(&Limits::default()) else {
        return describes;
    };
    let known = |part: &&Part<'_>| describes_session(part) && !part.body.is_empty();
    let described = parts.iter().any(|part| known(&part));
    let chosen = parts.iter().filter(known).any(|part| part.alternative);
    let foreign = |part: &Part<'_>| match part.purpose() {
        _ if part.alternative && chosen => false,
        Some(purpose) if purpose.required => true,
        Some(purpose) if purpose.optional => false,
        Some(_) | None => describes && !described,
    };
    parts.iter().any(|part| !known(&part) && foreign(part)) || (describes && parts.is_empty())
}

/// The methods understood outside of a dialog.
pub(crate) const ALLOW_OUTSIDE: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, MESSAGE";
