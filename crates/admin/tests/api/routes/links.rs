use std::time::Duration;

use axum::http::{Method, header};
use serde_json::json;

use super::recordings::{keep, recording};
use crate::support::{Setup, World};

#[tokio::test]
async fn a_link_needs_no_token_and_opens_one_recording_for_reading() {
    let world = World::new().await;
    keep(&world, &[recording(0), recording(1)], b"0123456789").await;
    let path = format!("/recordings/{:016x}/link", 0);
    world
        .plain(Method::POST, &format!("/api/v1{path}"), &[])
        .await
        .is_problem(401, "unauthorized", None);
    let made = world.post(&path, "").await.is(201).json();
    let url = made["url"].as_str().unwrap();
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));
    let heard = world.plain(Method::GET, url, &[("range", "bytes=1-3")]).await;
    assert_eq!(heard.is(206).text, "123");
    let head = world.plain(Method::HEAD, url, &[]).await;
    assert_eq!(head.is(200).headers[header::CONTENT_LENGTH], "10");
    let other = url.replace(&format!("{:016x}", 0), &format!("{:016x}", 1));
    let removed = url.replace("/audio", "");
    for (method, url) in [
        (Method::GET, other.as_str()),
        (Method::GET, &format!("{url}0")),
        (Method::GET, &url.replace("ticket=", "tickets=")),
        (Method::POST, url),
        (Method::DELETE, &removed),
        (Method::GET, &removed),
    ] {
        let refused = world.plain(method, url, &[]).await;
        refused.is_problem(401, "unauthorized", None);
    }
}

#[tokio::test]
async fn a_link_expires() {
    let mut setup = Setup::default();
    setup.limits.access.link_time = Duration::ZERO;
    let world = World::with(setup).await;
    keep(&world, &[recording(0)], b"0123456789").await;
    let made = world
        .post(&format!("/recordings/{:016x}/link", 0), "")
        .await
        .is(201)
        .json();
    let refused = world.plain(Method::GET, made["url"].as_str().unwrap(), &[]).await;
    assert_eq!(
        refused.is_problem(401, "unauthorized", None)["code"],
        json!("unauthorized")
    );
}
