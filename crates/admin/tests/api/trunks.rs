use serde_json::{Value, json};
use switch::TrunkChange;

use crate::support::{DOMAIN, World};

const ONE: &str =
    r#"{"name":"provider","uri":"sip:provider.example","username":"5550100","password":"hunter2!","register":true}"#;

fn told(world: &World) -> Vec<TrunkChange> {
    world.switch.lock().unwrap().trunks.clone()
}

/// The name and the password of the last change.
fn last(world: &World) -> (String, Option<String>) {
    match told(world).pop() {
        Some(TrunkChange::Put { trunk, password }) => (trunk.name, password.map(|password| password.0)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trunk_is_made_stored_and_told_to_the_switch_before_the_answer() {
    let world = World::new().await;
    let made = world.post("/trunks", ONE).await;
    made.is(201);
    assert_eq!(made.headers["location"], "/api/v1/trunks/provider");
    let body = made.json();
    assert_eq!(
        (&body["state"], &body["last_error"]),
        (&json!("registered"), &Value::Null)
    );
    assert_eq!((&body["has_password"], body.get("password")), (&json!(true), None));
    assert_eq!(last(&world), ("provider".into(), Some("hunter2!".into())));
    // Neither an answer nor the database has the password.
    for path in ["/trunks", "/trunks/provider"] {
        let answer = world.get(path).await;
        answer.is(200);
        assert!(!answer.text.contains("hunter2!"), "{}", answer.text);
    }
    let stored = world.store.trunks(DOMAIN).read("provider").await.unwrap();
    let sealed = stored.password.unwrap();
    assert!(!sealed.windows(8).any(|window| window == b"hunter2!"));
    // Name and URI are enough.
    world
        .post("/trunks", r#"{"name":"gateway","uri":"sip:192.0.2.7"}"#)
        .await
        .is(201);
    assert_eq!(last(&world), ("gateway".into(), None));
    let all = world.get("/trunks").await.json();
    let names: Vec<&str> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["gateway", "provider"]);
    assert_eq!(all["items"][0]["last_error"], "it does not answer");
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let world = World::new().await;
    world.post("/trunks", ONE).await.is(201);
    let patch = r#"{"register":false,"numbers":{"strip":1,"add":"+49"},"limits":{"channels":4}}"#;
    let changed = world.patch("/trunks/provider", patch).await;
    changed.is(200);
    let body = changed.json();
    assert_eq!(
        (&body["register"], &body["username"]),
        (&json!(false), &json!("5550100"))
    );
    assert_eq!(
        body["numbers"],
        json!({"strip": 1, "add": "+49", "caller_id": "", "caller_in": "from"})
    );
    assert_eq!(last(&world).1.as_deref(), Some("hunter2!"), "the password stays");
    let patch = r#"{"numbers":{"add":null},"password":"another1"}"#;
    let body = world.patch("/trunks/provider", patch).await.json();
    assert_eq!(
        (&body["numbers"]["strip"], &body["numbers"]["add"]),
        (&json!(1), &json!(""))
    );
    assert_eq!(last(&world).1.as_deref(), Some("another1"));
    world.patch("/trunks/provider", r#"{"password":null}"#).await.is(200);
    assert_eq!(last(&world).1, None);
    assert_eq!(world.get("/trunks/provider").await.json()["has_password"], false);
}

#[tokio::test]
async fn a_trunk_is_removed() {
    let world = World::new().await;
    world.post("/trunks", ONE).await.is(201);
    world.delete("/trunks/provider").await.is(204);
    assert!(matches!(told(&world).pop(), Some(TrunkChange::Remove(name)) if name == "provider"));
    world.get("/trunks/provider").await.is(404);
    world.delete("/trunks/provider").await.is(404);
    world.patch("/trunks/provider", "{}").await.is(404);
}

#[tokio::test]
async fn a_field_at_fault_is_named_and_nothing_is_changed() {
    let world = World::new().await;
    world.post("/trunks", ONE).await.is(201);
    world.post("/trunks", ONE).await.is(409);
    let before = told(&world).len();
    for (patch, field) in [
        (r#"{"uri":"provider.example"}"#, "uri"),
        (r#"{"uri":"sip:me@provider.example"}"#, "uri"),
        (r#"{"outbound_proxy":"x"}"#, "outbound_proxy"),
        (r#"{"gateways":["sip:a","b"]}"#, "gateways"),
        (r#"{"username":null}"#, "username"),
        (r#"{"username":"a b"}"#, "username"),
        (r#"{"password":""}"#, "password"),
        (r#"{"password":7}"#, "password"),
        (r#"{"expires":5}"#, "expires"),
        (r#"{"options_interval":1}"#, "options_interval"),
        (r#"{"name":"other"}"#, "name"),
        (r#"{"nmae":"other"}"#, "nmae"),
        (r#"{"numbers":{"strp":1}}"#, "numbers.strp"),
        (r#"{"numbers":{"strip":-1}}"#, "numbers.strip"),
        (r#"{"numbers":{"caller_in":"to"}}"#, "numbers.caller_in"),
        (r#"{"inbound":{"addresses":["x"]}}"#, "inbound.addresses[0]"),
        (r#"{"register":"yes"}"#, "register"),
    ] {
        let answer = world.patch("/trunks/provider", patch).await;
        answer.is(422);
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    }
    world.post("/trunks", r#"{"name":"a/b","uri":"sip:a"}"#).await.is(422);
    world.post("/trunks", r#"{"name":"a"}"#).await.is(422);
    world.post("/trunks", "[]").await.is(422);
    assert_eq!(told(&world).len(), before);
}
