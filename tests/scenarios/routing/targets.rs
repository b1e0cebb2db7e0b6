//! A name with several addresses: where one address fails, the next is tried (RFC 3263 section 4.3).

use std::time::Duration;

use sip::{Method, Transport};
use switch::{AccountChange, Disposition, Dtmf, Input, NatPolicy, Transcode};
use tests::{Stage, Wire, sdp};

const FIRST: &str = "198.51.200.1:5060";
const SECOND: &str = "198.51.200.2:5060";

/// A stage whose script calls a name with two addresses, and the peers at these addresses.
fn called() -> (Stage, Wire, Wire) {
    let stage =
        Stage::plan(r#"fn on_call(caller) { caller.ring(); caller.dial("sip:x@two.example", #{ timeout: 60 }); }"#);
    let (first, second) = named(&stage, "two.example");
    (stage, first, second)
}

fn named(stage: &Stage, name: &str) -> (Wire, Wire) {
    let (first, second) = (stage.wire(FIRST), stage.wire(SECOND));
    stage.with(|world| {
        world.hosts.insert(name.into(), first.address);
        world.others.insert(name.into(), vec![second.address]);
    });
    (first, second)
}

fn answers(wire: &Wire, invite: &sip::Message) {
    let host = wire.address.ip().to_string();
    wire.replies(invite, 200, &host, |reply| {
        reply.body("application/sdp", sdp(&host, 9_000).as_bytes())
    });
    wire.takes_request(Method::Ack);
}

/// The last message to this address could not be sent: its port is closed, or its host is not reached.
fn fails(stage: &Stage, remote: &str) {
    let flow = sip::Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    };
    stage.tells(Input::TransmitFailed { flow });
}

#[test]
fn a_call_reaches_the_second_address_where_the_first_says_nothing() {
    let (stage, first, second) = called();
    let alice = stage.phone("101");
    let began = stage.with(|world| world.now);
    alice.calls("900");
    let asked = first.takes_request(Method::Invite);
    let invite = second.takes_request(Method::Invite);
    let waited = stage.with(|world| world.now).since(began);
    assert!((4..6).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(
        (invite.call_id(), invite.cseq().unwrap(), invite.from_tag()),
        (asked.call_id(), asked.cseq().unwrap(), asked.from_tag()),
        "the same request"
    );
    answers(&second, &invite);
    alice.talks();
    stage.pass(3.0);
    alice.hangs_up();
    let bye = second.takes_request(Method::Bye);
    second.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    assert_eq!(stage.record().disposition, Disposition::Answered);
    // The transaction with the first address ends separately.
    stage.pass(40.0);
    stage.clears();
}

#[test]
fn an_address_that_cannot_be_reached_costs_no_time() {
    let (stage, first, second) = called();
    let alice = stage.phone("101");
    alice.calls("900");
    first.takes_request(Method::Invite);
    let began = stage.with(|world| world.now);
    fails(&stage, FIRST);
    let invite = second.takes_request(Method::Invite);
    assert!(stage.with(|world| world.now).since(began) < Duration::from_millis(200));
    answers(&second, &invite);
    alice.talks().hangs_up();
    let bye = second.takes_request(Method::Bye);
    second.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_503_leads_to_the_next_address_and_a_486_does_not() {
    for (code, asked) in [(503, true), (486, false)] {
        let (stage, first, second) = called();
        let alice = stage.phone("101");
        alice.calls("900");
        let invite = first.takes_request(Method::Invite);
        first.replies(&invite, code, "far", |reply| reply);
        first.takes_request(Method::Ack);
        if asked {
            let invite = second.takes_request(Method::Invite);
            second.replies(&invite, 486, "far", |reply| reply);
            second.takes_request(Method::Ack);
        }
        alice.ends_with(486);
        assert!(second.collects(10.0).is_empty());
        stage.clears();
    }
}

#[test]
fn where_no_address_is_reached_the_call_fails() {
    let (stage, first, second) = called();
    let alice = stage.phone("101");
    alice.calls("900");
    first.takes_request(Method::Invite);
    fails(&stage, FIRST);
    second.takes_request(Method::Invite);
    fails(&stage, SECOND);
    alice.ends_with(480);
    stage.clears();
}

#[test]
fn a_caller_that_gives_up_takes_the_call_from_every_address() {
    let (stage, first, second) = called();
    let alice = stage.phone("101");
    alice.calls("900");
    let early = first.takes_request(Method::Invite);
    let invite = second.takes_request(Method::Invite);
    second.replies(&invite, 180, "far", |reply| reply);
    stage.pass(1.0);
    alice.hangs_up().ends_with(487);
    let cancel = second.takes_request(Method::Cancel);
    second.replies(&cancel, 200, "far", |reply| reply);
    second.replies(&invite, 487, "far", |reply| reply);
    second.takes_request(Method::Ack);
    // The first peer wakes up: it must not ring.
    first.replies(&early, 180, "slow", |reply| reply);
    let cancel = first.takes_request(Method::Cancel);
    first.replies(&cancel, 200, "slow", |reply| reply);
    first.replies(&early, 487, "slow", |reply| reply);
    first.takes_request(Method::Ack);
    stage.clears();
}

#[test]
fn of_two_addresses_that_both_answer_the_first_to_do_so_talks_and_the_other_is_hung_up() {
    let (stage, first, second) = called();
    let alice = stage.phone("101");
    alice.calls("900");
    let early = first.takes_request(Method::Invite);
    let invite = second.takes_request(Method::Invite);
    answers(&first, &early);
    alice.talks();
    answers(&second, &invite);
    let bye = second.takes_request(Method::Bye);
    second.replies(&bye, 200, "far", |reply| reply);
    alice.hangs_up();
    let bye = first.takes_request(Method::Bye);
    first.replies(&bye, 200, "far", |reply| reply);
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_message_reaches_the_second_address_of_a_phone_too() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    stage.with(|world| {
        let pair = sip::digest::Ha1Pair::new("102", "tandem.local", "102102");
        let device = switch::Device {
            username: "102".into(),
            extension: "102".into(),
            ha1: switch::Ha1 {
                md5: pair.md5,
                sha256: pair.sha256,
            },
            codecs: Vec::new(),
            nat: NatPolicy::Contact,
            transport: None,
            require_qop: false,
            transcode: Transcode::Auto,
            dtmf: Dtmf::Auto,
        };
        world.handle(Input::Account(AccountChange::Device(device)));
    });
    let (first, second) = named(&stage, "phones.example");
    bob.with(|phone| phone.believes = Some("phones.example".into()));
    bob.registers(3_600);
    alice.with(|phone| phone.text("102", "lunch?"));
    first.takes_request(Method::Message);
    let text = second.takes_request(Method::Message);
    assert_eq!(text.body(), b"lunch?");
    second.replies(&text, 200, "far", |reply| reply);
    stage.pass(1.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(200));
    stage.pass(40.0);
    stage.clears();
}
