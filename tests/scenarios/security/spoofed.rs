//! Answers and CANCELs from addresses outside the transaction change nothing (RFC 3261 26.1.2). Those of a known peer
//! at another of its addresses are accepted.

use sip::{Builder, HeaderName, Message, Method, StatusCode};
use switch::{AccountChange, Config, Disposition, Dtmf, Input, NatPolicy, Transcode, Trusted};
use tests::{Actor, Phase, Settings, Stage, Wire, sdp};

/// A third party that has seen the messages.
fn spoofer(stage: &Stage) -> Wire {
    stage.wire("203.0.113.66:5060")
}

/// The last request that came to a phone.
fn request(actor: &Actor, method: &Method) -> Message {
    actor.with(|phone| {
        let mut requests = phone.received.iter().filter(|message| message.is_request()).rev();
        requests.find(|message| message.method() == method).cloned().unwrap()
    })
}

fn answers(wire: &Wire, request: &Message, code: u16) {
    let body = sdp("203.0.113.66", 9_000);
    wire.replies(request, code, "spoofed", |reply| {
        reply.body("application/sdp", body.as_bytes())
    });
}

fn cancel_of(invite: &Message) -> Message {
    Builder::request(&Method::Cancel, invite.uri())
        .copy(invite, HeaderName::Via)
        .copy(invite, HeaderName::From)
        .copy(invite, HeaderName::To)
        .copy(invite, HeaderName::CallId)
        .header(HeaderName::CSeq, format!("{} CANCEL", invite.cseq().unwrap().number))
        .header(HeaderName::MaxForwards, 70)
        .finish()
}

#[test]
fn a_response_from_an_address_that_was_not_called_is_dropped() {
    let stage = Stage::default();
    let (alice, bob, spoofer) = (stage.phone("101"), stage.phone("102"), spoofer(&stage));
    alice.calls("102");
    bob.rings();
    let invite = request(&bob, &Method::Invite);
    for code in [183, 200, 302, 486, 603] {
        answers(&spoofer, &invite, code);
    }
    stage.pass(2.0);
    assert_eq!(alice.phase(), Some(Phase::Ringing), "{}", stage.ladder());
    bob.answers().talks();
    alice.talks();
    answers(&spoofer, &invite, 200);
    assert!(
        spoofer.collects(2.0).is_empty(),
        "no ACK and no BYE\n{}",
        stage.ladder()
    );
    stage.ends(&alice, &bob);
    assert_eq!(stage.record().disposition, Disposition::Answered);
}

#[test]
fn a_cancel_from_an_address_that_did_not_call_is_refused() {
    let stage = Stage::default();
    let (alice, bob, spoofer) = (stage.phone("101"), stage.phone("102"), spoofer(&stage));
    alice.calls("102");
    bob.rings();
    let invite = alice.call(|call| call.invite.clone());
    spoofer.sends(cancel_of(&invite));
    spoofer.takes_response(481);
    stage.pass(2.0);
    assert_eq!(bob.phase(), Some(Phase::Ringing), "{}", stage.ladder());
    bob.answers().talks();
    alice.talks();
    stage.ends(&alice, &bob);
}

#[test]
fn a_response_within_a_call_from_an_address_that_was_not_asked_is_dropped() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let spoofer = spoofer(&stage);
    bob.feels(|mood| mood.waits_with_changes = true);
    alice.begins_change(Method::Invite, Some(media::SdpDirection::SendOnly));
    stage.pass(0.2);
    for code in [481, 408, 200] {
        answers(&spoofer, &request(&bob, &Method::Invite), code);
    }
    stage.pass(0.5);
    bob.decides(200);
    alice.is_answered(200);
    bob.hears(media::SdpDirection::SendOnly);
    stage.ends(&alice, &bob);
}

#[test]
fn a_response_to_a_message_from_an_address_that_was_not_asked_is_dropped() {
    let stage = Stage::default();
    let (alice, bob, spoofer) = (stage.phone("101"), stage.phone("102"), spoofer(&stage));
    bob.feels(|mood| mood.refuses_texts = Some(603));
    alice.with(|phone| phone.text("102", "hello"));
    stage.with(|world| {
        world.until(std::time::Duration::from_secs(1), |world| {
            !world.phones[1].texts.is_empty()
        })
    });
    answers(&spoofer, &request(&bob, &Method::Message), 200);
    stage.pass(1.0);
    assert_eq!(alice.with(|phone| phone.message_code), Some(603));
    stage.clears();
}

#[test]
fn a_phone_that_has_changed_networks_answers_from_where_it_is_registered_now() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings();
    bob.with(|phone| phone.moves("198.51.101.77:5060"));
    bob.registers(3_600);
    bob.answers().talks();
    alice.talks();
    stage.pass(2.0);
    bob.holds().resumes();
    stage.ends(&alice, &bob);
}

#[test]
fn a_phone_that_is_called_at_its_contact_may_answer_from_where_it_registered() {
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
    let contact = stage.wire("198.51.200.1:5060");
    bob.with(|phone| phone.believes = Some("198.51.200.1:5060".into()));
    bob.registers(3_600);
    let registered = bob.with(|phone| phone.address);
    alice.calls("102");
    let invite = contact.takes_request(Method::Invite);
    let busy = Builder::reply(&invite, StatusCode::new(486).unwrap(), Some("far")).finish();
    stage.with(|world| world.throw(registered, busy.bytes().clone()));
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn any_host_of_the_name_that_was_called_may_answer() {
    let stage = Stage::plan(r#"fn on_call(caller) { caller.dial("sip:x@proxy.example", #{ timeout: 20 }); }"#);
    let alice = stage.phone("101");
    let (first, second) = (stage.wire("198.51.200.1:5060"), stage.wire("198.51.200.2:5060"));
    stage.with(|world| {
        world.hosts.insert("proxy.example".into(), first.address);
        world.others.insert("proxy.example".into(), vec![second.address]);
    });
    alice.calls("900");
    let invite = first.takes_request(Method::Invite);
    spoofer(&stage).replies(&invite, 603, "far", |reply| reply);
    second.replies(&invite, 486, "far", |reply| reply);
    first.takes_request(Method::Ack);
    alice.ends_with(486);
    stage.clears();
}

#[test]
fn a_gateway_of_several_hosts_in_one_trusted_network_is_one_peer() {
    let trusted = Trusted {
        network: "198.51.200.0".parse().unwrap(),
        prefix: 24,
        extension: "101".into(),
    };
    let stage = Stage::new(Settings {
        config: Config {
            trusted: vec![trusted],
            ..Config::default()
        },
        ..Settings::default()
    });
    let (_alice, bob) = (stage.phone("101"), stage.phone("102"));
    let (first, second) = (stage.wire("198.51.200.1:5060"), stage.wire("198.51.200.2:5060"));
    let invite = Builder::request(&Method::Invite, "sip:102@tandem.local")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKg1")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:5551234@gateway.example>;tag=f")
        .header(HeaderName::To, "<sip:102@tandem.local>")
        .header(HeaderName::CallId, "g1")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, "<sip:gw@198.51.200.1>")
        .body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
        .finish();
    first.sends(invite.clone());
    bob.rings();
    second.sends(cancel_of(&invite));
    bob.ends_with(487);
    let refused = first.takes_response(487);
    let ack = Builder::request(&Method::Ack, invite.uri())
        .copy(&invite, HeaderName::Via)
        .copy(&invite, HeaderName::From)
        .copy(&refused, HeaderName::To)
        .copy(&invite, HeaderName::CallId)
        .header(HeaderName::CSeq, "1 ACK");
    first.sends(ack.finish());
    stage.clears();
}
