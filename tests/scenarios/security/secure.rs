//! The `sips` rule: which Contact a dialog gets (RFC 3261 12.1.1, 8.1.1.8).

use sip::{Builder, HeaderName, Message, Method};
use switch::{Config, Trusted};
use tests::{Settings, Stage, sdp};

/// Alice's network is trusted, so that a request of hers needs no credentials.
fn stage(plan: &str) -> Stage {
    let trusted = Trusted {
        network: "198.51.200.0".parse().unwrap(),
        prefix: 24,
        extension: "101".into(),
    };
    Stage::new(Settings {
        plan: plan.into(),
        config: Config {
            trusted: vec![trusted],
            ..Config::default()
        },
        ..Settings::default()
    })
}

/// An INVITE from the trusted network.
fn invite(uri: &str, contact: &str, record_route: Option<&str>) -> Message {
    let mut builder = Builder::request(&Method::Invite, uri)
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.200.1:5060;branch=z9hG4bKsecure")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "<sip:101@tandem.local>;tag=alice")
        .header(HeaderName::To, "<sip:102@tandem.local>")
        .header(HeaderName::CallId, "secure")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, contact);
    if let Some(record_route) = record_route {
        builder = builder.header(HeaderName::RecordRoute, record_route);
    }
    builder
        .body("application/sdp", sdp("198.51.200.1", 9_000).as_bytes())
        .finish()
}

#[test]
fn the_contact_of_an_answer_is_sips_where_the_invite_came_by_sips() {
    let (plain, secure) = ("sip:102@tandem.local", "sips:102@tandem.local");
    for (uri, contact, record_route, scheme) in [
        (plain, "<sip:101@198.51.200.1>", None, "<sip:"),
        (secure, "<sip:101@198.51.200.1>", None, "<sips:"),
        (plain, "<sips:101@198.51.200.1>", None, "<sips:"),
        (
            plain,
            "<sip:101@198.51.200.1>",
            Some("<sips:198.51.200.1;lr>"),
            "<sips:",
        ),
        (plain, "<sips:101@198.51.200.1>", Some("<sip:198.51.200.1;lr>"), "<sip:"),
    ] {
        let stage = stage("fn on_call(caller) { caller.ring(); caller.wait(1); caller.reject(486); }");
        let _alice = stage.phone("101");
        let wire = stage.wire("198.51.200.1:5060");
        wire.sends(invite(uri, contact, record_route));
        let ringing = wire.takes_response(180);
        let given = ringing.header(HeaderName::Contact).unwrap();
        assert!(given.starts_with(scheme), "{uri} {contact} {record_route:?}: {given}");
    }
}

#[test]
fn the_contact_of_an_invite_is_sips_where_it_goes_to_a_sips_uri() {
    for (uri, scheme) in [
        ("sip:far@198.51.201.1:5060", "<sip:"),
        // The transport is named, so that the world of this test can carry the request.
        ("sips:far@198.51.201.1:5060;transport=udp", "<sips:"),
    ] {
        let stage = Stage::plan(&format!("fn on_call(caller) {{ caller.dial(\"{uri}\"); }}"));
        let alice = stage.phone("101");
        let wire = stage.wire("198.51.201.1:5060");
        alice.calls("900");
        let invite = wire.takes_request(Method::Invite);
        let given = invite.header(HeaderName::Contact).unwrap();
        assert!(given.starts_with(scheme), "{uri}: {given}");
    }
}
