use axum::http::Method;
use serde_json::json;

use crate::support::{Answer, World};

const JSON: (&str, &str) = ("content-type", "application/json");
const TEXT: (&str, &str) = ("content-type", "text/plain");

fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_administrators_cannot_overwrite_each_other_unnoticed() {
    let world = World::new().await;
    let made = world.post("/extensions", r#"{"number":"101","name":"Alice"}"#).await;
    let read = world.get("/extensions/101").await;
    assert_eq!(tag(read.is(200)), tag(made.is(201)));
    let seen = tag(&read);
    let patch = |version: String, body: &'static str| {
        let world = &world;
        async move {
            let headers = [JSON, ("if-match", version.as_str())];
            world
                .with_headers(Method::PATCH, "/extensions/101", &headers, body)
                .await
        }
    };
    let first = patch(seen.clone(), r#"{"forward_busy":"102"}"#).await;
    let now = tag(first.is(200));
    assert_ne!(now, seen);
    world.changes();
    let second = patch(seen.clone(), r#"{"forward_busy":"103"}"#).await;
    second.is_problem(412, "changed", None);
    assert_eq!(tag(&second), now, "which version it is now");
    assert!(world.changes().is_empty(), "the switch is told nothing");
    assert_eq!(world.get("/extensions/101").await.json()["forward_busy"], "102");
    // Who has read what is there may change it; so may who does not ask.
    patch(format!("\"x\", {now}"), r#"{"forward_busy":"103"}"#)
        .await
        .is(200);
    patch("*".to_owned(), r#"{"forward_busy":"104"}"#).await.is(200);
    world.patch("/extensions/101", r#"{"name":"A"}"#).await.is(200);
    // A new password is a change, too, and one that changes nothing else.
    let before = tag(&world.get("/extensions/101").await);
    world
        .patch("/extensions/101", r#"{"password":"correct horse battery"}"#)
        .await
        .is(200);
    assert_ne!(tag(&world.get("/extensions/101").await), before);
    patch("nonsense".to_owned(), "{}")
        .await
        .is_problem(400, "malformed", Some("if-match"));
    let old = [("if-match", seen.as_str())];
    world
        .with_headers(Method::DELETE, "/extensions/101", &old, "")
        .await
        .is_problem(412, "changed", None);
    let current = tag(&world.get("/extensions/101").await);
    let current = [("if-match", current.as_str())];
    world
        .with_headers(Method::DELETE, "/extensions/101", &current, "")
        .await
        .is(204);
    world
        .with_headers(Method::PATCH, "/extensions/101", &[JSON, current[0]], "{}")
        .await
        .is_problem(404, "not_found", None);
}

#[tokio::test]
async fn changes_at_once_from_the_same_version_are_made_once() {
    let world = World::new().await;
    let made = world.post("/extensions", r#"{"number":"101"}"#).await;
    let version = tag(made.is(201));
    let headers = [JSON, ("if-match", version.as_str())];
    let change = || world.with_headers(Method::PATCH, "/extensions/101", &headers, r#"{"dnd":true}"#);
    let (a, b, c) = tokio::join!(change(), change(), change());
    let mut codes = [a.status.as_u16(), b.status.as_u16(), c.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [200, 412, 412]);
}

#[tokio::test]
async fn a_client_that_has_the_present_version_gets_304() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    for path in ["/extensions/101", "/dialplans/main"] {
        let version = tag(world.get(path).await.is(200));
        let again = [("if-none-match", version.as_str())];
        let answer = world.with_headers(Method::GET, path, &again, "").await;
        assert_eq!(
            (answer.is(304).text.as_str(), tag(&answer)),
            ("", version.clone()),
            "{path}"
        );
        let other = [("if-none-match", "\"other\"")];
        world.with_headers(Method::GET, path, &other, "").await.is(200);
    }
}

#[tokio::test]
async fn a_dialplan_is_replaced_only_in_the_version_that_was_read() {
    let world = World::new().await;
    let seen = tag(world.get("/dialplans/main").await.is(200));
    let put = |name: &'static str, condition: (&'static str, String), text: &'static str| {
        let world = &world;
        async move {
            let headers = [TEXT, (condition.0, condition.1.as_str())];
            world
                .with_headers(Method::PUT, &format!("/dialplans/{name}"), &headers, text)
                .await
        }
    };
    let first = put("main", ("if-match", seen.clone()), "fn on_call(c) { 1 }").await;
    let now = tag(first.is(204));
    assert_eq!(tag(&world.get("/dialplans/main").await), now);
    let second = put("main", ("if-match", seen.clone()), "fn on_call(c) { 2 }").await;
    second.is_problem(412, "changed", None);
    assert_eq!(tag(&second), now);
    assert_eq!(world.get("/dialplans/main").await.text, "fn on_call(c) { 1 }");
    // The same text again is the same version: what counts is what is there.
    put("main", ("if-match", now.clone()), "fn on_call(caller) {}\n")
        .await
        .is(204);
    assert_eq!(tag(&world.get("/dialplans/main").await), seen);
    // A file that two make at once is made by one of them.
    let new = || ("if-none-match", "*".to_owned());
    put("night", new(), "1").await.is(204);
    put("night", new(), "2").await.is_problem(412, "changed", None);
    put("gone", ("if-match", now.clone()), "3")
        .await
        .is_problem(412, "changed", None);
    let old = [("if-match", now.as_str())];
    world
        .with_headers(Method::DELETE, "/dialplans/night", &old, "")
        .await
        .is_problem(412, "changed", None);
    world.delete("/dialplans/night").await.is(204);
    let names = world.get("/dialplans").await.json()["items"].clone();
    assert_eq!(names.as_array().unwrap().len(), 1, "{}", json!(names));
}
