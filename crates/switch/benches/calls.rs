//! Calls through the pure switch: INVITE in, ringing, answer, ACK, BYE from the caller, all of it.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p switch`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

use std::{net::SocketAddr, time::Instant as Clock};

use bytes::Bytes;
use sip::{Builder, Flow, HeaderName, Instant, Limits, Message, Method, StatusCode, Transport};
use switch::{
    AccountChange, Binding, Config, Device, Dial, Dtmf, Extension, Ha1, Input, Keys, Listener, NatPolicy, Output,
    Position, Query, ScriptCommand, ScriptEvent, Strategy, Switch, Target, Transcode, Trusted, Verb,
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

struct Bench {
    switch: Switch,
    now: u64,
    sent: Vec<Message>,
    work: Vec<Input>,
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
    fn new(phones: u64) -> Self {
        let config = Config {
            trusted: vec![Trusted {
                network: [127, 0, 0, 1].into(),
                prefix: 32,
                extension: "u0001".into(),
            }],
            media_ports: (10_000, 65_000),
            ..Config::default()
        };
        let mut bench = Self {
            switch: Switch::new(config, [1; 32], &Keys { nonce: [2; 32] }),
            now: 0,
            sent: Vec::new(),
            work: Vec::new(),
        };
        bench.take(Input::Clock { unix_micros: 0 });
        let address = "127.0.0.1:5060".parse().unwrap();
        bench.take(Input::Listening(vec![Listener {
            transport: Transport::Udp,
            address,
        }]));
        for number in (0..phones)
            .map(|n| format!("u{n:04}"))
            .chain(["u0001".into(), "uas".into()])
        {
            bench.account(&number);
        }
        bench
    }

    fn account(&mut self, number: &str) {
        let extension = Extension {
            number: number.into(),
            ..Extension::default()
        };
        self.take(Input::Account(AccountChange::Extension(extension)));
        self.take(Input::Account(AccountChange::Device(Device {
            username: number.into(),
            extension: number.into(),
            ha1: Ha1 {
                md5: [0; 16],
                sha256: [0; 32],
            },
            codecs: Vec::new(),
            nat: NatPolicy::Source,
            transport: None,
            require_qop: false,
            transcode: Transcode::Auto,
            dtmf: Dtmf::Auto,
        })));
        self.count_binding(number);
    }

    fn count_binding(&mut self, number: &str) {
        let id = u64::from_str_radix(&number.bytes().map(|b| format!("{:02x}", b)).collect::<String>(), 16).unwrap();
        self.take(Input::Restored(Binding {
            id,
            number: number.into(),
            username: number.into(),
            contact: format!("sip:{number}@127.0.0.1:8570"),
            flow: flow(8570),
            path: Vec::new(),
            instance: None,
            reg_id: None,
            q: 1_000,
            call_id: number.into(),
            cseq: 1,
            user_agent: "bench".into(),
            registered_at: 0,
            expires_at: i64::MAX / 2,
        }));
    }

    fn take(&mut self, input: Input) {
        self.work.push(input);
        while let Some(input) = self.work.pop() {
            self.switch.handle(Instant::from_micros(self.now), input);
            loop {
                match self.switch.poll_output() {
                    Output::Timeout(_) => break,
                    Output::Transmit(out) => self.sent.push(Message::parse(out.bytes, &Limits::default()).unwrap()),
                    Output::Query(query, Query::OpenCdr(_)) => self.work.push(Input::Stored { query, ok: true }),
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

    fn receive(&mut self, port: u16, message: Message) {
        self.sent.clear();
        self.take(Input::Received {
            flow: flow(port),
            bytes: message.bytes().clone(),
        });
    }

    fn call(&mut self, n: u64) {
        self.now += 700;
        let request = |method: Method, uri: &str, seq: u32, to_tag: &str, branch: &str| {
            Builder::request(&method, uri)
                .header(
                    HeaderName::Via,
                    format_args!("SIP/2.0/UDP 127.0.0.1:8560;branch=z9hG4bK{branch}{n}"),
                )
                .header(
                    HeaderName::From,
                    format_args!("\"Alice\" <sip:u0001@127.0.0.1>;tag=a{n}"),
                )
                .header(HeaderName::To, format_args!("<sip:uas@127.0.0.1>{to_tag}"))
                .header(HeaderName::CallId, format_args!("call-{n}@127.0.0.1"))
                .header(HeaderName::CSeq, format_args!("{seq} {method}"))
                .header(HeaderName::Contact, "<sip:u0001@127.0.0.1:8560>")
                .header(HeaderName::MaxForwards, 70)
        };
        let invite = request(Method::Invite, "sip:uas@127.0.0.1", 1, "", "i").body("application/sdp", SDP.as_bytes());
        self.receive(8560, invite.finish());
        let out = self
            .sent
            .iter()
            .find(|m| *m.method() == Method::Invite && m.is_request())
            .unwrap()
            .clone();
        let contact = "<sip:uas@127.0.0.1:8570>";
        let ringing = Builder::reply(&out, StatusCode::RINGING, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, ringing.finish());
        let ok = Builder::reply(&out, StatusCode::OK, Some("b")).header(HeaderName::Contact, contact);
        self.receive(8570, ok.body("application/sdp", SDP.as_bytes()).finish());
        let ok = self
            .sent
            .iter()
            .find(|m| m.status() == Some(StatusCode::OK))
            .unwrap()
            .clone();
        let tag = format!(";tag={}", ok.to_tag().unwrap());
        self.receive(
            8560,
            request(Method::Ack, "sip:uas@127.0.0.1:5060", 1, &tag, "k").finish(),
        );
        self.receive(
            8560,
            request(Method::Bye, "sip:uas@127.0.0.1:5060", 2, &tag, "b").finish(),
        );
        let bye = self
            .sent
            .iter()
            .find(|m| *m.method() == Method::Bye && m.is_request())
            .unwrap()
            .clone();
        self.receive(8570, Builder::reply(&bye, StatusCode::OK, None).finish());
    }
}

fn script(command: ScriptCommand) -> Option<Input> {
    let event = match command {
        ScriptCommand::Start { call, facts, .. } => ScriptEvent::Verb {
            call,
            verb: Verb::Dial(Box::new(Dial {
                delays: Vec::new(),
                targets: vec![Target::Extension(facts.dialed)],
                timeout: std::time::Duration::from_secs(20),
                strategy: Strategy::All,
                caller_id: None,
                headers: Vec::new(),
                auto_answer: false,
                record: None,
            })),
            at: Position::default(),
        },
        ScriptCommand::Resume { call, .. } | ScriptCommand::Cancel { call } => {
            ScriptEvent::Ended { call, result: Ok(()) }
        }
    };
    Some(Input::Script(event))
}

fn main() {
    let _ = Bytes::new();
    for phones in [1, 10_000] {
        let mut bench = Bench::new(phones);
        let mut n = 0;
        let mut rates: Vec<f64> = (0..5)
            .map(|_| {
                let begin = Clock::now();
                for _ in 0..20_000 {
                    n += 1;
                    bench.call(n);
                }
                20_000.0 / begin.elapsed().as_secs_f64()
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        println!("switch_calls_with_{phones}_phones {:.0} calls/s", rates[2]);
    }
}
