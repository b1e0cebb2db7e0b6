//! The identity of callers: a phone shows its credentials, and uses its own number only.

use std::net::SocketAddr;

use sip::{
    HeaderName, Message, Method,
    digest::{ChallengeParsed, answer},
};
use switch::{AccountChange, Config, Disposition, Input, Trusted};
use tests::{Phase, Settings, Stage};

#[test]
fn a_call_without_credentials_is_challenged_and_leaves_no_record() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let wire = stage.wire("198.51.200.1:5060");
    let invite = sip::Builder::request(&Method::Invite, "sip:102@tandem.local")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKx1")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
        .header(HeaderName::To, "<sip:102@tandem.local>")
        .header(HeaderName::CallId, "x1")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
        .finish();
    wire.sends(invite);
    let answer = wire.takes_response(401);
    assert_eq!(
        answer.headers(HeaderName::WwwAuthenticate).count(),
        2,
        "SHA-256 and MD5"
    );
    stage.pass(40.0);
    assert_eq!(bob.phase(), None);
    assert!(stage.with(|world| world.cdrs.is_empty() && world.opened.is_empty()));
    drop(alice);
    stage.clears();
}

#[test]
fn a_request_without_credentials_is_answered_once_and_forgotten() {
    // RFC 3261 8.2.7, 26.3.2.4: a forged Via leads to a host that never asked, and a flood must not fill the memory.
    let stage = Stage::default();
    let wire = stage.wire("198.51.200.1:5060");
    let methods = [
        (Method::Invite, 401),
        (Method::Register, 401),
        (Method::Message, 401),
        (Method::Options, 200),
        (Method::Bye, 481),
        (Method::Info, 481),
        (Method::Subscribe, 401),
    ];
    for (method, code) in methods {
        let request = sip::Builder::request(&method, "sip:tandem.local")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{method}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
            .header(HeaderName::To, "<sip:101@tandem.local>")
            .header(HeaderName::CallId, method.to_string())
            .header(HeaderName::CSeq, format!("1 {method}"))
            .header(HeaderName::Contact, "<sip:101@198.51.200.1>")
            .finish();
        wire.sends(request.clone());
        let first = wire.takes_response(code);
        assert_eq!(stage.with(|world| world.stats().transactions), 0, "{method}");
        assert!(wire.collects(40.0).is_empty(), "{method}");
        // RFC 3261 8.2.7: a repetition gets the same answer with the same tag.
        wire.sends(request);
        let again = wire.takes_response(code);
        assert!(first.to_tag().is_some() && first.to_tag() == again.to_tag(), "{method}");
    }
    stage.clears();
}

#[test]
fn a_wrong_password_counts_once_however_often_its_request_is_repeated() {
    let stage = Stage::default();
    let wire = stage.wire("198.51.200.1:5060");
    wire.sends(register(wire.address, 99, None));
    let nonce = nonce(&wire.takes_response(401));
    let request = |guess: u32| register(wire.address, guess, Some(&guesses(&nonce, guess)));
    for _ in 0..30 {
        wire.sends(request(1));
        wire.takes_response(401);
    }
    assert_eq!(stage.with(|world| world.stats().transactions), 0);
    // Nine more guesses are checked, then no more.
    for guess in 2..=10 {
        wire.sends(request(guess));
        wire.takes_response(401);
    }
    wire.sends(request(11));
    wire.takes_response(503);
    stage.clears();
}

/// A REGISTER of 101 made by hand.
fn register(from: SocketAddr, number: u32, credentials: Option<&str>) -> Message {
    let builder = sip::Builder::request(&Method::Register, "sip:tandem.local")
        .header(HeaderName::Via, format!("SIP/2.0/UDP {from};branch=z9hG4bK{number}"))
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
        .header(HeaderName::To, "<sip:101@tandem.local>")
        .header(HeaderName::CallId, "by-hand")
        .header(HeaderName::CSeq, format!("{number} REGISTER"));
    match credentials {
        Some(value) => builder.header(HeaderName::Authorization, value).finish(),
        None => builder.finish(),
    }
}

/// Credentials whose response is made up.
fn guesses(nonce: &str, guess: u32) -> String {
    format!(
        "Digest username=\"101\", realm=\"tandem.local\", nonce=\"{nonce}\", uri=\"sip:tandem.local\", \
         response=\"{guess:032x}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\""
    )
}

fn challenge(response: &Message) -> ChallengeParsed<'_> {
    ChallengeParsed::choose(response.headers(HeaderName::WwwAuthenticate)).unwrap()
}

fn nonce(response: &Message) -> String {
    challenge(response).nonce.into_owned()
}

#[test]
fn a_phone_of_rfc_2069_registers_and_calls_and_its_response_is_good_once() {
    // RFC 3261 22.4: a client without qop is accepted. RFC 2069 has no nonce count to detect a replay with.
    let stage = Stage::default();
    let (alice, bob) = (stage.unregistered("101"), stage.phone("102"));
    alice.feels(|mood| mood.old_digest = true).registers(3_600);
    alice.registers(3_600);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    let wire = stage.wire("198.51.200.1:5060");
    wire.sends(register(wire.address, 1, None));
    let challenged = wire.takes_response(401);
    let mut old = challenge(&challenged);
    old.auth = false;
    let right = answer(&old, "101", "101101", &Method::Register, "sip:tandem.local", 1, "c");
    assert!(!right.contains("qop"), "{right}");
    wire.sends(register(wire.address, 2, Some(&right)));
    wire.takes_response(200);
    wire.sends(register(wire.address, 3, Some(&right)));
    assert!(challenge(&wire.takes_response(401)).stale);
    stage.ends(&alice, &bob);
}

#[test]
fn a_nat_that_changes_the_address_with_each_packet_costs_one_round() {
    let stage = Stage::default();
    stage.unregistered("101");
    let [one, two, three] = ["198.51.200.1:5060", "198.51.201.1:5060", "198.51.202.1:5060"].map(|at| stage.wire(at));
    let right = |challenge: &ChallengeParsed<'_>, nc| {
        answer(
            challenge,
            "101",
            "101101",
            &Method::Register,
            "sip:tandem.local",
            nc,
            "c",
        )
    };
    one.sends(register(one.address, 1, None));
    let first = one.takes_response(401);
    two.sends(register(two.address, 2, Some(&right(&challenge(&first), 1))));
    let second = two.takes_response(401);
    assert!(challenge(&second).stale, "it asks its user for nothing");
    three.sends(register(three.address, 3, Some(&right(&challenge(&second), 1))));
    three.takes_response(200);
    one.sends(register(one.address, 4, Some(&right(&challenge(&second), 2))));
    one.takes_response(200);
    stage.clears();
}

#[test]
fn a_phone_that_registers_sees_that_the_server_knows_its_password_and_gets_the_next_nonce_in_time() {
    let stage = Stage::default();
    stage.unregistered("101");
    let wire = stage.wire("198.51.200.1:5060");
    wire.sends(register(wire.address, 1, None));
    let first = wire.takes_response(401);
    let first = challenge(&first);
    let registers = |challenge: &ChallengeParsed<'_>, number: u32, count: u32| {
        let (uri, cnonce) = ("sip:tandem.local", "c");
        let right = answer(challenge, "101", "101101", &Method::Register, uri, count, cnonce);
        wire.sends(register(wire.address, number, Some(&right)));
        let ok = wire.takes_response(200);
        let info = ok
            .header(HeaderName::AuthenticationInfo)
            .expect("RFC 7616 3.5")
            .to_owned();
        // The same formula with an A2 that begins with the colon: that of a method without a name.
        let proof = answer(
            challenge,
            "101",
            "101101",
            &Method::Other("".into()),
            uri,
            count,
            cnonce,
        );
        (info, parameter(&proof, "response"))
    };
    let (info, proof) = registers(&first, 2, 1);
    assert_eq!(
        (parameter(&info, "rspauth"), info.contains("nextnonce")),
        (proof, false)
    );
    // The nonce is good for 300 s: after the half of them comes the next one.
    stage.pass(200.0);
    let (info, proof) = registers(&first, 3, 2);
    assert_eq!(parameter(&info, "rspauth"), proof);
    let mut next = first.clone();
    next.nonce = parameter(&info, "nextnonce").into();
    stage.pass(200.0);
    let (info, proof) = registers(&next, 4, 1);
    assert_eq!(parameter(&info, "rspauth"), proof, "no challenge lies between");
    stage.clears();
}

/// A parameter of a header field's value, without its quotes.
fn parameter(value: &str, name: &str) -> String {
    let after = value
        .split(&format!("{name}=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("{name} in {value}"));
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn guesses_with_a_phone_s_forged_address_do_not_keep_it_out() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    let attacker = stage.wire("198.51.200.1:5060");
    attacker.sends(register(attacker.address, 1, None));
    let own = nonce(&attacker.takes_response(401));
    let forged = alice.with(|phone| phone.address);
    for guess in 0..300 {
        let request = register(forged, 1_000 + guess, Some(&guesses(&own, guess)));
        stage.with(|world| world.throw(forged, request.bytes().clone()));
        stage.pass(0.01);
    }
    alice.registers(3_600);
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    assert_eq!(alice.was_told(503), 0);
    stage.ends(&alice, &bob);
}

#[test]
fn a_phone_that_calls_with_the_number_of_another_draws_403() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice
        .feels(|mood| mood.claims = Some("103"))
        .calls("102")
        .ends_with(403);
    assert_eq!(bob.phase(), None);
    // The call was authenticated, so it has a record: with the account's number, not with the number it claimed.
    let record = stage.record();
    assert_eq!(
        (
            record.open.from.as_str(),
            record.open.dialed.as_str(),
            record.detail.as_str()
        ),
        ("101", "102", "From Is Not Yours")
    );
    assert_eq!((record.sip_code, record.disposition), (403, Disposition::Rejected));
    stage.clears();
}

#[test]
fn a_call_with_a_wrong_password_draws_401_and_rings_no_phone() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.with(|phone| phone.set_password("guess"));
    alice.calls("102").ends_with(401);
    assert_eq!(bob.phase(), None);
    assert_eq!(stage.with(|world| world.stats().auth_failures), 1);
    stage.clears();
}

#[test]
fn a_trusted_network_calls_as_its_extension() {
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
    let wire = stage.wire("198.51.200.1:5060");
    let invite = sip::Builder::request(&Method::Invite, "sip:102@tandem.local")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKx1")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:5551234@gateway.example>;tag=f")
        .header(HeaderName::To, "<sip:102@tandem.local>")
        .header(HeaderName::CallId, "x1")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, "<sip:gw@198.51.200.1>")
        .body("application/sdp", tests::sdp("198.51.200.1", 9_000).as_bytes())
        .finish();
    wire.sends(invite.clone());
    bob.rings();
    let from = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
    let home = bob.with(|phone| phone.server.ip());
    assert!(from.contains(&format!("<sip:101@{home}>")), "{from}");
    bob.answers();
    let ok = wire.takes_response(200);
    let ack = sip::dialog::Dialog::uac(&invite, &ok).unwrap();
    wire.sends(ack.ack(1, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKx2").finish());
    bob.talks();
    stage.pass(1.0);
    bob.hangs_up();
    let bye = wire.takes_request(Method::Bye);
    wire.replies(&bye, 200, "f", |reply| reply);
    stage.clears();
}

#[test]
fn a_stranger_who_knows_the_dialog_can_neither_end_nor_redirect_the_call() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let wire = stage.wire("203.0.113.66:5060");
    let forge = |method: Method, branch: &str| {
        alice.with(|phone| {
            let builder = phone.calls[0]
                .dialog
                .as_mut()
                .unwrap()
                .request(&method, format!("SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK{branch}"));
            let builder = builder.header(HeaderName::Contact, "<sip:101@203.0.113.66>");
            if method == Method::Bye {
                builder.finish()
            } else {
                builder
                    .body("application/sdp", tests::sdp("203.0.113.66", 9_000).as_bytes())
                    .finish()
            }
        })
    };
    for (method, branch) in [(Method::Bye, "a"), (Method::Invite, "b"), (Method::Update, "c")] {
        wire.sends(forge(method, branch));
        wire.takes_response(401);
    }
    stage.pass(3.0);
    assert_eq!((alice.phase(), bob.phase()), (Some(Phase::Up), Some(Phase::Up)));
    assert!(
        wire.collects(5.0).iter().all(|message| message.status().is_some()),
        "nothing is sent there"
    );
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn a_phone_that_comes_back_from_another_address_keeps_its_call() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.with(|phone| phone.moves("203.0.113.9:5077"));
    alice.holds();
    bob.hears(media::SdpDirection::SendOnly);
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn after_a_change_of_address_family_requests_leave_from_the_address_the_phone_reached() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    alice.with(|phone| phone.moves("[2001:db8::17]:5060"));
    alice.holds();
    bob.hears(media::SdpDirection::SendOnly);
    bob.hangs_up();
    alice.ends_with(200);
    let via = alice.with(|phone| {
        let bye = phone
            .received
            .iter()
            .rev()
            .find(|message| message.is_request())
            .unwrap();
        assert_eq!(*bye.method(), Method::Bye);
        bye.header(HeaderName::Via).unwrap().to_owned()
    });
    assert!(via.starts_with("SIP/2.0/UDP [2001:db8::1]:5060;"), "{via}");
    stage.clears();
}

#[test]
fn a_change_of_port_alone_needs_no_password() {
    let stage = Stage::default();
    let (alice, bob) = stage.talking();
    let ip = alice.with(|phone| phone.address.ip());
    alice.with(|phone| phone.moves(&format!("{ip}:6111")));
    let challenges = alice.was_told(401);
    alice.holds();
    assert_eq!(alice.was_told(401), challenges);
    bob.hangs_up();
    alice.ends_with(200);
    stage.clears();
}

#[test]
fn an_account_that_is_deleted_in_mid_call_may_finish_it_and_makes_no_other() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice.calls("102");
    bob.rings().answers().talks();
    alice.talks();
    stage.tells(Input::Account(AccountChange::RemoveExtension("101".into())));
    stage.tells(Input::Account(AccountChange::RemoveExtension("102".into())));
    alice.holds().resumes();
    bob.hangs_up().ends_with(200);
    alice.ends_with(200);
    alice.calls("102").ends_with(401);
    stage.clears();
}
