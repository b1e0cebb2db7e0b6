use axum::http::Method;
use serde_json::{Value, json};
use switch::{CallUid, Conference, LiveRecording, Member};

use crate::support::{Setup, World, call};

fn member(id: u128, number: &str) -> Member {
    Member {
        id: CallUid(id),
        number: number.to_owned(),
        name: "Alice".to_owned(),
        since: 1_767_602_400_000_000,
        muted: false,
        volume: 0,
        speaking: true,
    }
}

async fn world() -> World {
    let world = World::new().await;
    world.switch.lock().unwrap().conferences = ["all hands/7", "sales"]
        .map(|room| Conference {
            room: room.to_owned(),
            since: 1_767_602_400_000_000,
            recorded: room == "sales",
            members: vec![member(1, "101"), member(2, "102")],
        })
        .into();
    world
}

#[tokio::test]
async fn conferences_are_listed_and_shown() {
    let world = world().await;
    let member = json!({
        "id": format!("{:032x}", 1), "number": "101", "name": "Alice", "since": "2026-01-05T08:40:00Z", "muted": false,
        "volume": 0, "speaking": true
    });
    let list = world.get("/conferences").await.is(200).json();
    assert_eq!(
        (list["items"].as_array().unwrap().len(), &list["next_cursor"]),
        (2, &Value::Null)
    );
    let one = world.get("/conferences/all%20hands%2F7").await.is(200).json();
    assert_eq!(one, list["items"][0]);
    assert_eq!(
        (&one["room"], &one["since"], &one["recorded"]),
        (&json!("all hands/7"), &json!("2026-01-05T08:40:00Z"), &json!(false))
    );
    assert_eq!(one["members"][0], member);
    world.get("/conferences/sale").await.is_problem(404, "not_found", None);
    world.get("/conferences/%ff").await.is_problem(400, "malformed", None);
}

#[tokio::test]
async fn a_member_is_muted_heard_again_and_removed() {
    let world = world().await;
    let path = format!("/conferences/sales/members/{:032x}", 2);
    for muted in [true, false] {
        let body = json!({"muted": muted}).to_string();
        let now = world.patch(&path, &body).await.is(200).json();
        assert_eq!((&now["muted"], &now["number"]), (&json!(muted), &json!("102")));
    }
    for (body, status, code, field) in [
        ("{", 400, "malformed", None),
        ("{}", 422, "invalid", Some("muted")),
        ("{\"muted\":null}", 422, "invalid", Some("muted")),
        ("{\"muted\":\"yes\"}", 422, "invalid", Some("muted")),
        ("{\"muted\":true,\"gain\":3}", 422, "invalid", Some("gain")),
    ] {
        world.patch(&path, body).await.is_problem(status, code, field);
    }
    let kind = Some("text/plain");
    let other = world.call(Method::PATCH, &path, kind, "{\"muted\":true}").await;
    other.is_problem(415, "unsupported_media_type", Some("Content-Type"));
    world.delete(&path).await.is(204);
    for gone in [
        path.as_str(),
        "/conferences/sales/members/2",
        "/conferences/none/members/00000000000000000000000000000001",
    ] {
        world.delete(gone).await.is_problem(404, "not_found", None);
        world
            .patch(gone, "{\"muted\":true}")
            .await
            .is_problem(404, "not_found", None);
    }
    world.get(&path).await.is_problem(405, "method_not_allowed", None);
    let left = world.get("/conferences/sales").await.is(200).json();
    assert_eq!(left["members"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_is_recorded_on_demand() {
    let world = World::new().await;
    world.switch.lock().unwrap().calls.push(call(7, "101", "102"));
    let path = format!("/calls/{:032x}/recording", 7);
    let state = || world.switch.lock().unwrap().calls[0].recording;
    for (action, now) in [
        ("start", LiveRecording::On),
        ("pause", LiveRecording::Paused),
        ("resume", LiveRecording::On),
        ("stop", LiveRecording::Off),
    ] {
        world.post(&path, &json!({"action": action}).to_string()).await.is(204);
        assert_eq!(state(), now);
    }
    world
        .post(&path, "{\"action\":\"pause\"}")
        .await
        .is_problem(409, "conflict", None);
    world.post(&path, "{\"action\":\"start\"}").await.is(204);
    assert_eq!(world.get("/calls").await.json()["items"][0]["recording"], "on");
    world
        .post(&path, "{\"action\":\"begin\"}")
        .await
        .is_problem(422, "invalid", Some("action"));
    world.post(&path, "{}").await.is_problem(422, "invalid", Some("action"));
    world.post(&path, "nope").await.is_problem(400, "malformed", None);
    for unknown in [
        "/calls/7/recording",
        "/calls/00000000000000000000000000000008/recording",
    ] {
        world
            .post(unknown, "{\"action\":\"start\"}")
            .await
            .is_problem(404, "not_found", None);
    }
    world.get(&path).await.is_problem(405, "method_not_allowed", None);
}

#[tokio::test]
async fn without_the_switch_there_is_503() {
    let world = World::with(Setup {
        switch_runs: false,
        ..Setup::default()
    })
    .await;
    let member = format!("/conferences/sales/members/{:032x}", 2);
    world.get("/conferences").await.is_problem(503, "stopping", None);
    world.get("/conferences/sales").await.is_problem(503, "stopping", None);
    world
        .patch(&member, "{\"muted\":true}")
        .await
        .is_problem(503, "stopping", None);
    world.delete(&member).await.is_problem(503, "stopping", None);
    let record = format!("/calls/{:032x}/recording", 7);
    world
        .post(&record, "{\"action\":\"start\"}")
        .await
        .is_problem(503, "stopping", None);
}

#[tokio::test]
async fn the_volume_of_a_member_is_set_within_limits() {
    let world = world().await;
    let path = format!("/conferences/sales/members/{:032x}", 2);
    for volume in [-40, 20, 0] {
        let body = json!({"volume": volume}).to_string();
        assert_eq!(world.patch(&path, &body).await.is(200).json()["volume"], volume);
    }
    let both = world.patch(&path, r#"{"volume":-6,"muted":true}"#).await.is(200).json();
    assert_eq!((&both["volume"], &both["muted"]), (&json!(-6), &json!(true)));
    for (body, field) in [
        (r#"{"volume":-41}"#, "volume"),
        (r#"{"volume":21}"#, "volume"),
        (r#"{"volume":1000}"#, "volume"),
        ("{}", "muted"),
    ] {
        world.patch(&path, body).await.is_problem(422, "invalid", Some(field));
    }
}
