//! What the benches of calls share: a switch with its phones, the surroundings that answer at once, and the messages of a call.

mod begin;

use std::time::{Duration, Instant as Clock};

use begin::flow;
use sip::{Builder, HeaderName, Instant, Limits, Message, Method, StatusCode};
use switch::{
    Binding, Config, Dial, Ha1, Input, Output, Position, Query, ScriptCommand, ScriptEvent, Strategy, Switch, Target,
    Trusted, Verb,
};

/// The extension whose calls need no password: it makes all calls.
pub const CALLER: &str = "u0001";

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// A switch, and what it sends.
pub struct Bench {
    switch: Switch,
    now: u64,
    wake: u64,
    sent: Vec<Message>,
    work: Vec<Input>,
    phones: u64,
    /// Spent in the switch.
    pub spent: Duration,
    /// NOTIFYs that came; each is answered at once.
    pub notifies: u64,
}

impl Bench {
    /// A switch with these settings and a phone of each number.
    pub fn new(config: Config, numbers: impl IntoIterator<Item = String>) -> Self {
        let config = Config {
            trusted: vec![Trusted {
                network: [127, 0, 0, 1].into(),
                prefix: 32,
                extension: CALLER.into(),
            }],
            media_ports: (10_000, 65_000),
            ..config
        };
        let mut bench = Self {
            switch: begin::switch(config),
            now: 0,
            wake: u64::MAX,
            sent: Vec::new(),
            work: Vec::new(),
            phones: 0,
            spent: Duration::ZERO,
            notifies: 0,
        };
        for input in begin::ready() {
            bench.take(input);
        }
        for number in numbers {
            bench.phone(number);
        }
        bench
    }

    /// An extension with a phone that has registered.
    fn phone(&mut self, number: String) {
        self.phones += 1;
        let ha1 = Ha1 {
            md5: [0; 16],
            sha256: [0; 32],
        };
        for input in begin::account(&number, ha1) {
            self.take(input);
        }
        self.take(Input::Restored(Binding {
            id: self.phones,
            username: number.clone(),
            contact: format!("sip:{number}@127.0.0.1:8570"),
            flow: flow(8570),
            path: Vec::new(),
            instance: None,
            reg_id: None,
            q: 1_000,
            call_id: number.clone(),
            number,
            cseq: 1,
            user_agent: "bench".into(),
            registered_at: 0,
            expires_at: i64::MAX / 2,
        }));
    }

    /// Lets the switch do what is due in this time; nothing where that is no time.
    pub fn pass(&mut self, micros: u64) {
        if micros == 0 {
            return;
        }
        let until = self.now + micros;
        while self.wake <= until {
            self.now = self.now.max(self.wake);
            self.take(Input::Tick);
        }
        self.now = until;
    }

    /// Time goes on, and the switch is not asked for what is due: what it keeps of past calls adds up.
    #[allow(dead_code, reason = "only for the bench of calls")]
    pub fn skip(&mut self, micros: u64) {
        self.now += micros;
    }

    fn take(&mut self, input: Input) {
        self.work.push(input);
        while let Some(input) = self.work.pop() {
            let began = Clock::now();
            self.switch.handle(Instant::from_micros(self.now), input);
            self.spent += began.elapsed();
            loop {
                let began = Clock::now();
                let output = self.switch.poll_output();
                self.spent += began.elapsed();
                match output {
                    Output::Timeout(at) => {
                        self.wake = at.as_micros();
                        break;
                    }
                    Output::Transmit(out) => self.came(Message::parse(out.bytes, &Limits::default()).unwrap()),
                    Output::Query(query, Query::OpenCdr(_) | Query::SaveSubscription(_)) => {
                        self.work.push(Input::Stored { query, ok: true });
                    }
                    Output::Script(command) => self.work.extend(script(command)),
                    Output::Query(..)
                    | Output::Media(_)
                    | Output::Forget(_)
                    | Output::Subscriptions(_)
                    | Output::DropMessage(_)
                    | Output::CdrAnswered(_)
                    | Output::Quality { .. }
                    | Output::Journal(_)
                    | Output::Cdr(_)
                    | Output::Event(_)
                    | Output::Recording(_)
                    | Output::Reply(..) => {}
                }
            }
        }
    }

    fn came(&mut self, message: Message) {
        if *message.method() != Method::Notify || !message.is_request() {
            return self.sent.push(message);
        }
        self.notifies += 1;
        let reply = Builder::reply(&message, StatusCode::OK, None).finish();
        self.work.push(Input::Received {
            flow: flow(8580),
            bytes: reply.bytes().clone(),
        });
    }

    /// A message comes from the phone at this port.
    pub fn receive(&mut self, port: u16, message: &Message) {
        self.sent.clear();
        self.take(Input::Received {
            flow: flow(port),
            bytes: message.bytes().clone(),
        });
    }

    fn last(&self, so: impl Fn(&Message) -> bool) -> Message {
        self.sent.iter().find(|message| so(message)).unwrap().clone()
    }

    /// A call: it rings, is answered, and ends. `step`: the virtual time between its steps.
    pub fn call(&mut self, n: u64, callee: &str, step: u64) {
        let uri = format!("sip:{callee}@127.0.0.1");
        let request = |method: Method, seq: u32, to_tag: &str, branch: &str| {
            Builder::request(&method, &uri)
                .header(
                    HeaderName::Via,
                    format_args!("SIP/2.0/UDP 127.0.0.1:8560;branch=z9hG4bK{branch}{n}"),
                )
                .header(
                    HeaderName::From,
                    format_args!("\"Alice\" <sip:{CALLER}@127.0.0.1>;tag=a{n}"),
                )
                .header(HeaderName::To, format_args!("<{uri}>{to_tag}"))
                .header(HeaderName::CallId, format_args!("call-{n}@127.0.0.1"))
                .header(HeaderName::CSeq, format_args!("{seq} {method}"))
                .header(HeaderName::Contact, format_args!("<sip:{CALLER}@127.0.0.1:8560>"))
                .header(HeaderName::MaxForwards, 70)
        };
        let invite = request(Method::Invite, 1, "", "i").body("application/sdp", SDP.as_bytes());
        self.receive(8560, &invite.finish());
        let out = self.last(|m| *m.method() == Method::Invite && m.is_request());
        self.pass(step);
        let contact = "<sip:uas@127.0.0.1:8570>";
        let ringing = Builder::reply(&out, StatusCode::RINGING, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, &ringing.finish());
        self.pass(step);
        let ok = Builder::reply(&out, StatusCode::OK, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, &ok.body("application/sdp", SDP.as_bytes()).finish());
        let ok = self.last(|m| m.status() == Some(StatusCode::OK));
        let tag = format!(";tag={}", ok.to_tag().unwrap());
        self.receive(8560, &request(Method::Ack, 1, &tag, "k").finish());
        self.pass(step);
        self.receive(8560, &request(Method::Bye, 2, &tag, "b").finish());
        let bye = self.last(|m| *m.method() == Method::Bye && m.is_request());
        self.receive(8570, &Builder::reply(&bye, StatusCode::OK, None).finish());
        self.pass(2 * step);
    }
}

/// The dialplan: each call goes to the extension that was dialled.
fn script(command: ScriptCommand) -> Option<Input> {
    let event = match command {
        ScriptCommand::Start { call, facts, .. } => {
            let dial = Dial {
                targets: vec![Target::Extension(facts.dialed)],
                timeout: Duration::from_secs(20),
                strategy: Strategy::All,
                caller_id: None,
                headers: Vec::new(),
                auto_answer: false,
                record: None,
                delays: Vec::new(),
            };
            ScriptEvent::Verb {
                call,
                verb: Verb::Dial(Box::new(dial)),
                at: Position::default(),
            }
        }
        ScriptCommand::Resume { call, .. } | ScriptCommand::Cancel { call } => {
            ScriptEvent::Ended { call, result: Ok(()) }
        }
    };
    Some(Input::Script(event))
}
