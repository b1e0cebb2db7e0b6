use switch::{CalledIn, CauseCode, TrunkInbound};

use super::*;

/// A dialplan that shows what came, as the reason of a refusal, or calls 102.
const IN: &str = r#"
    fn on_call(caller) { caller.reject(488); }
    fn on_trunk(caller) {
        if caller.dialed == "5550199" { caller.dial("102"); }
        else { caller.reject(480, caller.trunk + " " + caller.number + " " + caller.name + " " + caller.dialed); }
    }"#;

/// An INVITE of the provider.
fn invite(wire: &Wire, uri: &str, edit: impl FnOnce(Builder) -> Builder) -> Message {
    let builder = Builder::request(&Method::Invite, uri)
        .header(
            HeaderName::Via,
            format!("SIP/2.0/UDP {};branch=z9hG4bKin", wire.address),
        )
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, "\"Carol\" <sip:0309876@provider.example>;tag=far")
        .header(HeaderName::To, "<sip:5550188@provider.example>")
        .header(HeaderName::CallId, "in-1")
        .header(HeaderName::CSeq, "1 INVITE")
        .header(HeaderName::Contact, format!("<sip:gw@{}>", wire.address));
    let body = sdp(&wire.address.ip().to_string(), 9_000);
    edit(builder.body("application/sdp", body.as_bytes())).finish()
}

/// The reason phrase of the 480 that the script sends.
fn told(wire: &Wire) -> String {
    wire.takes_response(480).reason().to_owned()
}

#[test]
fn a_call_from_the_trunk_s_address_runs_on_trunk_without_a_challenge() {
    let scene = Scene::new(IN, &trunk());
    let bob = scene.stage.phone("102");
    scene
        .one
        .sends(invite(&scene.one, "sip:5550199@192.0.2.1", |invite| invite));
    bob.rings().answers().talks();
    let ok = scene.one.takes_response(200);
    let ack = Builder::request(&Method::Ack, "sip:5550199@192.0.2.1")
        .header(HeaderName::Via, "SIP/2.0/UDP 198.51.7.1:5060;branch=z9hG4bKack")
        .header(HeaderName::MaxForwards, 70)
        .header(HeaderName::From, ok.header(HeaderName::From).unwrap())
        .header(HeaderName::To, ok.header(HeaderName::To).unwrap())
        .header(HeaderName::CallId, "in-1")
        .header(HeaderName::CSeq, "1 ACK")
        .finish();
    scene.one.sends(ack);
    scene.stage.pass(1.0);
    let call = &scene.stage.calls()[0];
    assert_eq!((call.from.as_str(), call.dialed.as_str()), ("0309876", "5550199"));
    let shown = bob.call(|call| call.invite.header(HeaderName::From).unwrap().to_owned());
    assert!(shown.starts_with("\"Carol\" <sip:0309876@"), "{shown}");
    bob.hangs_up();
    // The provider's Contact is believed: it is no phone behind a NAT.
    let bye = scene.one.takes_request(Method::Bye);
    assert_eq!(bye.uri(), "sip:gw@198.51.7.1:5060");
    scene.one.replies(&bye, 200, "far", |reply| reply);
    scene.clears();
}

#[test]
fn where_the_called_number_stands_is_a_setting() {
    for (called_in, dialed) in [
        (CalledIn::RequestUri, "5550177"),
        (CalledIn::To, "5550188"),
        (CalledIn::CalledPartyId, "5550166"),
    ] {
        let inbound = TrunkInbound {
            called_in,
            ..TrunkInbound::default()
        };
        let scene = Scene::new(IN, &Trunk { inbound, ..trunk() });
        scene.one.sends(invite(&scene.one, "sip:5550177@192.0.2.1", |invite| {
            invite.header(HeaderName::PCalledPartyId, "<sip:5550166@provider.example>")
        }));
        assert_eq!(told(&scene.one), format!("provider 0309876 Carol {dialed}"));
        scene.clears();
    }
}

#[test]
fn an_asserted_identity_counts_only_of_a_provider_that_is_believed() {
    for (trusted, number) in [(false, "0309876 Carol"), (true, "030111 Dora")] {
        let inbound = TrunkInbound {
            trusted,
            ..TrunkInbound::default()
        };
        let scene = Scene::new(IN, &Trunk { inbound, ..trunk() });
        scene.one.sends(invite(&scene.one, "sip:5550177@192.0.2.1", |invite| {
            invite.header(HeaderName::PAssertedIdentity, "\"Dora\" <sip:030111@provider.example>")
        }));
        assert_eq!(told(&scene.one), format!("provider {number} 5550177"));
        scene.clears();
    }
}

#[test]
fn a_caller_that_hides_is_anonymous_to_the_script() {
    let scene = Scene::new(IN, &trunk());
    scene.one.sends(invite(&scene.one, "sip:5550177@192.0.2.1", |invite| {
        invite.header(HeaderName::Privacy, "id")
    }));
    assert_eq!(told(&scene.one), "provider anonymous Anonymous 5550177");
    scene.clears();
}

#[test]
fn a_call_for_our_registered_contact_is_the_trunk_s_from_whatever_address() {
    let trunk = Trunk {
        register: true,
        ..trunk()
    };
    let scene = Scene::new(IN, &trunk);
    let register = scene.one.takes_request(Method::Register);
    accepts(&scene.one, &register, 600);
    scene.stage.pass(0.1);
    let contact = register.header(HeaderName::Contact).unwrap();
    let line = contact.trim_matches(['<', '>']).to_owned();
    // Another server of the provider, at an address that no look-up has found.
    scene.other.sends(invite(&scene.other, &line, |invite| invite));
    assert_eq!(
        told(&scene.other),
        "provider 0309876 Carol 5550188",
        "To, as the URI is our own"
    );
    scene.clears();
}

#[test]
fn a_stranger_that_claims_to_be_the_provider_is_challenged() {
    let scene = Scene::new(IN, &trunk());
    scene
        .other
        .sends(invite(&scene.other, "sip:5550199@192.0.2.1", |invite| invite));
    scene.other.takes_response(401);
    scene.clears();
}

#[test]
fn a_phone_at_the_trunk_s_address_is_still_a_phone() {
    let scene = Scene::new(IN, &trunk());
    let carol = scene.stage.phone_at("103", "198.51.7.1:5071", sip::Transport::Udp);
    carol.calls("102").ends_with(488);
    scene.clears();
}

#[test]
fn a_further_address_is_the_trunk_s() {
    let inbound = TrunkInbound {
        addresses: vec!["198.51.7.2".parse().unwrap()],
        ..TrunkInbound::default()
    };
    let scene = Scene::new(IN, &Trunk { inbound, ..trunk() });
    scene
        .other
        .sends(invite(&scene.other, "sip:5550177@192.0.2.1", |invite| invite));
    assert_eq!(told(&scene.other), "provider 0309876 Carol 5550177");
    scene.clears();
}

#[test]
fn a_call_beyond_the_channels_is_refused_with_a_time_to_try_again() {
    let limits = TrunkLimits {
        channels: Some(0),
        calls_per_second: None,
    };
    let scene = Scene::new(IN, &Trunk { limits, ..trunk() });
    scene
        .one
        .sends(invite(&scene.one, "sip:5550177@192.0.2.1", |invite| invite));
    let refusal = scene.one.takes_response(503);
    assert_eq!(refusal.header(HeaderName::RetryAfter), Some("5"));
    assert_eq!(scene.stage.record().cause, CauseCode::TrunkFull);
    scene.clears();
}
