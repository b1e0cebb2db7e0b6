use bytes::Bytes;
use proptest::prelude::*;
use sip::{
    ConnectionId, Limits, Transport,
    digest::{Algorithm, ChallengeParsed, answer},
};

use super::*;
use crate::{AccountChange, Extension, Ha1, Listener, NatPolicy, Trusted, admission::Rate};

const REALM: &str = "tandem.local";

struct World {
    authenticator: Authenticator,
    accounts: Accounts,
    domain: Domain,
    trusted: TrustedNets,
    now: Instant,
}

fn device(username: &str, extension: &str, password: &str, transport: Option<Transport>) -> AccountChange {
    let pair = Ha1Pair::new(username, REALM, password);
    AccountChange::Device(Device {
        username: username.into(),
        extension: extension.into(),
        ha1: Ha1 {
            md5: pair.md5,
            sha256: pair.sha256,
        },
        codecs: Vec::new(),
        nat: NatPolicy::Source,
        transport,
        require_qop: false,
    })
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

fn phone() -> Flow {
    flow("203.0.113.9:40000")
}

fn request(method: &str, uri: &str, user: &str, lines: &[String]) -> Message {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let to = if method == "REGISTER" { user } else { "102" };
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\nFrom: \"Me\" <sip:{user}@tandem.local>;tag=a\r\n\
         To: <sip:{to}@tandem.local>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text), &Limits::default()).unwrap()
}

/// A phone's way to answer a challenge.
struct Signer<'a> {
    user: &'a str,
    password: &'a str,
    algorithm: Algorithm,
    uri: &'a str,
    nc: u32,
}

const ALICE: Signer<'_> = Signer {
    user: "101",
    password: "secret",
    algorithm: Algorithm::Sha256,
    uri: "sip:102@tandem.local",
    nc: 1,
};

impl Signer<'_> {
    fn sign(&self, challenge: &Answer, method: &Method) -> String {
        let values = challenge
            .headers
            .iter()
            .filter(|(name, _)| *name == HeaderName::WwwAuthenticate);
        let parsed = values.map(|(_, value)| ChallengeParsed::parse(value).unwrap());
        let chosen = parsed
            .rev()
            .find(|challenge| challenge.algorithm == self.algorithm)
            .unwrap();
        answer(&chosen, self.user, self.password, method, self.uri, self.nc, "cnonce")
    }
}

impl World {
    fn new(config: Config) -> Self {
        let mut accounts = Accounts::default();
        for number in ["101", "102"] {
            accounts.apply(AccountChange::Extension(Extension {
                number: number.into(),
                ..Extension::default()
            }));
        }
        accounts.apply(device("101", "101", "secret", None));
        accounts.apply(device("desk", "101", "desk secret", None));
        accounts.apply(device("tls", "102", "secret", Some(Transport::Tls)));
        accounts.apply(device("lost", "999", "secret", None));
        let mut domain = Domain::new(REALM, None);
        domain.listen(&[Listener {
            transport: Transport::Udp,
            address: "0.0.0.0:5060".parse().unwrap(),
        }]);
        let authenticator = Authenticator::new([7; 32], &config);
        Self {
            authenticator,
            accounts,
            domain,
            trusted: TrustedNets::default(),
            now: Instant::from_micros(1_000_000),
        }
    }

    fn judge(&mut self, message: &Message, flow: &Flow) -> Verdict {
        self.authenticator
            .authenticate(self.now, message, flow, &self.accounts, &self.domain, &self.trusted)
    }

    fn invite(&mut self, from: &str, lines: &[String], flow: &Flow) -> Verdict {
        self.judge(&request("INVITE", "sip:102@tandem.local", from, lines), flow)
    }

    fn challenge(&mut self) -> Answer {
        self.challenge_at(&phone())
    }

    fn challenge_at(&mut self, flow: &Flow) -> Answer {
        let verdict = self.invite("101", &["User-Agent: Desk/1.0".into()], flow);
        let Verdict::Challenge(answer) = verdict else {
            panic!("{verdict:?}")
        };
        answer
    }

    /// Signs a fresh challenge and sends an INVITE from `from` with that.
    fn call(&mut self, signer: &Signer<'_>, from: &str, flow: &Flow) -> Verdict {
        let challenge = self.challenge_at(flow);
        self.answer(signer, &challenge, from, flow)
    }

    /// Signs a challenge and sends an INVITE from `from` with that.
    fn answer(&mut self, signer: &Signer<'_>, challenge: &Answer, from: &str, flow: &Flow) -> Verdict {
        let line = format!("Authorization: {}", signer.sign(challenge, &Method::Invite));
        self.invite(from, &[line], flow)
    }
}

fn status(verdict: &Verdict) -> u16 {
    match verdict {
        Verdict::Known(_) => 200,
        Verdict::Challenge(answer) | Verdict::Refused(answer) | Verdict::Forbidden(_, answer) => answer.status.code(),
        Verdict::Exempt => 0,
    }
}

/// The challenge of a verdict.
fn again(verdict: Verdict) -> Answer {
    let Verdict::Challenge(answer) = verdict else {
        panic!("{verdict:?}")
    };
    answer
}

/// As a client of RFC 2069 writes them.
fn without_qop(challenge: &Answer, signer: &Signer<'_>) -> String {
    let mut old = challenge.clone();
    for (_, value) in &mut old.headers {
        *value = value.replace(", qop=\"auth\"", "");
    }
    format!("Authorization: {}", signer.sign(&old, &Method::Invite))
}

fn is_stale(verdict: &Verdict) -> bool {
    let Verdict::Challenge(answer) = verdict else {
        panic!("{verdict:?}")
    };
    answer
        .header(HeaderName::WwwAuthenticate)
        .unwrap()
        .contains("stale=true")
}

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
fn phones_that_choke_on_a_hash_they_do_not_know_get_md5_alone() {
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
fn who_does_not_say_what_it_is_may_read_the_first_challenge_only() {
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
fn who_has_shown_sha_256_is_offered_that_first() {
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
fn who_cannot_answer_sha_256_any_more_is_offered_md5_first_again() {
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
fn credentials_for_others_are_passed_over() {
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
fn nonces_end_and_are_not_replayed() {
    let mut world = World::new(Config {
        nonce_lifetime: 100,
        ..Config::default()
    });
    let challenge = world.challenge();
    let line = |nc| {
        format!(
            "Authorization: {}",
            Signer { nc, ..ALICE }.sign(&challenge, &Method::Invite)
        )
    };
    assert_eq!(status(&world.invite("101", &[line(1)], &phone())), 200);
    assert!(is_stale(&world.invite("101", &[line(1)], &phone())), "the same again");
    assert_eq!(status(&world.invite("101", &[line(3)], &phone())), 200);
    assert_eq!(
        status(&world.invite("101", &[line(2)], &phone())),
        200,
        "overtaken on the way"
    );
    assert!(is_stale(&world.invite("101", &[line(3)], &phone())));
    world.now += Duration::from_secs(100);
    assert!(is_stale(&world.invite("101", &[line(4)], &phone())), "too old");
    let wrong = Signer {
        password: "wrong",
        nc: 5,
        ..ALICE
    };
    let wrong = format!("Authorization: {}", wrong.sign(&challenge, &Method::Invite));
    assert!(
        !is_stale(&world.invite("101", &[wrong], &phone())),
        "stale is told only to who knows the password"
    );
    assert_eq!(world.authenticator.work().failures, 1);
}

#[test]
fn a_nonce_count_is_good_once_whatever_way_it_comes() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let over_tcp = Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(1)),
        ..flow("203.0.113.9:40001")
    };
    let mut call = |nc, way: &Flow| {
        let signed = Signer { nc, ..ALICE }.sign(&challenge, &Method::Invite);
        status(&world.invite("101", &[format!("Authorization: {signed}")], way))
    };
    // A phone that does not wait for answers, over two transports, one of which is faster.
    for (nc, way) in [(3, &over_tcp), (4, &over_tcp), (1, &phone()), (2, &phone())] {
        assert_eq!(call(nc, way), 200, "{nc}");
    }
    for (nc, way) in [(3, &phone()), (4, &phone()), (1, &over_tcp), (2, &over_tcp)] {
        assert_eq!(call(nc, way), 401, "{nc}");
    }
}

#[test]
fn an_answer_without_qop_is_taken_once_for_each_nonce() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut world = World::new(Config::default());
        let challenge = world.challenge();
        let signer = Signer { algorithm, ..ALICE };
        let line = without_qop(&challenge, &signer);
        assert!(!line.contains("qop") && !line.contains("nc="), "{line}");
        assert_eq!(status(&world.invite("101", std::slice::from_ref(&line), &phone())), 200);
        let replayed = world.invite("101", &[line], &phone());
        assert!(is_stale(&replayed));
        let counted = world.answer(&signer, &challenge, "101", &phone());
        assert!(is_stale(&counted), "the nonce is used up for every form of answer");
        let next = again(counted);
        assert_eq!(status(&world.answer(&signer, &next, "101", &phone())), 200);
        let line = without_qop(&next, &signer);
        assert!(is_stale(&world.invite("101", &[line], &phone())), "used with a count");
        let wrong = Signer {
            password: "wrong",
            ..signer
        };
        let line = without_qop(&world.challenge(), &wrong);
        assert!(!is_stale(&world.invite("101", &[line], &phone())));
        assert_eq!(world.authenticator.work().failures, 1);
    }
}

#[test]
fn a_device_can_demand_qop_and_only_its_owner_hears_of_it() {
    let mut world = World::new(Config::default());
    let mut strict = world.accounts.device("101").unwrap().clone();
    strict.require_qop = true;
    world.accounts.apply(AccountChange::Device(strict));
    let line = without_qop(&world.challenge(), &ALICE);
    let Verdict::Refused(answer) = world.invite("101", &[line], &phone()) else {
        panic!("it is refused")
    };
    assert_eq!(
        (answer.status, answer.reason.as_deref()),
        (StatusCode::BAD_REQUEST, Some("This Device Needs Digest With qop"))
    );
    let wrong = Signer {
        password: "wrong",
        ..ALICE
    };
    let line = without_qop(&world.challenge(), &wrong);
    assert!(!is_stale(&world.invite("101", &[line], &phone())));
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200);
}

#[test]
fn a_count_that_goes_back_beyond_the_window_of_32_is_refused() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let mut call = |nc| world.answer(&Signer { nc, ..ALICE }, &challenge, "101", &phone());
    assert_eq!(status(&call(100)), 200);
    assert!(is_stale(&call(68)));
    assert_eq!(status(&call(69)), 200);
}

#[test]
fn a_nonce_is_good_at_the_address_it_was_given_to_and_a_changing_nat_costs_one_round() {
    let mut world = World::new(Config::default());
    let challenge = world.challenge();
    let port = flow("203.0.113.9:49999");
    assert_eq!(
        status(&world.answer(&ALICE, &challenge, "101", &port)),
        200,
        "a port is no address"
    );
    let second = Signer { nc: 2, ..ALICE };
    let stale = world.answer(&second, &challenge, "101", &flow("198.51.100.1:5060"));
    assert!(is_stale(&stale), "the password was right");
    assert_eq!(
        status(&world.answer(&second, &challenge, "101", &phone())),
        200,
        "its count was not used up"
    );
    // The next packet has yet another address, and so has each that follows.
    let next = again(stale);
    for nc in 1..20 {
        let away = flow(&format!("198.51.100.{}:5060", 1 + nc));
        let verdict = world.answer(&Signer { nc, ..ALICE }, &next, "101", &away);
        assert_eq!(status(&verdict), 200, "{nc}");
    }
    let desk = Signer {
        user: "desk",
        password: "desk secret",
        nc: 30,
        ..ALICE
    };
    assert!(
        is_stale(&world.answer(&desk, &next, "101", &phone())),
        "it is 101's, nobody else's"
    );
    let network = flow("[2001:db8:0:1::5]:5060");
    let challenge = world.challenge_at(&flow("[2001:db8:0:1::9]:5060"));
    assert_eq!(
        status(&world.answer(&ALICE, &challenge, "101", &network)),
        200,
        "a /64 is one address"
    );
    assert_eq!(world.authenticator.work().failures, 0);
}

#[test]
fn a_nonce_that_has_expired_is_followed_by_one_of_its_kind() {
    let mut world = World::new(Config::default());
    let elsewhere = flow("198.51.100.1:5060");
    let challenge = world.challenge();
    world.now += Duration::from_secs(300);
    let next = again(world.answer(&ALICE, &challenge, "101", &phone()));
    assert!(
        is_stale(&world.answer(&ALICE, &next, "101", &elsewhere)),
        "bound to the address"
    );
    let roams = again(world.answer(&ALICE, &next, "101", &elsewhere));
    world.now += Duration::from_secs(300);
    let next = again(world.answer(&ALICE, &roams, "101", &elsewhere));
    assert_eq!(
        status(&world.answer(&ALICE, &next, "101", &phone())),
        200,
        "bound to the user"
    );
}

#[test]
fn wrong_passwords_with_a_forged_address_do_not_keep_its_phone_out() {
    let mut world = World::new(Config::default());
    let own = world.challenge_at(&flow("198.51.100.66:1234"));
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200, "the phone is known");
    // They come from the phone's own address and port, with a nonce that was given to the attacker, with one that
    // is bound to the user, with one that has expired, and with none of ours.
    let roams = again(world.answer(&ALICE, &own, "101", &phone()));
    let expired = world.challenge();
    world.now += Duration::from_secs(300);
    let made_up = Answer {
        headers: vec![(
            HeaderName::WwwAuthenticate,
            "Digest realm=\"tandem.local\", nonce=\"x\", algorithm=SHA-256, qop=\"auth\"".into(),
        )],
        ..own.clone()
    };
    let digests = world.authenticator.work().digests;
    let passwords: Vec<String> = (0..500).map(|number| format!("guess {number}")).collect();
    for password in &passwords {
        let wrong = Signer { password, ..ALICE };
        for challenge in [&own, &roams, &expired, &made_up] {
            assert_eq!(status(&world.answer(&wrong, challenge, "101", &phone())), 401);
        }
    }
    let verified = world.authenticator.work().digests - digests;
    assert_eq!(verified, 10, "guesses of this kind are few as well");
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200);
    let fresh = flow("203.0.113.9:40777");
    assert_eq!(status(&world.call(&ALICE, "101", &fresh)), 200, "nor a phone beside it");
    // Whose nonce has expired meanwhile gets one more round, and is not told that its password is wrong.
    let stale = world.answer(&ALICE, &expired, "101", &phone());
    assert!(is_stale(&stale));
    assert_eq!(status(&world.answer(&ALICE, &again(stale), "101", &phone())), 200);
}

#[test]
fn a_nonce_of_before_a_restart_is_stale_and_a_made_up_one_is_none() {
    let mut before = World::new(Config::default());
    before.authenticator = Authenticator::new([8; 32], &Config::default());
    let challenge = before.challenge();
    let mut world = World::new(Config::default());
    let line = format!("Authorization: {}", ALICE.sign(&challenge, &Method::Invite));
    assert!(is_stale(&world.invite("101", &[line], &phone())));
    assert_eq!(world.authenticator.work().failures, 0);
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_the_same() {
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

#[test]
fn guessing_is_slowed_down_where_it_comes_from_only() {
    let mut world = World::new(Config::default());
    let wrong = Signer {
        password: "wrong",
        ..ALICE
    };
    let guesser = flow("198.51.100.66:1234");
    for _ in 0..10 {
        assert_eq!(status(&world.call(&wrong, "101", &guesser)), 401);
    }
    let Verdict::Refused(answer) = world.call(&wrong, "101", &guesser) else {
        panic!()
    };
    assert_eq!(
        (answer.status, answer.header(HeaderName::RetryAfter)),
        (StatusCode::SERVICE_UNAVAILABLE, Some("1"))
    );
    assert_eq!(
        status(&world.call(&ALICE, "101", &flow("198.51.100.66:9"))),
        503,
        "also the right one"
    );
    assert_eq!(
        status(&world.call(&ALICE, "101", &phone())),
        200,
        "the user elsewhere is not locked out"
    );
    let desk = Signer {
        user: "desk",
        password: "desk secret",
        ..ALICE
    };
    assert_eq!(
        status(&world.call(&desk, "101", &guesser)),
        200,
        "nor another one there"
    );
    world.now += Duration::from_secs(1);
    assert_eq!(status(&world.call(&ALICE, "101", &guesser)), 200, "it is over soon");
    for _ in 0..20 {
        world.call(&wrong, "101", &flow("198.51.100.66:9"));
    }
    assert_eq!(status(&world.call(&ALICE, "101", &flow("198.51.100.66:9"))), 503);
    assert_eq!(
        status(&world.call(&ALICE, "101", &guesser)),
        200,
        "who has signed in from there is heard"
    );
}

#[test]
fn a_right_password_clears_the_wrong_ones() {
    let mut world = World::new(Config::default());
    let wrong = Signer {
        password: "wrong",
        ..ALICE
    };
    for round in 0..3 {
        for _ in 0..9 {
            assert_eq!(status(&world.call(&wrong, "101", &phone())), 401, "round {round}");
        }
        assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200);
    }
}

#[test]
fn trying_one_password_with_many_users_is_slowed_down() {
    let mut world = World::new(Config {
        failures_per_source: Rate {
            per_second: 1,
            burst: 50,
        },
        ..Config::default()
    });
    let codes: Vec<u16> = (0..60)
        .map(|number| {
            let user = format!("{number}");
            status(&world.call(&Signer { user: &user, ..ALICE }, &user, &phone()))
        })
        .collect();
    assert_eq!(codes.iter().filter(|code| **code == 401).count(), 50);
    assert_eq!(codes.iter().filter(|code| **code == 503).count(), 10);
}

#[test]
fn a_million_guessers_take_bounded_memory() {
    let mut backoff = Backoff::new(&Config {
        sources: 1_000,
        ..Config::default()
    });
    for number in 0..1_000_000u32 {
        let address = std::net::Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761));
        let flow = flow(&format!("{address}:5060"));
        let guess = Guess {
            flow: &flow,
            user: "a name longer than sixty-four bytes is cut off, so that it takes no more room",
            reached: number % 2 == 0,
        };
        backoff.failed(Instant::ZERO, &guess, &format!("{number:064x}"));
        if number % 16 == 0 {
            let user = format!("{number}");
            backoff.succeeded(&Guess { user: &user, ..guess });
            assert!(backoff.sizes().iter().all(|size| *size <= 1_000));
        }
    }
}

#[test]
fn nobody_calls_or_registers_as_another() {
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
fn to_and_from_of_a_register_are_both_bound() {
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

    #[test]
    fn each_use_of_a_nonce_counts_once(counts in proptest::collection::vec(1u32..40, 1..60)) {
        let mut world = World::new(Config::default());
        let challenge = world.challenge();
        let mut used = std::collections::BTreeSet::new();
        let mut highest = 0;
        for nc in counts {
            let line = format!("Authorization: {}", Signer { nc, ..ALICE }.sign(&challenge, &Method::Invite));
            let known = status(&world.invite("101", &[line], &phone())) == 200;
            let fresh = used.insert(nc);
            prop_assert!(!known || fresh, "{nc} was taken twice");
            prop_assert!(known || !fresh || nc + 31 < highest, "{nc} was refused though new");
            highest = highest.max(nc);
        }
    }
}
