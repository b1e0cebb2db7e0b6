//! Registration as phones see it (RFC 3261 10). The tests beside the registrar check its rules.

use sip::{HeaderName, Message, Method};
use switch::Event;
use tests::{Phase, Stage};

const HOME: &str = "sip:tandem.local";

fn code(answer: &Message) -> u16 {
    answer.status().unwrap().code()
}

#[test]
fn a_phone_comes_is_refreshed_and_goes() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    bob.registers(3_600);
    let events = |stage: &Stage| {
        stage.with(|world| {
            let added = world
                .events
                .iter()
                .filter(|event| matches!(event, Event::RegistrationAdded(_)))
                .count();
            let removed = world
                .events
                .iter()
                .filter(|event| matches!(event, Event::RegistrationRemoved(_)))
                .count();
            (added, removed)
        })
    };
    assert_eq!(events(&stage), (2, 0), "a refresh is no event");
    bob.registers(0);
    assert_eq!(events(&stage), (2, 1));
    alice.calls("102").ends_with(480);
    bob.registers(60);
    stage.pass(70.0);
    assert_eq!(events(&stage), (3, 2), "it ran out");
    alice.calls("102").ends_with(480);
    stage.clears();
}

#[test]
fn a_stranger_and_a_wrong_password_hear_the_same() {
    let stage = Stage::default();
    let alice = stage.unregistered("101");
    let wire = stage.wire("198.51.200.1:5060");
    alice.with(|phone| phone.set_password("guess"));
    let shape = |answer: &Message| {
        let text = String::from_utf8_lossy(answer.bytes()).into_owned();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("WWW-") || line.starts_with("SIP/"));
        lines
            .map(|line| line.split("nonce=").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    alice.with(|phone| phone.register(60));
    stage.pass(5.0);
    let wrong = alice.with(|phone| phone.received.back().cloned().unwrap());
    let stranger = sip::Builder::request(&Method::Register, HOME)
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKs")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:nobody@tandem.local>;tag=s")
        .header(HeaderName::To, "<sip:nobody@tandem.local>")
        .header(HeaderName::CallId, "s")
        .header(HeaderName::CSeq, "1 REGISTER")
        .header(HeaderName::Contact, "<sip:nobody@198.51.200.1>")
        .header(
            HeaderName::Authorization,
            "Digest username=\"nobody\", realm=\"tandem.local\", nonce=\"x\", uri=\"sip:tandem.local\", \
             response=\"00000000000000000000000000000000\", qop=auth, nc=00000001, cnonce=\"c\", algorithm=MD5",
        )
        .finish();
    wire.sends(stranger);
    let answer = wire.takes_response(401);
    assert_eq!(shape(&answer), shape(&wrong));
    stage.clears();
}

#[test]
fn a_phone_registers_no_number_but_its_own() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.feels(|mood| mood.claims = Some("102"));
    let answer = alice.asks(Method::Register, HOME, |builder| {
        builder.header(HeaderName::Contact, "<sip:x@198.51.100.1>")
    });
    assert_eq!(code(&answer), 403);
    bob.calls("101");
    stage.pass(0.5);
    bob.hangs_up();
    stage.clears();
}

#[test]
fn a_contact_that_leads_back_to_us_makes_no_loop() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    bob.with(|phone| phone.believes = Some("192.0.2.1:5060".into()));
    bob.with(|phone| phone.register(3_600));
    stage.pass(1.0);
    alice.calls("102");
    stage.pass(40.0);
    let phase = alice.phase().unwrap();
    assert!(matches!(phase, Phase::Over(_)), "{phase:?}");
    assert!(
        stage.with(|world| world.stats().calls_started) <= 2,
        "{}",
        stage.ladder()
    );
    stage.clears();
}

#[test]
fn several_phones_are_all_listed_in_the_answer() {
    let stage = Stage::default();
    let phones = [stage.phone("101"), stage.phone("101"), stage.phone("101")];
    let last = phones[2].with(|phone| phone.received.back().cloned().unwrap());
    let contacts: Vec<String> = last.values(HeaderName::Contact).map(str::to_owned).collect();
    assert_eq!(contacts.len(), 3, "{contacts:?}");
    assert!(contacts.iter().all(|contact| contact.contains(";expires=")));
    stage.clears();
}

#[test]
fn a_store_that_cannot_write_binds_nothing() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.unregistered("102"));
    stage.with(|world| world.store_works = false);
    bob.with(|phone| phone.register(3_600));
    stage.pass(5.0);
    assert_eq!(
        bob.with(|phone| phone.registered),
        Some(500),
        "what is promised is durable"
    );
    stage.with(|world| world.store_works = true);
    alice.calls("102").ends_with(480);
    stage.clears();
}

#[test]
fn a_phone_that_asks_for_keep_alives_is_told_how_often() {
    // RFC 6223 section 4.
    let stage = Stage::default();
    let wire = stage.wire("198.51.200.1:5060");
    let ask = |keep: &str| {
        let via = format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKk{};{keep}", keep.len());
        let options = sip::Builder::request(&Method::Options, HOME)
            .header(HeaderName::Via, via)
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:x@198.51.200.1>;tag=s")
            .header(HeaderName::To, "<sip:tandem.local>")
            .header(HeaderName::CallId, keep)
            .header(HeaderName::CSeq, "1 OPTIONS");
        wire.sends(options.finish());
        let answer = wire.takes("an answer", |message| message.is_response());
        answer.header(HeaderName::Via).unwrap().to_owned()
    };
    assert!(ask("keep").ends_with(";keep=120"));
    assert!(ask("keep=30").ends_with(";keep=30"), "it was answered by another hop");
    assert!(!ask("rport").contains("keep"));
    stage.clears();
}
