//! What lamps cost on top of calls: 200 extensions that take 500 calls a second, with and without 2,000 subscriptions to
//! their lines, through the pure switch.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p switch --bench lamps`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant as Clock},
};

use sip::{Builder, Flow, HeaderName, Instant, Limits, Message, Method, StatusCode, Transport};
use switch::{
    AccountChange, Binding, Config, Dial, Extension, Input, Keys, Listener, Output, Position, Query, ScriptCommand,
    ScriptEvent, Strategy, Switch, Target, Trusted, Verb,
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// Extensions that are called.
const CALLED: u64 = 200;
/// Subscriptions to each of them.
const WATCHERS: u64 = 10;
/// Virtual time between two steps of all calls: a call has five, and five calls are under way at a time.
const STEP: u64 = 400;

struct Bench {
    switch: Switch,
    now: u64,
    /// Spent in the switch.
    spent: Duration,
    sent: Vec<Message>,
    wake: u64,
    notifies: u64,
}

fn flow(port: u16) -> Flow {
    let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    Flow {
        transport: Transport::Udp,
        local,
        remote: SocketAddr::new(local.ip(), port),
        connection: None,
    }
}

impl Bench {
    fn new() -> Self {
        let mut config = Config {
            trusted: vec![Trusted {
                network: [127, 0, 0, 1].into(),
                prefix: 32,
                extension: "caller".into(),
            }],
            media_ports: (10_000, 65_000),
            ..Config::default()
        };
        config.limits.services.subscriptions.per_extension = 10_000;
        let mut bench = Self {
            switch: Switch::new(config, [1; 32], &Keys { nonce: [2; 32] }),
            now: 0,
            spent: Duration::ZERO,
            sent: Vec::new(),
            wake: u64::MAX,
            notifies: 0,
        };
        bench.take(Input::Clock { unix_micros: 0 });
        let address = "127.0.0.1:5060".parse().unwrap();
        bench.take(Input::Listening(vec![Listener {
            transport: Transport::Udp,
            address,
        }]));
        bench.account("caller");
        for n in 0..CALLED {
            let number = format!("{}", 1_000 + n);
            bench.account(&number);
            bench.take(Input::Restored(Binding {
                id: 1_000 + n,
                number: number.clone(),
                username: number.clone(),
                contact: format!("sip:{number}@127.0.0.1:8570"),
                flow: flow(8570),
                path: Vec::new(),
                instance: None,
                reg_id: None,
                q: 1_000,
                call_id: number,
                cseq: 1,
                user_agent: "bench".into(),
                registered_at: 0,
                expires_at: i64::MAX / 2,
            }));
        }
        bench
    }

    fn account(&mut self, number: &str) {
        self.take(Input::Account(AccountChange::Extension(Extension {
            number: number.into(),
            ..Extension::default()
        })));
    }

    fn watch(&mut self) {
        for n in 0..CALLED * WATCHERS {
            let uri = format!("sip:{}@127.0.0.1", 1_000 + n % CALLED);
            let subscribe = Builder::request(&Method::Subscribe, &uri)
                .header(
                    HeaderName::Via,
                    format_args!("SIP/2.0/UDP 127.0.0.1:8580;branch=z9hG4bKs{n}"),
                )
                .header(HeaderName::From, format_args!("<sip:caller@127.0.0.1>;tag=w{n}"))
                .header(HeaderName::To, format_args!("<{uri}>"))
                .header(HeaderName::CallId, format_args!("lamp-{n}"))
                .header(HeaderName::CSeq, "1 SUBSCRIBE")
                .header(HeaderName::Contact, "<sip:caller@127.0.0.1:8580>")
                .header(HeaderName::Event, "dialog")
                .header(HeaderName::MaxForwards, 70)
                .finish();
            self.receive(8580, &subscribe);
            self.pass(1_000);
        }
        // All are told.
        for _ in 0..20_000 {
            self.pass(1_000);
        }
    }

    /// Lets the switch do what is due.
    fn pass(&mut self, micros: u64) {
        let until = self.now + micros;
        while self.wake <= until {
            self.now = self.now.max(self.wake);
            self.take(Input::Tick);
        }
        self.now = until;
    }

    fn take(&mut self, input: Input) {
        let mut work = vec![input];
        while let Some(input) = work.pop() {
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
                    Output::Transmit(out) => {
                        let message = Message::parse(out.bytes, &Limits::default()).unwrap();
                        if *message.method() == Method::Notify && message.is_request() {
                            self.notifies += 1;
                            let reply = Builder::reply(&message, StatusCode::OK, None).finish();
                            work.push(Input::Received {
                                flow: flow(8580),
                                bytes: reply.bytes().clone(),
                            });
                        } else {
                            self.sent.push(message);
                        }
                    }
                    Output::Query(query, Query::OpenCdr(_) | Query::SaveSubscription(_)) => {
                        work.push(Input::Stored { query, ok: true });
                    }
                    Output::Script(command) => work.extend(script(command)),
                    Output::Media(_)
                    | Output::Query(..)
                    | Output::Forget(_)
                    | Output::Subscriptions(_)
                    | Output::DropMessage(_)
                    | Output::CdrAnswered(_)
                    | Output::Cdr(_)
                    | Output::Quality { .. }
                    | Output::Recording(_)
                    | Output::Journal(_)
                    | Output::Event(_)
                    | Output::Reply(..) => {}
                }
            }
        }
    }

    fn receive(&mut self, port: u16, message: &Message) {
        self.sent.clear();
        self.take(Input::Received {
            flow: flow(port),
            bytes: message.bytes().clone(),
        });
    }

    fn last(&self, so: impl Fn(&Message) -> bool) -> Message {
        self.sent.iter().find(|message| so(message)).unwrap().clone()
    }

    /// A call: it rings, is answered, and ends. Time passes between its steps.
    fn call(&mut self, n: u64) {
        let callee = format!("sip:{}@127.0.0.1", 1_000 + n * 7 % CALLED);
        let request = |method: Method, seq: u32, to_tag: &str, branch: &str| {
            Builder::request(&method, &callee)
                .header(
                    HeaderName::Via,
                    format_args!("SIP/2.0/UDP 127.0.0.1:8560;branch=z9hG4bK{branch}{n}"),
                )
                .header(HeaderName::From, format_args!("<sip:caller@127.0.0.1>;tag=a{n}"))
                .header(HeaderName::To, format_args!("<{callee}>{to_tag}"))
                .header(HeaderName::CallId, format_args!("call-{n}"))
                .header(HeaderName::CSeq, format_args!("{seq} {method}"))
                .header(HeaderName::Contact, "<sip:caller@127.0.0.1:8560>")
                .header(HeaderName::MaxForwards, 70)
        };
        let invite = request(Method::Invite, 1, "", "i").body("application/sdp", SDP.as_bytes());
        self.receive(8560, &invite.finish());
        let out = self.last(|m| *m.method() == Method::Invite && m.is_request());
        self.pass(STEP);
        let contact = "<sip:uas@127.0.0.1:8570>";
        let ringing = Builder::reply(&out, StatusCode::RINGING, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, &ringing.finish());
        self.pass(STEP);
        let ok = Builder::reply(&out, StatusCode::OK, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, &ok.body("application/sdp", SDP.as_bytes()).finish());
        let ok = self.last(|m| m.status() == Some(StatusCode::OK));
        let tag = format!(";tag={}", ok.to_tag().unwrap());
        self.receive(8560, &request(Method::Ack, 1, &tag, "k").finish());
        self.pass(STEP);
        self.receive(8560, &request(Method::Bye, 2, &tag, "b").finish());
        let bye = self.last(|m| *m.method() == Method::Bye && m.is_request());
        self.receive(8570, &Builder::reply(&bye, StatusCode::OK, None).finish());
        self.pass(2 * STEP);
    }

    /// The time that one call takes in the switch, in microseconds, and the NOTIFYs for each call.
    fn cost(&mut self) -> (f64, f64) {
        let mut best = f64::MAX;
        let mut told = 0.0;
        let mut n = 0;
        for _ in 0..6 {
            (self.spent, self.notifies) = (Duration::ZERO, 0);
            for _ in 0..4_000 {
                n += 1;
                self.call(n);
            }
            let each = self.spent.as_secs_f64() * 1e6 / 4_000.0;
            if each < best {
                best = each;
            }
            told = self.notifies as f64 / 4_000.0;
        }
        (best, told)
    }
}

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

fn main() {
    let (alone, _) = Bench::new().cost();
    let mut bench = Bench::new();
    bench.watch();
    let (watched, told) = bench.cost();
    println!("lamps_call_alone {alone:.1} us");
    println!("lamps_call_watched {watched:.1} us");
    println!("lamps_notifies_a_call {told:.2} notifies");
    println!("lamps_cost {:.1} percent", (watched / alone - 1.0) * 100.0);
}
