use admin::SwitchRequest;
use axum::http::Method;
use switch::{CallUid, Reply};

use crate::support::{Answer, Setup, World, contact};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(world: &World, path: &str, key: &str, body: &str) -> Answer {
    let headers = [JSON, ("idempotency-key", key)];
    world.with_headers(Method::POST, path, &headers, body).await
}

#[tokio::test]
async fn the_same_request_with_the_same_key_gets_the_answer_that_was_given() {
    let world = World::new().await;
    let body = r#"{"number":"101"}"#;
    let first = post(&world, "/extensions", "k1", body).await;
    let again = post(&world, "/extensions", "\"k1\"", body).await;
    // With the password that was generated, which nobody else is told.
    assert_eq!(
        (first.is(201).text.as_str(), &first.headers["location"]),
        (again.is(201).text.as_str(), &again.headers["location"])
    );
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(world.changes().len(), 2, "made once");
    // Another body, path or type under this key is a mistake.
    for (path, body) in [
        ("/extensions", r#"{"number":"102"}"#),
        ("/calls", body),
        ("/extensions/import", body),
    ] {
        post(&world, path, "k1", body)
            .await
            .is_problem(422, "key_reused", Some("Idempotency-Key"));
    }
    // Without the key, or with another, it is a request of its own.
    world
        .post("/extensions", body)
        .await
        .is_problem(409, "exists", Some("number"));
    let refused = post(&world, "/extensions", "k2", body).await;
    refused.is_problem(409, "exists", Some("number"));
    world.delete("/extensions/101").await.is(204);
    post(&world, "/extensions", "k2", body)
        .await
        .is_problem(409, "exists", Some("number"));
    post(&world, "/extensions", "k3", body).await.is(201);
    post(&world, "/extensions", &"k".repeat(256), body)
        .await
        .is_problem(400, "malformed", Some("Idempotency-Key"));
}

#[tokio::test]
async fn a_key_belongs_to_the_token_that_used_it() {
    let world = World::new().await;
    let body = r#"{"number":"101"}"#;
    post(&world, "/extensions", "k", body).await.is(201);
    let request = axum::http::Request::post("/api/v1/extensions")
        .header("authorization", "Bearer another-good-one")
        .header(JSON.0, JSON.1)
        .header("idempotency-key", "k");
    let other = world.send(request.body(body.into()).unwrap()).await;
    other.is_problem(409, "exists", Some("number"));
}

#[tokio::test]
async fn an_import_is_made_once_and_a_faulty_one_stays_so() {
    let mut setup = Setup::default();
    setup.limits.import_body = 100;
    let world = World::with(setup).await;
    let import = async |key: &str, text: &str| {
        let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
        world
            .with_headers(Method::POST, "/extensions/import", &headers, text)
            .await
    };
    let first = import("k1", "number\n101\n102\n").await;
    let again = import("k1", "number\n101\n102\n").await;
    assert_eq!(first.is(200).text, again.is(200).text);
    import("k1", "number\n103\n")
        .await
        .is_problem(422, "key_reused", Some("Idempotency-Key"));
    import("k2", &"9".repeat(101)).await.is_problem(413, "too_large", None);
}

#[tokio::test]
async fn a_client_that_closes_and_asks_again_makes_no_second_call() {
    let (mut world, state) = World::state(Setup {
        switch_held: true,
        ..Setup::default()
    })
    .await;
    world.router = admin::router(state);
    let mut requests = world.requests.take().unwrap();
    let body = r#"{"from":"101","to":"102"}"#;
    // The client gives up once the switch was asked, and before it has answered.
    let asked = tokio::select! {
        answer = post(&world, "/calls", "k", body) => panic!("{answer:?}"),
        asked = requests.recv() => asked,
    };
    let Some(SwitchRequest::Command { reply, .. }) = asked else {
        panic!("the switch was asked something else")
    };
    post(&world, "/calls", "k", body)
        .await
        .is_problem(409, "in_progress", None);
    reply.send(Ok(Reply::Started(CallUid(7)))).unwrap();
    let again = loop {
        let answer = post(&world, "/calls", "k", body).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again.is(201).json()["id"], format!("{:032x}", 7));
    assert!(requests.try_recv().is_err(), "the switch was asked once");
}

#[tokio::test]
async fn a_request_that_failed_on_our_side_is_tried_again() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    world.switch.lock().unwrap().registrations.push(contact(1, "101"));
    let body = r#"{"from":"101","to":"102"}"#;
    world.switch.lock().unwrap().busy = true;
    post(&world, "/calls", "k", body).await.is_problem(503, "busy", None);
    world.switch.lock().unwrap().busy = false;
    post(&world, "/calls", "k", body).await.is(201);
    post(&world, "/calls", "k", body).await.is(201);
    assert_eq!(world.switch.lock().unwrap().calls.len(), 1);
}
