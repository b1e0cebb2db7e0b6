//! What a 401 offers, and which requests get a 401.

use super::*;

#[test]
fn a_stranger_is_challenged_with_the_strong_hash_first() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    let values: Vec<&str> = challenge
        .headers
        .iter()
        .map(|(name, value)| {
            assert_eq!(*name, HeaderName::WwwAuthenticate);
            value.as_str()
        })
        .collect();
    assert_eq!(values.len(), 2);
    assert!(values[0].contains("algorithm=SHA-256") && values[1].contains("algorithm=MD5"));
    assert!(
        values
            .iter()
            .all(|value| value.contains("realm=\"tandem.local\"") && value.contains("qop=\"auth\""))
    );
    assert!(!values[0].contains("stale"));
}

#[test]
fn phones_that_fail_on_an_unknown_hash_get_only_md5() {
    for (agent, expected) in [
        ("baresip v1.0.0 (x86_64/linux)", 1),
        ("SIPp limits", 1),
        ("baresip v3.10.0", 2),
        ("Linphone/5.1.65", 2),
    ] {
        let mut world = World::new(Config::default());
        let verdict = world.invite("101", &[format!("User-Agent: {agent}")], &phone());
        let Verdict::Challenge(answer) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(answer.headers.len(), expected, "{agent}");
        assert!(answer.headers.last().unwrap().1.contains("algorithm=MD5"));
    }
}

#[test]
fn a_phone_of_unknown_make_gets_md5_first() {
    let mut world = World::new(Config::default());
    let Verdict::Challenge(answer) = world.invite("101", &[], &phone()) else {
        panic!("it is challenged")
    };
    assert_eq!(offered(&answer), ["MD5", "SHA-256"]);
}

/// The algorithms of a challenge, the first one first.
fn offered(answer: &Answer) -> Vec<&'static str> {
    let names = answer.headers.iter().map(|(_, value)| {
        let md5 = value.contains("algorithm=MD5");
        if md5 { "MD5" } else { "SHA-256" }
    });
    names.collect()
}

#[test]
fn a_device_that_has_used_sha_256_is_offered_it_first() {
    let weak_first = ["MD5", "SHA-256"];
    let strong_first = ["SHA-256", "MD5"];
    let mut world = World::new(Config::default());
    let beside = flow("203.0.113.9:41000");
    let asks = |world: &mut World, from: &str, flow: &Flow| offered(&again(world.invite(from, &[], flow)));
    assert_eq!(asks(&mut world, "101", &phone()), weak_first);
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200);
    assert_eq!(
        asks(&mut world, "101", &beside),
        strong_first,
        "another connection of it"
    );
    assert_eq!(asks(&mut world, "102", &phone()), weak_first, "another phone there");
    assert_eq!(
        asks(&mut world, "101", &flow("198.51.100.1:5060")),
        weak_first,
        "a stranger learns nothing"
    );
    let md5 = Signer {
        algorithm: Algorithm::Md5,
        ..ALICE
    };
    assert_eq!(status(&world.call(&md5, "101", &phone())), 200);
    assert_eq!(asks(&mut world, "101", &phone()), weak_first, "it is an older one now");
}

#[test]
fn a_device_that_stops_using_sha_256_is_offered_md5_first_again() {
    let mut world = World::new(Config::default());
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200);
    let tries: Vec<bool> = (0..6)
        .map(|_| offered(&again(world.invite("101", &[], &phone())))[0] == "MD5")
        .collect();
    assert_eq!(tries, [false, false, false, false, true, true]);
}

#[test]
fn both_hashes_and_both_header_fields_are_taken() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        for field in ["Authorization", "Proxy-Authorization"] {
            let mut world = World::new(Config::default());
            let challenge = world.challenge();
            let signed = Signer { algorithm, ..ALICE }.sign(&challenge, &Method::Invite);
            let verdict = world.invite("101", &[format!("{field}: {signed}")], &phone());
            let identity = Identity {
                extension: "101".into(),
                device: Some("101".into()),
                anonymous: false,
            };
            assert_eq!(verdict, Verdict::Known(identity), "{algorithm} {field}");
        }
    }
}

#[test]
fn every_method_but_ack_and_cancel_is_challenged() {
    let mut world = World::new(Config::default());
    for (method, code) in [
        ("INVITE", 401),
        ("REGISTER", 401),
        ("OPTIONS", 401),
        ("MESSAGE", 401),
        ("SUBSCRIBE", 401),
        ("BREW", 401),
        ("BYE", 401),
        ("ACK", 0),
        ("CANCEL", 0),
    ] {
        assert_eq!(
            status(&world.judge(&request(method, "sip:102@tandem.local", "101", &[]), &phone())),
            code,
            "{method}"
        );
    }
}
