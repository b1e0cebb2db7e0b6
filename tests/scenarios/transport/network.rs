//! TCP, IPv6, NAT, large requests, and phones behind proxies.

use media::SdpDirection::SendOnly;
use sip::{HeaderName, Method, Transport};
use switch::{Binding, Input, Listener};
use tests::{Actor, Phase, Stage, sdp};

const A: &str = "198.51.100.11:5060";
const B: &str = "198.51.100.12:5060";

fn whole_call(stage: &Stage, alice: &Actor, bob: &Actor) {
    alice.calls("102").hears_ringing();
    bob.rings().answers().talks();
    alice.talks().holds();
    bob.hears(SendOnly).hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

/// How many INVITEs the switch sent this way.
fn invites(stage: &Stage, to: &str, by: &str) -> usize {
    let ladder = stage.ladder();
    let lines = ladder
        .lines()
        .filter(|line| line.contains(&format!("-> {to}")) && line.contains(" INVITE sip:"));
    lines.filter(|line| line.ends_with(by)).count()
}

#[test]
fn phones_talk_over_tcp_and_over_both() {
    for (one, other) in [
        (Transport::Tcp, Transport::Tcp),
        (Transport::Tcp, Transport::Udp),
        (Transport::Udp, Transport::Tcp),
    ] {
        let stage = Stage::default();
        let (alice, bob) = (stage.phone_at("101", A, one), stage.phone_at("102", B, other));
        whole_call(&stage, &alice, &bob);
        let contact = bob.call(|call| call.invite.header(HeaderName::Contact).unwrap().to_owned());
        assert_eq!(contact.contains(";transport=tcp"), other == Transport::Tcp, "{contact}");
    }
}

#[test]
fn phones_talk_over_ipv6_and_between_the_families() {
    let six = |n: u8| format!("[2001:db8::{n}]:5060");
    for (one, other) in [(six(17), six(18)), (six(17), B.to_owned()), (A.to_owned(), six(18))] {
        let stage = Stage::default();
        let alice = stage.phone_at("101", &one, Transport::Udp);
        let bob = stage.phone_at("102", &other, Transport::Tcp);
        whole_call(&stage, &alice, &bob);
        let body = bob.call(|call| String::from_utf8_lossy(call.invite.body()).into_owned());
        let expected = if other.starts_with('[') {
            "c=IN IP6 2001:db8::1\r\n"
        } else {
            "c=IN IP4 192.0.2.1\r\n"
        };
        assert!(body.contains(expected), "{body}");
    }
}

#[test]
fn a_connection_that_ends_in_a_call_does_not_end_the_call() {
    let stage = Stage::default();
    let alice = stage.phone_at("101", A, Transport::Tcp);
    let bob = stage.phone_at("102", B, Transport::Tcp);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    stage.with(|world| world.cuts(A.parse().unwrap()));
    alice.holds();
    bob.hears(SendOnly);
    // Now the switch has something to say to a phone whose connection is new.
    bob.hangs_up().ends_with(200);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_hang_up_does_not_wait_for_a_phone_whose_connection_has_ended() {
    let stage = Stage::default();
    let alice = stage.phone_at("101", A, Transport::Tcp);
    let bob = stage.phone_at("102", B, Transport::Tcp);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.pass(1.0);
    stage.with(|world| world.cuts(A.parse().unwrap()));
    bob.hangs_up().ends_with(200);
    stage.pass(1.0);
    assert_eq!(stage.with(|world| world.stats().legs), 0, "{}", stage.ladder());
    alice.feels(|mood| mood.dead = true);
    stage.clears();
}

#[test]
fn a_phone_whose_connection_is_gone_is_reached_at_its_contact_or_not_at_all() {
    let stage = Stage::default();
    let alice = stage.phone_at("101", A, Transport::Tcp);
    let bob = stage.phone_at("102", B, Transport::Tcp);
    stage.with(|world| world.cuts(B.parse().unwrap()));
    alice.calls("102").ends_with(480);
    assert_eq!(bob.phase(), None, "{}", stage.ladder());
    stage.with(|world| world.streams.listening.insert(B.parse().unwrap()));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_call_ends_at_once_when_the_callee_s_connection_ends_before_an_answer() {
    let stage = Stage::default();
    let alice = stage.phone_at("101", A, Transport::Udp);
    let bob = stage.phone_at("102", B, Transport::Tcp);
    // The phone was unplugged: its connection is known to be gone only when something is sent over it.
    bob.feels(|mood| mood.dead = true);
    alice.calls("102");
    stage.pass(0.1);
    let before = stage.with(|world| world.now);
    stage.with(|world| world.cuts(B.parse().unwrap()));
    alice.ends_with(480);
    let waited = stage.with(|world| world.now).as_micros() - before.as_micros();
    assert!(waited < 1_000_000, "RFC 3261 8.1.3.1: {waited}");
    alice.with(|phone| phone.text("102", "hello"));
    stage.pass(0.1);
    assert_eq!(alice.with(|phone| phone.message_code), Some(202));
    bob.feels(|mood| mood.dead = false);
    stage.clears();
}

#[test]
fn a_request_too_large_for_a_datagram_goes_over_tcp() {
    let stage = Stage::plan(&large());
    let alice = stage.phone_at("101", A, Transport::Udp);
    let bob = stage.phone_at("102", B, Transport::Udp);
    stage.with(|world| world.streams.listening.insert(B.parse().unwrap()));
    alice.calls("102");
    bob.rings();
    assert_eq!(
        (invites(&stage, B, "[tcp]"), invites(&stage, B, "+sdp")),
        (1, 0),
        "{}",
        stage.ladder()
    );
    let via = bob.call(|call| call.invite.header(HeaderName::Via).unwrap().to_owned());
    assert!(via.starts_with("SIP/2.0/TCP "), "{via}");
    bob.answers().talks();
    alice.talks().holds();
    bob.hears(SendOnly);
    alice.hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_request_over_tcp_names_the_listener_that_its_responses_reach() {
    let stage = Stage::plan(&large());
    let listener = |transport, address: &str| Listener {
        transport,
        address: address.parse().unwrap(),
    };
    stage.tells(Input::Listening(vec![
        listener(Transport::Tcp, "203.0.113.1:5070"),
        listener(Transport::Udp, "192.0.2.1:5060"),
        listener(Transport::Tcp, "192.0.2.1:5062"),
    ]));
    let alice = stage.phone_at("101", A, Transport::Udp);
    let bob = stage.phone_at("102", B, Transport::Udp);
    stage.with(|world| world.streams.listening.insert(B.parse().unwrap()));
    alice.calls("102");
    bob.rings();
    let via = bob.call(|call| call.invite.header(HeaderName::Via).unwrap().to_owned());
    assert!(via.starts_with("SIP/2.0/TCP 192.0.2.1:5062;"), "{via}");
    bob.answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn where_tcp_fails_it_goes_over_udp_after_all() {
    let stage = Stage::plan(&large());
    let alice = stage.phone_at("101", A, Transport::Udp);
    let bob = stage.phone_at("102", B, Transport::Udp);
    alice.calls("102");
    bob.rings();
    let via = bob.call(|call| call.invite.header(HeaderName::Via).unwrap().to_owned());
    assert!(via.starts_with("SIP/2.0/UDP "), "RFC 3261 18.1.1: {via}");
    assert!(stage.ladder().contains("[tcp] -- refused"));
    bob.answers().talks();
    alice.talks().hangs_up();
    bob.ends_with(200);
    stage.clears();
}

#[test]
fn a_caller_that_gives_up_while_tcp_is_tried() {
    let stage = Stage::plan(&large());
    let alice = stage.phone_at("101", A, Transport::Udp);
    let bob = stage.phone_at("102", B, Transport::Udp);
    alice.calls("102").hears_ringing().hangs_up().ends_with(487);
    stage.pass(40.0);
    assert!(bob.phase().is_none_or(|phase| phase == Phase::Over(487)));
    stage.clears();
}

fn large() -> String {
    let filler = "x".repeat(900);
    format!(
        r#"fn on_call(caller) {{
            caller.ring();
            caller.dial("102", #{{ headers: #{{ "X-One": "{filler}", "X-Two": "{filler}" }} }});
        }}"#
    )
}

#[test]
fn a_message_without_a_usable_length_on_a_stream_is_refused_and_begins_no_call() {
    let stage = Stage::default();
    let bob = stage.phone("102");
    let alice = stage.phone_at("101", A, Transport::Tcp);
    alice.calls("102");
    bob.rings();
    alice.hangs_up().ends_with(487);
    // The same INVITE with its credentials, but only its head, and without a usable length.
    let invite = alice.call(|call| call.invite.bytes().clone());
    let text = String::from_utf8_lossy(&invite).replace("CSeq: ", "CSeq: 9");
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    for (length, code) in [("", 400), ("Content-Length: 70000\r\n", 413)] {
        let lines = head.iter().filter(|line| !line.starts_with("Content-Length"));
        let bytes: String = lines.map(|line| format!("{line}\r\n")).collect();
        let flow = sip::Flow {
            transport: Transport::Tcp,
            local: A.parse().unwrap(),
            remote: "192.0.2.1:5060".parse().unwrap(),
            connection: None,
        };
        let told = alice.was_told(code);
        let bytes = format!("{bytes}{length}\r\n").into();
        stage.with(|world| world.stream_in(flow.local, flow, bytes));
        stage.pass(1.0);
        assert_eq!(alice.was_told(code), told + 1, "{}", stage.ladder());
    }
    assert_eq!(stage.with(|world| world.stats().calls), 0, "{}", stage.ladder());
    stage.clears();
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_it_came_from() {
    // The Contact has a private address, which Tandem cannot reach.
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    bob.with(|phone| phone.believes = Some("10.0.0.7:5060".into()));
    bob.registers(3_600);
    whole_call(&stage, &alice, &bob);
    let uri = bob.call(|call| call.invite.uri().to_owned());
    assert_eq!(
        uri, "sip:102@10.0.0.7:5060",
        "the Request-URI is the contact all the same"
    );
}

#[test]
fn a_phone_behind_a_proxy_is_reached_by_its_path() {
    let stage = Stage::default();
    let alice = stage.phone("101");
    let _account = stage.unregistered("102");
    let wire = stage.wire("198.51.200.1:5060");
    let flow = sip::Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: wire.address,
        connection: None,
    };
    stage.tells(Input::Restored(Binding {
        id: 7,
        number: "102".into(),
        username: "102".into(),
        contact: "sip:102@10.0.0.7".into(),
        flow,
        path: vec!["<sip:edge@198.51.200.1;lr>".into(), "<sip:core@10.9.9.9;lr>".into()],
        instance: None,
        reg_id: None,
        q: 1_000,
        call_id: "r".into(),
        cseq: 1,
        user_agent: String::new(),
        registered_at: 0,
        expires_at: 1_767_225_600_000_000 + 3_600_000_000,
    }));
    alice.calls("102");
    let invite = wire.takes_request(Method::Invite);
    let routes: Vec<&str> = invite.values(HeaderName::Route).collect();
    assert_eq!(
        routes,
        ["<sip:edge@198.51.200.1;lr>", "<sip:core@10.9.9.9;lr>"],
        "RFC 3327 5.3"
    );
    assert_eq!(invite.uri(), "sip:102@10.0.0.7");
    wire.replies(&invite, 200, "far", |reply| {
        reply.body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
    });
    wire.takes_request(Method::Ack);
    alice.talks().hangs_up();
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "far", |reply| reply);
    stage.clears();
}

#[test]
fn an_unreachable_host_ends_the_request_at_once() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.feels(|mood| mood.dead = true);
    let unreachable = |stage: &Stage| {
        let flow = sip::Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: stage.with(|world| world.phones[1].address),
            connection: None,
        };
        stage.tells(Input::TransmitFailed { flow });
    };
    alice.calls("102");
    stage.pass(0.1);
    unreachable(&stage);
    alice.ends_with(480);
    assert!(stage.with(|world| world.now.as_micros()) < 1_000_000);
    alice.with(|phone| phone.text("102", "hello"));
    stage.pass(0.1);
    unreachable(&stage);
    stage.pass(0.1);
    assert_eq!(alice.with(|phone| phone.message_code), Some(202));
    bob.feels(|mood| mood.dead = false);
    stage.clears();
}
