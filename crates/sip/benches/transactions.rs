//! What a call costs in the transaction layer, and a REGISTER in digest. Prints a table.
//!
//! `cargo bench -p sip --bench transactions`

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use sip::{
    Builder, Flow, HeaderName, Instant, Limits, Message, Method, StatusCode, Transport,
    dialog::Dialog,
    digest::{Binding, ChallengeParsed, Credentials, Ha1Pair, Holder, Nonces, Replay, answer, verify},
    transaction::{Layer, LayerConfig, ServerId, TxEvent, TxOutput},
};

const ROUNDS: u32 = 20_000;

/// Times `work`; a single round where this is not run as a benchmark, only to see that it works.
fn measure(name: &str, rounds: u32, mut work: impl FnMut(u32)) {
    if !std::env::args().any(|arg| arg == "--bench") {
        return work(0);
    }
    (0..rounds / 10).for_each(&mut work);
    #[allow(clippy::disallowed_methods)] // A benchmark reads the clock.
    let begin = std::time::Instant::now();
    (rounds / 10..rounds + rounds / 10).for_each(&mut work);
    let each = begin.elapsed().as_nanos() / u128::from(rounds);
    println!("{name:<44} {each:>9} ns");
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: "127.0.0.1:5062".parse().unwrap(),
        connection: None,
    }
}

fn request(method: &Method, round: u32) -> Bytes {
    let number = if *method == Method::Bye { 2 } else { 1 };
    let tag = if *method == Method::Invite { "" } else { ";tag=b" };
    let body = [b'x'; 400];
    Builder::request(method, "sip:102@127.0.0.1")
        .header(
            HeaderName::Via,
            format_args!("SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{method}{round}"),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "\"Alice\" <sip:101@127.0.0.1>;tag=a")
        .header(HeaderName::To, format_args!("<sip:102@127.0.0.1>{tag}"))
        .header(HeaderName::CallId, format_args!("call-{round}@127.0.0.1"))
        .header(HeaderName::CSeq, format_args!("{number} {method}"))
        .header(HeaderName::Contact, "<sip:101@127.0.0.1:5062>")
        .body("application/sdp", &body)
        .finish()
        .bytes()
        .clone()
}

fn receive(layer: &mut Layer, now: Instant, bytes: Bytes) -> Option<ServerId> {
    let message = Message::parse(bytes, &Limits::default()).unwrap();
    layer.receive(now, flow(), message.with_received(flow().remote));
    drain(layer)
}

fn drain(layer: &mut Layer) -> Option<ServerId> {
    let mut id = None;
    while let Some(output) = layer.poll() {
        if let TxOutput::Event(TxEvent::Request { id: new, .. }) = &output {
            id = Some(*new);
        }
        black_box(output);
    }
    id
}

/// One leg of a call as callee: INVITE, 180, 200, ACK, BYE, 200; a second passes with each thousand.
fn callee() {
    let mut layer = Layer::new(LayerConfig::default());
    measure("INVITE/180/200/ACK and BYE/200 as callee", ROUNDS, |round| {
        let now = Instant::from_micros(u64::from(round) * 1_000);
        let id = receive(&mut layer, now, request(&Method::Invite, round)).unwrap();
        let invite = layer.server_request(id).unwrap().clone();
        let dialog = Dialog::uas(&invite, "b").unwrap();
        for status in [StatusCode::RINGING, StatusCode::OK] {
            let answer = Builder::reply(&invite, status, Some(dialog.local_tag())).finish();
            layer.respond(now, id, answer).unwrap();
        }
        receive(&mut layer, now, request(&Method::Ack, round));
        let id = receive(&mut layer, now, request(&Method::Bye, round)).unwrap();
        let bye = layer.server_request(id).unwrap().clone();
        let ok = Builder::reply(&bye, StatusCode::OK, None).finish();
        layer.respond(now, id, ok).unwrap();
        layer.timeout(now);
        drain(&mut layer);
    });
    println!(
        "{:<44} {:>9}",
        "  transactions open at the end (32 s of them)",
        layer.server_count()
    );
}

/// One leg of a call as caller: INVITE, 180, 200, ACK, BYE, 200.
fn caller() {
    let mut layer = Layer::new(LayerConfig::default());
    let limits = Limits::default();
    let parse = |bytes: Bytes| Message::parse(bytes, &limits).unwrap();
    measure("INVITE/180/200/ACK and BYE/200 as caller", ROUNDS, |round| {
        let now = Instant::from_micros(u64::from(round) * 1_000);
        let invite = parse(request(&Method::Invite, round));
        layer.request(now, flow(), invite.clone()).unwrap();
        let answer = |request: &Message, status| {
            let contact = "<sip:102@127.0.0.1:5064>";
            let answer = Builder::reply(request, status, Some("b")).header(HeaderName::Contact, contact);
            answer.finish().bytes().clone()
        };
        receive(&mut layer, now, answer(&invite, StatusCode::RINGING));
        let ok = parse(answer(&invite, StatusCode::OK));
        layer.receive(now, flow(), ok.clone());
        let mut dialog = Dialog::uac(&invite, &ok).unwrap();
        let ack = dialog.ack(1, "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKack").finish();
        layer.send(flow(), &ack);
        let bye = dialog.request(
            &Method::Bye,
            format_args!("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKbye{round}"),
        );
        let bye = bye.finish();
        layer.request(now, flow(), bye.clone()).unwrap();
        receive(&mut layer, now, answer(&bye, StatusCode::OK));
        layer.timeout(now);
        drain(&mut layer);
    });
}

/// The layer's part of it alone: the messages are there already.
fn layer_alone() {
    let parse = |bytes: Bytes| Message::parse(bytes, &Limits::default()).unwrap();
    let messages: Vec<_> = (0..ROUNDS + ROUNDS / 10)
        .map(|round| {
            let invite = parse(request(&Method::Invite, round));
            let bye = parse(request(&Method::Bye, round));
            let invite_ok = Builder::reply(&invite, StatusCode::OK, Some("b")).finish();
            let bye_ok = Builder::reply(&bye, StatusCode::OK, None).finish();
            [invite, invite_ok, bye, bye_ok]
        })
        .collect();
    let mut layer = Layer::new(LayerConfig::default());
    measure("of it the layer: INVITE/200 and BYE/200", ROUNDS, |round| {
        let now = Instant::from_micros(u64::from(round) * 1_000);
        let [invite, invite_ok, bye, bye_ok] = &messages[round as usize];
        for (request, answer) in [(invite, invite_ok), (bye, bye_ok)] {
            layer.receive(now, flow(), request.clone());
            let id = drain(&mut layer).unwrap();
            layer.respond(now, id, answer.clone()).unwrap();
        }
        layer.timeout(now);
        drain(&mut layer);
    });
}

fn retransmission() {
    let mut layer = Layer::new(LayerConfig::default());
    let bytes = request(&Method::Invite, 0);
    let id = receive(&mut layer, Instant::ZERO, bytes.clone()).unwrap();
    let invite = layer.server_request(id).unwrap().clone();
    let ringing = Builder::reply(&invite, StatusCode::RINGING, Some("b")).finish();
    layer.respond(Instant::ZERO, id, ringing).unwrap();
    measure("a repeated INVITE, parsed and answered", ROUNDS, |_| {
        receive(&mut layer, Instant::ZERO, bytes.clone());
    });
}

fn digest() {
    let lifetime = Duration::from_secs(300);
    let mut nonces = Nonces::new([7; 32], lifetime);
    let mut replay = Replay::new(100_000, lifetime);
    let ha1 = Ha1Pair::new("101", "tandem.local", "secret");
    let holder = Holder { source: 1, user: "101" };
    for algorithm in ["MD5", "SHA-256"] {
        let nonce = nonces.issue(Instant::ZERO, Binding::Source, &holder);
        let text = format!("Digest realm=\"tandem.local\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"");
        let challenge = ChallengeParsed::parse(&text).unwrap();
        let value = answer(
            &challenge,
            "101",
            "secret",
            &Method::Register,
            "sip:tandem.local",
            1,
            "c",
        );
        measure(&format!("read, check nonce and verify, {algorithm}"), ROUNDS, |_| {
            let credentials = Credentials::parse(&value).unwrap();
            nonces.check(&credentials.nonce, Instant::ZERO, &holder).unwrap();
            assert!(verify(&credentials, &ha1, &Method::Register, b""));
        });
    }
    measure("issue a nonce and note its first use", ROUNDS, |_| {
        let nonce = nonces.issue(Instant::ZERO, Binding::Source, &holder);
        assert!(!replay.seen(&nonce, Some(1)));
    });
}

fn main() {
    callee();
    layer_alone();
    caller();
    retransmission();
    digest();
}
