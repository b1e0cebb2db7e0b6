//! A request from its first try to the result for its owner, without legs and calls.

use std::{sync::Arc, time::Duration};

use sip::{
    Builder, Flow, HeaderName, Instant, Message, Method, StatusCode, Transport,
    dialog::Dialog,
    digest::{Algorithm, Challenge, Credentials as Shown, Ha1Pair, verify},
    transaction::{Layer, TxEvent, TxOutput},
};

use super::*;
use crate::{
    Config, Listener,
    ids::Ids,
    stack::{credentials::Credentials, layer_config},
};

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

fn stack() -> Stack {
    let config = Arc::new(Config::default());
    let layer = Layer::new(layer_config(&config.transactions));
    let mut cx = Stack::new(config, layer, Ids::new([7; 32]));
    cx.listeners = [Transport::Udp, Transport::Tcp]
        .map(|transport| Listener {
            transport,
            address: "192.0.2.1:5060".parse().unwrap(),
        })
        .to_vec();
    cx
}

/// The outcome: requests with their destinations, and what the owner was told.
#[derive(Default)]
struct Seen {
    sent: Vec<(Flow, Message)>,
    told: Vec<RequestEvent>,
    /// The dialog's next number, for requests within a dialog.
    number: Option<u32>,
}

impl Seen {
    /// Takes the outputs of the layer, and does with them what the machine does.
    fn pump(&mut self, cx: &mut Stack) {
        while let Some(output) = cx.layer.poll() {
            let heard = match output {
                TxOutput::Transmit { flow, bytes } => {
                    let message = Message::parse(bytes, &sip::Limits::default()).unwrap();
                    self.sent.push((flow, message));
                    continue;
                }
                TxOutput::Event(TxEvent::Response { id, flow, message }) => heard(cx, id, flow, &message),
                TxOutput::Event(TxEvent::TimedOut { id }) => failed(cx, id, Why::TimedOut),
                TxOutput::Event(TxEvent::TransportFailed { id }) => failed(cx, id, Why::Unsent),
                TxOutput::Event(TxEvent::ClientGone { id }) => {
                    gone(cx, id);
                    continue;
                }
                TxOutput::Event(other) => panic!("{other:?}"),
            };
            self.go_on(cx, heard);
        }
    }

    fn go_on(&mut self, cx: &mut Stack, heard: Heard) {
        let told = match heard {
            Heard::Nothing => None,
            Heard::Tell(told) => Some(told),
            Heard::Again(next) => {
                let number = match next.number {
                    Number::Same => None,
                    Number::Next => Some(message(cx, next.id).unwrap().cseq().unwrap().number + 1),
                    Number::OfDialog => self.number,
                };
                again(cx, &next, number, None)
            }
        };
        self.told.extend(told.map(|told| told.event));
    }

    /// The last request other than ACK and CANCEL, and its destination.
    fn last(&self) -> (Flow, Message) {
        let requests = self.sent.iter().rev();
        let mut requests = requests.filter(|(_, sent)| !matches!(sent.method(), Method::Ack | Method::Cancel));
        requests.next().unwrap().clone()
    }

    /// How many requests went to this destination, including retransmissions and CANCEL.
    fn sent_to(&self, remote: &str) -> usize {
        self.sent
            .iter()
            .filter(|(flow, _)| flow.remote == remote.parse().unwrap())
            .count()
    }

    /// The peer answers the last request.
    fn answer(&mut self, cx: &mut Stack, code: u16, fields: &[(HeaderName, &str)]) {
        let (flow, request) = self.last();
        self.answer_to(cx, flow, &request, code, fields);
    }

    fn answer_to(&mut self, cx: &mut Stack, flow: Flow, request: &Message, code: u16, fields: &[(HeaderName, &str)]) {
        let mut builder = Builder::reply(request, StatusCode::new(code).unwrap(), Some("theirs"));
        for (name, value) in fields {
            builder = builder.header(*name, value);
        }
        let now = cx.now;
        cx.layer.receive(now, flow, builder.finish());
        self.pump(cx);
    }

    /// The code that the owner was told last; for a failure, the code it counts as.
    fn code(&self) -> Option<u16> {
        self.told.last().map(|event| match event {
            RequestEvent::Provisional(reply) | RequestEvent::Final(reply) => reply.code(),
            RequestEvent::Failed(why) => why.code(),
        })
    }

    /// Time passes.
    fn pass(&mut self, cx: &mut Stack, seconds: u64) {
        for _ in 0..seconds * 2 {
            cx.now += Duration::from_millis(500);
            let now = cx.now;
            cx.layer.timeout(now);
            self.pump(cx);
            while let Some(TimerKey::Request(id)) = cx.timers.pop(now) {
                let heard = silent(cx, id);
                self.go_on(cx, heard);
                self.pump(cx);
            }
        }
    }
}

/// Begins a request to these targets.
fn begin_to(cx: &mut Stack, outline: Outline<'_>, remotes: &[&str]) -> (Seen, RequestId) {
    let outside = Outside {
        uri: "sip:102@phones.example",
        routes: &[],
        from: "<sip:101@192.0.2.1>;tag=ours",
        to: "<sip:102@phones.example>",
        max_forwards: 70,
    };
    let ways: Vec<Flow> = remotes.iter().map(|remote| flow(remote)).collect();
    let targets = Targets::of(ways[0], &ways[1..]);
    let id = send(cx, outline, &outside, targets, Owner::Stray).unwrap();
    let mut seen = Seen::default();
    seen.pump(cx);
    (seen, id)
}

fn invite<'a>() -> Outline<'a> {
    Outline::new(&Method::Invite)
        .contact("101")
        .body("application/sdp", b"v=0\r\n")
}

const A: &str = "198.51.100.1:5060";
const B: &str = "198.51.100.2:5060";
const C: &str = "198.51.100.3:5060";

fn challenge(realm: &str, nonce: &str, stale: bool) -> String {
    Challenge {
        realm: realm.into(),
        nonce: nonce.into(),
        opaque: None,
        stale,
        algorithm: Algorithm::Sha256,
    }
    .to_string()
}

/// Whether a request proves the password, with this nonce count.
fn shows(request: &Message, field: HeaderName, realm: &str, count: u32) -> bool {
    let shown = request.headers(field).filter_map(|value| Shown::parse(value).ok());
    let mut shown = shown.filter(|shown| shown.realm == realm && shown.nc == Some(count) && shown.uri == request.uri());
    shown.any(|shown| verify(&shown, &Ha1Pair::new("tandem", realm, "secret"), request.method(), b""))
}

fn branch(request: &Message) -> String {
    request.top_via().unwrap().branch().unwrap_or_default().to_owned()
}

#[test]
fn a_challenge_is_answered_with_the_credentials_that_the_request_has() {
    let mut cx = stack();
    let own = Arc::new(Credentials::with_password("tandem", "secret"));
    let (mut seen, _) = begin_to(&mut cx, invite().credentials(Some(own)), &[A]);
    let (_, first) = seen.last();
    let proxy = challenge("edge", "n1", false);
    seen.answer(&mut cx, 407, &[(HeaderName::ProxyAuthenticate, &proxy)]);
    let (to, second) = seen.last();
    assert_eq!(to, flow(A));
    // RFC 3261 22.2, 8.1.3.5: the same Call-ID, To and From, the next CSeq number, another branch.
    assert_eq!(second.header(HeaderName::CSeq), Some("2 INVITE"));
    for same in [
        HeaderName::CallId,
        HeaderName::From,
        HeaderName::To,
        HeaderName::Contact,
    ] {
        assert_eq!(second.header(same), first.header(same));
    }
    assert_ne!(branch(&second), branch(&first));
    assert_eq!(second.body(), first.body());
    assert!(shows(&second, HeaderName::ProxyAuthorization, "edge", 1));
    assert!(seen.told.is_empty(), "its owner hears nothing of that");
    // RFC 3261 22.3: the next hop challenges too. Both challenges are answered, the first with its next nonce count.
    let phone = challenge("phones", "n2", false);
    seen.answer(&mut cx, 401, &[(HeaderName::WwwAuthenticate, &phone)]);
    let (_, third) = seen.last();
    assert_eq!(third.header(HeaderName::CSeq), Some("3 INVITE"));
    assert!(shows(&third, HeaderName::ProxyAuthorization, "edge", 2));
    assert!(shows(&third, HeaderName::Authorization, "phones", 1));
    // Only the nonce is too old: the password is still right.
    let stale = challenge("phones", "n3", true);
    seen.answer(&mut cx, 401, &[(HeaderName::WwwAuthenticate, &stale)]);
    assert!(shows(&seen.last().1, HeaderName::Authorization, "phones", 1));
    seen.answer(&mut cx, 180, &[]);
    seen.answer(&mut cx, 200, &[]);
    let [RequestEvent::Provisional(_), RequestEvent::Final(reply)] = &seen.told[..] else {
        panic!("{:?}", seen.told)
    };
    assert_eq!(reply.request.header(HeaderName::CSeq), Some("4 INVITE"));
}

#[test]
fn a_challenge_that_cannot_be_answered_goes_to_the_owner() {
    for (own, realm, sent) in [
        (None, "edge", 1),
        // RFC 3261 22.2: credentials that were just rejected are not tried again.
        (Some(Credentials::with_password("tandem", "wrong")), "edge", 2),
    ] {
        let mut cx = stack();
        let (mut seen, _) = begin_to(&mut cx, invite().credentials(own.map(Arc::new)), &[A]);
        for nonce in ["n1", "n2"] {
            if seen.told.is_empty() {
                let value = challenge(realm, nonce, false);
                seen.answer(&mut cx, 407, &[(HeaderName::ProxyAuthenticate, &value)]);
            }
        }
        assert_eq!(seen.code(), Some(407));
        let invites = seen
            .sent
            .iter()
            .filter(|(_, request)| *request.method() == Method::Invite);
        assert_eq!(invites.count(), sent);
        seen.pass(&mut cx, 40);
        assert_eq!(
            (cx.requests.len(), cx.requests.transactions(), cx.timers.len()),
            (0, 0, 0)
        );
    }
}

#[test]
fn a_challenge_within_a_dialog_takes_the_dialog_s_next_number() {
    let mut cx = stack();
    let (mut seen, _) = begin_to(&mut cx, invite(), &[A]);
    seen.answer(&mut cx, 200, &[(HeaderName::Contact, "<sip:102@198.51.100.1>")]);
    let [RequestEvent::Final(reply)] = &seen.told[..] else {
        panic!("{:?}", seen.told)
    };
    let mut dialog = Dialog::uac(&reply.request, &reply.response).unwrap();
    let own = Arc::new(Credentials::with_password("tandem", "secret"));
    let bye = Outline::new(&Method::Bye).credentials(Some(own));
    within(&mut cx, bye, &mut dialog, flow(A), Owner::Stray).unwrap();
    seen.pump(&mut cx);
    assert_eq!(seen.last().1.header(HeaderName::CSeq), Some("2 BYE"));
    dialog.next_number(); // another request was sent in between
    seen.number = Some(dialog.next_number());
    let value = challenge("phones", "n1", false);
    seen.answer(&mut cx, 401, &[(HeaderName::WwwAuthenticate, &value)]);
    let (_, second) = seen.last();
    assert_eq!(second.header(HeaderName::CSeq), Some("4 BYE"));
    assert!(shows(&second, HeaderName::Authorization, "phones", 1));
    seen.answer(&mut cx, 200, &[]);
    assert_eq!(seen.code(), Some(200));
}

#[test]
fn a_session_interval_is_raised_until_each_hop_accepts_it() {
    let mut cx = stack();
    let asks = invite()
        .header(HeaderName::SessionExpires, "1800")
        .header(HeaderName::MinSe, "90");
    let (mut seen, _) = begin_to(&mut cx, asks, &[A]);
    for (wanted, number) in [("3600", "2 INVITE"), ("7200", "3 INVITE")] {
        seen.answer(&mut cx, 422, &[(HeaderName::MinSe, wanted)]);
        let (_, request) = seen.last();
        assert_eq!(request.header(HeaderName::CSeq), Some(number));
        assert_eq!(request.header(HeaderName::SessionExpires), Some(wanted));
        assert_eq!(request.header(HeaderName::MinSe), Some(wanted));
    }
    seen.answer(&mut cx, 422, &[(HeaderName::MinSe, "7200")]);
    assert_eq!(seen.code(), Some(422), "it was asked for");
}

#[test]
fn each_failure_of_rfc_3263_leads_to_the_next_target_with_the_same_request() {
    let mut cx = stack();
    let (mut seen, _) = begin_to(&mut cx, invite(), &[A, B, C]);
    let (_, first) = seen.last();
    let now = cx.now;
    cx.layer.transport_failed(now, &flow(A));
    seen.pump(&mut cx);
    let (to, second) = seen.last();
    assert_eq!(to, flow(B));
    for same in [HeaderName::CSeq, HeaderName::CallId, HeaderName::From, HeaderName::To] {
        assert_eq!(second.header(same), first.header(same));
    }
    assert_ne!(branch(&second), branch(&first));
    seen.answer(&mut cx, 100, &[]);
    seen.answer(&mut cx, 503, &[]);
    assert_eq!(seen.last().0, flow(C));
    seen.answer(&mut cx, 503, &[]);
    assert_eq!(seen.code(), Some(503), "nothing is left to be tried");
    seen.pass(&mut cx, 40);
    assert_eq!(
        (cx.requests.len(), cx.requests.transactions(), cx.timers.len()),
        (0, 0, 0)
    );
}

#[test]
fn no_other_target_is_tried_once_a_target_rings() {
    let mut cx = stack();
    let (mut seen, _) = begin_to(&mut cx, invite(), &[A, B]);
    seen.answer(&mut cx, 180, &[]);
    seen.pass(&mut cx, 10);
    seen.answer(&mut cx, 503, &[]);
    assert_eq!(seen.code(), Some(503));
    assert_eq!(seen.sent_to(B), 0);
}

#[test]
fn the_next_target_is_tried_after_a_while_of_silence() {
    for (method, outline) in [
        (Method::Invite, invite()),
        (
            Method::Message,
            Outline::new(&Method::Message).body("text/plain", b"hello"),
        ),
    ] {
        let mut cx = stack();
        let silence = cx.config.limits.target_silence;
        let (mut seen, _) = begin_to(&mut cx, outline, &[A, B]);
        seen.pass(&mut cx, silence.as_secs() - 1);
        assert_eq!(seen.sent_to(B), 0);
        seen.pass(&mut cx, 1);
        assert_eq!(seen.last().0, flow(B), "{method}");
        // The last target has the whole time of its transaction.
        seen.pass(&mut cx, 30);
        assert!(seen.told.is_empty());
        seen.pass(&mut cx, 5);
        assert_eq!(seen.code(), Some(408));
        seen.pass(&mut cx, 40);
        assert_eq!(
            (cx.requests.len(), cx.requests.transactions(), cx.timers.len()),
            (0, 0, 0)
        );
    }
}

#[test]
fn a_late_target_is_cancelled_if_it_rings_and_counts_if_it_answers() {
    let mut cx = stack();
    let (mut seen, _) = begin_to(&mut cx, invite(), &[A, B]);
    let (_, first) = seen.last();
    seen.pass(&mut cx, 5);
    let (_, second) = seen.last();
    seen.answer_to(&mut cx, flow(A), &first, 180, &[]);
    let cancel = |seen: &Seen, remote: &str| {
        let mut sent = seen.sent.iter();
        sent.any(|(to, sent)| *sent.method() == Method::Cancel && to.remote == remote.parse().unwrap())
    };
    assert!(cancel(&seen, A) && seen.told.is_empty());
    seen.answer(&mut cx, 180, &[]);
    assert_eq!(seen.code(), Some(180), "of the second");
    // The person at the first target answered before the CANCEL came.
    seen.answer_to(&mut cx, flow(A), &first, 200, &[]);
    let Some(RequestEvent::Final(reply)) = seen.told.last() else {
        panic!("{:?}", seen.told)
    };
    assert_eq!((branch(&reply.request), reply.flow), (branch(&first), flow(A)));
    assert!(cancel(&seen, B));
    seen.answer_to(&mut cx, flow(B), &second, 487, &[]);
    assert_eq!(seen.told.len(), 2);
}

#[test]
fn a_request_that_is_cancelled_is_tried_nowhere_else() {
    let mut cx = stack();
    let (mut seen, id) = begin_to(&mut cx, invite(), &[A, B]);
    cancel(&mut cx, id, None);
    seen.pass(&mut cx, 10);
    let now = cx.now;
    cx.layer.transport_failed(now, &flow(A));
    seen.pump(&mut cx);
    assert_eq!((seen.code(), seen.sent_to(B)), (Some(503), 0));
}

#[test]
fn a_large_request_goes_over_tcp_then_udp_then_to_the_next_target() {
    let mut cx = stack();
    let long = "x".repeat(cx.config.limits.datagram_bytes);
    let (mut seen, _) = begin_to(&mut cx, invite().other("X-Long", long), &[A, B]);
    let mut ways = Vec::new();
    for _ in 0..4 {
        let (to, request) = seen.last();
        ways.push((to.transport, to.remote.to_string()));
        assert_eq!(request.top_via().unwrap().transport(), Some(to.transport));
        let now = cx.now;
        cx.layer.transport_failed(now, &to);
        seen.pump(&mut cx);
    }
    let way = |transport, remote: &str| (transport, remote.to_owned());
    assert_eq!(
        ways,
        [
            way(Transport::Tcp, A),
            way(Transport::Udp, A),
            way(Transport::Tcp, B),
            way(Transport::Udp, B)
        ]
    );
    assert_eq!(seen.code(), Some(503));
}

#[test]
fn there_is_a_limit_to_the_tries_of_one_request() {
    let mut cx = stack();
    let most = cx.config.limits.request_tries;
    let remotes: Vec<String> = (1..100).map(|n| format!("198.51.100.{n}:5060")).collect();
    let remotes: Vec<&str> = remotes.iter().map(String::as_str).collect();
    let (mut seen, _) = begin_to(&mut cx, invite(), &remotes);
    while seen.told.is_empty() {
        seen.answer(&mut cx, 503, &[]);
    }
    let invites = seen.sent.iter().filter(|(_, sent)| *sent.method() == Method::Invite);
    assert_eq!((seen.code(), invites.count()), (Some(503), most));
}

#[test]
fn a_new_target_is_told_the_address_of_ours_that_it_reaches() {
    let mut cx = stack();
    let (mut seen, id) = begin_to(&mut cx, invite(), &[A]);
    let (_, first) = seen.last();
    assert_eq!(first.header(HeaderName::Contact), Some("<sip:101@192.0.2.1:5060>"));
    let other = Flow {
        local: "[2001:db8::1]:5060".parse().unwrap(),
        ..flow("[2001:db8::9]:5060")
    };
    cx.requests
        .get_mut(id)
        .unwrap()
        .targets
        .ways
        .push_back(Target { way: other, aim: None });
    seen.answer(&mut cx, 503, &[]);
    let (to, second) = seen.last();
    assert_eq!(to, other);
    assert_eq!(second.header(HeaderName::Contact), Some("<sip:101@[2001:db8::1]:5060>"));
    assert!(second.header(HeaderName::Via).unwrap().contains("[2001:db8::1]:5060"));
}

#[test]
fn a_request_without_room_leaves_nothing_behind() {
    let mut config = Config::default();
    config.transactions.clients = 0;
    let config = Arc::new(config);
    let layer = Layer::new(layer_config(&config.transactions));
    let mut cx = Stack::new(config, layer, Ids::new([7; 32]));
    let outside = Outside {
        uri: "sip:102@phones.example",
        routes: &[],
        from: "<sip:101@192.0.2.1>;tag=ours",
        to: "<sip:102@phones.example>",
        max_forwards: 70,
    };
    assert!(send(&mut cx, invite(), &outside, Targets::of(flow(A), &[]), Owner::Stray).is_none());
    assert!(send(&mut cx, invite(), &outside, Targets::default(), Owner::Stray).is_none());
    assert_eq!((cx.requests.len(), cx.now), (0, Instant::ZERO));
}
