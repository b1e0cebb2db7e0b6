//! Who watches what.

use switch::LiveSubscription;

use crate::support::World;

fn lamp(id: u64, watcher: &str, number: &str) -> LiveSubscription {
    LiveSubscription {
        id,
        watcher: watcher.into(),
        number: number.into(),
        package: "dialog".into(),
        event_id: None,
        state: "active".into(),
        contact: "sip:103@127.0.0.1:5062".into(),
        source: "127.0.0.1:5062".into(),
        transport: "udp".into(),
        expires_at: 1_767_602_400_000_000,
        last_answer: Some(200),
        failures: 0,
    }
}

#[tokio::test]
async fn subscriptions_are_listed_in_pages() {
    let world = World::new().await;
    world.switch.lock().unwrap().subscriptions = vec![
        lamp(u64::MAX, "103", "102"),
        lamp(2, "101", "102"),
        lamp(1, "103", "101"),
    ];
    let listed = world.get("/subscriptions").await.is(200).json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&listed), ["2", "1", "18446744073709551615"]);
    let item = &listed["items"][0];
    for (field, value) in [
        ("watcher", "101"),
        ("number", "102"),
        ("package", "dialog"),
        ("state", "active"),
        ("contact", "sip:103@127.0.0.1:5062"),
        ("transport", "udp"),
        ("expires_at", "2026-01-05T08:40:00Z"),
    ] {
        assert_eq!(item[field], value);
    }
    assert!(item["event_id"].is_null() && item["last_answer"] == 200 && item["failures"] == 0);
    let first = world.get("/subscriptions?limit=2").await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("/subscriptions?limit=2&cursor={next}")).await.json();
    assert_eq!((ids(&first).len(), ids(&second).len()), (2, 1));
    assert!(second["next_cursor"].is_null());
    for (query, found) in [("watcher=103", 2), ("number=101", 1), ("package=presence", 0)] {
        let page = world.get(&format!("/subscriptions?{query}")).await.json();
        assert_eq!(ids(&page).len(), found, "{query}");
    }
    world
        .get("/subscriptions?limit=0")
        .await
        .is_problem(422, "invalid", Some("limit"));
    world
        .get("/subscriptions?cursor=00")
        .await
        .is_problem(422, "invalid", Some("cursor"));
}

#[tokio::test]
async fn presence_is_listed_in_the_pages_of_extensions() {
    let world = World::new().await;
    for number in ["101", "102", "103"] {
        let body = format!("{{\"number\": \"{number}\"}}");
        world.post("/extensions", &body).await.is(201);
    }
    let first = world.get("/presence?limit=2").await.is(200).json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("/presence?limit=2&cursor={next}")).await.json();
    assert_eq!(
        (first["items"][1]["number"].as_str(), second["next_cursor"].is_null()),
        (Some("102"), true)
    );
    assert_eq!(
        second["items"],
        serde_json::json!([{
            "number": "103", "state": "dnd", "activities": ["busy"], "notes": ["back at 3"], "publications": 1
        }])
    );
    let found = world.get("/presence?q=102").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    world
        .get("/presence?limit=0")
        .await
        .is_problem(422, "invalid", Some("limit"));
}
