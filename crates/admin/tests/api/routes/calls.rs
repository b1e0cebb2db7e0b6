use serde_json::json;
use switch::CallUid;

use crate::support::{World, call, contact};

#[tokio::test]
async fn calls_in_progress_are_listed_shown_and_ended() {
    let world = World::new().await;
    world.switch.lock().unwrap().calls.push(call(0xabc, "101", "102"));
    let listed = world.get("/calls").await.is(200).json();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(id, format!("{:032x}", 0xabc));
    assert_eq!(listed["items"][0]["started_at"], "2026-01-05T08:40:00Z");
    assert_eq!(listed["items"][0]["state"], "ringing");
    assert_eq!(listed["items"][0]["legs"][0]["codec"], "PCMA");
    assert_eq!(
        world.get(&format!("/calls/{id}")).await.is(200).json(),
        listed["items"][0]
    );
    world.delete(&format!("/calls/{id}")).await.is(204);
    world
        .delete(&format!("/calls/{id}"))
        .await
        .is_problem(404, "not_found", None);
    world
        .get(&format!("/calls/{id}"))
        .await
        .is_problem(404, "not_found", None);
    for id in ["1", "zz", "%00", &"g".repeat(32), &format!("+{}", "0".repeat(31))] {
        world
            .get(&format!("/calls/{id}"))
            .await
            .is_problem(404, "not_found", None);
    }
}

#[tokio::test]
async fn a_call_is_begun_for_an_extension_with_a_phone() {
    let world = World::new().await;
    let begin = async |from: &str| {
        world
            .post("/calls", &json!({"from": from, "to": "102"}).to_string())
            .await
    };
    begin("101").await.is_problem(422, "invalid", Some("from"));
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    begin("101").await.is_problem(409, "no_phone", Some("from"));
    world.switch.lock().unwrap().registrations.push(contact(1, "101"));
    let begun = begin("101").await;
    let id = begun.is(201).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(begun.headers["location"], format!("/api/v1/calls/{id}"));
    assert_eq!(CallUid::parse(&id), Some(CallUid(7)));
    world.switch.lock().unwrap().busy = true;
    let busy = begin("101").await;
    busy.is_problem(503, "busy", None);
    assert!(busy.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn faulty_fields_of_a_call_are_named() {
    let world = World::new().await;
    for (body, field) in [
        (json!({"from": "101"}), "to"),
        (json!({"to": "101"}), "from"),
        (json!({"from": "1 1", "to": "102"}), "from"),
        (json!({"from": "101", "to": "sip:x@y"}), "to"),
        (json!({"from": "101", "to": ["102"]}), "to"),
        (json!({"from": "101", "to": "102", "now": true}), "now"),
    ] {
        world
            .post("/calls", &body.to_string())
            .await
            .is_problem(422, "invalid", Some(field));
    }
}

#[tokio::test]
async fn a_party_is_transferred_unless_it_is_not_there() {
    let world = World::new().await;
    world.switch.lock().unwrap().calls.push(call(0xabc, "101", "102"));
    let path = format!("/calls/{:032x}/transfer", 0xabc);
    let body = |leg: &str, to: &str| json!({"leg": leg, "to": to}).to_string();
    world.post(&path, &body("caller", "103")).await.is(204);
    world
        .post(&path, &body("callee", "103"))
        .await
        .is_problem(409, "conflict", None);
    world
        .post(&format!("/calls/{:032x}/transfer", 1), &body("caller", "103"))
        .await
        .is_problem(404, "not_found", None);
    for (body, field) in [
        (body("caller", "sip:x@y"), "to"),
        (body("both", "103"), "leg"),
        (json!({"leg": "caller"}).to_string(), "to"),
        (json!({"leg": "caller", "to": "103", "now": true}).to_string(), "now"),
    ] {
        world.post(&path, &body).await.is_problem(422, "invalid", Some(field));
    }
}

#[tokio::test]
async fn registrations_are_listed_in_pages_and_removed() {
    let world = World::new().await;
    {
        let mut switch = world.switch.lock().unwrap();
        switch.registrations = vec![contact(u64::MAX, "102"), contact(2, "101"), contact(1, "101")];
    }
    let listed = world.get("/registrations").await.is(200).json();
    let ids: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["1", "2", "18446744073709551615"]);
    assert!(listed["next_cursor"].is_null());
    let item = &listed["items"][0];
    for (field, value) in [
        ("number", "101"),
        ("contact", "sip:101@127.0.0.1:5062"),
        ("source", "127.0.0.1:5062"),
        ("transport", "udp"),
        ("user_agent", "test"),
        ("expires_at", "2026-01-05T08:40:00Z"),
    ] {
        assert_eq!(item[field], value);
    }
    let first = world.get("/registrations?limit=2").await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("/registrations?limit=2&cursor={next}")).await.json();
    assert_eq!(
        (
            first["items"].as_array().unwrap().len(),
            second["items"].as_array().unwrap().len()
        ),
        (2, 1)
    );
    assert!(second["next_cursor"].is_null());
    assert_eq!(
        world.get("/registrations?number=102").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world
        .get("/registrations?limit=0")
        .await
        .is_problem(422, "invalid", Some("limit"));
    world
        .get("/registrations?cursor=20")
        .await
        .is_problem(422, "invalid", Some("cursor"));
    world.delete("/registrations/18446744073709551615").await.is(204);
    world
        .delete("/registrations/18446744073709551615")
        .await
        .is_problem(404, "not_found", None);
    world
        .delete("/registrations/-1")
        .await
        .is_problem(404, "not_found", None);
}
