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
        let verdict = self.invite("101", &["User-Agent: Desk/1.0".into()], &phone());
        let Verdict::Challenge(answer) = verdict else {
            panic!("{verdict:?}")
        };
        answer
    }

    /// Signs a fresh challenge and sends an INVITE from `from` with that.
    fn call(&mut self, signer: &Signer<'_>, from: &str, flow: &Flow) -> Verdict {
        let challenge = self.challenge();
        let line = format!("Authorization: {}", signer.sign(&challenge, &Method::Invite));
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
    let named = answer.headers.iter().map(|(_, value)| value.contains("algorithm=MD5"));
    assert_eq!(named.collect::<Vec<_>>(), [true, false]);
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
            "no qop",
            |signed| {
                signed
                    .replace(", qop=auth", "")
                    .replace(", nc=00000001", "")
                    .replace(", cnonce=\"cnonce\"", "")
            },
            400,
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
        backoff.failed(
            Instant::ZERO,
            &flow,
            "a name longer than sixty-four bytes is cut off, so that it takes no more room",
            &format!("{number:064x}"),
        );
        if number % 16 == 0 {
            backoff.succeeded(&flow, &format!("{number}"));
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
