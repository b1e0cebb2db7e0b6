//! A simulated desk phone: a user agent of its own on the transaction layer and the dialogs of
//! crate `sip`, without a line of the switch's.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use bytes::Bytes;
use media::{Local, SdpDirection, Session, Spec};
use sip::{
    Builder, Flow, HeaderName, Instant, Limits, Message, Method, StatusCode, Transport,
    dialog::{Dialog, DialogId},
    digest::{ChallengeParsed, answer},
    retransmit::{Accepted, Due},
    transaction::{ClientId, Layer, LayerConfig, ServerId, TxEvent, TxOutput},
};

/// How far a phone's call is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Outgoing, nothing heard but 100.
    Trying,
    /// It rings, here or there.
    Ringing,
    /// Talking (or holding).
    Up,
    /// We hung up or cancelled, the other side has not said so yet.
    Ending,
    /// Over, with the final status of the INVITE (0 where there was none), or 200 and a BYE.
    Over(u16),
}

/// What a phone does by itself.
#[derive(Clone, Debug)]
pub struct Mood {
    /// Final status to incoming calls at once, instead of ringing.
    pub refuses: Option<u16>,
    /// Contact of a 3xx in `refuses`.
    pub sends_to: Option<String>,
    /// Answers incoming calls at once.
    pub answers: bool,
    /// Status to re-INVITE and UPDATE that offer something, instead of taking it.
    pub refuses_changes: Option<u16>,
    /// Leaves re-INVITEs unanswered until [`Phone::decide`].
    pub waits_with_changes: bool,
    /// Never sends an ACK for a 2xx.
    pub forgets_ack: bool,
    /// Is dead: takes nothing and says nothing.
    pub dead: bool,
    /// Says `Supported: timer`.
    pub timer: bool,
    /// Codecs it has.
    pub codecs: Vec<&'static str>,
    /// Makes calls without an offer.
    pub late_offer: bool,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            refuses: None,
            sends_to: None,
            answers: false,
            refuses_changes: None,
            waits_with_changes: false,
            forgets_ack: false,
            dead: false,
            timer: true,
            codecs: vec!["PCMU", "PCMA", "TELEPHONE-EVENT"],
            late_offer: false,
        }
    }
}

/// One call of a phone.
pub struct PhoneCall {
    /// How far it is.
    pub phase: Phase,
    /// Whether it came to us.
    pub incoming: bool,
    /// The INVITE that began it.
    pub invite: Message,
    /// What the other side last described.
    pub heard: Option<Spec>,
    /// How often the session was changed.
    pub changes: usize,
    /// The final status of our last re-INVITE.
    pub change_code: Option<u16>,
    /// Bodies of INFO and MESSAGE requests taken in the dialog.
    pub passed: Vec<String>,
    /// Whether the caller heard early media (a session description in a provisional response).
    pub early_media: bool,
    /// The last message that mattered, for a test to look into.
    pub last: Message,
    tag: String,
    dialog: Option<Dialog>,
    server: Option<ServerId>,
    client: Option<ClientId>,
    session: Session,
    waiting: Option<(ServerId, Message)>,
    accepted: Option<Accepted>,
    ack: Option<Message>,
    offered_late: bool,
    tries: u8,
}

#[derive(Copy, Clone)]
enum Purpose {
    Register,
    Invite(usize),
    Change(usize),
    Bye(usize),
    Message,
    Other,
}

/// See the module.
pub struct Phone {
    /// Its extension.
    pub number: String,
    password: String,
    /// Where it is.
    pub address: SocketAddr,
    server: SocketAddr,
    domain: String,
    layer: Layer,
    /// What it does by itself.
    pub mood: Mood,
    /// Its calls, the latest last.
    pub calls: Vec<PhoneCall>,
    /// The status of its last REGISTER.
    pub registered: Option<u16>,
    /// The status of its last MESSAGE.
    pub message_code: Option<u16>,
    /// Texts it received.
    pub texts: Vec<String>,
    /// What it sends next.
    pub outbox: VecDeque<(SocketAddr, Bytes)>,
    purposes: HashMap<ClientId, Purpose>,
    sent: HashMap<ClientId, Message>,
    now: Instant,
    count: u64,
    seq: u32,
    register_id: String,
    nonces: u32,
}

impl Phone {
    /// A phone that is switched off until it registers.
    pub fn new(number: &str, password: &str, address: SocketAddr, server: SocketAddr, domain: &str) -> Self {
        Self {
            number: number.into(),
            password: password.into(),
            address,
            server,
            domain: domain.into(),
            layer: Layer::new(LayerConfig::default()),
            mood: Mood::default(),
            calls: Vec::new(),
            registered: None,
            message_code: None,
            texts: Vec::new(),
            outbox: VecDeque::new(),
            purposes: HashMap::new(),
            sent: HashMap::new(),
            now: Instant::ZERO,
            count: 0,
            seq: 0,
            register_id: format!("r{}-{number}", address.ip()),
            nonces: 0,
        }
    }

    fn flow(&self) -> Flow {
        Flow {
            transport: Transport::Udp,
            local: self.address,
            remote: self.server,
            connection: None,
        }
    }

    fn id(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}x{}p{}", self.number, self.count, self.address.port())
    }

    fn via(&mut self) -> String {
        let branch = self.id("z9hG4bK");
        format!("SIP/2.0/UDP {};branch={branch};rport", self.address)
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.number, self.address)
    }

    /// Time passes.
    pub fn advance(&mut self, now: Instant) {
        self.now = now;
        if self.mood.dead {
            return;
        }
        self.layer.timeout(now);
        for index in 0..self.calls.len() {
            let call = &mut self.calls[index];
            match call.accepted.as_mut().map(|accepted| accepted.due(now)) {
                Some(Due::Retransmit(bytes)) => self.outbox.push_back((self.server, bytes)),
                Some(Due::GiveUp) => {
                    call.accepted = None;
                    self.hang_up_call(index);
                }
                Some(Due::Nothing) | None => {}
            }
        }
        self.drain();
    }

    /// When it wants to be asked again.
    pub fn next(&self) -> Option<Instant> {
        if self.mood.dead {
            return None;
        }
        let accepted = self
            .calls
            .iter()
            .filter_map(|call| call.accepted.as_ref()?.next_timeout());
        accepted.chain(self.layer.next_timeout()).min()
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: Bytes) {
        self.now = now;
        if self.mood.dead {
            return;
        }
        let Ok(message) = Message::parse(bytes, &Limits::default()) else {
            return;
        };
        message
            .check()
            .unwrap_or_else(|fault| panic!("the switch sent what its own check refuses: {fault}"));
        let flow = Flow {
            remote: from,
            ..self.flow()
        };
        self.layer.receive(now, flow, message.with_received(from));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                TxOutput::Transmit { flow, bytes } => self.outbox.push_back((flow.remote, bytes)),
                TxOutput::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: TxEvent) {
        match event {
            TxEvent::Request { id, message, .. } => self.request(id, message),
            TxEvent::Ack { message, .. } => self.acknowledged(&message),
            TxEvent::Cancelled { id, .. } => self.cancelled(id),
            TxEvent::Response { id, message, .. } => self.response(id, &message),
            TxEvent::TimedOut { id } | TxEvent::TransportFailed { id } => self.failed(id),
            TxEvent::ClientGone { id } => {
                self.purposes.remove(&id);
                self.sent.remove(&id);
            }
            TxEvent::StrayResponse { .. }
            | TxEvent::AckTimeout { .. }
            | TxEvent::ServerGone { .. }
            | TxEvent::ServerTransportFailed { .. } => {}
        }
    }

    fn send(&mut self, message: Message, purpose: Purpose) -> ClientId {
        let flow = self.flow();
        let id = self
            .layer
            .request(self.now, flow, message.clone())
            .expect("a phone has room for its transactions");
        self.purposes.insert(id, purpose);
        self.sent.insert(id, message);
        id
    }

    // ---- registration and MESSAGE -------------------------------------------------------------

    /// Registers for so many seconds (0 unregisters).
    pub fn register(&mut self, expires: u32) {
        self.registered = None;
        self.seq += 1;
        let request = self
            .outside(
                &Method::Register,
                &format!("sip:{}", self.domain),
                &format!("sip:{}@{}", self.number, self.domain),
            )
            .header(HeaderName::CallId, self.register_id.clone())
            .header(HeaderName::CSeq, format_args!("{} REGISTER", self.seq))
            .header(HeaderName::Contact, self.contact())
            .header(HeaderName::Expires, expires)
            .header(HeaderName::UserAgent, "Simulated/1.0")
            .finish();
        self.send(request, Purpose::Register);
        self.drain();
    }

    fn outside(&mut self, method: &Method, uri: &str, to: &str) -> Builder {
        let tag = self.id("t");
        Builder::request(method, uri)
            .header(HeaderName::Via, self.via())
            .header(HeaderName::MaxForwards, 70)
            .header(
                HeaderName::From,
                format_args!("\"{0}\" <sip:{0}@{1}>;tag={tag}", self.number, self.domain),
            )
            .header(HeaderName::To, format_args!("<{to}>"))
    }

    /// Sends a text.
    pub fn text(&mut self, to: &str, text: &str) {
        self.message_code = None;
        let uri = format!("sip:{to}@{}", self.domain);
        let call_id = self.id("m");
        let request = self
            .outside(&Method::Message, &uri, &uri)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, "1 MESSAGE")
            .body("text/plain", text.as_bytes())
            .finish();
        self.send(request, Purpose::Message);
        self.drain();
    }

    /// The same request with credentials for the challenge in `response`.
    fn again(&mut self, request: &Message, response: &Message) -> Option<Message> {
        let challenge = ChallengeParsed::choose(response.headers(HeaderName::WwwAuthenticate))?;
        if request.header(HeaderName::Authorization).is_some() && !challenge.stale {
            return None; // the password is wrong
        }
        self.nonces += 1;
        let (user, password, nonce) = (self.number.clone(), self.password.clone(), self.id("c"));
        let credentials = answer(&challenge, &user, &password, request.method(), request.uri(), 1, &nonce);
        let seq = request.cseq().unwrap().number + 1;
        let mut builder = Builder::request(request.method(), request.uri()).header(HeaderName::Via, self.via());
        let dropped = [
            HeaderName::Via,
            HeaderName::CSeq,
            HeaderName::Authorization,
            HeaderName::ContentLength,
            HeaderName::ContentType,
        ];
        for (name, id, value) in request.fields() {
            if !dropped.contains(&id) {
                builder = builder.other(name, value);
            }
        }
        builder = builder
            .header(HeaderName::CSeq, format_args!("{seq} {}", request.method()))
            .header(HeaderName::Authorization, credentials);
        self.seq = self.seq.max(seq);
        Some(match request.content_type() {
            Some(kind) => builder.body(kind, request.body()).finish(),
            None => builder.finish(),
        })
    }

    // ---- calls --------------------------------------------------------------------------------

    fn session(&self) -> Session {
        let port = 40_000 + u16::try_from(self.calls.len() % 10_000).unwrap() * 2;
        Session::new(Local {
            address: self.address.ip(),
            port,
            session_id: 1,
        })
    }

    fn codecs(&self) -> Spec {
        Spec::own(&self.mood.codecs)
    }

    /// Calls a number; the call is the last of `calls`.
    pub fn call(&mut self, number: &str) -> usize {
        let mut session = self.session();
        let uri = format!("sip:{number}@{}", self.domain);
        let call_id = self.id("i");
        let mut builder = self
            .outside(&Method::Invite, &uri, &uri)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, "1 INVITE")
            .header(HeaderName::Contact, self.contact())
            .header(
                HeaderName::Allow,
                "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, MESSAGE, OPTIONS",
            );
        if self.mood.timer {
            builder = builder.header(HeaderName::Supported, "timer");
        }
        let invite = if self.mood.late_offer {
            builder.finish()
        } else {
            builder
                .body("application/sdp", &session.make_offer(&self.codecs()))
                .finish()
        };
        let index = self.calls.len();
        let client = self.send(invite.clone(), Purpose::Invite(index));
        self.calls.push(PhoneCall::new(invite, session, String::new(), false));
        self.calls[index].client = Some(client);
        self.drain();
        index
    }

    /// Rings (180), or with a description also early media (183).
    pub fn ring(&mut self, index: usize, early: bool) {
        let codecs = self.codecs();
        let contact = self.contact();
        let call = &mut self.calls[index];
        let (Some(server), true) = (call.server, call.incoming) else {
            return;
        };
        let code = if early {
            StatusCode::SESSION_PROGRESS
        } else {
            StatusCode::RINGING
        };
        let builder = Builder::reply(&call.invite, code, Some(&call.tag)).header(HeaderName::Contact, contact);
        let reply = match early.then(|| call.answer_offer(&codecs)).flatten() {
            Some(body) => builder.body("application/sdp", &body).finish(),
            None => builder.finish(),
        };
        let _ = self.layer.respond(self.now, server, reply);
        self.drain();
    }

    /// Answers an incoming call.
    pub fn answer(&mut self, index: usize) {
        let codecs = self.codecs();
        let contact = self.contact();
        let call = &mut self.calls[index];
        let (Some(server), Phase::Ringing) = (call.server, call.phase) else {
            return;
        };
        let Some(body) = call.answer_offer(&codecs) else {
            return self.reject(index, 488);
        };
        let reply = Builder::reply(&call.invite, StatusCode::OK, Some(&call.tag))
            .copy(&call.invite, HeaderName::RecordRoute)
            .header(HeaderName::Contact, contact)
            .header(
                HeaderName::Allow,
                "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, MESSAGE, OPTIONS",
            )
            .body("application/sdp", &body)
            .finish();
        call.phase = Phase::Up;
        call.accepted = Some(Accepted::new(
            self.now,
            reply.bytes().clone(),
            &LayerConfig::default().timers,
        ));
        let _ = self.layer.respond(self.now, server, reply);
        self.drain();
    }

    /// Refuses an incoming call.
    pub fn reject(&mut self, index: usize, code: u16) {
        let to = self.mood.sends_to.clone();
        let call = &mut self.calls[index];
        let (Some(server), Phase::Ringing) = (call.server, call.phase) else {
            return;
        };
        let mut builder = Builder::reply(&call.invite, StatusCode::new(code).unwrap(), Some(&call.tag));
        if let Some(to) = to.filter(|_| (300..400).contains(&code)) {
            builder = builder.header(HeaderName::Contact, format_args!("<{to}>"));
        }
        call.phase = Phase::Over(code);
        let _ = self.layer.respond(self.now, server, builder.finish());
        self.drain();
    }

    /// Hangs up, cancels or declines, whatever fits.
    pub fn hang_up(&mut self, index: usize) {
        match (self.calls[index].phase, self.calls[index].incoming) {
            (Phase::Trying | Phase::Ringing, false) => {
                let client = self.calls[index].client;
                self.calls[index].phase = Phase::Ending;
                if let Some(client) = client {
                    let _ = self.layer.cancel(self.now, client, None);
                }
            }
            (Phase::Trying | Phase::Ringing, true) => self.reject(index, 603),
            (Phase::Up, _) => self.hang_up_call(index),
            (Phase::Ending | Phase::Over(_), _) => {}
        }
        self.drain();
    }

    fn hang_up_call(&mut self, index: usize) {
        self.calls[index].phase = Phase::Ending;
        match self.inside(index, &Method::Bye) {
            Some(bye) => {
                self.send(bye.finish(), Purpose::Bye(index));
            }
            None => self.calls[index].phase = Phase::Over(0),
        }
    }

    /// A request within a call's dialog.
    pub fn inside(&mut self, index: usize, method: &Method) -> Option<Builder> {
        let via = self.via();
        Some(self.calls[index].dialog.as_mut()?.request(method, via))
    }

    /// Offers a change: hold is `SendOnly`, resume `SendRecv`; `None` makes the re-INVITE offerless.
    pub fn change(&mut self, index: usize, method: &Method, direction: Option<SdpDirection>) {
        let spec = direction.map(|direction| self.codecs().with_direction(direction));
        let contact = self.contact();
        let Some(builder) = self.inside(index, method) else {
            return;
        };
        let builder = builder.header(HeaderName::Contact, contact);
        let call = &mut self.calls[index];
        call.change_code = None;
        let request = match spec {
            Some(spec) => builder
                .body("application/sdp", &call.session.make_offer(&spec))
                .finish(),
            None => builder.finish(),
        };
        let client = self.send(request, Purpose::Change(index));
        self.calls[index].client = Some(client);
        self.drain();
    }

    /// Gives up a change that was offered.
    pub fn cancel_change(&mut self, index: usize) {
        if let Some(client) = self.calls[index].client {
            let _ = self.layer.cancel(self.now, client, None);
        }
        self.drain();
    }

    /// Sends INFO or MESSAGE within the call.
    pub fn pass(&mut self, index: usize, method: &Method, kind: &str, body: &str) {
        if let Some(builder) = self.inside(index, method) {
            self.send(builder.body(kind, body.as_bytes()).finish(), Purpose::Other);
        }
        self.drain();
    }

    /// Decides on a change it waited with.
    pub fn decide(&mut self, index: usize, code: u16) {
        if let Some((server, request)) = self.calls[index].waiting.take() {
            self.answer_change(index, server, &request, code);
        }
        self.drain();
    }

    // ---- what comes in ------------------------------------------------------------------------

    fn by_dialog(&self, message: &Message) -> Option<usize> {
        let id = DialogId::of_request(message)?;
        self.calls
            .iter()
            .position(|call| call.dialog.as_ref().is_some_and(|dialog| *dialog.id() == id))
    }

    fn simple(&mut self, id: ServerId, message: &Message, code: u16) {
        let reply = Builder::reply(message, StatusCode::new(code).unwrap(), Some("simple")).finish();
        let _ = self.layer.respond(self.now, id, reply);
    }

    fn request(&mut self, id: ServerId, message: Message) {
        if message.to_tag().is_none() {
            return match message.method() {
                Method::Invite => self.invited(id, message),
                Method::Message => {
                    self.texts.push(message.body_text().into_owned());
                    self.simple(id, &message, 200);
                }
                Method::Options => self.simple(id, &message, 200),
                _ => self.simple(id, &message, 405),
            };
        }
        let Some(index) = self.by_dialog(&message) else {
            return self.simple(id, &message, 481);
        };
        let dialog = self.calls[index].dialog.as_mut().expect("it was found by it");
        if dialog.accept(&message).is_err() {
            return self.simple(id, &message, 500);
        }
        match message.method() {
            Method::Bye => {
                self.simple(id, &message, 200);
                let call = &mut self.calls[index];
                call.accepted = None;
                call.phase = Phase::Over(200);
                if let Some((server, request)) = call.waiting.take() {
                    self.simple(server, &request, 487);
                }
            }
            Method::Invite | Method::Update => {
                let waits = self.mood.waits_with_changes && *message.method() == Method::Invite;
                match self.mood.refuses_changes {
                    Some(code) if !message.body().is_empty() => self.simple(id, &message, code),
                    Some(_) | None if waits => self.calls[index].waiting = Some((id, message)),
                    Some(_) | None => self.answer_change(index, id, &message, 200),
                }
            }
            Method::Info | Method::Message => {
                self.calls[index].passed.push(message.body_text().into_owned());
                self.simple(id, &message, 200);
            }
            _ => self.simple(id, &message, 405),
        }
    }

    fn invited(&mut self, id: ServerId, message: Message) {
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

    fn answer_change(&mut self, index: usize, id: ServerId, message: &Message, code: u16) {
        if code != 200 {
            return self.simple(id, message, code);
        }
        let codecs = self.codecs();
        let contact = self.contact();
        let call = &mut self.calls[index];
        let builder = Builder::reply(message, StatusCode::OK, None).header(HeaderName::Contact, contact);
        let invite = *message.method() == Method::Invite;
        let reply = if message.body().is_empty() {
            let offer = invite.then(|| call.session.make_offer(&codecs));
            call.offered_late = offer.is_some();
            match offer {
                Some(body) => builder.body("application/sdp", &body).finish(),
                None => builder.finish(),
            }
        } else {
            let offered = call
                .session
                .receive_offer(message.body())
                .expect("the switch's offers are in order");
            call.changes += 1;
            let body = call
                .session
                .make_answer(&answer_to(&offered, &codecs))
                .expect("codecs are in common");
            call.heard = Some(offered);
            builder.body("application/sdp", &body).finish()
        };
        if invite {
            call.accepted = Some(Accepted::new(
                self.now,
                reply.bytes().clone(),
                &LayerConfig::default().timers,
            ));
        }
        let _ = self.layer.respond(self.now, id, reply);
    }

    fn acknowledged(&mut self, message: &Message) {
        let Some(index) = self.by_dialog(message) else { return };
        let call = &mut self.calls[index];
        call.accepted = None;
        if !message.body().is_empty() && (call.offered_late || call.session.state() == media::State::OfferSent) {
            call.heard = call.session.receive_answer(message.body()).ok();
            call.offered_late = false;
        }
    }

    fn cancelled(&mut self, id: ServerId) {
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

    fn response(&mut self, id: ClientId, message: &Message) {
        let Some(purpose) = self.purposes.get(&id).copied() else {
            return;
        };
        let code = message.status().unwrap().code();
        if code == 401 {
            if let Some(again) = self
                .sent
                .get(&id)
                .cloned()
                .and_then(|request| self.again(&request, message))
            {
                let wanted = !matches!(purpose, Purpose::Invite(index) if self.calls[index].phase == Phase::Ending);
                if wanted {
                    let client = self.send(again.clone(), purpose);
                    if let Purpose::Invite(index) = purpose {
                        self.calls[index].client = Some(client);
                        self.calls[index].invite = again;
                    }
                    return;
                }
            }
        }
        match purpose {
            Purpose::Register if code >= 200 => self.registered = Some(code),
            Purpose::Message if code >= 200 => self.message_code = Some(code),
            Purpose::Invite(index) => self.invite_response(index, code, message),
            Purpose::Change(index) => self.change_response(index, code, message),
            Purpose::Bye(index) if code >= 200 => self.calls[index].phase = Phase::Over(200),
            Purpose::Register | Purpose::Message | Purpose::Bye(_) | Purpose::Other => {}
        }
    }

    fn invite_response(&mut self, index: usize, code: u16, message: &Message) {
        let forgets = self.mood.forgets_ack;
        let call = &mut self.calls[index];
        call.last = message.clone();
        match code {
            100 => {}
            101..=199 => {
                if matches!(call.phase, Phase::Trying) {
                    call.phase = Phase::Ringing;
                }
                call.take_description(message);
                call.early_media |= !message.body().is_empty();
            }
            200..=299 => {
                let cancelled = call.phase == Phase::Ending;
                if call.dialog.is_none() {
                    call.dialog = Dialog::uac(&call.invite, message).ok();
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

    fn acknowledge(&mut self, index: usize, message: &Message) {
        let via = self.via();
        let codecs = self.codecs();
        let flow = self.flow();
        let call = &mut self.calls[index];
        let Some(dialog) = &call.dialog else { return };
        let seq = message.cseq().unwrap().number;
        let repeated = call.ack.as_ref().filter(|ack| ack.cseq().unwrap().number == seq);
        let ack = match repeated {
            Some(ack) => ack.clone(),
            None => {
                let builder = dialog.ack(seq, via);
                if call.session.state() == media::State::OfferReceived {
                    let offered = call.heard.clone().expect("an offer was heard");
                    let body = call
                        .session
                        .make_answer(&answer_to(&offered, &codecs))
                        .expect("codecs are in common");
                    builder.body("application/sdp", &body).finish()
                } else {
                    builder.finish()
                }
            }
        };
        self.layer.send(flow, &ack);
        call.ack = Some(ack);
    }

    fn change_response(&mut self, index: usize, code: u16, message: &Message) {
        if code < 200 {
            return;
        }
        let call = &mut self.calls[index];
        call.last = message.clone();
        call.change_code = Some(code);
        if code < 300 {
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

    fn failed(&mut self, id: ClientId) {
        match self.purposes.get(&id).copied() {
            Some(Purpose::Register) => self.registered = Some(408),
            Some(Purpose::Message) => self.message_code = Some(408),
            Some(Purpose::Invite(index)) => self.calls[index].phase = Phase::Over(408),
            Some(Purpose::Bye(index)) => self.calls[index].phase = Phase::Over(408),
            Some(Purpose::Change(index)) => {
                self.calls[index].change_code = Some(408);
                self.calls[index].session.rollback();
                if self.calls[index].phase == Phase::Up {
                    self.hang_up_call(index);
                }
            }
            Some(Purpose::Other) | None => {}
        }
    }

    /// Transactions that are still open.
    pub fn transactions(&self) -> usize {
        self.layer.client_count() + self.layer.server_count()
    }
}

/// The usual answer of a phone: what it has of what is offered, in the mirrored direction.
fn answer_to(offered: &Spec, own: &Spec) -> Spec {
    offered.intersect(own).with_direction(offered.direction().reversed())
}

impl PhoneCall {
    fn new(invite: Message, session: Session, tag: String, incoming: bool) -> Self {
        Self {
            phase: Phase::Trying,
            incoming,
            last: invite.clone(),
            invite,
            heard: None,
            changes: 0,
            change_code: None,
            passed: Vec::new(),
            early_media: false,
            tag,
            dialog: None,
            server: None,
            client: None,
            session,
            waiting: None,
            accepted: None,
            ack: None,
            offered_late: false,
            tries: 0,
        }
    }

    fn answer_offer(&mut self, codecs: &Spec) -> Option<Bytes> {
        self.tries += 1;
        match (&self.heard, self.session.is_established()) {
            (Some(_), true) => self.session.last_local().cloned(),
            (Some(offered), false) => self.session.make_answer(&answer_to(&offered.clone(), codecs)).ok(),
            (None, _) => Some(self.session.make_offer(codecs)),
        }
    }

    fn take_description(&mut self, message: &Message) {
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
