use axum::{
    body::Body,
    http::{Method, Request},
};

use crate::support::{Setup, TOKEN, World};

#[tokio::test]
async fn a_body_that_is_no_json_is_400() {
    let world = World::new().await;
    world
        .post("/extensions", r#"{"number":"1","password":"topsecret"}"#)
        .await
        .is(201);
    for body in [
        "",
        "{",
        "}",
        "nul",
        "{\"number\":\"2\"",
        "{} x",
        "\u{0}",
        &"[".repeat(1000),
    ] {
        world.post("/extensions", body).await.is_problem(400, "malformed", None);
        world.post("/calls", body).await.is_problem(400, "malformed", None);
        world
            .patch("/extensions/1", body)
            .await
            .is_problem(400, "malformed", None);
    }
    // A cut-off body is not repeated.
    assert!(
        !world
            .post("/extensions", "{\"password\":\"topsecret")
            .await
            .text
            .contains("topsecret")
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_400() {
    let world = World::new().await;
    for (method, path, kind) in [
        (Method::POST, "/extensions", "application/json"),
        (Method::PUT, "/dialplans/x", "text/plain"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("content-type", kind);
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let request = request.body(Body::from(vec![0xff, 0xfe, 0x00])).unwrap();
        world.send(request).await.is_problem(400, "malformed", None);
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_415() {
    let world = World::new().await;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
        Some(""),
    ] {
        let answer = world.call(Method::POST, "/extensions", kind, r#"{"number":"1"}"#).await;
        answer.is_problem(415, "unsupported_media_type", Some("Content-Type"));
    }
    let kind = Some("Application/JSON; charset=utf-8");
    world
        .call(Method::POST, "/extensions", kind, r#"{"number":"1"}"#)
        .await
        .is(201);
}

#[tokio::test]
async fn a_long_body_is_413() {
    let mut setup = Setup::default();
    setup.limits.body = 100;
    let world = World::with(setup).await;
    let body = format!(r#"{{"number":"1","name":"{}"}}"#, "x".repeat(100));
    world
        .post("/extensions", &body)
        .await
        .is_problem(413, "too_large", None);
    world
        .patch("/extensions/1", &body)
        .await
        .is_problem(413, "too_large", None);
    world.post("/calls", &body).await.is_problem(413, "too_large", None);
}

#[tokio::test]
async fn unknown_paths_are_404_and_unknown_methods_405_with_allow() {
    let world = World::new().await;
    for path in [
        "",
        "/",
        "/nothing",
        "/extensions/1/2",
        "/extensions/",
        "/queues",
        "//calls",
    ] {
        world.get(path).await.is_problem(404, "no_such_route", None);
    }
    for path in ["/api", "/api/", "/api/v2/calls", "/nothing.js", "/assets/none.css"] {
        world
            .plain(Method::GET, path, &[])
            .await
            .is_problem(404, "no_such_route", None);
    }
    let answer = world.call(Method::PUT, "/extensions", None, "").await;
    answer.is_problem(405, "method_not_allowed", None);
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let answer = world.plain(Method::POST, "/", &[]).await;
    answer.is_problem(405, "method_not_allowed", None);
    assert_eq!(answer.headers["allow"], "GET, HEAD");
    world
        .plain(Method::DELETE, "/healthz", &[])
        .await
        .is_problem(405, "method_not_allowed", None);
}
