//! Right, wrong and malformed credentials.

use super::*;

#[test]
fn wrong_credentials_are_challenged_again_or_refused() {
    let sign = |challenge: &Answer| ALICE.sign(challenge, &Method::Invite);
    type Change = fn(String) -> String;
    let cases: [(&str, Change, u16); 11] = [
        ("good", |signed| signed, 200),
        (
            "qop cut off",
            |signed| {
                signed
                    .replace(", qop=auth", "")
                    .replace(", nc=00000001", "")
                    .replace(", cnonce=\"cnonce\"", "")
            },
            401,
        ),
        ("auth-int", |signed| signed.replace("qop=auth", "qop=auth-int"), 400),
        ("other uri", |signed| signed.replace("sip:102@", "sip:103@"), 400),
        (
            "other host",
            |signed| signed.replace("102@tandem.local", "102@example.org"),
            400,
        ),
        (
            "uri of the address",
            |signed| signed.replace("102@tandem.local", "192.0.2.1:5060"),
            401,
        ),
        ("no response", |signed| signed.replace("response=", "x="), 400),
        ("twice", |signed| format!("{signed}, nc=00000001"), 400),
        (
            "other realm",
            |signed| signed.replace("realm=\"tandem.local\"", "realm=\"example.org\""),
            401,
        ),
        (
            "other algorithm",
            |signed| signed.replace("SHA-256", "SHA-512-256"),
            401,
        ),
        ("other scheme", |_| "Basic MTAxOnNlY3JldA==".into(), 401),
    ];
    for (name, change, code) in cases {
        let mut world = World::new(Config::default());
        let challenge = world.challenge();
        let line = format!("Authorization: {}", change(sign(&challenge)));
        assert_eq!(status(&world.invite("101", &[line], &phone())), code, "{name}");
    }
}

#[test]
fn a_digest_for_another_method_is_wrong() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let line = format!("Authorization: {}", ALICE.sign(&challenge, &Method::Bye));
    assert_eq!(status(&world.invite("101", &[line], &phone())), 401);
}

#[test]
fn a_digest_for_our_address_counts_as_one_for_the_domain() {
    for (uri, code) in [
        ("sip:192.0.2.1:5060", 200),
        ("sip:102@192.0.2.1", 200),
        ("sip:102@TANDEM.local", 200),
        ("sip:1%302@tandem.local", 200),
        ("sip:103@192.0.2.1", 400),
        ("sip:102@example.org", 400),
        ("102", 400),
    ] {
        let mut world = World::new(Config::default());
        assert_eq!(
            status(&world.call(&Signer { uri, ..ALICE }, "101", &phone())),
            code,
            "{uri}"
        );
    }
}

#[test]
fn credentials_for_another_realm_are_passed_over() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let signed = ALICE.sign(&challenge, &Method::Invite);
    let other = signed.replace("realm=\"tandem.local\"", "realm=\"proxy.example.org\"");
    let lines = [
        "Authorization: Bearer x".into(),
        format!("Proxy-Authorization: {other}"),
        format!("Authorization: {other}"),
        format!("Authorization: {signed}"),
    ];
    assert_eq!(status(&world.invite("101", &lines, &phone())), 200);
    let mut many: Vec<String> = vec!["Authorization: Bearer x".into(); 8];
    many.push(format!(
        "Authorization: {}",
        Signer { nc: 2, ..ALICE }.sign(&challenge, &Method::Invite)
    ));
    assert_eq!(
        status(&world.invite("101", &many, &phone())),
        401,
        "only so many are looked at"
    );
}

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let mut seen = Vec::new();
    for (user, password) in [
        ("101", "wrong"),
        ("nobody", "wrong"),
        ("nobody", "secret"),
        ("lost", "secret"),
        ("tls", "wrong"),
    ] {
        let mut world = World::new(Config {
            failures_per_user: Rate {
                per_second: 1,
                burst: 2,
            },
            ..Config::default()
        });
        let mut answers = Vec::new();
        for _ in 0..4 {
            let before = world.authenticator.work();
            let verdict = world.call(
                &Signer {
                    user,
                    password,
                    ..ALICE
                },
                user,
                &phone(),
            );
            let after = world.authenticator.work();
            let text = format!("{verdict:?}");
            // All but the nonce itself.
            let blank = text
                .split("nonce=")
                .map(|part| part.split_once(", ").map_or(part, |(_, rest)| rest).to_owned());
            answers.push((
                blank.collect::<Vec<_>>(),
                after.digests - before.digests,
                after.nonces - before.nonces,
                after.challenges - before.challenges,
                after.failures - before.failures,
            ));
        }
        assert_eq!(
            answers.iter().map(|answer| answer.1).collect::<Vec<_>>(),
            [1, 1, 0, 0],
            "then not listened to"
        );
        seen.push((answers, world.authenticator.backoff.sizes()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

proptest! {
    #[test]
    fn any_credentials_get_an_answer(value in "\\PC{0,200}", method in "(INVITE|REGISTER|OPTIONS)") {
        let mut world = World::new(Config::default());
        for value in [value.clone(), format!("Digest {value}"), format!("Digest username=\"101\", realm=\"tandem.local\", {value}")] {
            let text = format!("{method} sip:102@tandem.local SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:101@h>;tag=a\r\n\
                To: <sip:102@h>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nAuthorization: {value}\r\n\r\n");
            if let Ok(message) = Message::parse(Bytes::from(text), &Limits::default()) {
                let verdict = world.judge(&message, &phone());
                prop_assert!(matches!(status(&verdict), 400 | 401), "{verdict:?}");
            }
        }
    }
}
