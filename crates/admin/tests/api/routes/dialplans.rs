use axum::http::Method;
use serde_json::json;

use crate::support::{Answer, Setup, World};

async fn put(world: &World, name: &str, text: &str) -> Answer {
    world
        .call(
            Method::PUT,
            &format!("/dialplans/{name}"),
            Some("text/plain; charset=utf-8"),
            text,
        )
        .await
}

#[tokio::test]
async fn the_list_shows_the_fault_of_files_that_were_changed_by_hand() {
    let world = World::new().await;
    put(&world, "broken", "fn closed() {}").await.is(204);
    assert_eq!(
        world.get("/dialplans").await.is(200).json()["fault"],
        json!({"file": "broken.rhai", "line": 7, "column": 1, "detail": "no such verb"})
    );
}

#[tokio::test]
async fn a_dialplan_is_listed_read_replaced_and_removed() {
    let world = World::new().await;
    assert_eq!(put(&world, "night", "fn closed() {}").await.is(204).text, "");
    let listed = world.get("/dialplans").await.is(200).json();
    assert_eq!(
        listed["items"][1],
        json!({"name": "night", "bytes": 14, "modified_at": null})
    );
    assert!(listed["fault"].is_null());
    for name in ["night", "night.rhai"] {
        let read = world.get(&format!("/dialplans/{name}")).await;
        assert_eq!(read.is(200).text, "fn closed() {}");
        assert_eq!(read.headers["content-type"], "text/plain; charset=utf-8");
    }
    world.delete("/dialplans/night.rhai").await.is(204);
    world.get("/dialplans/night").await.is_problem(404, "not_found", None);
    world
        .delete("/dialplans/night")
        .await
        .is_problem(404, "not_found", None);
    world.delete("/dialplans/main").await.is_problem(409, "refused", None);
}

#[tokio::test]
async fn a_fault_is_422_with_its_place_and_changes_nothing() {
    let world = World::new().await;
    let body = put(&world, "main", "fn x() { fault }")
        .await
        .is_problem(422, "dialplan_fault", None);
    assert_eq!(
        (&body["file"], &body["line"], &body["column"]),
        (&json!("main.rhai"), &json!(1), &json!(10))
    );
    assert_eq!(body["detail"], "this is a fault");
    assert_eq!(world.get("/dialplans/main").await.text, "fn on_call(caller) {}\n");
}

#[tokio::test]
async fn names_are_no_paths_and_bodies_are_text() {
    let world = World::new().await;
    for name in ["..%2fetc", "a.b", "%2e%2e", ".rhai", &"a".repeat(65)] {
        put(&world, name, "").await.is_problem(422, "invalid", Some("name"));
        world
            .get(&format!("/dialplans/{name}"))
            .await
            .is_problem(404, "not_found", None);
        world
            .delete(&format!("/dialplans/{name}"))
            .await
            .is_problem(404, "not_found", None);
    }
    let json = world
        .call(Method::PUT, "/dialplans/main", Some("application/json"), "{}")
        .await;
    json.is_problem(415, "unsupported_media_type", Some("Content-Type"));
    world
        .call(Method::PUT, "/dialplans/main", None, "fn on_call(c) {}")
        .await
        .is(204);
}

#[tokio::test]
async fn a_forgotten_body_does_not_empty_a_dialplan() {
    let world = World::new().await;
    for text in ["", " \n"] {
        put(&world, "main", text).await.is_problem(422, "invalid", Some("body"));
        let bare = world.call(Method::PUT, "/dialplans/main", None, text).await;
        bare.is_problem(422, "invalid", Some("body"));
    }
    assert_eq!(world.get("/dialplans/main").await.text, "fn on_call(caller) {}\n");
}

#[tokio::test]
async fn a_dialplan_has_a_limit_of_its_own() {
    let mut setup = Setup::default();
    (setup.limits.body, setup.limits.dialplan_body) = (16, 64);
    let world = World::with(setup).await;
    put(&world, "main", &"/".repeat(64)).await.is(204);
    put(&world, "main", &"/".repeat(65))
        .await
        .is_problem(413, "too_large", None);
}

#[tokio::test]
async fn errors_of_the_disk_are_not_shown_to_the_client() {
    let world = World::new().await;
    let answer = world.delete("/dialplans/disk").await;
    answer.is_problem(500, "internal", None);
    assert!(!answer.text.contains("secret path"));
}
