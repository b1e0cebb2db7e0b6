//! What a device may say about itself.

use super::*;

#[test]
fn a_device_cannot_call_or_register_as_another_extension() {
    let line = |text: &str| text.to_owned();
    for (method, from, extra, code) in [
        ("INVITE", "101", None, 200),
        ("INVITE", "desk", None, 403),
        ("INVITE", "102", None, 403),
        ("INVITE", "1%301", None, 200),
        ("INVITE", "anonymous", None, 200),
        ("MESSAGE", "102", None, 403),
        ("REGISTER", "101", None, 200),
        ("REGISTER", "102", None, 403),
        ("REGISTER", "anonymous", None, 403),
        (
            "INVITE",
            "101",
            Some(line("P-Preferred-Identity: <sip:101@tandem.local>")),
            200,
        ),
        (
            "INVITE",
            "101",
            Some(line("P-Preferred-Identity: <sip:102@tandem.local>")),
            403,
        ),
        ("INVITE", "101", Some(line("P-Preferred-Identity: <tel:+1234>")), 403),
    ] {
        let mut world = World::new(Config::default());
        let challenge = world.challenge();
        let parsed = Method::parse(method).unwrap();
        let mut lines = vec![format!("Authorization: {}", ALICE.sign(&challenge, &parsed))];
        lines.extend(extra);
        let verdict = world.judge(&request(method, "sip:102@tandem.local", from, &lines), &phone());
        assert_eq!(status(&verdict), code, "{method} {from}");
        if from == "anonymous" && code == 200 {
            assert!(matches!(verdict, Verdict::Known(identity) if identity.anonymous && identity.extension == "101"));
        }
    }
    let mut world = World::new(Config::default());
    let desk = Signer {
        user: "desk",
        password: "desk secret",
        ..ALICE
    };
    for from in ["101", "desk"] {
        assert_eq!(
            status(&world.call(&desk, from, &phone())),
            200,
            "its number and its user name"
        );
    }
}

#[test]
fn a_register_must_name_its_sender_in_to_and_from() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let line = format!("Authorization: {}", ALICE.sign(&challenge, &Method::Register));
    let text = String::from_utf8(
        request("REGISTER", "sip:102@tandem.local", "101", &[line])
            .bytes()
            .to_vec(),
    )
    .unwrap();
    let text = text.replace("To: <sip:101@", "To: <sip:102@");
    let message = Message::parse(Bytes::from(text), &Limits::default()).unwrap();
    assert_eq!(status(&world.judge(&message, &phone())), 403);
}

#[test]
fn a_device_keeps_to_its_transport() {
    let mut world = World::new(Config::default());
    let tls = Signer { user: "tls", ..ALICE };
    assert_eq!(status(&world.call(&tls, "102", &phone())), 403);
    let secure = Flow {
        transport: Transport::Tls,
        connection: Some(ConnectionId(1)),
        ..phone()
    };
    assert_eq!(status(&world.call(&tls, "102", &secure)), 200);
}

#[test]
fn a_trusted_network_calls_as_its_extension_and_registers_nothing() {
    let mut world = World::new(Config::default());
    let net = |prefix, extension: &str| Trusted {
        network: [203, 0, 113, 0].into(),
        prefix,
        extension: extension.into(),
    };
    world.trusted = TrustedNets::new(vec![net(24, "102")]);
    let identity = Identity {
        extension: "102".into(),
        device: None,
        anonymous: false,
    };
    assert_eq!(
        world.invite("+4989123", &[], &phone()),
        Verdict::Known(identity.clone())
    );
    assert_eq!(
        world.invite("anonymous", &[], &phone()),
        Verdict::Known(Identity {
            anonymous: true,
            ..identity
        })
    );
    assert_eq!(
        status(&world.judge(&request("REGISTER", "sip:tandem.local", "102", &[]), &phone())),
        401
    );
    assert_eq!(status(&world.invite("102", &[], &flow("198.51.100.1:5060"))), 401);
    world.trusted = TrustedNets::new(vec![net(24, "999")]);
    assert_eq!(
        status(&world.invite("102", &[], &phone())),
        401,
        "an extension that is not there"
    );
    assert_eq!(world.authenticator.work().digests, 0);
}
