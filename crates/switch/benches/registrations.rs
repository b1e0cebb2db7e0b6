//! Registrations through the pure switch: REGISTER in, 401, REGISTER with credentials, committed at once, 200.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p switch --bench registrations`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

#[path = "common/begin.rs"]
mod begin;

use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use sip::{
    HeaderName, Instant, Limits, Message, Method,
    digest::{ChallengeParsed, Ha1Pair, answer},
};
use switch::{Config, Ha1, Input, Output, Query, Switch};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PHONES: usize = 10_000;
const URI: &str = "sip:127.0.0.1";

struct Bench {
    switch: Switch,
    now: u64,
    sent: Option<Bytes>,
    rounds: u32,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            switch: begin::switch(Config::default()),
            now: 0,
            sent: None,
            rounds: 0,
        };
        for input in begin::ready() {
            bench.take(input);
        }
        for number in (0..PHONES).map(phone) {
            bench.account(&number);
        }
        bench
    }

    fn account(&mut self, number: &str) {
        let Ha1Pair { md5, sha256 } = Ha1Pair::new(number, "tandem.local", "secret");
        for input in begin::account(number, Ha1 { md5, sha256 }) {
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            self.switch.handle(Instant::from_micros(self.now), input);
            loop {
                match self.switch.poll_output() {
                    Output::Timeout(_) => break,
                    Output::Transmit(out) => self.sent = Some(out.bytes),
                    Output::Query(query, Query::SaveBindings(_)) => next = Some(Input::Stored { query, ok: true }),
                    Output::Query(..)
                    | Output::Script(_)
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

    fn request(&self, n: usize, sequence: usize, credentials: &str) -> Bytes {
        let (number, round) = (phone(n), self.rounds);
        Bytes::from(format!(
            "REGISTER {URI} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:36195;rport;branch=z9hG4bK-{round}-{n}-{sequence}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{number}@127.0.0.1>;tag={round}-{n}\r\n\
             To: <sip:{number}@127.0.0.1>\r\n\
             Call-ID: {n}-{round}@127.0.0.1\r\n\
             CSeq: {sequence} REGISTER\r\n\
             Contact: <sip:{number}@127.0.0.1:36195>\r\n\
             Expires: 3600\r\n\
             User-Agent: SIPp\r\n{credentials}\
             Content-Length: 0\r\n\r\n"
        ))
    }

    /// Every phone signs in once; the time that the switch took.
    fn round(&mut self) -> Duration {
        self.rounds += 1;
        let mut spent = Duration::ZERO;
        for n in 0..PHONES {
            self.now += 1_000;
            let bare = self.request(n, 1, "");
            spent += self.receive(bare);
            let refusal = Message::parse(self.sent.take().unwrap(), &Limits::default()).unwrap();
            let challenge = ChallengeParsed::parse(refusal.header(HeaderName::WwwAuthenticate).unwrap()).unwrap();
            let shown = answer(&challenge, &phone(n), "secret", &Method::Register, URI, 1, "c");
            let proved = self.request(n, 2, &format!("Authorization: {shown}\r\n"));
            spent += self.receive(proved);
            assert!(self.sent.take().unwrap().starts_with(b"SIP/2.0 200"));
        }
        spent
    }

    fn receive(&mut self, bytes: Bytes) -> Duration {
        let begin = Clock::now();
        self.take(Input::Received {
            flow: begin::flow(36_195),
            bytes,
        });
        begin.elapsed()
    }
}

fn phone(n: usize) -> String {
    format!("p{n:05}")
}

fn main() {
    let mut bench = Bench::new();
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / PHONES as f64;
    println!("switch_first_registration {:.2} us", each(bench.round()));
    let mut again: Vec<f64> = (0..5).map(|_| each(bench.round())).collect();
    again.sort_by(f64::total_cmp);
    println!("switch_registration {:.2} us", again[2]);
}
