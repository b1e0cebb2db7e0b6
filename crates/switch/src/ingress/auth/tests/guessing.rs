//! Guessed passwords.

use super::*;

#[test]
fn wrong_passwords_from_a_forged_address_do_not_lock_out_its_phone() {
    let mut world = World::new(Config::default());
    let own = world.challenge_at(&flow("198.51.100.66:1234"));
    assert_eq!(status(&world.call(&ALICE, "101", &phone())), 200, "the phone is known");
    // The guesses come from the phone's own address and port, with four kinds of nonces: one given to the attacker, one
    // bound to the user, an expired one, and one that is not ours.
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
    // A phone whose nonce has expired since gets one more challenge, and is not told that its password is wrong.
    let stale = world.answer(&ALICE, &expired, "101", &phone());
    assert!(is_stale(&stale));
    assert_eq!(status(&world.answer(&ALICE, &again(stale), "101", &phone())), 200);
}

#[test]
fn guessing_is_slowed_down_only_for_its_source() {
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
