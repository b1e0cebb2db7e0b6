use axum::http::Method;

use crate::support::{DOMAIN, Setup, TOKEN, World};

const PATHS: [&str; 11] = [
    "/extensions",
    "/extensions/101",
    "/registrations",
    "/subscriptions",
    "/presence",
    "/calls",
    "/cdrs",
    "/dialplans",
    "/events",
    "/openapi.json",
    "/nothing",
];

#[tokio::test]
async fn nothing_under_the_api_answers_without_a_token() {
    let world = World::new().await;
    for path in PATHS {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let answer = world.plain(method, &format!("/api/v1{path}"), &[]).await;
            answer.is_problem(401, "unauthorized", None);
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"tandem\"");
        }
    }
}

#[tokio::test]
async fn wrong_and_malformed_tokens_are_401_and_each_good_token_is_accepted() {
    let world = World::new().await;
    let with = async |value: &str| {
        world
            .plain(Method::GET, "/api/v1/extensions", &[("authorization", value)])
            .await
    };
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dGVzdA==",
        TOKEN,
        &format!("Bearer {TOKEN}x"),
        "Bearer TDM_THE-RIGHT-TOKEN",
    ] {
        with(bad).await.is_problem(401, "unauthorized", None);
    }
    let wrong = with("Bearer nope").await;
    assert!(
        wrong.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    assert!(!wrong.text.contains("nope"));
    with(&format!("Bearer {TOKEN}")).await.is(200);
    with("bearer another-good-one").await.is(200);
}

#[tokio::test]
async fn a_removed_token_is_refused_at_once() {
    let world = World::new().await;
    world.get("/calls").await.is(200);
    world.store.remove_token(DOMAIN, "first").await.unwrap();
    world.get("/calls").await.is_problem(401, "unauthorized", None);
}

#[tokio::test]
async fn a_client_that_guesses_has_to_wait_and_a_good_token_does_not() {
    let mut setup = Setup::default();
    setup.limits.access.wrong_tokens = 3;
    setup.limits.access.wrong_token_pause = std::time::Duration::from_secs(3600);
    let world = World::with(setup).await;
    let guess = async |token: &str| {
        world
            .plain(
                Method::GET,
                "/api/v1/calls",
                &[("authorization", &format!("Bearer {token}"))],
            )
            .await
    };
    for _ in 0..3 {
        guess("wrong").await.is_problem(401, "unauthorized", None);
    }
    let limited = guess("wrong").await;
    limited.is_problem(429, "too_many_attempts", None);
    assert!(limited.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    // Somebody else at the same address (a NAT, a proxy) must not lock a good one out.
    for _ in 0..20 {
        guess("wrong").await.is_problem(429, "too_many_attempts", None);
        guess(TOKEN).await.is(200);
    }
    // No token is no guess.
    world
        .plain(Method::GET, "/api/v1/calls", &[])
        .await
        .is_problem(401, "unauthorized", None);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_counts_for_itself() {
    for (trusted_proxies, second) in [(vec!["0.0.0.0/32"], 401), (vec!["10.0.0.0/8"], 429), (vec![], 429)] {
        let mut setup = Setup {
            trusted_proxies,
            ..Setup::default()
        };
        setup.limits.access.wrong_tokens = 1;
        setup.limits.access.wrong_token_pause = std::time::Duration::from_secs(3600);
        let world = World::with(setup).await;
        let guess = async |client: &str| {
            let headers = [("authorization", "Bearer wrong"), ("x-forwarded-for", client)];
            world.plain(Method::GET, "/api/v1/calls", &headers).await
        };
        guess("198.51.100.1").await.is(401);
        guess("203.0.113.7, 198.51.100.2").await.is(second);
        guess("198.51.100.1").await.is(429);
        guess("203.0.113.8, 198.51.100.1").await.is(429);
    }
}

#[tokio::test]
async fn no_other_origin_is_allowed() {
    let world = World::new().await;
    let headers = [
        ("origin", "http://evil.example"),
        ("access-control-request-method", "POST"),
        ("authorization", &format!("Bearer {TOKEN}")),
    ];
    let answer = world.plain(Method::OPTIONS, "/api/v1/extensions", &headers).await;
    answer.is_problem(405, "method_not_allowed", None);
    assert!(
        !answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"))
    );
}
