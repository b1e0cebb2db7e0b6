//! Who calls: nobody calls as another, and nobody without having shown who it is.

use sip::{HeaderName, Method};
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
fn what_anybody_may_ask_is_answered_once_and_forgotten() {
    // RFC 3261 8.2.7, 26.3.2.4: the Via may lead to somebody who never asked; and a flood must not fill the memory.
    let stage = Stage::default();
    let wire = stage.wire("198.51.200.1:5060");
    let methods = [
        (Method::Invite, 401),
        (Method::Register, 401),
        (Method::Message, 401),
        (Method::Options, 200),
        (Method::Bye, 481),
        (Method::Info, 481),
        (Method::Subscribe, 405),
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
        // RFC 3261 8.2.7: a repetition finds the same answer, by its tag.
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
    let request = |guess: u32| {
        let response = format!("{guess:032x}");
        let credentials = format!(
            "Digest username=\"101\", realm=\"tandem.local\", nonce=\"n\", uri=\"sip:tandem.local\", \
             response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\""
        );
        sip::Builder::request(&Method::Register, "sip:tandem.local")
            .header(
                HeaderName::Via,
                format!("SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bK{guess}"),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, "<sip:101@tandem.local>;tag=f")
            .header(HeaderName::To, "<sip:101@tandem.local>")
            .header(HeaderName::CallId, "guess")
            .header(HeaderName::CSeq, format!("{guess} REGISTER"))
            .header(HeaderName::Authorization, credentials)
            .finish()
    };
    for _ in 0..30 {
        wire.sends(request(1));
        wire.takes_response(401);
    }
    assert_eq!(stage.with(|world| world.stats().transactions), 0);
    // Nine more are looked at, and then no more.
    for guess in 2..=10 {
        wire.sends(request(guess));
        wire.takes_response(401);
    }
    wire.sends(request(11));
    wire.takes_response(503);
    stage.clears();
}

#[test]
fn nobody_calls_as_another() {
    let stage = Stage::default();
    let (alice, bob) = (stage.phone("101"), stage.phone("102"));
    alice
        .feels(|mood| mood.claims = Some("103"))
        .calls("102")
        .ends_with(403);
    assert_eq!(bob.phase(), None);
    // It was authenticated, so there is a record: of who that was, not of who it said it was.
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
fn a_wrong_password_calls_nobody() {
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
fn a_stranger_who_knows_the_dialog_can_neither_end_nor_turn_the_call() {
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
fn a_phone_that_comes_back_by_another_family_is_spoken_to_from_where_it_spoke_to() {
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
fn a_port_that_changes_is_a_nat_s_and_needs_no_password() {
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
