//! What an extension wants done with its calls, its PIN, and what it changes of that itself.

use serde_json::{Value, json};
use switch::AccountChange;

use crate::support::World;

#[tokio::test]
async fn what_an_extension_wants_done_with_its_calls_is_set_and_cleared() {
    let world = World::new().await;
    let made = world
        .post("/extensions", r#"{"number":"101","call_limit":2,"music":"jazz"}"#)
        .await
        .is(201)
        .json();
    assert_eq!(
        (&made["call_limit"], &made["music"], &made["intercom"]),
        (&json!(2), &json!("jazz"), &json!(true))
    );
    assert_eq!(
        (&made["no_answer_seconds"], &made["hide_number"]),
        (&Value::Null, &json!(false))
    );
    world.changes();
    let all = json!({
        "forward_unreachable": "103", "no_answer_seconds": 20, "call_limit": 3, "pickup_group": "sales",
        "music": "blues", "reject_anonymous": true, "hide_number": true, "intercom": false
    });
    let body = world.patch("/extensions/101", &all.to_string()).await.is(200).json();
    for (field, value) in all.as_object().unwrap() {
        assert_eq!(body[field], *value, "{field}");
    }
    assert!(matches!(&world.changes()[0], AccountChange::Extension(e)
        if e.rules.call_limit == Some(3) && e.forward_unreachable.as_deref() == Some("103") && !e.rules.intercom));
    let nothing: Value = all
        .as_object()
        .unwrap()
        .keys()
        .map(|field| (field.clone(), Value::Null))
        .collect();
    let body = world
        .patch("/extensions/101", &nothing.to_string())
        .await
        .is(200)
        .json();
    for field in [
        "forward_unreachable",
        "no_answer_seconds",
        "call_limit",
        "pickup_group",
        "music",
    ] {
        assert_eq!(body[field], Value::Null, "{field}");
    }
    assert_eq!(
        (&body["reject_anonymous"], &body["hide_number"], &body["intercom"]),
        (&json!(false), &json!(false), &json!(true))
    );
    for (bad, field) in [
        (r#"{"call_limit":0}"#, "call_limit"),
        (r#"{"call_limit":"2"}"#, "call_limit"),
        (r#"{"no_answer_seconds":4}"#, "no_answer_seconds"),
        (r#"{"no_answer_seconds":301}"#, "no_answer_seconds"),
        (r#"{"pickup_group":"a b"}"#, "pickup_group"),
        (r#"{"music":"../../etc/passwd"}"#, "music"),
        (r#"{"forward_unreachable":"no where"}"#, "forward_unreachable"),
        (r#"{"intercom":1}"#, "intercom"),
    ] {
        world
            .patch("/extensions/101", bad)
            .await
            .is_problem(422, "invalid", Some(field));
    }
}

#[tokio::test]
async fn a_pin_is_checked_and_wrong_ones_are_limited() {
    let world = World::new().await;
    for number in ["101", "105"] {
        let made = world
            .post("/extensions", &json!({ "number": number }).to_string())
            .await;
        assert_eq!(made.is(201).json()["has_pin"], false);
    }
    for bad in [
        json!("123"),
        json!("12a4"),
        json!("1111"),
        json!(""),
        json!("12345678901234567"),
        json!(2580),
    ] {
        world
            .patch("/extensions/105", &json!({ "pin": bad }).to_string())
            .await
            .is_problem(422, "invalid", Some("pin"));
    }
    let log_on = |number: &str, pin: &str| world.accounts.log_on("101".into(), Some((number.into(), pin.into())));
    assert!(!log_on("105", "2580").await, "it has no PIN");
    let answer = world.patch("/extensions/105", r#"{"pin":"2580"}"#).await;
    assert_eq!(answer.is(200).json()["has_pin"], true);
    assert!(!answer.text.contains("2580"));
    world.changes();
    assert!(!log_on("105", "2581").await);
    assert!(log_on("105", "2580").await, "one wrong PIN locks nobody out");
    let told = |extension: Option<&str>| AccountChange::LogOn {
        username: "101".into(),
        extension: extension.map(str::to_owned),
    };
    assert_eq!(world.changes(), [told(Some("105"))]);
    assert!(world.accounts.log_on("101".into(), None).await);
    assert_eq!(world.changes(), [told(None)]);
    for _ in 0..5 {
        assert!(!log_on("105", "0000").await);
    }
    assert!(!log_on("105", "2580").await, "too many wrong PINs");
    assert!(!log_on("999", "2580").await, "no such extension");
    world.patch("/extensions/101", r#"{"pin":"1470"}"#).await.is(200);
    world.changes();
    // At one's own phone there is nothing to log on to.
    assert!(log_on("101", "1470").await);
    assert_eq!(world.changes(), [told(None)]);
    world.patch("/extensions/105", r#"{"pin":null}"#).await.is(200);
    assert_eq!(world.get("/extensions/105").await.json()["has_pin"], false);
}

#[tokio::test]
async fn the_settings_that_an_extension_changes_itself_are_stored_and_told() {
    let world = World::new().await;
    world.post("/extensions", r#"{"number":"101"}"#).await.is(201);
    world.changes();
    let dnd = records::SettingsPatch {
        dnd: Some(true),
        ..records::SettingsPatch::default()
    };
    assert!(world.accounts.change_own("101".into(), dnd.clone()).await);
    assert!(matches!(&world.changes()[0], AccountChange::Extension(e) if e.dnd));
    assert_eq!(world.get("/extensions/101").await.json()["dnd"], true);
    assert!(!world.accounts.change_own("999".into(), dnd).await);
}
