//! How long a nonce is valid, where it is valid, and nonce counts.

use super::*;

#[test]
fn nonces_expire_and_cannot_be_replayed() {
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
fn a_nonce_count_is_good_once_on_all_transports_together() {
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
    // A phone that sends without waiting for answers, over two transports of different speed.
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
fn a_device_can_require_qop_and_only_a_right_password_reveals_that() {
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
    // The next packet comes from yet another address, and so does each packet after it.
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
fn an_expired_nonce_is_replaced_by_a_nonce_of_the_same_kind() {
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
fn a_nonce_from_before_a_restart_is_stale_and_no_wrong_password() {
    let mut before = World::new(Config::default());
    before.authenticator = Authenticator::new([8; 32], &Config::default());
    let challenge = before.challenge();
    let mut world = World::new(Config::default());
    let line = format!("Authorization: {}", ALICE.sign(&challenge, &Method::Invite));
    assert!(is_stale(&world.invite("101", &[line], &phone())));
    assert_eq!(world.authenticator.work().failures, 0);
}

proptest! {
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
