use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Instant;

const LIFETIME: Duration = Duration::from_secs(300);

fn get() -> Method {
    Method::parse("GET").unwrap()
}

const PHONE: Holder<'_> = Holder {
    source: 0xc000_0201,
    user: "101",
};

fn issue(nonces: &mut Nonces, now: Instant) -> String {
    nonces.issue(now, Binding::Source, &PHONE)
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// RFC 7616 3.9.1, with the response of one hash.
fn mufasa(algorithm: &str, response: &str) -> String {
    format!(
        r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
        algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
    )
}

const MUFASA_MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";
const MUFASA_SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";

fn lion() -> Ha1Pair {
    Ha1Pair::new("Mufasa", "http-auth@example.org", "Circle of Life")
}

#[test]
fn rfc_7616_vectors_verify_and_nothing_beside_them_does() {
    for (algorithm, response) in [
        ("MD5", MUFASA_MD5),
        ("SHA-256", MUFASA_SHA256),
        ("sha-256", MUFASA_SHA256),
    ] {
        let value = mufasa(algorithm, response);
        let credentials = Credentials::parse(&value).unwrap();
        assert!(verify(&credentials, &lion(), &get(), b""), "{algorithm}");
        assert!(!verify(&credentials, &lion(), &Method::Register, b""), "another method");
        let other = Ha1Pair::new("Mufasa", "http-auth@example.org", "circle of life");
        assert!(!verify(&credentials, &other, &get(), b""), "another password");
        let capital = mufasa(algorithm, &response.to_uppercase());
        assert!(verify(&Credentials::parse(&capital).unwrap(), &lion(), &get(), b""));
    }
    for (algorithm, response) in [
        ("SHA-256", MUFASA_MD5),
        ("MD5", MUFASA_SHA256),
        ("MD5", ""),
        ("MD5", "8c"),
    ] {
        let value = mufasa(algorithm, response);
        assert!(!verify(&Credentials::parse(&value).unwrap(), &lion(), &get(), b""));
    }
}

#[test]
fn rfc_2617_vector_verifies() {
    let value = r#"Digest username="Mufasa", realm="testrealm@host.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001,
        cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let credentials = Credentials::parse(value).unwrap();
    assert_eq!(credentials.nc, Some(1));
    let ha1 = Ha1Pair::new("Mufasa", "testrealm@host.com", "Circle Of Life");
    assert!(verify(&credentials, &ha1, &get(), b""));
}

#[test]
fn without_qop_only_the_explicit_way_accepts() {
    let challenge = ChallengeParsed::parse(r#"Digest realm="t", nonce="n""#).unwrap();
    assert!(!challenge.auth);
    let value = answer(&challenge, "101", "secret", &Method::Register, "sip:t", 1, "c");
    let credentials = Credentials::parse(&value).unwrap();
    assert_eq!((credentials.qop, credentials.nc), (None, None));
    let ha1 = Ha1Pair::new("101", "t", "secret");
    assert!(!verify(&credentials, &ha1, &Method::Register, b""));
    assert!(verify_without_qop(&credentials, &ha1, &Method::Register));
    assert!(!verify_without_qop(&credentials, &ha1, &Method::Invite));
    let value = mufasa("MD5", MUFASA_MD5);
    assert!(!verify_without_qop(
        &Credentials::parse(&value).unwrap(),
        &lion(),
        &get()
    ));
}

#[test]
fn what_the_client_answers_the_server_verifies() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let challenge = Challenge {
            realm: r#"quoted " and \ realm"#.into(),
            nonce: "n0nce".into(),
            opaque: Some("o".into()),
            stale: true,
            algorithm,
        };
        let text = challenge.to_string();
        let parsed = ChallengeParsed::parse(&text).unwrap();
        assert_eq!(parsed.realm, challenge.realm);
        assert!(parsed.stale && parsed.auth && parsed.algorithm == algorithm);
        let value = answer(&parsed, "1\"01", "secret", &Method::Invite, "sip:102@t", 0x1f, "cn");
        let credentials = Credentials::parse(&value).unwrap();
        assert_eq!(credentials.username, "1\"01");
        assert_eq!(credentials.opaque.as_deref(), Some("o"));
        assert_eq!(credentials.nc, Some(31));
        let ha1 = Ha1Pair::new("1\"01", &challenge.realm, "secret");
        assert!(verify(&credentials, &ha1, &Method::Invite, b""));
        let wrong = Ha1Pair::new("1\"01", &challenge.realm, "Secret");
        assert!(!verify(&credentials, &wrong, &Method::Invite, b""));
    }
}

#[test]
fn auth_int_signs_the_body() {
    let mut credentials = mufasa("MD5", "x").replace("qop=auth", "qop=auth-int");
    let parsed = Credentials::parse(&credentials).unwrap();
    let right = response(&parsed, &lion().hex(Algorithm::Md5), "GET", b"body");
    let right = right.as_str().to_owned();
    credentials = credentials.replace("response=\"x\"", &format!("response=\"{right}\""));
    let parsed = Credentials::parse(&credentials).unwrap();
    assert!(verify(&parsed, &lion(), &get(), b"body"));
    assert!(!verify(&parsed, &lion(), &get(), b"other"));
}

#[test]
fn the_first_usable_challenge_is_taken() {
    let values = [
        r#"Basic realm="x""#,
        r#"Digest realm="x", nonce="a", algorithm=SHA-512-256, qop="auth""#,
        r#"Digest realm="x", nonce="b", algorithm=SHA-256, qop="auth-int""#,
        r#"Digest realm="x", nonce="c", algorithm=SHA-256, qop="auth-int, auth""#,
        r#"Digest realm="x", nonce="d", qop="auth""#,
    ];
    assert_eq!(ChallengeParsed::choose(values).unwrap().nonce, "c");
    assert_eq!(ChallengeParsed::choose(values[..3].iter().copied()), None);
    assert_eq!(ChallengeParsed::parse(values[0]), Err(DigestError::Scheme));
    assert_eq!(ChallengeParsed::parse(values[1]), Err(DigestError::Algorithm));
    assert_eq!(ChallengeParsed::parse(values[2]), Err(DigestError::Qop));
}

#[test]
fn unusable_credentials_name_their_fault() {
    let good = mufasa("MD5", MUFASA_MD5);
    let drop = |name: &str| good.replace(name, "x-ignored");
    for (value, fault) in [
        ("Basic Zm9v".to_owned(), DigestError::Scheme),
        ("Digest".to_owned(), DigestError::Missing("response")),
        (drop("username"), DigestError::Missing("username")),
        (drop("realm"), DigestError::Missing("realm")),
        (drop(" nonce"), DigestError::Missing("nonce")),
        (drop("uri"), DigestError::Missing("uri")),
        (drop("response"), DigestError::Missing("response")),
        (drop("nc="), DigestError::Malformed),
        (drop(" cnonce"), DigestError::Missing("cnonce")),
        (good.replace("nc=00000001", "z=1"), DigestError::Missing("nc")),
        (good.replace("nc=00000001", "nc=1"), DigestError::Qop),
        (good.replace("nc=00000001", "nc=00000000"), DigestError::Qop),
        (good.replace("nc=00000001", "nc=+0000001"), DigestError::Qop),
        (good.replace("=MD5", "=MD5-sess"), DigestError::Algorithm),
        (good.replace("qop=auth", "qop=other"), DigestError::Qop),
        (format!("{good}, realm=\"again\""), DigestError::Repeated),
        (format!("{good}, USERNAME*=UTF-8''M"), DigestError::Repeated),
        (format!("{good}, x"), DigestError::Malformed),
        (format!("{good}, x=\"open"), DigestError::Malformed),
        (format!("{good}, x=\"open\\\""), DigestError::Malformed),
        (format!("{good}, x=y z"), DigestError::Malformed),
        (format!("{good}, =y"), DigestError::Malformed),
        (format!("{good}{}", ", a=b".repeat(40)), DigestError::Malformed),
        (format!("{good}, a={}", "b".repeat(5_000)), DigestError::Malformed),
    ] {
        assert_eq!(Credentials::parse(&value).unwrap_err(), fault, "{value}");
    }
    assert!(Credentials::parse(&format!("{good},, x=y ,")).is_ok());
}

#[test]
fn extended_user_names_are_decoded() {
    let value = mufasa("MD5", "x").replace("username=\"Mufasa\"", "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe");
    assert_eq!(Credentials::parse(&value).unwrap().username, "Jäsøn Doe");
    for bad in ["ISO-8859-1''x", "UTF-8''%G0", "UTF-8''%", "UTF-8''%ff", "UTF-8"] {
        let value = mufasa("MD5", "x").replace("username=\"Mufasa\"", &format!("username*={bad}"));
        assert_eq!(Credentials::parse(&value).unwrap_err(), DigestError::Malformed, "{bad}");
    }
}

#[test]
fn a_challenge_cannot_be_broken_out_of() {
    let challenge = Challenge {
        realm: "a\r\nEvil: 1\"".into(),
        nonce: "n".into(),
        opaque: None,
        stale: false,
        algorithm: Algorithm::Md5,
    };
    let text = challenge.to_string();
    assert_eq!(
        text,
        r#"Digest realm="a  Evil: 1\"", nonce="n", algorithm=MD5, qop="auth""#
    );
}

#[test]
fn debug_shows_no_secret() {
    let value = mufasa("MD5", MUFASA_MD5);
    let shown = format!("{:?}", Credentials::parse(&value).unwrap());
    assert!(shown.contains("Mufasa"));
    assert!(!shown.contains(MUFASA_MD5) && !shown.contains("7ypf") && !shown.contains("f2/w"));
}

#[test]
fn nonces_age_and_go_stale() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let nonce = issue(&mut nonces, at(10));
    assert_eq!(nonce.len(), 43);
    assert_ne!(nonce, issue(&mut nonces, at(10)), "issued in the same microsecond");
    let age = nonces.check(&nonce, at(70), &PHONE).unwrap();
    assert_eq!(age.age, Duration::from_secs(60));
    assert_eq!(age.left, Duration::from_secs(240));
    assert!(
        nonces
            .check(&nonce, Instant::from_micros(310_000_000 - 1), &PHONE)
            .is_ok()
    );
    assert_eq!(
        nonces.check(&nonce, at(310), &PHONE),
        Err(NonceError::Stale(Binding::Source))
    );
}

#[test]
fn a_replayed_run_issues_the_nonces_that_were_used_and_takes_no_others() {
    let mut live = Nonces::new([7; 32], LIFETIME);
    let (unused, used) = (issue(&mut live, at(1)), issue(&mut live, at(2)));
    let of_another_run = issue(&mut Nonces::new([8; 32], LIFETIME), at(3));
    let mut again = Nonces::replaying(LIFETIME, [used.as_str(), of_another_run.as_str(), "no nonce"]);
    assert_eq!(again.check(&used, at(1), &PHONE), Err(NonceError::Forged));
    assert_ne!(issue(&mut again, at(1)), unused);
    assert_eq!(issue(&mut again, at(2)), used);
    assert_eq!(again.check(&used, at(3), &PHONE), live.check(&used, at(3), &PHONE));
    assert_eq!(again.check(&of_another_run, at(3), &PHONE), Err(NonceError::Forged));
    let late = at(3) + LIFETIME;
    assert_eq!(
        again.check(&used, late, &PHONE),
        Err(NonceError::Stale(Binding::Source))
    );
}

#[test]
fn a_tampered_nonce_is_forged_whatever_was_changed() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let nonce = issue(&mut nonces, at(10));
    for index in 0..nonce.len() {
        let mut other = nonce.clone().into_bytes();
        other[index] = if other[index] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(nonces.check(&other, at(10), &PHONE), Err(NonceError::Forged), "{index}");
    }
    for other in [
        "",
        "x",
        &nonce[1..],
        &format!("{nonce}A"),
        &"=".repeat(43),
        &"é".repeat(21),
    ] {
        assert_eq!(nonces.check(other, at(10), &PHONE), Err(NonceError::Forged));
    }
    let strangers = issue(&mut Nonces::new([8; 32], LIFETIME), at(10));
    assert_eq!(nonces.check(&strangers, at(10), &PHONE), Err(NonceError::Forged));
}

#[test]
fn a_nonce_count_is_good_once() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let mut replay = Replay::new(10, LIFETIME);
    let (one, two) = (issue(&mut nonces, at(1)), issue(&mut nonces, at(1)));
    assert!(!replay.seen(&one, Some(1)));
    assert!(replay.seen(&one, Some(1)));
    assert!(!replay.seen(&two, Some(1)), "each nonce counts for itself");
    // Overtaken on the way.
    assert!(!replay.seen(&one, Some(5)));
    assert!(!replay.seen(&one, Some(3)));
    assert!(replay.seen(&one, Some(3)));
    assert!(replay.seen(&one, Some(1)));
    assert!(replay.seen(&one, Some(5)));
    // A jump beyond the window: what fell out of it is refused, what is in it is not.
    assert!(!replay.seen(&one, Some(200)));
    assert!(replay.seen(&one, Some(168)));
    assert!(!replay.seen(&one, Some(169)));
    assert!(replay.seen(&one, Some(4)));
    assert!(!replay.seen(&one, Some(u32::MAX)));
    assert!(replay.seen(&one, Some(u32::MAX)));
    assert!(replay.seen("not a nonce", Some(1)));
    assert_eq!(replay.len(), 2);
}

#[test]
fn a_nonce_without_a_count_is_good_for_one_request() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let mut replay = Replay::new(10, LIFETIME);
    let [one, two] = [issue(&mut nonces, at(1)), issue(&mut nonces, at(1))];
    assert!(!replay.seen(&one, None));
    assert!(replay.seen(&one, None));
    for count in [1, u32::MAX - 31, u32::MAX] {
        assert!(replay.seen(&one, Some(count)), "nor is it good with a count then");
    }
    assert!(!replay.seen(&two, Some(1)));
    assert!(replay.seen(&two, None), "it was used before");
    assert!(!replay.seen(&two, Some(2)), "which takes no count from its owner");
}

#[test]
fn a_nonce_is_good_for_whom_it_was_given_to() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let elsewhere = Holder { source: 7, ..PHONE };
    let another = Holder { user: "102", ..PHONE };
    let nonce = issue(&mut nonces, at(10));
    assert_eq!(nonces.check(&nonce, at(10), &PHONE).unwrap().binding, Binding::Source);
    assert!(nonces.check(&nonce, at(10), &another).is_ok(), "the source decides");
    assert_eq!(nonces.check(&nonce, at(10), &elsewhere), Err(NonceError::Forged));
    let nonce = nonces.issue(at(10), Binding::User, &PHONE);
    assert_eq!(nonces.check(&nonce, at(10), &elsewhere).unwrap().binding, Binding::User);
    assert_eq!(nonces.check(&nonce, at(10), &another), Err(NonceError::Forged));
    assert_eq!(
        nonces.check(&nonce, at(310), &PHONE),
        Err(NonceError::Stale(Binding::User))
    );
}

#[test]
fn a_replayed_run_binds_nonces_as_the_run_did() {
    let mut live = Nonces::new([7; 32], LIFETIME);
    let elsewhere = Holder { source: 7, ..PHONE };
    let used = [issue(&mut live, at(1)), live.issue(at(2), Binding::User, &PHONE)];
    let mut again = Nonces::replaying(LIFETIME, used.iter().map(String::as_str));
    let issued = [issue(&mut again, at(1)), again.issue(at(2), Binding::User, &PHONE)];
    assert_eq!(issued, used);
    for nonce in &used {
        for holder in [PHONE, elsewhere] {
            assert_eq!(again.check(nonce, at(3), &holder), live.check(nonce, at(3), &holder));
        }
    }
}

#[test]
fn the_replay_table_is_bounded_and_forgets_nothing_that_could_be_replayed() {
    let mut nonces = Nonces::new([7; 32], LIFETIME);
    let mut replay = Replay::new(3, LIFETIME);
    let old: Vec<_> = (1..=4).map(|second| issue(&mut nonces, at(second))).collect();
    for nonce in &old {
        assert!(!replay.seen(nonce, Some(1)));
    }
    assert_eq!(replay.len(), 3);
    assert!(replay.seen(&old[0], Some(1)), "forgotten for want of room: refused");
    assert!(replay.seen(&old[0], Some(2)));
    assert!(!replay.seen(&old[1], Some(2)), "still known");
    // All expired by the time of this one: they go, and no refusal stays.
    let young = issue(&mut nonces, at(1_000));
    assert!(!replay.seen(&young, Some(1)));
    assert_eq!(replay.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_strange_to_be_read(text in "(?s)(Digest )?.{0,200}", params in "Digest [a-z]{1,9}=\"?[\\x00-\\x7f]{0,40}") {
        for text in [text, params] {
            let _ = Credentials::parse(&text);
            let _ = ChallengeParsed::parse(&text);
            assert!(Nonces::new([7; 32], LIFETIME).check(&text, at(1), &PHONE).is_err());
        }
    }

    #[test]
    fn what_is_written_is_what_is_read(
        user in "\\PC{1,20}", realm in "\\PC{1,20}", nonce in "\\PC{1,20}", opaque in "\\PC{0,20}",
        uri in "[!-~]{1,20}", cnonce in "[!-~]{1,20}", nc in 1_u32.., sha in any::<bool>()
    ) {
        let algorithm = if sha { Algorithm::Sha256 } else { Algorithm::Md5 };
        let opaque = Some(opaque);
        let challenge = Challenge { realm: realm.clone(), nonce, opaque, stale: false, algorithm };
        let text = challenge.to_string();
        let parsed = ChallengeParsed::parse(&text).unwrap();
        prop_assert_eq!(&parsed.realm, &challenge.realm);
        prop_assert_eq!(&parsed.nonce, &challenge.nonce);
        prop_assert_eq!(parsed.opaque.as_deref(), challenge.opaque.as_deref());
        let value = answer(&parsed, &user, "secret", &Method::Invite, &uri, nc, &cnonce);
        let credentials = Credentials::parse(&value).unwrap();
        prop_assert_eq!(&credentials.username, &user);
        prop_assert_eq!(&credentials.uri, &uri);
        prop_assert_eq!(credentials.nc, Some(nc));
        prop_assert!(verify(&credentials, &Ha1Pair::new(&user, &realm, "secret"), &Method::Invite, b""));
    }
}
